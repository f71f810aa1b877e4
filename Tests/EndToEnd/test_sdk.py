"""Every call of the official Python client that this server answers, and the exceptions that it makes of refusals."""

import datetime

import jpush
import pytest
import requests

UNKNOWN = "9000000000000001"


def compose(app, audience=jpush.all_, zone=""):
    push = app.client(zone).create_push()
    push.audience = audience
    push.platform = jpush.all_
    push.notification = jpush.notification(alert="hi")
    return push


def sent(push):
    """Sends and returns the msg_id of the answer, whose shape is fixed."""
    answer = push.send()
    assert answer.get_status_code() == 200
    assert set(answer.payload) == {"msg_id", "sendno"}
    assert all(isinstance(value, str) and value.isdigit() for value in answer.payload.values())
    return answer.payload["msg_id"]


AUDIENCES = {
    "all": lambda device: jpush.all_,
    "tag": lambda device: jpush.audience(jpush.tag("a", "nosuch")),
    "tag_and": lambda device: jpush.audience(jpush.tag_and("a", "b")),
    "tag_not": lambda device: jpush.audience(jpush.tag_not("nosuch")),
    "alias": lambda device: jpush.audience(jpush.alias("alice", "bob")),
    "registration_id": lambda device: jpush.audience(jpush.registration_id(device.registration_id)),
    "tag and alias": lambda device: jpush.audience(jpush.tag("a"), jpush.alias("alice")),
    "every kind": lambda device: jpush.audience(
        jpush.tag("a"),
        jpush.tag_and("b"),
        jpush.tag_not("c"),
        jpush.alias("alice"),
        jpush.registration_id(device.registration_id),
    ),
}


class TestPush:
    @pytest.fixture(scope="class")
    @classmethod
    def app(cls, shared_server):
        return shared_server.app("sdk")

    @pytest.fixture
    def device(self, app, devices):
        return devices(app.server).register(app, tags=["a", "b"], alias="alice")

    @pytest.mark.parametrize("kind", AUDIENCES)
    def test_reaches_the_audience(self, app, device, kind):
        msg_id = sent(compose(app, AUDIENCES[kind](device)))
        push = device.push()
        assert push["msg_id"] == msg_id
        assert push["notification"] == {"alert": "hi"}
        assert push["expires_at"] - push["sent_at"] == 86_400_000

    def test_obeys_options(self, app, device):
        push = compose(app)
        push.options = {"sendno": 18, "time_to_live": 60, "apns_production": False}
        answer = push.send()
        assert answer.payload["sendno"] == "18"
        frame = device.push()
        assert frame["msg_id"] == answer.payload["msg_id"]
        assert frame["expires_at"] - frame["sent_at"] == 60_000

    def test_carries_a_message(self, app, device):
        push = compose(app)
        push.notification = None
        push.message = jpush.message("content", title="t", content_type="text", extras={"k": "v"})
        sent(push)
        frame = device.push()
        assert "notification" not in frame
        assert frame["message"] == {
            "msg_content": "content",
            "title": "t",
            "content_type": "text",
            "extras": {"k": "v"},
        }

    def test_carries_platform_objects(self, app, device):
        push = compose(app)
        push.platform = jpush.platform("android", "ios", "hmos", "quickapp", "winphone")
        push.notification = jpush.notification(
            alert="common",
            android=jpush.android("for android", title="t", priority=1, extras={"k": "v"}),
            ios=jpush.ios(alert="for ios", content_available=True, mutable_content=True, thread_id="x"),
            hmos=jpush.hmos(alert="for hmos", category="MARKETING"),
            quickapp=jpush.quickapp("for quickapp", "t", "/page"),
        )
        sent(push)
        assert device.push()["notification"] == {
            "alert": "for android",
            "title": "t",
            "priority": 1,
            "extras": {"k": "v"},
        }

    def test_accepts_an_sms(self, app, device):
        push = compose(app)
        push.smsmessage = jpush.smsmessage(0, 1, temp_para={"code": "1234"}, active_filter=False)
        assert sent(push) == device.push()["msg_id"]

    def test_validates_without_sending(self, app, device):
        answer = compose(app).send_validate()
        assert set(answer.payload) == {"msg_id", "sendno"}
        assert device.quiet()

    def test_allocates_cids(self, app):
        push = app.client().create_push()
        for kind in (None, "push", "schedule"):
            cids = push.get_cid(3, kind).payload["cidlist"]
            assert len(set(cids)) == 3
            assert all(cid.startswith(app.key + "-") for cid in cids)

    def test_gives_the_first_answer_for_a_cid_again(self, app, device):
        push = compose(app)
        push.cid = push.get_cid(1).payload["cidlist"][0]
        first = sent(push)
        push.notification = jpush.notification(alert="other")
        assert sent(push) == first
        assert device.alerts(1) == ["hi"]
        assert device.quiet()


class TestReports:
    @pytest.fixture(scope="class")
    @classmethod
    def app(cls, shared_server):
        return shared_server.app("sdk reports")

    @pytest.fixture
    def acked(self, app, devices):
        """A push to one device, which has acked it, and that device."""
        device = devices(app.server).register(app)
        push = compose(app, jpush.audience(jpush.registration_id(device.registration_id)))
        push.platform = jpush.platform("android")
        msg_id = sent(push)
        assert device.push()["msg_id"] == msg_id
        device.ack(msg_id)
        return msg_id, device.registration_id

    @pytest.mark.parametrize("zone", ["", "BJ"])
    def test_count_what_was_acked(self, app, acked, zone):
        msg_id, _ = acked
        report = app.client(zone).create_report()
        assert report.get_received(msg_id).payload == [
            {
                "msg_id": msg_id,
                "android_received": 1,
                "ios_apns_sent": None,
                "ios_apns_received": None,
                "ios_msg_received": None,
                "wp_mpns_sent": None,
            }
        ]
        assert report.get_received_detail(msg_id).payload[0]["jpush_received"] == 1
        (entry,) = report.get_messages(msg_id).payload
        assert set(entry) == {"msg_id", "android", "ios", "winphone"}
        assert (entry["android"]["target"], entry["android"]["received"]) == (1, 1)
        (entry,) = report.get_messages_detail(msg_id).payload
        assert len(entry) == 8
        assert (entry["jpush"]["target"], entry["jpush"]["online_push"], entry["jpush"]["received"]) == (1, 1, 1)

    @pytest.mark.parametrize("zone", ["", "BJ"])
    def test_tell_the_state_on_listed_devices(self, app, acked, zone):
        msg_id, registration_id = acked
        report = app.client(zone).create_report()
        answer = report.get_status_message(int(msg_id), [registration_id, "ee323rsdf"])
        assert answer.payload == {registration_id: {"status": 0}, "ee323rsdf": {"status": 2}}
        other_day = (datetime.date.today() - datetime.timedelta(days=7)).isoformat()
        assert report.get_status_message(msg_id, registration_id, other_day).payload == {registration_id: {"status": 3}}

    def test_have_an_entry_for_every_id(self, app, acked):
        msg_id, _ = acked
        report = app.client().create_report()
        for call in (report.get_received, report.get_received_detail, report.get_messages, report.get_messages_detail):
            assert [entry["msg_id"] for entry in call(f"{UNKNOWN}, {msg_id}").payload] == [UNKNOWN, msg_id]

    def test_refuse_what_is_no_id(self, app):
        with pytest.raises(jpush.JPushFailure) as failure:
            app.client().create_report().get_received("abc")
        assert (failure.value.response.status_code, failure.value.error_code) == (400, 3002)


class TestRefusals:
    @pytest.fixture(scope="class")
    @classmethod
    def app(cls, shared_server):
        return shared_server.app("sdk refusals")

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def somebody(cls, app):
        """A device, so that only what a test spoils can be at fault."""
        answer = requests.post(
            app.server.edge_http("/v1/edge/registrations"), json={"app_key": app.key, "platform": "android"}, timeout=15
        )
        assert answer.status_code == 200, answer.text

    def test_wrong_secret_is_unauthorized(self, app):
        client = jpush.JPush(app.key, "0" * 24, zone=app.server.zone)
        with pytest.raises(jpush.Unauthorized):
            client.create_push().get_cid(1)
        with pytest.raises(jpush.Unauthorized):
            client.create_report().get_received(UNKNOWN)

    def test_unknown_key_is_a_failure_of_push_and_unauthorized_for_reports(self, app):
        client = jpush.JPush("0" * 24, "0" * 24, zone=app.server.zone)
        with pytest.raises(jpush.JPushFailure) as failure:
            client.create_push().get_cid(1)
        assert (failure.value.response.status_code, failure.value.error_code) == (400, 1008)
        with pytest.raises(jpush.Unauthorized):
            client.create_report().get_received(UNKNOWN)

    @pytest.mark.parametrize(
        ("code", "named", "spoil"),
        [
            (1002, "platform", lambda push: setattr(push, "platform", None)),
            (1003, "time_to_live", lambda push: setattr(push, "options", {"time_to_live": -1})),
            (1003, "audience", lambda push: setattr(push, "audience", {"tag": "a"})),
            (1003, "cid", lambda push: setattr(push, "cid", "not a cid")),
            (1005, "", lambda push: setattr(push, "notification", jpush.notification(alert="x" * 4000))),
            (1009, "'x'", lambda push: setattr(push, "options", {"x": 1})),
            (1011, "cannot find user by this audience", lambda push: setattr(push, "audience", {"tag": ["nosuch"]})),
        ],
    )
    @pytest.mark.parametrize("call", ["send", "send_validate"])
    def test_bad_push_is_a_failure_with_its_code(self, app, call, code, named, spoil):
        push = compose(app)
        spoil(push)
        with pytest.raises(jpush.JPushFailure) as failure:
            getattr(push, call)()
        assert (failure.value.response.status_code, failure.value.error_code) == (400, code)
        assert named in failure.value.details.lower()

    def test_retired_platform_is_gone(self, app):
        push = compose(app)
        push.platform = jpush.platform("winphone")
        with pytest.raises(jpush.JPushFailure) as failure:
            push.send()
        assert (failure.value.response.status_code, failure.value.error_code) == (410, 410)
