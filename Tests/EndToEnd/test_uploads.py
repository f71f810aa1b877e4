"""Uploads, byte for byte: they stream into the store, are bounded, and leave nothing behind when they end early."""

import base64
import concurrent.futures
import contextlib
import json
import os
import pathlib
import socket
import sqlite3
import subprocess
import time
import urllib.parse

import pytest
import requests

import apus
from conftest import serving

MEBIBYTE = 1 << 20
FILE_MAX = 10 * MEBIBYTE
BOUNDARY = "apus-upload"
OPENING = (
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="filename"; filename="list.txt"\r\n\r\n'.encode()
)
CLOSING = f"\r\n--{BOUNDARY}--\r\n".encode()


def credentials(app):
    return app.key, app.secret


def authorization(auth):
    return "Basic " + base64.b64encode(":".join(auth).encode()).decode()


def connect(server):
    url = urllib.parse.urlsplit(server.api)
    connection = socket.create_connection((url.hostname, url.port), timeout=apus.REQUEST_SECONDS)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def head(auth, *fields, path="/v3/files/alias"):
    lines = [
        f"POST {path} HTTP/1.1", "Host: a", f"Content-Type: multipart/form-data; boundary={BOUNDARY}",
        f"Authorization: {authorization(auth)}", *fields,
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def answer(connection):
    """One answer: its status, its headers by lower-case name, its body."""
    received = b""
    while b"\r\n\r\n" not in received:
        more = connection.recv(65536)
        assert more, f"closed before an answer: {received!r}"
        received += more
    text, _, body = received.partition(b"\r\n\r\n")
    status, *lines = text.decode().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        more = connection.recv(65536)
        assert more, "closed within an answer"
        body += more
    return int(status.split()[1]), headers, json.loads(body) if body else None


def pieces(data):
    """Rows of the store that hold bytes of uploads, referred to or not."""
    with contextlib.closing(sqlite3.connect(f"file:{data}/apus.db?mode=ro", uri=True)) as database:
        return database.execute("SELECT count(*) FROM upload_chunks").fetchone()[0]


def holds(server, count):
    apus.eventually(lambda: pieces(server.data) == count, apus.REQUEST_SECONDS, f"{count} pieces in the store")


def chunk(content):
    return b"%x\r\n%s\r\n" % (len(content), content)


def test_a_chunked_upload_is_kept(own_server):
    app = own_server.app()
    names = b"".join(b" name-%d \r\n" % number for number in range(60_000))
    with connect(own_server) as connection:
        connection.sendall(head(credentials(app), "Transfer-Encoding: chunked"))
        whole = OPENING + names + CLOSING
        for start in range(0, len(whole), 10_007):
            connection.sendall(chunk(whole[start : start + 10_007]))
        connection.sendall(b"0\r\n\r\n")
        status, _, body = answer(connection)
        assert status == 200, body
        # The connection goes on.
        connection.sendall(
            f"GET /v3/files/{body['file_id']} HTTP/1.1\r\nHost: a\r\n"
            f"Authorization: {authorization(credentials(app))}\r\n\r\n".encode()
        )
        assert answer(connection)[2]["file_name"] == "list.txt"
    with contextlib.closing(sqlite3.connect(f"file:{own_server.data}/apus.db?mode=ro", uri=True)) as database:
        rows = database.execute("SELECT bytes FROM upload_chunks ORDER BY sequence").fetchall()
        assert len(rows) == 3
        assert b"".join(row[0] for row in rows) == b"\n".join(b"name-%d" % number for number in range(60_000))


@pytest.mark.parametrize("end", ["closed", "reset", "shut down", "silent"])
def test_an_upload_that_breaks_off_leaves_nothing(start, end):
    server = start("data", "--limit", "receive_seconds=2")
    app = server.app()
    connection = connect(server)
    connection.sendall(head(credentials(app), f"Content-Length: {5 * MEBIBYTE}") + OPENING + b"name\n" * 200_000)
    holds(server, 3)
    if end == "reset":
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    if end == "shut down":
        connection.shutdown(socket.SHUT_WR)
    if end in ("shut down", "silent"):
        status, headers, body = answer(connection)
        assert (status, body["error"]["code"], headers["connection"]) == (400, 1003, "close")
    connection.close()
    holds(server, 0)


def test_what_a_crash_leaves_is_dropped_at_the_start(own_server):
    app = own_server.app()
    with connect(own_server) as connection:
        connection.sendall(head(credentials(app), f"Content-Length: {5 * MEBIBYTE}") + OPENING + b"name\n" * 200_000)
        holds(own_server, 3)
        own_server.kill()
    assert pieces(own_server.data) == 3
    own_server.start()
    assert pieces(own_server.data) == 0


def test_a_list_that_is_none_is_refused_while_it_arrives(own_server):
    app = own_server.app()
    with connect(own_server) as connection:
        connection.sendall(head(credentials(app), f"Content-Length: {FILE_MAX}") + OPENING + b"name\n" * 200_000)
        # A few bytes more: the end of what has come could still be a boundary.
        connection.sendall(b"\xff" + b"\n" * 100)
        status, headers, body = answer(connection)
    assert (status, body["error"]["code"], headers["connection"]) == (400, 1003, "close")
    assert "UTF-8" in body["error"]["message"]
    holds(own_server, 0)


def test_a_declared_length_over_the_limit_is_refused_unread(shared_server, app):
    with connect(shared_server) as connection:
        connection.sendall(head(credentials(app), f"Content-Length: {FILE_MAX + 2 * MEBIBYTE}", "Expect: 100-continue"))
        status, headers, body = answer(connection)
    assert (status, body["error"]["code"], headers["connection"]) == (400, 1005, "close")
    assert "x-rate-limit-limit" in headers


def test_a_file_over_the_limit_is_refused_and_the_refusal_arrives(own_server):
    app = own_server.app()
    with connect(own_server) as connection:
        connection.sendall(head(credentials(app), "Transfer-Encoding: chunked") + chunk(OPENING))
        # Twice as much as may be, to a server that has stopped to take it half-way.
        with contextlib.suppress(ConnectionError):
            for _ in range(20):
                connection.sendall(chunk(b"0123456789abcde\n" * (MEBIBYTE // 16)))
        status, headers, body = answer(connection)
    assert (status, body["error"]["code"], headers["connection"]) == (400, 1005, "close")
    holds(own_server, 0)


def test_wrong_credentials_are_refused_before_the_body(shared_server, app):
    with connect(shared_server) as connection:
        connection.sendall(
            head((app.key, "0" * 24), f"Content-Length: {5 * MEBIBYTE}", "Expect: 100-continue"))
        status, headers, body = answer(connection)
    assert (status, body["error"]["code"], headers["connection"]) == (401, 1004, "close")


def test_the_rate_limit_counts_before_the_body(start):
    server = start("data", "--limit", "file_per_minute=1")
    app = server.app()
    for status, code in [(404, 404), (429, 2002)]:
        with connect(server) as connection:
            plain = head(credentials(app), f"Content-Length: {MEBIBYTE}").replace(b"multipart/form-data", b"text/plain")
            connection.sendall(plain)
            given, headers, body = answer(connection)
            assert (given, body["error"]["code"], headers["x-rate-limit-remaining"]) == (status, code, "0")


def test_a_client_that_waits_to_be_told_is_told_to_go_on(shared_server, app):
    whole = OPENING + b"name" + CLOSING
    with connect(shared_server) as connection:
        connection.sendall(head(credentials(app), f"Content-Length: {len(whole)}", "Expect: 100-continue"))
        assert answer(connection)[0] == 100
        connection.sendall(whole)
        assert answer(connection)[0] == 200


def test_uploads_at_a_time_are_bounded(start):
    server = start("data", "--limit", "uploads_running=2", "--limit", "file_per_minute=0")
    app = server.app()
    with contextlib.ExitStack() as stack:
        for _ in range(2):
            connection = stack.enter_context(connect(server))
            connection.sendall(head(credentials(app), "Content-Length: 1000", "Expect: 100-continue"))
            assert answer(connection)[0] == 100
        with connect(server) as third:
            third.sendall(head(credentials(app), "Content-Length: 1000", "Expect: 100-continue"))
            status, headers, body = answer(third)
            assert (status, body["error"]["code"]) == (503, 1030)
            assert "retry-after" in headers
    apus.eventually(lambda: upload(server, app, b"name").status_code == 200, apus.REQUEST_SECONDS, "there is room again")


def upload(server, app, content):
    return requests.post(
        server.api + "/v3/files/alias", auth=credentials(app), files={"filename": ("list.txt", content)},
        timeout=4 * apus.REQUEST_SECONDS)


def peak_bytes(server):
    text = pathlib.Path(f"/proc/{server.child.pid}/status").read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("VmHWM:")) * 1024


def test_long_uploads_do_not_lie_in_memory(start):
    server = start("data", "--limit", "file_per_minute=0", "--limit", "receive_seconds=0")
    app = server.app()
    assert upload(server, app, b"name\n" * 20_000).status_code == 200
    before = peak_bytes(server)
    content = b"0123456789abcde\n" * (FILE_MAX // 16)
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        statuses = [done.status_code for done in pool.map(lambda _: upload(server, app, content), range(6))]
    assert statuses == [200] * 6
    grown = peak_bytes(server) - before
    # 60 MiB came at a time. Most of what grows is the store's own cache.
    assert grown < 40 * MEBIBYTE, f"{grown / MEBIBYTE:.1f} MiB"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_full_disk_is_a_failure_that_loses_nothing(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", folder], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("this machine does not let root mount a small disk")
    try:
        with serving(folder / "data") as server:
            app = server.app()
            first = upload(server, app, b"name").json()["file_id"]
            ballast = folder / "ballast"
            ballast.write_bytes(bytes(18 * MEBIBYTE))
            refused = upload(server, app, b"0123456789abcde\n" * (FILE_MAX // 16 - 1))
            assert (refused.status_code, refused.json()["error"]["code"]) == (500, 1000)
            listed = requests.get(
                server.api + "/v3/files", auth=credentials(app), timeout=apus.REQUEST_SECONDS)
            assert [file["file_id"] for file in listed.json()["files"]] == [first]
            ballast.unlink()
            apus.eventually(
                lambda: upload(server, app, b"name\n" * 100_000).status_code == 200,
                apus.REQUEST_SECONDS, "there is room again",
            )
    finally:
        subprocess.run(["umount", folder], check=True)
