"""A simulated device: the client side of the edge protocol over WebSocket."""

import collections
import contextlib
import itertools
import json
import socket
import ssl
import time
import urllib.parse

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

FRAME_SECONDS = 15


class Device:
    """One install of an app on one simulated device.

    It keeps its registration over lost connections. Frames that nobody has asked for yet wait in `inbox`, in the order
    in which they came.
    """

    def __init__(self, server, ca_file=None):
        self.server = server
        self.ca_file = ca_file
        self.socket = None
        self.registration_id = self.secret = None
        self.inbox = collections.deque()
        self._refs = itertools.count(1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.drop()

    # Connections

    def connect(self):
        assert self.socket is None, "is connected already"
        parts = urllib.parse.urlsplit(self.server.edge)
        tls = ssl.create_default_context(cafile=self.ca_file) if parts.scheme == "wss" else None
        self.socket = connect(
            f"{parts.scheme}://{parts.netloc}/v1/edge",
            subprotocols=["apus.v1"],
            ssl=tls,
            proxy=None,
            ping_interval=None,
            open_timeout=FRAME_SECONDS,
            close_timeout=1,
        )
        assert self.socket.subprotocol == "apus.v1"
        self.inbox.clear()
        return self

    def register(self, app, platform="android", **more):
        """Registers over a fresh connection, whose session is live from then on."""
        answer = self.connect().ask({"op": "register", "app_key": app.key, "platform": platform, **more})
        assert answer["op"] == "registered", answer
        self.registration_id, self.secret = answer["registration_id"], answer["secret"]
        return self

    def login(self, secret=None):
        """Opens a session again and returns the number of pushes that it says are waiting."""
        answer = self.connect().ask(self.login_frame(secret))
        assert answer["op"] == "ready", answer
        return answer["pending"]

    def login_frame(self, secret=None):
        return {"op": "login", "registration_id": self.registration_id, "secret": secret or self.secret}

    def drop(self):
        """Loses the connection as a phone does that leaves the network: no close frame, no word."""
        if self.socket is None:
            return
        lost, self.socket = self.socket, None
        with contextlib.suppress(OSError):  # the server may have been first
            lost.socket.shutdown(socket.SHUT_RDWR)
        lost.close()

    # Frames

    def send(self, frame):
        self.socket.send(json.dumps(frame))

    def ask(self, frame):
        """Sends one frame and returns its answer; what comes in between goes to the inbox."""
        ref = next(self._refs)
        self.send({**frame, "ref": ref})
        return self._next(lambda answer: answer.get("ref") == ref, FRAME_SECONDS)

    def next(self, op, within=FRAME_SECONDS):
        """The next frame of this kind, from the inbox or the wire."""
        for frame in self.inbox:
            if frame["op"] == op:
                self.inbox.remove(frame)
                return frame
        return self._next(lambda frame: frame["op"] == op, within)

    def _next(self, wanted, within):
        end = time.monotonic() + within
        while True:
            # At least a moment, so that a frame that is already there is seen even when time is up.
            frame = json.loads(self.socket.recv(timeout=max(0.001, end - time.monotonic())))
            if wanted(frame):
                return frame
            self.inbox.append(frame)

    def close_code(self, within=FRAME_SECONDS):
        """Reads until the server closes and returns the code; the frames before it go to the inbox."""
        end = time.monotonic() + within
        try:
            while True:
                self.inbox.append(json.loads(self.socket.recv(timeout=max(0.001, end - time.monotonic()))))
        except ConnectionClosed as closed:
            self.socket = None
            return closed.rcvd.code if closed.rcvd else None

    # Pushes

    def push(self):
        return self.next("push")

    def pushes(self, count):
        return [self.push() for _ in range(count)]

    def alerts(self, count):
        return [push["notification"]["alert"] for push in self.pushes(count)]

    def quiet(self):
        """Whether no push waits here.

        Frames keep their order: whatever the server had for this device before the ping is here before the pong.
        """
        assert self.ask({"op": "ping"})["op"] == "pong"
        return not [frame for frame in self.inbox if frame["op"] == "push"]

    # Receipts

    def ack(self, *msg_ids):
        answer = self.ask({"op": "ack", "msg_ids": list(msg_ids)})
        assert answer["op"] == "acked" and set(answer["msg_ids"]) == set(msg_ids), answer

    def click(self, msg_id, **more):
        assert self.ask({"op": "click", "msg_id": msg_id, **more})["op"] == "acked"

    def display(self, msg_id):
        assert self.ask({"op": "display", "msg_id": msg_id})["op"] == "acked"
