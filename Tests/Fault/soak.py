"""Mixed load without faults for a long time: memory and file descriptors must stay flat.

    APUS_BINARY=… python3 Tests/Fault/soak.py [--minutes N] [--seed N]

Memory is held to a slope over the second half of the run, when every cache has had its time to fill.
"""

import argparse
import asyncio
import contextlib
import pathlib
import random
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "EndToEnd"))

import apus  # noqa: E402
from ledger import Ledger  # noqa: E402
from load import Load  # noqa: E402
from net import Caller  # noqa: E402

#: What the second half may grow by, in MiB, from so many minutes on; caches may still be filling in a short run.
GROWTH_MAX_MEBIBYTES = {0: 24, 4: 8}
#: Twenty minutes leave some hundred thousand messages, each of which is worked out.
LEDGER_SECONDS = 300
#: Clients come and go, and a few descriptors with them.
DESCRIPTORS_SPREAD = 16


class Soak(Load):
    """The load of the fault run, made of short-lived pushes: what waits expires, so that the store settles too."""

    async def push(self, caller, audience, cid=None, time_to_live=..., overrides=None):
        if time_to_live is ...:
            time_to_live = self.random.choice([0, 1, 5, 20])
        return await super().push(caller, audience, cid, time_to_live, overrides)

    async def forget(self, everything):
        """Keeps our own books short: what expired long ago is not asked about again."""
        while not self.is_over:
            await asyncio.sleep(1)
            for book in everything():
                while len(book) > 10_000:
                    book.pop(next(iter(book)))


class Gauge:
    """What a process takes of the machine, sampled."""

    def __init__(self, pid):
        self.pid = pid
        self.began = time.monotonic()
        self.samples = []

    def sample(self):
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        memory = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
        descriptors = len(list(pathlib.Path(f"/proc/{self.pid}/fd").iterdir()))
        self.samples.append((time.monotonic() - self.began, memory / 1024, descriptors))

    def verdict(self):
        """The second half's growth of memory in MiB, by the line that fits best, and the spread of descriptors."""
        half = self.samples[len(self.samples) // 2 :]
        seconds, memory, descriptors = zip(*half)
        slope = statistics.linear_regression(seconds, memory).slope
        return slope * (seconds[-1] - seconds[0]), max(descriptors) - min(descriptors)


async def run_soak(folder, seed, minutes, lively=12, asleep=60):
    """Returns the sentences that say what was wrong."""
    ledger = Ledger()
    server = apus.Server(folder / "data", "--limit", "failed_auth_per_minute=0")
    load = Soak(server, ledger, random.Random(seed))
    # Fast, so that every cache is full before the second half begins.
    load.pause_seconds = 0.002
    with contextlib.ExitStack() as stack:
        stack.callback(server.kill)
        await asyncio.to_thread(server.start)
        options = [part for name in ("push", "report", "device") for part in ("--limit", f"{name}_per_minute=0")]
        for name in ("first", "second"):
            app = await asyncio.to_thread(server.app, name, *options)
            for number in range(lively + asleep):
                device = load.device(app)
                session, _, _ = await load.enter(device)
                await session.drop()
                if number < lively:
                    load.spawn(load.live(device))
            for _ in range(2):
                load.spawn(load.push_on(app))
        load.spawn(load.forget(lambda: [ledger.pushes, ledger.ids] + [d.acked for d in ledger.devices]))
        gauge = Gauge(server.child.pid)
        while time.monotonic() - gauge.began < minutes * 60:
            gauge.sample()
            await asyncio.sleep(1)
        await load.stop()
        books = await asyncio.to_thread(apus.run, "ledger", "--data", server.data, within=LEDGER_SECONDS)
        wrong = list(ledger.wrong)
        if books.returncode != 0:
            wrong.append(f"apus ledger: {books.stderr}")
        growth, spread = gauge.verdict()
        seconds, memory, descriptors = zip(*gauge.samples)
        rate = ledger.counts["push 200"] / seconds[-1]
        counts = ledger.counts
        print(f"\n{minutes:g} minutes, {rate:.0f} pushes/s, {counts['frames']} frames, {counts['sessions']} sessions")
        for name, column in [("memory, MiB", memory), ("descriptors", descriptors)]:
            tenths = [column[len(column) * part // 10] for part in range(10)] + [column[-1]]
            print(f"{name:12}", " ".join(f"{number:6.0f}" for number in tenths))
        print(f"second half: memory {growth:+.1f} MiB, descriptors within {spread}")
        bound = GROWTH_MAX_MEBIBYTES[max(least for least in GROWTH_MAX_MEBIBYTES if least <= minutes)]
        if growth > bound:
            wrong.append(f"memory grew by {growth:.1f} MiB over the second half, the bound is {bound}")
        if spread > DESCRIPTORS_SPREAD + 2 * lively:
            wrong.append(f"descriptors varied by {spread} over the second half")
        caused = ("push 200", "push 400")
        unexpected = {name: counts[name] for name in counts if name.startswith("push ") and name not in caused}
        if unexpected:
            wrong.append(f"answers without a cause: {unexpected}")
        server.stop()
    return wrong


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--minutes", type=float, default=20)
    options.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    chosen = options.parse_args()
    print(f"seed {chosen.seed}")
    with tempfile.TemporaryDirectory(prefix="apus-soak-") as folder:
        wrong = asyncio.run(run_soak(pathlib.Path(folder), chosen.seed, chosen.minutes))
    for sentence in wrong[:40]:
        print("WRONG", sentence)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
