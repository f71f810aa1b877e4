"""Every public name of the official client, found by looking into it: each must be called here, each keyword be sent.

A new version of the client with a new call or keyword fails until it is exercised.
"""

import contextlib
import importlib
import inspect
import json
import pkgutil
import sys

import jpush
import pytest
from jpush.push import payload as builders
from jpush.schedule import schedulepayload

import apus
from device import Device
from endpoints import HIT, at

# Calls that cannot work whatever a server does.
BROKEN = {"Schedule.get_msg_ids": "refers to BASE_SCHEDULEURL, a constant that the client no longer has"}


def public():
    """Every public function and method that the client defines, by name, with the code that runs when it is called."""
    found = {}
    for entry in pkgutil.walk_packages(jpush.__path__, "jpush."):
        module = importlib.import_module(entry.name)
        for name, value in vars(module).items():
            if name.startswith("_") or getattr(value, "__module__", None) != entry.name:
                continue
            if inspect.isfunction(value):
                found[name] = value.__code__
            elif inspect.isclass(value):
                for member, part in vars(value).items():
                    call = getattr(part, "fget", None) or getattr(part, "__func__", part)
                    if not member.startswith("_") and inspect.isfunction(call):
                        found[f"{name}.{member}"] = call.__code__
    return found


PUBLIC = public()


@contextlib.contextmanager
def watched():
    """The code that runs within, of whatever function."""
    seen = set()
    sys.setprofile(lambda frame, event, _: seen.add(frame.f_code) if event == "call" else None)
    try:
        yield seen
    finally:
        sys.setprofile(None)


class Use:
    """What the calls below are made with, in one form of the paths."""

    def __init__(self, world, zone):
        self.world, self.app, self.zone = world, world.app, zone
        self.client = world.app.client(zone)
        self.rid = world.rid()

    def push(self, **over):
        push = self.client.create_push()
        push.audience, push.platform, push.notification = jpush.all_, jpush.all_, jpush.notification(alert="hi")
        for name, value in over.items():
            setattr(push, name, value)
        return push

    def sent(self, **over):
        answer = self.push(**over).send()
        assert set(answer.payload) == {"msg_id", "sendno"}
        return answer

    def group(self):
        key, secret = self.world.auths["group"]
        client = jpush.GroupPush(key.removeprefix("group-"), secret)
        client.zone = self.client.zone
        push = client.create_push()
        push.audience, push.platform, push.message = jpush.all_, jpush.platform("android"), jpush.message("hi")
        answer = push.send()
        assert set(answer.payload) == {"group_msgid", self.app.key}
        return answer

    def admin(self):
        client = self.world.server.admin(self.world.auths["developer"])
        made = client.create_app("an app", f"com.example.calls{self.world.number()}")
        assert set(made.payload) == {"app_key", "android_package", "is_new_created", "master_secret"}
        deleted = client.delete_app(made.payload["app_key"])
        assert deleted.payload == {"success": "Synchronized success"}
        return deleted

    def batch(self, call, target):
        item = {"platform": "all", "target": target, "notification": {"alert": "hi"}}
        (entry,) = getattr(self.push(), call)([item]).payload.values()
        assert set(entry) == {"msg_id"}

    def counted(self, call, keys):
        (entry,) = getattr(self.client.create_report(), call)(self.world.msg_id()).payload
        assert entry["msg_id"] == self.world.msg_id() and set(entry) >= keys

    def device(self, entity):
        answer = self.client.create_device().set_deviceinfo(self.rid, entity)
        assert answer.payload == {}
        return answer

    def tag(self, entity):
        assert self.client.create_device().update_tagusers("b", entity).payload == {}

    def tasks(self):
        """Create, read, list, change, delete."""
        schedule = self.client.create_schedule()
        trigger = schedulepayload.trigger(at(1))
        made = schedule.post_schedule(schedulepayload.schedulepayload("task", True, trigger, HIT)).payload
        assert set(made) == {"schedule_id", "name"}
        found = schedule.get_schedule_by_id(made["schedule_id"]).payload
        assert found == {**made, "enabled": True, "trigger": trigger, "push": HIT}
        listed = schedule.get_schedule_list().payload
        assert set(listed) == {"total_count", "total_pages", "page", "schedules"} and listed["total_count"] > 0
        changed = schedule.put_schedule(schedulepayload.schedulepayload(name="other"), made["schedule_id"]).payload
        assert changed == {**found, "name": "other"}
        answer = schedule.delete_schedule(made["schedule_id"])
        assert answer.payload == {}
        return answer

    def tags(self):
        assert "a" in self.client.create_device().get_taglist().payload["tags"]

    def info(self):
        found = self.client.create_device().get_deviceinfo(self.rid).payload
        assert set(found) == {"tags", "alias", "mobile"} and "a" in found["tags"] and found["alias"] == "alice"

    def state(self):
        answer = self.client.create_report().get_status_message(self.world.msg_id(), self.rid, self.world.today())
        assert answer.payload == {self.rid: {"status": 1}}

    def failed(self):
        with pytest.raises(jpush.JPushFailure) as failure:
            self.push(platform=None).send()
        assert failure.value.error_code == 1002 and "platform" in failure.value.details

    def names(self, call, expected):
        assert call(self.client.create_device()).payload == expected

    def status(self, answer):
        assert answer.get_status_code() == 200 and str(answer)

    def old_push(self):
        with pytest.warns(DeprecationWarning):
            assert self.client.push(HIT) is None

    def cids(self):
        for kind in (None, "push", "schedule"):
            assert len(self.push().get_cid(2, kind).payload["cidlist"]) == 2

    def once(self):
        made = builders.cid("once" + self.world.number())["cid"]
        assert self.sent(cid=made).payload == self.sent(cid=made).payload

    def users(self):
        today = self.world.today()
        assert self.client.create_report().get_users("DAY", today, 1).payload["start"] == today


def selects(kind, value):
    return lambda use: use.sent(audience=jpush.audience(getattr(jpush.push, kind)(value)))


def notifies(keyword):
    return lambda use: use.sent(notification=jpush.notification(alert="hi", **keyword()))


EXERCISES = {
    "get_url": lambda use: use.sent(),
    "JPushFailure.from_response": Use.failed,
    "JPush.push": Use.old_push,
    "JPush.set_logging": lambda use: use.client.set_logging("NOTSET"),
    "JPush.create_push": lambda use: use.sent(),
    "JPush.create_device": lambda use: use.names(lambda device: device.get_aliasuser("nosuch"), {"registration_ids": []}),
    "JPush.create_report": Use.users,
    "JPush.create_schedule": Use.tasks,
    "GroupPush.create_push": Use.group,
    "Admin.create_app": Use.admin,
    "Admin.delete_app": Use.admin,
    "AdminResponse.get_status_code": lambda use: use.status(use.admin()),
    "Push.payload": lambda use: use.sent(),
    "Push.send": lambda use: use.sent(),
    "Push.send_validate": lambda use: use.status(use.push().send_validate()),
    "Push.get_cid": Use.cids,
    "Push.batch_push_by_regid": lambda use: use.batch("batch_push_by_regid", use.rid),
    "Push.batch_push_by_alias": lambda use: use.batch("batch_push_by_alias", "alice"),
    "PushResponse.get_status_code": lambda use: use.status(use.sent()),
    "tag": selects("tag", "a"),
    "tag_and": selects("tag_and", "a"),
    "tag_not": selects("tag_not", "nosuch"),
    "alias": selects("alias", "alice"),
    "registration_id": lambda use: selects("registration_id", use.rid)(use),
    "segment": selects("segment", "friends"),
    "abtest": selects("abtest", "checkout.a"),
    "audience": lambda use: use.sent(audience=jpush.audience(jpush.tag("a"), jpush.alias("alice"))),
    "platform": lambda use: use.sent(platform=jpush.platform("ios", "android", "winphone", "hmos", "quickapp")),
    "options": lambda use: use.sent(**jpush.options({"sendno": 1, "time_to_live": 60, "apns_production": False})),
    "cid": Use.once,
    "notification": notifies(dict),
    "ios": notifies(lambda: {"ios": jpush.ios("hi")}),
    "android": notifies(lambda: {"android": jpush.android("hi")}),
    "winphone": notifies(lambda: {"winphone": jpush.winphone("hi")}),
    "hmos": notifies(lambda: {"hmos": jpush.hmos("hi")}),
    "quickapp": notifies(lambda: {"quickapp": jpush.quickapp("hi", "t", "/page")}),
    "voip": notifies(lambda: {"voip": jpush.voip({"k": "v"})}),
    "message": lambda use: use.sent(message=jpush.message("hi")),
    "smsmessage": lambda use: use.sent(smsmessage=jpush.smsmessage(0, 1)),
    "Device.send": lambda use: use.device({}),
    "Device.get_taglist": Use.tags,
    "Device.get_deviceinfo": Use.info,
    "Device.set_deviceinfo": lambda use: use.device(jpush.device_tag(jpush.add("b"))),
    "Device.set_devicemobile": lambda use: use.names(
        lambda device: device.set_devicemobile(use.rid, jpush.device_mobile("13012345678")), {}
    ),
    "Device.delete_tag": lambda use: use.names(lambda device: device.delete_tag("c", "ios"), {}),
    "Device.update_tagusers": lambda use: use.tag(jpush.device_regid(jpush.add(use.rid))),
    "Device.check_taguserexist": lambda use: use.names(
        lambda device: device.check_taguserexist("a", use.rid), {"result": True}
    ),
    "Device.delete_alias": lambda use: use.names(lambda device: device.delete_alias("nobody", "ios"), {}),
    "Device.get_aliasuser": lambda use: use.names(
        lambda device: device.get_aliasuser("alice", "hmos"), {"registration_ids": []}
    ),
    "Device.get_device_status": lambda use: use.names(
        lambda device: device.get_device_status([use.rid, "nosuch"]), {use.rid: {"online": False}, "nosuch": {}}
    ),
    "DeviceResponse.get_status_code": lambda use: use.status(use.device({})),
    "add": lambda use: use.device(jpush.device_tag(jpush.add("b"))),
    "remove": lambda use: use.device(jpush.device_tag(jpush.remove("b"))),
    "device_tag": lambda use: use.device(jpush.device_tag(jpush.add("b"), jpush.remove("c"))),
    "device_mobile": lambda use: use.device(jpush.device_mobile("")),
    "device_alias": lambda use: use.device(jpush.device_alias("alice")),
    "device_regid": lambda use: use.tag(jpush.device_regid(jpush.add(use.rid), jpush.remove())),
    "Report.send": Use.users,
    "Report.get_received": lambda use: use.counted("get_received", {"android_received"}),
    "Report.get_received_detail": lambda use: use.counted("get_received_detail", {"jpush_received"}),
    "Report.get_status_message": Use.state,
    "Report.get_messages": lambda use: use.counted("get_messages", {"android", "ios", "winphone"}),
    "Report.get_messages_detail": lambda use: use.counted("get_messages_detail", {"details", "jpush", "android_pns"}),
    "Report.get_users": Use.users,
    "ReportResponse.get_status_code": lambda use: use.status(
        use.client.create_report().get_received(use.world.msg_id())
    ),
    "Schedule.send": Use.tasks,
    "Schedule.post_schedule": Use.tasks,
    "Schedule.get_schedule_by_id": Use.tasks,
    "Schedule.get_schedule_list": Use.tasks,
    "Schedule.put_schedule": Use.tasks,
    "Schedule.delete_schedule": Use.tasks,
    "ScheduleResponse.get_status_code": lambda use: use.status(use.tasks()),
    "schedulepayload": Use.tasks,
    "trigger": Use.tasks,
}


@pytest.fixture(scope="module")
def saved(world):
    """What the calls below name that is kept for the app."""
    place = ("--app", world.app.key, "--data", world.server.data)
    apus.succeed("segment", "create", "friends", "--audience", json.dumps({"alias": ["alice"]}), *place)
    apus.succeed("abtest", "create", "checkout", "--shares", "100", *place)
    return world


@pytest.mark.parametrize("zone", ["", "BJ"])
@pytest.mark.parametrize("name", sorted(PUBLIC.keys() - BROKEN.keys()))
def test_every_call_works(saved, name, zone):
    assert name in EXERCISES, f"the client has {name}, which nothing here calls"
    with watched() as seen:
        EXERCISES[name](Use(saved, zone))
    assert PUBLIC[name] in seen, f"the exercise of {name} does not call it"



def test_broken_calls_are_broken_in_the_client(saved):
    assert BROKEN.keys() <= PUBLIC.keys()
    client = saved.app.client().create_schedule()
    with pytest.raises(AttributeError, match="BASE_SCHEDULEURL"):
        client.get_msg_ids(saved.schedule_id())
    # What it would have asked for is served.
    assert saved.app.get(f"/v3/schedules/{saved.schedule_id()}/msg_ids").json() == {"count": 0, "msgids": []}


def test_nothing_is_exercised_that_the_client_no_longer_has():
    assert EXERCISES.keys() <= PUBLIC.keys()


# What each builder makes of each keyword, and what the device gets


PICTURE = "https://pictures.example/a.png"
INTENT = {"url": "intent:#Intent;component=com.example/com.example.Main;end"}
BUTTONS = [{"name": "open", "type": 1}]
# Values of each keyword, with the others that it needs beside it.
VALUES = {
    "android": {
        "alert": ["hi", ""], "title": ["t"], "builder_id": [1], "extras": [{"k": "v", "n": 1}, {}], "priority": [-2, 0, 2],
        "category": ["msg"], "style": [0, 1, 2, 3], "alert_type": [-1, 7], "big_text": ["long"],
        "inbox": [{"0": "one", "1": "two"}], "big_pic_path": [PICTURE], "large_icon": [PICTURE], "intent": [INTENT],
        "channel_id": ["c"], "small_icon_uri": [PICTURE], "uri_activity": ["com.example.Main"],
        "uri_action": ["com.example.OPEN"], "badge_add_num": [1, 99], "badge_set_num": [0, 99],
        "badge_class": ["com.example.Main"], "sound": ["ding"], "show_begin_time": ["2026-01-01 00:00:00"],
        "show_end_time": ["2026-01-01 00:00:00"], "display_foreground": ["0", "1"], "custom_buttons": [BUTTONS],
        "mipns_content_forshort": ["short"], "oppns_content_forshort": ["short"], "vpns_content_forshort": ["short"],
        "mzpns_content_forshort": ["short"], "icon_bg_color": ["#ff0000"],
    },
    "ios": {
        "alert": ["hi", "", {"title": "t", "body": "b"}], "badge": [5, 0, "+1", "-1"],
        "sound": ["ding", {"critical": 1, "name": "ding", "volume": 0.5}], "content_available": [True, False],
        "mutable_content": [True, False], "category": ["c"], "extras": [{"k": "v"}], "sound_disable": [True],
        "thread_id": ["t"], "interruption_level": ["active", "critical", "passive", "time-sensitive"],
    },
    "hmos": {
        "alert": ["hi"], "title": ["t"], "category": ["MARKETING"], "large_icon": [PICTURE], "intent": [INTENT],
        "extras": [{"k": "v"}], "style": [0, 2], "inbox": [{"0": "one"}], "badge_add_num": [1], "badge_set_num": [0],
        "test_message": [True], "receipt_id": ["r"], "push_type": [0], "extra_data": ["x"], "display_foreground": ["1"],
        "sound": ["ding"], "sound_duration": [1, 60], "hm_payload": [{"k": "v"}],
    },
    "quickapp": {"alert": ["hi"], "title": ["t"], "page": ["/page"], "extras": [{"k": "v"}]},
}
NEEDED = {"android": {"alert": "hi"}, "ios": {"alert": "hi"}, "hmos": {"alert": "hi"}, "quickapp": {
    "alert": "hi", "title": "t", "page": "/page"
}}


def keywords(*names):
    """Every keyword of these builders, as the client has them."""
    return [(name, keyword) for name in names for keyword in inspect.signature(getattr(builders, name)).parameters]


@pytest.fixture(scope="module")
def phones(saved):
    """A device of each platform, in session, of an app of their own."""
    app = saved.server.app("phones")
    with contextlib.ExitStack() as stack:
        yield app, {
            platform: stack.enter_context(Device(saved.server)).register(app, platform, tags=["t"]) for platform in VALUES
        }


@pytest.mark.parametrize(("builder", "keyword"), keywords(*VALUES))
def test_every_keyword_reaches_the_device(phones, builder, keyword):
    app, devices = phones
    assert keyword in VALUES[builder], f"{builder} has a keyword {keyword}, which nothing here sends"
    for value in VALUES[builder][keyword]:
        made = getattr(builders, builder)(**{**NEEDED[builder], keyword: value})
        push = app.client().create_push()
        push.audience, push.platform = jpush.all_, jpush.platform(builder)
        push.notification = jpush.notification(**{builder: made})
        assert push.send_validate().get_status_code() == 200
        msg_id = push.send().payload["msg_id"]
        frame = devices[builder].push()
        assert (frame["msg_id"], frame["notification"]) == (msg_id, made)


@pytest.mark.parametrize(("keyword", "value"), [
    ("alert", "hi"),
    ("ios", {"alert": "hi"}),
    ("android", {"alert": "hi"}),
    ("winphone", {"alert": "hi"}),
    ("hmos", {"alert": "hi"}),
    ("quickapp", {"alert": "hi", "title": "t", "page": "/page"}),
    ("voip", {"k": {"any": [1]}}),
])
def test_every_part_of_a_notification_is_taken(phones, keyword, value):
    assert {name for _, name in keywords("notification")} == {
        "alert", "ios", "android", "winphone", "hmos", "quickapp", "voip"
    }
    app, devices = phones
    push = app.client().create_push()
    push.audience, push.platform = jpush.audience(jpush.tag("t")), jpush.platform(*VALUES, "winphone")
    push.notification = builders.notification(**{"alert": "common", keyword: value})
    msg_id = push.send().payload["msg_id"]
    for platform, device in devices.items():
        frame = device.push()
        expected = value if keyword == platform else {"alert": value if keyword == "alert" else "common"}
        assert frame["msg_id"] == msg_id
        assert {key: frame["notification"].get(key) for key in expected} == expected, platform


@pytest.mark.parametrize(("builder", "values"), [
    ("message", {"msg_content": "hi", "title": "t", "content_type": "text", "extras": {"k": "v"}}),
    ("smsmessage", {"delay_time": 60, "temp_id": 1, "temp_para": {"code": "1"}, "signid": 2, "active_filter": False}),
    ("winphone", {"alert": None, "title": "t", "_open_page": None, "extras": {"k": "v"}}),
])
def test_every_other_keyword_is_taken(phones, builder, values):
    assert {name for _, name in keywords(builder)} == set(values)
    app, devices = phones
    push = app.client().create_push()
    push.audience, push.platform, push.notification = jpush.all_, jpush.platform("android", "winphone"), {"alert": "hi"}
    made = getattr(builders, builder)(**values)
    if builder == "winphone":
        push.notification["winphone"] = made
    else:
        setattr(push, builder, made)
    msg_id = push.send().payload["msg_id"]
    frame = devices["android"].push()
    assert frame["msg_id"] == msg_id
    assert builder != "message" or frame["message"] == made


@pytest.mark.parametrize("spoilt", [
    jpush.ios("hi", badge="auto"),
    {"alert": "hi", "content_available": 1},
    jpush.hmos(push_type=2, alert="hi"),
    jpush.hmos(push_type=7, alert="hi"),
    jpush.android("hi", priority=3),
])
def test_what_builders_let_through_is_refused(phones, spoilt):
    """The client checks next to nothing; the server tells which key it is."""
    app, _ = phones
    platform = "hmos" if "push_type" in spoilt else "android" if "priority" in spoilt else "ios"
    push = app.client().create_push()
    push.audience, push.platform, push.notification = jpush.all_, jpush.all_, {platform: spoilt}
    with pytest.raises(jpush.JPushFailure) as failure:
        push.send()
    assert failure.value.response.status_code == 400
    assert failure.value.error_code in {1002, 1003, 1009} and platform in failure.value.details


TRIGGERS = {
    "single": {"time": at(1)},
    "day": {"time": "12:00:00", "start": at(0), "end": at(30), "time_unit": "day", "frequency": 1},
    "week": {
        "time": "12:00:00", "start": at(0), "end": at(30), "time_unit": "WEEK", "frequency": 2, "point": ["WED", "FRI"]
    },
    "month": {
        "time": "12:00:00", "start": at(0), "end": at(99), "time_unit": "MONTH", "frequency": 1, "point": ["01", "15"]
    },
}


@pytest.mark.parametrize("kind", TRIGGERS)
def test_every_keyword_of_a_trigger_is_taken(saved, kind):
    names = set(inspect.signature(schedulepayload.trigger).parameters)
    assert names == set().union(*TRIGGERS.values())
    schedule = saved.app.client().create_schedule()
    trigger = schedulepayload.trigger(**TRIGGERS[kind])
    made = schedule.post_schedule(schedulepayload.schedulepayload(kind, True, trigger, HIT)).payload
    assert schedule.get_schedule_by_id(made["schedule_id"]).payload["trigger"] == trigger
