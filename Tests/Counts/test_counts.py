"""Holds the hot paths to the allocations that `budget.json` says: what costs a third more does so on purpose."""

import json
import os
import pathlib

from counting import measured

BUDGET = pathlib.Path(__file__).with_name("budget.json")
# Above what was measured: other compilers, and what the server does by the clock.
SLACK = 1.1


def test_hot_paths_allocate_no_more_than_before(tmp_path):
    with measured(tmp_path) as server:
        counts = server.measure()
    budget = json.loads(BUDGET.read_text())
    width = max(map(len, counts))
    for name, count in counts.items():
        print(f"{name:{width}}  {count:8.1f}  (budget.json: {budget.get(name, 'nothing')})")
    if os.environ.get("APUS_WRITE_COUNTS"):
        BUDGET.write_text(json.dumps(counts, indent=2) + "\n")
        return
    assert set(counts) == set(budget), "other paths than in budget.json: `make counts` writes it anew"
    over = [
        f"{name}: {count} allocations instead of {budget[name]}"
        for name, count in counts.items()
        if count > budget[name] * SLACK
    ]
    assert not over, (
        "\n".join(over) + "\nTake the allocations out again (perf record -e probe_libc:malloc shows who makes them), "
        "or write down with `make counts` that they are worth it.")
