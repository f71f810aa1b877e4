"""Limits and rights, as an operator changes them under a running server."""

import json

import pytest
import requests

from apus import HONOURED_SECONDS, App, error_code, eventually, refusal, succeed

RATE = ("X-Rate-Limit-Limit", "X-Rate-Limit-Quota", "X-Rate-Limit-Remaining", "X-Rate-Limit-Reset")
REPORT = "/v3/received?msg_ids=9000000000000001"


def rate(answer):
    return [int(answer.headers[name]) for name in RATE]


class TestRateLimit:
    def test_headers_are_on_successes_and_refusals(self, app, device):
        first = rate(app.try_push())
        limit, quota, remaining, reset = first
        assert limit == quota == 600
        assert 0 <= remaining < 600
        assert 0 < reset <= 60
        assert rate(app.try_push(audience={"tag": ["nosuch"]}))[2] == remaining - 1
        assert rate(app.try_push(x=1))[2] == remaining - 2
        assert rate(app.get(REPORT))[0] == 2400

    def test_over_the_limit_the_caller_is_told_how_long_to_wait(self, shared_server):
        app = shared_server.app()
        shared_server.update(app, "--limit", "push_per_minute=3")

        def refused():
            answer = app.get("/v3/push/cid")
            return answer if answer.status_code == 429 else None

        answer = eventually(refused, HONOURED_SECONDS, "the changed limit is honoured")
        assert refusal(answer) == (429, 2002)
        assert answer.json()["error"]["message"] == "Rate limit exceeded"
        limit, quota, remaining, reset = rate(answer)
        assert (limit, quota, remaining) == (3, 3, 0)
        assert answer.headers["Retry-After"] == str(reset)
        assert 0 < reset <= 60
        # The report family has a bucket of its own.
        assert app.get(REPORT).status_code == 200

    def test_broadcasts_of_the_day(self, shared_server, devices):
        app = shared_server.app("one broadcast", "--limit", "broadcasts_per_day=1")
        device = devices(shared_server).register(app, tags=["a"])
        app.push()
        answer = app.try_push()
        assert refusal(answer) == (429, 2008)
        assert 0 < int(answer.headers["Retry-After"]) <= 86_400
        app.push(audience={"tag": ["a"]})
        assert len(device.pushes(2)) == 2
        assert device.quiet()


class TestLists:
    def test_blacklist(self, shared_server):
        app = shared_server.app()
        shared_server.update(app, "--block")
        answer = eventually(
            lambda: (answer := app.get(REPORT)).status_code == 403 and answer, HONOURED_SECONDS, "the app is blocked"
        )
        assert answer.json() == {"error": {"code": 2003, "message": "The appKey is in black list."}}
        assert refusal(app.get("/v3/push/cid")) == (403, 2003)
        shared_server.update(app, "--unblock")
        eventually(lambda: app.get(REPORT).status_code == 200, HONOURED_SECONDS, "the app is served again")

    def test_addresses(self, shared_server):
        app = shared_server.app()
        shared_server.update(app, "--allow-ip", "10.0.0.0/8")
        answer = eventually(
            lambda: (answer := app.get("/v3/push/cid")).status_code == 403 and answer,
            HONOURED_SECONDS,
            "the list is honoured",
        )
        assert error_code(answer) == 2004
        # Nobody may talk a server into another source address.
        assert refusal(app.get("/v3/push/cid", headers={"X-Forwarded-For": "10.1.2.3"})) == (403, 2004)

    def test_forwarded_address_of_a_trusted_proxy(self, start):
        server = start("proxied", "--trust-proxy", "127.0.0.0/8")
        app = server.app()
        server.update(app, "--allow-ip", "10.0.0.0/8")
        eventually(lambda: app.get("/v3/push/cid").status_code == 403, HONOURED_SECONDS, "the list is honoured")
        assert app.get("/v3/push/cid", headers={"X-Forwarded-For": "10.1.2.3"}).status_code == 200
        assert refusal(app.get("/v3/push/cid", headers={"X-Forwarded-For": "11.1.2.3"})) == (403, 2004)

    def test_endpoints_for_vip_accounts(self, shared_server):
        app = shared_server.app()
        shared_server.update(app, "--vip", "off")
        path = "/v3/messages?msg_ids=9000000000000001"
        answer = eventually(
            lambda: (answer := app.get(path)).status_code == 403 and answer, HONOURED_SECONDS, "vip is off"
        )
        assert error_code(answer) == 2003
        assert app.get(REPORT).status_code == 200


class TestKeys:
    def test_changed_secret(self, shared_server):
        app = shared_server.app()
        changed = json.loads(succeed("app", "rotate-secret", app.key, "--data", shared_server.data, "--json"))
        fresh = App(shared_server, app.key, changed["master_secret"])
        assert fresh.secret != app.secret
        assert len(fresh.secret) == 24
        eventually(lambda: fresh.get("/v3/push/cid").status_code == 200, HONOURED_SECONDS, "the new secret works")
        answer = app.get("/v3/push/cid")
        assert refusal(answer) == (401, 1004)
        assert answer.headers["WWW-Authenticate"].startswith("Basic")

    def test_deleted_app(self, shared_server, devices):
        app, other = shared_server.app("deleted"), shared_server.app("kept")
        device = devices(shared_server).register(app)
        bystander = devices(shared_server).register(other)
        succeed("app", "delete", app.key, "--data", shared_server.data)
        answer = eventually(
            lambda: (answer := app.get("/v3/push/cid")).status_code == 400 and answer,
            HONOURED_SECONDS,
            "the app is gone",
        )
        assert error_code(answer) == 1008
        assert device.close_code() == 4004
        assert device.next("bye")["reason"] == "deleted"
        assert other.push() == bystander.push()["msg_id"]


class TestTransport:
    """What the twelve codes have in common: whatever goes wrong, the answer is one JSON error."""

    @pytest.mark.parametrize(
        ("method", "path", "expected"),
        [
            ("GET", "/nothing", (404, 404)),
            ("POST", "/v2/push", (410, 410)),
            ("PATCH", "/v3/push", (405, 1001)),
            ("DELETE", "/v3/messages", (405, 405)),
            ("POST", "/v3/push", (401, 1004)),
            ("GET", REPORT, (401, 3001)),
        ],
    )
    def test_refusals_without_credentials(self, shared_server, method, path, expected):
        answer = requests.request(method, shared_server.api + path, timeout=15)
        assert refusal(answer) == expected
        assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
        assert int(answer.headers["Content-Length"]) == len(answer.content)
