"""Requests as public clients write them, byte for byte, and their answers as they come in."""

import base64
import dataclasses
import json
import socket
import ssl
import urllib.parse

PATIENCE_SECONDS = 15


@dataclasses.dataclass(frozen=True)
class Client:
    """How one client writes a request. Headers as its HTTP library sends them, in its own spelling."""

    headers: dict
    scheme: str = "Basic"
    chunked: bool = False
    expects: bool = False
    # What goes along with a GET or DELETE.
    idle: bytes = b""
    # How it writes a form; None if it uploads nothing.
    form: object = None
    ascii: bool = False


@dataclasses.dataclass(frozen=True)
class Answer:
    status: int
    fields: list
    body: bytes
    # What the first read from the connection gave.
    first: bytes

    def header(self, name):
        """The value of a header that comes once; None when it does not come at all."""
        values = [value for key, value in self.fields if key.lower() == name.lower()]
        assert len(values) < 2, (name, values)
        return values[0] if values else None

    def json(self):
        return json.loads(self.body)


def form_of_java(parts):
    """The writer of the old Java client: a line break before the first boundary, and a header without its space."""
    body = b""
    for name, filename, content in parts:
        file = f'; filename="{filename}"\r\nContent-Type:text/plain' if filename else ""
        body += f'\r\n--X\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode() + content
    return "multipart/form-data; boundary=X", body + b"\r\n--X--\r\n"


def form_of_okhttp(parts):
    body = b""
    for name, filename, content in parts:
        file = f'; filename="{filename}"\r\nContent-Type: application/octet-stream' if filename else ""
        head = f'--4f-e\r\nContent-Disposition: form-data; name="{name}"{file}\r\nContent-Length: {len(content)}\r\n\r\n'
        body += head.encode() + content + b"\r\n"
    return "multipart/form-data; boundary=4f-e", body + b"--4f-e--\r\n"


def form_of_go(parts):
    body, between = b"", "--"
    for name, filename, content in parts:
        file = f'; filename="{filename}"\r\nContent-Type: application/octet-stream' if filename else ""
        body += f'{between}5a6\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode() + content
        between = "\r\n--"
    return "multipart/form-data; boundary=5a6", body + b"\r\n--5a6--\r\n"


CLIENTS = {
    "Python": Client(
        {
            "user-agent": "jpush-api-python-client",
            "Accept-Encoding": "gzip, deflate",
            "Accept": "*/*",
            "connection": "keep-alive",
            "content-type": "application/json;charset:utf-8",
        },
        ascii=True,
    ),
    "PHP": Client(
        {
            "User-Agent": "JPush-API-PHP-Client",
            "Accept": "*/*",
            "Connection": "Upgrade, HTTP2-Settings",
            "Upgrade": "h2c",
            "HTTP2-Settings": "AAMAAABkAAQCAAAAAAIAAAAA",
            "Content-Type": "application/json",
        },
        expects=True,
        ascii=True,
    ),
    "Ruby": Client(
        {
            "accept-encoding": "gzip;q=1.0,deflate;q=0.6,identity;q=0.3",
            "accept": "application/json",
            "user-agent": "jpush-api-ruby-client/4.0.13",
            "content-type": "application/json",
            "connection": "close",
        }
    ),
    "Node": Client(
        {
            "User-Agent": "JPush-API-NodeJS-Client 4.2.0",
            "Connection": "Keep-Alive",
            "Charset": "UTF-8",
            "Content-Type": "application/json",
        },
        chunked=True,
    ),
    "old Java": Client(
        {
            "User-Agent": "JPush-API-Java-Client",
            "Connection": "Keep-Alive",
            "Accept-Charset": "UTF-8",
            "Charset": "UTF-8",
            "Content-Type": "application/json",
            "Accept": "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2",
        },
        form=form_of_java,
    ),
    "new Java": Client(
        {
            "Content-Type": "application/json; charset=utf-8",
            "Accept": "*/*",
            "Connection": "Keep-Alive",
            "Accept-Encoding": "gzip",
            "User-Agent": "okhttp/4.12.0",
        },
        form=form_of_okhttp,
    ),
    "C#": Client({"Content-Type": "text/plain; charset=utf-8"}, expects=True),
    "Go": Client(
        {"User-Agent": "Go-http-client/1.1", "Content-Type": "application/json", "Accept-Encoding": "gzip"},
        idle=b"null",
        form=form_of_go,
    ),
    "curl": Client(
        {"User-Agent": "curl/8.5.0", "Accept": "*/*", "Content-Type": "application/x-www-form-urlencoded"},
        scheme="basic",
    ),
}


def authorization(auth, scheme="Basic"):
    return f"{scheme} " + base64.b64encode(":".join(auth).encode()).decode()


def send(url, client, method, path, auth=None, body=None, form=None, changed=None, pieces=0, verify=None):
    """One request on a connection of its own.

    - body: any JSON value, or bytes to be sent as they are.
    - changed: headers to be replaced, or left out where the value is None.
    - pieces: how many chunks a body is cut into; 0 leaves it to the client.
    """
    content = client.idle
    headers = {**({"Authorization": authorization(auth, client.scheme)} if auth else {}), **client.headers}
    if form is not None:
        headers = {name: value for name, value in headers.items() if name.lower() != "content-type"}
        headers["Content-Type"], content = client.form(form)
    elif isinstance(body, bytes):
        content = body
    elif body is not None:
        content = json.dumps(body, ensure_ascii=client.ascii).encode()
    for name, value in (changed or {}).items():
        headers = {key: kept for key, kept in headers.items() if key.lower() != name.lower()}
        if value is not None:
            headers[name] = value
    expects = client.expects and bool(content)
    if content and (client.chunked or pieces):
        headers["Transfer-Encoding"] = "chunked"
        content = in_chunks(content, pieces or 1)
    elif content or method in ("POST", "PUT"):
        headers["Content-Length"] = str(len(content))
    if expects:
        headers["Expect"] = "100-continue"
    return _exchange(url, f"{method} {path} HTTP/1.1", headers, content, expects, verify)


def in_chunks(content, pieces):
    size = -(-len(content) // pieces)
    cut = [content[start : start + size] for start in range(0, len(content), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in cut) + b"0\r\n\r\n"


def connect(url, verify=None):
    parts = urllib.parse.urlsplit(url)
    connection = socket.create_connection((parts.hostname, parts.port), timeout=PATIENCE_SECONDS)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if parts.scheme == "https":
        return ssl.create_default_context(cafile=verify).wrap_socket(connection, server_hostname=parts.hostname)
    return connection


def written(url, line, headers):
    """The head of a request, as it goes over the wire."""
    lines = [line, f"Host: {urllib.parse.urlsplit(url).netloc}", *(f"{key}: {value}" for key, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def _exchange(url, line, headers, content, expects, verify):
    with connect(url, verify) as connection:
        head = written(url, line, headers)
        if expects:
            connection.sendall(head)
            early = b""
            while not early.endswith(b"\r\n\r\n"):
                early += connection.recv(1) or _end(early)
            if early.startswith(b"HTTP/1.1 100 "):
                connection.sendall(content)
                early = b""
        else:
            connection.sendall(head + content)
            early = b""
        answer = _read(connection, early, line.startswith("HEAD"))
        if headers.get("connection") == "close":
            assert connection.recv(1) == b"", "the connection was to be closed"
        return answer


def _end(early):
    raise AssertionError(f"closed in the middle of {early!r}")


def _read(connection, early, is_head):
    first = early + connection.recv(1 << 20)
    read = first
    while b"\r\n\r\n" not in read:
        read += connection.recv(1 << 20) or _end(read)
    head, _, body = read.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    version, code, *_ = status.split(" ")
    assert version == "HTTP/1.1", status
    answer = Answer(int(code), [tuple(line.split(": ", 1)) for line in lines], b"", first)
    length = 0 if is_head else int(answer.header("Content-Length") or 0)
    while len(body) < length:
        body += connection.recv(1 << 20) or _end(read)
    return dataclasses.replace(answer, body=body)
