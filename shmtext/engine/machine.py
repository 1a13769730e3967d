"""What this machine lends a run: cores, by affinity and cgroup quota, and memory for workers; and
whether a folder is its own.
"""

from __future__ import annotations

import os
from pathlib import Path

import psutil

from shmtext.cgroups import SYSTEM, Cgroup, cgroups

WORKER_BYTES = 120 << 20
"""Memory of a worker with its libraries and the atlas of a dozen faces; bounds their number."""

LOCAL_FILE_SYSTEMS = {
    *("ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "bcachefs", "jfs", "reiserfs"),
    *("overlay", "tmpfs"),
}
"""Which one machine at a time writes to."""


def is_local(folder: Path) -> bool:
    """Whether a folder is on a file system that no other machine writes to, as far as is known."""
    path = folder.resolve()
    mounts = {
        Path(each.mountpoint): each.fstype
        for each in psutil.disk_partitions(all=True)
        if path.is_relative_to(each.mountpoint)
    }
    # Of several in one place the last hides the others.
    deepest = max(mounts, key=lambda mount: len(mount.parts), default=None)
    return deepest is not None and mounts[deepest] in LOCAL_FILE_SYSTEMS


def default_num_workers(system: Path = SYSTEM) -> int:
    """How many workers the cores, the CPU quota and the memory allow; at least 1."""
    cores = len(os.sched_getaffinity(0))
    quota = _cpu_quota(system)
    if quota is not None:
        cores = min(cores, max(1, int(quota)))
    fitting = int(psutil.virtual_memory().available) // WORKER_BYTES
    return max(1, min(cores, fitting))


def _cpu_quota(system: Path) -> float | None:
    """Cores' worth of CPU time that the tightest cgroup on the way up allows; None: no limit."""
    quotas = map(_quota, cgroups("cpu", system))
    return min((quota for quota in quotas if quota), default=None)


def _quota(group: Cgroup) -> float | None:
    if group.is_v1:
        quota, period = group.read("cpu.cfs_quota_us"), group.read("cpu.cfs_period_us")
    else:
        quota, _, period = group.read("cpu.max").partition(" ")
    # No limit is "max", or -1 in version 1.
    return int(quota) / int(period) if quota.isdecimal() and period.isdecimal() else None
