"""Many registered devices: what they cost in memory and at a restart, and what an audience adds to a push.

Two sizes, the second ten times the first: what must not grow with the devices does not. Others are made for the asking
(`--devices`, ten million take a quarter of an hour and five gigabytes).
"""

import contextlib
import http.client
import json
import random
import sqlite3
import statistics
import sys
import time

from servers import APP_KEY, AUTHORIZATION, Apus, wait_until

# Up to so many are imported. More are made in the store, of the rows of a few that are.
IMPORTED_MAX = 1_000_000
MULTIPLIED = 100_000

# By size: what an audience may add at the 99th percentile, in milliseconds.
ADDED_MAX = {1_000_000: 10, 10_000_000: 30}

PLATFORMS = ["android", "ios", "hmos"]


def audience_chapter(bench):
    for devices in bench.devices or ([20_000, 200_000] if bench.is_quick else [100_000, 1_000_000]):
        if devices > IMPORTED_MAX and devices % MULTIPLIED:
            sys.exit(f"bench: more than {IMPORTED_MAX} devices have to be a multiple of {MULTIPLIED}")
        measure(bench, devices, has_bars=devices == 1_000_000)


def write_devices(path, count):
    """One device a line, with five tags and, every other one, an alias; the same for every run."""
    rng = random.Random(7)
    with open(path, "w", encoding="ascii", buffering=1 << 20) as file:
        for number in range(count):
            tags = [f"city{rng.randrange(300)}", f"v{rng.randrange(20)}", f"lang{rng.randrange(10)}",
                    "vip" if rng.random() < 0.3 else "free", f"group{rng.randrange(1000)}"]
            device = {"registration_id": f"1{number:018x}", "platform": rng.choice(PLATFORMS), "tags": tags}
            if number % 2 == 0:
                device["alias"] = f"user{number}"
            file.write(json.dumps(device, separators=(",", ":")) + "\n")


def multiply(store, times):
    """Puts every device of a store there so many times in all, each copy under an id, an ordinal and an alias of its own."""
    with contextlib.closing(sqlite3.connect(store, isolation_level=None)) as db:
        for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -2000000", "temp_store = MEMORY"):
            db.execute(f"PRAGMA {pragma}")
        own = {"ordinal": "ordinal + :more", "registration_id": "printf('1%018x', ordinal + :more)",
               "alias": "CASE WHEN alias IS NULL THEN NULL ELSE 'user' || (ordinal + :more) END"}
        columns = [name for _, name, *_ in db.execute("PRAGMA table_info(devices)")]
        values = ", ".join(own.get(name, name) for name in columns)
        count = db.execute("SELECT count(*) FROM devices").fetchone()[0]
        db.execute("BEGIN")
        for turn in range(1, times):
            db.execute(
                f"INSERT INTO devices ({', '.join(columns)}) SELECT {values} FROM devices WHERE ordinal < :count",
                {"more": turn * count, "count": count})
        db.execute("UPDATE tags SET devices = devices * ?", (times,))
        db.execute("COMMIT")
        db.execute("PRAGMA journal_mode = WAL")


def expressions(devices):
    """Legal audiences of every kind, up to their limits."""
    some = random.Random(3).sample(range(devices), 1000)
    return {
        "one device": {"registration_id": [f"1{some[0]:018x}"]},
        "1000 devices": {"registration_id": [f"1{number:018x}" for number in some]},
        "1000 aliases": {"alias": [f"user{number // 2 * 2}" for number in some]},
        "one tag": {"tag": ["vip"]},
        "20 tags or": {"tag": [f"group{number}" for number in range(20)]},
        "20 tags and": {"tag_and": ["vip", "v1", "lang1"] + [f"v{number}" for number in range(2, 19)]},
        "20 tags not": {"tag_not": ["vip", "v1", "lang1"] + [f"group{number}" for number in range(17)]},
        "or, and, not": {
            "tag": [f"city{number}" for number in range(20)], "tag_and": ["vip"],
            "tag_not": [f"lang{number}" for number in range(5)]},
        "all": "all",
    }


def measure(bench, devices, has_bars):
    server = Apus(None, bench.apus)
    lines = server.folder / "devices.jsonl"
    imported = devices if devices <= IMPORTED_MAX else MULTIPLIED
    write_devices(lines, imported)
    server.run("device", "import", lines, "--app", APP_KEY)
    lines.unlink()
    if devices > imported:
        multiply(server.store(), devices // imported)
    with server:
        # The import is in the log file still, and the first start has to fetch it from the disk: the second one counts.
        push(server, {"tag": ["vip"]})
        server.stop()
        start = time.monotonic()
        server.start()
        wait_until(lambda: push(server, {"tag": ["vip"]})[1] == 200, "no push was accepted", seconds=120)
        first = time.monotonic() - start
        resident = server.resident_bytes() / (1 << 20)
        added = latencies(bench, server, devices)
    bench.note("apus", measure="audience", devices=devices, first_s=round(first, 2), resident_mib=round(resident),
               worst_added_ms=added)
    size = f"{devices} devices, 5 tags each"
    bench.row(f"{size}: restart to the first accepted push", "s", [first], bar=3 if has_bars else None)
    bench.row(f"{size}: resident memory of the server", "MiB", [resident], bar=286 if has_bars else None)
    bench.row(f"{size}: the worst audience adds to a push, p50", "ms", [added["p50"]])
    bench.row(f"{size}: the worst audience adds to a push, p99", "ms", [added["p99"]], bar=ADDED_MAX.get(devices))
    bench.row(f"{size}: a push to one device, p50", "ms", [added["one"]])


def latencies(bench, server, devices):
    """What the most expensive expression takes beyond a push to one device, taken in turns."""
    samples = {name: [] for name in expressions(devices)}
    for _ in range(40 if bench.is_quick else 200):
        for name, audience in expressions(devices).items():
            samples[name].append(push(server, audience, "/v3/push/validate")[0])
    base = statistics.median(samples["one device"])
    ordered = {name: sorted(values) for name, values in samples.items()}
    return {
        "one": round(base, 3),
        "p50": round(max(statistics.median(values) for values in ordered.values()) - base, 3),
        "p99": round(max(values[int(len(values) * 0.99) - 1] for values in ordered.values()) - base, 3)}


def push(server, audience, path="/v3/push", **more):
    """Milliseconds, status and answer of one push."""
    connection = server.connection
    body = json.dumps({"platform": "all", "audience": audience, "notification": {"alert": "hi"}, **more})
    start = time.perf_counter()
    try:
        connection.request("POST", path, body, {"Authorization": AUTHORIZATION})
        answer = connection.getresponse()
        text = answer.read()
    except (OSError, http.client.HTTPException):
        connection.close()
        return 0, 0, None
    return (time.perf_counter() - start) * 1e3, answer.status, json.loads(text)
