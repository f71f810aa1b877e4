"""What the tests share: one server for all that only add apps, and servers of their own for the others."""

import contextlib
import os
import subprocess

import pytest

import apus
from device import Device
from endpoints import UNLIMITED, World

# The loopback address is never behind a proxy, whatever the machine is configured to use.
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
# These would take precedence over the certificate that a test names.
for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
    os.environ.pop(name, None)


@contextlib.contextmanager
def serving(data, *options):
    """A server that is stopped as an operator does, unless the test ended it otherwise."""
    # Asking whether a new app is known yet is a failed authentication each time.
    server = apus.Server(data, "--limit", "failed_auth_per_minute=0", *options)
    try:
        server.start()
        yield server
        if server.child is not None:
            server.stop()
    finally:
        server.kill()


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("shared") / "data") as server:
        yield server


@pytest.fixture
def app(shared_server):
    """A fresh app on the shared server."""
    return shared_server.app()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A self-signed certificate for the loopback address and its key."""
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=IP:127.0.0.1,DNS:localhost",
            "-keyout",
            str(key),
            "-out",
            str(certificate),
        ],
        check=True,
        capture_output=True,
        timeout=30,
    )
    return certificate, key


@pytest.fixture(scope="session")
def serve():
    """Starts servers that serve until the last test has ended."""
    with contextlib.ExitStack() as stack:
        yield lambda data, *options: stack.enter_context(serving(data, *options))


@pytest.fixture(scope="session")
def world(tmp_path_factory, serve):
    """A server with one of everything and without rate limits."""
    folder = tmp_path_factory.mktemp("world")
    return World(serve(folder / "data", *UNLIMITED), folder)


@pytest.fixture
def own_server(tmp_path):
    """A server that the test may stop, kill and start again."""
    with serving(tmp_path / "data") as server:
        yield server


@pytest.fixture
def start(tmp_path):
    """Starts servers with options of the test's choice."""
    with contextlib.ExitStack() as stack:
        yield lambda name, *options: stack.enter_context(serving(tmp_path / name, *options))


@pytest.fixture
def devices():
    """Makes devices that lose their connection when the test ends."""
    with contextlib.ExitStack() as stack:
        yield lambda server, **options: stack.enter_context(Device(server, **options))


@pytest.fixture
def device(app, devices):
    """An android device of the fresh app with the tag `a` and the alias `alice`, in session."""
    return devices(app.server).register(app, tags=["a"], alias="alice")
