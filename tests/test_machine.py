"""The number of workers is what cores, quota and memory allow."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from shmtext.engine import machine
from shmtext.engine.machine import WORKER_BYTES, default_num_workers

Machine = Callable[..., int]


@pytest.fixture
def workers_on(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Return how many workers a machine gets, given its files of cgroups."""

    def of(cores: int, memory_bytes: int = 1 << 40) -> int:
        monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(cores)))
        memory = SimpleNamespace(available=memory_bytes)
        monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
        return default_num_workers()

    return of


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What this machine's pseudo-files say; those not listed are not there."""
    known: dict[str, str] = {}
    monkeypatch.setattr(machine, "_read", lambda path: known.get(str(path), ""))
    return known


def test_without_limits_there_is_a_worker_a_core(
    workers_on: Machine, files: dict[str, str]
) -> None:
    assert not files
    assert 6 == workers_on(cores=6)


@pytest.mark.parametrize(
    ("quota", "expected"),
    [("max 100000", 8), ("250000 100000", 2), ("50000 100000", 1), ("1600000 100000", 8), ("", 8)],
)
def test_a_quota_of_cgroup_v2_bounds_the_workers(
    workers_on: Machine, files: dict[str, str], quota: str, expected: int
) -> None:
    files["/proc/self/cgroup"] = "0::/a/b\n"
    files["/sys/fs/cgroup/a/b/cpu.max"] = quota

    assert expected == workers_on(cores=8)


def test_the_tightest_quota_on_the_way_up_counts(
    workers_on: Machine, files: dict[str, str]
) -> None:
    files["/proc/self/cgroup"] = "0::/a/b\n"
    files["/sys/fs/cgroup/a/b/cpu.max"] = "700000 100000\n"
    files["/sys/fs/cgroup/a/cpu.max"] = "300000 100000\n"

    assert 3 == workers_on(cores=8)


def test_within_a_container_the_root_s_quota_counts(
    workers_on: Machine, files: dict[str, str]
) -> None:
    files["/proc/self/cgroup"] = "0::/docker/0123\n"
    files["/sys/fs/cgroup/cpu.max"] = "400000 100000\n"

    assert 4 == workers_on(cores=8)


@pytest.mark.parametrize(("quota", "expected"), [("-1", 8), ("200000", 2)])
def test_a_quota_of_cgroup_v1_bounds_the_workers(
    workers_on: Machine, files: dict[str, str], quota: str, expected: int
) -> None:
    files["/proc/self/cgroup"] = "5:memory:/a\n4:cpu,cpuacct:/a\n"
    files["/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us"] = f"{quota}\n"
    files["/sys/fs/cgroup/cpu/a/cpu.cfs_period_us"] = "100000\n"

    assert expected == workers_on(cores=8)


@pytest.mark.parametrize(("num_fitting", "expected"), [(3, 3), (0, 1), (100, 8)])
def test_memory_bounds_the_workers_but_one_there_always_is(
    workers_on: Machine, files: dict[str, str], num_fitting: int, expected: int
) -> None:
    assert not files
    assert expected == workers_on(cores=8, memory_bytes=num_fitting * WORKER_BYTES + 1)


def test_this_machine_gets_at_least_one_worker_and_at_most_one_a_core() -> None:
    assert 1 <= default_num_workers() <= len(os.sched_getaffinity(0))


def test_a_file_that_is_not_there_says_nothing(tmp_path: Path) -> None:
    assert "" == machine._read(tmp_path / "none")
