"""A copy of the store, taken while the server writes, is a store: nothing that was answered before it began is missing."""

import json
import shutil
import signal
import sqlite3
import stat
import subprocess
import threading

import pytest
import requests

from apus import COMMAND_SECONDS, REQUEST_SECONDS, binary, environment, eventually, run, succeed

WRITERS = 4
ACCEPTED_BEFORE = 100
WAIT_SECONDS = 30
FILLING_BYTES = 256 << 20


class Load:
    """Threads that push as fast as they are answered, until they are told to stop."""

    def __init__(self, app):
        self.app = app
        self.accepted = []
        self.unexpected = []
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self._write, daemon=True) for _ in range(WRITERS)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join(WAIT_SECONDS)
        assert not any(thread.is_alive() for thread in self.threads)

    def _write(self):
        push = {"platform": "android", "audience": {"tag": ["target"]}, "notification": {"alert": "hi"}}
        with requests.Session() as session:
            session.auth = (self.app.key, self.app.secret)
            while not self.over.is_set():
                answer = session.post(self.app.server.api + "/v3/push", json=push, timeout=REQUEST_SECONDS)
                if answer.status_code != 200:
                    self.unexpected.append(answer.text)
                    return
                self.accepted.append(answer.json()["msg_id"])


def test_copy_under_load_has_everything_that_was_answered_before(own_server, start, devices, tmp_path):
    app = own_server.app("busy", "--limit", "push_per_minute=0", "--limit", "offline_per_device=0")
    device = devices(own_server).register(app, tags=["target"], alias="alice")
    first = app.push(audience={"alias": ["alice"]}, cid="once")
    assert device.push()["msg_id"] == first
    device.ack(first)
    device.drop()
    copy = tmp_path / "copy.db"
    with Load(app) as load:
        eventually(lambda: len(load.accepted) >= ACCEPTED_BEFORE or load.unexpected, WAIT_SECONDS, "the load runs")
        before = list(load.accepted)
        answer = json.loads(succeed("backup", copy, "--data", own_server.data, "--json"))
        # The server goes on while it is copied, and afterwards.
        during = len(load.accepted)
        eventually(lambda: len(load.accepted) > during or load.unexpected, WAIT_SECONDS, "the load goes on")
    assert not load.unexpected
    assert answer == {"file": str(copy), "bytes": copy.stat().st_size}
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.glob("copy.db*")] == ["copy.db"]
    own_server.stop()

    server = start("other")
    server.stop()
    for path in server.data.glob("apus.db*"):
        path.unlink()
    shutil.copyfile(copy, server.data / "apus.db")
    server.start()
    app.server = server
    known = app.counts(*before)
    assert set(known) == set(before)
    assert all(entry["android"]["target"] == 1 for entry in known.values())
    assert app.received(first) == 1
    assert app.push(audience={"alias": ["alice"]}, cid="once") == first
    device.server = server
    device.login()
    assert device.push()["msg_id"] in load.accepted


@pytest.fixture
def data(tmp_path):
    """A store of some size that no server runs on."""
    folder = tmp_path / "data"
    succeed("app", "create", "an app", "--data", folder)
    return folder


def fill(data):
    """Makes the store so large that copying it takes a moment."""
    with sqlite3.connect(data / "apus.db") as connection:
        connection.execute(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
            "INSERT INTO upload_chunks SELECT 'large', i, 0, zeroblob(1048576) FROM n",
            (FILLING_BYTES >> 20,),
        )
    connection.close()


def test_kill_leaves_nothing_under_the_name(data, tmp_path):
    fill(data)
    copy, part = tmp_path / "copy.db", tmp_path / "copy.db.part"
    child = subprocess.Popen(
        [binary(), "backup", str(copy), "--data", str(data)], stderr=subprocess.DEVNULL, env=environment()
    )
    eventually(lambda: part.exists() and part.stat().st_size > 0, COMMAND_SECONDS, "the copy is begun")
    child.kill()
    assert child.wait(COMMAND_SECONDS) == -signal.SIGKILL, "the copy was done before it could be killed"
    assert not copy.exists()
    succeed("backup", copy, "--data", data)
    assert [path.name for path in tmp_path.glob("copy.db*")] == ["copy.db"]
    assert copy.stat().st_size >= FILLING_BYTES


def test_progress_is_told(data, tmp_path):
    fill(data)
    done = run("backup", tmp_path / "copy.db", "--data", data)
    assert done.returncode == 0
    assert str(tmp_path / "copy.db") in done.stdout
    assert len(done.stderr.splitlines()) > 3
    assert "100 %" in done.stderr.splitlines()[-1]


def test_existing_file_stays(data, tmp_path):
    copy = tmp_path / "copy.db"
    copy.write_bytes(b"precious")
    done = run("backup", copy, "--data", data)
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert str(copy) in done.stderr
    assert copy.read_bytes() == b"precious"
    assert [path.name for path in tmp_path.glob("copy.db*")] == ["copy.db"]


def test_what_cannot_be_done_is_said_in_one_line(data, tmp_path):
    for file, folder, word in [
        (tmp_path / "nowhere" / "copy.db", data, "nowhere"),
        (tmp_path / "copy.db", tmp_path / "empty", "there is no store"),
    ]:
        done = run("backup", file, "--data", folder)
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 1
        assert word in done.stderr
    assert not (tmp_path / "empty").exists()
    for name in ["", "folder/"]:
        assert run("backup", name, "--data", data).returncode == 64


def test_earlier_tables_are_copied_as_they_are(data, tmp_path):
    """A copy before an upgrade must not be an upgrade."""
    with sqlite3.connect(data / "apus.db") as connection:
        connection.execute("DELETE FROM grdb_migrations WHERE identifier = 'v5-trace'")
    connection.close()
    copy = tmp_path / "copy.db"
    succeed("backup", copy, "--data", data)
    for file in [data / "apus.db", copy]:
        connection = sqlite3.connect(file)
        migrations = {name for (name,) in connection.execute("SELECT identifier FROM grdb_migrations")}
        connection.close()
        assert "v4-accounts" in migrations
        assert "v5-trace" not in migrations
