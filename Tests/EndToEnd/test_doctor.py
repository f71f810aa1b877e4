"""What `apus doctor` says of real causes, and of files that are no store of ours: named, and left as they are."""

import contextlib
import json
import os
import resource
import shutil
import socket
import sqlite3
import subprocess
import urllib.parse

import pytest

from apus import (
    COMMAND_SECONDS,
    Server,
    binary,
    environment,
    forbid_io_uring,
    limit_descriptors,
    offers_io_uring,
    run,
    succeed,
)

CHECKS = ["settings", "server", "folder", "disk", "filesystem", "store", "clock", "api", "edge", "tls", "descriptors"]
FAR_AWAY = 4_000_000_000_000


@pytest.fixture
def data(tmp_path):
    """A store that no server runs on."""
    folder = tmp_path / "data"
    succeed("app", "create", "an app", "--data", folder)
    return folder


def doctor(data, *options, status=0, env=None, before=None):
    """Runs the command and returns its findings by check."""
    done = subprocess.run(
        [
            binary(),
            "doctor",
            "--json",
            "--data",
            str(data),
            "--api",
            "127.0.0.1:0",
            "--edge",
            "127.0.0.1:0",
            "--connections",
            "100",
            *map(str, options),
        ],
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        env=environment(**(env or {})),
        preexec_fn=before,
        check=False,
    )
    answer = json.loads(done.stdout)
    findings = {finding["check"]: finding for finding in answer["checks"]}
    problems = [name for name, finding in findings.items() if finding["verdict"] == "problem"]
    assert done.returncode == status, done.stdout + done.stderr
    assert bool(problems) == bool(status)
    assert (answer["verdict"] == "problem") == bool(problems)
    assert len(done.stderr.splitlines()) == bool(problems)
    assert all(name in done.stderr for name in problems)
    return findings


def sole_problem(findings, check):
    """The sentence of the only finding that is a problem."""
    problems = [name for name, finding in findings.items() if finding["verdict"] == "problem"]
    assert problems == [check], findings
    return findings[check]["sentence"]


def change(data, sql):
    """What another program could do to the file."""
    with contextlib.closing(sqlite3.connect(data / "apus.db")) as connection, connection:
        connection.execute(sql)


def test_nothing_is_a_problem_on_a_new_store(data):
    findings = doctor(data)
    assert list(findings)[: len(CHECKS)] == CHECKS
    assert findings["store"]["verdict"] == findings["folder"]["verdict"] == findings["tls"]["verdict"] == "ok"


def test_nothing_is_a_problem_before_the_first_start_and_nothing_is_made(tmp_path):
    findings = doctor(tmp_path / "data")
    assert "no store yet" in findings["store"]["sentence"]
    assert not (tmp_path / "data").exists()


def test_lines_are_for_people(data):
    done = run("doctor", "--data", data, "--api", "127.0.0.1:0", "--edge", "127.0.0.1:0", "--connections", 100)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert [line.split()[1] for line in lines][: len(CHECKS)] == CHECKS
    assert all(line.split()[0] in {"ok", "warning"} for line in lines)


def test_a_server_takes_all_the_descriptors_that_it_may_have(tmp_path):
    server = Server(tmp_path / "data", before=lambda: limit_descriptors(300, 700)).start()
    try:
        assert resource.prlimit(server.child.pid, resource.RLIMIT_NOFILE) == (700, 700)
        assert "may open 700 files" in doctor(server.data)["descriptors"]["sentence"]
    finally:
        server.kill()


def test_where_io_uring_is_offered_frames_go_in_batches(own_server):
    if not offers_io_uring():
        pytest.skip("the kernel offers no io_uring here")
    assert "in batches" in doctor(own_server.data)["sending"]["sentence"]
    assert "io_uring" not in own_server.log()


def test_where_io_uring_is_forbidden_frames_go_one_by_one(tmp_path, devices):
    server = Server(tmp_path / "data", before=forbid_io_uring).start()
    try:
        app = server.app()
        several = [devices(server).register(app) for _ in range(5)]
        for text in ("one", "two"):
            app.alert(text, audience="all")
            assert all(device.alerts(1) == [text] for device in several)
        assert server.log().count("offers no io_uring") == 1
        assert "one by one" in doctor(server.data, before=forbid_io_uring)["sending"]["sentence"]
    finally:
        server.kill()


def test_running_server_is_seen(own_server):
    places = [urllib.parse.urlsplit(url).netloc for url in (own_server.api, own_server.edge)]
    findings = doctor(own_server.data, "--api", places[0], "--edge", places[1])
    assert findings["server"]["sentence"] == f"a server runs on the folder, process {own_server.child.pid}"
    for listener in ("api", "edge"):
        assert findings[listener]["verdict"] == "ok"
        assert "in use" in findings[listener]["sentence"]
    own_server.stop()
    assert "no server" in doctor(own_server.data)["server"]["sentence"]


def test_taken_port(data):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        assert place in sole_problem(doctor(data, "--edge", place, status=1), "edge")


def test_same_port_for_both(data):
    with socket.create_server(("127.0.0.1", 0)) as free:
        place = f"127.0.0.1:{free.getsockname()[1]}"
    findings = doctor(data, "--api", place, "--edge", place, status=1)
    assert "both" in findings["api"]["sentence"]


def test_address_of_another_machine(data):
    assert "192.0.2.1" in sole_problem(doctor(data, "--api", "192.0.2.1:8080", status=1), "api")


def test_too_few_descriptors(data):
    findings = doctor(data, "--connections", 1000, status=1, before=lambda: limit_descriptors(1024, 1024))
    assert "2280" in sole_problem(findings, "descriptors")


def test_settings_that_would_stop_the_start(data):
    assert "nowhere" in sole_problem(doctor(data, "--api", "nowhere", status=1), "settings")
    assert "APUS_COLOUR" in doctor(data, env={"APUS_COLOUR": "red"})["settings"]["sentence"]


def test_folder_open_to_others(data):
    data.chmod(0o755)
    assert doctor(data)["folder"]["verdict"] == "warning"
    data.chmod(0o700)
    (data / "apus.db").chmod(0o644)
    assert "apus.db" in doctor(data)["folder"]["sentence"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_file_of_another_user(data):
    os.chown(data / "apus.db", 12345, 12345)
    assert "apus.db" in sole_problem(doctor(data, status=1), "folder")


def test_file_in_the_place_of_the_folder(tmp_path):
    path = tmp_path / "data"
    path.write_bytes(b"precious")
    assert doctor(path, status=1)["folder"]["verdict"] == "problem"
    assert path.read_bytes() == b"precious"


def test_store_in_memory(tmp_path):
    folder = f"/dev/shm/apus-{os.getpid()}-{tmp_path.name}"
    os.mkdir(folder, 0o700)
    try:
        assert "tmpfs" in doctor(folder)["filesystem"]["sentence"]
    finally:
        shutil.rmtree(folder)


def test_clock_behind_the_store(data):
    change(
        data,
        "INSERT INTO devices (app, ordinal, registration_id, platform, tags, tokens, details, registered_at, is_test)"
        f" VALUES (1, 0, 'r', 0, '[]', '{{}}', '{{}}', {FAR_AWAY}, 0)",
    )
    assert "before the newest record" in sole_problem(doctor(data, status=1), "clock")


def test_earlier_tables(data):
    change(data, "DELETE FROM grdb_migrations WHERE identifier = 'v5-trace'")
    finding = doctor(data)["store"]
    assert finding["verdict"] == "warning"
    assert "v5-trace" in finding["sentence"]


class TestCertificate:
    @pytest.fixture
    def make(self, tmp_path):
        """Makes a certificate and its key."""

        def make(name, days=365, *options):
            key, request, certificate = (tmp_path / f"{name}.{ending}" for ending in ("key", "csr", "pem"))
            calls = [
                ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}"]
                + ["-addext", f"subjectAltName=DNS:{name}", "-keyout", str(key), "-out", str(request)],
                ["x509", "-req", "-in", str(request), "-signkey", str(key), "-days", str(days), "-copy_extensions"]
                + ["copyall", "-out", str(certificate)],
            ]
            for call in calls:
                subprocess.run(["openssl", *call], check=True, capture_output=True, timeout=30)
            key.chmod(0o600)
            return certificate, key

        return make

    def finding(self, data, certificate, key, status=0):
        findings = doctor(data, "--tls-certificate", certificate, "--tls-key", key, status=status)
        return sole_problem(findings, "tls") if status else findings["tls"]["sentence"]

    def test_expired(self, data, make):
        assert "expired" in self.finding(data, *make("old.example", -1), status=1)

    def test_soon_to_expire(self, data, make):
        assert "expires" in self.finding(data, *make("short.example", 3))

    def test_signed_by_itself(self, data, make):
        assert "trust" in self.finding(data, *make("own.example"))

    def test_key_of_another(self, data, make):
        certificate, _ = make("one.example")
        _, key = make("two.example")
        assert str(key) in self.finding(data, certificate, key, status=1)

    def test_chain_out_of_order(self, data, make, tmp_path):
        certificate, key = make("leaf.example")
        other, _ = make("stranger.example")
        chain = tmp_path / "chain.pem"
        chain.write_bytes(certificate.read_bytes() + other.read_bytes())
        assert "order" in self.finding(data, chain, key, status=1)

    def test_no_certificate(self, data, make, tmp_path):
        _, key = make("some.example")
        assert "nowhere.pem" in self.finding(data, tmp_path / "nowhere.pem", key, status=1)


def garbage(path):
    path.write_bytes(b"not a database" * 1000)


def empty(path):
    path.write_bytes(b"")


def half(path):
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 8192 * 4096])


def damaged_at_its_head(path):
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + b"\xa5" * 3996 + whole[4096:])


def damaged_within(path):
    with contextlib.closing(sqlite3.connect(path)) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'apps'").fetchone()
    whole = path.read_bytes()
    path.write_bytes(whole[: (page - 1) * 4096] + b"\xa5" * 4096 + whole[page * 4096 :])


def foreign(path):
    path.unlink()
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA application_id = 7")
        connection.execute("CREATE TABLE notes (text)")


def newer(path):
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO grdb_migrations VALUES ('v999')")


def folder(path):
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    "spoil", [garbage, empty, half, damaged_at_its_head, damaged_within, foreign, newer, folder], ids=lambda f: f.__name__
)
def test_what_is_no_sound_store_is_named_and_left_as_it_is(data, tmp_path, spoil):
    path = data / "apus.db"
    spoil(path)
    before = None if path.is_dir() else path.read_bytes()
    for command in [
        ["serve", "--api", "127.0.0.1:0", "--edge", "127.0.0.1:0"],
        ["app", "list"],
        ["backup", tmp_path / "copy.db"],
    ]:
        done = run(*command, "--data", data)
        assert done.returncode == 1, (command, done.stderr)
        assert done.stdout == ""
        # A copy may have told how far it has come before it met the damage.
        said = [line for line in done.stderr.splitlines() if " %, " not in line]
        assert len(said) == 1, (command, done.stderr)
        assert str(path) in said[0]
    assert str(path) in sole_problem(doctor(data, status=1), "store")
    assert not list(tmp_path.glob("copy.db*"))
    assert before is None or path.read_bytes() == before
