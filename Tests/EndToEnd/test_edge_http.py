"""The edge over plain HTTP, for devices without WebSocket."""

import json
import time

import pytest
import requests

SECONDS = 15


@pytest.fixture
def registered(app):
    answer = requests.post(
        app.server.edge_http("/v1/edge/registrations"),
        json={"app_key": app.key, "platform": "android", "tags": ["a"]},
        timeout=SECONDS,
    )
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert set(body) == {"registration_id", "secret"}
    return body["registration_id"], body["secret"]


def frames(app, registered, body):
    answer = requests.post(app.server.edge_http("/v1/edge/frames"), json=body, auth=registered, timeout=SECONDS)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith("application/json")
    return answer.json()


def events(app, registered):
    """The events of one stream, each as a dictionary of its fields. Ends with the test or at the deadline."""
    end = time.monotonic() + SECONDS
    with requests.get(app.server.edge_http("/v1/edge/events"), auth=registered, stream=True, timeout=SECONDS) as stream:
        assert stream.status_code == 200, stream.text
        assert stream.headers["Content-Type"].split(";")[0] == "text/event-stream"
        stream.encoding = "utf-8"
        fields = {}
        # In single bytes, because a larger read would wait for more than the event that is there.
        for line in stream.iter_lines(chunk_size=1, decode_unicode=True):
            assert time.monotonic() < end, "no further event in time"
            if line:
                name, _, value = line.partition(":")
                if name:  # a line that begins with a colon is a comment that keeps the connection awake
                    fields[name] = value.removeprefix(" ")
            elif fields:
                yield fields
                fields = {}


def pushes(app, registered):
    for event in events(app, registered):
        if event["event"] == "push":
            frame = json.loads(event["data"])
            assert frame["op"] == "push"
            assert event["id"] == frame["msg_id"]
            yield frame


def test_stream_brings_what_waits_and_what_comes(app, registered):
    waiting = app.alert("waiting")
    stream = pushes(app, registered)
    first = next(stream)
    assert (first["msg_id"], first["notification"]) == (waiting, {"alert": "waiting"})
    coming = app.alert("coming")
    assert next(stream)["msg_id"] == coming
    stream.close()


def test_stream_brings_again_what_was_not_acked(app, registered):
    kept, done = app.alert("kept"), app.alert("done")
    stream = pushes(app, registered)
    assert [next(stream)["msg_id"] for _ in range(2)] == [kept, done]
    stream.close()
    assert frames(app, registered, {"op": "ack", "msg_ids": [done]}) == [{"op": "acked", "msg_ids": [done]}]
    last = app.alert("last")
    stream = pushes(app, registered)
    assert [next(stream)["msg_id"] for _ in range(2)] == [kept, last]
    stream.close()


def test_acks_over_http_count_once(app, registered):
    msg_id = app.push(platform="android")
    stream = pushes(app, registered)
    assert next(stream)["msg_id"] == msg_id
    stream.close()
    for _ in range(2):
        frames(app, registered, {"op": "ack", "msg_id": msg_id})
    assert app.received(msg_id) == 1


def test_several_frames_are_answered_in_their_order(app, registered):
    answers = frames(
        app,
        registered,
        [
            {"op": "tags", "add": ["b"], "ref": 1},
            {"op": "nosuch", "ref": "two"},
            {"op": "alias", "alias": "bob", "ref": 3},
        ],
    )
    assert [(answer["op"], answer["ref"]) for answer in answers] == [("ok", 1), ("error", "two"), ("ok", 3)]
    app.push(audience={"tag_and": ["a", "b"], "alias": ["bob"]})


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/edge/events"), ("POST", "/v1/edge/frames")])
def test_wrong_credentials_are_refused(app, registered, method, path):
    registration_id, _ = registered
    for credentials in (None, (registration_id, "0" * 32), ("1" + "0" * 18, "0" * 32)):
        answer = requests.request(
            method, app.server.edge_http(path), auth=credentials, json={"op": "ping"}, timeout=SECONDS
        )
        assert answer.status_code == 401
        assert set(answer.json()) == {"error"}


def test_registration_with_an_unknown_app_key_is_refused(app):
    answer = requests.post(
        app.server.edge_http("/v1/edge/registrations"),
        json={"app_key": "0" * 24, "platform": "android"},
        timeout=SECONDS,
    )
    assert answer.status_code in {400, 401}
    assert set(answer.json()) == {"error"}


def test_both_listeners_tell_that_they_serve(app):
    for url in (app.server.api + "/healthz", app.server.edge_http("/healthz")):
        answer = requests.get(url, timeout=SECONDS)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_edge_does_not_carry_the_rest_api(app):
    answer = requests.post(app.server.edge_http("/v3/push"), auth=(app.key, app.secret), json={}, timeout=SECONDS)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, 404)
