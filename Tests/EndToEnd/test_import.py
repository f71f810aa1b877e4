"""Devices that an operator imports, and shows, while a server runs and while none does."""

import json
import os
import stat

import pytest

import apus
from apus import HONOURED_SECONDS, eventually, run, succeed


def line(number, **more):
    return {"registration_id": f"1{number:018x}", "platform": "android", **more}


@pytest.fixture
def write(tmp_path):
    """Writes a file of lines; texts are written as they are."""

    def write(*lines):
        path = tmp_path / "devices.jsonl"
        path.write_text("\n".join(each if isinstance(each, str) else json.dumps(each) for each in lines))
        return path

    return write


@pytest.fixture
def offline(tmp_path):
    """A store that no server runs on, with one app: its folder and the app's key."""
    data = tmp_path / "data"
    return data, json.loads(succeed("app", "create", "an app", "--data", data, "--json"))["app_key"]


def imported(done):
    return json.loads(done.stdout)


def show(data, key, registration_id):
    return json.loads(succeed("device", "show", registration_id, "--app", key, "--data", data, "--json"))


class TestImport:
    def test_counts_new_devices_and_known_ones(self, offline, write):
        data, key = offline
        path = write(line(1, tags=["a", "b"], alias="alice", mobile="130"), line(2, platform="ios"), line(1, alias=""))
        done = run("device", "import", path, "--app", key, "--data", data, "--json")
        assert done.returncode == 0, done.stderr
        assert imported(done) == {"imported": 2, "updated": 1, "refused": 0}
        shown = show(data, key, line(1)["registration_id"])
        assert (shown["tags"], shown["alias"], shown["mobile"]) == (["a", "b"], "", "130")
        assert (shown["platform"], shown["can_log_in"], shown["last_online_time"]) == ("android", False, None)

    @pytest.mark.parametrize(
        ("bad", "reason"),
        [
            ("not json", "JSON"),
            ("[]", "object"),
            ("{}", "platform"),
            ({"platform": "symbian"}, "platform"),
            (line(9, nosuch=1), "nosuch"),
            (line(9, registration_id="a b"), "registration_id"),
            (line(9, secret="short"), "secret"),
            (line(9, tags="a"), "tags"),
            (line(9, tags=["a", "b c"]), "tags[1]"),
            (line(9, alias="a b"), "alias"),
            (line(9, mobile="x"), "mobile"),
            (line(9, tokens={"nosuch": "t"}), "tokens"),
            (line(1, platform="ios"), "android"),
            ("x" * 300_000, "longer"),
        ],
    )
    def test_refuses_a_bad_line_as_a_whole_by_its_number_and_goes_on(self, offline, write, bad, reason):
        data, key = offline
        path = write(line(1), "", bad, line(2))
        done = run("device", "import", path, "--app", key, "--data", data, "--json")
        assert done.returncode == 1
        assert imported(done) == {"imported": 2, "updated": 0, "refused": 1}
        (told,) = [each for each in done.stderr.splitlines() if each.startswith("line ")]
        assert told.startswith("line 3: ") and reason in told

    def test_refuses_a_device_of_another_app(self, offline, write):
        data, key = offline
        other = json.loads(succeed("app", "create", "other", "--data", data, "--json"))["app_key"]
        succeed("device", "import", write(line(1)), "--app", other, "--data", data)
        done = run("device", "import", write(line(1)), "--app", key, "--data", data, "--json")
        assert (done.returncode, imported(done)["refused"]) == (1, 1)

    def test_names_what_is_in_its_way(self, offline, write, tmp_path):
        data, key = offline
        missing = tmp_path / "nosuch"
        for arguments, named in [
            ([missing, "--app", key], str(missing)),
            ([write(line(1)), "--app", "0" * 24], "0" * 24),
            ([write(line(1)), "--app", key, "--credentials", "/nosuch/file"], "/nosuch/file"),
        ]:
            done = run("device", "import", *arguments, "--data", data)
            assert done.returncode == 1 and named in done.stderr, done.stderr

    def test_makes_ids_and_secrets(self, offline, write, tmp_path):
        data, key = offline
        credentials = tmp_path / "credentials.jsonl"
        path = write({"platform": "web", "alias": "w"}, line(2), line(3, secret="s" * 32))
        options = ("--app", key, "--data", data, "--json", "--credentials", credentials)
        assert imported(run("device", "import", path, *options)) == {"imported": 3, "updated": 0, "refused": 0}
        assert stat.S_IMODE(os.stat(credentials).st_mode) == 0o600
        made = [json.loads(each) for each in credentials.read_text().splitlines()]
        assert [set(each) for each in made] == [{"registration_id", "secret"}] * 2
        assert len(made[0]["registration_id"]) == 19 and len(made[0]["secret"]) == 32
        assert made[1]["registration_id"] == line(2)["registration_id"]
        assert all(show(data, key, each["registration_id"])["can_log_in"] for each in [*made, line(3)])
        # A device that has a secret keeps it.
        assert imported(run("device", "import", write(line(2)), *options))["updated"] == 1
        assert len(credentials.read_text().splitlines()) == 2

    def test_shows_no_device_of_another_app(self, offline):
        data, key = offline
        done = run("device", "show", "1000000000000000000", "--app", key, "--data", data)
        assert done.returncode == 1 and "1000000000000000000" in done.stderr


class TestRunningServer:
    def test_honours_an_import(self, app, devices, write):
        path = write(*[line(number, tags=["imported"], secret="s" * 32) for number in range(1, 1201)])
        done = run("device", "import", path, "--app", app.key, "--data", app.server.data, "--json")
        assert imported(done) == {"imported": 1200, "updated": 0, "refused": 0}, done.stderr
        eventually(
            lambda: app.try_push(audience={"tag": ["imported"]}).status_code == 200,
            HONOURED_SECONDS,
            "the imported devices are found",
        )
        eventually(
            lambda: app.get("/v3/tags/imported/registration_ids/" + line(1200)["registration_id"]).status_code == 200,
            HONOURED_SECONDS,
            "the last of them too",
        )
        device = devices(app.server)
        device.registration_id, device.secret = line(7)["registration_id"], "s" * 32
        assert device.login() >= 1
        device.push()

    def test_honours_an_update(self, app, device, write):
        entry = {"registration_id": device.registration_id, "platform": "android", "tags": ["new"], "alias": "bob"}
        done = run("device", "import", write(entry), "--app", app.key, "--data", app.server.data, "--json")
        assert imported(done) == {"imported": 0, "updated": 1, "refused": 0}, done.stderr
        eventually(
            lambda: app.try_push(audience={"tag": ["new"], "alias": ["bob"]}).status_code == 200,
            HONOURED_SECONDS,
            "the new names are known",
        )
        assert app.try_push(audience={"tag": ["a"]}).status_code == 400
        assert app.try_push(audience={"alias": ["alice"]}).status_code == 400
        device.push()
        # It keeps the secret that it has.
        device.drop()
        device.login()

    def test_registers_devices_during_an_import(self, app, devices, write):
        path = write(*[line(10_000 + number, tags=["crowd"]) for number in range(5000)])
        with apus.subprocess.Popen(
            [apus.binary(), "device", "import", path, "--app", app.key, "--data", str(app.server.data), "--json"],
            stdout=apus.subprocess.PIPE,
            stderr=apus.subprocess.DEVNULL,
            env=apus.environment(),
        ) as importing:
            own = [devices(app.server).register(app, tags=["own"]) for _ in range(20)]
            out, _ = importing.communicate(timeout=apus.COMMAND_SECONDS)
        assert json.loads(out) == {"imported": 5000, "updated": 0, "refused": 0}
        answer = eventually(
            lambda: (lambda pushed: pushed if app.android(pushed)["target"] == 5020 else None)(app.push()),
            HONOURED_SECONDS,
            "everybody is targeted",
        )
        for each in own:
            assert eventually(lambda each=each: each.push()["msg_id"] == answer, 15, "the push arrives")
