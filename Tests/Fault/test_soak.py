"""The short form of `make soak`: two minutes, in which memory and descriptors settle."""

import asyncio
import random

from soak import run_soak


def test_two_minutes_of_mixed_load(tmp_path):
    seed = random.SystemRandom().randrange(1 << 32)
    wrong = asyncio.run(run_soak(tmp_path, seed, minutes=100 / 60))
    assert not wrong, f"seed {seed}"
