"""More than the server can take: it says so at once, keeps what it accepted, spares the others, and gets over it."""

import asyncio
import base64
import contextlib
import json
import os
import pathlib
import threading
import time
import urllib.parse

import pytest

import apus
from device import Device
from net import Caller
from shim import Shim

UNLIMITED = [part for name in ("push", "report", "device") for part in ("--limit", f"{name}_per_minute=0")]
#: Long enough for a busy machine; the server itself takes milliseconds.
SOON_SECONDS = 20
ALIASES = 64
CALLERS = 400
#: What memory may grow by when every queue is full, in MiB (docs/operations.md), with room for a build without
#: optimization.
MEMORY_MAX_MEBIBYTES = 1024


@pytest.fixture
def shim(tmp_path):
    return Shim(tmp_path)


@pytest.fixture
def server(tmp_path, shim):
    limits = ["--limit", "failed_auth_per_minute=0", "--limit", "request_seconds=0"]
    server = apus.Server(tmp_path / "data", *limits, env=shim.environment)
    with contextlib.ExitStack() as stack:
        stack.callback(server.kill)
        server.start()
        yield server
        shim.heal()


def memory_peak(server):
    """The most memory that the server has taken so far, in MiB."""
    status = pathlib.Path(f"/proc/{server.child.pid}/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def busy(status, answer, headers):
    """Whether this is the refusal of a server that has too much to do."""
    if status != 503:
        return False
    assert answer["error"]["code"] == 1030 and int(headers["retry-after"]) > 0, answer
    return True


def batch(number):
    """One push for each alias."""
    items = {
        f"c{number}-{alias}": {"platform": "all", "target": f"a{alias}", "notification": {"alert": "x" * 500}}
        for alias in range(ALIASES)
    }
    return {"pushlist": items}


class Flood:
    """Many callers of one app, each with a batch under way at any time."""

    def __init__(self, server, app):
        self.server = server
        self.app = app
        self.accepted = 0
        self.refused = 0
        self.is_over = False

    async def run(self):
        await asyncio.gather(*[self._call(number) for number in range(CALLERS)])

    async def _call(self, number):
        caller = Caller(self.server, self.app)
        while not self.is_over:
            status, answer, headers = await caller.request("POST", "/v3/push/batch/alias/single", batch(number))
            number += CALLERS
            if busy(status, answer, headers):
                self.refused += ALIASES
                await asyncio.sleep(int(headers["retry-after"]))
                continue
            assert status == 200, answer
            for item in answer.values():
                if "error" in item:
                    assert item["error"]["code"] == 1030, item
                self.accepted += "msg_id" in item
                self.refused += "error" in item
        caller.close()


def test_a_flood_is_refused_and_nobody_else_is(server, shim, tmp_path, monkeypatch):
    # A request of the flood waits behind the flood.
    monkeypatch.setattr("net.REQUEST_SECONDS", 120)
    loud, quiet = server.app("loud", *UNLIMITED), server.app("quiet", *UNLIMITED)
    lines = tmp_path / "devices"
    lines.write_text("".join(json.dumps({"platform": "android", "alias": f"a{n}"}) + "\n" for n in range(ALIASES)))
    apus.succeed("device", "import", lines, "--app", loud.key, "--data", server.data)
    apus.eventually(lambda: loud.try_push(audience={"alias": ["a0"]}).status_code == 200, SOON_SECONDS, "the import")
    before = memory_peak(server)

    async def once(app, push):
        """Posts one push; returns what it came to and how long that took."""
        caller, began = Caller(server, app), time.monotonic()
        status, answer, headers = await caller.request("POST", "/v3/push", push)
        took = time.monotonic() - began
        caller.close()
        return (None if busy(status, answer, headers) else answer["msg_id"]), took

    async def run(phone):
        flood = Flood(server, loud)
        flooding = asyncio.create_task(flood.run())
        # Each commit takes half a second and more from here on, and the flood asks for many times as much.
        shim.slow(0.5)
        end = time.monotonic() + 60
        while flood.refused < ALIASES and time.monotonic() < end:
            await asyncio.sleep(0.05)
        probes, quiet_times = [], []

        async def probe():
            # The app's share of the queue is full but for moments behind a commit: it is told so at once, and not after
            # the queue.
            while not flood.is_over:
                probes.append(asyncio.create_task(once(loud, SINGLE)))
                await asyncio.sleep(0.1)

        probing = asyncio.create_task(probe())
        for _ in range(5):
            msg_id, took = await once(quiet, SINGLE | {"audience": "all"})
            quiet_times.append(took)
            assert (await asyncio.to_thread(phone.push))["msg_id"] == msg_id
        shim.heal()
        flood.is_over = True
        await asyncio.gather(flooding, probing)
        done = await asyncio.gather(*probes)
        flood.accepted += sum(msg_id is not None for msg_id, _ in done)
        return flood, [took for msg_id, took in done if msg_id is None], quiet_times

    with Device(server) as phone:
        phone.register(quiet)
        flood, refusals, quiet_times = asyncio.run(run(phone))
    print(f"accepted {flood.accepted}, refused {flood.refused}; memory {before:.0f} → {memory_peak(server):.0f} MiB")
    print("refusals within", *[f"{took:.2f}" for took in refusals], "s")
    print("another app's pushes within", *[f"{took:.2f}" for took in quiet_times], "s")
    assert refusals and max(refusals) < SOON_SECONDS
    assert max(quiet_times) < SOON_SECONDS
    assert memory_peak(server) - before < MEMORY_MAX_MEBIBYTES
    # It is over: the flood's own app is served again, and all that was accepted is there.
    assert loud.try_push(audience={"alias": ["a0"]}).status_code == 200
    books = json.loads(apus.succeed("ledger", "--json", "--app", loud.key, "--data", server.data))
    assert books["balanced"]
    # Two of them made by this test itself.
    assert books["apps"][0]["messages"] == flood.accepted + 2


SINGLE = {"platform": "all", "audience": {"alias": ["a0"]}, "notification": {"alert": "hi"}}


def test_large_bodies_are_bounded_together(server):
    app = server.app("large", *UNLIMITED)
    with Device(server) as phone:
        phone.register(app)
        before = memory_peak(server)
        parts = urllib.parse.urlsplit(server.api)
        login = base64.b64encode(f"{app.key}:{app.secret}".encode()).decode()
        body = json.dumps({"platform": "all", "audience": "all", "notification": {"alert": "large"}}).encode()
        body += b" " * ((1 << 20) - len(body))
        head = (
            f"POST /v3/push HTTP/1.1\r\nHost: a\r\nAuthorization: Basic {login}\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode()

        async def run():
            streams = [await asyncio.open_connection(parts.hostname, parts.port) for _ in range(200)]
            # All but the last byte of each: nobody is answered, and all of it is there at the same time.
            for _, writer in streams:
                writer.write(head + body[:-1])
                await writer.drain()
            for _, writer in streams:
                writer.write(body[-1:])
            statuses = []
            for reader, writer in streams:
                answer = (await reader.readuntil(b"\r\n\r\n")).decode()
                statuses.append(int(answer.split()[1]))
                assert statuses[-1] != 503 or "retry-after" in answer.lower()
                writer.close()
            return statuses

        statuses = asyncio.run(run())
        assert set(statuses) == {200, 503}, statuses
        assert memory_peak(server) - before < MEMORY_MAX_MEBIBYTES
        assert len(phone.pushes(statuses.count(200))) == statuses.count(200)
        assert phone.quiet()
        # Their memory is free again.
        assert asyncio.run(Caller(server, app).request("POST", "/v3/push", json.loads(body)))[0] == 200


class Crowd(asyncio.Protocol):
    """A device that registers and then takes whatever comes."""

    def __init__(self, app, host, live):
        self.app, self.host, self.live = app, host, live
        self.heard = b""

    def connection_made(self, transport):
        key = base64.b64encode(os.urandom(16)).decode()
        registration = {"op": "register", "app_key": self.app.key, "platform": "android", "tags": ["crowd"]}
        frame = json.dumps(registration).encode()
        assert len(frame) < 126
        transport.write(
            f"GET /v1/edge HTTP/1.1\r\nHost: {self.host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: apus.v1\r\n\r\n".encode()
            + bytes([0x81, 0x80 | len(frame), 0, 0, 0, 0])
            + frame
        )

    def data_received(self, data):
        if self.live.done():
            return
        self.heard += data
        if b'"registered"' in self.heard:
            self.heard = b""
            self.live.set_result(None)


def test_a_broadcast_does_not_hold_up_a_single_push(server):
    crowd_app, other_app = server.app("crowd", *UNLIMITED), server.app("other", *UNLIMITED)
    ready, done = threading.Event(), threading.Event()

    async def crowd():
        parts = urllib.parse.urlsplit(server.edge)
        loop = asyncio.get_running_loop()
        for _ in range(10):
            lives = [loop.create_future() for _ in range(100)]
            for live in lives:
                device = Crowd(crowd_app, parts.netloc, live)
                await loop.create_connection(lambda device=device: device, parts.hostname, parts.port)
            await asyncio.wait_for(asyncio.gather(*lives), 60)
        ready.set()
        await asyncio.to_thread(done.wait)

    crowding = threading.Thread(target=lambda: asyncio.run(crowd()), daemon=True)
    crowding.start()
    assert ready.wait(120)

    def broadcast():
        while not done.is_set():
            assert crowd_app.try_push(audience={"tag": ["crowd"]}, options={"time_to_live": 60}).status_code == 200

    with Device(server) as same, Device(server) as other:
        same.register(crowd_app)
        other.register(other_app)
        broadcasting = threading.Thread(target=broadcast)
        broadcasting.start()
        try:
            took = {}
            for phone, app in [(same, crowd_app), (other, other_app)]:
                for _ in range(20):
                    began = time.monotonic()
                    msg_id = app.push(audience={"registration_id": [phone.registration_id]})
                    assert phone.push()["msg_id"] == msg_id
                    took.setdefault(app.key, []).append(time.monotonic() - began)
        finally:
            done.set()
            broadcasting.join(60)
            crowding.join(60)
    for key, times in took.items():
        whose = "the same" if key == crowd_app.key else "another"
        print(f"{whose} app: median {sorted(times)[10]:.3f}, most {max(times):.3f} s")
        assert max(times) < SOON_SECONDS
