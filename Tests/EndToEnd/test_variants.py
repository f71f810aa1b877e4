"""Batches, push plans, templates, saved audiences and user statistics, as the official client and operators use them."""

import datetime
import json

import jpush
import pytest

from apus import refusal, run, succeed

UTC8 = datetime.timezone(datetime.timedelta(hours=8))


@pytest.fixture
def people(app, devices):
    """Two devices of the fresh app: alice's on android, bob's on ios."""
    return {
        name: devices(app.server).register(app, platform, alias=name)
        for name, platform in (("alice", "android"), ("bob", "ios"))
    }


def item(target, alert="hi", **more):
    return {"platform": "all", "target": target, "notification": {"alert": alert}, **more}


def save(app, noun, name, *options):
    """Saves something under a name on the running server's store, and returns what the command printed."""
    return json.loads(succeed(noun, "create", name, "--app", app.key, "--data", app.server.data, "--json", *options))


class TestBatch:
    def test_by_registration_id(self, app, people):
        push = app.client().create_push()
        items = [item(device.registration_id, name) for name, device in people.items()]
        answer = push.batch_push_by_regid(items)
        assert answer.get_status_code() == 200
        assert len(answer.payload) == 2
        ids = {entry["msg_id"] for entry in answer.payload.values()}
        assert {device.push()["msg_id"] for device in people.values()} == ids
        assert all(device.quiet() for device in people.values())

    def test_by_alias(self, app, people):
        answer = app.client().create_push().batch_push_by_alias([item("alice", "one"), item("nosuch"), item("bob", "two")])
        entries = list(answer.payload.values())
        assert [sorted(entry) for entry in entries] == [["msg_id"], ["error"], ["msg_id"]]
        assert entries[1]["error"]["code"] == 1011
        assert people["alice"].alerts(1) == ["one"]
        assert people["bob"].alerts(1) == ["two"]

    def test_of_a_thousand_is_accepted_and_delivered(self, app, people):
        answer = app.client().create_push().batch_push_by_alias([item("alice", str(n)) for n in range(1000)])
        assert len(answer.payload) == 1000
        assert people["alice"].alerts(1000) == [str(n) for n in range(1000)]

    def test_that_nobody_takes_is_a_failure(self, app, people):
        with pytest.raises(jpush.JPushFailure) as failure:
            app.client().create_push().batch_push_by_alias([item("nosuch")])
        assert (failure.value.response.status_code, failure.value.error_code) == (400, 1011)

    def test_is_answered_again_after_a_crash(self, own_server, devices):
        app = own_server.app()
        device = devices(own_server).register(app, alias="alice")
        device.drop()
        body = {"pushlist": {f"c{n}": item("alice", str(n)) for n in range(20)}}
        first = app.request("POST", "/v3/push/batch/alias/single", json=body)
        assert first.status_code == 200
        own_server.kill()
        own_server.start()
        again = app.request("POST", "/v3/push/batch/alias/single", json=body)
        assert (again.status_code, again.json()) == (200, first.json())
        assert device.login() == 20


class TestUsers:
    @pytest.mark.parametrize("zone", ["", "BJ"])
    def test_are_counted(self, app, people, zone):
        people["alice"].ask({"op": "active"})
        report = app.client(zone).create_report()
        today = datetime.datetime.now(UTC8)
        day = report.get_users("DAY", today.strftime("%Y-%m-%d"), 1).payload
        assert len(day) == 4
        assert day["items"] == [
            {
                "time": today.strftime("%Y-%m-%d"),
                "android": {"new": 1, "online": 1, "active": 1},
                "ios": {"new": 1, "online": 1},
            }
        ]
        hour = report.get_users("HOUR", today.strftime("%Y-%m-%d %H"), 24).payload
        assert hour["duration"] == 24
        assert len(hour["items"]) == 24 - today.hour
        month = report.get_users("MONTH", today.strftime("%Y-%m"), 1).payload
        assert month["items"][0]["android"] == {"new": 1, "online": 1, "active": 1}

    def test_survive_a_restart(self, own_server, devices):
        app = own_server.app()
        devices(own_server).register(app).ask({"op": "active"})
        today = datetime.datetime.now(UTC8).strftime("%Y-%m-%d")
        before = app.client().create_report().get_users("DAY", today, 1).payload
        assert before["items"][0]["android"] == {"new": 1, "online": 1, "active": 1}
        own_server.kill()
        own_server.start()
        assert app.client().create_report().get_users("DAY", today, 1).payload == before

    def test_refuse_what_is_no_period(self, app):
        for unit, start, code in (("DAY", "2014-06-10", 3005), ("WEEK", "2014-06-10", 3004), ("DAY", "2014", 3004)):
            with pytest.raises(jpush.JPushFailure) as failure:
                app.client().create_report().get_users(unit, start, 1)
            assert (failure.value.response.status_code, failure.value.error_code) == (400, code)


class TestSaved:
    def test_segment(self, app, people):
        made = save(app, "segment", "friends", "--audience", '{"alias": ["alice", "carol"]}')
        assert made["definition"] == {"audience": {"alias": ["alice", "carol"]}}
        app.push(audience={"segment": ["friends"]})
        assert people["alice"].alerts(1) == ["hi"]
        assert people["bob"].quiet()
        place = ["--app", app.key, "--data", app.server.data, "--json"]
        assert [one["name"] for one in json.loads(succeed("segment", "list", *place))] == ["friends"]
        assert json.loads(succeed("segment", "show", "friends", *place)) == made
        succeed("segment", "delete", "friends", *place)
        assert refusal(app.try_push(audience={"segment": ["friends"]})) == (400, 1003)

    def test_abtest(self, app, people):
        made = save(app, "abtest", "checkout", "--shares", "50,50")
        assert made["parts"] == ["checkout.a", "checkout.b"]
        reached = {part: app.try_push(audience={"abtest": [part]}).status_code for part in made["parts"]}
        assert set(reached.values()) <= {200, 400} and 200 in reached.values()
        for part in made["parts"]:
            assert app.try_push(audience={"abtest": [part]}).status_code == reached[part]
        assert refusal(app.try_push(audience={"abtest": ["checkout.c"]})) == (400, 1003)

    def test_template(self, app, people, tmp_path):
        file = tmp_path / "push.json"
        file.write_text('{"platform": "all", "notification": {"alert": "Hello {{name}}"}}', encoding="utf-8")
        assert save(app, "template", "hello", "--file", file)["variables"] == ["name"]
        params = [
            {"keys": {"name": name}, "audience": {"alias": [name]}, "trace_id": name} for name in ("alice", "nosuch")
        ]
        answer = app.request("POST", "/v3/push/template", json={"id": "hello", "params": params})
        assert answer.status_code == 200
        first, second = answer.json()["data"]["push_list"]
        assert (first["code"], first["trace_id"], second["code"]) == (0, "alice", 1011)
        push = people["alice"].push()
        assert (push["msg_id"], push["notification"]["alert"]) == (first["message_id"], "Hello alice")
        assert refusal(app.request("POST", "/v3/push/template", json={"id": "x", "params": params})) == (404, 404)

    @pytest.mark.parametrize(
        ("status", "command"),
        [
            (1, ["segment", "create", "a b", "--audience", '{"tag": ["a"]}']),
            (1, ["segment", "create", "s", "--audience", '"all"']),
            (1, ["segment", "create", "s", "--audience", '{"segment": ["s"]}']),
            (64, ["segment", "create", "s", "--audience", "nonsense"]),
            (64, ["segment", "create", "s"]),
            (1, ["segment", "show", "nosuch"]),
            (1, ["segment", "delete", "nosuch"]),
            (1, ["abtest", "create", "t", "--shares", "50,51"]),
            (64, ["abtest", "create", "t", "--shares", "x"]),
            (1, ["template", "create", "t", "--push", '{"platform": "all"}']),
            (1, ["template", "create", "t", "--file", "nosuch.json"]),
            (64, ["template", "create", "t"]),
        ],
    )
    def test_refusals_of_the_commands(self, app, status, command):
        done = run(*command, "--app", app.key, "--data", app.server.data)
        assert done.returncode == status
        assert done.stdout == ""
        assert done.stderr

    @pytest.mark.parametrize("command", ["segment", "abtest", "template"])
    def test_names_are_taken_once_and_apps_must_be_there(self, app, command):
        what = {
            "segment": ["--audience", '{"tag": ["a"]}'],
            "abtest": [],
            "template": ["--push", '{"platform": "all", "message": {"msg_content": "x"}}'],
        }[command]
        save(app, command, "n", *what)
        again = run(command, "create", "n", "--app", app.key, "--data", app.server.data, *what)
        assert again.returncode == 1 and "already" in again.stderr
        assert run(command, "list", "--app", "0" * 24, "--data", app.server.data).returncode == 1
        for part in ("create", "list", "show", "delete"):
            assert "USAGE" in run(command, part, "--help").stdout.upper()


def test_push_plan(app, people):
    name = "春天"
    made = app.request("POST", "/v3/push_plan/create", json={"name": name, "description": "d"})
    assert (made.status_code, made.json()["code"]) == (200, 0)
    app.push(options={"business_operation_code": name})
    listed = app.get("/v3/push_plan/list", params={"info": name}).json()["data"]
    assert (listed["total"], listed["detail"][0]["push_count"]) == (1, 1)
    for key in ("create_time", "last_used_time"):
        datetime.datetime.strptime(listed["detail"][0][key], "%Y-%m-%d %H:%M:%S")
