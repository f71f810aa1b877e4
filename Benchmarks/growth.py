"""What must not grow: a push with the registered devices, a login with messages that are over, a report with its audience.

Each row sets the larger size beside the smaller one, both taken in turns: its ratio is the growth.
"""

import contextlib
import json
import sqlite3
import string
import struct
import subprocess
import sys
import time

from audience import push
from servers import APP_KEY, AUTHORIZATION, Apus, pinned

# Deeper trees and colder caches may cost this much; what grows in proportion costs far more.
GROWTH_MAX = 1.3

# Pushes go to so many devices in turn, spread evenly over all that are registered.
PUSHED_TO = 5000
FEW = 20
TO_ONE = """'{"registration_id":["' .. string.format("1%018x", number * $stride) .. '"]}'"""
TO_FEW = """'{"tag":["few"]}'"""
SCRIPT = string.Template("""
wrk.method = "POST"
local head = '{"platform":"all","notification":{"alert":"The train to the coast leaves from platform nine"},'
  .. '"options":{"time_to_live":60},"audience":'
local number = math.random($pushed_to)
request = function()
  number = (number + 1) % $pushed_to
  return wrk.format(nil, nil, nil, head .. $audience .. '}')
end
""")

# The devices that log in, in groups that one message waits for by device.
GROUPS, GROUP = 20, 50


def growth_chapter(bench):
    pushes(bench)
    logins(bench)
    reports(bench)


def grown(bench, what, large, small, limit=GROWTH_MAX):
    bench.note("apus", measure=what, large=[round(value, 1) for value in large], small=[round(value, 1) for value in small])
    bench.row(what, "µs", large, small, bar=limit)


def microseconds(server, operate):
    """Processor time of the server for each operation; `operate` returns how many there were."""
    before = server.cpu_seconds()
    count = operate()
    return (server.cpu_seconds() - before) / count * 1e6


def in_turns(turns, *measures):
    """What each measure returns, turn by turn, after a turn that does not count."""
    results = [[measure() for measure in measures] for _ in range(turns + 1)]
    return [list(values) for values in zip(*results[1:])]


def turns(bench):
    return 2 if bench.is_quick else 5


# Pushes


def pushes(bench):
    small, large = (10_000, 50_000) if bench.is_quick else (10_000, 200_000)
    with contextlib.ExitStack() as stack:
        servers = []
        for devices in (small, large):
            server = Apus(bench.server_cpus, bench.apus)
            import_devices(server, devices, lambda number: ["few"] if number % (devices // FEW) == 0 else ["other"])
            servers.append(stack.enter_context(server))
        for name, audience in (("a push to one device", TO_ONE), (f"a push to {FEW} devices with a tag", TO_FEW)):
            cost = in_turns(turns(bench), *(
                lambda server=server, devices=devices: microseconds(server, lambda: push_for_a_while(bench, server, devices, audience))
                for server, devices in zip(servers, (small, large))))
            grown(bench, f"{name} of {large}, beside {small}: CPU", cost[1], cost[0])


def import_devices(server, count, tags_of):
    lines = server.folder / "devices.jsonl"
    with open(lines, "w", encoding="ascii", buffering=1 << 20) as file:
        for number in range(count):
            device = {"registration_id": f"1{number:018x}", "platform": "android", "tags": tags_of(number)}
            file.write(json.dumps(device, separators=(",", ":")) + "\n")
    server.run("device", "import", lines, "--app", APP_KEY)
    lines.unlink()


def push_for_a_while(bench, server, devices, audience):
    script = server.folder / "push.lua"
    to = string.Template(audience).substitute(stride=devices // PUSHED_TO) if "$" in audience else audience
    script.write_text(SCRIPT.substitute(pushed_to=PUSHED_TO, audience=to))
    return wrk(bench, server, "/v3/push", "-s", str(script))


def wrk(bench, server, path, *options):
    """Asks for two seconds, as fast as the server answers; returns how often."""
    command = ["wrk", "-t1", "-c16", "-d2s", "-H", f"Authorization: {AUTHORIZATION}", *options,
               f"http://127.0.0.1:{server.api_port}{path}"]
    done = subprocess.run(pinned(bench.client_cpus, command), check=True, capture_output=True, text=True)
    if "Non-2xx" in done.stdout:
        sys.exit(f"bench: {path} was refused:\n{done.stdout}")
    return int(done.stdout.split(" requests in")[0].split()[-1])


# Logins


def logins(bench):
    """Devices that never had a message, beside devices whose messages were all received or have expired."""
    each = 20 if bench.is_quick else 100
    with Apus(bench.server_cpus, bench.apus) as empty, Apus(bench.server_cpus, bench.apus) as full:
        for server in (empty, full):
            log_in(bench, server)
        broadcast(bench, full, each, time_to_live=10)
        direct(bench, full, each)
        expire(full, each)
        count = 3 * each
        cost = in_turns(turns(bench), lambda: log_in(bench, empty), lambda: log_in(bench, full))
        grown(bench, f"a login with {count} messages that are over, beside none: CPU", cost[1], cost[0])
        broadcast(bench, full, each, time_to_live=86400)
        cost = in_turns(turns(bench), lambda: log_in(bench, empty), lambda: log_in(bench, full))
        grown(bench, f"a login with {each} broadcasts received that still live: CPU", cost[1], cost[0], limit=None)


def log_in(bench, server):
    """Registers the devices, or logs them in again; processor time of each."""
    options = [*server.load_options(), "--devices", GROUPS * GROUP, "--credentials", server.folder / "credentials"]
    return bench.run_load(options, ["connect"])["connect"]["cpu_us_each"]


def broadcast(bench, server, count, time_to_live):
    """Pushes to all devices, which are here and ack."""
    options = [*server.load_options(options={"time_to_live": time_to_live}), "--devices", GROUPS * GROUP]
    bench.run_load([*options, "--credentials", server.folder / "credentials"], ["connect", f"acked:{count}"])


def groups(server):
    lines = (server.folder / "credentials").read_text().splitlines()
    return [lines[start : start + GROUP] for start in range(0, len(lines), GROUP)]


def names(group):
    return {"registration_id": [line.split()[0] for line in group]}


def direct(bench, server, count):
    """Pushes to each group, whose devices are here and ack."""
    credentials = server.folder / "group"
    for group in groups(server):
        credentials.write_text("\n".join(group))
        options = [*server.load_options(names(group)), "--devices", GROUP, "--credentials", credentials]
        bench.run_load(options, ["connect", f"acked:{count}"])


def expire(server, count):
    """Pushes to each group, whose devices are away, and lets the time of all pushes run out."""
    for group in groups(server):
        for _ in range(count):
            if push(server, names(group), options={"time_to_live": 1})[1] != 200:
                sys.exit("bench: a push was refused")
    time.sleep(10)


# Reports


def reports(bench):
    small, large = (1000, 100_000) if bench.is_quick else (1000, 1_000_000)
    server = Apus(bench.server_cpus, bench.apus)
    import_devices(server, large, lambda number: ["some"] if number % (large // small) == 0 else ["other"])
    with server:
        messages = [push(server, audience)[2]["msg_id"] for audience in ({"tag": ["some"]}, "all")]
        server.stop()
        for message, step in zip(messages, (large // small, 1)):
            keep_receipts(server, message, range(0, large, step))
        server.start()
        for path in ("/v3/received/detail", "/v3/messages/detail"):
            cost = in_turns(turns(bench), *(
                lambda message=message: microseconds(server, lambda: wrk(bench, server, f"{path}?msg_ids={message}"))
                for message in messages))
            grown(bench, f"GET {path} of a push to {large} devices, beside {small}: CPU", cost[1], cost[0])


def keep_receipts(server, message, targets):
    """Writes what the store keeps when most devices have told what they do: sent, received, displayed and clicked."""
    with contextlib.closing(sqlite3.connect(server.store())) as store, store:
        for kind, percent in ((0, 100), (1, 90), (2, 60), (3, 10)):
            told = [ordinal for index, ordinal in enumerate(targets) if index * 7919 % 100 < percent]
            store.execute(
                "INSERT OR REPLACE INTO receipts (message, kind, sequence, recorded_at, ordinals) VALUES (?, ?, -1, ?, ?)",
                (int(message), kind, int(time.time() * 1000), roaring(told)))


def roaring(ordinals):
    """A set in the portable Roaring format: bitsets where they are dense, else lists."""
    parts = {}
    for ordinal in ordinals:
        parts.setdefault(ordinal >> 16, []).append(ordinal & 0xFFFF)
    bodies = []
    for members in parts.values():
        if len(members) <= 4096:
            bodies.append(struct.pack(f"<{len(members)}H", *members))
        else:
            bits = bytearray(8192)
            for member in members:
                bits[member >> 3] |= 1 << (member & 7)
            bodies.append(bytes(bits))
    head = struct.pack("<II", 12346, len(parts))
    head += b"".join(struct.pack("<HH", key, len(members) - 1) for key, members in parts.items())
    place, places = len(head) + 4 * len(parts), []
    for body in bodies:
        places.append(place)
        place += len(body)
    return head + struct.pack(f"<{len(places)}I", *places) + b"".join(bodies)
