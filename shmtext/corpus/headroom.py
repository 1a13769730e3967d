"""How much memory is free for this process: the machine's, and what its cgroups leave.

Asked before memory is taken, because a cgroup answers with SIGKILL. What is done about too little
is decided in ``shared.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil


class FreeMemory(NamedTuple):
    """Bytes that can still be had, and whose limit that is."""

    num_bytes: int
    owner: str


def free_memory() -> FreeMemory:
    """Return the tightest of all limits."""
    machine = FreeMemory(psutil.virtual_memory().available, "the machine")
    return min([machine, *cgroup_headrooms()])


def cgroup_headrooms(
    listing: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")
) -> Iterator[FreeMemory]:
    """List what memory limits leave free, of every cgroup from this process's up to the root."""
    for line in (_read(listing) or "").splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            tops = [root, root / "unified"]
            names = ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            tops = [root / "memory"]
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        # In a container the listed path may be the host's: its parents down to the top still hold.
        inner = Path(path.lstrip("/"))
        for top in tops:
            for folder in (top / inner, *(top / parent for parent in inner.parents)):
                headroom = _headroom(folder, *names)
                if headroom is not None:
                    yield FreeMemory(headroom, "this process's cgroup")


def _headroom(folder: Path, limit: str, usage: str, reclaimable: str) -> int | None:
    limit_bytes, used_bytes = _read(folder / limit), _read(folder / usage)
    if not (limit_bytes and used_bytes and limit_bytes.isdecimal() and used_bytes.isdecimal()):
        return None  # No such file, an empty one, or "max".
    statistics = dict(
        line.split(" ", 1) for line in (_read(folder / "memory.stat") or "").splitlines()
    )
    return max(0, int(limit_bytes) - int(used_bytes) + int(statistics.get(reclaimable, 0)))


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None
