"""The cgroups of this process, from its own up to the root, in both versions: which there are.

Files of ``/proc`` and ``/sys`` are read here and nothing is concluded: what a quota of CPU time
means is ``engine/machine.py``'s, what a limit on memory leaves ``corpus/headroom.py``'s.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SYSTEM = Path("/")
"""Where ``proc`` and ``sys`` are; elsewhere in tests."""


@dataclass(frozen=True, slots=True)
class Cgroup:
    """One cgroup's folder. It need not exist: a container sees its host's paths."""

    folder: Path
    is_v1: bool
    """Of the older version, whose files have other names."""

    def read(self, name: str) -> str:
        """Return what a file of it says, stripped; nothing if it can't be read."""
        return _read(self.folder / name)


def cgroups(controller: str, system: Path = SYSTEM) -> Iterator[Cgroup]:
    """List the cgroups that bind this process by a controller (``cpu``, ``memory``)."""
    mounts = system / "sys/fs/cgroup"
    for line in _read(system / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            # The second is the place of version 2 where both versions are mounted.
            tops = [mounts, mounts / "unified"]
        elif controller in controllers.split(","):
            tops = [mounts / controller]
        else:
            continue
        # In a container the listed path may be the host's: its parents down to the top still hold.
        inner = Path(path.lstrip("/"))
        for top in tops:
            for folder in (top / inner, *(top / parent for parent in inner.parents)):
                yield Cgroup(folder, is_v1=bool(controllers))


def _read(path: Path) -> str:
    try:
        # A cgroup may have any name.
        return path.read_text(encoding="utf-8", errors="surrogateescape").strip()
    except OSError:
        return ""
