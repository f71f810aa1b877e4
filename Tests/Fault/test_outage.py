"""What callers are told while the server cannot do as it is asked, by a real cause; and that it goes on by itself.

502: the store is gone. 503: starting, draining, or the store is held up. 504: the request's own time is over. These say
when to come again. 500: the disk refuses writes.
"""

import contextlib
import errno
import fcntl
import json
import os
import signal
import socket
import sqlite3
import subprocess
import threading
import time

import pytest
import requests

import apus
from device import Device
from shim import Shim

RECOVERY_SECONDS = 20


@pytest.fixture
def shim(tmp_path):
    return Shim(tmp_path)


@pytest.fixture
def serve(tmp_path, shim):
    """Starts servers that obey the shim."""
    with contextlib.ExitStack() as stack:

        def start(*options):
            options = ["--limit", "failed_auth_per_minute=0", *options]
            server = apus.Server(tmp_path / "data", *options, env=shim.environment)
            stack.callback(server.kill)
            stack.callback(shim.heal)
            return server.start()

        yield start


@pytest.fixture
def device(serve):
    with contextlib.ExitStack() as stack:
        yield lambda app: stack.enter_context(Device(app.server)).register(app)


def told(answer):
    """Status and business code of a refusal that must say when to come again."""
    assert int(answer.headers["Retry-After"]) > 0
    return apus.refusal(answer)


def accepted_again(app):
    """Waits until a push is accepted, without a restart; returns its number."""
    return apus.eventually(
        lambda: (answer := app.try_push()).status_code == 200 and answer.json()["msg_id"],
        RECOVERY_SECONDS,
        "a push is accepted again",
    )


def test_504_when_the_disk_is_slower_than_the_request_may_take(serve, shim, device):
    app = serve("--limit", "request_seconds=1").app()
    phone = device(app)
    shim.slow(4)
    assert told(app.try_push(cid="late")) == (504, 504)
    shim.heal()
    # It was on its way: asked again under its cid, it is carried out once.
    again = apus.eventually(
        lambda: (answer := app.try_push(cid="late")).status_code == 200 and answer.json()["msg_id"],
        RECOVERY_SECONDS,
        "the push is answered",
    )
    assert phone.push()["msg_id"] == again
    assert phone.quiet()


def test_503_while_another_process_holds_the_store(serve, device):
    app = serve().app()
    phone = device(app)
    other = sqlite3.connect(app.server.data / "apus.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    assert told(app.try_push()) == (503, 1030)
    other.execute("ROLLBACK")
    assert accepted_again(app) == phone.push()["msg_id"]
    assert phone.quiet()


def test_502_while_the_store_is_gone(serve, device):
    app = serve().app()
    phone = device(app)
    before = app.push()
    assert phone.push()["msg_id"] == before
    away = app.server.data.with_name("away")
    app.server.data.rename(away)
    assert told(app.try_push()) == (502, 502)
    assert phone.ask({"op": "ack", "msg_id": before})["error"]["code"] == 502
    health = [app.server.api, app.server.edge_http("")]
    assert [answer_of(url) for url in health] == [502, 502]
    away.rename(app.server.data)
    after = accepted_again(app)
    assert [answer_of(url) for url in health] == [200, 200]
    assert phone.push()["msg_id"] == after
    phone.ack(before, after)
    assert app.received(before) == app.received(after) == 1


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
def test_500_while_the_disk_refuses_writes(serve, shim, device, number):
    app = serve().app()
    phone = device(app)
    shim.fail(1, count=1 << 40, with_errno=number)
    assert apus.refusal(app.try_push(cid="once")) == (500, 1000)
    assert phone.quiet()
    shim.heal()
    after = app.push(cid="once")
    assert phone.push()["msg_id"] == after
    assert phone.quiet()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def starting(data):
    """A server that has only just been started, and the URL at which its API will be."""
    port = free_port()
    command = [apus.binary(), "serve", "--data", data, "--api", f"127.0.0.1:{port}", "--edge", "127.0.0.1:0"]
    with open(data.with_name("log"), "ab") as log:
        child = subprocess.Popen([str(part) for part in command], stderr=log, env=apus.environment())
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        child.kill()
        child.wait()


def answer_of(url):
    """Status of `/healthz`, or None while nobody listens. A refusal must say when to come again."""
    try:
        answer = requests.get(url + "/healthz", timeout=apus.REQUEST_SECONDS)
    except requests.ConnectionError:
        return None
    if answer.status_code != 200:
        told(answer)
    return answer.status_code


def test_502_while_the_store_is_being_opened(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    # Whoever opens or upgrades a store keeps others out by this lock.
    folder = os.open(data, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    with starting(data) as url:
        apus.eventually(lambda: answer_of(url) == 502, apus.START_SECONDS, "502")
        os.close(folder)
        apus.eventually(lambda: answer_of(url) == 200, apus.START_SECONDS, "200")


def test_503_while_a_large_store_is_read(tmp_path):
    data = tmp_path / "data"
    key = json.loads(apus.succeed("app", "create", "large", "--data", data, "--json"))["app_key"]
    lines = tmp_path / "devices"
    with open(lines, "w") as file:
        for number in range(20_000):
            device = {"platform": "android", "alias": f"a{number}", "tags": ["a", f"t{number % 50}"]}
            file.write(json.dumps(device) + "\n")
    apus.succeed("device", "import", lines, "--app", key, "--data", data)
    with starting(data) as url:
        seen = set()
        end = time.monotonic() + apus.START_SECONDS
        while 200 not in seen and time.monotonic() < end:
            seen.add(answer_of(url))
    assert {503, 200} <= seen <= {None, 502, 503, 200}


def test_503_while_draining_and_what_was_accepted_is_answered(serve, shim):
    app = serve().app()
    with Device(app.server) as phone:
        phone.register(app)
        answers = []
        shim.slow(1)
        pushing = threading.Thread(target=lambda: answers.append(app.try_push()))
        with requests.Session() as late:
            late.auth = (app.key, app.secret)
            assert late.get(app.server.api + "/v3/push/cid").status_code == 200
            calls = shim.calls
            pushing.start()
            apus.eventually(lambda: shim.calls > calls, RECOVERY_SECONDS, "the push is being written")
            app.server.child.send_signal(signal.SIGTERM)
            apus.eventually(
                lambda: late.get(app.server.api + "/v3/push/cid").status_code == 503, RECOVERY_SECONDS, "draining"
            )
            assert told(late.post(app.server.api + "/v3/push", json={})) == (503, 1030)
        pushing.join(RECOVERY_SECONDS)
        assert [answer.status_code for answer in answers] == [200]
        shim.heal()
    assert app.server.child.wait(apus.STOP_SECONDS) == 0
    app.server.kill()
