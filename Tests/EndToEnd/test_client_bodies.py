"""What public clients need of a server, the rest of the rows: lenient values, replays, ranges of numbers, and TLS.

Then one flow of each family, as one client after another sends it.
"""

import json
import re
import socket

import jpush
import pytest
import requests

import apus
from endpoints import ENDPOINTS, HIT, UNLIMITED, World, at, check, task
from wire import CLIENTS, authorization, connect, send, written

WEEKLY = {
    "start": at(-1), "end": at(60), "time": "12:00:00", "time_unit": "WEEK", "frequency": 1, "point": ["MON"],
}
DAILY = {**WEEKLY, "time_unit": "day", "point": None}


def ask(app, client, method, path, body=None, **more):
    return send(app.server.api, CLIENTS[client], method, path, (app.key, app.secret), body, **more)


# 14: lenient values


def push(**over):
    return {**HIT, **over}


def android(**keys):
    return push(notification={"alert": "hi", "android": keys})


def ios(**keys):
    return push(notification={"alert": "hi", "ios": keys})


LENIENT_PUSHES = {
    "null options": push(options=None),
    "options of PHP": push(options=[]),
    "null everywhere": push(
        options=None, message=None, sms_message=None, callback=None, cid=None, inapp_message=None, notification_3rd=None
    ),
    "null in options": push(options={"sendno": None, "time_to_live": None, "apns_production": None}),
    "false as a text": push(options={"apns_production": "false"}),
    "true as a number": push(options={"apns_production": 1, "alternate_set": 0}),
    "numbers as texts": push(options={"sendno": "18", "time_to_live": "60"}),
    "numbers with a fraction of zero": push(options={"time_to_live": 60.0}),
    "null platforms": push(notification={"alert": "hi", "android": None, "ios": {"alert": None}, "winphone": None}),
    "empty maps of PHP": android(extras=[], inbox=[], intent=None),
    "an empty platform": android(),
    "an empty platform of PHP": push(notification={"alert": "hi", "android": [], "ios": []}),
    "integers for booleans of Python": ios(**{"content-available": 1, "mutable-content": 1, "sound": "default", "badge": "+1"}),
    "texts for booleans": ios(**{"content-available": "true", "mutable-content": "false"}),
    "extras of every type": android(extras={"s": "x", "n": 1, "d": 1.5, "b": True, "z": None, "a": [1], "o": {"k": {}}}),
    "an empty message": push(message={}),
    "an empty message of PHP": push(message=[]),
    "one bare platform": push(platform="android"),
    "a list of all": push(platform=["all"]),
    "platforms of PHP's filter": push(platform={"1": "android"}),
    "a retired platform": push(platform=["android", "winphone"]),
    "empty kinds": push(audience={"tag": [], "tag_and": None, "alias": ["alice"], "tag_not": {}}),
    "what old Java always sends": push(notification={"alert": "hi", "ai_opportunity": False}),
    "a text message of Node": push(sms_message={"content": "hi", "delay_time": 3600}),
    "a sendno of Node": push(options={"sendno": 4294967294, "apns_production": True}),
    "defaults of PHP": push(
        options={"sendno": 123456, "apns_production": False},
        notification={"alert": "hi", "ios": {"sound": "", "badge": "+1", "alert": "hi"}},
    ),
    "a content that is no text": push(notification=None, message={"msg_content": {"k": 1}}),
    "a byte order mark": b"\xef\xbb\xbf" + json.dumps(HIT).encode(),
    "escapes of PHP": rb'{"platform":"all","audience":"all","notification":{"alert":"\u4f60\u597d \/"}}',
    "the last of two": b'{"platform":"nosuch","platform":"all","audience":"all","notification":{"alert":"hi"}}',
    "spaces around": b" \r\n\t" + json.dumps(HIT, indent=2).encode() + b"\n",
}


@pytest.mark.parametrize("shape", LENIENT_PUSHES)
@pytest.mark.parametrize("path", ["/v3/push", "/v3/push/validate"])
def test_row_14_pushes_may_be_written_so(world, shape, path):
    for client in ("Python", "PHP", "Ruby", "Node", "C#", "curl"):
        answer = ask(world.app, client, "POST", path, LENIENT_PUSHES[shape])
        assert answer.status == 200, (client, answer.body)


LENIENT = {
    "batch of old Java": ("POST", "/v3/push/batch/alias/single", lambda world: {"pushlist": {"l" + world.number(): {
        "platform": "all", "audience": None, "cid": None, "target": "alice", "notification": {"alert": "hi"}, "options": []
    }}}),
    "group of PHP": ("POST", "/v3/grouppush", lambda world: push(options={"apns_production": "false"}, message=[])),
    "device of Node": ("POST", "/v3/devices/{rid}", lambda world: {"tags": {}, "alias": None, "mobile": None}),
    "device of PHP": ("POST", "/v3/devices/{rid}", lambda world: {"tags": []}),
    "device of Lua": ("POST", "/v3/devices/{rid}", lambda world: {"tags": {"add": {}, "remove": {}}}),
    "nothing of a device": ("POST", "/v3/devices/{rid}", lambda world: {}),
    "a mobile as a number": ("POST", "/v3/devices/{device_id}", lambda world: {"mobile": 13012345678}),
    "tag with null": ("POST", "/v3/tags/b", lambda world: {"registration_ids": {"add": [world.rid()], "remove": None}}),
    "status under a misspelt key": ("POST", "/v3/status/message", lambda world: {
        "msg_id": int(world.msg_id()), "registration_ids": [world.rid()], "data": world.today()
    }),
    "status with null": ("POST", "/v3/status/message", lambda world: {
        "msg_id": world.msg_id(), "registration_ids": [world.rid()], "date": None
    }),
    "task of Ruby": ("POST", "/v3/schedules", lambda world: {**task(world), "trigger": {"periodical": DAILY}}),
    "task with null sections": ("POST", "/v3/schedules", lambda world: {
        **task(world), "cid": None, "trigger": {"periodical": None, **task(world)["trigger"]}
    }),
    "task of the documents": ("POST", "/v3/schedules", lambda world: {
        **task(world), "enabled": "true", "push": push(message={}, options={"apns_production": "false"})
    }),
    "enabled as a number": ("POST", "/v3/schedules", lambda world: {**task(world), "enabled": 1}),
    "frequency as a text": ("POST", "/v3/schedules", lambda world: {
        **task(world), "trigger": {"periodical": {**WEEKLY, "frequency": "1"}}
    }),
    "one day as a text": ("POST", "/v3/schedules", lambda world: {
        **task(world), "trigger": {"periodical": {**WEEKLY, "point": "mon"}}
    }),
    "days as numbers": ("POST", "/v3/schedules", lambda world: {
        **task(world), "trigger": {"periodical": {**WEEKLY, "time_unit": "month", "point": [1, "2", "03"]}}
    }),
    "change with nulls": ("PUT", "/v3/schedules/{schedule_id}", lambda world: {
        "name": "other", "enabled": "false", "trigger": None, "push": None
    }),
    "picture with a text": ("POST", "/v3/images/byurls", lambda world: {
        "image_type": "1", "image_url": "https://pictures.example/a.png", "fcm_image_url": None
    }),
    "app without a group": ("POST", "/v1/app", lambda world: {
        "app_name": "an app", "android_package": f"com.example.lenient{world.number()}", "group_name": None
    }),
    "plan without words": ("POST", "/v3/push_plan/create", lambda world: {
        "name": "lenient" + world.number(), "description": None
    }),
}


@pytest.mark.parametrize("shape", LENIENT)
def test_row_14_other_bodies_may_be_written_so(world, shape):
    method, path, body = LENIENT[shape]
    who = {"/v3/grouppush": "group", "/v1/app": "developer"}.get(path, "app")
    named = re.sub(r"\{(\w+)\}", lambda name: getattr(world, name[1])(), path)
    answer = send(world.server.api, CLIENTS["PHP"], method, named, world.auths[who], body(world))
    assert answer.status == 200, answer.body


@pytest.mark.parametrize("body", [push(audience={"tag": "a"}), push(audience={"alias": "alice"})])
def test_row_14_one_text_is_no_list_of_audience_values(world, body):
    answer = ask(world.app, "curl", "POST", "/v3/push", body)
    assert (answer.status, answer.json()["error"]["code"]) == (400, 1003)
    assert "Audience value must be JSON Array format!" in answer.json()["error"]["message"]


# 15 and 16: replays and numbers


def cut(server, auth, path, body, reads):
    """Sends a POST as PHP does and loses the connection, before or after the first bytes of the answer."""
    content = json.dumps(body).encode()
    headers = {"Authorization": authorization(auth), **CLIENTS["PHP"].headers}
    with connect(server.api) as connection:
        head = written(server.api, f"POST {path} HTTP/1.1", {**headers, "Content-Length": str(len(content))})
        connection.sendall(head + content)
        if reads:
            assert connection.recv(1)
        connection.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("reads", [False, True], ids=["before the answer", "within the answer"])
class TestRow15:
    """PHP sends a POST up to three times when the connection breaks."""

    def test_a_push_reaches_a_device_once(self, app, device, reads):
        body = {**HIT, "cid": "a-cid"}
        cut(app.server, (app.key, app.secret), "/v3/push", body, reads)
        cut(app.server, (app.key, app.secret), "/v3/push", body, reads)
        answer = ask(app, "PHP", "POST", "/v3/push", body)
        assert answer.status == 200, answer.body
        assert device.push()["msg_id"] == answer.json()["msg_id"]
        assert ask(app, "PHP", "POST", "/v3/push", body).body == answer.body
        assert device.quiet()

    def test_the_items_of_a_batch_are_done_once(self, app, device, reads):
        item = {"platform": "all", "target": "alice", "notification": {"alert": "hi"}}
        body = {"pushlist": {f"item-{number}": item for number in range(3)}}
        cut(app.server, (app.key, app.secret), "/v3/push/batch/alias/single", body, reads)
        answer = ask(app, "PHP", "POST", "/v3/push/batch/alias/single", body)
        assert answer.status == 200, answer.body
        ids = {entry["msg_id"] for entry in answer.json().values()}
        assert {frame["msg_id"] for frame in device.pushes(3)} == ids
        assert device.quiet()

    def test_a_task_is_made_once(self, app, device, reads):
        body = {**task(None), "cid": "a-task"}
        cut(app.server, (app.key, app.secret), "/v3/schedules", body, reads)
        answer = ask(app, "PHP", "POST", "/v3/schedules", body)
        assert answer.status == 200, answer.body
        listed = app.get("/v3/schedules").json()
        assert [entry["schedule_id"] for entry in listed["schedules"]] == [answer.json()["schedule_id"]]

    def test_a_push_to_a_group_is_done_once(self, world, reads):
        body = {**HIT, "cid": "group" + world.number()}
        cut(world.server, world.auths["group"], "/v3/grouppush", body, reads)
        answers = [
            send(world.server.api, CLIENTS["PHP"], "POST", "/v3/grouppush", world.auths["group"], body) for _ in range(2)
        ]
        assert [answer.status for answer in answers] == [200, 200]
        assert answers[0].json() == answers[1].json()


def test_row_15_a_refusal_is_no_answer_to_repeat(app, device):
    cid = app.client().create_push().get_cid(1).payload["cidlist"][0]
    assert apus.refusal(app.try_push(cid=cid, audience={"tag": ["nosuch"]})) == (400, 1011)
    assert app.push(cid=cid) == device.push()["msg_id"]


def test_row_16_ids_and_numbers_fit(world):
    before = 0
    for sendno in (1, 18, 2**31 - 1):
        answer = world.app.try_push(options={"sendno": sendno}).json()
        assert -(2**31) <= int(answer["sendno"]) == sendno < 2**31
        assert before < int(answer["msg_id"]) < 2**53
        before = int(answer["msg_id"])
    assert world.app.try_push().json()["sendno"] == "0"
    assert world.app.counts(str(before))[str(before)]["msg_id"] == str(before)


# 17: TLS


@pytest.fixture(scope="module")
def secure(tmp_path_factory, certificate, serve):
    options = ("--tls-certificate", certificate[0], "--tls-key", certificate[1], "--https-only")
    folder = tmp_path_factory.mktemp("secure")
    return World(serve(folder / "data", *UNLIMITED, *options), folder, verify=str(certificate[0]))


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)
def test_row_17_a_known_certificate_serves_everybody(secure, endpoint):
    call = secure.call(endpoint)
    form = None
    if call.form:
        form = {name: (filename, content) for name, filename, content in call.form}
    answer = requests.request(
        call.method, secure.server.api + call.path, auth=call.auth, verify=secure.verify, timeout=apus.REQUEST_SECONDS,
        json=None if form else call.body, files=form,
    )
    assert answer.status_code == 200, answer.text
    check(answer.json(), secure.shape(endpoint))
    secure.done(answer.json())


@pytest.mark.parametrize("client", CLIENTS)
def test_row_17_clients_write_the_same_over_tls(secure, client):
    answer = ask(secure.app, client, "POST", "/v3/push", HIT, verify=secure.verify)
    assert answer.status == 200, answer.body


def test_row_17_who_checks_needs_the_certificate_and_who_does_not_needs_none(secure):
    secure.app.verify = secure.verify
    assert secure.app.client().create_push().get_cid(1).get_status_code() == 200
    client = jpush.JPush(secure.app.key, secure.app.secret, zone=secure.server.zone)
    with pytest.raises(jpush.common.APIRequestException):
        client.create_push().get_cid(1)
    client.session.verify = False  # as PHP and the old Java client go about it
    with pytest.warns(Warning, match="certificate verification"):
        assert client.create_push().get_cid(1).get_status_code() == 200
