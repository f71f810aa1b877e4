"""What the operator's commands promise to scripts: exit statuses, one JSON value, one line on refusal."""

import json
import re
import socket
import subprocess
import uuid

import pytest

from apus import COMMAND_SECONDS, binary, environment, eventually, run, succeed

DONE, REFUSED, WRONG_USAGE = 0, 1, 64


@pytest.fixture
def data(tmp_path):
    """A folder that no server runs on."""
    return tmp_path / "data"


def created(data, *options):
    return json.loads(succeed("app", "create", "an app", "--data", data, "--json", *options))


@pytest.mark.parametrize(
    "command",
    [
        "",
        "serve",
        "app",
        "app create",
        "app list",
        "app show",
        "app update",
        "app rotate-secret",
        "app delete",
        "group",
        "group create",
        "group update",
        "developer",
        "developer create",
        "developer update",
        "device",
        "device import",
        "device show",
        "segment",
        "segment create",
        "abtest",
        "abtest create",
        "template",
        "template create",
        "trace",
        "ledger",
        "listen",
        "push",
        "backup",
        "doctor",
        "config",
    ],
)
def test_every_command_has_help(command):
    done = run(*command.split(), "--help")
    assert done.returncode == DONE
    assert "USAGE" in done.stdout.upper()
    assert done.stderr == ""


@pytest.mark.parametrize("command", [["nosuch"], ["app", "nosuch"], ["app", "create"], ["push"], ["listen"]])
def test_wrong_usage(command):
    done = run(*command)
    assert done.returncode == WRONG_USAGE
    assert done.stdout == ""
    assert done.stderr != ""


@pytest.mark.parametrize(
    "command",
    [
        ["serve"],
        ["app", "list"],
        ["config"],
        ["listen", "--edge", "ws://127.0.0.1:1", "--app-key", "0" * 24],
        ["push", "--api", "http://127.0.0.1:1", "--app-key", "0" * 24, "--master-secret", "0" * 24, "--alert", "hi"],
    ],
)
def test_unknown_option_is_named(command):
    done = run(*command, "--no-such-option")
    assert done.returncode == WRONG_USAGE
    assert "--no-such-option" in done.stderr


@pytest.mark.parametrize(
    ("option", "value", "named"),
    [
        ("--limit", "nosuch=1", "nosuch"),
        ("--limit", "push_per_minute=many", "many"),
        ("--limit", "push_per_minute=-1", "-1"),
        ("--api", "127.0.0.1:99999", "99999"),
        ("--drain-seconds", "soon", "soon"),
        ("--log-level", "loud", "loud"),
        ("--roles", "api,nosuch", "nosuch"),
        ("--trust-proxy", "10.0.0.0/99", "10.0.0.0/99"),
        ("--store", "nosuch://x", "nosuch"),
    ],
)
def test_bad_value_stops_the_start_and_is_named(data, option, value, named):
    done = run("serve", "--data", data, "--api", "127.0.0.1:0", "--edge", "127.0.0.1:0", f"{option}={value}")
    assert done.returncode in {REFUSED, WRONG_USAGE}
    assert named in done.stderr


def test_unreachable_server_is_told_in_one_line():
    # A port of our own that nobody listens on: bound, so that no one else gets it either.
    with socket.socket() as unserved:
        unserved.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unserved.getsockname()[1]}"
        key = "0" * 24
        for command in [
            ["push", "--api", f"http://{address}", "--app-key", key, "--master-secret", key, "--alert", "hi"],
            ["listen", "--edge", f"ws://{address}", "--app-key", key, "--count", "1"],
        ]:
            done = run(*command)
            assert (done.returncode, done.stdout) == (REFUSED, "")
            assert done.stderr == (
                f"Error: cannot connect to {address}: Connection refused; "
                "check the address and that a server serves it\n"
            )


def test_folder_in_place_of_a_file_is_named(data):
    app = created(data)
    done = run("device", "import", data, "--app", app["app_key"], "--data", data)
    assert (done.returncode, done.stdout) == (REFUSED, "")
    assert done.stderr == f"Error: cannot read {data}: it is a folder, name a file\n"


def test_taken_port_stops_the_start_and_is_named(data):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("serve", "--data", data, "--api", f"127.0.0.1:{port}", "--edge", "127.0.0.1:0")
    assert done.returncode == REFUSED
    assert str(port) in done.stderr


class TestApp:
    def test_create_prints_one_json_value_with_keys_of_the_documented_shape(self, data):
        app = created(data)
        assert app["name"] == "an app"
        for key in (app["app_key"], app["master_secret"]):
            assert re.fullmatch("[0-9a-zA-Z]{24}", key)

    def test_create_takes_existing_keys(self, data):
        key, secret = uuid.uuid4().hex[:24], uuid.uuid4().hex[:24]
        app = created(data, "--app-key", key, "--master-secret", secret)
        assert (app["app_key"], app["master_secret"]) == (key, secret)
        again = run("app", "create", "again", "--data", data, "--app-key", key)
        assert again.returncode == REFUSED
        assert len(again.stderr.splitlines()) == 1
        assert key in again.stderr

    @pytest.mark.parametrize("key", ["short", "with-hyphens-aaaaaaaaaaa", "0" * 25])
    def test_create_refuses_keys_of_another_shape(self, data, key):
        done = run("app", "create", "an app", "--data", data, "--app-key", key)
        assert done.returncode in {REFUSED, WRONG_USAGE}
        assert done.stderr != ""

    def test_list_and_show_keep_the_secret(self, data):
        app = created(data)
        for command in (["list"], ["show", app["app_key"]], ["list", "--json"], ["show", app["app_key"], "--json"]):
            shown = succeed("app", *command, "--data", data)
            assert app["app_key"] in shown
            assert "an app" in shown
            assert app["master_secret"] not in shown
            if "--json" in command:
                json.loads(shown)

    def test_secret_is_nowhere_in_the_folder(self, data):
        secret = created(data)["master_secret"].encode()
        files = [path for path in data.rglob("*") if path.is_file()]
        assert files
        assert not [path for path in files if secret in path.read_bytes()]

    @pytest.mark.parametrize("command", [["show"], ["update", "--block"], ["rotate-secret"], ["delete"]])
    def test_unknown_app_is_refused_in_one_line(self, data, command):
        created(data)
        done = run("app", command[0], "0" * 24, "--data", data, *command[1:])
        assert done.returncode == REFUSED
        assert done.stdout == ""
        assert len(done.stderr.splitlines()) == 1
        assert "0" * 24 in done.stderr

    @pytest.mark.parametrize(
        ("option", "value"), [("--limit", "nosuch=1"), ("--allow-ip", "10.0.0.0/99"), ("--vip", "maybe")]
    )
    def test_update_names_a_bad_value(self, data, option, value):
        done = run("app", "update", created(data)["app_key"], "--data", data, option, value)
        assert done.returncode in {REFUSED, WRONG_USAGE}
        assert value.split("=")[0] in done.stderr


class TestListenAndPush:
    @pytest.fixture
    def listening(self, app):
        """`apus listen` as a device with the tag `cli`, which ends after one push."""
        child = subprocess.Popen(
            [
                binary(),
                "listen",
                "--edge",
                app.server.edge,
                "--app-key",
                app.key,
                "--platform",
                "android",
                "--tag",
                "cli",
                "--alias",
                "listener",
                "--count",
                "1",
                "--json",
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        try:
            # The device is there once a push to it passes validation.
            request = {
                "platform": "android",
                "audience": {"tag": ["cli"], "alias": ["listener"]},
                "notification": {"alert": "?"},
            }
            eventually(
                lambda: app.request("POST", "/v3/push/validate", json=request).status_code == 200,
                COMMAND_SECONDS,
                "the listening device is registered",
            )
            yield child
        finally:
            child.kill()
            child.wait(timeout=COMMAND_SECONDS)

    def test_listen_prints_the_push_and_acks_it(self, app, listening):
        msg_id = app.alert("to the terminal", platform="android", audience={"tag": ["cli"]})
        printed, errors = listening.communicate(timeout=COMMAND_SECONDS)
        assert listening.returncode == DONE, errors
        push = json.loads(printed)
        assert push["msg_id"] == msg_id
        assert push["notification"] == {"alert": "to the terminal"}
        eventually(lambda: app.received(msg_id) == 1, COMMAND_SECONDS, "the ack is counted")

    def test_push_reaches_listen(self, app, listening):
        succeed(
            "push",
            "--api",
            app.server.api,
            "--app-key",
            app.key,
            "--master-secret",
            app.secret,
            "--tag",
            "cli",
            "--alias",
            "listener",
            "--alert",
            "from the terminal",
            "--title",
            "t",
            "--message",
            "m",
        )
        printed, errors = listening.communicate(timeout=COMMAND_SECONDS)
        assert listening.returncode == DONE, errors
        push = json.loads(printed)
        assert push["notification"]["alert"] == "from the terminal"
        assert push["message"]["msg_content"] == "m"

    def test_push_to_a_registration_id(self, app, device):
        succeed(
            "push",
            "--api",
            app.server.api,
            "--app-key",
            app.key,
            "--master-secret",
            app.secret,
            "--rid",
            device.registration_id,
            "--alert",
            "to one",
        )
        assert device.alerts(1) == ["to one"]

    def test_refused_push_says_why_in_one_line(self, app):
        for options in ([app.secret, "--tag", "nosuch"], ["0" * 24]):
            done = run(
                "push", "--api", app.server.api, "--app-key", app.key, "--master-secret", *options, "--alert", "hi"
            )
            assert done.returncode == REFUSED
            assert done.stdout == ""
            assert len(done.stderr.splitlines()) == 1

    def test_listen_with_an_unknown_key_is_refused(self, app):
        done = run("listen", "--edge", app.server.edge, "--app-key", "0" * 24, "--count", "1")
        assert done.returncode == REFUSED
        assert len(done.stderr.splitlines()) == 1


class TestSettings:
    def test_config_prints_what_is_in_force(self):
        printed = succeed("config")
        for value in ("127.0.0.1:8080", "127.0.0.1:8081", "apus-data"):
            assert value in printed

    def test_unknown_variable_is_only_warned_of(self):
        done = run("config", env={"APUS_NO_SUCH_SETTING": "1"})
        assert done.returncode == DONE
        assert "APUS_NO_SUCH_SETTING" in done.stderr

    def test_missing_settings_file_is_named(self, tmp_path):
        done = run("config", "--config", tmp_path / "nosuch.file")
        assert done.returncode in {REFUSED, WRONG_USAGE}
        assert "nosuch.file" in done.stderr


def test_secrets_are_not_logged(start, devices):
    server = start("quiet", "--log-level", "debug")
    app = server.app()
    device = devices(server).register(app, alias="a_secret.alias")
    app.alert("a secret text")
    device.ack(device.push()["msg_id"])
    log = server.log()
    for secret in (app.secret, device.secret, "a secret text", "a_secret.alias"):
        assert secret not in log
