"""A server whose allocations are counted, and what is counted: one hot path each, alone and in the same order."""

import base64
import collections
import contextlib
import http.client
import json
import mmap
import pathlib
import struct
import subprocess
import time
import urllib.parse

import apus
from device import Device

# The least of so many measurements counts: what the server does by the clock comes on top of some of them.
REPEATS = 5
REQUESTS = 100
ROUNDS_MIN = 10
CROWD = 50
TAGS = [f"tag{number}" for number in range(30)]


class Counter:
    """The number of allocations that a server started with `environment` has made so far."""

    def __init__(self, folder):
        library = pathlib.Path(folder) / "count.so"
        source = pathlib.Path(__file__).with_name("count.c")
        subprocess.run(
            ["cc", "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", str(library), str(source)], check=True
        )
        path = pathlib.Path(folder) / "allocations"
        path.write_bytes(bytes(8))
        with open(path, "r+b") as file:
            self._map = mmap.mmap(file.fileno(), 8)
        # One seed for all dictionaries of the server: they grow at the same element in every run.
        self.environment = {
            "LD_PRELOAD": str(library),
            "COUNT_ALLOCATIONS": str(path),
            "SWIFT_DETERMINISTIC_HASHING": "1",
        }

    @property
    def value(self):
        return struct.unpack_from("q", self._map)[0]

    def settled(self):
        """The number once the server has come to rest, work behind its answers included."""
        last, since = self.value, time.monotonic()
        end = since + 10
        while time.monotonic() < min(since + 0.03, end):
            time.sleep(0.002)
            if self.value != last:
                last, since = self.value, time.monotonic()
        return last


class Measured:
    """One server with a caller and devices, and the hot paths that are counted on it."""

    def __init__(self, folder, stack):
        self.counter = Counter(folder)
        unlimited = ["failed_auth", "push", "report", "device"]
        options = [option for name in unlimited for option in ("--limit", f"{name}_per_minute=0")]
        self.server = apus.Server(
            folder / "data", *options, "--limit", "frames_per_second=0", env=self.counter.environment)
        stack.callback(self.server.kill)
        self.server.start()
        self.app = self.server.app("counted")
        parts = urllib.parse.urlsplit(self.server.api)
        self.connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=apus.REQUEST_SECONDS)
        credentials = base64.b64encode(f"{self.app.key}:{self.app.secret}".encode()).decode()
        self.headers = {"Authorization": f"Basic {credentials}", "Content-Type": "application/json"}

        def device(**more):
            return stack.enter_context(Device(self.server)).register(self.app, **more)

        self.crowd = [device(tags=TAGS[number % 7 :][:5]) for number in range(CROWD)]
        self.alone, self.returning, self.absent = (device(platform=name) for name in ("ios", "android", "hmos"))
        self.absent.drop()
        # Pushes that the device alone has got and not acked yet.
        self.unacked = collections.deque()
        self.acked = None

    def paths(self):
        """Each hot path: how to walk it once, and how many requests, deliveries or frames that is."""
        push = {"platform": "all", "notification": {"alert": "The train leaves from platform nine"}}
        absent, alone = ({"registration_id": [device.registration_id]} for device in (self.absent, self.alone))
        sets = {"tag": TAGS[:20], "tag_and": TAGS[:3], "tag_not": TAGS[10:20]}
        tags = {"tags": {"add": ["morning"], "remove": ["evening"]}}
        return {
            "GET /healthz": (lambda: self.ask("GET", "/healthz"), 1),
            "POST /v3/push/validate, one device": (lambda: self.validate(push, absent), 1),
            "POST /v3/push/validate, a notification with all its members": (
                lambda: self.validate(full_push(), absent), 1),
            "POST /v3/push/validate, 33 tags with or, and, not": (lambda: self.validate(push, sets), 1),
            "POST /v3/push, to a device that is away": (lambda: self.push(push, absent), 1),
            "POST /v3/push, to a device that is here": (lambda: self.push_to_alone(push, alone), 1),
            "an ack": (self.acknowledge, 1),
            # Acks of many at once are not here: how they fall into batches is a matter of time.
            f"a delivery, to {CROWD} devices at a time": (lambda: self.deliver(push), CROWD),
            "a ping": (lambda: self.alone.ask({"op": "ping"}), 1),
            "a login": (self.log_in, 1),
            "GET /v3/received/detail, of one push": (
                lambda: self.ask("GET", f"/v3/received/detail?msg_ids={self.acked}"), 1),
            "POST /v3/devices, tags of one device": (
                lambda: self.ask("POST", f"/v3/devices/{self.absent.registration_id}", tags), 1),
        }

    def measure(self):
        """Allocations of each path, for one request, delivery or frame."""
        counts = {}
        for name, (walk, share) in self.paths().items():
            rounds = max(ROUNDS_MIN, REQUESTS // share)
            samples = []
            # What the first round makes ready for all later ones is not counted.
            for _ in range(REPEATS + 1):
                before = self.counter.settled()
                for _ in range(rounds):
                    walk()
                samples.append(self.counter.settled() - before)
            counts[name] = round(min(samples[1:]) / rounds / share, 1)
        return counts

    def ask(self, method, path, body=None):
        self.connection.request(method, path, json.dumps(body) if body else None, self.headers)
        answer = self.connection.getresponse()
        text = answer.read()
        assert answer.status == 200, text
        return text

    def validate(self, push, audience):
        self.ask("POST", "/v3/push/validate", {**push, "audience": audience})

    def push(self, push, audience):
        self.ask("POST", "/v3/push", {**push, "audience": audience})

    def push_to_alone(self, push, alone):
        self.push(push, alone)
        self.unacked.append(self.alone.push()["msg_id"])

    def acknowledge(self):
        self.acked = self.unacked.popleft()
        self.alone.ack(self.acked)

    def deliver(self, push):
        self.push(push, {"tag": TAGS[:20]})
        for device in self.crowd:
            device.push()

    def log_in(self):
        self.returning.drop()
        assert self.returning.login() == 0


def full_push():
    """A push that fills in what a notification may have on each platform, with extras."""
    extras = {f"key{number}": f"value {number}" for number in range(10)}
    android = {"alert": "hi", "title": "A title", "builder_id": 1, "priority": 1, "category": "CATEGORY_SOCIAL",
               "style": 1, "big_text": "x" * 400, "badge_add_num": 1, "extras": extras}
    ios = {"alert": {"title": "A title", "body": "hi"}, "sound": "default", "badge": "+1", "extras": extras}
    hmos = {"alert": "hi", "title": "A title", "category": "MARKETING", "intent": {"url": "action.system.home"},
            "extras": extras}
    return {"platform": "all", "notification": {"android": android, "ios": ios, "hmos": hmos},
            "message": {"msg_content": "x" * 500, "extras": extras}}


@contextlib.contextmanager
def measured(folder):
    with contextlib.ExitStack() as stack:
        yield Measured(pathlib.Path(folder), stack)
