"""A stop and a new start on the same folder: nothing that was answered is forgotten."""

import os
import pathlib

import pytest
import requests

from apus import eventually


def test_what_waits_comes_and_reports_stay(own_server, devices):
    app = own_server.app()
    device = devices(own_server).register(app, tags=["a"], alias="alice")
    away = devices(own_server).register(app, "ios")
    away.drop()
    acked = app.alert("acked")
    kept = app.alert("kept")
    assert device.alerts(2) == ["acked", "kept"]
    device.ack(acked)
    device.click(acked)
    withdrawn = app.alert("withdrawn")
    app.request("DELETE", f"/v3/push/{withdrawn}")
    before = app.counts(acked, kept, withdrawn)
    device.drop()

    own_server.stop()
    own_server.start()

    assert app.counts(acked, kept, withdrawn) == before
    assert before[acked]["android"]["received"] == before[acked]["android"]["click"] == 1
    assert device.login() == 1
    assert device.push()["msg_id"] == kept
    device.ack(kept)
    assert app.android(kept)["received"] == 1
    assert away.login() == 2
    assert [push["msg_id"] for push in away.pushes(2)] == [acked, kept]
    assert device.quiet()
    assert away.quiet()


def test_audience_is_the_same(own_server, devices):
    app = own_server.app()
    device = devices(own_server).register(app, tags=["a", "b"], alias="alice")
    assert device.ask({"op": "tags", "remove": ["b"]})["op"] == "ok"
    device.drop()
    own_server.stop()
    own_server.start()
    device.login()
    assert app.push(audience={"tag": ["a"], "alias": ["alice"]}) == device.push()["msg_id"]
    assert app.try_push(audience={"tag": ["b"]}).json()["error"]["code"] == 1011


def test_cid_gives_the_same_answer(own_server, devices):
    app = own_server.app()
    device = devices(own_server).register(app)
    first = app.push(cid="once")
    device.push()
    device.ack(first)
    device.drop()
    own_server.stop()
    own_server.start()
    assert app.push(cid="once") == first
    assert device.login() == 0
    assert device.quiet()


def test_message_ids_go_on(own_server, devices):
    app = own_server.app()
    devices(own_server).register(app)
    before = [app.push() for _ in range(3)]
    own_server.stop()
    own_server.start()
    after = [app.push() for _ in range(3)]
    assert len({*before, *after}) == 6


def test_devices_are_told_that_the_server_goes(own_server, devices):
    app = own_server.app()
    device = devices(own_server).register(app)
    msg_id = app.push()
    assert device.push()["msg_id"] == msg_id
    device.ack(msg_id)
    own_server.stop()
    assert device.close_code() == 1001
    assert device.next("bye")["reason"] == "draining"
    own_server.start()
    assert app.received(msg_id) == 1


def test_stopped_server_answers_nobody(own_server):
    own_server.stop()
    with pytest.raises(requests.ConnectionError):
        requests.get(own_server.api + "/healthz", timeout=5)


def test_changes_made_while_it_was_down_are_known_at_the_start(own_server):
    app = own_server.app()
    own_server.stop()
    own_server.update(app, "--block")
    own_server.start()
    assert app.get("/v3/push/cid").json()["error"]["code"] == 2003
    own_server.update(app, "--unblock")
    eventually(lambda: app.get("/v3/push/cid").status_code == 200, 5, "the app is served again")


def test_it_has_a_loop_for_each_processor_that_it_may_run_on(own_server):
    own_server.stop()
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        own_server.start()
    finally:
        os.sched_setaffinity(0, allowed)
    tasks = pathlib.Path(f"/proc/{own_server.child.pid}/task").glob("*/comm")
    # A thread that a loop starts has the name of that loop.
    assert len({name for task in tasks if (name := task.read_text()).startswith("NIO-SGLTN")}) == 1
