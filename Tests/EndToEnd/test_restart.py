"""A stop and a new start on the same folder: nothing that was answered is forgotten."""

import os
import pathlib
import signal
import socket
import time

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


def queued(port, column):
    """Bytes in the kernel's queues of the sockets at a local port: column 0 is what is to be sent, 1 what is to be read."""
    rows = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(int(row[4].split(":")[column], 16) for row in rows if int(row[1].split(":")[1], 16) == port and row[3] == "01")


def accepts(host, port):
    with socket.socket() as other:
        return other.connect_ex((host, port)) == 0


def test_answers_that_a_client_has_not_taken_yet_are_sent_before_it_goes(own_server):
    host, _, port = own_server.api.removeprefix("http://").partition(":")
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(20)
    client.connect((host, int(port)))
    ask = b"GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n"
    client.sendall(ask)
    size = len(client.recv(4096))
    asked = 0

    def held():
        """Bytes of answers that the server holds itself, because the kernel takes no more."""
        kernel = queued(int(port), 0) + queued(client.getsockname()[1], 1)
        return asked * size - kernel if queued(int(port), 1) == 0 else 0

    for _ in range(2000):
        client.sendall(ask * 50)
        asked += 50
        eventually(lambda: queued(int(port), 1) == 0, 5, "the server has read what was asked")
        # Held for good, and not on its way.
        if held() > 0 and all(time.sleep(0.02) is None and held() > 0 for _ in range(3)):
            break
    assert 0 < held() < 60_000

    own_server.child.send_signal(signal.SIGTERM)
    eventually(lambda: not accepts(host, int(port)), 5, "the server takes no new connections")
    # Every connection is told in the same moment.
    time.sleep(0.5)
    received = 0
    while bytes_read := client.recv(65536):
        received += len(bytes_read)
    assert received == asked * size
    client.close()
    assert own_server.child.wait(20) == 0
