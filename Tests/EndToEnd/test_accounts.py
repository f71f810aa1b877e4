"""Developers, groups and uploads, as the official client and plain HTTP clients use them."""

import json

import jpush
import pytest
import requests

import apus


def call(server, method, path, auth, **more):
    return requests.request(method, server.api + path, auth=auth, timeout=apus.REQUEST_SECONDS, **more)


def created(server, *arguments):
    return json.loads(apus.succeed(*arguments, "--data", server.data, "--json"))


@pytest.fixture
def developer(shared_server):
    made = created(shared_server, "developer", "create", "a developer")
    assert set(made) == {"dev_key", "dev_secret"}
    auth = (made["dev_key"], made["dev_secret"])
    apus.eventually(
        lambda: call(shared_server, "GET", "/v3/files", auth).status_code == 200,
        apus.HONOURED_SECONDS,
        "the new developer is known",
    )
    return auth


@pytest.fixture
def group(shared_server, app):
    other = shared_server.app("another app")
    made = created(shared_server, "group", "create", "a group", "--app", app.key, "--app", other.key)
    assert set(made) == {"group_key", "master_secret"}
    auth = ("group-" + made["group_key"], made["master_secret"])
    apus.eventually(
        lambda: call(shared_server, "GET", "/v3/group/messages/detail?group_msgids=gid1", auth).status_code == 200,
        apus.HONOURED_SECONDS,
        "the new group is known",
    )
    return made["group_key"], made["master_secret"], other


def test_the_client_creates_and_deletes_an_app(shared_server, developer):
    client = shared_server.admin(developer)
    made = client.create_app("an app", "com.example.app").payload
    assert set(made) == {"app_key", "android_package", "is_new_created", "master_secret"}
    assert made["is_new_created"] is True
    auth = (made["app_key"], made["master_secret"])
    assert call(shared_server, "GET", "/v3/push/cid", auth).status_code == 200
    again = client.create_app("an app", "com.example.app", "a group").payload
    assert again["app_key"] == made["app_key"] and again["is_new_created"] is False
    assert client.delete_app(made["app_key"]).payload == {"success": "Synchronized success"}
    assert call(shared_server, "GET", "/v3/push/cid", auth).json()["error"]["code"] == 1008
    with pytest.raises(jpush.common.JPushFailure) as failure:
        client.delete_app(made["app_key"])
    assert failure.value.error_code == 1013


def test_a_wrong_developer_secret_is_unauthorized(shared_server, developer):
    with pytest.raises(jpush.common.Unauthorized):
        shared_server.admin((developer[0], "0" * 24)).create_app("an app", "com.example.app")


def test_the_client_pushes_to_a_group(shared_server, app, device, group):
    key, secret, other = group
    client = jpush.GroupPush(key, secret)
    client.zone = shared_server.zone
    push = client.create_push()
    push.audience, push.platform, push.notification = jpush.all_, jpush.all_, jpush.notification(alert="hi")
    answer = push.send().payload
    assert answer["group_msgid"].startswith("gid")
    assert set(answer) == {"group_msgid", app.key, other.key}
    assert answer[other.key]["error"]["code"] == 1011
    assert device.push()["msg_id"] == answer[app.key]["msg_id"]


def test_a_list_of_a_developer_reaches_a_group(shared_server, developer, app, device, group):
    key, secret, _ = group
    upload = call(
        shared_server, "POST", "/v3/files/alias", developer, files={"filename": ("l.txt", "alice\r\nbob\r\n")}
    )
    assert set(upload.json()) == {"file_id"}, upload.text
    body = {"platform": "all", "audience": {"file": upload.json()}, "notification": {"alert": "hi"}}
    answer = call(shared_server, "POST", "/v3/grouppush/file", ("group-" + key, secret), json=body)
    assert answer.status_code == 200, answer.text
    assert device.push()["msg_id"] == answer.json()[app.key]["msg_id"]


def test_a_picture_is_served_to_whoever_has_its_url(app):
    content = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 2000
    answer = app.request(
        "POST", "/v3/images/byfiles", data={"image_type": "1"}, files={"oppo_file": ("p.png", content)}
    )
    assert answer.status_code == 200, answer.text
    picture = requests.get(answer.json()["oppo_image_url"], timeout=apus.REQUEST_SECONDS)
    assert picture.status_code == 200
    assert picture.headers["Content-Type"] == "image/png"
    assert picture.headers["X-Content-Type-Options"] == "nosniff"
    assert picture.content == content


def test_the_sealing_key_is_its_owners_alone(shared_server):
    key = shared_server.data / "sealing.key"
    assert key.stat().st_size == 32
    assert key.stat().st_mode & 0o777 == 0o600


def test_the_commands_list_and_change_what_they_made(shared_server, app):
    made = created(shared_server, "developer", "create", "dev", "--app", app.key)
    listed = created(shared_server, "developer", "list")
    assert made["dev_key"] in {entry["dev_key"] for entry in listed}
    assert created(shared_server, "developer", "update", made["dev_key"], "--files", "off")["files"] is False
    assert created(shared_server, "developer", "delete", made["dev_key"])["deleted"] is True
    grouped = created(shared_server, "group", "create", "grp", "--app", app.key)
    assert created(shared_server, "group", "update", grouped["group_key"], "--remove", app.key)["apps"] == []
    rotated = created(shared_server, "group", "rotate-secret", grouped["group_key"])
    assert rotated["master_secret"] != grouped["master_secret"]
    assert created(shared_server, "group", "delete", grouped["group_key"])["deleted"] is True
    for arguments in [("group", "delete", grouped["group_key"]), ("group", "create", "grp", "--app", "nosuch")]:
        refused = apus.run(*arguments, "--data", shared_server.data)
        assert refused.returncode == 1 and refused.stderr.strip()
    assert apus.run("group", "create", "grp", "--data", shared_server.data).returncode == 64
