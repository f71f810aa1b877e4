"""What no client should send, byte for byte, to both listeners.

Every case checks the same promises: whatever comes back is HTTP/1.1, its status is one of the twelve, a refusal is JSON with an
`error`, a length and the right type, and a good request on a new connection is answered afterwards.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import struct
import subprocess
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Callable, Iterator
from urllib.parse import urlsplit

import pytest

TWELVE = {200, 400, 401, 403, 404, 405, 410, 429, 500, 502, 503, 504}
RECEIVE_SECONDS = 2
BODY_BYTES = 1 << 20
PATIENCE = 8.0


# -- The server ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Listener:
    """One listener, with paths of its own to stand for {get} and {post} in a case."""

    name: str
    address: tuple[str, int]
    get: str
    post: str
    authorization: str
    paths: tuple[tuple[str, bool], ...]

    def connect(self) -> socket.socket:
        connection = socket.create_connection(self.address, timeout=PATIENCE)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection


API_PATHS = (
    ("/v3/push", True), ("/v3/push/validate", True), ("/v3/push/cid", True), ("/v3/received", True),
    ("/v3/status/message", True), ("/v3/messages", True), ("/healthz", True), ("/nope", False),
)
EDGE_PATHS = (
    ("/v1/edge", True), ("/v1/edge/registrations", True), ("/v1/edge/events", True), ("/v1/edge/frames", True),
    ("/healthz", True), ("/nope", False), ("/v3/push", False),
)


@pytest.fixture(scope="module")
def abuse_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Listener]]:
    binary = os.environ["APUS_BINARY"]
    folder = str(tmp_path_factory.mktemp("abuse"))
    server = subprocess.Popen(
        [binary, "serve", "--json", "--data", folder, "--api", "127.0.0.1:0", "--edge", "127.0.0.1:0",
         "--limit", f"receive_seconds={RECEIVE_SECONDS}", "--limit", "request_seconds=5",
         "--limit", "failed_auth_per_minute=0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert server.stdout is not None
        ready = json.loads(server.stdout.readline())
        made = subprocess.run(
            [binary, "app", "create", "abuse", "--data", folder, "--json", "--limit", "push_per_minute=0",
             "--limit", "report_per_minute=0"],
            stdout=subprocess.PIPE, check=True,
        )
        app = json.loads(made.stdout)
        secret = base64.b64encode(f"{app['app_key']}:{app['master_secret']}".encode()).decode()
        listeners = {
            "api": Listener(
                "api", address(ready["api"]), "/v3/push/cid", "/v3/push/validate", f"Basic {secret}", API_PATHS),
            "edge": Listener(
                "edge", address(ready["edge"]), "/healthz", "/v1/edge/registrations", "Basic bm9ib2R5Om5vdGhpbmc=",
                EDGE_PATHS),
        }
        await_good(listeners["api"])
        yield listeners
        assert server.poll() is None, "the server did not outlive the abuse"
    finally:
        server.terminate()
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    assert parts.hostname is not None and parts.port is not None
    return parts.hostname, parts.port


# -- Reading answers ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Outcome:
    """What came back: the answers, and whether the server then ended the connection by itself, and how."""

    answers: list[Answer]
    end: str  # "closed", "reset" or "open"
    seconds: float = 0.0


def receive_all(connection: socket.socket, patience: float = PATIENCE) -> tuple[bytes, str]:
    """Everything until the server ends the connection or says nothing for a while."""
    connection.settimeout(patience)
    received = bytearray()
    while True:
        try:
            some = connection.recv(65536)
        except TimeoutError:
            return bytes(received), "open"
        except ConnectionResetError:
            return bytes(received), "reset"
        if not some:
            return bytes(received), "closed"
        received += some


def parse(wire: bytes, *, is_head: bool = False) -> list[Answer]:
    """Reads HTTP/1.1 answers as strictly as the worst client might."""
    answers: list[Answer] = []
    while wire:
        head, blank, rest = wire.partition(b"\r\n\r\n")
        assert blank, f"an answer without an end of its head: {wire[:200]!r}"
        status_line, *lines = head.decode("ascii").split("\r\n")
        version, status, _reason = status_line.split(" ", 2)
        assert version == "HTTP/1.1", status_line
        headers: dict[str, str] = {}
        for line in lines:
            name, colon, value = line.partition(": ")
            assert colon and name, line
            assert name.lower() not in headers, f"{name} twice"
            headers[name.lower()] = value
        if status == "100":
            assert not lines
            wire = rest
            continue
        assert "transfer-encoding" not in headers
        length = int(headers["content-length"])
        assert length > 0, "an empty body"
        body, wire = (b"", rest) if is_head else (rest[:length], rest[length:])
        assert is_head or len(body) == length, f"{len(body)} of {length} bytes of body"
        answers.append(Answer(int(status), headers, body))
    return answers


def check(answer: Answer, *, is_head: bool = False) -> None:
    assert answer.status in TWELVE, answer
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    if is_head:
        return
    value = json.loads(answer.body)
    if answer.status != 200:
        assert type(value["error"]["code"]) is int
        assert isinstance(value["error"]["message"], str) and value["error"]["message"]
    if answer.status == 401:
        assert answer.headers["www-authenticate"].startswith("Basic realm=")
    if answer.status == 405:
        assert answer.headers["allow"]
    if answer.status in (502, 503, 504):
        assert int(answer.headers["retry-after"]) > 0


def good_answer(listener: Listener) -> Answer:
    with listener.connect() as connection:
        if listener.name == "edge":
            connection.sendall(request("GET", "/healthz", "Connection: close"))
        else:
            body = b'{"platform":"all","audience":"all","notification":{"alert":"good"}}'
            lines = (f"Authorization: {listener.authorization}", "Connection: close")
            connection.sendall(request("POST", "/v3/push/validate", *lines, body=body))
        wire, end = receive_all(connection)
    assert end == "closed"
    (answer,) = parse(wire)
    return answer


def is_good(listener: Listener, answer: Answer) -> bool:
    if listener.name == "edge":
        return answer.status == 200 and json.loads(answer.body) == {"status": "ok"}
    return answer.status == 200 or (answer.status == 400 and json.loads(answer.body)["error"]["code"] == 1011)


def await_good(listener: Listener) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_good(listener, answer := good_answer(listener)):
        assert time.monotonic() < deadline, f"a good request is still answered {answer}"


# -- Writing requests ---------------------------------------------------------------------------------------------------------


def request(method: str, target: str, *lines: str, body: bytes | None = None, version: str = "HTTP/1.1") -> bytes:
    head = [f"{method} {target} {version}", "Host: apus.example", *lines]
    if body is not None:
        head.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*head, "", ""]).encode("utf-8") + (body or b"")


Script = Callable[[socket.socket, Listener], tuple[bytes, str]]


@dataclass(frozen=True)
class Case:
    """What to send, and what may come back.

    In `wire`, {get}, {post} and {auth} stand for what the listener offers.
    """

    name: str
    wire: bytes | Script
    #: The statuses of all answers in order; a set where several are right; None for whatever is lawful, silence included.
    statuses: list[int | set[int]] | None
    end: str | None = "closed"
    is_head: bool = False


def play(case: Case, listener: Listener) -> Outcome:
    began = time.monotonic()
    with listener.connect() as connection:
        if callable(case.wire):
            wire, end = case.wire(connection, listener)
        else:
            send(connection, fill(case.wire, listener))
            wire, end = receive_all(connection)
    return Outcome(parse(wire, is_head=case.is_head), end, time.monotonic() - began)


def fill(wire: bytes, listener: Listener) -> bytes:
    for name, value in (("get", listener.get), ("post", listener.post), ("auth", listener.authorization)):
        wire = wire.replace(b"{%s}" % name.encode(), value.encode())
    return wire


def send(connection: socket.socket, wire: bytes) -> None:
    """Sends as far as the server listens: it may rightly have ended the connection in the middle."""
    try:
        connection.sendall(wire)
    except (BrokenPipeError, ConnectionResetError):
        pass


def judge(case: Case, outcome: Outcome) -> None:
    for answer in outcome.answers:
        check(answer, is_head=case.is_head)
    if case.statuses is not None:
        got = [answer.status for answer in outcome.answers]
        assert len(got) == len(case.statuses), got
        for status, expected in zip(got, case.statuses):
            assert status in (expected if isinstance(expected, set) else {expected}), got
    if case.end is not None:
        assert outcome.end == case.end


def malformed(name: str, wire: bytes) -> Case:
    return Case(name, wire, [400])


def ok(name: str, wire: bytes) -> Case:
    return Case(name, wire, [200])


HOST = b"Host: apus.example\r\n"
CLOSE = b"Connection: close\r\n"
AUTH = b"Authorization: {auth}\r\n"
GET = b"GET {get} HTTP/1.1\r\n" + HOST + AUTH
POST = b"POST {post} HTTP/1.1\r\n" + HOST + AUTH
END = b"\r\n"
#: What a POST of a small JSON object that lacks everything is answered.
REFUSED = {400, 401}


REQUEST_LINES = [
    malformed("garbage", b"\x00\x01\x02\x03\xff\xfe\r\n\r\n"),
    malformed("garbage without a line end", b"}{;;\x80\x81 no http at all"),
    malformed("TLS greeting on a plain port", bytes.fromhex("160301020001000001fc0303") + bytes(200)),
    malformed("SSLv2 greeting", b"\x80\x2e\x01\x00\x02" + bytes(40)),
    malformed("HTTP/2 preface on a plain port", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9)),
    malformed("HTTP/0.9", b"GET /\r\n"),
    malformed("HTTP/2.0", b"GET {get} HTTP/2.0\r\n" + HOST + END),
    malformed("HTTP/1.2", b"GET {get} HTTP/1.2\r\n" + HOST + END),
    malformed("HTTP/1.10", b"GET {get} HTTP/1.10\r\n" + HOST + END),
    malformed("HTTP/9.9", b"GET {get} HTTP/9.9\r\n" + HOST + END),
    malformed("lower-case version", b"GET {get} http/1.1\r\n" + HOST + END),
    malformed("another protocol", b"GET {get} ICAP/1.0\r\n" + HOST + END),
    malformed("no target", b"GET HTTP/1.1\r\n" + HOST + END),
    malformed("no target, two spaces", b"GET  HTTP/1.1\r\n" + HOST + END),
    malformed("method alone", b"GET\r\n\r\n"),
    malformed("space before the method", b" GET {get} HTTP/1.1\r\n" + HOST + END),
    malformed("tab instead of a space", b"GET\t{get}\tHTTP/1.1\r\n" + HOST + END),
    malformed("space after the version", b"GET {get} HTTP/1.1 \r\n" + HOST + END),
    malformed("NUL in the method", b"G\x00T {get} HTTP/1.1\r\n" + HOST + END),
    malformed("UTF-8 in the method", "GÉT {get} HTTP/1.1\r\n".encode() + HOST + END),
    malformed("method of 100 letters", b"A" * 100 + b" {get} HTTP/1.1\r\n" + HOST + END),
    malformed("endless method", b"A" * 100_000),
    malformed("NUL in the path", b"GET /a\x00b HTTP/1.1\r\n" + HOST + CLOSE + END),
    malformed("control character in the path", b"GET /a\x01b HTTP/1.1\r\n" + HOST + CLOSE + END),
    malformed("DEL in the path", b"GET /a\x7fb HTTP/1.1\r\n" + HOST + CLOSE + END),
    malformed("raw Latin-1 in the path", b"GET /\xe9t\xe9 HTTP/1.1\r\n" + HOST + CLOSE + END),
    malformed("raw space in the path", b"GET /v3/pu sh HTTP/1.1\r\n" + HOST + CLOSE + END),
    malformed("encoded NUL in the path", b"GET /v3/%00 HTTP/1.1\r\n" + HOST + CLOSE + END),
    malformed("broken percent", b"GET /v3/%zz HTTP/1.1\r\n" + HOST + CLOSE + END),
    malformed("percent at the end", b"GET /v3/% HTTP/1.1\r\n" + HOST + CLOSE + END),
    malformed("half a percent sequence", b"GET /v3/%4 HTTP/1.1\r\n" + HOST + CLOSE + END),
    malformed("encoded bytes that are no UTF-8", b"GET /v3/%ff%fe HTTP/1.1\r\n" + HOST + CLOSE + END),
    malformed("overlong UTF-8", b"GET /v3/%c0%af HTTP/1.1\r\n" + HOST + CLOSE + END),
    malformed("encoded surrogate", b"GET /v3/%ed%a0%80 HTTP/1.1\r\n" + HOST + CLOSE + END),
    malformed("broken percent in the query", b"GET {get}?a=%g1 HTTP/1.1\r\n" + HOST + CLOSE + END),
    malformed("no UTF-8 in the query", b"GET {get}?a=%ff HTTP/1.1\r\n" + HOST + CLOSE + END),
    malformed("target without a slash", b"GET v3/push HTTP/1.1\r\n" + HOST + CLOSE + END),
    malformed("asterisk with GET", b"GET * HTTP/1.1\r\n" + HOST + CLOSE + END),
    malformed("absolute form of another scheme", b"GET ftp://a/b HTTP/1.1\r\n" + HOST + CLOSE + END),
    malformed("absolute form without a host", b"GET http:///v3/push HTTP/1.1\r\n" + HOST + CLOSE + END),
    malformed("path of 20 000 bytes", b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n" + HOST + END),
    malformed("query of 100 000 bytes", b"GET {get}?" + b"a" * 100_000 + b" HTTP/1.1\r\n" + HOST + END),
    malformed("request line of a megabyte without an end", b"GET /" + b"a" * 1_000_000),
    Case("thousand segments", b"GET " + b"/a" * 1000 + b" HTTP/1.1\r\n" + HOST + CLOSE + END, [404]),
    Case("climbing path", b"GET /../../etc/passwd HTTP/1.1\r\n" + HOST + CLOSE + END, [404]),
    Case("encoded climbing path", b"GET /%2e%2e/%2e%2e/etc HTTP/1.1\r\n" + HOST + CLOSE + END, [404]),
    Case("encoded slashes", b"GET /v3%2fpush%2fvalidate HTTP/1.1\r\n" + HOST + CLOSE + END, [404]),
    Case("backslashes", b"GET \\v3\\push HTTP/1.1\r\n" + HOST + CLOSE + END, [400]),
    Case("slash alone", b"GET / HTTP/1.1\r\n" + HOST + CLOSE + END, [404]),
    Case("CONNECT", b"CONNECT example.com:443 HTTP/1.1\r\n" + HOST + END, [405]),
    Case("OPTIONS *", b"OPTIONS * HTTP/1.1\r\n" + HOST + CLOSE + END, [405]),
    ok("absolute form", b"GET http://apus.example{get} HTTP/1.1\r\n" + HOST + AUTH + CLOSE + END),
    ok("absolute form in capitals", b"GET HTTP://APUS.EXAMPLE{get} HTTP/1.1\r\n" + HOST + AUTH + CLOSE + END),
    ok("slashes in runs and at the end", b"GET //{get}// HTTP/1.1\r\n" + HOST + AUTH + CLOSE + END),
    ok("encoded letters in the path", b"GET {get}".replace(b"{get}", b"/%68ealthz") + b" HTTP/1.1\r\n" + HOST + CLOSE + END),
    ok("raw space in the query", b"GET {get}?start=2014-06-11 09 HTTP/1.1\r\n" + HOST + AUTH + CLOSE + END),
    ok("raw UTF-8 in the query", "GET {get}?t=日本 HTTP/1.1\r\n".encode() + HOST + AUTH + CLOSE + END),
    ok("query of odd pairs", b"GET {get}?&&=&=x&a&b=&?=?&a=b=c HTTP/1.1\r\n" + HOST + AUTH + CLOSE + END),
    ok("empty lines before the request", b"\r\n\r\n\r\n" + GET + CLOSE + END),
]

HEADERS = [
    malformed("no Host", b"GET {get} HTTP/1.1\r\n" + AUTH + END),
    malformed("two Hosts", GET + HOST + END),
    malformed("two Hosts in HTTP/1.0", b"GET {get} HTTP/1.0\r\n" + HOST + HOST + END),
    malformed("header without a colon", GET + b"Nonsense\r\n" + END),
    malformed("header without a name", GET + b": value\r\n" + END),
    malformed("space before the colon", GET + b"X-A : b\r\n" + END),
    malformed("space in a header's name", GET + b"X A: b\r\n" + END),
    malformed("header folded with a space", GET + b"X-A: b\r\n c\r\n" + END),
    malformed("header folded with a tab", GET + b"X-A: b\r\n\tc\r\n" + END),
    malformed("first header folded", b"GET {get} HTTP/1.1\r\n Host: a\r\n" + END),
    malformed("NUL in a header's value", GET + b"X-A: b\x00c\r\n" + END),
    malformed("NUL in a header's name", GET + b"X\x00A: b\r\n" + END),
    malformed("control character in a value", GET + b"X-A: b\x08c\r\n" + END),
    malformed("bare CR in a value", GET + b"X-A: b\rTransfer-Encoding: chunked\r\n" + END),
    malformed("bare LF between headers", b"GET {get} HTTP/1.1\nHost: a\n\n"),
    malformed("bare LF after one header", GET + b"X-A: b\n" + END),
    malformed("bare LF as the end of the head", GET + b"\n"),
    malformed("UTF-8 in a header's name", GET + "X-Ä: b\r\n".encode() + END),
    malformed("bracket in a header's name", GET + b"X[0]: b\r\n" + END),
    malformed("header of 20 000 bytes", GET + b"X-A: " + b"b" * 20_000 + b"\r\n" + END),
    malformed("header's name of 20 000 bytes", GET + b"X" * 20_000 + b": b\r\n" + END),
    malformed("thousand headers", GET + b"".join(b"X-%d: y\r\n" % n for n in range(1000)) + END),
    malformed("head of 200 000 bytes", GET + b"".join(b"X-%d: %s\r\n" % (n, b"y" * 2000) for n in range(100)) + END),
    malformed("endless header", GET + b"X-A: " + b"b" * 1_000_000),
    ok("hundred headers", GET + b"".join(b"X-%d: y\r\n" % n for n in range(100)) + CLOSE + END),
    ok("lower-case names", b"GET {get} HTTP/1.1\r\nhost: a\r\nauthorization: {auth}\r\nconnection: close\r\n\r\n"),
    ok("capital names", b"GET {get} HTTP/1.1\r\nHOST: a\r\nAUTHORIZATION: {auth}\r\nCONNECTION: CLOSE\r\n\r\n"),
    ok("blanks around a value", b"GET {get} HTTP/1.1\r\nHost:\t a \t\r\nAuthorization:{auth}\r\n" + CLOSE + END),
    ok("empty value", GET + b"X-A:\r\n" + CLOSE + END),
    ok("raw bytes in a value", GET + b"X-A: \xff\xfe\x80\r\n" + CLOSE + END),
    ok("empty Host", b"GET {get} HTTP/1.1\r\nHost:\r\n" + AUTH + CLOSE + END),
    ok("Host of somebody else", b"GET {get} HTTP/1.1\r\nHost: [::1]:99999\r\n" + AUTH + CLOSE + END),
    ok("unknown expectation", GET + b"Expect: the-worst\r\n" + CLOSE + END),
    ok("conditions and ranges", GET + b"If-None-Match: *\r\nRange: bytes=0-0\r\nIf-Match: x\r\n" + CLOSE + END),
    ok("offer of h2c", GET + b"Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n" + END),
    ok("HTTP/1.0 without a Host", b"GET {get} HTTP/1.0\r\n" + AUTH + END),
    Case("offer of h2c, then another request",
         GET + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n" + GET + CLOSE + END,
         [200, 200]),
    Case("HTTP/1.0 kept alive, then closed",
         (b"GET {get} HTTP/1.0\r\nConnection: keep-alive\r\n" + AUTH + END) + b"GET {get} HTTP/1.0\r\n" + AUTH + END,
         [200, 200]),
]

CHUNKED = POST + b"Transfer-Encoding: chunked\r\n"
FRAMING = [
    malformed("length and chunks", CHUNKED + b"Content-Length: 5\r\n\r\n0\r\n\r\n"),
    malformed("chunks and length", POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    malformed("two lengths", POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} "),
    malformed("the same length twice", POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}"),
    malformed("list of lengths", POST + b"Content-Length: 2, 2\r\n\r\n{}"),
    malformed("negative length", POST + b"Content-Length: -1\r\n\r\n"),
    malformed("length with a sign", POST + b"Content-Length: +2\r\n\r\n{}"),
    malformed("length in hexadecimal", POST + b"Content-Length: 0x2\r\n\r\n{}"),
    malformed("length with letters", POST + b"Content-Length: 2a\r\n\r\n{}"),
    malformed("empty length", POST + b"Content-Length:\r\n\r\n"),
    malformed("length of 40 digits", POST + b"Content-Length: " + b"9" * 40 + b"\r\n\r\n"),
    malformed("length in full-width digits", POST + "Content-Length: ２\r\n\r\n{}".encode()),
    malformed("coding nobody knows", POST + b"Transfer-Encoding: cow\r\n\r\n"),
    malformed("gzip, chunked", POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    malformed("chunked, chunked", POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
    malformed("chunked twice", CHUNKED + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    malformed("identity, then chunked", POST + b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    malformed("xchunked", POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    malformed("chunked in quotes", POST + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n'),
    malformed("chunked with a vertical tab", POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n"),
    malformed("chunks in HTTP/1.0", b"POST {post} HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    malformed("chunk size that is none", CHUNKED + b"\r\nzz\r\n\r\n"),
    malformed("empty chunk size", CHUNKED + b"\r\n\r\n\r\n"),
    malformed("negative chunk size", CHUNKED + b"\r\n-2\r\n{}\r\n0\r\n\r\n"),
    malformed("chunk size with 0x", CHUNKED + b"\r\n0x2\r\n{}\r\n0\r\n\r\n"),
    malformed("chunk size of 17 digits", CHUNKED + b"\r\n10000000000000002\r\n{}\r\n0\r\n\r\n"),
    malformed("chunk size behind a blank", CHUNKED + b"\r\n 2\r\n{}\r\n0\r\n\r\n"),
    malformed("chunk size before a blank", CHUNKED + b"\r\n2 \r\n{}\r\n0\r\n\r\n"),
    malformed("chunk longer than its size", CHUNKED + b"\r\n1\r\n{}\r\n0\r\n\r\n"),
    malformed("chunk without its line end", CHUNKED + b"\r\n2\r\n{}0\r\n\r\n"),
    malformed("chunk with bare line feeds", CHUNKED + b"\r\n2\n{}\n0\n\n"),
    malformed("bare LF in a chunk extension", CHUNKED + b"\r\n2;a\nb\r\n{}\r\n0\r\n\r\n"),
    malformed("bare CR in a chunk extension", CHUNKED + b"\r\n2;a\rb\r\n{}\r\n0\r\n\r\n"),
    malformed("endless chunk extension", CHUNKED + b"\r\n2;" + b"a" * 100_000),
    malformed("trailer that is none", CHUNKED + b"\r\n0\r\nnonsense\r\n\r\n"),
    malformed("folded trailer", CHUNKED + b"\r\n0\r\nX-A: b\r\n c\r\n\r\n"),
    malformed("endless trailers", CHUNKED + b"\r\n0\r\n" + b"X-A: b\r\n" * 20_000 + b"\r\n"),
    Case("chunk extensions and trailers",
         CHUNKED + CLOSE + b"\r\n2;name=value;other=\"text\"\r\n{}\r\n0;last\r\nX-Trailer: yes\r\n\r\n", [REFUSED]),
    Case("chunk size in capitals", CHUNKED + CLOSE + b"\r\nA\r\n{        }\r\n0\r\n\r\n", [REFUSED]),
    Case("chunk size with leading zeros", CHUNKED + CLOSE + b"\r\n0000002\r\n{}\r\n000\r\n\r\n", [REFUSED]),
    Case("Chunked in capitals", POST + b"Transfer-Encoding: CHUNKED\r\n" + CLOSE + b"\r\n2\r\n{}\r\n0\r\n\r\n", [REFUSED]),
    Case("chunks of one byte", CHUNKED + CLOSE + END + b"".join(b"1\r\n%c\r\n" % c for c in b'{"a":1}') + b"0\r\n\r\n", [REFUSED]),
    Case("POST without a body", POST + CLOSE + END, [REFUSED]),
    Case("empty body", POST + CLOSE + b"Content-Length: 0\r\n\r\n", [REFUSED]),
    Case("body of NULs", POST + CLOSE + b"Content-Length: 100\r\n\r\n" + bytes(100), [REFUSED]),
    Case("body that is no UTF-8", POST + CLOSE + b'Content-Length: 9\r\n\r\n{"a":"\xff"}', [REFUSED]),
    Case("gzip body", POST + CLOSE + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00", [REFUSED]),
    Case("brotli body", POST + CLOSE + b"Content-Encoding: br\r\nContent-Length: 2\r\n\r\n{}", [REFUSED]),
    ok("GET with a body", GET + CLOSE + b"Content-Length: 2\r\n\r\n{}"),
    Case("declared length of a terabyte", POST + b"Content-Length: 1000000000000\r\n\r\n", [REFUSED]),
    Case("declared length over the limit, sent", POST + b"Content-Length: 3000000\r\n\r\n" + b" " * 3_000_000, [REFUSED]),
    Case("chunks over the limit, sent",
         CHUNKED + END + (b"10000\r\n" + b" " * 65536 + b"\r\n") * 40 + b"0\r\n\r\n", [REFUSED]),
    Case("expectation over the limit", POST + b"Expect: 100-continue\r\nContent-Length: 9000000\r\n\r\n", [REFUSED]),
    Case("expectation and the body at once", POST + CLOSE + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}", [REFUSED]),
]

PIPELINES = [
    Case("two good ones", GET + END + GET + CLOSE + END, [200, 200]),
    Case("fifty good ones", (GET + END) * 49 + GET + CLOSE + END, [200] * 50),
    Case("garbage behind a good one", GET + END + b"\x16\x03\x01 garbage", [200, 400]),
    Case("bad chunk behind a good one", GET + END + CHUNKED + b"\r\nzz\r\n", [200, 400]),
    Case("smuggled request in a body", POST + b"Content-Length: 40\r\n\r\n" + (GET + END)[:40].ljust(40) + GET + CLOSE + END, None),
    Case("no Host behind a good one", GET + END + b"GET / HTTP/1.1\r\n\r\n", [200, 400]),
    Case("good one behind a close", GET + CLOSE + END + GET + END, [200]),
    Case("good one behind garbage", b"\x00garbage\r\n\r\n" + GET + END, [400]),
    Case("unknown path, then a good one", b"GET /nope HTTP/1.1\r\n" + HOST + END + GET + CLOSE + END, [404, 200]),
    Case("bad target, then a good one", b"GET /%zz HTTP/1.1\r\n" + HOST + END + GET + CLOSE + END, [400, 200]),
    Case("empty lines between two", GET + END + b"\r\n\r\n" + GET + CLOSE + END, [200, 200]),
    Case("body, then a good one", POST + b"Content-Length: 2\r\n\r\n{}" + GET + CLOSE + END, [REFUSED, 200]),
    Case("chunks, then a good one", CHUNKED + b"\r\n2\r\n{}\r\n0\r\n\r\n" + GET + CLOSE + END, [REFUSED, 200]),
]


# -- Cases that need more than bytes --------------------------------------------------------------------------------------------


def dripping(wire: bytes, size: int = 1) -> Script:
    def script(connection: socket.socket, listener: Listener) -> tuple[bytes, str]:
        full = fill(wire, listener)
        for start in range(0, len(full), size):
            send(connection, full[start:start + size])
        return receive_all(connection)

    return script


def half_closing(wire: bytes) -> Script:
    def script(connection: socket.socket, listener: Listener) -> tuple[bytes, str]:
        send(connection, fill(wire, listener))
        connection.shutdown(socket.SHUT_WR)
        return receive_all(connection)

    return script


def resetting(wire: bytes) -> Script:
    def script(connection: socket.socket, listener: Listener) -> tuple[bytes, str]:
        send(connection, fill(wire, listener))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
        return b"", "reset"

    return script


def continuing(connection: socket.socket, listener: Listener) -> tuple[bytes, str]:
    """Waits for 100 Continue before the body, as curl does with large ones."""
    send(connection, fill(POST + CLOSE + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n", listener))
    first = connection.recv(65536)
    assert first == b"HTTP/1.1 100 Continue\r\n\r\n"
    send(connection, b"{}")
    return receive_all(connection)


def never_reading(connection: socket.socket, listener: Listener) -> tuple[bytes, str]:
    """Asks a lot, reads nothing, and leaves."""
    connection.settimeout(0.3)
    try:
        for _ in range(2000):
            connection.sendall(fill(GET + END, listener))
    except (TimeoutError, ConnectionError):
        pass
    return b"", "open"


SCRIPTS = [
    Case("good one, byte by byte", dripping(GET + CLOSE + END), [200]),
    Case("chunks, byte by byte", dripping(CHUNKED + CLOSE + b"\r\n2;x\r\n{}\r\n0\r\nX-T: y\r\n\r\n"), [REFUSED]),
    Case("unknown method, byte by byte", dripping(b"BREW {get} HTTP/1.1\r\n" + HOST + CLOSE + END), [405]),
    Case("pipeline in threes", dripping((GET + END) * 3 + GET + CLOSE + END, 3), [200] * 4),
    Case("garbage, byte by byte", dripping(b"\x01\x02\x03\x04\x05\x06"), [400]),
    Case("good one, then half-closed", half_closing(GET + END), [200]),
    Case("three good ones, then half-closed", half_closing((GET + END) * 3), [200] * 3),
    Case("half a request line, then half-closed", half_closing(b"GET {get}"), [400]),
    Case("half a head, then half-closed", half_closing(GET + b"X-A: b"), [400]),
    Case("half a body, then half-closed", half_closing(POST + b"Content-Length: 10\r\n\r\n{}"), [400]),
    Case("half a chunk, then half-closed", half_closing(CHUNKED + b"\r\n10\r\n{}"), [400]),
    Case("good one and half of the next, then half-closed", half_closing(GET + END + b"GET /"), [200, 400]),
    Case("nothing, then half-closed", half_closing(b""), []),
    Case("reset at once", resetting(b""), [], end="reset"),
    Case("reset in the head", resetting(GET), [], end="reset"),
    Case("reset in the body", resetting(POST + b"Content-Length: 100000\r\n\r\n{"), [], end="reset"),
    Case("reset behind a request", resetting(GET + END), [], end="reset"),
    Case("reset behind a pipeline", resetting((GET + END) * 100), [], end="reset"),
    Case("100 Continue", continuing, [REFUSED]),
    Case("never reading", never_reading, [], end="open"),
]

#: Cases that wait for a deadline of the server; all of them wait at the same time.
SLOW = [
    Case("nothing but a method", b"GET", []),
    Case("request line without its end", b"GET {get} HTTP/1.1", []),
    Case("request line alone", b"GET {get} HTTP/1.1\r\n", [400]),
    Case("head without its end", GET, [400]),
    Case("body that does not come", POST + b"Content-Length: 10\r\n\r\n", [400]),
    Case("body that ends early", POST + b"Content-Length: 10\r\n\r\n{}", [400]),
    Case("chunk that does not come", CHUNKED + b"\r\n10\r\n", [400]),
    Case("last chunk that does not come", CHUNKED + b"\r\n2\r\n{}\r\n", [400]),
    Case("trailers without their end", CHUNKED + b"\r\n0\r\nX-A: b\r\n", [400]),
    Case("second request without its end", GET + END + GET, [200, 400]),
    Case("100 Continue that nobody uses", POST + b"Expect: 100-continue\r\nContent-Length: 10\r\n\r\n", [400]),
]


def trickling(connection: socket.socket, listener: Listener) -> tuple[bytes, str]:
    """A header line now and then for ever: a drip must not prolong the deadline."""
    send(connection, fill(GET, listener))
    connection.settimeout(0.2)
    received = bytearray()
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            connection.sendall(b"X-Drip: drop\r\n")
        except (BrokenPipeError, ConnectionResetError):
            return bytes(received), "closed"
        try:
            some = connection.recv(65536)
            if not some:
                return bytes(received), "closed"
            received += some
        except TimeoutError:
            continue
        except ConnectionResetError:
            return bytes(received), "closed"
    return bytes(received), "open"


SLOW.append(Case("header now and then", trickling, [400]))

FAST = REQUEST_LINES + HEADERS + FRAMING + PIPELINES + SCRIPTS
LISTENERS = ["api", "edge"]


# -- Tests ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LISTENERS)
@pytest.mark.parametrize("case", FAST, ids=lambda case: case.name)
def test_abuse(abuse_server: dict[str, Listener], case: Case, name: str) -> None:
    listener = abuse_server[name]
    judge(case, play(case, listener))
    assert is_good(listener, good_answer(listener))


@pytest.fixture(scope="module")
def slow_outcomes(abuse_server: dict[str, Listener]) -> Iterator[dict[tuple[str, str], Future[Outcome]]]:
    with ThreadPoolExecutor(max_workers=2 * len(SLOW)) as pool:
        yield {
            (case.name, name): pool.submit(play, case, abuse_server[name]) for case in SLOW for name in LISTENERS
        }


@pytest.mark.parametrize("name", LISTENERS)
@pytest.mark.parametrize("case", SLOW, ids=lambda case: case.name)
def test_slow_abuse(
    abuse_server: dict[str, Listener], slow_outcomes: dict[tuple[str, str], Future[Outcome]], case: Case, name: str
) -> None:
    outcome = slow_outcomes[case.name, name].result(timeout=3 * PATIENCE)
    judge(case, outcome)
    # The clock starts with the first byte, and a busy machine adds to it; a drip must not.
    assert RECEIVE_SECONDS - 0.5 <= outcome.seconds < RECEIVE_SECONDS + 5
    assert is_good(abuse_server[name], good_answer(abuse_server[name]))


METHODS = ["FOO", "get", "PATCH", "TRACE", "OPTIONS", "HEAD", "PROPFIND", "M-SEARCH", "SUBSCRIBE", "LINK", "QUERY"]


@pytest.mark.parametrize("name", LISTENERS)
@pytest.mark.parametrize("method", METHODS)
def test_a_method_that_no_path_offers(abuse_server: dict[str, Listener], method: str, name: str) -> None:
    listener = abuse_server[name]
    for path, is_known in listener.paths:
        lines = (f"Authorization: {listener.authorization}", "Connection: close")
        case = Case(path, request(method, path, *lines), [405 if is_known else 404], is_head=method == "HEAD")
        judge(case, play(case, listener))
    assert is_good(listener, good_answer(listener))


@pytest.mark.parametrize("name", LISTENERS)
def test_two_hundred_silent_connections_keep_nobody_out(abuse_server: dict[str, Listener], name: str) -> None:
    listener = abuse_server[name]
    silent = [listener.connect() for _ in range(200)]
    try:
        for connection in silent[::2]:
            connection.sendall(b"G")
        assert is_good(listener, good_answer(listener))
    finally:
        for connection in silent:
            connection.close()
    assert is_good(listener, good_answer(listener))
