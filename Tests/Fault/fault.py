"""Breaks a server again and again under load, and then balances the books.

    APUS_BINARY=… python3 Tests/Fault/fault.py [--seconds N] [--seed N] [--keep FOLDER]

Exit status 0: every push is where it must be on every device. 1: it is not; the data folder is kept.
"""

import argparse
import asyncio
import collections
import contextlib
import datetime
import errno
import json
import os
import pathlib
import random
import sqlite3
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "EndToEnd"))

import apus  # noqa: E402
from ledger import BUCKETS, Device, Ledger  # noqa: E402
from load import Load  # noqa: E402
from net import Caller, Unanswered  # noqa: E402
from shim import Shim, small_disk  # noqa: E402

DISK_BYTES = 64 << 20
#: Waiting pushes kept per device of the app whose inboxes are short.
SHORT_INBOX = 20
RECOVERY_SECONDS = 20
#: A bound, not an expectation.
SCENES_SECONDS = 300
#: Far beyond every short time to live, whatever the clock was when it began, and far below every long one.
FINAL_CLOCK_SECONDS = 7200


class Run:
    """One server, the load on it, and what is done to it."""

    def __init__(self, folder, seed, disk):
        self.random = random.Random(seed)
        self.shim = Shim(folder)
        self.disk = disk
        self.server = apus.Server(
            folder / "disk" / "data", "--limit", "failed_auth_per_minute=0", env=self.shim.environment
        )
        # The log must not go where the disk is full.
        self.server.log_path = folder / "server.log"
        self.ledger = Ledger()
        self.load = Load(self.server, self.ledger, self.random)
        self.apps = {}
        self.faults = collections.Counter()

    async def prepare(self, lively, asleep):
        """Starts the server, with an app whose inboxes are long and one whose are short."""
        await asyncio.to_thread(self.server.start)
        for name, waiting_max in [("long", 0), ("short", SHORT_INBOX)]:
            limits = [f"{limit}_per_minute=0" for limit in ("push", "report", "device")]
            options = [part for limit in [*limits, f"offline_per_device={waiting_max}"] for part in ("--limit", limit)]
            app = await asyncio.to_thread(self.server.app, name, *options)
            self.apps[name] = (app, waiting_max)
            for _ in range(lively + asleep):
                device = self.load.device(app)
                session, _, _ = await self.load.enter(device)
                await session.drop()

    def begin(self, lively):
        """Starts the load: two app servers and some devices for each app."""
        for app, _ in self.apps.values():
            for _ in range(2):
                self.load.spawn(self.load.push_on(app))
            for device in [device for device in self.ledger.devices if device.app is app][:lively]:
                self.load.spawn(self.load.live(device))

    # What befalls the server

    async def restart(self):
        """Kills it without warning and starts it again over what it left."""
        self.load.up.clear()
        await asyncio.to_thread(self.server.kill)
        self.shim.heal()
        await asyncio.to_thread(self.server.start)
        if self.random.random() < 0.3:
            await self.ledger_of_the_server()
        self.load.up.set()
        self.faults["killed"] += 1

    async def ledger_of_the_server(self):
        """Asks the store to balance its own books. Returns them, by app key."""
        command = ["ledger", "--json", "--each", "--data", self.server.data]
        done = await asyncio.to_thread(apus.run, *command, env=self.shim.environment)
        if done.returncode != 0:
            self.ledger.complain(f"apus ledger: {done.stderr}")
        self.faults["server's ledger asked"] += 1
        return {book["app_key"]: book for book in json.loads(done.stdout)["apps"]} if done.stdout else {}

    async def newcomer(self):
        """A device that registers amidst it all; should its answer be lost, it stays as nobody's."""
        app, _ = self.random.choice(list(self.apps.values()))
        self.load.spawn(self.load.live(self.load.device(app)))
        self.faults["a device came"] += 1

    async def failing_writes(self):
        """Writes fail, from some moment on, for a while."""
        number = self.random.choice([errno.EIO, errno.ENOSPC])
        self.shim.fail(self.random.randint(1, 30), self.random.choice([1, 2, 10, 200]), number)
        await self.load.rest(0.2, 1)
        self.shim.heal()
        self.faults["writes failed"] += 1

    async def slow_disk(self):
        self.shim.slow(self.random.uniform(0.05, 0.5))
        await self.load.rest(0.5, 1.5)
        self.shim.slow(0)
        self.faults["disk slow"] += 1

    async def full_disk(self):
        """The disk fills up for a while."""
        filler = self.server.data.parent / "filler"
        file = os.open(filler, os.O_WRONLY | os.O_CREAT)
        with contextlib.suppress(OSError):
            while os.write(file, bytes(1 << 16)):
                pass
        os.close(file)
        await self.load.rest(0.3, 1)
        filler.unlink()
        self.faults["disk full"] += 1

    async def clock_jump(self):
        self.shim.clock = self.random.choice([0, 0, 1800, 1500, -1800, 5, -5])
        self.faults["clock jumped"] += 1

    async def recovered(self):
        """Whatever it was: when it is over, a push is accepted again without a restart."""
        app, _ = self.apps["long"]
        caller, end = Caller(self.server, app), time.monotonic() + RECOVERY_SECONDS
        while time.monotonic() < end:
            push = await self.load.push(caller, "all", cid=None, time_to_live=None)
            if push.accepted:
                return caller.close()
            await asyncio.sleep(0.05)
        self.ledger.complain(f"no push was accepted for {RECOVERY_SECONDS} s after a fault was over")

    async def break_it(self, seconds):
        """Faults of all kinds in no order, with moments of peace between them."""
        kinds = [self.restart, self.failing_writes, self.slow_disk, self.clock_jump, self.newcomer]
        if self.disk:
            kinds.append(self.full_disk)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            await self.random.choices(kinds, [3 if kind == self.restart else 1 for kind in kinds])[0]()
            if self.random.random() < 0.3:
                await self.recovered()
            await self.load.rest(0, 0.5)

    # Every n in reach

    async def fail_every_call(self, stride, kills_every, until):
        """One scene over and over, whose n-th write fails, for n = 1, 2, … until the scene ends before the n-th.

        - Parameter stride: 1 for every n; more for one in so many, beginning anywhere.
        - Parameter kills_every: after every so many scenes the server is killed right behind the fault.
        - Returns: how many calls were made to fail, or None when time was up.
        """
        app, _ = self.apps["long"]
        device = self.load.device(app)
        device.platform = "android"
        session, _, _ = await self.load.enter(device)
        await session.drop()
        caller = Caller(self.server, app)
        number = self.random.randint(1 - stride, 0)
        while time.monotonic() < until:
            number += stride
            self.shim.fail(number, self.random.choice([1, 3]), self.random.choice([errno.EIO, errno.ENOSPC]))
            with contextlib.suppress(Unanswered):
                await self._scene(caller, app, device)
            was_reached = self.shim.has_failed
            self.shim.heal()
            if not was_reached:
                return number - stride
            if self.random.random() < 1 / kills_every:
                await self.restart()
            await self.recovered()
        return None

    async def _scene(self, caller, app, device):
        """One of everything that writes, in order; each part goes on whatever became of the one before it."""
        session, seen, _ = await self.load.enter(device)
        try:
            first = await self.load.push(caller, {"alias": [device.alias]}, cid=self.load.cid(), time_to_live=None)
            second = await self.load.push(caller, "all", time_to_live=None, overrides=first if first.accepted else None)
            await self.load.ack(session, device, list(seen))
            await self.load.change_tags(session, device)
            await self.load.click(session, device, seen[-1]) if seen else None
            await self.load.withdraw(caller, second)
            await self.load.repeat(caller, first)
        finally:
            await session.drop()

    # The end

    async def settle(self):
        """Calm: everything is asked to its end, and every device comes one last time."""
        await self.load.stop()
        self.shim.heal()
        self.shim.clock = FINAL_CLOCK_SECONDS
        await self.restart()
        for app, _ in self.apps.values():
            caller = Caller(self.server, app)
            for push in self.ledger.pushes.values():
                if push.app is app and push.cid and push.accepted is None and not await self.load.send(caller, push):
                    self.ledger.complain(f"{push.marker}: no answer although nothing is broken any more")
            caller.close()
        # What was only accepted now, with a short time to live, has to be over as well.
        self.shim.clock = FINAL_CLOCK_SECONDS + 60
        self.ledger.devices = [device for device in self.ledger.devices if device.registration_id]
        for device in self.ledger.devices:
            await self._last_session(device)
        kept = self._read_store()
        self.ledger.settle(kept)

    async def _last_session(self, device):
        session, seen, pending = await self.load.enter(device)
        end = time.monotonic() + RECOVERY_SECONDS
        while len(seen) < pending and time.monotonic() < end:
            await asyncio.sleep(0.005)
        await session.ask({"op": "ping"})
        if len(seen) != pending:
            self.ledger.complain(f"{device.registration_id}: {pending} pushes wait, {len(seen)} came")
        device.waiting = set(seen)
        await session.drop()

    def _read_store(self):
        """What only the store knows: the pushes whose answers were lost, and the devices that never heard their names.

        - Returns: by marker, the numbers under which it was kept.
        """
        kept = collections.defaultdict(set)
        with contextlib.closing(sqlite3.connect(f"file:{self.server.data}/apus.db?mode=ro", uri=True)) as store:
            for number, payload in store.execute("SELECT id, payload FROM messages"):
                kept[json.loads(bytes(payload))["notification"]["alert"]].add(str(number))
            known = {device.registration_id for device in self.ledger.devices}
            keys = {number: key for number, key in store.execute("SELECT id, key FROM apps")}
            rows = store.execute("SELECT app, registration_id, alias, tags FROM devices").fetchall()
        for app, registration_id, alias, tags in rows:
            if registration_id not in known:
                owner = next(app_ for app_, _ in self.apps.values() if app_.key == keys[app])
                stranger = Device(owner, alias, json.loads(tags))
                stranger.registration_id, stranger.registered.start = registration_id, 0
                self.ledger.devices.append(stranger)
                self.ledger.counts["devices that never heard their name"] += 1
        return kept

    async def audit(self):
        """Holds the reports against the books, push by push. Returns the sums, by app and bucket."""
        sums = {}
        books = await self.ledger_of_the_server()
        for name, (app, waiting_max) in self.apps.items():
            table = self.ledger.check(app, waiting_max)
            self._compare(table, books[app.key])
            sums[name] = [collections.Counter(), collections.Counter()]
            for least, most in table.values():
                sums[name][0] += least
                sums[name][1] += most
            caller = Caller(self.server, app)
            names = list(table)
            for start in range(0, len(names), 100):
                part = names[start : start + 100]
                _, entries, _ = await caller.request("GET", f"/v3/messages/detail?msg_ids={','.join(part)}")
                for entry in entries:
                    self._audit(app, entry, *table[entry["msg_id"]])
            await self._audit_states(caller, app)
            caller.close()
        return sums

    def _compare(self, table, book):
        """Holds the server's ledger against ours, push by push and bucket by bucket."""
        lines = {line["msg_id"]: line for line in book["pushes"]}
        if lines.keys() != table.keys():
            self.ledger.complain(f"pushes in one ledger alone: {sorted(lines.keys() ^ table.keys())}")
        for msg_id, line in lines.items():
            least, most = table.get(msg_id, (collections.Counter(), collections.Counter()))
            wrong = {name: line[name] for name in BUCKETS if not least[name] <= line[name] <= most[name]}
            if wrong or line["targets"] != sum(line[name] for name in BUCKETS):
                self.ledger.complain(f"{msg_id}: the server says {line}, the books {dict(least)} to {dict(most)}")

    def _audit(self, app, entry, least, most):
        devices = [device for device in self.ledger.devices if device.app is app]
        told = lambda book, verdicts: sum(  # noqa: E731
            getattr(device, book).get(entry["msg_id"], False) in verdicts for device in devices
        )
        targets = least.total() - least["not targeted"], sum(
            device.matches(self._push(entry["msg_id"]).audience, self._push(entry["msg_id"]).span) is not False
            for device in devices
        )
        for counter, low, high in [
            ("target", *targets),
            ("received", told("acked", [True]), told("acked", [True, None])),
            ("click", told("clicked", [True]), told("clicked", [True, None])),
        ]:
            if not low <= entry["jpush"][counter] <= high:
                self.ledger.complain(
                    f"{entry['msg_id']}: {counter} is {entry['jpush'][counter]}, the books say {low} to {high}"
                )

    def _push(self, msg_id):
        if not hasattr(self, "_by_id"):
            self._by_id = {push.msg_id: push for push in self.ledger.pushes.values()}
        return self._by_id[msg_id]

    async def _audit_states(self, caller, app):
        """Asks where each push stands on each device."""
        devices = {device.registration_id: device for device in self.ledger.devices if device.app is app}
        for push in self.ledger.pushes.values():
            if push.app is not app or not push.accepted:
                continue
            expected = {}
            for name, device in devices.items():
                member = device.matches(push.audience, push.span)
                acked = device.acked.get(push.msg_id, False)
                expected[name] = {0} if acked else {1} if member else {3} if member is False else {1, 3}
                if acked is None:
                    expected[name] |= {0}
            # The day is the server's, whose clock jumped.
            moment = (int(push.msg_id) >> 12) / 1000 + 1_577_836_800
            days = {self._day(moment + shift) for shift in (0, 3600, -3600)}
            verdicts = []
            for day in days:
                body = {"msg_id": push.msg_id, "registration_ids": list(devices), "date": day}
                _, states, _ = await caller.request("POST", "/v3/status/message", body)
                verdicts.append({n: states[n]["status"] for n in devices if states[n]["status"] not in expected[n]})
            if all(verdicts):
                self.ledger.complain(f"{push.marker} ({push.msg_id}): states {verdicts[0]} are not in the books")

    @staticmethod
    def _day(moment):
        return datetime.datetime.fromtimestamp(moment, datetime.timezone(datetime.timedelta(hours=8))).strftime("%F")


def print_table(run, sums, seconds):
    ledger = run.ledger
    print(f"\nfaults in {seconds:.0f} s:", ", ".join(f"{name} {count}" for name, count in run.faults.items()))
    print("load:", ", ".join(f"{name} {count}" for name, count in sorted(ledger.counts.items())))
    print(f"\n{'app':8}{'targets':>9} ={''.join(f'{name:>12}' for name in BUCKETS)}")
    for name, (least, most) in sums.items():
        cells = [
            str(least[bucket]) if least[bucket] == most[bucket] else f"{least[bucket]}–{most[bucket]}"
            for bucket in BUCKETS
        ]
        print(f"{name:8}{least.total() - least['not targeted']:>9}  {''.join(f'{cell:>12}' for cell in cells)}")
    for sentence in ledger.wrong[:40]:
        print("WRONG", sentence)
    print(f"\n{len(ledger.wrong)} imbalances" if ledger.wrong else "\nthe books balance")


async def run_faults(folder, seed, seconds, lively=16, asleep=30, stride=1, kills_every=5):
    """The whole run, in a folder of its own.

    Returns the sentences that say what was wrong.
    """
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        try:
            disk = stack.enter_context(small_disk(folder / "disk", DISK_BYTES))
        except PermissionError as error:
            print(f"the full disk is left out: {error}")
            disk = None
        run = Run(folder, seed, disk)
        stack.callback(run.server.kill)
        await run.prepare(lively, asleep)
        reached = await run.fail_every_call(stride, kills_every, until=began + SCENES_SECONDS)
        if reached:
            print(f"the first {reached} writes of a scene were made to fail, one in {stride} of them")
        else:
            run.ledger.complain(f"not every write of the scene was made to fail within {SCENES_SECONDS} s")
        run.begin(lively)
        await run.break_it(seconds)
        await run.settle()
        sums = await run.audit()
        print_table(run, sums, time.monotonic() - began)
        run.server.stop()
        if run.ledger.wrong and disk:
            os.system(f"cp -r '{folder}/disk/data' '{folder}/data'")
    return run.ledger.wrong


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--seconds", type=float, default=120, help="of faults under load, after the scenes")
    options.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    chosen = options.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="apus-fault-"))
    print(f"seed {chosen.seed}, folder {folder}")
    wrong = asyncio.run(run_faults(folder, chosen.seed, chosen.seconds))
    if wrong:
        print(f"kept: {folder}; again with --seed {chosen.seed}")
        return 1
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
