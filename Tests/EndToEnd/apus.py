"""A server that a test started, its apps, and the operator's commands."""

import ctypes
import dataclasses
import errno
import itertools
import json
import os
import pathlib
import resource
import select
import signal
import struct
import subprocess
import time
import urllib.parse

import jpush
import jpush.common
import requests

# Bounds, not expectations: long enough for a busy machine with two cores. What must be fast is measured by the tests.
START_SECONDS = 30
STOP_SECONDS = 30
COMMAND_SECONDS = 30
REQUEST_SECONDS = 15

# The operator's interface promises that a running server honours a command within a second. The tests grant it three,
# because the clock also runs while the machine is busy with other work.
HONOURED_SECONDS = 3

# The host that the official client has no setting for.
ADMIN = "https://admin.jpush.cn"

_zones = itertools.count(1)


def binary():
    """Path of the executable under test, from the environment: there is no guessing."""
    path = os.environ.get("APUS_BINARY")
    if not path:
        raise RuntimeError("set APUS_BINARY to the apus executable that is to be tested")
    if not os.access(path, os.X_OK):
        raise RuntimeError(f"APUS_BINARY names no executable: {path}")
    return str(pathlib.Path(path).resolve())


def environment(**more):
    """The environment of a command: ours without the settings of Apus, which would change what is tested."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("APUS_")}
    return {**kept, **more}


def run(*arguments, env=None, within=COMMAND_SECONDS):
    """Runs one command to its end, whatever its exit status."""
    return subprocess.run(
        [binary(), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=within,
        env=environment(**(env or {})),
        check=False,
    )


def succeed(*arguments):
    """Runs one command that must succeed and returns what it printed."""
    done = run(*arguments)
    assert done.returncode == 0, f"apus {' '.join(map(str, arguments))}: {done.returncode}\n{done.stderr}"
    return done.stdout


def eventually(check, within, what):
    """Asks again and again until `check` returns something, neither None nor False, and returns that.

    A check may raise AssertionError or a transport error to say "not yet"; the last one is shown when time is up.
    """
    end = time.monotonic() + within
    while True:
        reason = None
        try:
            answer = check()
            # Not the truth of the answer itself: a response with a status of 400 and more counts as false.
            if answer is not None and answer is not False:
                return answer
        except (AssertionError, requests.RequestException) as error:
            reason = error
        if time.monotonic() > end:
            raise AssertionError(f"not within {within} s: {what}") from reason
        time.sleep(0.02)


def limit_descriptors(soft, hard):
    """What a process may open from now on, and its children."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# Made here, since little is safe between the making of a process and its becoming another program.
_LIBC = ctypes.CDLL(None, use_errno=True)
_IO_URING_SETUP = 425


def offers_io_uring():
    """Whether the kernel offers it to this process."""
    ring = _LIBC.syscall(_IO_URING_SETUP, 1, ctypes.create_string_buffer(120))
    if ring >= 0:
        os.close(ring)
    return ring >= 0


def _refusing(number):
    """A seccomp filter that refuses one system call."""
    load_number, jump_if_equal, answer, allow, refuse = 0x20, 0x15, 0x06, 0x7FFF0000, 0x00050000
    program = [
        (load_number, 0, 0, 0),
        (jump_if_equal, 0, 1, number),
        (answer, 0, 0, refuse | errno.EPERM),
        (answer, 0, 0, allow),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in program))
    return code, struct.pack("=H6xQ", len(program), ctypes.addressof(code))


_NO_IO_URING = _refusing(_IO_URING_SETUP)


def forbid_io_uring():
    """Has the kernel refuse this process, and its children, what a container's profile often refuses."""
    pr_set_no_new_privs, pr_set_seccomp, seccomp_mode_filter = 38, 22, 2
    zero = ctypes.c_ulong(0)
    for arguments in (
        (pr_set_no_new_privs, ctypes.c_ulong(1), zero, zero, zero),
        (pr_set_seccomp, ctypes.c_ulong(seccomp_mode_filter), _NO_IO_URING[1], zero, zero),
    ):
        if _LIBC.prctl(*arguments):
            raise OSError(ctypes.get_errno(), "prctl")


class Server:
    """`apus serve` on free ports of the loopback address, over a folder that outlives it."""

    def __init__(self, data, *options, env=None, before=None):
        """`before` is called in the process that becomes the server."""
        self.data = pathlib.Path(data)
        self.before = before
        self.options = options
        self.env = env or {}
        self.log_path = self.data.with_name(self.data.name + ".log")
        self.child = None
        self.api = self.edge = self.zone = None

    def start(self):
        assert self.child is None, "is running already"
        with open(self.log_path, "ab") as log:
            self.child = subprocess.Popen(
                [
                    binary(),
                    "serve",
                    "--json",
                    "--data",
                    str(self.data),
                    "--api",
                    "127.0.0.1:0",
                    "--edge",
                    "127.0.0.1:0",
                    *map(str, self.options),
                ],
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment(**self.env),
                preexec_fn=self.before,
            )
        try:
            ready = json.loads(self._first_line())
            assert set(ready) == {"api", "edge", "pid"}, ready
            assert ready["pid"] == self.child.pid
        except BaseException:
            self.kill()
            raise
        self.api, self.edge = ready["api"].rstrip("/"), ready["edge"].rstrip("/")
        self.zone = self._make_zone()
        return self

    def _first_line(self):
        """The ready line: everything up to the first line feed on standard output."""
        line, end = b"", time.monotonic() + START_SECONDS
        while not line.endswith(b"\n"):
            left = end - time.monotonic()
            assert left > 0 and select.select([self.child.stdout], [], [], left)[0], f"not ready\n{self.log_tail()}"
            # One byte at a time, so that nothing behind the line is taken.
            byte = os.read(self.child.stdout.fileno(), 1)
            assert byte, f"ended before it was ready\n{self.log_tail()}"
            line += byte
        return line

    def _make_zone(self):
        """Names this server in the client's table of hosts: the client itself stays as it is."""
        name = f"APUS{next(_zones)}"
        for suffix, report, device in [("", "", "devices/"), ("BJ", "report/", "device/")]:
            # Tags and aliases lie below the one word of the Beijing form, and beside the other.
            below = device if suffix else ""
            jpush.common.ZONES[name + suffix] = {
                "PUSH": f"{self.api}/v3/",
                "REPORT": f"{self.api}/v3/{report}",
                "DEVICE": f"{self.api}/v3/{device}",
                "TAG": f"{self.api}/v3/{below}tags/",
                "ALIAS": f"{self.api}/v3/{below}aliases/",
                "SCHEDULE": f"{self.api}/v3/{'push/' if suffix else ''}schedules/",
            }
        return name

    def stop(self):
        """Ends it as an operator does, and requires that it says nothing more on standard output and exits with 0."""
        self.child.send_signal(signal.SIGTERM)
        try:
            rest, _ = self.child.communicate(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"did not stop within {STOP_SECONDS} s\n{self.log_tail()}") from None
        status, self.child = self.child.returncode, None
        assert status == 0, f"exit status {status}\n{self.log_tail()}"
        assert rest == b"", "--json prints the ready line and nothing else"

    def kill(self):
        """Ends it without warning, as a crash does."""
        if self.child is None:
            return
        self.child.kill()
        self.child.wait(timeout=STOP_SECONDS)
        self.child.stdout.close()
        self.child = None

    def log(self):
        return self.log_path.read_text(errors="replace")

    def log_tail(self):
        return "\n".join(self.log().splitlines()[-30:])

    def edge_http(self, path):
        """URL of a plain HTTP request to the edge listener."""
        parts = urllib.parse.urlsplit(self.edge)
        return f"{'https' if parts.scheme == 'wss' else 'http'}://{parts.netloc}{path}"

    def app(self, name="an app", *options, verify=True):
        """Makes an app and waits until the running server knows it."""
        made = json.loads(succeed("app", "create", name, "--data", self.data, "--json", *options))
        assert set(made) >= {"app_key", "master_secret", "name"}
        assert made["name"] == name
        app = App(self, made["app_key"], made["master_secret"], verify)
        eventually(
            lambda: app.get("/healthz").status_code == 200 and app.get("/v3/push/cid").status_code == 200,
            HONOURED_SECONDS,
            "the new app is known",
        )
        return app

    def admin(self, auth):
        """The official client of a developer; its admin URL is a literal, so its session sends the calls here."""
        client = jpush.Admin(*auth)
        send = client.session.request

        def redirected(method, url, **more):
            assert url.startswith(ADMIN), url
            return send(method, self.api + url.removeprefix(ADMIN), **more)

        client.session.request = redirected
        return client

    def update(self, app, *options):
        """Changes an app while the server runs."""
        succeed("app", "update", app.key, "--data", self.data, *options)


@dataclasses.dataclass
class App:
    """An app of one server, seen by its own back end."""

    server: Server
    key: str
    secret: str
    verify: object = True

    def client(self, zone=""):
        """The official client, unchanged, pointed at this server."""
        client = jpush.JPush(self.key, self.secret, timeout=REQUEST_SECONDS, zone=self.server.zone + zone)
        client.session.verify = self.verify
        return client

    def request(self, method, path, **more):
        return requests.request(
            method,
            self.server.api + path,
            auth=(self.key, self.secret),
            timeout=REQUEST_SECONDS,
            verify=self.verify,
            **more,
        )

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def try_push(self, **over):
        """Posts a push to everybody, changed as told, and returns the answer whatever it is."""
        push = {"platform": "all", "audience": "all", "notification": {"alert": "hi"}, **over}
        return self.request("POST", "/v3/push", json={key: value for key, value in push.items() if value is not None})

    def push(self, **over):
        """Posts a push that must be accepted and returns its msg_id."""
        answer = self.try_push(**over)
        assert answer.status_code == 200, answer.text
        return answer.json()["msg_id"]

    def alert(self, text, **over):
        return self.push(notification={"alert": text}, **over)

    def counts(self, *msg_ids):
        """`GET /v3/messages` for any number of ids, asked for by the hundred, as a dictionary by id."""
        entries = {}
        for start in range(0, len(msg_ids), 100):
            answer = self.get("/v3/messages", params={"msg_ids": ",".join(msg_ids[start : start + 100])})
            assert answer.status_code == 200, answer.text
            entries |= {entry["msg_id"]: entry for entry in answer.json()}
        return entries

    def android(self, msg_id):
        return self.counts(msg_id)[msg_id]["android"]

    def received(self, msg_id):
        answer = self.get("/v3/received/detail", params={"msg_ids": msg_id})
        assert answer.status_code == 200, answer.text
        return answer.json()[0]["jpush_received"]


def error_code(answer):
    """The business code of a refusal, whose body must have the one shape that every client reads."""
    body = answer.json()
    assert set(body) == {"error"} and set(body["error"]) >= {"code", "message"}, body
    assert isinstance(body["error"]["code"], int) and body["error"]["message"], body
    return body["error"]["code"]


def refusal(answer):
    """Status and business code, to compare at one glance."""
    return answer.status_code, error_code(answer)
