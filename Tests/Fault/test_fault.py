"""The small form of `make fault`: the same run, shorter."""

import asyncio
import os
import random

from fault import run_faults


def test_the_books_balance_after_faults_of_all_kinds(tmp_path):
    seed = int(os.environ.get("FAULT_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"seed {seed}: again with FAULT_SEED={seed}")
    wrong = asyncio.run(run_faults(tmp_path, seed, seconds=25, lively=12, asleep=30, stride=5, kills_every=10))
    assert not wrong, f"seed {seed}, folder {tmp_path}"
