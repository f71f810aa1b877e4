"""Who uses the server while it is made to fail: app servers that push, devices that come and go.

Everybody writes down in the ledger what they ask for before they ask, and what they were answered.
"""

import asyncio
import itertools

from ledger import Change, Device, Push, Span
from net import Caller, Session, Unanswered

TAGS = ["red", "green", "blue"]
#: The tag that devices take on and off while pushes mean it.
MOVING = "moving"


class Load:
    """The load on one server: starts with `start`, ends with `stop`, after which nobody asks for anything."""

    def __init__(self, server, ledger, random):
        self.server = server
        self.ledger = ledger
        self.random = random
        self.up = asyncio.Event()
        self.up.set()
        self.is_over = False
        self.pause_seconds = 0.02
        self._markers = itertools.count(1)
        self._tasks = []

    def spawn(self, work):
        self._tasks.append(asyncio.create_task(work))

    async def stop(self):
        """Lets everybody finish what they are at, and ask for nothing more."""
        self.is_over = True
        done = await asyncio.gather(*self._tasks, return_exceptions=True)
        for outcome in done:
            if isinstance(outcome, BaseException):
                raise outcome

    async def rest(self, least, most):
        await asyncio.sleep(self.random.uniform(least, most))

    def cid(self):
        return f"cid-{next(self._markers)}"

    # App servers

    async def push_on(self, app):
        """Pushes, withdraws, repeats and reads reports, until the load ends."""
        caller = Caller(self.server, app)
        mine = []
        while not self.is_over:
            await self.up.wait()
            chance = self.random.random()
            if mine and chance < 0.08:
                await self.withdraw(caller, self.random.choice(mine[-30:]))
            elif mine and chance < 0.16:
                await self.repeat(caller, self.random.choice(mine[-200:]))
            elif mine and chance < 0.2:
                await self.look(caller, self.random.choice(mine[-50:]))
            else:
                push = await self.push(caller, self.audience(app), overrides=self.older(mine))
                if push.accepted is not False:
                    mine.append(push)
            await self.rest(0, 2 * self.pause_seconds)
        caller.close()

    def audience(self, app):
        """Any legal audience, most of them for few devices."""
        names = [d.registration_id for d in self.ledger.devices if d.app is app and d.registration_id]
        aliases = [d.alias for d in self.ledger.devices if d.app is app and d.registration_id]
        some = lambda of, most: self.random.sample(of, self.random.randint(1, min(most, len(of))))  # noqa: E731
        return self.random.choice(
            [
                "all",
                {"registration_id": some(names, 1)},
                {"registration_id": some(names, 8)},
                {"alias": some(aliases, 3)},
                {"alias": some(aliases, 12), "tag_not": [self.random.choice(TAGS)]},
                {"tag": some(TAGS, 2)},
                {"tag_and": some(TAGS, 2)},
                {"tag_not": some(TAGS, 1)},
                {"tag": some(TAGS, 2), "tag_not": [MOVING]},
                {"tag": [MOVING]},
            ]
        )

    def older(self, mine):
        """A push to override, now and then: one that was accepted."""
        if not mine or self.random.random() > 0.08:
            return None
        older = self.random.choice(mine[-30:])
        return older if older.accepted else None

    async def push(self, caller, audience, cid=None, time_to_live=..., overrides=None):
        if time_to_live is ...:
            time_to_live = self.random.choice([None, None, None, 86_400, 600_000, 0, 1, 2])
        if cid is None and self.random.random() < 0.4:
            cid = self.cid()
        marker = f"push-{next(self._markers)}"
        push = self.ledger.push(Push(caller.app, marker, audience, time_to_live, cid, overrides))
        await self.send(caller, push)
        return push

    async def send(self, caller, push):
        """Sends a push; returns whether its fate is known."""
        try:
            status, answer, headers = await caller.request("POST", "/v3/push", push.body)
        except Unanswered:
            push.faults += 1
            self.ledger.counts["push unanswered"] += 1
            # For ever perhaps on its way, unless it is sent again and answered.
            push.span.end = float("inf")
            return False
        if status in (502, 503, 504) and "retry-after" not in headers:
            self.ledger.complain(f"{status} without Retry-After")
        settled = self.ledger.answered(push, status, answer)
        if not settled:
            push.span.end = float("inf") if push.accepted is None else push.span.end
        return settled

    async def repeat(self, caller, push):
        """Sends a push with a cid once more: it must not be carried out again."""
        if push.cid is None:
            return
        end = push.span.end
        await self.send(caller, push)
        if push.accepted and end < float("inf"):
            push.span.end = end  # it was carried out by then

    async def withdraw(self, caller, push):
        if not push.accepted:
            return
        span = Span()
        push.withdrawals.append(span)
        try:
            status, answer, _ = await caller.request("DELETE", f"/v3/push/{push.msg_id}")
        except Unanswered:
            return
        if status == 200:
            span.close()
        elif status < 500:
            self.ledger.complain(f"withdrawing {push.marker}: {status} {answer}")

    async def look(self, caller, push):
        """Reads a report under load: it may not tell of more than was told, nor of less than was answered."""
        if not push.accepted:
            return
        least = self._acked(push, {True})
        try:
            status, answer, _ = await caller.request("GET", f"/v3/received/detail?msg_ids={push.msg_id}")
        except Unanswered:
            return
        most = self._acked(push, {True, None})
        if status == 200 and not least <= answer[0]["jpush_received"] <= most:
            self.ledger.complain(f"{push.marker}: received {answer[0]['jpush_received']}, not {least} to {most}")

    def _acked(self, push, verdicts):
        return sum(push.msg_id in d.acked and d.acked[push.msg_id] in verdicts for d in self.ledger.devices)

    # Devices

    def device(self, app):
        tags = [tag for tag in TAGS if self.random.random() < 0.5]
        device = Device(app, f"alias_{next(self._markers)}", tags)
        device.platform = self.random.choice(["android", "ios", "web", "hmos", "quickapp"])
        self.ledger.devices.append(device)
        return device

    async def enter(self, device):
        """Opens a session, with a registration where there is none yet; returns it and what waits."""
        seen = []
        device.sessions.append(seen)
        session = await Session.open(self.server, lambda frame: self.ledger.received(device, frame, seen))
        try:
            if device.registration_id:
                answer = await session.ask(
                    {"op": "login", "registration_id": device.registration_id, "secret": device.secret}
                )
                if answer["op"] == "ready":
                    return session, seen, answer["pending"]
            else:
                device.registered.__init__()
                answer = await session.ask(
                    {
                        "op": "register",
                        "app_key": device.app.key,
                        "platform": device.platform,
                        "alias": device.alias,
                        "tags": sorted(device.tags),
                    }
                )
                if answer["op"] == "registered":
                    device.registered.close()
                    device.registration_id, device.secret = answer["registration_id"], answer["secret"]
                    return session, seen, 0
            self.expect_fault("entering", answer)
            raise Unanswered(str(answer))
        except BaseException:
            await session.drop()
            raise

    def expect_fault(self, what, answer):
        """A refusal of something that is legal must say that the server could not."""
        if answer["error"]["code"] not in (7000, 7030, 502, 503, 504):
            self.ledger.complain(f"{what}: {answer}")

    async def live(self, device):
        """A device's life: sessions of some moments, with gaps."""
        while not self.is_over:
            await self.up.wait()
            try:
                session, seen, _ = await self.enter(device)
            except Unanswered:
                await self.rest(0.05, 0.3)
                continue
            try:
                await self._use(session, device, seen)
            except Unanswered:
                self.ledger.counts["sessions lost"] += 1
            await session.drop()
            await self.rest(0, 0.5)

    async def _use(self, session, device, seen):
        self.ledger.counts["sessions"] += 1
        left = self.random.randint(1, 60)
        while left > 0 and not self.is_over:
            left -= 1
            await self.rest(0.01, 0.1)
            if session.is_over:
                return
            chance = self.random.random()
            if chance < 0.5:
                await self.ack(session, device, [name for name in seen if self.random.random() < 0.3][-200:])
            elif chance < 0.55 and seen:
                await self.click(session, device, self.random.choice(seen))
            elif chance < 0.6:
                await self.change_tags(session, device)
            elif chance < 0.62:
                session.stop_reading()
                await self.rest(0.1, 1.5)
                session.read_again()
            elif chance < 0.63:
                session.half_close()
                await self.rest(0, 0.3)
                return

    async def ack(self, session, device, names):
        """Acks, some of them not for the first time."""
        if not names:
            return
        for name in names:
            device.acked.setdefault(name, None)
        answer = await session.ask({"op": "ack", "msg_ids": names})
        if answer["op"] != "acked":
            return self.expect_fault("an ack", answer)
        if set(answer["msg_ids"]) != set(names):
            self.ledger.complain(f"acked {answer['msg_ids']} instead of {names}")
        for name in answer["msg_ids"]:
            device.acked[name] = True

    async def click(self, session, device, name):
        device.clicked.setdefault(name, None)
        answer = await session.ask({"op": "click", "msg_id": name})
        if answer["op"] != "acked":
            return self.expect_fault("a click", answer)
        device.clicked[name] = True

    async def change_tags(self, session, device):
        tags = device.tags ^ {MOVING}
        change = Change(Span(), frozenset(tags))
        device.changes.append(change)
        answer = await session.ask({"op": "tags", "set": sorted(tags)} if tags else {"op": "tags", "clear": True})
        if answer["op"] == "ok":
            change.span.close()
        else:
            self.expect_fault("a change of tags", answer)
