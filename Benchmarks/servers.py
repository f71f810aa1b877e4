"""The servers that are measured, started on loopback with settings of their own and stopped again."""

import base64
import http.client
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

# Which of a process's clocks: the time that it ran, as the scheduler counts it.
CPUCLOCK_SCHED = 2

NCHAN_MODULE = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")
APP_KEY = "b" * 24
MASTER_SECRET = "c" * 24
AUTHORIZATION = "Basic " + base64.b64encode(f"{APP_KEY}:{MASTER_SECRET}".encode()).decode()

# Both sides send frames of this many bytes of text: what a short notification comes to.
FRAME_BYTES = 200
ENVELOPE = (
    '{"op":"push","msg_id":"","sent_at":1700000000000,"expires_at":1700000000000,"notification":{"alert":""}}'
)
MESSAGE_ID_DIGITS = 15


def raise_descriptor_limit():
    """Lets this process and its children have as many descriptors as the machine allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, what, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"bench: {what} within {seconds} s")
        time.sleep(0.02)


def is_open(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def pinned(cpus, command):
    """The command, bound to these processors where the machine has more than one."""
    return ["taskset", "-c", cpus, *command] if cpus else command


class Server:
    """One process, and the options of the load client that fit it."""

    name = ""

    def __init__(self, cpus):
        self.cpus = cpus
        self.folder = Path(tempfile.mkdtemp(prefix="apus-bench-"))
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def stop(self, signal_number=signal.SIGKILL):
        if self.process is not None:
            self.process.send_signal(signal_number)
            self.process.wait()
            self.process = None

    def pids(self):
        return [self.process.pid]

    def cpu_seconds(self):
        """User and system time of all threads so far, to the nanosecond: the kernel's clock of a process (see clock_gettime)."""
        return sum(time.clock_gettime(~pid << 3 | CPUCLOCK_SCHED) for pid in self.pids())

    def resident_bytes(self):
        return sum(
            int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") for pid in self.pids())

    def load_options(self):
        options = ["--kind", self.name]
        for pid in self.pids():
            options += ["--server-pid", str(pid)]
        return options


class Apus(Server):
    name = "apus"

    def __init__(self, cpus, binary):
        super().__init__(cpus)
        self.binary = str(binary)
        self.data = self.folder / "data"
        subprocess.run(
            [self.binary, "app", "create", "bench", "--data", self.data, "--app-key", APP_KEY,
             "--master-secret", MASTER_SECRET, "--limit", "push_per_minute=0",
             "--limit", "report_per_minute=0"],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.api_port, self.edge_port = free_port(), free_port()
        self.connection = http.client.HTTPConnection("127.0.0.1", self.api_port)

    def run(self, *command):
        """Runs an operator's command on the store."""
        subprocess.run(
            [self.binary, *map(str, command), "--data", self.data], check=True, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)

    def start(self):
        command = [
            self.binary, "serve", "--data", str(self.data), "--api", f"127.0.0.1:{self.api_port}",
            "--edge", f"127.0.0.1:{self.edge_port}", "--log-level", "warning", "--json"]
        self.process = subprocess.Popen(pinned(self.cpus, command), stdout=subprocess.PIPE)
        ready = json.loads(self.process.stdout.readline() or "{}")
        if "pid" not in ready:
            raise SystemExit("bench: apus did not start")

    def store(self):
        """The file that everything is in."""
        return self.data / "apus.db"

    def load_options(self, audience="all", **more):
        alert = "x" * (FRAME_BYTES - len(ENVELOPE) - MESSAGE_ID_DIGITS)
        body = {"platform": "all", "audience": audience, "notification": {"alert": alert}, **more}
        return super().load_options() + [
            "--devices-at", f"127.0.0.1:{self.edge_port}", "--publish-at", f"127.0.0.1:{self.api_port}",
            "--authorization", AUTHORIZATION, "--app-key", APP_KEY,
            "--body", json.dumps(body, separators=(",", ":"))]


class Nginx(Server):
    """What both of its uses share: a master and one worker."""

    def stop(self, signal_number=signal.SIGTERM):
        super().stop(signal.SIGTERM)

    def pids(self):
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [self.process.pid, *map(int, children)]


class Nchan(Nginx):
    """nginx with one worker and the nchan module: keeps nothing, knows no devices, asks for no acks."""

    name = "nchan"

    @staticmethod
    def missing():
        """Says what to install, or None when everything is there."""
        if shutil.which("nginx") and NCHAN_MODULE.exists():
            return None
        return "nginx with nchan is not installed: apt-get install nginx-light libnginx-mod-nchan"

    def start(self):
        self.port = free_port()
        configuration = self.folder / "nginx.conf"
        configuration.write_text(f"""
            load_module {NCHAN_MODULE};
            daemon off;
            worker_processes 1;
            worker_rlimit_nofile {resource.getrlimit(resource.RLIMIT_NOFILE)[0]};
            pid {self.folder}/pid;
            error_log {self.folder}/error.log;
            events {{ worker_connections {resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 100}; }}
            http {{
                access_log off;
                keepalive_requests 1000000;
                client_body_temp_path {self.folder}/body;
                proxy_temp_path {self.folder}/proxy;
                fastcgi_temp_path {self.folder}/fastcgi;
                uwsgi_temp_path {self.folder}/uwsgi;
                scgi_temp_path {self.folder}/scgi;
                nchan_max_reserved_memory 64m;
                server {{
                    listen 127.0.0.1:{self.port} backlog=4096;
                    location = /sub {{ nchan_subscriber websocket; nchan_channel_id bench; }}
                    location = /pub {{ nchan_publisher http; nchan_channel_id bench; nchan_message_timeout 60s; }}
                }}
            }}
            """)
        command = ["nginx", "-p", str(self.folder), "-c", str(configuration)]
        self.process = subprocess.Popen(pinned(self.cpus, command), stderr=subprocess.DEVNULL)
        wait_until(lambda: is_open(self.port), f"nginx did not start, see {self.folder}/error.log;")

    def load_options(self):
        address = f"127.0.0.1:{self.port}"
        return super().load_options() + [
            "--devices-at", address, "--publish-at", address, "--device-path", "/sub", "--publish-path", "/pub",
            "--body", "x" * FRAME_BYTES]


class NginxStatic(Nginx):
    """nginx with one worker that answers every request with the same few bytes, from memory."""

    name = "nginx"

    def start(self):
        self.api_port = free_port()
        configuration = self.folder / "nginx.conf"
        configuration.write_text(f"""
            daemon off;
            worker_processes 1;
            pid {self.folder}/pid;
            error_log {self.folder}/error.log;
            events {{ worker_connections 4096; }}
            http {{
                access_log off;
                keepalive_requests 100000000;
                client_body_temp_path {self.folder}/body;
                proxy_temp_path {self.folder}/proxy;
                fastcgi_temp_path {self.folder}/fastcgi;
                uwsgi_temp_path {self.folder}/uwsgi;
                scgi_temp_path {self.folder}/scgi;
                server {{
                    listen 127.0.0.1:{self.api_port} backlog=4096;
                    location / {{ return 200 '{{"sendno":"0","msg_id":"891060238147584"}}'; }}
                }}
            }}
            """)
        command = ["nginx", "-p", str(self.folder), "-c", str(configuration)]
        self.process = subprocess.Popen(pinned(self.cpus, command), stderr=subprocess.DEVNULL)
        wait_until(lambda: is_open(self.api_port), f"nginx did not start, see {self.folder}/error.log;")
