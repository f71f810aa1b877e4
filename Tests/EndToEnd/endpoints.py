"""Every endpoint of the API, each with a call that works and the shape of its answer.

A new endpoint is one more line of `ENDPOINTS`; what its path or body names is made by a method of `World`.
"""

import dataclasses
import datetime
import itertools
import json
import re
import subprocess
import types

import requests

import apus

UTC8 = datetime.timezone(datetime.timedelta(hours=8))
HIT = {"platform": "all", "audience": "all", "notification": {"alert": "hi"}}
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
# Options of a server on which everything may be called as often as one likes.
UNLIMITED = [
    option
    for family in ("push", "report", "device", "schedule", "file", "admin")
    for option in ("--limit", f"{family}_per_minute=0")
]


class Each(dict):
    """The shape of every value of a map whose keys are not known before."""


class Some(dict):
    """An object with one or more of these keys and no others."""


def check(value, shape, at="the body"):
    """Requires exactly these keys, recursively. A type stands for any value of it, None for null, a tuple for either."""
    if isinstance(shape, tuple):
        assert value is None or isinstance(value, shape[1]), at
    elif isinstance(shape, Each):
        assert isinstance(value, dict) and value, at
        for key, inner in value.items():
            check(inner, shape["*"], f"{at}.{key}")
    elif isinstance(shape, dict):
        assert isinstance(value, dict), at
        keys = set(shape)
        assert set(value) <= keys and value if isinstance(shape, Some) else set(value) == keys, (at, set(value) ^ keys)
        for key, inner in value.items():
            check(inner, shape[key], f"{at}.{key}")
    elif isinstance(shape, list):
        assert isinstance(value, list) and value, at
        for inner in value:
            check(inner, shape[0], f"{at}[]")
    else:
        # A boolean is an int to Python and not to anybody else.
        assert type(value) is shape, (at, value)


@dataclasses.dataclass(frozen=True, eq=False)
class Endpoint:
    method: str
    # With {names} of `World` methods that make what is to be named.
    path: str
    # As `check` takes it, or made of the world.
    shape: object
    # A JSON body or the parts of a form, made for each call.
    body: object = None
    form: object = None
    who: str = "app"

    @property
    def name(self):
        return f"{self.method} {self.path.partition('?')[0]}"


@dataclasses.dataclass(frozen=True)
class Call:
    """One call of an endpoint, ready to be sent."""

    method: str
    path: str
    auth: tuple
    body: object = None
    form: object = None


class World:
    """A server with one of everything that a call may name."""

    def __init__(self, server, folder, verify=True):
        self.server, self.verify, self._numbers = server, verify, itertools.count(1)
        self.app = server.app("everything", verify=verify)
        developer = self._command("developer", "create", "a developer")
        group = self._command("group", "create", "a group", "--app", self.app.key)
        self._command("template", "create", "hello", "--app", self.app.key, "--push", json.dumps(
            {"platform": "all", "notification": {"alert": "Hello {{name}}"}}
        ))
        self.auths = {
            "app": (self.app.key, self.app.secret),
            "developer": (developer["dev_key"], developer["dev_secret"]),
            "group": ("group-" + group["group_key"], group["master_secret"]),
        }
        self.device = self.device_id()
        self.pushed = self.app.push()
        apus.eventually(lambda: self._ask("developer", "GET", "/v3/files"), apus.HONOURED_SECONDS, "the developer is known")
        self.group_pushed = apus.eventually(
            lambda: self._ask("group", "POST", "/v3/grouppush", json=HIT), apus.HONOURED_SECONDS, "the group is known"
        )["group_msgid"]
        self.files = {who: self._file(who) for who in ("app", "developer")}
        self.certificate = self._pkcs12(folder)

    def call(self, endpoint):
        path = re.sub(r"\{(\w+)\}", lambda name: getattr(self, name[1])(), endpoint.path)
        body = endpoint.body(self) if callable(endpoint.body) else endpoint.body
        form = endpoint.form(self) if endpoint.form else None
        return Call(endpoint.method, path, self.auths[endpoint.who], body, form)

    def shape(self, endpoint):
        return endpoint.shape(self) if isinstance(endpoint.shape, types.FunctionType) else endpoint.shape

    def done(self, answer):
        """Takes away what an answer named, where only so many may be there."""
        if isinstance(answer, dict) and set(answer) == {"file_id"}:
            for who in ("app", "developer"):
                self._ask(who, "DELETE", f"/v3/files/{answer['file_id']}")

    # What calls name, new for each call where the call uses it up

    def rid(self):
        return self.device

    def number(self):
        return str(next(self._numbers))

    def msg_id(self):
        return self.pushed

    def group_msgid(self):
        return self.group_pushed

    def today(self):
        return datetime.datetime.now(UTC8).strftime("%Y-%m-%d")

    def device_id(self):
        answer = requests.post(
            self.server.edge_http("/v1/edge/registrations"),
            json={"app_key": self.app.key, "platform": "android", "tags": ["a"], "alias": "alice"},
            timeout=apus.REQUEST_SECONDS,
            verify=self.verify,
        )
        assert answer.status_code == 200, answer.text
        return answer.json()["registration_id"]

    def test_device(self):
        entry = {"device_name": "desk", "registration_id": self.device_id()}
        assert self._ask("app", "POST", "/v3/test/model/add", json=entry) == {}
        return entry["registration_id"]

    def plan(self):
        name = "plan" + self.number()
        assert self._ask("app", "POST", "/v3/push_plan/create", json={"name": name})["code"] == 0
        return name

    def schedule_id(self):
        return self._ask("app", "POST", "/v3/schedules", json=task(self))["schedule_id"]

    def file_id(self):
        return self.files["app"]

    def new_file_id(self):
        return self._file("app")

    def _file(self, who):
        upload = {"filename": ("list.txt", "alice\n")}
        return self._ask(who, "POST", "/v3/files/alias", files=upload)["file_id"]

    def media_id(self):
        body = {"image_type": 1, "image_url": "https://pictures.example/a.png"}
        return self._ask("app", "POST", "/v3/images/byurls", json=body)["media_id"]

    def app_key(self):
        return self._ask("developer", "POST", "/v1/app", json=new_app(self))["app_key"]

    # How they are made

    def _ask(self, who, method, path, **more):
        answer = requests.request(
            method, self.server.api + path, auth=self.auths[who], timeout=apus.REQUEST_SECONDS, verify=self.verify, **more
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    def _command(self, *arguments):
        return json.loads(apus.succeed(*arguments, "--data", self.server.data, "--json"))

    def _pkcs12(self, folder):
        key, certificate, bundle = (str(folder / name) for name in ("key.pem", "certificate.pem", "bundle.p12"))
        make = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=apns -keyout".split()
        pack = "openssl pkcs12 -export -passout pass:abc -inkey".split()
        for command in ([*make, key, "-out", certificate], [*pack, key, "-in", certificate, "-out", bundle]):
            subprocess.run(command, check=True, capture_output=True, timeout=apus.COMMAND_SECONDS)
        return (folder / "bundle.p12").read_bytes()


def at(days):
    return (datetime.datetime.now(UTC8) + datetime.timedelta(days=days)).strftime("%Y-%m-%d %H:%M:%S")


def task(world):
    return {"name": "task", "enabled": True, "trigger": {"single": {"time": at(1)}}, "push": HIT}


def new_app(world):
    return {"app_name": "an app", "android_package": f"com.example.app{world.number()}", "group_name": None}


def by_batch(target):
    item = {"platform": "all", "notification": {"alert": "hi"}}
    return lambda world: {"pushlist": {"c" + world.number(): {**item, "target": target(world)}}}


def of_file(who):
    return lambda world: {**HIT, "audience": {"file": {"file_id": world.files[who]}}}


def upload(world):
    return [("ttl", None, b"1"), ("filename", "list.txt", b"alice\r\n")]


def picture(world):
    return [("image_type", None, b"1"), ("oppo_file", "p.png", PNG)]


def certificates(world):
    return [("devCertificatePassword", None, b"abc"), ("devCertificateFile", "c.p12", world.certificate)]


COUNT = (None, int)
PUSHED = {"msg_id": str, "sendno": str}
TASK = {"schedule_id": str, "name": str, "enabled": bool, "trigger": dict, "push": dict}
FILE = {"file_id": str, "type": str, "file_name": str, "create_time": str, "expire_time": str}
IMAGE = Some(dict.fromkeys(["media_id", *(f"{vendor}_image_url" for vendor in (
    "jiguang", "xiaomi", "oppo", "huawei", "honor", "fcm", "hmos"
))], str))
USAGE = {"total": int, "used": int}
USERS = {"time_unit": str, "start": str, "duration": int, "items": [Some(dict.fromkeys(
    ("android", "ios", "quickapp", "hmos"), dict
) | {"time": str})]}
DETAIL_PARTS = {
    "details": dict, "jpush": dict, "android_pns": dict, "ios": (None, dict), "winphone": (None, dict),
    "quickapp_jpush": (None, dict), "quickapp_pns": (None, dict),
}
SAID = {"code": int, "message": str}
PLAN = dict.fromkeys(("name", "description", "create_time", "last_used_time"), str) | {"push_count": int, "send_source": int}
TEST_DEVICE = dict.fromkeys(
    ("device_name", "device_model", "registration_id", "registration_time", "create_time"), str
)
PAGE = {"total": int, "page": int, "page_size": int}
SYNCHRONIZED = {"success": str}
RECEIVED = ("android_received", "ios_apns_sent", "ios_apns_received", "ios_msg_received", "wp_mpns_sent")


def ids(world):
    return {"registration_ids": [world.rid()]}


def test_model(world):
    return {"device_name": "table", "registration_id": world.device_id()}


def renamed(world):
    return {"device_name": "shelf", "registration_id": world.test_device()}


def template(world):
    return {"id": "hello", "params": [{"keys": {"name": "you"}, "audience": {"alias": ["alice"]}, "trace_id": "t"}]}


def group_pushed(world):
    return {"group_msgid": str, world.app.key: PUSHED}


def entries(**more):
    return Each({"*": {**more}})


ENDPOINTS = [
    Endpoint("POST", "/v3/push", PUSHED, HIT),
    Endpoint("POST", "/v3/push/validate", PUSHED, HIT),
    Endpoint("GET", "/v3/push/cid?count=2&type=push", {"cidlist": [str]}),
    Endpoint("POST", "/v3/push/batch/regid/single", entries(msg_id=str), by_batch(World.rid)),
    Endpoint("POST", "/v3/push/batch/alias/single", entries(msg_id=str), by_batch(lambda world: "alice")),
    Endpoint("POST", "/v3/grouppush", group_pushed, HIT, who="group"),
    Endpoint("POST", "/v3/push/file", PUSHED, of_file("app")),
    Endpoint("POST", "/v3/grouppush/file", group_pushed, of_file("developer"), who="group"),
    Endpoint("POST", "/v3/push/template", {**SAID, "data": {"push_list": [
        {**SAID, "message_id": str, "trace_id": str}
    ]}}, template),
    Endpoint("POST", "/v3/push/template/schedule", {**SAID, "data": {"schedule_list": [
        {**SAID, "schedule_id": str, "trace_id": str}
    ]}}, lambda world: {**template(world), "schedule_name": "task", "trigger": task(world)["trigger"]}),
    Endpoint("DELETE", "/v3/push/{msg_id}", {}),
    Endpoint("GET", "/v3/push/quota", {**SAID, "data": dict.fromkeys(
        ("xiaomi_quota", "oppo_quota", "vivo_quota"), {"system": USAGE, "operation": USAGE}
    )}),
    Endpoint("POST", "/v3/push_plan/create", SAID, lambda world: {"name": "plan" + world.number(), "description": "d"}),
    Endpoint("PUT", "/v3/push_plan/update", SAID, lambda world: {"name": world.plan(), "description": "other"}),
    Endpoint("GET", "/v3/push_plan/list?page=1&page_size=10&info={plan}&send_source=0", {
        **SAID, "data": {**PAGE, "detail": [Some(PLAN)]}
    }),
    Endpoint("POST", "/v3/schedules", {"schedule_id": str, "name": str}, task),
    Endpoint("GET", "/v3/schedules?page=1", {
        "total_count": int, "total_pages": int, "page": int, "schedules": [TASK]
    }),
    Endpoint("GET", "/v3/schedules/{schedule_id}", TASK),
    Endpoint("PUT", "/v3/schedules/{schedule_id}", TASK, lambda world: {"name": "other"}),
    Endpoint("DELETE", "/v3/schedules/{schedule_id}", {}),
    Endpoint("GET", "/v3/schedules/{schedule_id}/msg_ids", {"count": int, "msgids": list}),
    Endpoint("POST", "/v3/files/alias", {"file_id": str}, form=upload),
    Endpoint("POST", "/v3/files/registration_id", {"file_id": str}, form=upload, who="developer"),
    Endpoint("GET", "/v3/files", {"total_count": int, "files": [FILE]}),
    Endpoint("GET", "/v3/files/{file_id}", FILE),
    Endpoint("DELETE", "/v3/files/{new_file_id}", {}),
    Endpoint("POST", "/v3/images/byurls", IMAGE, {"image_type": 1, "image_url": "https://pictures.example/a.png"}),
    Endpoint("POST", "/v3/images/byfiles", IMAGE, form=picture),
    Endpoint("PUT", "/v3/images/byurls/{media_id}", IMAGE, {"oppo_image_url": "https://pictures.example/b.png"}),
    Endpoint("PUT", "/v3/images/byfiles/{media_id}", IMAGE, form=picture),
    Endpoint("GET", "/v3/received?msg_ids={msg_id}", [{"msg_id": str, **dict.fromkeys(RECEIVED, COUNT)}]),
    Endpoint("GET", "/v3/received/detail?msg_ids={msg_id}", [dict]),
    Endpoint("POST", "/v3/status/message", entries(status=int), lambda world: {"msg_id": world.msg_id(), **ids(world)}),
    Endpoint("GET", "/v3/messages?msg_ids={msg_id}", [{"msg_id": str, "android": dict, "ios": dict, "winphone": dict}]),
    Endpoint("GET", "/v3/messages/detail?msg_ids={msg_id}", [{"msg_id": str, **DETAIL_PARTS}]),
    Endpoint("GET", "/v3/users?time_unit=DAY&start={today}&duration=1", USERS),
    Endpoint("GET", "/v3/group/messages/detail?group_msgids={group_msgid}", [
        {"group_msgid": str, "group_msgids": str, **DETAIL_PARTS}
    ], who="group"),
    Endpoint("GET", "/v3/group/users?time_unit=DAY&start={today}&duration=1", USERS, who="group"),
    Endpoint("GET", "/v3/devices/{rid}", {"tags": list, "alias": str, "mobile": str}),
    Endpoint("POST", "/v3/devices/{device_id}", {}, {"tags": {"add": ["b"], "remove": ["c"]}, "mobile": "13012345678"}),
    Endpoint("POST", "/v3/devices/status", Each({"*": Some(online=bool, last_online_time=str)}), ids),
    Endpoint("GET", "/v3/aliases/alice?platform=android,ios", {"registration_ids": [str]}),
    Endpoint("GET", "/v3/aliases/alice?new_format=true", {"data": [
        {"registration_id": str, "platform": str, "last_online_date": (None, str)}
    ]}),
    Endpoint("DELETE", "/v3/aliases/nobody?platform=ios", {}),
    Endpoint("POST", "/v3/aliases/alice", {}, lambda world: {"registration_ids": {"remove": [world.device_id()]}}),
    Endpoint("GET", "/v3/tags", {"tags": [str]}),
    Endpoint("POST", "/v3/tags/b", {}, lambda world: {"registration_ids": {"add": [world.rid()], "remove": []}}),
    Endpoint("DELETE", "/v3/tags/c?platform=android", {}),
    Endpoint("GET", "/v3/tags/a/registration_ids/{rid}", {"result": bool}),
    Endpoint("POST", "/v3/test/model/add", {}, test_model),
    Endpoint("PUT", "/v3/test/model/update", {}, renamed),
    Endpoint("DELETE", "/v3/test/model/delete/{test_device}", {}),
    Endpoint("GET", "/v3/test/model/list?page=1&page_size=10&registration_id={test_device}", {
        **PAGE, "detail": [TEST_DEVICE]
    }),
    Endpoint("POST", "/v1/app", {
        "app_key": str, "android_package": str, "is_new_created": bool, "master_secret": str
    }, new_app, who="developer"),
    Endpoint("POST", "/v1/app/{app_key}/delete", SYNCHRONIZED, [], who="developer"),
    Endpoint("DELETE", "/v1/app/{app_key}/delete", SYNCHRONIZED, who="developer"),
    Endpoint("POST", "/v1/app/{app_key}/certificate", SYNCHRONIZED, form=certificates, who="developer"),
]
