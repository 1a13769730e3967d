"""How much memory is free for this process: the machine's, and what its cgroups leave.

Asked before memory is taken, because a cgroup answers with SIGKILL. What is done about too little
is decided in ``shared.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil

from shmtext.cgroups import SYSTEM, Cgroup, cgroups

V1_FILES = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
V2_FILES = ("memory.max", "memory.current", "inactive_file")
"""Limit and usage, and which line of ``memory.stat`` tells how much can be reclaimed."""


class FreeMemory(NamedTuple):
    """Bytes that can still be had, and whose limit that is."""

    num_bytes: int
    owner: str


def free_memory() -> FreeMemory:
    """Return the tightest of all limits."""
    machine = FreeMemory(psutil.virtual_memory().available, "the machine")
    return min([machine, *cgroup_headrooms()])


def cgroup_headrooms(system: Path = SYSTEM) -> Iterator[FreeMemory]:
    """List what memory limits leave free, of every cgroup from this process's up to the root."""
    for group in cgroups("memory", system):
        headroom = _headroom(group)
        if headroom is not None:
            yield FreeMemory(headroom, "this process's cgroup")


def _headroom(group: Cgroup) -> int | None:
    limit, usage, reclaimable = V1_FILES if group.is_v1 else V2_FILES
    limit_bytes, used_bytes = group.read(limit), group.read(usage)
    if not (limit_bytes.isdecimal() and used_bytes.isdecimal()):
        return None  # no such file, an empty one, or "max"
    statistics = dict(line.split(" ", 1) for line in group.read("memory.stat").splitlines())
    return max(0, int(limit_bytes) - int(used_bytes) + int(statistics.get(reclaimable, 0)))
