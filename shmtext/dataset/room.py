"""Whether a device can hold what is still to come. What pictures take is their container's."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from shmtext.dataset.containers.base import Container
from shmtext.dataset.containers.files import BLOCK_BYTES
from shmtext.dataset.folder import OutputFolder
from shmtext.errors import StorageError

LABEL_BYTES = 200
"""Of a picture's row in fragment, label table and CSV; an estimate on the safe side."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What files take of a device."""

    num_files: int
    num_inodes: int
    """Of folders, too."""
    num_bytes: int
    """In whole blocks."""


def taken(path: Path) -> Taken:
    """What all files below a folder take; nothing where there is none."""
    num_files = num_folders = num_bytes = 0
    for above, folders, files in os.walk(path):
        num_folders += len(folders)
        num_files += len(files)
        sizes = (os.stat(os.path.join(above, name)).st_size for name in files)
        num_bytes += sum(-(-size // BLOCK_BYTES) * BLOCK_BYTES for size in sizes)
    return Taken(num_files, num_files + num_folders, num_bytes)


def check_room(
    folder: OutputFolder, container: Container, num_images: int, bytes_per_image: int
) -> None:
    """Raise ``StorageError`` if the device can't hold so many more images.

    ``bytes_per_image`` is their mean size, 0 where it is not known yet.
    """
    free, room = folder.free_space(), container.room(num_images, bytes_per_image)
    if free.num_inodes < room.num_inodes:
        raise StorageError(
            f"{room.num_inodes:,} more files do not fit on the device that holds "
            f"{folder.path}: it has {free.num_inodes:,} inodes left; free some and run "
            "the same command again; everything committed is kept"
        )
    needed = room.num_bytes + num_images * LABEL_BYTES
    if free.num_bytes < needed:
        raise StorageError(
            f"about {needed / 1e6:,.0f} MB more are needed for {num_images:,} images, "
            f"{free.num_bytes / 1e6:,.0f} MB are free on the device that holds "
            f"{folder.path}: free some and run the same command again; everything "
            "committed is kept"
        )
