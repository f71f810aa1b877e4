"""The device side: fan-out beside nchan, connections, logins, and a reconnect storm."""

import sys
import time

from servers import Apus, Nchan


# So many connect at a time where logins are counted: what the kernel's queue of connections holds. What knocks beyond it
# is dropped and knocks again after one second and after three, which would be all that is measured.
KNOCKING = 4000


def edge_chapter(bench):
    reason = Nchan.missing()
    if reason:
        sys.exit(f"bench: {reason}")
    sizes = [2000] if bench.is_quick else [5000, 18_000]
    repeats = 1 if bench.is_quick else 3
    for devices in sizes:
        measured = {"apus": [], "nchan": []}
        for _ in range(repeats):
            for server in (Nchan(bench.server_cpus), Apus(bench.server_cpus, bench.apus)):
                measured[server.name].append(fan_out(bench, server, devices))
        fan_out_rows(bench, devices, measured)
    broadcast_rows(bench, sizes[-1], [broadcast(bench, sizes[-1]) for _ in range(repeats)])
    storms = [storm(bench, sizes[-1], sizes[-1]) for _ in range(repeats)]
    queued = [storm(bench, sizes[-1], KNOCKING) for _ in range(repeats)]
    storm_rows(bench, sizes[-1], storms, queued)


def fan_out(bench, server, devices):
    """One server, started for this, with so many devices."""
    rounds = max(5, 100_000 // devices) if not bench.is_quick else 10
    # The first device of a server pays for what all of them share: the empty server has had one, and a push.
    measures = ["connect", f"idle:{3 if bench.is_quick else 5}", "rounds:3", f"rounds:{rounds}",
                f"outstanding:{rounds * 2}:4"]
    if server.name == "apus":
        measures += ["acked:3", f"acked:{rounds}"]
    with server:
        bench.run_load([*server.load_options(), "--devices", "1"], ["connect", "rounds:5"])
        result = bench.run_load([*server.load_options(), "--devices", devices], measures)
    for name, values in result.items():
        bench.note(server.name, measure=name, **values)
    return result


def fan_out_rows(bench, devices, measured):
    def both(measure, field):
        return ([run[measure][field] for run in measured["apus"]], [run[measure][field] for run in measured["nchan"]])

    def ours(measure, field):
        return [run[measure][field] for run in measured["apus"]]

    size = f"{devices} devices"
    bench.row(f"{size}, no acks: CPU per delivery", "µs", *both("rounds", "cpu_us_each"), bar=0.85)
    bench.row(f"{size}, no acks: last client", "ms", *both("rounds", "last_ms"), bar=0.95)
    bench.row(
        f"{size}, acked and durable: CPU per delivery", "µs", ours("acked", "cpu_us_each"),
        both("rounds", "cpu_us_each")[1], bar=1.5)
    bench.row(f"{size}, acked and durable: last client", "ms", ours("acked", "last_ms"))
    bench.row(f"{size}, acked and durable: last answer to an ack", "ms", ours("acked", "durable_ms"))
    bench.row(
        f"{size}, four outstanding: messages", "/s", *both("outstanding", "per_second"), bar=2.5, at_most=False)
    kib = [[value / 1024 for value in values] for values in both("connect", "resident_bytes_each")]
    bench.row(f"{size}: memory of an idle device", "KiB", *kib, bar=5, is_ratio=False)
    bench.row(f"{size}: idle CPU", "%", both("idle", "cpu_percent")[0])


def broadcast(bench, devices):
    """One device gets 50 pushes a second, while all others get one broadcast after the other."""
    rounds, seconds = (300_000 if bench.is_quick else 900_000) // devices, 1 if bench.is_quick else 4
    with Apus(bench.server_cpus, bench.apus) as server:
        crowd = bench.start_load(
            [*server.load_options({"tag": ["crowd"]}), "--tag", "crowd", "--devices", devices],
            ["connect", f"rounds:{rounds}"])
        # The first line says that all are connected; broadcasts follow.
        crowd.stdout.readline()
        watched = bench.run_load(
            [*server.load_options({"alias": ["watcher"]}), "--alias", "watcher"], ["connect", f"watch:50:{seconds}"])
        if crowd.poll() is not None:
            sys.exit("bench: the broadcasts were over too soon")
        crowd.kill()
        crowd.communicate()
    bench.note("apus", measure="broadcast", **watched["watch"])
    return watched["watch"]


def broadcast_rows(bench, devices, runs):
    for name, field in (("p99", "p99_ms"), ("slowest", "max_ms")):
        bench.row(f"{devices} devices, a push to one of them meanwhile: {name}", "ms", [run[field] for run in runs])


def storm(bench, devices, window):
    """All devices come back after a restart, so many at a time, while a device that is connected gets pushes."""
    pushes_per_second, seconds = 50, 4 if bench.is_quick else 10
    # The whole machine for the server: nothing is compared here.
    with Apus(None, bench.apus) as server:
        credentials = server.folder / "credentials"
        known = ["--devices", devices, "--credentials", credentials]
        bench.run_load([*server.load_options(), *known], ["connect"])
        server.stop()
        server.start()
        watcher = bench.start_load(
            [*server.load_options({"alias": ["watcher"]}), "--alias", "watcher"],
            ["connect", f"watch:{pushes_per_second}:{seconds}"], pins=False)
        time.sleep(1)
        logins = bench.run_load([*server.load_options(), *known, "--window", window], ["connect"], pins=False)["connect"]
        watched = bench.end_load(watcher)["watch"]
    bench.note("apus", measure="logins", **logins)
    bench.note("apus", measure="storm", **watched)
    return {"logins": logins, "watch": watched}


def storm_rows(bench, devices, storms, queued):
    for name, runs, bar in ((f"{KNOCKING} at a time", queued, 8000), ("all at once", storms, None)):
        what = f"{devices} devices come back, {name}"
        bench.row(f"{what}: logins", "/s", [run["logins"]["per_second"] for run in runs], bar=bar, at_most=False)
        bench.row(f"{what}: CPU per login", "µs", [run["logins"]["cpu_us_each"] for run in runs])
        bench.row(f"{what}: slowest push meanwhile", "ms", [run["watch"]["max_ms"] for run in runs], bar=1000)
