"""Scheduled tasks: every call of the official client, a device that is reached, a stop and a kill around the instant."""

import datetime
import json
import time

import jpush
import pytest

from apus import eventually, succeed

UTC8 = datetime.timezone(datetime.timedelta(hours=8))
PUSH = {"platform": "all", "audience": "all", "notification": {"alert": "hi"}}
# How late a push may be: the promise is a second, and the machine may be busy.
PUNCTUAL_SECONDS = 3


def at(seconds):
    """The wall clock of UTC+8 so many seconds from now, cut to the second."""
    return (datetime.datetime.now(UTC8) + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%d %H:%M:%S")


def single(seconds):
    return jpush.schedule.schedulepayload.trigger(at(seconds))


def daily(seconds):
    return jpush.schedule.schedulepayload.trigger(
        at(seconds)[11:], start=at(-60), end=at(864000), time_unit="day", frequency=1, point=[]
    )


def task(trigger, name="task", push=None):
    return jpush.schedule.schedulepayload.schedulepayload(name, True, trigger, push or PUSH)


def create(app, trigger, zone="", **more):
    answer = app.client(zone).create_schedule().post_schedule(task(trigger, **more))
    assert answer.get_status_code() == 200
    assert set(answer.payload) == {"schedule_id", "name"}
    return answer.payload["schedule_id"]


def fires(app, schedule_id):
    """What became of each fire: documents in texts."""
    answer = app.get(f"/v3/schedules/{schedule_id}/msg_ids")
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["count"] == len(body["msgids"])
    return [json.loads(element) for element in body["msgids"]]


def pushed(app, schedule_id):
    entries = fires(app, schedule_id)
    assert all(entry["error"] == {"code": 0, "message": ""} for entry in entries), entries
    return [entry["msg_id"] for entry in entries]


@pytest.mark.parametrize("zone", ["", "BJ"])
class TestClient:
    def test_creates_lists_changes_and_deletes(self, app, device, zone):
        schedule = app.client(zone).create_schedule()
        schedule_id = create(app, daily(3600), zone)
        other = create(app, single(3600), zone)

        found = schedule.get_schedule_by_id(schedule_id).payload
        assert set(found) == {"schedule_id", "name", "enabled", "trigger", "push"}
        assert (found["name"], found["enabled"], found["push"]) == ("task", True, PUSH)
        assert found["trigger"]["periodical"]["point"] == []

        listed = schedule.get_schedule_list().payload
        assert set(listed) == {"total_count", "total_pages", "page", "schedules"}
        assert [entry["schedule_id"] for entry in listed["schedules"]] == [schedule_id, other]
        assert schedule.get_schedule_list(2).payload["schedules"] == []

        change = jpush.schedule.schedulepayload.schedulepayload(name="other", enabled=False)
        changed = schedule.put_schedule(change, schedule_id).payload
        assert (changed["name"], changed["enabled"], changed["push"]) == ("other", False, PUSH)
        assert schedule.get_schedule_by_id(schedule_id).payload == changed

        assert schedule.delete_schedule(schedule_id).payload == {}
        with pytest.raises(jpush.JPushFailure) as failure:
            schedule.get_schedule_by_id(schedule_id)
        assert (failure.value.response.status_code, failure.value.error_code) == (404, 8104)
        assert schedule.get_schedule_list("").payload["total_count"] == 1

    def test_fires_within_seconds(self, app, device, zone):
        schedule_id = create(app, single(2), zone)
        assert fires(app, schedule_id) == []
        msg_id = device.push()["msg_id"]
        assert pushed(app, schedule_id) == [msg_id]
        device.ack(msg_id)
        assert app.received(msg_id) == 1
        assert app.client(zone).create_schedule().get_schedule_list().payload["total_count"] == 0


class TestRefusals:
    @pytest.mark.parametrize(
        ("reason", "body"),
        [
            ("section is invalid", {"name": "a-b"}),
            ("section is invalid", {"enabled": False}),
            ("section is invalid", {"trigger": {}}),
            ("has been at term", {"trigger": {"single": {"time": "2014-09-17 12:00:00"}}}),
            ("push is invalid:cannot find user by this audience", {"push": {**PUSH, "audience": {"tag": ["nosuch"]}}}),
        ],
    )
    def test_bad_task_is_a_failure_with_its_reason(self, app, device, reason, body):
        with pytest.raises(jpush.JPushFailure) as failure:
            app.client().create_schedule().post_schedule({**task(single(3600)), **body})
        assert (failure.value.response.status_code, failure.value.error_code) == (400, 8100)
        assert failure.value.details.startswith(f"The schedule-task is invalid, {reason}")

    def test_wrong_secret_is_unauthorized(self, app):
        client = jpush.JPush(app.key, "0" * 24, zone=app.server.zone)
        with pytest.raises(jpush.Unauthorized):
            client.create_schedule().get_schedule_list()


def test_fires_on_time(app, device):
    due = int(time.time()) + 3
    trigger = {"single": {"time": datetime.datetime.fromtimestamp(due, UTC8).strftime("%Y-%m-%d %H:%M:%S")}}
    create(app, trigger)
    frame = device.push()
    assert due * 1000 <= frame["sent_at"] < (due + PUNCTUAL_SECONDS) * 1000


def test_many_tasks_of_one_instant_fire_together(start, devices):
    server = start("many", "--limit", "schedule_per_minute=0")
    app = server.app()
    device = devices(server).register(app)
    # Far more that are not due, which nobody must wake for.
    later = [create(app, single(3600 + number)) for number in range(200)]
    trigger = single(5)
    due = [create(app, trigger) for _ in range(100)]
    assert len({push["msg_id"] for push in device.pushes(len(due))}) == len(due)
    assert device.quiet()
    assert all(len(pushed(app, schedule_id)) == 1 for schedule_id in due)
    assert fires(app, later[0]) == []


def test_stop_and_start_around_the_instant(own_server, devices):
    app = own_server.app("restarts", "--limit", "schedule_per_minute=0")
    device = devices(own_server).register(app)
    device.drop()
    before = create(app, single(1))
    across, after = create(app, single(4)), create(app, single(12))
    eventually(lambda: len(fires(app, before)) == 1, 10, "the first one fires")
    own_server.stop()
    # The second one passes while nobody serves.
    passed = time.time() + 4
    while time.time() < passed:
        time.sleep(0.1)
    own_server.start()
    ids = [
        eventually(lambda task=task: pushed(app, task) or None, 20, "each one fires, the missed one too")
        for task in (before, across, after)
    ]
    assert [len(entry) for entry in ids] == [1, 1, 1]
    assert device.login() == 3
    assert [push["msg_id"] for push in device.pushes(3)] == [entry[0] for entry in ids]


def test_kill_around_the_instant_pushes_once(own_server, devices):
    app = own_server.app("crash", "--limit", "schedule_per_minute=0")
    device = devices(own_server).register(app)
    device.drop()
    tasks = []
    for number in range(6):
        # Killed a little before, at, and a little after the instant.
        due = int(time.time()) + 2
        trigger = {"single": {"time": datetime.datetime.fromtimestamp(due, UTC8).strftime("%Y-%m-%d %H:%M:%S")}}
        tasks += [create(app, trigger) for _ in range(5)]
        while time.time() < due - 0.01 + number * 0.008:
            time.sleep(0.001)
        own_server.kill()
        own_server.start()
    ids = [eventually(lambda task=task: pushed(app, task) or None, 20, "each one has fired") for task in tasks]
    assert all(len(entry) == 1 for entry in ids)
    assert device.login() == len(tasks)
    arrived = [push["msg_id"] for push in device.pushes(len(tasks))]
    assert sorted(arrived) == sorted(entry[0] for entry in ids)
    assert device.quiet()


def test_deleted_app_takes_its_tasks_along(own_server, devices):
    app, other = own_server.app("gone"), own_server.app("stays")
    devices(own_server).register(app)
    device = devices(own_server).register(other)
    create(app, single(3))
    create(other, single(4))
    succeed("app", "delete", app.key, "--data", own_server.data)
    assert device.alerts(1) == ["hi"]
    assert "error" not in own_server.log().lower()
