"""`apus trace`: where a push stands on each device and why. A server runs on the store, and each state is produced for real."""

import datetime
import json
import re

import pytest

from apus import HONOURED_SECONDS, eventually, run, succeed

MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
PUSH_KEYS = (
    "msg_id app_key state accepted_at accepted_by audience platforms time_to_live big_push_duration expires_at "
    "overrides overridden_by ended_at counts states devices_left_out devices"
).split()
DEVICE_KEYS = (
    "registration_id platform state due_at expires_at registered_at last_online_time events reasons"
).split()


def trace(app, msg_id, *more):
    """The trace as JSON, whose keys are always the same."""
    push = json.loads(succeed("trace", msg_id, *more, "--app", app.key, "--data", app.server.data, "--json"))
    assert list(push) == PUSH_KEYS
    for device in push["devices"]:
        assert list(device) == DEVICE_KEYS and device["reasons"], device
    return push


def text(app, msg_id, *more):
    return succeed("trace", msg_id, *more, "--app", app.key, "--data", app.server.data)


def on(app, msg_id, device):
    """The trace of one device, by the device or its registration id."""
    [entry] = trace(app, msg_id, getattr(device, "registration_id", device))["devices"]
    return entry


def reaches(app, msg_id, device, state):
    """Waits for a state, since what was sent is written behind; gives back the device's entry."""

    def check():
        entry = on(app, msg_id, device)
        assert entry["state"] == state, entry
        return entry

    return eventually(check, HONOURED_SECONDS, f"{msg_id} is {state}")


def events(entry):
    for event in entry["events"]:
        assert list(event) == ["event", "at", "not_before"]
        assert MOMENT.fullmatch(event["at"])
    return [event["event"] for event in entry["events"]]


@pytest.fixture
def offline(app, devices):
    """A device that has left, with the tag `a`."""
    device = devices(app.server).register(app, tags=["a"])
    device.drop()
    return device


class TestOneDevice:
    def test_waits_is_sent_acked_shown_and_opened(self, app, offline):
        msg_id = app.push(audience={"tag": ["a"]})
        entry = on(app, msg_id, offline)
        assert entry["state"] == "waiting" and events(entry) == []
        assert entry["reasons"][0].startswith("waiting since ")
        assert offline.login() == 1
        assert offline.push()["msg_id"] == msg_id
        assert "not acked yet" in reaches(app, msg_id, offline, "sent")["reasons"][0]
        # Not acked: it comes again.
        offline.drop()
        assert offline.login() == 1
        offline.push()
        offline.ack(msg_id)
        entry = on(app, msg_id, offline)
        assert entry["state"] == "received" and "received" in events(entry)
        eventually(
            lambda: {"sent", "sent_again"} <= set(events(on(app, msg_id, offline))), HONOURED_SECONDS, "sent twice"
        )
        offline.display(msg_id)
        assert on(app, msg_id, offline)["state"] == "displayed"
        offline.click(msg_id)
        entry = on(app, msg_id, offline)
        assert entry["state"] == "clicked"
        assert set(events(entry)) == {"sent", "sent_again", "received", "displayed", "clicked"}
        assert entry["reasons"][0].startswith("its user opened it at ")
        whole = text(app, msg_id, offline.registration_id)
        for word in ("accepted", "sent", "received", "displayed", "clicked"):
            assert re.search(rf"{MOMENT.pattern} {word}\b", whole), whole

    def test_expires(self, app, offline):
        msg_id = app.push(audience={"tag": ["a"]}, options={"time_to_live": 1})
        entry = reaches(app, msg_id, offline, "expired")
        assert "it was never sent" in entry["reasons"][0]
        assert trace(app, msg_id)["state"] == "expired"

    def test_expires_after_it_was_sent(self, app, devices):
        device = devices(app.server).register(app)
        msg_id = app.push(options={"time_to_live": 2})
        device.push()
        reaches(app, msg_id, device, "sent")
        assert "and not acked" in reaches(app, msg_id, device, "expired")["reasons"][0]

    def test_is_missed_by_who_is_not_connected(self, app, offline):
        msg_id = app.push(options={"time_to_live": 0})
        assert "0 is for connected devices only" in on(app, msg_id, offline)["reasons"][0]
        assert on(app, msg_id, offline)["state"] == "missed"

    def test_is_overridden(self, app, offline):
        old = app.alert("old")
        new = app.alert("new", options={"override_msg_id": int(old)})
        assert f"overridden by push {new} at " in on(app, old, offline)["reasons"][0]
        assert on(app, old, offline)["state"] == "overridden"
        push = trace(app, old)
        assert (push["state"], push["overridden_by"]) == ("overridden", new)
        assert MOMENT.fullmatch(push["ended_at"])
        assert trace(app, new)["overrides"] == old

    def test_is_withdrawn_but_for_who_has_it(self, app, offline, devices):
        here = devices(app.server).register(app)
        msg_id = app.push()
        here.push()
        here.ack(msg_id)
        assert app.request("DELETE", f"/v3/push/{msg_id}").status_code == 200
        assert on(app, msg_id, offline)["state"] == "withdrawn"
        assert on(app, msg_id, here)["state"] == "received"
        push = trace(app, msg_id)
        assert push["state"] == "withdrawn" and push["overridden_by"] is None and MOMENT.fullmatch(push["ended_at"])

    def test_is_dropped_when_too_many_wait(self, shared_server, devices):
        app = shared_server.app("small", "--limit", "offline_per_device=1")
        device = devices(app.server).register(app)
        device.drop()
        first, second = app.alert("first"), app.alert("second")
        assert device.login() == 1
        entry = on(app, first, device)
        assert entry["state"] == "dropped" and events(entry) == ["dropped"]
        assert "offline_per_device" in entry["reasons"][0]
        reaches(app, second, device, "sent")

    def test_has_its_share_of_a_spread_push_later(self, app, devices):
        pair = [devices(app.server).register(app) for _ in range(2)]
        msg_id = app.push(options={"big_push_duration": 10})
        pair[0].push()
        assert reaches(app, msg_id, pair[0], "sent")
        entry = on(app, msg_id, pair[1])
        assert entry["state"] == "scheduled" and entry["due_at"] > trace(app, msg_id)["accepted_at"]
        assert trace(app, msg_id)["states"]["scheduled"] == 1

    @pytest.mark.parametrize(
        ("over", "reason"),
        [
            ({"audience": {"tag": ["x", "y"]}}, "tag: it carries none of x, y today"),
            ({"audience": {"tag_and": ["a", "x"]}}, "tag_and: it does not carry x today"),
            ({"audience": {"tag": ["x"], "tag_not": ["a"]}}, "tag_not: it carries a today"),
            ({"audience": {"alias": ["bob"]}}, "alias: the push names others, and it has none today"),
            ({"platform": ["ios"]}, "the push does not name its platform, android"),
            ({"notification": {"ios": {"alert": "hi"}}}, "the push says nothing to its platform, android"),
        ],
    )
    def test_is_not_in_the_audience(self, app, offline, devices, over, reason):
        devices(app.server).register(app, "ios", tags=["x", "a"], alias="bob")
        devices(app.server).register(app, "ios", tags=["x"])
        entry = on(app, app.push(**over), offline)
        assert entry["state"] == "not_in_audience" and reason in entry["reasons"]
        assert entry["due_at"] is None and entry["events"] == []

    def test_has_become_one_of_the_audience_since(self, app, offline, devices):
        devices(app.server).register(app, tags=["x"])
        msg_id = app.push(audience={"tag": ["x"]})
        offline.login()
        assert offline.ask({"op": "tags", "add": ["x"]})["op"] == "ok"
        assert "today, and did not when the push was accepted" in on(app, msg_id, offline)["reasons"][0]

    def test_came_later_or_is_unknown(self, app, offline, devices):
        msg_id = app.push()
        # Moments are told to the millisecond: this one is later than the answer to the push.
        late = devices(app.server).register(app)
        entry = on(app, msg_id, late)
        assert entry["state"] == "not_in_audience" and "registered after the push" in entry["reasons"][0]
        stranger = devices(app.server).register(app.server.app("other"))
        for name in (stranger.registration_id, "1" + "0" * 18, "no such name!"):
            entry = on(app, msg_id, name)
            assert entry["state"] == "unknown_device" and entry["registration_id"] == name

    def test_is_outside_of_a_segment(self, app, offline, devices):
        devices(app.server).register(app, tags=["x"])
        place = ["--app", app.key, "--data", app.server.data]
        succeed("segment", "create", "vip", "--audience", '{"tag":["x"]}', *place)
        msg_id = app.push(audience={"segment": ["vip"]})
        assert "the segment vip does not hold it today: tag" in on(app, msg_id, offline)["reasons"][0]
        succeed("segment", "delete", "vip", *place)
        assert "the segment vip is not there any more" in on(app, msg_id, offline)["reasons"][0]


class TestThePush:
    def test_is_summed_up(self, app, offline, devices):
        here = devices(app.server).register(app, tags=["a"])
        msg_id = app.push(audience={"tag": ["a"]}, cid="cid-1")
        here.push()
        here.ack(msg_id)
        push = trace(app, msg_id)
        assert push["state"] == "waiting" and push["app_key"] == app.key
        assert push["accepted_by"] == {"kind": "api", "schedule_id": None, "due_at": None, "cid": "cid-1"}
        assert push["audience"] == {"tag": ["a"]}
        assert push["platforms"] == ["android", "ios", "hmos", "quickapp", "web"]
        assert (push["time_to_live"], push["big_push_duration"]) == (86400, 0)
        assert push["counts"] == {
            "target": 2, "online": 1, "sent": 1, "received": 1, "displayed": 0, "clicked": 0,
        }  # fmt: skip
        assert {name: count for name, count in push["states"].items() if count} == {"received": 1, "waiting": 1}
        assert [(each["registration_id"], each["state"]) for each in push["devices"]] == [
            (offline.registration_id, "waiting"),
            (here.registration_id, "received"),
        ]
        whole = text(app, msg_id)
        assert "waiting for 1 of 2 devices" in whole and '{"tag":["a"]}' in whole
        assert re.search(rf"^{here.registration_id}  received  ", whole, re.MULTILINE)

    def test_is_done_when_everybody_has_it(self, app, devices):
        here = devices(app.server).register(app)
        msg_id = app.push()
        here.push()
        here.ack(msg_id)
        assert trace(app, msg_id)["state"] == "done"

    def test_names_the_schedule_that_made_it(self, app, offline):
        zone = datetime.timezone(datetime.timedelta(hours=8))
        at = datetime.datetime.now(zone) + datetime.timedelta(seconds=3)
        made = app.request(
            "POST",
            "/v3/schedules",
            json={
                "name": "soon",
                "enabled": True,
                "trigger": {"single": {"time": at.strftime("%Y-%m-%d %H:%M:%S")}},
                "push": {"platform": "all", "audience": "all", "notification": {"alert": "hi"}},
            },
        )
        assert made.status_code == 200, made.text
        schedule_id = made.json()["schedule_id"]
        assert offline.login() == 0
        msg_id = offline.push()["msg_id"]
        push = trace(app, msg_id)
        assert push["accepted_by"]["kind"] == "schedule"
        assert push["accepted_by"]["schedule_id"] == schedule_id
        assert push["accepted_by"]["due_at"] == at.strftime("%Y-%m-%d %H:%M:%S")

    def test_lists_no_more_than_asked(self, app, tmp_path):
        path = tmp_path / "devices.jsonl"
        lines = [json.dumps({"registration_id": f"1{app.key}{number}", "platform": "ios"}) for number in range(1200)]
        path.write_text("\n".join(lines))
        succeed("device", "import", path, "--app", app.key, "--data", app.server.data)

        def everybody():
            """A push that the whole import is in; before that the app has no devices, or some."""
            answer = app.try_push()
            assert answer.status_code == 200, answer.text
            assert trace(app, answer.json()["msg_id"])["counts"]["target"] == 1200
            return answer.json()["msg_id"]

        msg_id = eventually(everybody, HONOURED_SECONDS, "the import is honoured")

        def listed(*more):
            push = trace(app, msg_id, *more)
            assert push["devices_left_out"] + len(push["devices"]) == 1200
            return len(push["devices"])

        assert listed() == 100
        assert listed("--limit", "0") == 0
        assert listed("--limit", "501") == 501
        assert listed("--all") == 1200
        assert trace(app, msg_id, "--state", "received")["devices"] == []
        assert len(trace(app, msg_id, "--state", "waiting", "--limit", "3")["devices"]) == 3
        whole = text(app, msg_id, "--limit", "2")
        assert "and 1198 more" in whole and whole.count("  waiting  ") == 2


class TestRefusals:
    @pytest.mark.parametrize(
        ("arguments", "word"),
        [
            (["abc"], "msg_id"),
            (["0"], "msg_id"),
            ([], "msg-id"),
            (["1", "--state", "nosuch"], "--state"),
            (["1", "--limit", "-1"], "--limit"),
            (["1", "--limit", "1", "--all"], "--all"),
            (["1", "1a", "--state", "sent"], "--state"),
        ],
    )
    def test_wrong_usage(self, app, arguments, word):
        done = run("trace", *arguments, "--app", app.key, "--data", app.server.data)
        assert done.returncode == 64 and word in done.stderr, done.stderr
        assert done.stdout == ""

    def test_unknown_foreign_and_forgotten_pushes(self, app, offline):
        msg_id = app.push()
        other = app.server.app("other")
        for key, number, reason in [
            (app.key, "9" * 18, "the last one accepted"),
            (app.key, "1", "past its retention"),
            (other.key, msg_id, app.key),
            ("0" * 24, msg_id, "0" * 24),
        ]:
            done = run("trace", number, "--app", key, "--data", app.server.data, "--json")
            assert done.returncode == 1 and done.stdout == ""
            assert reason in done.stderr and len(done.stderr.strip().splitlines()) == 1, done.stderr

    def test_a_call_of_validate_is_no_push(self, app, offline):
        answer = app.request(
            "POST", "/v3/push/validate", json={"platform": "all", "audience": "all", "notification": {"alert": "hi"}}
        )
        done = run("trace", answer.json()["msg_id"], "--app", app.key, "--data", app.server.data)
        assert done.returncode == 1 and "there is no push" in done.stderr

    def test_no_store(self, tmp_path, app):
        done = run("trace", "1", "--app", app.key, "--data", tmp_path / "nothing")
        assert done.returncode == 1 and "no store" in done.stderr
        assert not (tmp_path / "nothing").exists()
