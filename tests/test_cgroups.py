"""A process's cgroups are found as the kernel, or a container's, lists them."""

from __future__ import annotations

from pathlib import Path

import pytest

from shmtext.cgroups import cgroups


def folders(system: Path, controller: str, listing: str) -> list[tuple[str, bool]]:
    """Folders below the mounts, and whether they are of version 1."""
    (system / "proc/self").mkdir(parents=True, exist_ok=True)
    (system / "proc/self/cgroup").write_bytes(listing.encode("utf-8", "surrogateescape"))
    mounts = system / "sys/fs/cgroup"
    found = cgroups(controller, system)
    return [(str(group.folder.relative_to(mounts)), group.is_v1) for group in found]


def test_the_way_leads_from_the_own_group_to_the_root(tmp_path: Path) -> None:
    found = folders(tmp_path, "cpu", "0::/a/b\n")

    assert found[:3] == [("a/b", False), ("a", False), (".", False)]
    assert found[3:] == [("unified/a/b", False), ("unified/a", False), ("unified", False)]


@pytest.mark.parametrize(
    ("controller", "expected"),
    [("cpu", ["cpu/x", "cpu"]), ("memory", ["memory/y/z", "memory/y", "memory"]), ("pids", [])],
)
def test_in_version_1_each_controller_has_a_way_of_its_own(
    tmp_path: Path, controller: str, expected: list[str]
) -> None:
    listing = "9:name=systemd:/s\n4:cpu,cpuacct:/x\n3:memory:/y/z\n"

    assert folders(tmp_path, controller, listing) == [(folder, True) for folder in expected]


def test_a_group_may_have_any_name(tmp_path: Path) -> None:
    name = "a: ü \udcff"

    assert folders(tmp_path, "cpu", f"0::/{name}\n")[0] == (name, False)


def test_without_cgroups_there_are_none(tmp_path: Path) -> None:
    assert [] == list(cgroups("cpu", tmp_path))
    assert folders(tmp_path, "cpu", "") == []


def test_a_file_s_words_are_stripped_and_one_that_is_not_there_says_nothing(
    tmp_path: Path,
) -> None:
    folders(tmp_path, "cpu", "0::/\n")
    group = next(cgroups("cpu", tmp_path))
    group.folder.mkdir(parents=True)
    (group.folder / "cpu.max").write_text("max 100000\n")

    assert group.read("cpu.max") == "max 100000"
    assert group.read("memory.max") == ""
