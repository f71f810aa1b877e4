"""The caller's side: durable pushes beside nginx, which answers the same bytes from memory, and the way to the device."""

import json
import re
import shutil
import subprocess
import sys

from servers import APP_KEY, AUTHORIZATION, Apus, NginxStatic, pinned

# Each push goes to one of so many devices, which are offline: what is measured is accepting and keeping.
DEVICES = 50_000
CONNECTIONS = 64

# What `wrk` sends: the device's number goes round, so that no device's inbox fills up.
SCRIPT = """
wrk.method = "POST"
wrk.headers["Authorization"] = "{authorization}"
wrk.headers["Content-Type"] = "application/json"
local head = '{{"platform":"all","audience":{{"registration_id":["1'
local tail = '"]}},"notification":{{"alert":"The train to the coast leaves from platform nine"}},'
  .. '"options":{{"time_to_live":3600}}}}'
local number = math.random({devices})
request = function()
  number = (number + 7919) % {devices}
  return wrk.format(nil, nil, nil, head .. string.format("%018x", number) .. tail)
end
"""


def accept_chapter(bench):
    if not (shutil.which("wrk") and shutil.which("nginx")):
        sys.exit("bench: wrk and nginx are needed: apt-get install wrk nginx-light")
    measured = {"apus": [], "nginx": []}
    for _ in range(1 if bench.is_quick else 3):
        for server in (NginxStatic(bench.server_cpus), Apus(bench.server_cpus, bench.apus)):
            measured[server.name].append(accept(bench, server))

    def both(field):
        return [run[field] for run in measured["apus"]], [run[field] for run in measured["nginx"]]

    bench.row("POST /v3/push, durable: requests", "/s", *both("per_second"), bar=0.25, at_most=False)
    bench.row("POST /v3/push, durable: CPU per request", "µs", *both("cpu_us_each"))
    bench.row("POST /v3/push, durable: p99 of the answer", "ms", *both("p99_ms"))
    runs = [to_device(bench) for _ in range(1 if bench.is_quick else 3)]
    bench.row("500 pushes a second: p50 to the device's frame", "ms", [run["p50_ms"] for run in runs])
    bench.row("500 pushes a second: p99 to the device's frame", "ms", [run["p99_ms"] for run in runs], bar=5)


def accept(bench, server):
    """Requests per second of one server, alone on its processor."""
    if isinstance(server, Apus):
        lines = server.folder / "devices.jsonl"
        lines.write_text("".join(
            f'{{"registration_id":"1{number:018x}","platform":"android"}}\n' for number in range(DEVICES)))
        server.run("device", "import", lines, "--app", APP_KEY)
    script = server.folder / "push.lua"
    script.write_text(SCRIPT.format(authorization=AUTHORIZATION, devices=DEVICES))
    with server:
        def load(seconds):
            command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", "-s", str(script),
                       f"http://127.0.0.1:{server.api_port}/v3/push"]
            return subprocess.run(
                pinned(bench.client_cpus, command), check=True, capture_output=True, text=True).stdout

        load(1)
        before = server.cpu_seconds()
        seconds = 2 if bench.is_quick else 6
        output = load(seconds)
        used = server.cpu_seconds() - before
    if "Non-2xx" in output:
        sys.exit(f"bench: {server.name} refused pushes:\n{output}")
    per_second = float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1])
    requests = int(re.search(r"(\d+) requests in", output)[1])
    result = {
        "per_second": per_second, "cpu_us_each": used / requests * 1e6,
        "p99_ms": milliseconds(re.search(r"99%\s+([\d.]+)(us|ms|s)", output))}
    bench.note(server.name, measure="accept", **{key: round(value, 2) for key, value in result.items()})
    return result


def milliseconds(match):
    return float(match[1]) * {"us": 1e-3, "ms": 1, "s": 1e3}[match[2]]


def to_device(bench):
    """From the first byte of a push to the device's frame, durable in between."""
    with Apus(None, bench.apus) as server:
        options = [*server.load_options({"alias": ["watcher"]}), "--alias", "watcher"]
        result = bench.run_load(options, ["connect", f"watch:500:{3 if bench.is_quick else 10}"], pins=False)["watch"]
    bench.note("apus", measure="to_device", **result)
    return result
