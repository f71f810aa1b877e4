"""What one public client after another sends, family by family, with the bodies as its serializer writes them.

Each step of a flow: method, path, body, and the keys of the answer, or the status and code of the refusal that it gets.
Names in angle brackets stand for what a `World` makes; `<push>`, `<task>` and `<made>` for what the flow made itself.
"""

import re

import pytest

from endpoints import at
from wire import CLIENTS, send

PUSH = ["msg_id", "sendno"]
TASK = ["schedule_id", "name"]
WHOLE_TASK = [*TASK, "enabled", "trigger", "push"]
LIST = ["total_count", "total_pages", "page", "schedules"]
DEVICE = ["tags", "alias", "mobile"]
USERS = ["time_unit", "start", "duration", "items"]
NOTHING = []
ANY = None

TOMORROW = at(1)
PHP_PUSH = (
    r'{"platform":"all","audience":{"alias":["alice"]},"notification":{"alert":"\u4f60\u597d \/ hi",'
    r'"android":{"alert":"hi","extras":[]},"ios":{"alert":"hi","sound":"","badge":"+1"}},'
    r'"options":{"sendno":493827156,"apns_production":false}}'
)
PHP_TASK = '{"name":"task","enabled":true,"trigger":{"single":{"time":"%s"}},"push":%s}' % (TOMORROW, PHP_PUSH)
RUBY_PUSH = '{"platform":"all","audience":"all","notification":{"alert":"你好"},"cid":"<cid>"}'
RUBY_TASK = (
    '{"cid":null,"name":"task","enabled":true,"trigger":{"periodical":{"start":"%s","end":"%s","time":"12:00:00",'
    '"time_unit":"DAY","frequency":1,"point":null}},"push":{"platform":"all","audience":"all","notification":{"alert":"hi"}}}'
) % (at(0), at(30))
NODE_PUSH = (
    '{"platform":"all","audience":"all","notification":{"alert":"hi"},"sms_message":{"content":"hi","delay_time":3600},'
    '"options":{"sendno":4294967294,"apns_production":false}}'
)
JAVA_PUSH = (
    '{"platform":["android","ios"],"audience":{"tag":["a","b"]},"notification":{"alert":"hi","ai_opportunity":false,'
    '"android":{"alert":"hi","extras":{"k":"v"}},"ios":{"alert":"hi","extras":{},"badge":"+1","sound":""}},'
    '"options":{"sendno":1347,"apns_production":false}}'
)
NEW_JAVA_PUSH = (
    '{"audience":{"registration_id":["<rid>"]},"platform":["android","ios","hmos","quickapp"],'
    '"notification":{"alert":"hi"},"options":{"time_to_live":60}}'
)
SHARP_PUSH = (
    '{"platform":["android","ios"],"audience":"all","notification":{"alert":"hi","android":{"alert":"hi","title":"t",'
    '"uri_flag":"0x10"},"ios":{"alert":null,"badge":"+1"}},"message":{"title":"t","msg_content":"c","extras":{"k":"v"}}}'
)
SHARP_TASK = (
    '{"name":"task","enabled":true,"push":%s,"trigger":{"periodical":{"start":"%s","end":"%s","time":"12:00:00",'
    '"time_unit":"day","frequency":1,"point":null}}}'
) % (SHARP_PUSH, at(0), at(30))
DEAN_UPDATE = '{"alias":"alice","mobile":"","tags":{"add":["b"],"remove":[]}}'
MEMBERS = '{"registration_ids":{"add":["<rid>"]}}'
IDS = '{"registration_ids":["<rid>"]}'
STATE = '{"msg_id":<msg_id>,"registration_ids":["<rid>"],"data":"<today>"}'
DAYS = "/v3/users?time_unit=DAY&start=<today>&duration=1"
BATCH = '{"pushlist":{"<cid>":{"platform":"all","target":"<rid>","notification":{"alert":"hi"}}}}'
BATCH_OF_TEXT = '{"pushlist":{"<cid>-text":{"platform":"all","target":"alice","notification":"hi"}}}'

FLOWS = {
    "PHP push": [
        ("GET", "/v3/push/cid?count=1&type=push", "", ["cidlist"]),
        ("POST", "/v3//push/validate", PHP_PUSH, PUSH),
        ("POST", "/v3/push", PHP_PUSH, PUSH),
        ("POST", "/v3/push/batch/regid/single", BATCH, ANY),
    ],
    "PHP group": [("POST", "/v3/grouppush", PHP_PUSH, ANY)],
    "PHP device": [
        ("GET", "/v3/devices/<rid>", "", DEVICE),
        ("POST", "/v3/devices/<rid>", '{"tags":{"add":["b"]},"alias":"alice","mobile":"13012345678"}', NOTHING),
        ("GET", "/v3/tags/", "", ["tags"]),
        ("GET", "/v3/tags/a/registration_ids/<rid>", "", ["result"]),
        ("POST", "/v3/tags/b", MEMBERS, NOTHING),
        ("DELETE", "/v3/tags/nosuch", "", NOTHING),
        ("GET", "/v3/aliases/alice", "", ["registration_ids"]),
        ("DELETE", "/v3/aliases/nosuch", "", NOTHING),
        ("POST", "/v3/devices/status/", IDS, ["<rid>"]),
    ],
    "PHP report": [
        ("GET", "/v3/received?msg_ids=<msg_id>", "", ANY),
        ("GET", "/v3/messages/?msg_ids=<msg_id>", "", ANY),
        # With a raw space.
        ("GET", "/v3/users/?time_unit=HOUR&start=<today> 09&duration=1", "", USERS),
        ("POST", "/v3/status/message", STATE, ["<rid>"]),
    ],
    "PHP schedule": [
        ("POST", "/v3/schedules", PHP_TASK, TASK),
        ("GET", "/v3/schedules?page=1", "", LIST),
        ("GET", "/v3/schedules/<task>", "", WHOLE_TASK),
        ("PUT", "/v3/schedules/<task>", '{"name":"other","enabled":false}', WHOLE_TASK),
        ("GET", "/v3/schedules/<task>/msg_ids", "", ["count", "msgids"]),
        ("DELETE", "/v3/schedules/<task>", "", NOTHING),
    ],
    "PHP admin": [
        ("POST", "/v1/app/", '{"app_name":"an app","android_package":"com.example.php","group_name":null}',
         ["app_key", "android_package", "is_new_created", "master_secret"]),
        ("POST", "/v1/app/<app_key>/delete", "[]", ["success"]),
    ],
    "Ruby push": [
        ("GET", "/v3/push/cid?count=1&type=push", "", ["cidlist"]),
        ("POST", "/v3/push/", RUBY_PUSH, PUSH),
        ("POST", "/v3/push/validate", RUBY_PUSH, PUSH),
        ("POST", "/v3/push/batch/regid/single", BATCH, ANY),
        # A plain text for a notification fails for its item alone; here it is the only one.
        ("POST", "/v3/push/batch/alias/single", BATCH_OF_TEXT, (400, 1003)),
    ],
    "Ruby device": [
        ("POST", "/v3/devices/<rid>", "{}", NOTHING),
        ("GET", "/v3/devices/<rid>", "", DEVICE),
        ("POST", "/v3/tags/b", '{"registration_ids":{"add":["<rid>"],"remove":["nosuch"]}}', (400, 7013)),
        ("POST", "/v3/devices/status", IDS, ["<rid>"]),
        ("GET", "/v3/devices/nosuch", "", (404, 7002)),
    ],
    "Ruby report": [
        ("GET", "/v3//received?msg_ids=<msg_id>", "", ANY),
        ("GET", "/v3//messages?msg_ids=<msg_id>", "", ANY),
        ("GET", "/v3//users?time_unit=DAY&start=<today>&duration=1", "", USERS),
        ("POST", "/v3/status/message", '{"msg_id":<msg_id>,"registration_ids":["ee323rsdf"]}', ["ee323rsdf"]),
    ],
    "Ruby schedule": [
        ("POST", "/v3/schedules/", RUBY_TASK, TASK),
        ("GET", "/v3/schedules/?page", "", LIST),
        ("PUT", "/v3/schedules/<task>", '{"name":"other"}', WHOLE_TASK),
        ("DELETE", "/v3/schedules/<task>", "", NOTHING),
    ],
    "Node push": [
        ("GET", "/v3/push/cid", "", ["cidlist"]),
        ("POST", "/v3/push", NODE_PUSH, PUSH),
        ("POST", "/v3/push/validate", NODE_PUSH, PUSH),
    ],
    "Node device": [
        ("POST", "/v3/devices/<rid>", '{"tags":{},"alias":"alice"}', NOTHING),
        ("GET", "/v3/tags/", "", ["tags"]),
        ("GET", "/v3/tags//a/registration_ids/<rid>", "", ["result"]),
        ("DELETE", "/v3/tags//nosuch", "", NOTHING),
        ("GET", "/v3/aliases/alice/", "", ["registration_ids"]),
        ("DELETE", "/v3/aliases/nosuch/", "", NOTHING),
        ("POST", "/v3/devices/status/", IDS, ["<rid>"]),
    ],
    "Node report": [
        # Its query strings get lost, so that it must live with the refusal.
        ("GET", "/v3/received", "", (400, 3002)),
        ("POST", "/v3/status/message", '{"msg_id":"<msg_id>","registration_ids":["<rid>"]}', ["<rid>"]),
    ],
    "Node schedule": [
        ("POST", "/v3/schedules", PHP_TASK, TASK),
        ("GET", "/v3/schedules", "", LIST),
        ("DELETE", "/v3/schedules/<task>", "", NOTHING),
    ],
    "old Java push": [
        ("POST", "/v3/push", JAVA_PUSH, PUSH),
        ("DELETE", "/v3/push/<push>", "", NOTHING),
        ("POST", "/v3/push/validate", JAVA_PUSH, PUSH),
        ("POST", "/v3/push/batch/regid/single", BATCH, ANY),
    ],
    "old Java device": [
        ("GET", "/v3/devices/<rid>", "", DEVICE),
        ("POST", "/v3/devices/<rid>", '{"alias":"alice","tags":{"add":["b"],"remove":["c"]}}', NOTHING),
        ("GET", "/v3/tags/", "", ["tags"]),
        ("GET", "/v3/aliases/alice?platform=android,ios", "", ["registration_ids"]),
        ("POST", "/v3/aliases/alice", '{"registration_ids":{"remove":["<device_id>"]}}', NOTHING),
    ],
    "old Java report": [
        ("GET", "/v3/received/detail?msg_ids=<msg_id>, ,9000000000000001", "", ANY),
        ("GET", "/v3/messages/detail?msg_ids=<msg_id>", "", ANY),
        ("GET", DAYS, "", USERS),
        ("POST", "/v3/status/message", '{"msg_id":<msg_id>,"registration_ids":["<rid>"],"date":"<today>"}', ["<rid>"]),
    ],
    "old Java schedule": [
        ("POST", "/v3/schedules", PHP_TASK, TASK),
        ("GET", "/v3/schedules?page=1", "", LIST),
        ("PUT", "/v3/schedules/<task>", '{"name":"other"}', WHOLE_TASK),
        ("DELETE", "/v3/schedules/<task>", "", NOTHING),
    ],
    "old Java admin": [("DELETE", "/v1/app/<app_key>/delete", "", ["success"])],
    "old Java file": [
        ("POST", "/v3/files/alias", [("ttl", None, b"24"), ("filename", "l.txt", b"alice")], ["file_id"]),
        ("GET", "/v3/files/", "", ["total_count", "files"]),
        ("DELETE", "/v3/files/<made>", "", NOTHING),
    ],
    "new Java push": [
        ("GET", "/v3/push/cid?type=schedule&count=2", "", ["cidlist"]),
        ("POST", "/v3/push", NEW_JAVA_PUSH, PUSH),
        ("DELETE", "/v3/push/<push>", "", NOTHING),
        ("GET", "/v3/push/quota", "", ["code", "message", "data"]),
        ("POST", "/v3/push/template", '{"id":"hello","params":[{"keys":{"name":"you"},"audience":{"alias":["alice"]}}]}',
         ["code", "message", "data"]),
    ],
    "new Java device": [
        ("GET", "/v3/aliases/alice?new_format=true", "", ["data"]),
        ("POST", "/v3/aliases/alice", '{"registration_ids":{"remove":["<device_id>"]}}', NOTHING),
        ("GET", "/v3/tags", "", ["tags"]),
    ],
    "new Java report": [
        ("GET", "/v3/received/detail?msg_ids=<msg_id>", "", ANY),
        ("POST", "/v3/status/message", '{"msg_id":<msg_id>,"registration_ids":["<rid>"]}', ["<rid>"]),
        ("GET", DAYS, "", USERS),
    ],
    "new Java schedule": [("POST", "/v3/schedules", PHP_TASK.replace(PHP_PUSH, NEW_JAVA_PUSH), TASK)],
    "new Java file": [
        ("POST", "/v3/files/registration_id", [("filename", "l.txt", b"<rid>\n")], ["file_id"]),
        ("GET", "/v3/files/<made>", "", ["file_id", "type", "file_name", "create_time", "expire_time"]),
        ("DELETE", "/v3/files/<made>", "", NOTHING),
    ],
    "C# push": [("POST", "/v3/push", SHARP_PUSH, PUSH), ("POST", "/v3/push/validate", SHARP_PUSH, PUSH)],
    "C# device": [
        ("GET", "/v3/tags/", "", ["tags"]),
        ("POST", "/v3/devices/status/", IDS, ["<rid>"]),
        ("DELETE", "/v3/aliases/nosuch?platform=android", "", NOTHING),
    ],
    "C# report": [("GET", "/v3/received?msg_ids=<msg_id>", "", ANY), ("POST", "/v3/status/message", STATE, ["<rid>"])],
    "C# schedule": [
        ("POST", "/v3/schedules", SHARP_TASK, TASK),
        ("GET", "/v3/schedules/<task>", "", WHOLE_TASK),
        ("DELETE", "/v3/schedules/<task>", "", NOTHING),
    ],
    "Go push": [
        ("HEAD", "/", "", ANY),
        ("POST", "/v3/push", NEW_JAVA_PUSH, PUSH),
        ("DELETE", "/v3/push/<push>", "", NOTHING),
        ("GET", "/v3/push_plan/list?page=1&page_size=10", "", ["code", "message", "data"]),
    ],
    "Go device": [
        ("POST", "/v3/devices/<device_id>", DEAN_UPDATE, NOTHING),
        ("GET", "/v3/aliases/alice?platform=", "", ["registration_ids"]),
        ("DELETE", "/v3/tags/nosuch?platform=", "", NOTHING),
        ("POST", "/v3/test/model/add", '{"device_name":"desk","registration_id":"<device_id>"}', NOTHING),
        ("GET", "/v3/test/model/list", "", ["total", "page", "page_size", "detail"]),
    ],
    "Go report": [("GET", "/v3/messages/detail?msg_ids=<msg_id>", "", ANY), ("GET", DAYS, "", USERS)],
    "Go schedule": [("POST", "/v3/schedules", PHP_TASK, TASK), ("DELETE", "/v3/schedules/<task>", "", NOTHING)],
    "Go file": [
        ("POST", "/v3/files/alias", [("filename", "l.txt", b"alice\r\n"), ("ttl", None, b"24")], ["file_id"]),
        ("DELETE", "/v3/files/<made>", "", NOTHING),
    ],
}


@pytest.mark.parametrize("flow", FLOWS)
def test_flow(world, flow):
    client, family = flow.rsplit(" ", 1)
    auth = world.auths[{"group": "group", "admin": "developer"}.get(family, "app")]
    made = {"cid": "flow" + world.number()}

    def filled(text):
        return re.sub(r"<(\w+)>", lambda name: made[name[1]] if name[1] in made else getattr(world, name[1])(), text)

    for method, path, body, expected in FLOWS[flow]:
        content = {"form": body} if isinstance(body, list) else {"body": filled(body).encode() or None}
        answer = send(world.server.api, CLIENTS[client], method, filled(path), auth, **content)
        step = (method, path, answer.status, answer.body)
        if method == "HEAD":
            assert answer.body == b"", step
            continue
        found = answer.json()
        if isinstance(expected, tuple):
            assert (answer.status, found["error"]["code"]) == expected, step
            continue
        assert answer.status == 200, step
        assert expected is ANY or sorted(found) == sorted(filled(key) for key in expected), step
        made |= {name: found[key] for name, key in REMEMBERED.items() if key in found}


# What later steps of a flow name, by the key under which an answer brings it.
REMEMBERED = {"push": "msg_id", "task": "schedule_id", "made": "file_id", "app_key": "app_key"}
