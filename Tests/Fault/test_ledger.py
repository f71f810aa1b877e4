"""The books themselves: what is wrong must be found, or a run that balances says nothing."""

import types

import pytest

from ledger import Device, Ledger, Push, Span

APP = types.SimpleNamespace(key="app")
OTHER = types.SimpleNamespace(key="other")


class World:
    """One device with the tag `red`, and one push to it that was accepted, kept and received."""

    def __init__(self):
        self.ledger = Ledger()
        self.device = Device(APP, "alias", ["red"])
        self.device.registration_id = "1"
        self.device.registered.close()
        self.ledger.devices.append(self.device)
        self.session = []
        self.device.sessions.append(self.session)
        self.push = self.make("first", {"tag": ["red"]})
        self.accept(self.push, "10")
        self.kept = {"first": {"10"}}

    def make(self, marker, audience, **more):
        return self.ledger.push(Push(APP, marker, audience, None, **more))

    def accept(self, push, msg_id):
        self.ledger.answered(push, 200, {"msg_id": msg_id})

    def come(self, marker="first", msg_id="10", device=None):
        frame = {"msg_id": msg_id, "notification": {"alert": marker}, "sent_at": 0, "expires_at": 86_400_000}
        self.ledger.received(device or self.device, frame, self.session)

    def close(self, waiting=(), waiting_max=0):
        self.device.waiting = set(waiting)
        self.ledger.settle(self.kept)
        least, most = self.ledger.check(APP, waiting_max)["10"]
        return {bucket for bucket in most if least[bucket] == most[bucket]}


@pytest.fixture
def world():
    return World()


def told(world, words):
    return any(words in sentence for sentence in world.ledger.wrong)


def test_received_and_acked_is_delivered(world):
    world.come()
    world.device.acked["10"] = True
    assert world.close() == {"delivered"} and not world.ledger.wrong


def test_received_without_an_ack_waits(world):
    world.come()
    assert world.close(waiting=["10"]) == {"waiting"} and not world.ledger.wrong


def test_neither_received_nor_waiting_is_lost(world):
    world.close()
    assert told(world, "lost")


def test_an_ack_that_was_perhaps_recorded_explains_that_it_waits_no_more(world):
    world.come()
    world.device.acked["10"] = None
    assert world.close() == {"delivered"} and not world.ledger.wrong


def test_accepted_and_not_kept_is_lost(world):
    world.kept = {}
    world.device.waiting = set()
    world.ledger.settle(world.kept)
    assert told(world, "is lost")


def test_refused_and_kept(world):
    refused = world.make("refused", "all")
    world.ledger.answered(refused, 400, {})
    world.kept["refused"] = {"11"}
    world.close(waiting=["10"])
    assert told(world, "was refused and is there")


def test_twice_in_one_session(world):
    world.come()
    world.come()
    assert told(world, "twice in one session")


def test_out_of_order(world):
    world.make("second", "all")
    world.come("second", "11")
    world.come()
    assert told(world, "out of order")


def test_outside_its_audience(world):
    other = world.make("other", {"tag": ["blue"]})
    world.accept(other, "11")
    world.kept["other"] = {"11"}
    world.come("other", "11")
    world.close(waiting=["10"])
    assert told(world, "outside its audience")


def test_to_another_app(world):
    device = Device(OTHER, "alias", [])
    world.come(device=device)
    assert told(world, "of another app")


def test_a_cid_that_was_answered_twice_differently(world):
    twice = world.make("twice", "all", cid="once")
    world.accept(twice, "11")
    world.accept(twice, "12")
    assert told(world, "one cid, two answers")


def test_an_unanswered_push_that_was_kept_twice(world):
    world.make("twice", "all")
    world.kept["twice"] = {"11", "12"}
    world.close(waiting=["10"])
    assert told(world, "carried out twice")


def test_withdrawn_and_came(world):
    world.push.withdrawals.append(Span())
    world.push.withdrawals[0].close()
    world.close(waiting=["10"])
    assert told(world, "withdrawn or overridden, and came")


def test_a_withdrawal_without_an_answer_may_have_been_done_or_not(world):
    world.push.withdrawals.append(Span())
    assert world.close(waiting=[]) == {"withdrawn"} and not world.ledger.wrong


def test_a_short_push_with_such_a_withdrawal_may_have_expired_instead(world):
    world.push.withdrawals.append(Span())
    world.push.time_to_live = 1
    world.device.waiting = set()
    world.ledger.settle(world.kept)
    least, most = world.ledger.check(APP, 0)["10"]
    assert not least and most == {"withdrawn": 1, "expired": 1} and not world.ledger.wrong


def test_expired_and_came(world):
    world.push.time_to_live = 1
    world.close(waiting=["10"])
    assert told(world, "expired, and came")


def test_dropped_only_where_enough_came_behind(world):
    for number in (11, 12):
        world.accept(world.make(f"behind-{number}", "all"), str(number))
        world.kept[f"behind-{number}"] = {str(number)}
    world.close(waiting=["11", "12"], waiting_max=3)
    assert told(world, "lost")
    world.ledger.wrong.clear()
    least, most = world.ledger.check(APP, 2)["10"]
    assert most["dropped"] == least["dropped"] == 1 and not world.ledger.wrong


def test_a_change_of_tags_under_way_makes_both_right(world):
    assert world.device.matches({"tag": ["red"]}, Span()) is True
    assert world.device.matches({"tag": ["blue"]}, Span()) is False
    world.device.changes.append(type(world.device.changes[0])(Span(), frozenset(["blue"])))
    assert world.device.matches({"tag": ["blue"]}, Span()) is None
    world.device.changes[-1].span.close()
    assert world.device.matches({"tag": ["blue"]}, Span()) is True
