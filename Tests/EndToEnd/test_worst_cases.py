"""Bodies made to be slow, each as long as a body may be: none holds up the server, whatever it is answered.

Most work of a request is done on an event loop. Whatever grows faster than the request does would stop every other
connection of that loop, so each case is sent while others ask for something else.
"""

import contextlib
import json
import threading
import time

import pytest
import requests

import apus
from endpoints import HIT, PNG, at

SIZE = 1 << 20
# Bounds, not expectations: a slow path takes minutes here.
ANSWER_SECONDS = 20
WAIT_SECONDS = 10
OTHERS = 4
# One letter with accents in an order that is not the canonical one: texts like it are slow to compare and to hash.
ACCENTS = "\u0301\u0327" * 220_000
ESCAPED = "\\u0061"


def text(value):
    return json.dumps(value, ensure_ascii=False)


def hit(**more):
    return text({**HIT, **more})


def repeated(opening, unit, closing):
    """As many of one element as there is room for."""
    return opening + ",".join([unit] * ((SIZE - len(opening + closing) - 1) // (len(unit) + 1))) + closing


def names(opening, count, name, value, closing):
    return opening + ",".join(f'"{name}{number}":{value}' for number in range(count)) + closing


def ids(add, remove):
    return lambda: text({"registration_ids": {"add": add, "remove": remove}})


def weekly(unit, point):
    periodical = {"start": at(1), "end": at(50), "time": "10:00:00", "time_unit": unit, "frequency": 1, "point": point}
    return text({"name": "n", "enabled": True, "push": HIT, "trigger": {"periodical": periodical}})


PUSH = hit()[:-1] + ","
PUSHING = ("POST", "/v3/push/validate", "app")
TEMPLATE = ("POST", "/v3/push/template", "app")
BATCH = ("POST", "/v3/push/batch/alias/single", "app")
TAG = ("POST", "/v3/tags/b", "app")
TASKS = ("POST", "/v3/schedules", "app")
URLS = ("POST", "/v3/images/byurls", "app")
BAD_PARAMS = ",".join(['{"audience":1}'] * 1000)

CASES = {
    "the same member again and again": (PUSHING, lambda: repeated(PUSH, '"cid":null', "}")),
    "many members": (PUSHING, lambda: names(PUSH + '"callback":{"params":{', 78_000, "", 1, "}}}")),
    "many unknown members": (PUSHING, lambda: names(PUSH, 68_000, "k", "null", "}")),
    "long names with escapes": (
        PUSHING, lambda: names(PUSH + '"options":{"geofence":{', 31, ESCAPED * 5300, 1, "}}}")
    ),
    "unknown names with escapes": (PUSHING, lambda: names(PUSH, 31, ESCAPED * 5300, "null", "}")),
    "names that begin like known ones": (
        PUSHING, lambda: names(PUSH, 1000, "notific" + ESCAPED * 160, "null", "}")
    ),
    "many empty objects": (PUSHING, lambda: repeated(PUSH + '"callback":{"params":{"a":[', "{}", "]}}}")),
    "deep lists": (PUSHING, lambda: repeated(PUSH + '"callback":{"params":{"a":[', "[" * 50 + "]" * 50, "]}}}")),
    "a long number": (PUSHING, lambda: PUSH + '"options":{"sendno":1' + "0" * 1_000_000 + "}}"),
    "a platform with accents": (PUSHING, lambda: hit(platform=["a" + ACCENTS])),
    "platforms as a text with accents": (PUSHING, lambda: hit(platform="a" + ACCENTS)),
    "an audience with accents": (PUSHING, lambda: hit(audience="a" + ACCENTS)),
    "a segment with accents": (PUSHING, lambda: hit(audience={"segment": ["a" + ACCENTS]})),
    "a test with accents": (PUSHING, lambda: hit(audience={"abtest": ["a" + ACCENTS + ".a"]})),
    "a plan with accents": (PUSHING, lambda: hit(options={"business_operation_code": "a" + ACCENTS})),
    "a badge with accents": (
        PUSHING, lambda: hit(notification={"ios": {"alert": "hi", "badge": "+" + ACCENTS}})
    ),
    "a mobile number with accents": (
        ("POST", "/v3/devices/{rid}", "app"), lambda: text({"mobile": "+" + ACCENTS})
    ),
    "a word for all tags with accents": (
        ("POST", "/v3/devices/{rid}", "app"), lambda: text({"tags": "a" + ACCENTS})
    ),
    "a number of a message with accents": (
        ("POST", "/v3/status/message", "app"), lambda: text({"msg_id": "1" + ACCENTS, "registration_ids": ["1"]})
    ),
    "a day with accents": (
        ("POST", "/v3/status/message", "app"),
        lambda: text({"msg_id": "1", "date": "2" + ACCENTS, "registration_ids": ["1"]}),
    ),
    "a member with accents": (PUSHING, lambda: hit(**{"p" + ACCENTS: 1})),
    "malformed ids": (PUSHING, lambda: hit(audience={"registration_id": ["é" * 250 + str(n) for n in range(1000)]})),
    "a batch behind many lists": (
        BATCH, lambda: repeated("{", '"pushlist":null', names(',"pushlist":{', 1000, "c", 1, "}}"))
    ),
    "a batch with a key of accents": (BATCH, lambda: text({"pushlist": {"e" + ACCENTS: 1}})),
    "params behind many lists": (
        TEMPLATE, lambda: repeated('{"id":"hello",', '"params":null', f',"params":[{BAD_PARAMS}]}}')
    ),
    "a value in many places": (
        TEMPLATE, lambda: text({"id": "much", "params": [{"audience": "all", "keys": {"a": "x" * 1_000_000}}]})
    ),
    "values in many places": (TEMPLATE, lambda: text({"id": "much", "params": [
        {"audience": {"alias": [f"a{number}"]}, "keys": {"a": "x" * 950}} for number in range(1000)
    ]})),
    "a key with accents": (
        TEMPLATE, lambda: text({"id": "hello", "params": [{"audience": "all", "keys": {"name": "x", "a" + ACCENTS: "v"}}]})
    ),
    "two ids with accents": (TAG, ids(["e" + "\u0301\u0327" * 130_000, "e" + "\u0327\u0301" * 120_000], [])),
    "many ids with accents": (TAG, ids(
        ["e" + "\u0301\u0327" * 115 + str(number) for number in range(1000)],
        ["e" + "\u0327\u0301" * 115 + str(number) for number in range(1000)],
    )),
    "many days": (TASKS, lambda: weekly("month", ["01"] * 170_000)),
    "a unit with accents": (TASKS, lambda: weekly("d" + ACCENTS, [])),
    "a weekday with accents": (TASKS, lambda: weekly("week", ["M" + ACCENTS])),
    "an image key with accents": (URLS, lambda: text({"image_type": 1, "i" + ACCENTS: "v"})),
    "an image URL with accents": (URLS, lambda: text({"image_type": 1, "image_url": "h" + ACCENTS})),
    "a device name with accents": (
        ("POST", "/v3/test/model/add", "app"), lambda: text({"registration_id": "1", "device_name": "a" + ACCENTS})
    ),
    "an app name with accents": (
        ("POST", "/v1/app", "developer"), lambda: text({"app_name": "a" + ACCENTS, "android_package": "a.b"})
    ),
    "a push of a group": (
        ("POST", "/v3/grouppush", "group"), lambda: names(PUSH + '"callback":{"params":{', 78_000, "", 1, "}}}")
    ),
    "a long query": (("GET", "/v3/aliases/alice?" + "a=1&" * 3900, "app"), lambda: ""),
    "a long path": (("GET", "/v3/" + "a/" * 7000, "app"), lambda: ""),
    "a long list of numbers": (("GET", "/v3/received?msg_ids=" + "1," * 7000, "app"), lambda: ""),
}


@pytest.fixture(scope="module")
def crowded(world):
    """The world, with a template that says one thing many times."""
    world._command("template", "create", "much", "--app", world.app.key, "--push", json.dumps(
        {"platform": "all", "notification": {"alert": "{{a}}" * 700}}
    ))
    return world


@contextlib.contextmanager
def others(server):
    """Asks for something else all the time, on connections of several loops; yields the longest wait so far."""
    waits, over = [0.0], threading.Event()

    def ask():
        with requests.Session() as session:
            while not over.is_set():
                start = time.monotonic()
                assert session.get(server.api + "/healthz", timeout=60).status_code == 200
                waits.append(time.monotonic() - start)
                over.wait(0.01)

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(OTHERS)]
    for thread in threads:
        thread.start()
    try:
        yield waits
    finally:
        over.set()
        for thread in threads:
            thread.join(60)


@pytest.mark.parametrize("name", CASES)
def test_no_body_holds_up_the_server(crowded, name):
    (method, path, who), make = CASES[name]
    body, path = make().encode(), path.replace("{rid}", crowded.device)
    assert len(body) <= SIZE
    with others(crowded.server) as waits:
        start = time.monotonic()
        answer = requests.request(
            method, crowded.server.api + path, data=body, auth=crowded.auths[who], timeout=60
        )
        took = time.monotonic() - start
    assert answer.status_code < 500 and answer.json() is not None, answer.text[:200]
    assert took < ANSWER_SECONDS and max(waits) < WAIT_SECONDS, (took, max(waits))


def test_pictures_that_are_replaced_stay_within_the_limit(start):
    """Each replacement leaves the one before behind, for pushes that name it, until there is no room."""
    server = start("pictures", "--limit", "images_kept=2", "--limit", "push_per_minute=0")
    app = server.app()
    form = {"image_type": (None, b"1"), "oppo_file": ("p.png", PNG)}
    made = app.request("POST", "/v3/images/byfiles", files=form).json()
    urls = [made["oppo_image_url"]]
    for _ in range(3):
        urls.append(app.request("PUT", f"/v3/images/byfiles/{made['media_id']}", files=form).json()["oppo_image_url"])
    assert [requests.get(url, timeout=apus.REQUEST_SECONDS).status_code for url in urls] == [404, 404, 200, 200]
