"""An app server and a device, as coroutines: many of them share one process with the ledger."""

import asyncio
import base64
import itertools
import json
import urllib.parse

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage

REQUEST_SECONDS = 20
FRAME_SECONDS = 20


class Unanswered(Exception):
    """The other side left, or never answered: whether it did what it was asked is not known."""


class Caller:
    """One keep-alive connection of an app server."""

    def __init__(self, server, app):
        self.server = server
        self.app = app
        self._streams = None

    async def request(self, method, path, body=None):
        """Returns status and decoded body; raises Unanswered."""
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                return await self._exchange(method, path, body)
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            self.close()
            raise Unanswered(f"{method} {path}: {error!r}") from error
        except asyncio.CancelledError:
            self.close()
            raise

    def close(self):
        if self._streams:
            self._streams[1].close()
        self._streams = None

    async def _exchange(self, method, path, body):
        parts = urllib.parse.urlsplit(self.server.api)
        if self._streams is None:
            self._streams = await asyncio.open_connection(parts.hostname, parts.port)
        reader, writer = self._streams
        content = b"" if body is None else json.dumps(body).encode()
        login = base64.b64encode(f"{self.app.key}:{self.app.secret}".encode()).decode()
        writer.write(
            f"{method} {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Basic {login}\r\n"
            f"Content-Length: {len(content)}\r\n\r\n".encode() + content
        )
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        answer = json.loads(await reader.readexactly(int(headers["content-length"])))
        if headers.get("connection") == "close":
            self.close()
        return int(head[0].split()[1]), answer, headers


class Session:
    """One connection of a device, from its upgrade to its end, whoever ends it."""

    def __init__(self, socket, on_push):
        self.socket = socket
        self.on_push = on_push
        self._refs = itertools.count(1)
        self._waiting = {}
        self.reading = asyncio.create_task(self._read())

    @classmethod
    async def open(cls, server, on_push):
        parts = urllib.parse.urlsplit(server.edge)
        try:
            socket = await connect(
                f"{parts.scheme}://{parts.netloc}/v1/edge",
                subprotocols=["apus.v1"],
                proxy=None,
                ping_interval=None,
                max_queue=None,
                compression=None,
                open_timeout=FRAME_SECONDS,
                close_timeout=0.2,
            )
        except (OSError, TimeoutError, EOFError, InvalidHandshake, InvalidMessage, ConnectionClosed) as error:
            raise Unanswered(repr(error)) from error
        return cls(socket, on_push)

    async def _read(self):
        try:
            async for text in self.socket:
                frame = json.loads(text)
                if "ref" in frame:
                    if (answer := self._waiting.pop(frame["ref"], None)) and not answer.done():
                        answer.set_result(frame)
                elif frame["op"] == "push":
                    self.on_push(frame)
        except (ConnectionClosed, OSError, EOFError):
            pass
        finally:
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(Unanswered("the connection is gone"))
                    answer.exception()  # whoever asked may have left too
            self._waiting.clear()

    @property
    def is_over(self):
        return self.reading.done()

    async def ask(self, frame):
        """Sends a frame and returns its answer; pushes in between go to `on_push`, in order."""
        if self.is_over:
            raise Unanswered("the connection is gone")
        ref = next(self._refs)
        answer = self._waiting[ref] = asyncio.get_running_loop().create_future()
        try:
            await self.socket.send(json.dumps({**frame, "ref": ref}))
            async with asyncio.timeout(FRAME_SECONDS):
                return await answer
        except (OSError, EOFError, TimeoutError, ConnectionClosed) as error:
            raise Unanswered(repr(error)) from error
        finally:
            self._waiting.pop(ref, None)

    def stop_reading(self):
        self.socket.transport.pause_reading()

    def read_again(self):
        if not self.socket.transport.is_closing():
            self.socket.transport.resume_reading()

    def half_close(self):
        """Ends our side of the TCP connection and listens on."""
        if self.socket.transport.can_write_eof():
            self.socket.transport.write_eof()

    async def drop(self):
        """Leaves as a phone does that lost its network: without a word."""
        self.socket.transport.abort()
        await asyncio.wait([self.reading], timeout=5)
        self.reading.cancel()
