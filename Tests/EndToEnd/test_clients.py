"""What public clients need of a server, row by row: requests as they write them, over every endpoint."""

import functools
import json
import re

import pytest
import requests

import apus
from endpoints import ENDPOINTS, HIT, check
from wire import CLIENTS, authorization, connect, send, written

JSON = re.compile(r"application/json(;|$)")
PLAIN = re.compile(r"0|[1-9][0-9]*")
KEY = re.compile(r"[0-9a-zA-Z]{24}")
# A read of this size takes a whole answer if the server wrote it whole.
SMALL_BYTES = 16384


def named(endpoints):
    return pytest.mark.parametrize("endpoint", endpoints, ids=lambda endpoint: endpoint.name)


every_endpoint = named(ENDPOINTS)
reading = [endpoint for endpoint in ENDPOINTS if endpoint.body is not None]
every_pair = pytest.mark.parametrize(
    ("endpoint", "client"),
    [
        pytest.param(endpoint, client, id=f"{endpoint.name} {client}")
        for endpoint in ENDPOINTS
        for client in CLIENTS
        # A client that uploads nothing has no way to write a form.
        if endpoint.form is None or CLIENTS[client].form
    ],
)


def written_by(endpoint, client=None):
    """The client that writes a call of this endpoint: one that has forms, where it takes one."""
    return client or ("old Java" if endpoint.form else "Python")


def ask(world, call, client, path=None, **more):
    return send(
        world.server.api, CLIENTS[client], call.method, path or call.path,
        **{"auth": call.auth, "body": call.body, "form": call.form, **more},
    )


@functools.cache
def answered(world, endpoint, client):
    """The answer of an endpoint to a client's working call, asked for once for all rows."""
    answer = ask(world, world.call(endpoint), client)
    if answer.status == 200 and answer.body:
        world.done(answer.json())
    return answer


# 1 to 3: success and failure


@every_pair
def test_row_1_success_is_exactly_200(world, endpoint, client):
    answer = answered(world, endpoint, client)
    assert answer.status == 200, answer.body


@every_pair
def test_row_2_every_success_has_a_json_body(world, endpoint, client):
    answer = answered(world, endpoint, client)
    assert JSON.match(answer.header("Content-Type"))
    assert isinstance(answer.json(), (dict, list))
    assert answer.header("Content-Encoding") is None


def refusals(world, endpoint):
    """What can go wrong with any call of an endpoint, by name: the statuses that say so, and the answer."""
    call, client = world.call(endpoint), written_by(endpoint)
    wrong = functools.partial(ask, world, call, client)
    key, _ = call.auth
    yield "no credentials", {401}, wrong(auth=None)
    yield "another scheme", {401}, wrong(changed={"Authorization": "Bearer x"})
    yield "no Base64", {401}, wrong(changed={"Authorization": "Basic %%%"})
    yield "no colon", {401}, wrong(changed={"Authorization": authorization(["nocolon"])})
    yield "wrong secret", {401}, wrong(auth=(key, "0" * 24))
    yield "unknown key", {400, 401}, wrong(auth=("0" * 24, "0" * 24))
    yield "no JSON wanted", {404}, wrong(changed={"Accept": "text/html"})
    yield "no such path", {404}, wrong(path="/v3/nosuch" + call.path)
    yield "retired", {410}, wrong(path="/v2" + call.path[3:])
    for method in ("PATCH", "OPTIONS"):
        yield method, {405}, send(world.server.api, CLIENTS[client], method, call.path, call.auth)
    if endpoint.form:
        yield "no form", {404}, wrong(form=None, body={})
        yield "nothing in it", {400}, wrong(form=[("x", None, b"")])
    elif endpoint.body:
        for name, body in (("nothing", b""), ("no JSON", b"{"), ("null", b"null"), ("a list", b"[1]"), ("a text", b'"x"')):
            yield name, {400}, wrong(body=body)


@every_endpoint
def test_row_3_every_error_has_a_code_and_a_message(world, endpoint):
    for name, statuses, answer in refusals(world, endpoint):
        assert answer.status in statuses, (name, answer.status, answer.body)
        assert JSON.match(answer.header("Content-Type")), name
        assert answer.header("Content-Length") == str(len(answer.body)) and answer.first.endswith(answer.body), name
        body = answer.json()
        # Not even a msg_id beside it: two clients take that for success.
        assert set(body) == {"error"}, (name, body)
        assert type(body["error"]["code"]) is int and body["error"]["code"] > 0, (name, body)
        assert isinstance(body["error"]["message"], str) and body["error"]["message"], (name, body)


def test_row_3_errors_of_limits_and_of_what_is_unknown(world, start):
    limited = start("limited", "--limit", "push_per_minute=1").app("limited")
    seen = {}
    for name, answer in {
        "rate": limited.get("/v3/push/cid"),
        "no device": world.server.app().try_push(),
        "schedule": world.app.get("/v3/schedules/00000000-0000-0000-0000-000000000000"),
        "file": world.app.get("/v3/files/nosuch"),
        "device": world.app.get("/v3/devices/nosuch"),
        "message": world.app.request("DELETE", "/v3/push/1"),
        "size": world.app.request("POST", "/v3/push", data=b"x" * (2 << 20)),
        "root": requests.get(world.server.api + "/", timeout=apus.REQUEST_SECONDS),
    }.items():
        seen[name] = apus.refusal(answer)
    assert seen == {
        "rate": (429, 2002), "no device": (400, 1011), "schedule": (404, 8104), "file": (404, 404),
        "device": (404, 7002), "message": (404, 1003), "size": (400, 1005), "root": (404, 404),
    }


# 4 to 6: the keys of answers


@every_endpoint
def test_rows_4_to_6_answers_have_these_keys_and_no_others(world, endpoint):
    check(answered(world, endpoint, written_by(endpoint)).json(), world.shape(endpoint))


@pytest.mark.parametrize("path", ["/v3/push", "/v3/push/validate", "/v3/push/file"])
@pytest.mark.parametrize("sendno", [None, 1, 18, "18", 2**31 - 1])
def test_row_4_a_push_is_answered_with_two_texts(world, path, sendno):
    audience = {"file": {"file_id": world.file_id()}} if path.endswith("file") else "all"
    body = {**HIT, "audience": audience, "options": {"sendno": sendno}, "cid": "r4" + world.number()}
    first, again = (world.app.request("POST", path, json=body).json() for _ in range(2))
    for answer in (first, again):
        check(answer, {"msg_id": str, "sendno": str})
        assert answer["sendno"] == str(sendno or 0)
    assert (first == again) == (path != "/v3/push/validate")


@pytest.mark.parametrize(
    ("count", "path"),
    [
        (3, "/v3/devices/{rid}"),
        (1, "/v3/aliases/alice"),
        (1, "/v3/aliases/nosuch"),
        (1, "/v3/tags"),
        (4, "/v3/schedules"),
        (4, "/v3/schedules?page=99"),
        (4, "/v3/users?time_unit=HOUR&start={today}+04&duration=24"),
        (4, "/v3/users?time_unit=DAY&start={today}&duration=2"),
        (4, "/v3/users?time_unit=MONTH&start={month}&duration=9"),
        (4, "/v3/messages?msg_ids={msg_id}"),
        (4, "/v3/messages?msg_ids=9000000000000001"),
        (8, "/v3/messages/detail?msg_ids={msg_id}"),
        (8, "/v3/messages/detail?msg_ids=9000000000000001"),
    ],
)
def test_row_6_test_suites_count_keys(world, count, path):
    today = world.today()
    path = path.format(rid=world.rid(), today=today, month=today[:7], msg_id=world.msg_id())
    answer = world.app.get(path)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert len(body[0] if isinstance(body, list) else body) == count


# 7 to 10: how requests and answers are written


@every_pair
def test_row_7_answers_come_in_one_piece_with_their_length(world, endpoint, client):
    answer = answered(world, endpoint, client)
    assert answer.header("Content-Length") == str(len(answer.body))
    assert answer.header("Transfer-Encoding") is None
    if len(answer.body) < SMALL_BYTES:
        assert answer.first.endswith(b"\r\n\r\n" + answer.body)


@named(reading)
@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "application/json",
        "application/json;charset:utf-8",
        "application/x-www-form-urlencoded",
        "text/plain; charset=utf-8",
        "text/xml",
        "multipart/form-data",
        "nonsense",
    ],
)
def test_row_8_any_content_type_is_read_as_json(world, endpoint, content_type):
    answer = ask(world, world.call(endpoint), "Python", changed={"Content-Type": content_type})
    assert answer.status == 200, answer.body


@named([endpoint for endpoint in ENDPOINTS if endpoint.body is not None or endpoint.form])
@pytest.mark.parametrize("pieces", [1, 7])
def test_row_8_chunks_may_be_cut_anywhere(world, endpoint, pieces):
    answer = ask(world, world.call(endpoint), written_by(endpoint), pieces=pieces)
    assert answer.status == 200, answer.body
    world.done(answer.json())


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_row_8_bodies_nobody_needs_are_ignored(world, method):
    for endpoint in ENDPOINTS:
        if endpoint.method == method and endpoint.body is None:
            for body in (b"null", b"{", b"[]"):
                answer = ask(world, world.call(endpoint), "Go", body=body)
                assert answer.status == 200, (endpoint.name, answer.body)


def test_row_8_an_expectation_is_met_before_the_body_comes(world):
    headers = {"Authorization": authorization(world.auths["app"]), "Expect": "100-continue"}
    body = json.dumps({**HIT, "notification": {"alert": "x", "android": {"extras": {"k": "x"}}}}).encode()
    with connect(world.server.api) as connection:
        head = written(world.server.api, "POST /v3/push HTTP/1.1", {**headers, "Content-Length": str(len(body))})
        connection.sendall(head)
        assert connection.recv(1 << 16).startswith(b"HTTP/1.1 100 ")
        connection.sendall(body)
        assert connection.recv(1 << 16).startswith(b"HTTP/1.1 200 ")


@every_endpoint
@pytest.mark.parametrize("twisted", ["trailing", "doubled", "both", "Beijing"])
def test_row_9_slashes_may_repeat_and_trail(world, endpoint, twisted):
    call = world.call(endpoint)
    path, mark, query = call.path.partition("?")
    if twisted == "Beijing":
        path = beijing(path)
    if twisted in ("doubled", "both"):
        path = path.replace("/", "//")
    if twisted in ("trailing", "both"):
        path += "/"
    answer = ask(world, call, written_by(endpoint), path + mark + query)
    assert answer.status == 200, (path, answer.body)
    check(answer.json(), world.shape(endpoint))
    world.done(answer.json())


def beijing(path):
    """The same path at the one host of the Beijing zone."""
    first, rest = path.removeprefix("/v3/").partition("/")[::2]
    below = f"/{rest}" if rest else ""
    if not path.startswith("/v3/"):
        return path
    if first in ("received", "status", "messages", "users", "group"):
        return f"/v3/report/{first}{below}"
    if first in ("tags", "aliases"):
        return f"/v3/device/{first}{below}"
    return {"devices": f"/v3/device{below}", "schedules": f"/v3/push/schedules{below}"}.get(first, path)


OPTIONAL = {
    "/v3/push/cid": ("count", "type"),
    "/v3/schedules": ("page",),
    "/v3/aliases/alice": ("platform", "new_format"),
    "/v3/push_plan/list": ("page", "page_size", "info", "send_source"),
    "/v3/test/model/list": ("page", "page_size", "device_name", "registration_id"),
}


@pytest.mark.parametrize("path", OPTIONAL)
def test_row_10_optional_parameters_may_be_missing_empty_or_bare(world, path):
    names = OPTIONAL[path]
    bare = world.app.get(path)
    assert bare.status_code == 200, bare.text
    for query in ("?", "?" + "&".join(names), "?" + "&".join(name + "=" for name in names), "?unknown=1"):
        answer = send(world.server.api, CLIENTS["Ruby"], "GET", path + query, world.auths["app"])
        assert answer.status == 200, (query, answer.body)
        assert set(answer.json()) == set(bare.json())
    for place in ("/v3/aliases/nosuch/", "/v3/tags/nosuch?platform", "/v3/tags//nosuch"):
        assert world.app.request("DELETE", place).json() == {}


def test_row_10_what_is_required_is_told(world):
    for path in ("received", "received/detail", "messages", "messages/detail", "users"):
        assert apus.refusal(world.app.get(f"/v3/{path}")) == (400, 3002)


# 11 to 13: numbers and keys


@every_endpoint
def test_row_11_rate_limit_headers_come_together(world, endpoint):
    wrong_body = {"form": None, "body": {}} if endpoint.form else {"body": b"{"}
    refused = ask(world, world.call(endpoint), written_by(endpoint), **wrong_body)
    for answer in (answered(world, endpoint, written_by(endpoint)), refused):
        values = {name: answer.header(f"X-Rate-Limit-{name}") for name in ("Limit", "Quota", "Remaining", "Reset")}
        assert all(PLAIN.fullmatch(value or "") for value in values.values()), (answer.status, values)
        assert values["Limit"] == values["Quota"] == values["Remaining"] == str(2**31 - 1)


@pytest.mark.parametrize(
    ("limit", "path"),
    [
        (600, "/v3/push/cid"), (2400, "/v3/received?msg_ids=1"), (600, "/v3/tags"), (100, "/v3/schedules"),
        (20, "/v3/files"),
    ],
)
def test_row_11_rate_limit_headers_count(app, limit, path):
    names = ("Limit", "Remaining", "Reset")
    before, after = (
        {name: int(headers[f"X-Rate-Limit-{name}"]) for name in names}
        for headers in [app.get(path).headers, app.get(path).headers]
    )
    assert before["Limit"] == after["Limit"] == limit
    assert after["Remaining"] == before["Remaining"] - 1
    assert 0 < after["Reset"] <= before["Reset"] <= 60


@pytest.mark.parametrize("count", [1, 2, 999, 1000])
@pytest.mark.parametrize("kind", ["push", "schedule"])
def test_row_12_as_many_cids_as_were_asked_for(world, count, kind):
    for client in CLIENTS.values():
        answer = send(world.server.api, client, "GET", f"/v3/push/cid?count={count}&type={kind}", world.auths["app"])
        cids = answer.json()["cidlist"]
        assert len(cids) == len(set(cids)) == count
        assert all(cid.startswith(world.app.key + "-") for cid in cids)


def test_row_12_one_cid_for_a_client_that_loses_its_query(world):
    answer = send(world.server.api, CLIENTS["Node"], "GET", "/v3/push/cid", world.auths["app"])
    assert len(answer.json()["cidlist"]) == 1


def test_row_13_keys_and_secrets_are_24_letters_and_digits(world):
    for who, (key, secret) in world.auths.items():
        assert KEY.fullmatch(key.removeprefix("group-")) and KEY.fullmatch(secret), who
    (creation,) = (endpoint for endpoint in ENDPOINTS if endpoint.name == "POST /v1/app")
    app = answered(world, creation, "Python").json()
    assert KEY.fullmatch(app["app_key"]) and KEY.fullmatch(app["master_secret"])
    rotated = json.loads(apus.succeed("app", "rotate-secret", app["app_key"], "--data", world.server.data, "--json"))
    assert KEY.fullmatch(rotated["master_secret"])
