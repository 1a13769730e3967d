"""What memory cgroups leave is read as the kernel, or a container's, shows it."""

from __future__ import annotations

from pathlib import Path

from shmtext.corpus.headroom import cgroup_headrooms, free_memory


def cgroup(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(content)


def headrooms(tmp_path: Path, listing: str) -> list[int]:
    cgroup(tmp_path / "proc/self", cgroup=listing)
    return sorted(num_bytes for num_bytes, _ in cgroup_headrooms(tmp_path))


def test_every_limit_on_the_way_to_the_root_counts(tmp_path: Path) -> None:
    top = tmp_path / "sys/fs/cgroup"
    cgroup(top / "a/b", memory__max="max\n", memory__current="7\n")
    cgroup(
        top / "a", memory__max="100\n", memory__current="70\n",
        memory__stat="anon 5\ninactive_file 20\nfile 3\n",
    )  # fmt: skip
    cgroup(top, memory__max="", memory__current="1")

    assert [50] == headrooms(tmp_path, "0::/a/b\n")


def test_limits_of_the_older_cgroups_count_too(tmp_path: Path) -> None:
    # As a container sees it: its own group is the top, its path is the host's.
    cgroup(
        tmp_path / "sys/fs/cgroup/memory",
        memory__limit_in_bytes="1000", memory__usage_in_bytes="1200",
        memory__stat="total_inactive_file 300",
    )  # fmt: skip

    assert [100] == headrooms(tmp_path, "9:name=systemd:/x\n4:cpu,memory:/docker/1f\n0::/\n")


def test_no_cgroups_are_no_limit(tmp_path: Path) -> None:
    assert [] == headrooms(tmp_path, "0::/\n")
    assert [] == list(cgroup_headrooms(tmp_path / "missing"))


def test_the_machines_free_memory_is_a_limit_too() -> None:
    free = free_memory()

    assert free.num_bytes > 0
    assert "machine" in free.owner or "cgroup" in free.owner
