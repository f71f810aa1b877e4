#!/usr/bin/env python3
"""Checks that every conformance case is well-formed; see README.md for the format.

Usage: validate.py [FOLDER]

Says nothing about whether a server passes: it guards the cases themselves against typing errors, which would
otherwise turn into checks that never run. Prints one line per mistake and exits 1 when there is any.
"""

import json
import pathlib
import re
import sys

STATUSES = {200, 400, 401, 403, 404, 405, 410, 429, 500, 502, 503, 504}
CODES = {
    400: {
        1002, 1003, 1005, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 1035, 3002, 3004, 3005, 4002, 4003, 7002, 7008,
        7013, 7015, 8100,
    },
    401: {1004, 3001, 4004, 4005, 4006, 7001, 7004, 8101},
    403: {1105, 2003, 2004, 2005, 2006, 2007},
    404: {404, 1003, 1013, 1020, 7002, 8104},
    405: {405, 1001, 4001},
    410: {410},
    429: {2002, 2008},
    500: {10, 1000},
    502: {502},
    503: {503, 1030},
    504: {504},
}
PLATFORMS = {"android", "ios", "hmos", "quickapp", "web"}
LIMITS = {
    "push_per_minute",
    "report_per_minute",
    "schedule_per_minute",
    "schedules_live",
    "device_per_minute",
    "devices_per_alias",
    "file_per_minute",
    "broadcasts_per_day",
    "time_to_live_max_seconds",
    "offline_per_device",
    "cid_per_call",
    "timed_pushes_running",
    "pushes_per_device_per_day",
    "frames_per_second",
}
SERVER_LIMITS = {
    "admin_per_minute",
    "body_bytes",
    "failed_auth_per_minute",
    "file_bytes",
    "image_bytes",
    "push_per_minute",
    "receive_seconds",
    "registrations_per_minute",
    "request_seconds",
}
GIVEN = {
    "devices": list,
    "limits": dict,
    "server_limits": dict,
    "https_only": bool,
    "blocked": bool,
    "allow_ips": list,
    "vip": bool,
    "trust_proxies": list,
    "saved": list,
    "other_app": dict,
    "developer": dict,
    "group": dict,
}
SAVED = {"kind": str, "name": str, "definition": dict}
OTHER_APP = {"devices": list, "blocked": bool, "vip": bool, "allow_ips": list}
DEVELOPER = {"files": bool, "owns_app": bool}
GROUP = {"empty": bool, "of_developer": bool}
DEVICE = {
    "name": str,
    "platform": str,
    "tags": list,
    "alias": str,
    "mobile": str,
    "online": bool,
    "seen_seconds_ago": int,
    "test": bool,
}
REQUEST = {
    "method": str,
    "path": str,
    "auth": object,
    "headers": dict,
    "json": object,
    "text": str,
    "form": list,
    "chunked": bool,
}
PART = {"name": str, "filename": str, "text": str, "base64": str}
EXPECT = {
    "status": int,
    "code": int,
    "message_contains": list,
    "headers": dict,
    "body": object,
    "body_contains": object,
    "illegal_rids": list,
}
ACTIONS = {
    "connects": bool,
    "disconnects": bool,
    "receives": list,
    "receives_nothing": bool,
    "withdraws": str,
    "acks": str,
    "clicks": str,
    "displays": str,
    "opens": bool,
}
PUSH = {"msg_id": str, "override_msg_id": str, "notification": dict, "message": dict}
AUTH_WORDS = {
    "app",
    "none",
    "wrong-secret",
    "unknown-key",
    "other",
    "group",
    "group-wrong-secret",
    "developer",
    "developer-wrong-secret",
}
PATTERNS = {"<msg_id>", "<any>", "<cid>", "<gid>", "<int>", "<key>", "<time>", "<uuid>"}
# The only key of an expected object that stands for a text with JSON in it.
DOCUMENT = "<json>"
ENDPOINT = {
    "method": str,
    "path": str,
    "beijing": str,
    "name": str,
    "summary": str,
    "query": list,
    "body": str,
    "form": str,
    "answer": str,
    "failure": str,
    "refusals": list,
}
TRIGGER = {
    "source": str,
    "about": str,
    "start": str,
    "end": str,
    "time": str,
    "time_unit": str,
    "frequency": int,
    "point": list,
    "fires": list,
}
ACCOUNTS = {"other": "other_app", "group": "group", "developer": "developer"}
CONSTANTS = {"<app_key>", "<master_secret>", "<credentials>", "<today>", "<month>"}
SOURCE = re.compile(
    r"(README|status-codes|push|report|device|schedule|admin-image-file|edge|limits|cli|sdk-behaviour)\.md"
    r"( §\d+(\.\d+)?)?"
)
FILE_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\.json")
PLACEHOLDER = re.compile(r"<(?:repeat:[^<>]+?:\d+|rid:\w+|(?:time|clock)-in:-?\d+|\w+)>")


class Case:
    """One file and the mistakes found in it."""

    def __init__(self, path):
        self.path = path
        self.mistakes = []
        self.names = set()
        self.saved = set()
        self.accounts = set()

    def wrong(self, place, text):
        self.mistakes.append(f"{self.path}: {place}: {text}")

    def keys(self, place, value, known, required=()):
        """Whether `value` is an object of the known keys, each of its type, and has the required ones."""
        if not isinstance(value, dict):
            self.wrong(place, "must be an object")
            return False
        for key, element in value.items():
            if key not in known:
                self.wrong(place, f"unknown key {key!r}")
            elif known[key] is int and isinstance(element, bool) or not isinstance(element, known[key]):
                self.wrong(f"{place}.{key}", f"must be of type {known[key].__name__}")
        for key in required:
            if key not in value:
                self.wrong(place, f"{key!r} is missing")
        return True

    def check(self, case):
        if not FILE_NAME.fullmatch(self.path.name):
            self.wrong("file name", "must be lower-case words joined by hyphens")
        known = {"source": str, "about": str, "differs": str, "given": dict, "steps": list}
        if not self.keys("case", case, known, ("source", "about", "steps")) or self.mistakes:
            return
        if not SOURCE.fullmatch(case["source"]):
            self.wrong("source", f"{case['source']!r} names no chapter of the contract")
        if not case["about"] or case["about"].endswith("."):
            self.wrong("about", "must be one sentence without its full stop")
        self.check_given(case.get("given", {}))
        if not case["steps"]:
            self.wrong("steps", "must not be empty")
        for index, step in enumerate(case["steps"]):
            self.check_step(f"steps[{index}]", step)

    def check_trigger(self, case):
        required = [key for key in TRIGGER if key != "point"]
        if self.keys("case", case, TRIGGER, required) and not SOURCE.fullmatch(case.get("source", "")):
            self.wrong("source", f"{case['source']!r} names no chapter of the contract")
        if case.get("fires") != sorted(set(case.get("fires", []))):
            self.wrong("fires", "must be days in their order")

    def check_endpoints(self, endpoints, parts):
        """The table of endpoints, against the schemas and parameters that it names."""
        parameters, schemas = parts.get("parameters", {}), parts.get("schemas", {})
        # Printed from the code, and no JSON.
        elsewhere = {"PushRequest", "picture"}
        used = set()
        for index, endpoint in enumerate(endpoints):
            place = f"endpoints[{index}]"
            if not self.keys(place, endpoint, ENDPOINT, ("method", "path", "name", "summary", "answer")):
                continue
            named = {endpoint[key] for key in ("body", "form", "answer", "failure") if key in endpoint}
            for name in named - set(schemas) - elsewhere:
                self.wrong(place, f"no schema {name!r}")
            asked = set(endpoint.get("query", [])) | set(re.findall(r"{(\w+)}", endpoint["path"]))
            for name in asked - set(parameters):
                self.wrong(place, f"no parameter {name!r}")
            if {"body", "form"} <= set(endpoint):
                self.wrong(place, "has both body and form")
            used |= named | asked
        # A schema that is used by a schema alone is named in its text.
        text = json.dumps(parts)
        for name in set(schemas) | set(parameters):
            if name not in used and f"/{name}\"" not in text and name not in {"Error", "Platforms", "Audience", "Time"}:
                self.wrong("schemas", f"{name!r} is used nowhere")

    def check_given(self, given):
        self.keys("given", given, GIVEN)
        for key, known in (("other_app", OTHER_APP), ("developer", DEVELOPER), ("group", GROUP)):
            self.keys(f"given.{key}", given.get(key, {}), known)
        self.accounts = {word for word, key in ACCOUNTS.items() if key in given}
        devices = given.get("devices", [{"name": "d1", "platform": "android"}])
        devices = devices + given.get("other_app", {}).get("devices", [])
        for index, device in enumerate(devices):
            place = f"given.devices[{index}]"
            if not self.keys(place, device, DEVICE, ("name", "platform")):
                continue
            if device.get("platform") not in PLATFORMS:
                self.wrong(place, f"unknown platform {device.get('platform')!r}")
            if device.get("name") in self.names:
                self.wrong(place, f"a second device {device['name']!r}")
            self.names.add(device.get("name"))
            self.check_texts(place, device)
        for index, saved in enumerate(given.get("saved", [])):
            place = f"given.saved[{index}]"
            if self.keys(place, saved, SAVED, tuple(SAVED)) and saved["kind"] not in {"segment", "abtest", "template"}:
                self.wrong(place, f"unknown kind {saved['kind']!r}")
        for key, known in (("limits", LIMITS), ("server_limits", SERVER_LIMITS)):
            for name, value in given.get(key, {}).items():
                if name not in known or type(value) is not int or value < 0:
                    self.wrong(f"given.{key}", f"{name!r}: {value!r} is no limit")

    def check_step(self, place, step):
        if isinstance(step, dict) and "device" in step:
            self.check_device_step(place, step)
            return
        known = {
            "advance_seconds": int,
            "request": dict,
            "expect": dict,
            "save": dict,
            "times": int,
            "eventually": bool,
        }
        if not self.keys(place, step, known, ("request", "expect")):
            return
        self.check_request(f"{place}.request", step.get("request", {}))
        self.check_expect(f"{place}.expect", step.get("expect", {}), step.get("request", {}).get("method"))
        for name, path in step.get("save", {}).items():
            if name in self.saved:
                self.wrong(place, f"{name!r} is saved twice")
            if not re.fullmatch(r"[a-z]+\d+", name) or not isinstance(path, str) or not path:
                self.wrong(place, f"{name!r}: {path!r} saves nothing")
            self.saved.add(name)

    def check_request(self, place, request):
        self.keys(place, request, REQUEST, ("method", "path"))
        if len({"json", "text", "form"} & set(request)) > 1:
            self.wrong(place, "has more than one of json, text and form")
        for index, part in enumerate(request.get("form", [])):
            if self.keys(f"{place}.form[{index}]", part, PART, ("name",)) and "text" in part and "base64" in part:
                self.wrong(f"{place}.form[{index}]", "has both text and base64")
        auth = request.get("auth", "app")
        if isinstance(auth, dict):
            if set(auth) not in ({"raw"}, {"basic"}):
                self.wrong(place, "auth holds either raw or basic")
        elif auth not in AUTH_WORDS:
            self.wrong(place, f"unknown auth {auth!r}")
        elif auth.split("-")[0] in ACCOUNTS and auth.split("-")[0] not in self.accounts:
            self.wrong(place, f"nobody is {auth!r} here")
        self.check_texts(place, request)

    def check_expect(self, place, expect, method):
        self.keys(place, expect, EXPECT, ("status",))
        status, code = expect.get("status"), expect.get("code")
        if status not in STATUSES:
            self.wrong(place, f"{status!r} is outside the closed set")
        elif status == 200 and ("code" in expect or "message_contains" in expect):
            self.wrong(place, "a success has neither code nor message")
        elif status != 200 and code is None and method not in {"HEAD", "BREW"}:
            self.wrong(place, "a refusal needs its code")
        elif code is not None and code not in CODES[status]:
            self.wrong(place, f"{code} does not go with {status}")
        for name, value in expect.get("headers", {}).items():
            if value is not None and not isinstance(value, str):
                self.wrong(place, f"header {name} must be a text or null")
        self.check_texts(place, expect, PATTERNS)

    def check_device_step(self, place, step):
        known = {"device": str, "advance_seconds": int, "kind": str, **ACTIONS}
        if not self.keys(place, step, known):
            return
        if step["device"] not in self.names:
            self.wrong(place, f"no device {step['device']!r}")
        actions = [key for key in step if key in ACTIONS]
        if len(actions) != 1:
            self.wrong(place, "needs exactly one of " + ", ".join(ACTIONS))
        if "kind" in step and ("clicks" not in step or step["kind"] not in {"notification", "message"}):
            self.wrong(place, "kind goes with clicks and is notification or message")
        for key in ("connects", "disconnects", "receives_nothing", "opens"):
            if step.get(key) is False:
                self.wrong(place, f"{key} can only be true")
        for index, push in enumerate(step.get("receives", [])):
            if self.keys(f"{place}.receives[{index}]", push, PUSH) and not {"notification", "message"} & set(push):
                self.wrong(f"{place}.receives[{index}]", "has neither notification nor message")
        if step.get("receives") == []:
            self.wrong(place, "receives nothing: say receives_nothing")
        self.check_texts(place, step, PATTERNS)

    def check_texts(self, place, value, patterns=frozenset()):
        """Every placeholder in every text of `value`, object keys included, must stand for something."""
        if isinstance(value, dict):
            for key, element in value.items():
                if not (patterns and list(value) == [DOCUMENT]):
                    self.check_texts(place, key, patterns)
                self.check_texts(f"{place}.{key}", element, patterns)
        elif isinstance(value, list):
            for index, element in enumerate(value):
                self.check_texts(f"{place}[{index}]", element, patterns)
        elif isinstance(value, str):
            rest = PLACEHOLDER.sub(lambda match: self.check_placeholder(place, match.group(), value, patterns), value)
            if "<" in rest or ">" in rest:
                self.wrong(place, f"a broken placeholder in {value[:60]!r}")

    def check_placeholder(self, place, placeholder, text, patterns):
        name = placeholder[1:-1]
        if placeholder in PATTERNS:
            if placeholder not in patterns or text != placeholder:
                self.wrong(place, f"the pattern {placeholder} must be a whole expected value")
        elif name.startswith("rid:"):
            if name[4:] not in self.names:
                self.wrong(place, f"no device {name[4:]!r}")
        elif name.rsplit("_", 1)[0] in self.accounts and name.rsplit("_", 1)[1] in {"key", "secret"}:
            pass
        elif not name.startswith(("repeat:", "time-in:", "clock-in:")) and placeholder not in CONSTANTS and name not in self.saved:
            self.wrong(place, f"{placeholder} was not saved before")
        return ""


def reject_duplicates(pairs):
    """A key written twice in a case file is always a mistake (duplicates under test are sent with `text`)."""
    keys = [key for key, _ in pairs]
    for key in set(keys):
        if keys.count(key) > 1:
            raise ValueError(f"the key {key!r} is there twice")
    return dict(pairs)


def check_table(folder):
    """Mistakes of the table of endpoints; none where there is no table."""
    if not folder.is_dir():
        return []
    table = Case(pathlib.Path("api/endpoints.json"))
    try:
        endpoints, parts = (
            json.loads((folder / name).read_text(encoding="utf-8"), object_pairs_hook=reject_duplicates)
            for name in ("endpoints.json", "schemas.json")
        )
        table.check_endpoints(endpoints, parts)
    except (OSError, ValueError) as error:
        table.wrong("file", str(error))
    return table.mistakes


def main():
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent
    others = {"api", "wire"}
    paths = sorted(path for path in root.rglob("*.json") if path.relative_to(root).parts[0] not in others)
    mistakes = check_table(root / "api")
    for path in paths:
        case = Case(path.relative_to(root))
        try:
            content = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=reject_duplicates)
            (case.check_trigger if case.path.parts[0] == "triggers" else case.check)(content)
        except ValueError as error:
            case.wrong("file", str(error))
        mistakes += case.mistakes
    for mistake in mistakes:
        print(mistake, file=sys.stderr)
    if not paths:
        print(f"no cases in {root}", file=sys.stderr)
    print(f"{len(paths)} cases, {len(mistakes)} mistakes")
    return 1 if mistakes or not paths else 0


if __name__ == "__main__":
    sys.exit(main())
