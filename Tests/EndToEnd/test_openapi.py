"""`docs/openapi.yaml` against the server: it is well-formed, and every answer to generated requests is in it.

The requests are the same in every run. They reach each operation with what its schema allows and with what it forbids, and with
the names of things that are there as well as with made-up ones.
"""

import collections
import datetime
import json
import pathlib
import uuid

import hypothesis
import openapi_spec_validator
import openapi_spec_validator.readers
import pytest
import requests
import schemathesis
import schemathesis.config
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

import apus
from conftest import serving

DOCUMENT = pathlib.Path(__file__).parents[2] / "docs" / "openapi.yaml"
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
# Beside those that the coverage phase makes of every constraint of the schema.
EXAMPLES_PER_OPERATION = 10
# The first requests of each operation that are sent once more with the names of what is there.
REPEATS_PER_OPERATION = 12
UNLIMITED = [
    option
    for limit in (
        "push_per_minute",
        "report_per_minute",
        "device_per_minute",
        "schedule_per_minute",
        "file_per_minute",
        "admin_per_minute",
        "broadcasts_per_day",
        "timed_pushes_running",
        "schedules_live",
    )
    for option in ("--limit", f"{limit}=0")
]

schema = schemathesis.openapi.from_path(
    DOCUMENT,
    config=schemathesis.config.SchemathesisConfig(
        seed=1,
        projects=schemathesis.config.ProjectsConfig(
            default=schemathesis.config.ProjectConfig(
                generation=schemathesis.config.GenerationConfig(deterministic=True, with_security_parameters=False),
                phases=schemathesis.config.PhasesConfig(
                    # Another method than the document has is answered with 405, which the conformance cases hold.
                    coverage=schemathesis.config.CoveragePhaseConfig(unexpected_methods=set())
                ),
            )
        ),
    ),
)


UTC8 = datetime.timezone(datetime.timedelta(hours=8))
PUSH = {"platform": "all", "audience": "all", "notification": {"alert": "hi"}}
PUSH_OF_TEMPLATE = {name: PUSH[name] for name in ("platform", "notification")}
IMAGES = {"image_type": 1, "image_url": "https://example.com/1.png"}

PICTURES = {"image_type": 1, "xiaomi_file": b"\x89PNG\r\n\x1a\n" + bytes(32)}

# What takes no value that could be wrong.
HARMLESS = {"GET /healthz", "GET /v3/push/quota", "GET /v3/files", "DELETE /v3/files/{file_id}", "GET /v3/tags"}


class World:
    """A server with an app, a group and a developer, and the names of what is there."""

    def __init__(self, server):
        self.server = server
        self.app = server.app()
        developer = self.made("developer", "create", "a developer", "--app", self.app.key)
        group = self.made("group", "create", "a group", "--app", self.app.key)
        self.callers = {
            "app": (self.app.key, self.app.secret),
            "group": ("group-" + group["group_key"], group["master_secret"]),
            "developer": (developer["dev_key"], developer["dev_secret"]),
        }
        for who, path in (("developer", "/v3/files"), ("group", "/v3/group/messages/detail?group_msgids=gid1")):
            apus.eventually(
                lambda who=who, path=path: self.call("GET", path, who).status_code == 200,
                apus.HONOURED_SECONDS,
                f"the new {who} is known",
            )
        answer = requests.post(
            server.edge_http("/v1/edge/registrations"),
            json={"app_key": self.app.key, "platform": "android", "tags": ["a"], "alias": "alice"},
            timeout=apus.REQUEST_SECONDS,
        )
        assert answer.status_code == 200, answer.text
        self.registration_id = answer.json()["registration_id"]
        self.made("template", "create", "hello", "--app", self.app.key, "--push", json.dumps(PUSH_OF_TEMPLATE))

    def made(self, *arguments):
        return json.loads(apus.succeed(*arguments, "--data", self.server.data, "--json"))

    def call(self, method, path, who="app", **more):
        return requests.request(
            method, self.server.api + path, auth=self.callers[who], timeout=apus.REQUEST_SECONDS, **more
        )

    def names(self, wanted):
        """Names of things that are there, by parameter; made anew, because an operation may delete them."""
        registration_id, alias, tag = self.registration_id, "alice", "a"
        makers = {
            "msg_id": self.app.push,
            "msg_ids": self.app.push,
            "group_msgids": lambda: "gid1",
            "registration_id": lambda: registration_id,
            "alias": lambda: alias,
            "tag": lambda: tag,
            "schedule_id": self.schedule,
            "file_id": self.file,
            "media_id": self.images,
            "app_key": self.other_app,
            "picture": lambda: self.picture,
            "time_unit": lambda: "DAY",
            "start": lambda: datetime.datetime.now(UTC8).strftime("%Y-%m-%d"),
            "duration": lambda: 1,
            "page": lambda: 1,
            "page_size": lambda: 10,
        }
        return {name: makers[name]() for name in wanted & set(makers)}

    def schedule(self):
        return self.call("POST", "/v3/schedules", json=self.task()).json()["schedule_id"]

    def task(self):
        time = datetime.datetime.now(UTC8) + datetime.timedelta(days=30)
        trigger = {"single": {"time": time.strftime("%Y-%m-%d %H:%M:%S")}}
        return {"name": "t", "enabled": True, "trigger": trigger, "push": PUSH}

    def body(self, name):
        """A body that the operation of this name accepts; None where it takes none, or a generated one will do."""
        item = {"platform": "all", "notification": {"alert": "hi"}}
        listed = {"registration_ids": [self.registration_id]}
        bodies = {
            "push": lambda: PUSH,
            "validate": lambda: PUSH,
            "groupPush": lambda: PUSH,
            "pushToFile": lambda: {**PUSH, "audience": {"file": {"file_id": self.file()}}},
            "groupPushToFile": lambda: {**PUSH, "audience": {"file": {"file_id": self.file("developer")}}},
            "batchByRegistrationID": lambda: {"pushlist": {"c1": {**item, "target": self.registration_id}}},
            "batchByAlias": lambda: {"pushlist": {"c2": {**item, "target": "alice"}}},
            "pushTemplate": lambda: {"id": "hello", "params": [{"audience": "all"}]},
            "scheduleTemplate": lambda: {
                "id": "hello",
                "schedule_name": "t",
                "trigger": self.task()["trigger"],
                "params": [{"audience": "all"}],
            },
            "createPlan": lambda: {"name": uuid.uuid4().hex},
            "updatePlan": lambda: {"name": self.plan()},
            "createSchedule": self.task,
            "changeSchedule": lambda: {"enabled": False},
            "messageStatus": lambda: {"msg_id": self.app.push(), **listed},
            "deviceStatus": lambda: listed,
            "changeDevice": lambda: {"tags": {"add": ["b"]}, "alias": "alice"},
            "unbindAlias": lambda: {"registration_ids": {"remove": [self.registration_id]}},
            "updateTag": lambda: {"registration_ids": {"add": [self.registration_id]}},
            "addTestDevice": lambda: self.test_device("DELETE"),
            "renameTestDevice": lambda: self.test_device("POST"),
            "createApp": lambda: {"app_name": "an app", "android_package": "com.example.app"},
            "createImagesByURLs": lambda: IMAGES,
            "updateImagesByURLs": lambda: IMAGES,
            "createImagesByFiles": lambda: PICTURES,
            "updateImagesByFiles": lambda: PICTURES,
        }
        return bodies[name]() if name in bodies else None

    def plan(self):
        name = uuid.uuid4().hex
        assert self.call("POST", "/v3/push_plan/create", json={"name": name}).status_code == 200
        return name

    def test_device(self, method):
        """The entry of the device, after one call that makes it a test device or an ordinary one."""
        entry = {"device_name": "a device", "registration_id": self.registration_id}
        if method == "POST":
            self.call("POST", "/v3/test/model/add", json=entry)
        else:
            self.call("DELETE", f"/v3/test/model/delete/{self.registration_id}")
        return entry

    def file(self, who="app"):
        for file in self.call("GET", "/v3/files", who).json()["files"]:
            self.call("DELETE", f"/v3/files/{file['file_id']}", who)
        return self.call("POST", "/v3/files/alias", who, files={"filename": ("l.txt", "alice\n")}).json()["file_id"]

    def images(self):
        return self.call("POST", "/v3/images/byurls", json=IMAGES).json()["media_id"]

    @property
    def picture(self):
        files = {"xiaomi_file": ("1.png", PICTURES["xiaomi_file"])}
        made = self.call("POST", "/v3/images/byfiles", data={"image_type": "1"}, files=files).json()
        return made["xiaomi_image_url"].rsplit("/", 1)[1]

    def other_app(self):
        body = {"app_name": "other", "android_package": f"com.example.a{uuid.uuid4().hex}"}
        return self.call("POST", "/v1/app", "developer", json=body).json()["app_key"]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("openapi") / "data", *UNLIMITED) as server:
        yield World(server)


@pytest.fixture(scope="module")
def statuses():
    """What each operation was answered with, in order."""
    return collections.defaultdict(list)


def test_document_is_well_formed():
    document, _ = openapi_spec_validator.readers.read_from_filename(str(DOCUMENT))
    openapi_spec_validator.validate(document)


@schema.parametrize()
@hypothesis.settings(
    max_examples=EXAMPLES_PER_OPERATION,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
    suppress_health_check=list(hypothesis.HealthCheck),
)
def test_answers_are_as_documented(case, world, statuses):
    operation = case.operation
    seen = statuses[operation.label]
    security = operation.definition.raw.get("security", [])
    callers = [world.callers[name] for alternative in security for name in alternative] or [None]
    call = {"base_url": world.server.api, "timeout": apus.REQUEST_SECONDS, "checks": CHECKS}
    for auth in callers:
        seen.append(case.call_and_validate(auth=auth, **call).status_code)
    if len(seen) > 2 * len(callers) * REPEATS_PER_OPERATION:
        return
    # And once more with what is there, as far as the operation takes it.
    body = world.body(operation.definition.raw["operationId"])
    names = world.names(set(case.path_parameters or {}) | set(case.query or {}))
    if body is None and not names:
        return
    if body is not None:
        case.body = body
        case.media_type = "multipart/form-data" if body is PICTURES else "application/json"
    for place in (case.path_parameters, case.query):
        for name in set(place or {}) & set(names):
            place[name] = names[name]
    seen.append(case.call_and_validate(auth=callers[0], **call).status_code)


def test_every_operation_has_succeeded_and_failed(statuses):
    """Otherwise the requests above would show nothing."""
    assert len(statuses) > 50
    # Generated forms give a file no name and hold no certificate; the conformance cases upload both.
    uploads = {"POST /v3/files/alias", "POST /v3/files/registration_id", "POST /v1/app/{app_key}/certificate"}
    assert {label for label, seen in statuses.items() if 200 not in seen} <= uploads
    assert [label for label, seen in statuses.items() if set(seen) == {200} and label not in HARMLESS] == []
