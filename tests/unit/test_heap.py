import ctypes

import psutil
import pytest

from deployments.heap import EVERY_S, Heap
from tests.clock import Clock

BLOCK, BLOCKS, KEPT = 100_000, 2_000, 20
"""Bytes; below the size from which on glibc asks the system for each block."""


def resident() -> int:
    return psutil.Process().memory_info().rss


@pytest.fixture
def clock() -> Clock:
    if not hasattr(ctypes.CDLL(None), "malloc_trim"):
        pytest.skip("not glibc")
    return Clock(0.0)


def test_what_was_freed_between_blocks_in_use_is_given_back(clock: Clock) -> None:
    heap = Heap(clock)
    blocks = [bytearray(b"x" * BLOCK) for _ in range(BLOCKS)]
    full = resident()
    blocks = blocks[::KEPT]
    clock.now = EVERY_S
    assert heap.tidy()
    assert full - resident() > 0.7 * BLOCK * BLOCKS
    assert sum(map(len, blocks)) == BLOCK * BLOCKS // KEPT


def test_it_is_done_at_times_only(clock: Clock) -> None:
    heap = Heap(clock)
    done: list[bool] = []
    for clock.now in (0.0, EVERY_S - 1, EVERY_S, EVERY_S + 1, 2 * EVERY_S, 2 * EVERY_S):
        done.append(heap.tidy())
    assert done == [False, False, True, False, True, False]
