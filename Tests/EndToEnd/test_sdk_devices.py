"""Every device call of the official Python client, and what a device notices of it."""

import re

import jpush
import pytest

STRANGER = "1000000000000000000"


@pytest.fixture(scope="module")
def app(shared_server):
    return shared_server.app("sdk devices")


@pytest.fixture(params=["", "BJ"])
def client(request, app):
    """The client's device calls, also in the form of the Beijing zone."""
    return app.client(request.param).create_device()


@pytest.fixture
def device(app, devices):
    return devices(app.server).register(app, tags=["a"], alias="alice")


@pytest.fixture(autouse=True)
def fresh_names(app):
    """Names that other tests left behind go."""
    for name in ("alice", "bob"):
        assert app.request("DELETE", f"/v3/aliases/{name}").status_code == 200
    for name in ("a", "b"):
        assert app.request("DELETE", f"/v3/tags/{name}").status_code == 200


def failure(call, *arguments):
    with pytest.raises(jpush.JPushFailure) as failed:
        call(*arguments)
    return failed.value.response.status_code, failed.value.error_code


class TestDevice:
    def test_is_read(self, client, device):
        assert client.get_deviceinfo(device.registration_id).payload == {"tags": ["a"], "alias": "alice", "mobile": ""}

    def test_is_changed_for_the_very_next_push(self, app, client, device):
        entity = jpush.device_tag(jpush.add("b"), jpush.remove("a"))
        entity.update(jpush.device_alias("bob"))
        assert client.set_deviceinfo(device.registration_id, entity).payload == {}
        msg_id = app.push(audience={"tag": ["b"], "alias": ["bob"]})
        assert device.push()["msg_id"] == msg_id
        assert app.try_push(audience={"tag": ["a"]}).status_code == 400

    def test_gets_a_mobile_number(self, client, device):
        assert client.set_devicemobile(device.registration_id, {"mobile": "13012345678"}).payload == {}
        assert client.get_deviceinfo(device.registration_id).payload["mobile"] == "13012345678"

    def test_loses_everything(self, client, device):
        client.set_deviceinfo(device.registration_id, {"tags": "", "alias": "", "mobile": ""})
        assert client.get_deviceinfo(device.registration_id).payload == {"tags": [], "alias": "", "mobile": ""}

    def test_sees_what_it_changes_itself(self, client, device):
        assert device.ask({"op": "tags", "add": ["b"]})["op"] == "ok"
        assert device.ask({"op": "alias", "alias": "bob"})["op"] == "ok"
        assert client.get_deviceinfo(device.registration_id).payload == {"tags": ["a", "b"], "alias": "bob", "mobile": ""}
        assert client.get_aliasuser("bob").payload == {"registration_ids": [device.registration_id]}

    def test_must_be_known(self, client):
        assert failure(client.get_deviceinfo, STRANGER) == (404, 7002)
        assert failure(client.set_deviceinfo, STRANGER, {"alias": "bob"}) == (404, 7002)

    def test_takes_no_single_tag_in_place_of_an_object(self, client, device):
        assert failure(client.set_deviceinfo, device.registration_id, jpush.device_tag("b")) == (400, 7002)
        entity = jpush.device_alias(jpush.add("bob"), jpush.remove("alice"))
        assert failure(client.set_deviceinfo, device.registration_id, entity) == (400, 7002)

    def test_wrong_secret_is_unauthorized(self, app):
        with pytest.raises(jpush.Unauthorized):
            jpush.JPush(app.key, "0" * 24, zone=app.server.zone).create_device().get_taglist()


class TestTags:
    def test_are_listed(self, client, device):
        device.ask({"op": "tags", "add": ["b"]})
        assert client.get_taglist().payload == {"tags": ["b", "a"]}

    def test_take_and_lose_devices(self, client, device):
        entity = jpush.device_regid(jpush.add(device.registration_id))
        assert client.update_tagusers("b", entity).payload == {}
        assert client.check_taguserexist("b", device.registration_id).payload == {"result": True}
        assert client.update_tagusers("b", jpush.device_regid(jpush.remove(device.registration_id))).payload == {}
        assert client.check_taguserexist("b", device.registration_id).payload == {"result": False}

    def test_name_the_ids_at_fault(self, client, device):
        with pytest.raises(jpush.JPushFailure) as failed:
            client.update_tagusers("b", jpush.device_regid(jpush.add(device.registration_id, STRANGER)))
        assert (failed.value.response.status_code, failed.value.error_code) == (400, 7013)
        assert failed.value.response.json()["error"]["illegal_rids"] == [STRANGER]
        assert client.check_taguserexist("b", device.registration_id).payload == {"result": False}

    def test_are_deleted(self, client, device, devices, app):
        other = devices(app.server).register(app, "ios", tags=["a"])
        assert client.delete_tag("a", "ios").payload == {}
        assert client.check_taguserexist("a", other.registration_id).payload == {"result": False}
        assert client.check_taguserexist("a", device.registration_id).payload == {"result": True}
        assert client.delete_tag("a").payload == {}
        assert client.get_taglist().payload == {"tags": []}

    def test_are_checked_on_known_devices(self, client):
        assert failure(client.check_taguserexist, "a", STRANGER) == (404, 7002)


class TestAliases:
    def test_name_devices(self, client, device, devices, app):
        other = devices(app.server).register(app, "ios", alias="alice")
        names = [other.registration_id, device.registration_id]
        assert client.get_aliasuser("alice").payload == {"registration_ids": names}
        assert client.get_aliasuser("alice", "android").payload == {"registration_ids": names[1:]}
        assert client.get_aliasuser("nosuch").payload == {"registration_ids": []}

    def test_are_deleted(self, client, device, app):
        assert client.delete_alias("alice", "ios").payload == {}
        assert client.get_aliasuser("alice").payload == {"registration_ids": [device.registration_id]}
        assert client.delete_alias("alice").payload == {}
        assert client.get_deviceinfo(device.registration_id).payload["alias"] == ""
        assert app.try_push(audience={"alias": ["alice"]}).status_code == 400

    def test_have_a_shape(self, client):
        assert failure(client.get_aliasuser, "a b") == (400, 7002)


class TestStatus:
    def test_is_told_for_each_id(self, client, device):
        answer = client.get_device_status([device.registration_id, STRANGER]).payload
        assert answer == {device.registration_id: {"online": True}, STRANGER: {}}

    def test_outlives_the_session_for_a_while(self, client, device):
        device.drop()
        assert client.get_device_status(device.registration_id).payload == {device.registration_id: {"online": True}}

    def test_needs_an_id(self, client):
        assert failure(client.get_device_status, []) == (400, 7002)

    def test_test_devices_are_kept(self, app, device):
        """Newer than the client, which has no call for them."""
        entry = {"device_name": "desk", "registration_id": device.registration_id}
        assert app.request("POST", "/v3/test/model/add", json=entry).json() == {}
        (kept,) = app.get("/v3/test/model/list").json()["detail"]
        times = {name: kept.pop(name) for name in ("registration_time", "create_time")}
        assert kept == {**entry, "device_model": ""}
        assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", time) for time in times.values())
        assert app.request("DELETE", f"/v3/test/model/delete/{device.registration_id}").json() == {}
