"""What hostile devices do, for real, and what everybody else notices of it.

Every attack runs beside a healthy device and a healthy caller, who must be served all the while; afterwards the server's
descriptors, memory and log must be as if nothing had been. The bounds are loose: they tell service from none.
"""

import base64
import contextlib
import json
import os
import resource
import select
import socket
import ssl
import struct
import subprocess
import threading
import time
import urllib.parse

import pytest
import requests

import apus
from apus import eventually, refusal
from device import Device

#: How many connections are half opened at a time. The number of the contract is 10000.
HALF_OPEN = int(os.environ.get("APUS_HALF_OPEN", "2000"))
PATIENCE = 20
#: From a push to its receipt, beside an attack on two busy cores.
SERVED_SECONDS = 8
RECEIVE_SECONDS = 2
MEBIBYTE = 1 << 20
UNLIMITED = [
    part
    for limit in ("push_per_minute=0", "report_per_minute=0", "device_per_minute=0", f"receive_seconds={RECEIVE_SECONDS}")
    for part in ("--limit", limit)
]


# -- Bytes ----------------------------------------------------------------------------------------------------------------------

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def frame(opcode, payload=b"", final=True, reserved=0, masked=True, length=None):
    """One WebSocket frame; with `length` it declares another length than it has."""
    if isinstance(payload, str):
        payload = payload.encode()
    declared = len(payload) if length is None else length
    bit = 0x80 if masked else 0
    head = bytes([(0x80 if final else 0) | reserved << 4 | opcode])
    if declared < 126:
        head += bytes([bit | declared])
    elif declared < 1 << 16:
        head += struct.pack(">BH", bit | 126, declared)
    else:
        head += struct.pack(">BQ", bit | 127, declared)
    # A mask of zeros leaves the payload readable here and is as good as any.
    return head + (bytes(4) if masked else b"") + payload


def said(**fields):
    return frame(TEXT, json.dumps(fields))


def address(url):
    parts = urllib.parse.urlsplit(url)
    return parts.hostname, parts.port


class Wire:
    """A raw connection to the edge: sends any bytes and reads frames of WebSocket."""

    def __init__(self, server, upgrade=True, buffer=None):
        self.socket = socket.socket()
        if buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(address(server.edge))
        self.read = b""
        if upgrade:
            self.socket.sendall(
                b"GET /v1/edge HTTP/1.1\r\nHost: edge\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: apus.v1\r\nSec-WebSocket-Key: "
                + base64.b64encode(os.urandom(16)) + b"\r\n\r\n"
            )
            while b"\r\n\r\n" not in self.read:
                self._receive()
            head, _, self.read = self.read.partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 101 "), head

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def _receive(self):
        some = self.socket.recv(1 << 16)
        if not some:
            raise EOFError
        self.read += some

    def _frame(self):
        """The first whole frame among the bytes that were read, or None."""
        if len(self.read) < 2:
            return None
        size, start = self.read[1] & 0x7F, 2
        if size == 126:
            if len(self.read) < 4:
                return None
            size, start = struct.unpack(">H", self.read[2:4])[0], 4
        elif size == 127:
            if len(self.read) < 10:
                return None
            size, start = struct.unpack(">Q", self.read[2:10])[0], 10
        if len(self.read) < start + size:
            return None
        opcode, payload = self.read[0] & 0x0F, self.read[start : start + size]
        self.read = self.read[start + size :]
        return opcode, payload

    def next(self):
        while not (found := self._frame()):
            self._receive()
        return found

    def answer(self):
        """The next JSON frame."""
        while True:
            opcode, payload = self.next()
            if opcode == TEXT:
                return json.loads(payload)
            assert opcode != CLOSE, payload

    def ask(self, **fields):
        self.socket.sendall(said(**fields))
        return self.answer()

    def register(self, app, **more):
        answer = self.ask(op="register", app_key=app.key, platform="android", **more)
        assert answer["op"] == "registered", answer
        return answer["registration_id"], answer["secret"]

    def end(self):
        """Reads up to the end, which must come: the JSON frames and the code of the close frame, None without one."""
        frames = []
        try:
            while True:
                opcode, payload = self.next()
                if opcode == TEXT:
                    frames.append(json.loads(payload))
                elif opcode == CLOSE:
                    return frames, struct.unpack(">H", payload[:2])[0] if payload else 0
        except (EOFError, ConnectionError):
            return frames, None

    def flood(self, wire):
        """Sends all of this, reading what comes meanwhile as an attacker has to, until it is sent or nobody takes it."""
        rest, end = memoryview(wire), time.monotonic() + PATIENCE
        with contextlib.suppress(ConnectionError, EOFError):
            # The close frame of 4008, whose sentence stands in no other frame.
            while rest and time.monotonic() < end and b"too many frames per second" not in self.read[-200:]:
                readable, writable, _ = select.select([self.socket], [self.socket], [], 1)
                if readable:
                    self._receive()
                if writable:
                    rest = rest[self.socket.send(rest[: 1 << 16]) :]
        return self


# -- Who must not notice --------------------------------------------------------------------------------------------------------


class Target:
    """A server, and a healthy device and a healthy caller of it."""

    def __init__(self, server):
        self.server = server
        self.app = server.app("victim")
        self.device = Device(server).register(self.app, alias="bystander")
        self.session = requests.Session()
        self.session.auth = (self.app.key, self.app.secret)
        self.slowest = 0.0

    @property
    def pid(self):
        return self.server.child.pid

    def memory(self):
        with open(f"/proc/{self.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * resource.getpagesize()

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def push(self, **over):
        push = {"platform": "all", "audience": {"alias": ["bystander"]}, "notification": {"alert": "hi"}, **over}
        answer = self.session.post(self.server.api + "/v3/push", json=push, timeout=apus.REQUEST_SECONDS)
        assert answer.status_code == 200, answer.text
        return answer.json()["msg_id"]

    def serve_once(self):
        """One push from the caller to the device, acked and counted."""
        begin = time.monotonic()
        msg_id = self.push()
        # Broadcasts of a test may come in between.
        while self.device.push()["msg_id"] != msg_id:
            pass
        self.device.ack(msg_id)
        assert self.app.received(msg_id) == 1
        self.slowest = max(self.slowest, time.monotonic() - begin)

    @contextlib.contextmanager
    def unharmed(self, memory=48 * MEBIBYTE):
        """Serves during the attack and looks at what it left behind."""
        self.serve_once()
        descriptors, resident, log = self.descriptors(), self.memory(), len(self.server.log().splitlines())
        self.slowest, stop, failures, rounds = 0.0, threading.Event(), [], []

        def serve():
            try:
                while not rounds or not stop.is_set():
                    self.serve_once()
                    rounds.append(1)
                    stop.wait(0.02)
            except BaseException as error:  # shown by the test itself
                failures.append(error)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        peak = resident
        try:
            yield
            peak = self.memory()
        finally:
            stop.set()
            thread.join(PATIENCE)
        assert not failures, failures
        assert rounds and self.slowest < SERVED_SECONDS, (len(rounds), self.slowest)
        assert self.server.child.poll() is None
        assert peak - resident < memory, f"{(peak - resident) // MEBIBYTE} MiB more"
        eventually(lambda: self.descriptors() <= descriptors + 2, PATIENCE, "the descriptors are free again")
        self.serve_once()
        # At most one line for each cause in a minute, and there are about a dozen causes.
        new = self.server.log().splitlines()[log:]
        assert len(new) <= 15, new


@pytest.fixture(scope="module")
def target(tmp_path_factory, serve):
    target = Target(serve(tmp_path_factory.mktemp("hostile") / "data", *UNLIMITED))
    yield target
    target.device.drop()


# -- Frames that are none -------------------------------------------------------------------------------------------------------

FRAMES = {
    "declares 2^63 bytes": (frame(TEXT, length=1 << 63), 1002),
    "declares 2^62 bytes": (frame(TEXT, length=1 << 62), 1009),
    "declares a byte too many": (frame(TEXT, length=65537), 1009),
    "fragments that are too long together": (
        frame(TEXT, bytes(40000), final=False) + frame(CONTINUATION, length=40000), 1009),
    "length that is not the shortest": (b"\x81\xfe\x00\x01" + bytes(5), 1002),
    "fragmented ping": (frame(PING, final=False), 1002),
    "ping of 126 bytes": (frame(PING, bytes(126)), 1002),
    "ping that declares 2^40 bytes": (frame(PING, length=1 << 40), 1002),
    "reserved bits": (frame(TEXT, "{}", reserved=4), 1002),
    "reserved opcode": (frame(5), 1002),
    "reserved control opcode": (frame(11), 1002),
    "no mask": (frame(TEXT, "{}", masked=False), 1002),
    "continuation of nothing": (frame(CONTINUATION, "{}"), 1002),
    "bad UTF-8": (frame(TEXT, b'{"op":"\xff"}'), 1007),
    "half a character": (frame(TEXT, b"\xe6\xbc"), 1007),
    "surrogates across fragments": (frame(TEXT, b"\xed", final=False) + frame(CONTINUATION, b"\xa0\x80"), 1007),
    "close with one byte": (frame(CLOSE, b"\x03"), 1002),
    "close with a code that nobody may send": (frame(CLOSE, struct.pack(">H", 1005)), 1002),
    "close with a code out of range": (frame(CLOSE, struct.pack(">H", 65535)), 1002),
    "close that is not UTF-8": (frame(CLOSE, struct.pack(">H", 1000) + b"\xff"), 1002),
    "text after a close": (frame(CLOSE, struct.pack(">H", 1000)) + said(op="ping") * 1000, 1000),
    "HTTP again": (b"GET /v1/edge HTTP/1.1\r\n\r\n", 1002),
    "three binary messages": (frame(BINARY, bytes(9)) * 3, 4002),
    "three interrupted messages": (frame(TEXT, "{", final=False) * 4, 4002),
    "three times no JSON": (frame(TEXT, "{") * 3, 4002),
    "three times NUL": (frame(TEXT, bytes(3)) * 3, 4002),
    "three unknown frames": (said(op="sudo") * 3, 4002),
    "three deep nests": (frame(TEXT, "[" * 60000) * 3, 4002),
    "three huge numbers": (frame(TEXT, '{"op":' + "9" * 60000 + "}") * 3, 4002),
}


@pytest.mark.parametrize("inside", [False, True], ids=["first", "in session"])
def test_bad_frames_end_their_own_connection_alone(target, inside):
    with target.unharmed():
        for name, (wire, code) in FRAMES.items():
            with Wire(target.server) as attacker:
                if inside:
                    attacker.register(target.app)
                with contextlib.suppress(ConnectionError):
                    attacker.socket.sendall(wire)
                frames, found = attacker.end()
                assert found == code, (name, frames)
                assert all(answer["op"] == "error" for answer in frames), (name, frames)


ODD_FRAMES = {
    "doubled keys": ('{"op":"ack","op":"ping","ref":1,"ref":2}', {"pong"}),
    "huge ref": ('{"op":"ping","ref":1e99999}', {"error"}),
    "long ref": ('{"op":"ping","ref":' + "9" * 50000 + "}", {"error"}),
    "huge message number": ('{"op":"ack","msg_id":"' + "9" * 50000 + '"}', {"error"}),
    "negative message number": ('{"op":"ack","msg_id":"-1"}', {"error"}),
    "message number of the last kind": ('{"op":"ack","msg_id":"9223372036854775807"}', {"error"}),
    "message number as a number": ('{"op":"ack","msg_id":1}', {"error"}),
    "too many ids": (json.dumps({"op": "ack", "msg_ids": ["1"] * 1001}), {"error"}),
    "no ids": ('{"op":"ack","msg_ids":[]}', {"error"}),
    "ids of ids": ('{"op":"ack","msg_ids":[["1"]]}', {"error"}),
    "tags of every kind": ('{"op":"tags","set":["a",1,null,{}]}', {"error"}),
    "register again": ('{"op":"register","app_key":"x","platform":"android"}', {"error"}),
    "login again": ('{"op":"login","registration_id":"1","secret":"2"}', {"error"}),
}


def test_odd_frames_are_answered_and_the_session_goes_on(target):
    with Wire(target.server) as attacker:
        attacker.register(target.app)
        for name, (text, ops) in ODD_FRAMES.items():
            attacker.socket.sendall(frame(TEXT, text))
            assert attacker.answer()["op"] in ops, name
        assert attacker.ask(op="ping") == {"op": "pong"}


def test_a_message_of_one_byte_fragments_is_one_message(target):
    text = b'{"op":"register","app_key":"%s","platform":"web"}' % target.app.key.encode()
    wire = frame(TEXT, text[:1], final=False)
    wire += b"".join(frame(CONTINUATION, text[at : at + 1], final=False) for at in range(1, len(text)))
    with Wire(target.server) as attacker:
        for byte in wire + frame(CONTINUATION):
            attacker.socket.send(bytes([byte]))
        assert attacker.answer()["op"] == "registered"


# -- Floods ---------------------------------------------------------------------------------------------------------------------

#: More than a burst and what flows back meanwhile.
FLOOD = 4000
FLOODS = {
    "pings": frame(PING, bytes(125)) * FLOOD,
    "pongs": frame(PONG, bytes(125)) * FLOOD,
    "empty fragments": frame(TEXT, final=False) + frame(CONTINUATION, final=False) * FLOOD,
    "ping frames": said(op="ping") * FLOOD,
    "active": said(op="active") * FLOOD,
    "displays": said(op="display", msg_id="1") * FLOOD,
    "clicks": said(op="click", msg_id="1") * FLOOD,
    "acks": said(op="ack", msg_id="1") * FLOOD,
    "wide acks": said(op="ack", msg_ids=[str(number) for number in range(10**14, 10**14 + 1000)]) * 300,
    "registers": said(op="register", app_key="x", platform="web") * FLOOD,
    "aliases": said(op="alias", alias="") * FLOOD,
    "bad tags": said(op="tags", set=[1]) * FLOOD,
    "tokens": said(op="tokens", tokens={}) * FLOOD,
}


@pytest.mark.parametrize("name", FLOODS)
def test_floods_in_a_session_end_it(target, name):
    with target.unharmed(), Wire(target.server) as attacker:
        attacker.register(target.app)
        _, code = attacker.flood(FLOODS[name]).end()
        # Where the flood goes on beyond the close frame, a reset may overtake it.
        assert code in (4008, None)


@pytest.mark.parametrize("name", ["pings", "pongs", "empty fragments"])
def test_floods_before_the_login_end_the_connection(target, name):
    with target.unharmed(), Wire(target.server) as attacker:
        _, code = attacker.flood(FLOODS[name]).end()
        assert code in (4008, None)


def test_frames_across_reads_do_not_pile_up(target):
    """Each read ends within a frame, so that the decoder never rests."""
    one = frame(TEXT, '{"op":"ping"' + " " * 60000 + "}")
    with target.unharmed(memory=24 * MEBIBYTE), Wire(target.server) as attacker:
        attacker.register(target.app)
        attacker.flood(one[:30000] + (one[30000:] + one[:30000]) * 800)
        assert attacker.answer()["op"] == "pong"
        assert target.descriptors()


def test_dripped_messages_take_no_more_than_their_length(target):
    with target.unharmed(), contextlib.ExitStack() as stack:
        drips = [stack.enter_context(Wire(target.server)) for _ in range(100)]
        for attacker in drips:
            attacker.socket.sendall(frame(TEXT, b"{", length=65536))
        for _ in range(30):
            for attacker in drips:
                attacker.socket.send(b" " * 64)


# -- Receipts of others ---------------------------------------------------------------------------------------------------------


def test_forged_receipts_do_not_count(target, devices):
    other_app = target.server.app("other")
    owner, thief = devices(target.server).register(target.app), devices(target.server).register(target.app)
    foreigner = devices(target.server).register(other_app)
    msg_id = target.push(audience={"registration_id": [owner.registration_id]})
    assert owner.push()["msg_id"] == msg_id
    for forger in (thief, foreigner):
        for op in ("ack", "display", "click"):
            assert forger.ask({"op": op, "msg_id": msg_id})["error"]["code"] == 7002
        answer = requests.post(
            target.server.edge_http("/v1/edge/frames"),
            json=[{"op": "ack", "msg_id": msg_id}, {"op": "click", "msg_id": msg_id}],
            auth=(forger.registration_id, forger.secret),
            timeout=PATIENCE,
        )
        assert [frame["error"]["code"] for frame in answer.json()] == [7002, 7002]
    assert target.app.received(msg_id) == 0
    counts = target.app.android(msg_id)
    assert not any(count for name, count in counts.items() if "click" in name or "display" in name), counts
    owner.ack(msg_id)
    assert target.app.received(msg_id) == 1


def test_plain_requests_full_of_unknown_receipts_are_slowed_down(target, devices):
    attacker = devices(target.server).register(target.app)
    body = json.dumps([{"op": "ack", "msg_ids": [str(10**6 + number) for number in range(1000)]}] * 70)

    def send():
        return requests.post(
            target.server.edge_http("/v1/edge/frames"),
            data=body,
            auth=(attacker.registration_id, attacker.secret),
            timeout=PATIENCE,
        )

    with target.unharmed():
        assert {answer["error"]["code"] for answer in send().json()} == {7002}
        answer = send()
        assert refusal(answer) == (429, 2002) and int(answer.headers["Retry-After"]) >= 1


# -- Half-open connections ------------------------------------------------------------------------------------------------------


def test_half_open_connections_are_freed_and_keep_nobody_out(target, devices):
    begun = [b"", b"GET /v1/ed", b"GET /v1/edge HTTP/1.1\r\nHost: a\r\nX-", b"POST /v1/edge/frames HTTP/1.1\r\nHost: a\r\n"
             b"Content-Length: 1000000\r\n\r\n["]
    with target.unharmed(memory=64 * MEBIBYTE + HALF_OPEN * 16384):
        before, half_open = target.descriptors(), []
        try:
            for number in range(HALF_OPEN):
                connection = socket.create_connection(address(target.server.edge), timeout=PATIENCE)
                half_open.append(connection)
                connection.sendall(begun[number % len(begun)])
            upgraded = [Wire(target.server) for _ in range(HALF_OPEN // 20)]
            begin = time.monotonic()
            fresh = devices(target.server).register(target.app)
            fresh.drop()
            assert fresh.login() == 0
            fresh.drop()
            assert time.monotonic() - begin < SERVED_SECONDS
            eventually(
                lambda: target.descriptors() < before + len(upgraded) + 10, RECEIVE_SECONDS + PATIENCE,
                "the deadlines free what only connected",
            )
            # The first frame has ten seconds.
            for wire in upgraded:
                _, code = wire.end()
                assert code == 4001
        finally:
            for connection in half_open:
                connection.close()


def test_descriptors_that_run_out_harm_nobody(tmp_path):
    server = apus.Server(
        tmp_path / "data", "--limit", "failed_auth_per_minute=0", *UNLIMITED, before=lambda: apus.limit_descriptors(256, 256))
    try:
        server.start()
        target = Target(server)
        with target.unharmed(), contextlib.ExitStack() as stack:
            # A few are left to the healthy caller, who opens one for each call.
            for host, count in ((server.edge, 400), (server.api, 40)):
                for _ in range(count):
                    with contextlib.suppress(OSError):
                        stack.enter_context(socket.create_connection(address(host), timeout=1))
            assert target.descriptors() < 240
            cpu = processor_seconds(target.pid)
            begin = time.monotonic()
            eventually(lambda: time.monotonic() - begin > 1, PATIENCE, "a second has passed")
            assert processor_seconds(target.pid) - cpu < 0.9, "spins"
        device = eventually(lambda: Device(server).register(target.app), PATIENCE, "there is room again")
        device.drop()
        target.device.drop()
        server.stop()
    finally:
        server.kill()


def processor_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# -- Who does not read ----------------------------------------------------------------------------------------------------------


def test_devices_that_do_not_read_are_let_go(target):
    alert = "x" * 3500
    with target.unharmed(memory=64 * MEBIBYTE), contextlib.ExitStack() as stack:
        slow = stack.enter_context(Wire(target.server, buffer=4096))
        name, secret = slow.register(target.app, alias="slow")
        reader = stack.enter_context(Wire(target.server, upgrade=False, buffer=4096))
        second, key = Wire(target.server), base64.b64encode
        with second:
            other, other_secret = second.register(target.app, alias="slow")
        reader.socket.sendall(
            b"GET /v1/edge/events HTTP/1.1\r\nHost: edge\r\nAuthorization: Basic "
            + key(f"{other}:{other_secret}".encode()) + b"\r\n\r\n"
        )
        assert reader.socket.recv(8) == b"HTTP/1.1"
        ids = []
        lost = [
            socket_name(reader.socket), socket_name(slow.socket),
        ]
        for _ in range(3000):
            ids.append(target.push(platform="android", audience={"alias": ["slow"]}, notification={"alert": alert}))
            if len(ids) % 100 == 0 and not set(lost) & established(target.pid):
                break
        assert not set(lost) & eventually_gone(target.pid, lost), "still connected"
    # What was missed waits.
    with Wire(target.server) as again:
        ready = again.ask(op="login", registration_id=name, secret=secret)
        assert ready["op"] == "ready" and ready["pending"] == min(1000, len(ids)), ready


def socket_name(connection):
    return connection.getsockname()[1]


def established(pid):
    """The ports of all peers of established connections, as the kernel lists them."""
    ports = set()
    with open(f"/proc/{pid}/net/tcp", encoding="ascii") as file:
        for line in file.readlines()[1:]:
            _, _, remote, state, *_ = line.split()
            if state == "01":
                ports.add(int(remote.rpartition(":")[2], 16))
    return ports


def eventually_gone(pid, ports):
    return eventually(lambda: (now := established(pid)) and not now & set(ports) and now, PATIENCE, "they are let go")


def test_callers_that_do_not_read_harm_nobody(target):
    asked = (
        b"GET /v3/push/cid?count=1000 HTTP/1.1\r\nHost: api\r\nAuthorization: Basic "
        + base64.b64encode(f"{target.app.key}:{target.app.secret}".encode()) + b"\r\n\r\n"
    )
    with target.unharmed(), contextlib.ExitStack() as stack:
        for _ in range(20):
            caller = socket.socket()
            stack.enter_context(caller)
            caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            caller.connect(address(target.server.api))
            caller.settimeout(0.2)
            with contextlib.suppress(TimeoutError, ConnectionError):
                caller.sendall(asked * 2000)


# -- Credentials ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def guarded(tmp_path):
    server = apus.Server(
        tmp_path / "data", "--limit", "failed_auth_per_minute=5", "--limit", "registrations_per_minute=4")
    try:
        # Made first: asking whether a running server knows it would count.
        made = json.loads(apus.succeed("app", "create", "an app", "--data", server.data, "--json"))
        server.start()
        yield apus.App(server, made["app_key"], made["master_secret"])
        server.stop()
    finally:
        server.kill()


def register(app):
    return requests.post(
        app.server.edge_http("/v1/edge/registrations"), json={"app_key": app.key, "platform": "web"}, timeout=PATIENCE)


def test_wrong_secrets_lock_out_who_tries_them_and_not_the_neighbours(guarded, devices):
    good, bad = devices(guarded.server).register(guarded), devices(guarded.server).register(guarded)
    good.drop()
    bad.drop()

    def failed(registration_id, secret="0" * 32):
        with Wire(guarded.server) as wire:
            wire.socket.sendall(said(op="login", registration_id=registration_id, secret=secret))
            frames, code = wire.end()
        return frames[0]["error"]["code"], code

    for _ in range(2):
        assert failed("1" + "f" * 18) == (7004, 4001)
    for _ in range(3):
        assert failed(bad.registration_id) == (7004, 4001)
    for name in (bad.registration_id, good.registration_id[::-1], "1" + "e" * 18):
        assert failed(name) == (2002, 1013)
    # This very device has failed from here; its neighbour has not.
    assert failed(bad.registration_id, bad.secret) == (2002, 1013)
    assert good.login() == 0
    answer = requests.post(
        guarded.server.edge_http("/v1/edge/frames"), json={"op": "ping"}, auth=("1" + "d" * 18, "x"), timeout=PATIENCE)
    assert refusal(answer) == (429, 2002) and 1 <= int(answer.headers["Retry-After"]) <= 60
    # Callers are counted apart.
    assert guarded.get("/v3/push/cid").status_code == 200
    lines = [line for line in guarded.server.log().splitlines() if "too many failed logins" in line]
    assert len(lines) == 1, lines


def test_a_storm_of_registrations_is_bounded_where_the_operator_says_so(guarded, devices):
    outcomes = [register(guarded) for _ in range(5)]
    assert refusal(outcomes[-1]) == (429, 2002) and int(outcomes[-1].headers["Retry-After"]) >= 1
    with Wire(guarded.server) as wire:
        wire.socket.sendall(said(op="register", app_key=guarded.key, platform="web"))
        frames, code = wire.end()
        assert (frames[0]["error"]["code"], code) == (2002, 1013)
    made = [answer.json() for answer in outcomes if answer.status_code == 200]
    with Wire(guarded.server) as wire:
        known = made[-1]
        answer = wire.ask(op="login", registration_id=known["registration_id"], secret=known["secret"])
        assert answer == {"op": "ready", "pending": 0}


# -- TLS ------------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def secure(tmp_path_factory, serve, certificate):
    return serve(
        tmp_path_factory.mktemp("secure") / "data", *UNLIMITED,
        "--tls-certificate", certificate[0], "--tls-key", certificate[1])


def greet(server, certificate, alpn=("http/1.1",), **versions):
    context = ssl.create_default_context(cafile=str(certificate[0]))
    context.set_ciphers(versions.pop("ciphers", "ALL:@SECLEVEL=0"))
    for name, version in versions.items():
        setattr(context, name, version)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    with socket.create_connection(address(server.edge), timeout=PATIENCE) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as secret:
            return secret.version(), secret.cipher()[0], secret.selected_alpn_protocol()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("version", ["TLSv1", "TLSv1_1"])
def test_old_tls_is_refused(secure, certificate, version):
    old = getattr(ssl.TLSVersion, version)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        greet(secure, certificate, minimum_version=old, maximum_version=old)


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_new_tls_keeps_its_secrets_forward(secure, certificate, version):
    new = getattr(ssl.TLSVersion, version)
    spoken, cipher, protocol = greet(secure, certificate, minimum_version=new, maximum_version=new)
    assert spoken == version.replace("_", ".")
    assert cipher.startswith(("ECDHE-", "TLS_")) and ("GCM" in cipher or "POLY1305" in cipher), cipher
    assert protocol == "http/1.1"


@pytest.mark.parametrize("ciphers", ["AES128-SHA@SECLEVEL=0", "NULL@SECLEVEL=0", "aNULL@SECLEVEL=0"])
def test_weak_ciphers_are_refused(secure, certificate, ciphers):
    with pytest.raises((ssl.SSLError, ConnectionError)):
        greet(secure, certificate, ciphers=ciphers, maximum_version=ssl.TLSVersion.TLSv1_2)


def test_greetings_that_stop_are_freed(secure):
    before = len(os.listdir(f"/proc/{secure.child.pid}/fd"))
    hello = ssl.MemoryBIO()
    silent = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), hello, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        silent.do_handshake()
    wire = hello.read()
    begun = [b"", wire[:40], wire, b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + os.urandom(1000), os.urandom(200)]
    with contextlib.ExitStack() as stack:
        for number in range(300):
            connection = stack.enter_context(socket.create_connection(address(secure.edge), timeout=PATIENCE))
            connection.sendall(begun[number % len(begun)])
        assert requests.get(secure.edge_http("/healthz"), verify=False, timeout=PATIENCE).status_code == 200
        eventually(
            lambda: len(os.listdir(f"/proc/{secure.child.pid}/fd")) <= before + 2, RECEIVE_SECONDS + PATIENCE,
            "the deadline of the greeting frees them",
        )


def certify(folder, begin, end):
    """A certificate for these days, which only the old way of making them can say."""
    (folder / "index").write_text("")
    (folder / "ca.cnf").write_text(
        f"[ca]\ndefault_ca=x\n[x]\ndatabase={folder}/index\nnew_certs_dir={folder}\nserial={folder}/serial\n"
        "default_md=sha256\npolicy=p\nrand_serial=yes\n[p]\ncommonName=supplied\n"
    )
    key, request, certificate = folder / "key.pem", folder / "request.pem", folder / "certificate.pem"
    for command in (
        ["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=localhost",
         "-keyout", key, "-out", request],
        ["ca", "-batch", "-selfsign", "-config", folder / "ca.cnf", "-keyfile", key, "-in", request, "-out", certificate,
         "-notext", "-startdate", begin, "-enddate", end],
    ):
        subprocess.run(["openssl", *map(str, command)], check=True, capture_output=True, timeout=PATIENCE)
    return certificate, key


@pytest.mark.parametrize(
    ("begin", "end", "sentence"),
    [
        ("20200101000000Z", "20200102000000Z", "the certificate has expired"),
        ("20950101000000Z", "20960102000000Z", "the certificate is not valid yet"),
    ],
)
def test_a_certificate_out_of_its_time_stops_the_start(tmp_path, begin, end, sentence):
    certificate, key = certify(tmp_path, begin, end)
    refused_start(tmp_path, certificate, key, str(certificate), sentence)


def test_a_key_of_another_certificate_stops_the_start(tmp_path, certificate):
    other, key = certify(tmp_path, "20200101000000Z", "20960102000000Z")
    refused_start(tmp_path, certificate[0], key, str(key))


def refused_start(folder, certificate, key, *parts):
    done = apus.run(
        "serve", "--data", folder / "data", "--api", "127.0.0.1:0", "--edge", "127.0.0.1:0",
        "--tls-certificate", certificate, "--tls-key", key)
    assert done.returncode not in (0, None) and done.returncode > 0
    assert all(part in done.stderr for part in parts), done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
