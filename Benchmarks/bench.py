#!/usr/bin/env python3
"""Measures a release build of Apus beside its peers and prints a table with ratios.

    make bench              everything, a quarter of an hour
    make bench QUICK=1      a small form, two minutes
    make bench ONLY=edge    one chapter
    make bench ONLY=audience DEVICES=10000000

Sides alternate, and every figure is a median. Read ratios rather than microseconds: the machine is never quiet.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from accept import accept_chapter
from audience import audience_chapter
from edge import edge_chapter
from growth import growth_chapter
from servers import pinned, raise_descriptor_limit


class Bench:
    """What all chapters share: the binaries, the processors, and the rows of the table."""

    def __init__(self, arguments):
        self.apus = arguments.apus
        self.load = arguments.load
        self.is_quick = arguments.quick
        self.devices = arguments.devices
        self.rows = []
        self.samples = []
        # The server alone on one processor, the client on another.
        cpus = sorted(os.sched_getaffinity(0))
        self.server_cpus = str(cpus[0]) if len(cpus) > 1 else None
        self.client_cpus = ",".join(map(str, cpus[1:])) if len(cpus) > 1 else None

    def run_load(self, options, measures, pins=True):
        """Runs the load client and returns what it measured, by name."""
        process = self.start_load(options, measures, pins)
        return self.end_load(process)

    def start_load(self, options, measures, pins=True):
        command = pinned(self.client_cpus if pins else None, [str(self.load), *map(str, options), *measures])
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def end_load(self, process):
        output, _ = process.communicate()
        if process.returncode != 0:
            raise SystemExit("bench: the load client failed")
        measured = [json.loads(line) for line in output.splitlines()]
        return {entry.pop("measure"): entry for entry in measured}

    def note(self, side, **fields):
        """Keeps a sample for the file of raw figures, and shows that something is happening."""
        self.samples.append({"side": side, **fields})
        shown = " ".join(f"{key}={value}" for key, value in fields.items())
        print(f"  {side:6} {shown}", file=sys.stderr, flush=True)

    def row(self, what, unit, ours, theirs=None, bar=None, at_most=True, is_ratio=True):
        """Adds a line to the table: medians of both sides, and whether the bar is met.

        The bar is for the ratio to the peer, or for our own figure where there is no peer or `is_ratio` is false.
        """
        own, spread = statistics.median(ours), max(ours) - min(ours)
        peer = statistics.median(theirs) if theirs else None
        ratio = own / peer if peer else None
        judged = ratio if ratio is not None and is_ratio else own
        verdict = "" if bar is None else "yes" if (judged <= bar if at_most else judged >= bar) else "NO"
        limit = "" if bar is None else f"{'≤' if at_most else '≥'} {bar:g}{' ×' if judged is ratio else ' ' + unit}"
        self.rows.append([
            what, f"{own:.4g} {unit}", f"± {spread / 2:.2g}", f"{peer:.4g}" if peer else "",
            f"{ratio:.2f}" if ratio else "", limit, verdict])

    def table(self):
        head = ["measure", "apus", "spread", "peer", "ratio", "bar", "met"]
        widths = [max(len(row[i]) for row in [head, *self.rows]) for i in range(len(head))]
        line = lambda row: "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |"
        rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
        return "\n".join([line(head), rule, *map(line, self.rows)])


CHAPTERS = {"edge": edge_chapter, "accept": accept_chapter, "audience": audience_chapter,
            "growth": growth_chapter}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--apus", type=Path, required=True, help="a release build")
    parser.add_argument("--load", type=Path, required=True, help="the load client")
    parser.add_argument("--results", type=Path, help="where the raw figures go, as JSON")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", choices=CHAPTERS, action="append", help="this chapter; repeatable")
    parser.add_argument("--devices", type=int, action="append", help="sizes of the chapter 'audience'; repeatable")
    arguments = parser.parse_args()
    raise_descriptor_limit()
    bench = Bench(arguments)
    start = time.monotonic()
    for name, chapter in CHAPTERS.items():
        if arguments.only is None or name in arguments.only:
            chapter(bench)
    if arguments.results:
        arguments.results.write_text(json.dumps(bench.samples, indent=1))
    print(bench.table())
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"\n{time.monotonic() - start:.0f} s, load averages {load}")


if __name__ == "__main__":
    main()
