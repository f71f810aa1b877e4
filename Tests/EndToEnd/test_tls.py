"""One certificate for both listeners."""

import subprocess

import pytest
import requests

from apus import refusal


@pytest.fixture
def secure(start, certificate):
    return start("secure", "--tls-certificate", certificate[0], "--tls-key", certificate[1], "--https-only")


def test_both_listeners_speak_tls(secure, certificate, devices):
    assert secure.api.startswith("https://")
    assert secure.edge.startswith("wss://")
    app = secure.app(verify=str(certificate[0]))
    device = devices(secure, ca_file=str(certificate[0])).register(app)
    push = app.client().create_push()
    push.audience, push.platform, push.notification = "all", "all", {"alert": "over tls"}
    msg_id = push.send().payload["msg_id"]
    assert device.push()["msg_id"] == msg_id
    device.ack(msg_id)
    assert app.received(msg_id) == 1
    answer = requests.get(secure.edge_http("/healthz"), verify=str(certificate[0]), timeout=15)
    assert answer.json() == {"status": "ok"}


def test_stranger_does_not_trust_the_certificate(secure):
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(secure.api + "/healthz", timeout=15)


@pytest.mark.parametrize(("option", "version"), [("--http2", "2"), ("--http1.1", "1.1")])
def test_version_is_negotiated(secure, certificate, option, version):
    app = secure.app(verify=str(certificate[0]))
    done = subprocess.run(
        [
            "curl",
            "--silent",
            "--show-error",
            "--max-time",
            "15",
            "--noproxy",
            "*",
            option,
            "--cacert",
            str(certificate[0]),
            "--user",
            f"{app.key}:{app.secret}",
            "--write-out",
            "\n%{http_version} %{http_code}",
            secure.api + "/v3/push/cid",
        ],
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
    )
    body, _, outcome = done.stdout.rpartition("\n")
    assert outcome == f"{version} 200"
    assert '"cidlist"' in body


def test_https_only_refuses_plain_requests(start):
    server = start("plain", "--https-only")
    answer = requests.post(server.api + "/v3/push", json={}, timeout=15)
    assert refusal(answer) == (404, 1020)
    answer = requests.get(server.api + "/v3/received?msg_ids=1", timeout=15)
    assert refusal(answer) == (404, 1020)
