"""Holds the hot paths to the allocations in `budget.json`, so that a costlier one is a decision and not an accident.

A debug build allocates for every byte that the parsers look at, so its table says little about a running server and is
watched closely; the table of a release build is what the server pays.
"""

import json
import os
import pathlib

import apus
from counting import measured

BUDGET = pathlib.Path(__file__).with_name("budget.json")
# Runs of one binary differ by a few percent at most.
SLACK = {"debug": 1.05, "release": 1.1}


def test_hot_paths_allocate_no_more_than_before(tmp_path):
    build = pathlib.Path(apus.binary()).parent.name
    assert build in SLACK, f"APUS_BINARY is to lie in a folder called debug or release, not {build}"
    with measured(tmp_path) as server:
        counts = server.measure()
    budgets = json.loads(BUDGET.read_text())
    budget = budgets.get(build, {})
    print(f"\nallocations, {build} build{'now':>50}  before")
    for name, count in counts.items():
        print(f"{name:65} {count:8.1f}  {budget.get(name, '–')}")
    if os.environ.get("APUS_WRITE_COUNTS"):
        BUDGET.write_text(json.dumps(budgets | {build: counts}, indent=2) + "\n")
        return
    assert set(counts) == set(budget), "other paths than in budget.json: `make counts WRITE=1` writes it anew"
    over = [
        f"{name}: {count} allocations instead of {budget[name]}"
        for name, count in counts.items()
        if count > budget[name] * SLACK[build]
    ]
    assert not over, (
        "\n".join(over) + "\nTake them out again (`heaptrack apus serve …` shows who makes them), or say in the change "
        "what they buy and write the new table with `make counts WRITE=1`.")
