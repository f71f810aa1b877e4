"""What must be true of every push on every device, kept by those who pushed and those who received.

The server is never asked what it thinks: a request that was answered with 200 was done, one that was refused with a 4xx
was not, and one whose answer is missing, or is a 5xx, was perhaps done. Every expectation is therefore yes, no or
perhaps (None), and the server is held to the first two.
"""

import collections
import dataclasses
import math
import time

BUCKETS = ("delivered", "waiting", "expired", "withdrawn", "overridden", "dropped")


@dataclasses.dataclass
class Span:
    """A request, from the moment it was sent to the moment its answer was here; for ever while there is none."""

    start: float = dataclasses.field(default_factory=time.monotonic)
    end: float = math.inf

    def close(self):
        self.end = time.monotonic()


@dataclasses.dataclass
class Change:
    """One request that changes a device: what its tags are behind it."""

    span: Span
    tags: frozenset


class Device:
    """A device's own book."""

    def __init__(self, app, alias, tags):
        self.app = app
        self.alias = alias
        self.registration_id = self.secret = None
        self.registered = Span()
        self.changes = [Change(self.registered, frozenset(tags))]
        #: By msg_id, what was told: True once the server answered that it is recorded, None until then.
        self.acked = {}
        self.clicked = {}
        #: The msg_ids of each session, in the order in which they came.
        self.sessions = []
        #: What the last session of all brought.
        self.waiting = None

    @property
    def tags(self):
        return self.changes[-1].tags

    def matches(self, audience, span):
        """Whether a push of this span means this device; None where both are legal."""
        if self.registered.start > span.end:
            return False
        verdicts = {self._matches(audience, tags) for tags in self._possible_tags(span)}
        if self.registered.end > span.start:
            verdicts.add(False)
        return verdicts.pop() if len(verdicts) == 1 else None

    def _possible_tags(self, span):
        """The tags that the device may have had at some moment of the span."""
        possible = set()
        for change in self.changes:
            if change.span.end <= span.start:
                possible = {change.tags}
            elif change.span.start <= span.end:
                possible.add(change.tags)
        return possible

    def _matches(self, audience, tags):
        if audience == "all":
            return True
        kinds = {
            "tag": lambda names: bool(tags & set(names)),
            "tag_and": lambda names: tags >= set(names),
            "tag_not": lambda names: not tags & set(names),
            "alias": lambda names: self.alias in names,
            "registration_id": lambda names: self.registration_id in names,
        }
        return all(kinds[kind](names) for kind, names in audience.items())


class Push:
    """One push that somebody wants: sent once, or again and again under one cid until it is answered."""

    def __init__(self, app, marker, audience, time_to_live, cid=None, overrides=None):
        self.app = app
        self.marker = marker
        self.audience = audience
        self.time_to_live = time_to_live
        self.cid = cid
        self.overrides = overrides
        self.span = Span()
        #: True: accepted; False: refused for good; None: perhaps kept.
        self.accepted = None
        self.msg_id = None
        #: Answers of 5xx that it got on the way.
        self.faults = 0
        self.withdrawals = []

    @property
    def is_short(self):
        return self.time_to_live is not None and self.time_to_live < 3600

    @property
    def body(self):
        options = {}
        if self.time_to_live is not None:
            options["time_to_live"] = self.time_to_live
        if self.overrides is not None:
            options["override_msg_id"] = int(self.overrides.msg_id)
        body = {"platform": "all", "audience": self.audience, "notification": {"alert": self.marker}}
        return body | ({"options": options} if options else {}) | ({"cid": self.cid} if self.cid else {})


class Ledger:
    """Everything that was asked for, and what came of it."""

    def __init__(self):
        self.pushes = {}
        self.devices = []
        self.wrong = []
        self.counts = collections.Counter()
        #: By marker, every msg_id under which it was ever seen.
        self.ids = collections.defaultdict(set)

    def complain(self, sentence):
        self.wrong.append(sentence)

    # While it runs

    def push(self, push):
        self.pushes[push.marker] = push
        return push

    def answered(self, push, status, answer):
        """Takes note of an answer to a push; returns whether it settles it."""
        push.span.close()
        self.counts[f"push {status}"] += 1
        if status == 200:
            self.ids[push.marker].add(answer["msg_id"])
            if push.msg_id not in (None, answer["msg_id"]):
                self.complain(f"{push.marker}: one cid, two answers: {push.msg_id} and {answer['msg_id']}")
            push.accepted, push.msg_id = True, answer["msg_id"]
            return True
        if status < 500:
            if push.faults == 0 and push.accepted is None:
                push.accepted = False
            return True
        push.faults += 1
        return False

    def received(self, device, frame, session):
        """Takes note of a push that came to a device."""
        self.counts["frames"] += 1
        marker, msg_id = frame["notification"]["alert"], frame["msg_id"]
        self.ids[marker].add(msg_id)
        push = self.pushes.get(marker)
        if push is None:
            return self.complain(f"{device.registration_id} got {marker}, which nobody pushed")
        if push.app is not device.app:
            self.complain(f"{device.registration_id} got {marker} of another app")
        if msg_id in session:
            self.complain(f"{device.registration_id} got {marker} twice in one session")
        if session and int(session[-1]) > int(msg_id):
            self.complain(f"{device.registration_id} got {marker} out of order")
        session.append(msg_id)
        time_to_live = 86_400 if push.time_to_live is None else push.time_to_live
        if frame["expires_at"] - frame["sent_at"] != time_to_live * 1000:
            self.complain(f"{marker} expires after {frame['expires_at'] - frame['sent_at']} ms")

    # Afterwards

    def settle(self, kept):
        """Learns which pushes were kept, by marker: what became of those whose answer is missing.

        Nothing that was accepted may be missing, nothing refused may be there, and nothing may be there twice.
        """
        for marker, ids in kept.items():
            self.ids[marker] |= ids
            if marker not in self.pushes:
                self.complain(f"{marker} was kept, which nobody pushed")
        for push in self.pushes.values():
            ids = kept.get(push.marker, set())
            if len(self.ids[push.marker]) > 1:
                self.complain(f"{push.marker} was carried out twice: {sorted(self.ids[push.marker])}")
            if push.accepted is False and self.ids[push.marker]:
                self.complain(f"{push.marker} was refused and is there")
            if push.accepted and push.msg_id not in ids:
                self.complain(f"{push.marker} was accepted as {push.msg_id} and is lost")
            if push.accepted is None:
                push.accepted = bool(ids)
                push.msg_id = next(iter(ids), None)
                self.counts["perhaps: kept" if ids else "perhaps: not kept"] += 1

    def check(self, app, waiting_max):
        """Holds what devices saw against what they were owed.

        - Parameter waiting_max: how many pushes may wait for a device of the app; 0 for any number.
        - Returns: for each kept push the least and the greatest number of devices in each bucket.
        """
        table = {}
        pushes = [push for push in self.pushes.values() if push.app is app and push.accepted]
        overriders = collections.defaultdict(list)
        for push in pushes:
            if push.overrides is not None:
                overriders[push.overrides.marker].append(push)
        devices = [device for device in self.devices if device.app is app]
        owed = {id(device): self._owed(device, pushes) for device in devices}
        for push in pushes:
            ended = [span.end < math.inf for span in push.withdrawals], bool(overriders[push.marker])
            least, most = collections.Counter(), collections.Counter()
            for device in devices:
                buckets = self._place(push, device, ended, owed[id(device)], waiting_max)
                for bucket in buckets - {"not targeted"}:
                    most[bucket] += 1
                if len(buckets) == 1:
                    least[next(iter(buckets))] += 1
            table[push.msg_id] = (least, most)
        return table

    @staticmethod
    def _owed(device, pushes):
        """The numbers of all pushes that may mean the device, in order."""
        return sorted(int(push.msg_id) for push in pushes if device.matches(push.audience, push.span) is not False)

    def _place(self, push, device, ended, owed, waiting_max):
        """Where one push may stand on one device, by the books of both."""
        (withdrawals, is_overridden), name = ended, f"{push.marker} ({push.msg_id}) on {device.registration_id}"
        member = device.matches(push.audience, push.span)
        has_come = any(push.msg_id in session for session in device.sessions)
        if member is False:
            if has_come:
                self.complain(f"{name}: outside its audience, and came")
            return {"not targeted"}
        if has_come:
            member = True
        places = set() if member else {"not targeted"}
        acked = device.acked.get(push.msg_id, False)
        if acked:
            return {"delivered"}
        if acked is None:
            places.add("delivered")
        if waiting_max and sum(number > int(push.msg_id) for number in owed) >= waiting_max:
            places.add("dropped")
        has_ended = any(withdrawals) or is_overridden
        may_have_ended = bool(withdrawals) or is_overridden
        # Without a client at its end only the books of the others tell.
        came_last = None if device.waiting is None else push.msg_id in device.waiting
        if withdrawals:
            places.add("withdrawn")
        if is_overridden:
            places.add("overridden")
        if has_ended or (may_have_ended and came_last is False):
            if came_last:
                self.complain(f"{name}: withdrawn or overridden, and came")
            return places if has_ended or not push.is_short else places | {"expired"}
        if push.is_short:
            if came_last:
                self.complain(f"{name}: expired, and came")
            return places | {"expired"}
        if came_last:
            return {"waiting"}
        if came_last is None:
            return places | {"waiting"}
        # It does not wait: it was dropped because many others came behind it, or a perhaps explains it.
        if not places:
            self.complain(f"{name}: neither received nor waiting, but lost")
        return places
