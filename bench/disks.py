"""Disks to measure on: where the machine has one, and a file system of one's own on it.

What is measured there is each question's own.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

FILE_SYSTEM_BYTES = 4 << 30
"""Of an ext4 of one's own: a quarter of a million files. What is never written takes no room."""


class MountError(Exception):
    """No file system can be made and mounted here; says why."""


def disk() -> Path:
    """Return the temporary folder, or ``/var/tmp`` where that one is in memory."""
    folder = Path(tempfile.gettempdir())
    return Path("/var/tmp") if file_system(folder) == "tmpfs" else folder


def file_system(folder: Path) -> str:
    """Name the kind of file system that holds a folder."""
    mounts = {Path(each.mountpoint): each.fstype for each in psutil.disk_partitions(all=True)}
    folder = folder.resolve()
    return next((mounts[each] for each in (folder, *folder.parents) if each in mounts), "unknown")


@contextmanager
def fresh_ext4(above: Path, *, has_journal: bool) -> Iterator[Path]:
    """Lend an empty ext4 that lies in a file of the folder ``above``; nothing of it stays.

    Only root may mount. Raises ``MountError``.
    """
    with tempfile.TemporaryDirectory(prefix="shmtext-bench-", dir=above) as home:
        image, mounted = Path(home, "image"), Path(home, "mounted")
        mounted.mkdir()
        with image.open("wb") as file:
            file.truncate(FILE_SYSTEM_BYTES)
        journal = "has_journal" if has_journal else "^has_journal"
        _command("mkfs.ext4", "-q", "-F", "-O", journal, str(image))
        _command("mount", "-o", "loop", str(image), str(mounted))
        try:
            yield mounted
        finally:
            _command("umount", str(mounted))


def _command(*words: str) -> None:
    try:
        subprocess.run(words, check=True, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise MountError(f"there is no {words[0]}") from error
    except subprocess.CalledProcessError as error:
        raise MountError(f"{words[0]}: {error.stderr.strip()}") from error
