"""What devices see over WebSocket, and what reports tell of it."""

import json
import time

import pytest

from apus import eventually
from device import FRAME_SECONDS


class TestDelivery:
    def test_reaches_the_devices_of_the_tag_and_nobody_else(self, app, devices):
        red = devices(app.server).register(app, tags=["red"])
        both = devices(app.server).register(app, "ios", tags=["red", "blue"])
        blue = devices(app.server).register(app, tags=["blue"])
        msg_id = app.push(audience={"tag": ["red"]})
        assert red.push()["msg_id"] == both.push()["msg_id"] == msg_id
        assert blue.quiet()

    def test_frame_tells_when_the_push_was_accepted_and_when_it_ends(self, app, device):
        before = time.time_ns() // 1_000_000
        msg_id = app.push(options={"time_to_live": 3600})
        after = time.time_ns() // 1_000_000
        frame = device.push()
        assert set(frame) == {"op", "msg_id", "sent_at", "expires_at", "notification"}
        assert frame["msg_id"] == msg_id
        # Both clocks are the machine's; a millisecond may be rounded either way.
        assert before - 1 <= frame["sent_at"] <= after + 1
        assert frame["expires_at"] == frame["sent_at"] + 3_600_000

    def test_comes_again_when_the_connection_was_lost_before_the_ack(self, app, device):
        msg_id = app.push()
        assert device.push()["msg_id"] == msg_id
        device.drop()
        assert device.login() == 1
        assert device.push()["msg_id"] == msg_id
        device.ack(msg_id)
        device.drop()
        assert device.login() == 0
        assert device.quiet()

    def test_keeps_the_order_for_a_device_that_was_away(self, app, device):
        device.drop()
        sent = [app.alert(f"n{number}") for number in range(10)]
        assert device.login() == 10
        pushes = device.pushes(10)
        assert [push["msg_id"] for push in pushes] == sent
        assert [push["notification"]["alert"] for push in pushes] == [f"n{number}" for number in range(10)]

    def test_keeps_the_order_for_a_device_in_session(self, app, device):
        sent = [app.alert(f"n{number}") for number in range(20)]
        assert [push["msg_id"] for push in device.pushes(20)] == sent

    def test_time_to_live_of_zero_is_for_devices_in_session(self, app, device, devices):
        away = devices(app.server).register(app)
        away.drop()
        msg_id = app.push(options={"time_to_live": 0})
        assert device.push()["msg_id"] == msg_id
        assert away.login() == 0
        assert away.quiet()

    def test_expires(self, app, device):
        device.drop()
        app.push(options={"time_to_live": 1})
        # Before the second is over the push may still come.
        eventually(lambda: device.login() == 0 or device.drop(), FRAME_SECONDS, "nothing is pending")
        assert device.quiet()

    def test_override_replaces_the_copy_of_a_device_that_was_away(self, app, device):
        device.drop()
        first = app.alert("first")
        second = app.alert("second", options={"override_msg_id": first})
        assert device.login() == 1
        push = device.push()
        assert (push["msg_id"], push["override_msg_id"], push["notification"]["alert"]) == (second, first, "second")
        assert device.quiet()

    def test_withdraw_takes_back_what_waits_and_what_was_shown(self, app, device, devices):
        away = devices(app.server).register(app)
        away.drop()
        msg_id = app.push()
        assert device.push()["msg_id"] == msg_id
        assert app.request("DELETE", f"/v3/push/{msg_id}").json() == {}
        assert device.next("withdraw")["msg_id"] == msg_id
        assert away.login() == 0
        assert away.quiet()

    def test_tags_and_alias_set_by_the_device_are_matched_by_the_next_push(self, app, device):
        assert device.ask({"op": "tags", "add": ["new"], "remove": ["a"]})["op"] == "ok"
        assert device.ask({"op": "alias", "alias": "bob"})["op"] == "ok"
        msg_id = app.push(audience={"tag": ["new"], "alias": ["bob"]})
        assert device.push()["msg_id"] == msg_id
        assert app.try_push(audience={"tag": ["a"]}).json()["error"]["code"] == 1011
        assert app.try_push(audience={"alias": ["alice"]}).json()["error"]["code"] == 1011


class TestReceipts:
    def test_count_once_whatever_is_repeated(self, app, device):
        msg_id = app.push(platform="android")
        device.push()
        assert app.received(msg_id) == 0
        device.ack(msg_id)
        device.ack(msg_id, msg_id)
        device.drop()
        device.login()
        device.ack(msg_id)
        assert app.received(msg_id) == 1
        assert app.android(msg_id)["received"] == 1

    def test_count_devices_one_by_one(self, app, device, devices):
        second = devices(app.server).register(app)
        away = devices(app.server).register(app)
        away.drop()
        msg_id = app.push(platform="android")
        for number, one in enumerate((device, second), start=1):
            one.push()
            one.ack(msg_id)
            assert app.received(msg_id) == number
        counts = app.android(msg_id)
        assert (counts["target"], counts["online_push"], counts["received"]) == (3, 2, 2)

    def test_count_clicks_and_displays(self, app, device):
        msg_id = app.push(platform="android", message={"msg_content": "m"})
        device.push()
        device.ack(msg_id)
        for _ in range(2):
            device.display(msg_id)
            device.click(msg_id)
            device.click(msg_id, kind="message")
        counts = app.android(msg_id)
        assert (counts["received"], counts["click"], counts["msg_click"]) == (1, 1, 1)
        (entry,) = app.get("/v3/messages/detail", params={"msg_ids": msg_id}).json()
        own = entry["jpush"]
        assert (own["received"], own["display"], own["click"], own["msg_click"]) == (1, 1, 1, 1)

    def test_ack_of_an_unknown_message_counts_nothing(self, app, device):
        msg_id = app.push(platform="android", audience={"tag": ["a"]})
        device.push()
        device.ask({"op": "ack", "msg_ids": ["9000000000000001"]})
        assert app.received(msg_id) == 0
        device.ack(msg_id)
        assert app.received(msg_id) == 1


class TestSessions:
    def test_second_login_replaces_the_first(self, app, device, devices):
        second = devices(app.server)
        second.registration_id, second.secret = device.registration_id, device.secret
        second.login()
        assert device.close_code() == 4003
        assert device.next("bye")["reason"] == "replaced"
        msg_id = app.push()
        assert second.push()["msg_id"] == msg_id

    @pytest.mark.parametrize("spoilt", ["secret", "registration_id"])
    def test_wrong_credentials_are_refused(self, device, spoilt):
        device.drop()
        device.connect()
        device.send({**device.login_frame(), spoilt: "1" + "0" * 18})
        assert device.close_code() == 4001

    def test_register_with_an_unknown_app_key_is_refused(self, shared_server, devices):
        device = devices(shared_server).connect()
        device.send({"op": "register", "app_key": "0" * 24, "platform": "android"})
        assert device.close_code() == 4001

    def test_first_frame_must_tell_who_it_is(self, shared_server, devices):
        device = devices(shared_server).connect()
        device.send({"op": "ping"})
        assert device.close_code() == 4001

    def test_mistakes_are_answered_twice_and_end_the_session_the_third_time(self, device):
        for _ in range(2):
            answer = device.ask({"op": "nosuch"})
            assert answer["op"] == "error"
            assert isinstance(answer["error"]["code"], int)
            assert answer["error"]["message"]
        device.socket.send("{not json")
        assert device.close_code() == 4002

    def test_frame_beyond_the_limit_ends_the_session(self, device):
        device.socket.send(json.dumps({"op": "alias", "alias": "x" * 70_000}))
        assert device.close_code() == 1009

    def test_refused_frame_changes_nothing(self, app, device):
        answer = device.ask({"op": "tags", "set": ["not a tag"]})
        assert answer["op"] == "error"
        msg_id = app.push(audience={"tag": ["a"]})
        assert device.push()["msg_id"] == msg_id

    def test_registration_has_its_shape(self, device):
        assert len(device.registration_id) == 19
        assert device.registration_id.startswith("1")
        assert len(device.secret) == 32
        assert not set(device.registration_id + device.secret) - set("0123456789abcdef")
