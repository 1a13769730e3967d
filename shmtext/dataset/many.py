"""Many shards looked at, by several threads where that pays.

Each look is a few system calls. On a network file system each of them waits for an answer, and
threads have them wait side by side. On a local one nothing waits, and threads would only take turns
with Python's lock: a third more work. What is looked at is not known here.
"""

from __future__ import annotations

import resource
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

NUM_THREADS = 16
"""Calls that wait at once: few enough for any server."""
MAX_CHUNK_ITEMS = 64
"""Looked at in one go: so many that handing them over costs nothing beside looking."""
TELLING_WAITS = 8
"""Fewer may be chance: the kernel has others do what this thread waits for, now and then."""

Item = TypeVar("Item")
Found = TypeVar("Found")


def look_at_all(items: Sequence[Item], look: Callable[[Sequence[Item]], Found]) -> list[Found]:
    """What ``look`` finds in chunks of ``items``, in their order.

    It is called in this thread, until the system calls of a chunk had to wait, then in several.
    What it raises first is raised here, and chunks that are not begun are given up; so they are
    where a signal ends the waiting.
    """
    found: list[Found] = []
    start = 0
    while start < len(items):
        # Twice as many each time: of an item that takes seconds one alone tells enough.
        chunk = items[start : start + min(start + 1, MAX_CHUNK_ITEMS)]
        start += len(chunk)
        num_waits = _num_waits()
        found.append(look(chunk))
        if _num_waits() - num_waits >= max(len(chunk), TELLING_WAITS):
            return [*found, *_look_in_threads(items[start:], look)]
    return found


def _look_in_threads(items: Sequence[Item], look: Callable[[Sequence[Item]], Found]) -> list[Found]:
    size = min(MAX_CHUNK_ITEMS, -(-len(items) // NUM_THREADS))
    chunks = [items[start : start + size] for start in range(0, len(items), size or 1)]
    with ThreadPoolExecutor(NUM_THREADS) as pool:
        try:
            futures = [pool.submit(look, chunk) for chunk in chunks]
        except RuntimeError:
            # No thread can be had, or Python ends and lets none begin: this one looks alone.
            pool.shutdown(cancel_futures=True)
            return [look(chunk) for chunk in chunks]
        try:
            return [future.result() for future in futures]
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _num_waits() -> int:
    """How often this thread has waited for something so far; not how often others had its core."""
    return resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw
