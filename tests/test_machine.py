"""The number of workers is what cores, quota and memory allow."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from shmtext.engine.machine import WORKER_BYTES, default_num_workers

Machine = Callable[..., int]
Files = Callable[[str, str], None]


@pytest.fixture
def workers_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    """Return how many workers a machine gets, given its files of cgroups."""

    def of(cores: int, memory_bytes: int = 1 << 40) -> int:
        monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(cores)))
        memory = SimpleNamespace(available=memory_bytes)
        monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
        return default_num_workers(tmp_path)

    return of


@pytest.fixture
def write(tmp_path: Path) -> Files:
    """Write one of the machine's pseudo-files; without that it has none."""

    def to(name: str, content: str) -> None:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)

    return to


def test_without_limits_there_is_a_worker_a_core(workers_on: Machine) -> None:
    assert 6 == workers_on(cores=6)


@pytest.mark.parametrize(
    ("quota", "expected"),
    [("max 100000", 8), ("250000 100000", 2), ("50000 100000", 1), ("1600000 100000", 8), ("", 8)],
)
def test_a_quota_of_cgroup_v2_bounds_the_workers(
    workers_on: Machine, write: Files, quota: str, expected: int
) -> None:
    write("proc/self/cgroup", "0::/a/b\n")
    write("sys/fs/cgroup/a/b/cpu.max", quota)

    assert expected == workers_on(cores=8)


def test_the_tightest_quota_on_the_way_up_counts(workers_on: Machine, write: Files) -> None:
    write("proc/self/cgroup", "0::/a/b\n")
    write("sys/fs/cgroup/a/b/cpu.max", "700000 100000\n")
    write("sys/fs/cgroup/a/cpu.max", "300000 100000\n")

    assert 3 == workers_on(cores=8)


def test_within_a_container_the_root_s_quota_counts(workers_on: Machine, write: Files) -> None:
    write("proc/self/cgroup", "0::/docker/0123\n")
    write("sys/fs/cgroup/cpu.max", "400000 100000\n")

    assert 4 == workers_on(cores=8)


@pytest.mark.parametrize(("quota", "expected"), [("-1", 8), ("200000", 2)])
def test_a_quota_of_cgroup_v1_bounds_the_workers(
    workers_on: Machine, write: Files, quota: str, expected: int
) -> None:
    write("proc/self/cgroup", "5:memory:/a\n4:cpu,cpuacct:/a\n")
    write("sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", f"{quota}\n")
    write("sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "100000\n")

    assert expected == workers_on(cores=8)


@pytest.mark.parametrize(("num_fitting", "expected"), [(3, 3), (0, 1), (100, 8)])
def test_memory_bounds_the_workers_but_one_there_always_is(
    workers_on: Machine, num_fitting: int, expected: int
) -> None:
    assert expected == workers_on(cores=8, memory_bytes=num_fitting * WORKER_BYTES + 1)


def test_this_machine_gets_at_least_one_worker_and_at_most_one_a_core() -> None:
    assert 1 <= default_num_workers() <= len(os.sched_getaffinity(0))
