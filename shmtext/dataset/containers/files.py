"""The container ``files``: a picture, a file; a shard, a folder.

_stage/00042.<random>/images/000420007.jpg  ->  images/00042/000420007.jpg
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from shmtext.checksums import crc32
from shmtext.corpus.ragged import RaggedTexts
from shmtext.dataset.containers.base import (
    IMAGES,
    CommittedPictures,
    PictureReader,
    Room,
    StoredSum,
)
from shmtext.dataset.containers.moving import put_in_place
from shmtext.dataset.containers.names import PictureNames
from shmtext.dataset.damage import Damage
from shmtext.dataset.folder import (
    FILE_MODE,
    FOLDER_FLAGS,
    FOLDER_MODE,
    NEW_FILE_FLAGS,
    FileBytes,
    OutputFolder,
    read_at,
    write_all,
)
from shmtext.dataset.plan import Shard
from shmtext.errors import DamageError, StorageError

BLOCK_BYTES = 4_096
"""What the smallest file takes on most file systems."""

TELLING_FILES = 16
"""A batch of fewer tells nothing of how fast files are made."""

_NO_FOLDER = (errno.ENOTDIR, errno.ELOOP)


@dataclass(frozen=True, slots=True)
class Files:
    """A folder a shard, a file a picture."""

    names: PictureNames

    @property
    def name(self) -> str:
        """By which it is chosen."""
        return "files"

    @property
    def extension(self) -> str:
        """Of every file."""
        return self.names.extension

    def shard_path(self, shard: Shard) -> str:
        """The shard's folder.

        >>> Files(PictureNames(2_000_000, "png")).shard_path(Shard(42, 420_000, 430_000))
        'images/00042'
        """
        return f"{IMAGES}/{shard.name}"

    def image_names(self, shard: Shard, example_index: NDArray[np.int64]) -> list[bytes]:
        """File names without their folder."""
        return self.names.of(shard, example_index)

    def file_names(self, shard: Shard, example_index: NDArray[np.int64]) -> RaggedTexts:
        """Paths from the output folder."""
        return self.names.below(self.shard_path(shard), shard, example_index)

    def stage(self, folder: OutputFolder, shard: Shard) -> FilesShard:
        """A sink that writes each picture at once, under ``_stage/``."""
        return FilesShard(folder, shard, self.shard_path(shard))

    def is_in_place(self, images_fd: int, shard: Shard, stored: StoredSum) -> bool:
        """Look at every file in the folder."""
        try:
            fd = os.open(shard.name, FOLDER_FLAGS, dir_fd=images_fd)
            try:
                with os.scandir(fd) as entries:
                    names = sorted([entry.name for entry in entries])
                # One by one: entries would keep what they find, which Python would go through
                # for garbage again and again.
                modes, sizes = set(), []
                for name in names:
                    found = os.stat(name, dir_fd=fd, follow_symlinks=False)
                    modes.add(found.st_mode)
                    sizes.append(found.st_size)
            finally:
                os.close(fd)
        except OSError:
            return False
        if not all(map(stat.S_ISREG, modes)):
            return False
        return stored == files_sum(os.fsencode("\0".join(names)), sizes)

    def check(
        self, folder: OutputFolder, shard: Shard, committed: CommittedPictures
    ) -> Iterator[Damage]:
        """Compare a folder's files with the label rows, both ways."""
        images, rows = self.shard_path(shard), committed.rows
        names = self.image_names(shard, rows["example_index"].to_numpy())
        sizes, crcs = rows["num_bytes"].to_pylist(), rows["crc32"].to_pylist()
        try:
            with folder.opened(images) as fd:
                with os.scandir(fd) as entries:
                    found = {entry.name: entry for entry in entries}
                for name, size, crc in zip(names, sizes, crcs, strict=True):
                    entry = found.pop(name.decode(), None)
                    wrong = _wrong_image(fd, entry, size, crc if committed.checksums else None)
                    if wrong:
                        yield Damage(shard.index, f"{images}/{name.decode()}", wrong)
                for extra in sorted(found):
                    yield Damage(shard.index, f"{images}/{extra}", "is there, none was committed")
        except FileNotFoundError:
            if names:  # a shard of skipped examples alone may lose its empty folder in a copy
                yield Damage(shard.index, images, "is missing")
        except OSError as error:
            # Only what is known to be damaged may be taken back: no permission, a failing device or
            # too many open files say nothing of what is there.
            if error.errno not in _NO_FOLDER or not _is_folder(folder, IMAGES):
                raise folder.storage_error(f"read {folder.path / images}", error) from error
            yield Damage(shard.index, images, "is a link or no folder at all")

    @contextmanager
    def opened(self, folder: OutputFolder, shard: Shard) -> Iterator[PictureReader]:
        """Hold the shard's folder open, no file."""
        images = self.shard_path(shard)
        with ExitStack() as stack:
            try:
                fd = stack.enter_context(folder.opened(images))
            except FileNotFoundError as error:
                raise DamageError(f"{images} is missing") from error
            except OSError as error:
                raise folder.storage_error(f"read {folder.path / images}", error) from error

            def read(file_name: str) -> bytes:
                try:
                    return read_at(fd, file_name.removeprefix(f"{images}/"))
                except FileNotFoundError as error:
                    raise DamageError(f"{file_name} is missing") from error
                except OSError as error:
                    raise folder.storage_error(f"read {folder.path / file_name}", error) from error

            yield lambda file_names: [read(file_name) for file_name in file_names]

    def room(self, num_images: int, bytes_per_image: int) -> Room:
        """An inode and whole blocks a picture."""
        return Room(num_images, num_images * -(-bytes_per_image // BLOCK_BYTES) * BLOCK_BYTES)


class FilesShard:
    """A shard's files, each written as it is taken, published by renaming their folder."""

    def __init__(self, folder: OutputFolder, shard: Shard, target: str) -> None:
        self.shard = shard
        self._folder = folder
        self._target = target
        # Random, so that a shard rendered twice at once never meets itself; never in the output.
        self._stage = f"{folder.stage}/{shard.name}.{os.urandom(4).hex()}"
        self._images_fd = -1
        self._num_bytes: dict[bytes, int] = {}
        """Of each file."""
        self._file_us: list[int] = []
        """Of each batch that is large enough to tell."""

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            undo.push(self.__exit__)
            self._make_stage()
            undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        # Best effort: whatever stays in the stage is swept by the next run.
        if self._images_fd >= 0:
            with suppress(OSError):
                os.close(self._images_fd)
            self._images_fd = -1
        with suppress(StorageError):
            self._folder.remove_tree(self._stage)

    def take(self, names: Sequence[bytes], data: Sequence[FileBytes]) -> None:
        """Write a file each. The hot path: little more than three system calls a picture."""
        begin_ns = time.monotonic_ns()
        for name, picture in zip(names, data, strict=True):
            try:
                fd = os.open(name, NEW_FILE_FLAGS, FILE_MODE, dir_fd=self._images_fd)
                try:
                    num_written = os.write(fd, picture)
                    if num_written != len(picture):
                        write_all(fd, memoryview(picture)[num_written:])
                finally:
                    os.close(fd)
            except OSError as error:
                file = self._folder.path / f"{self._target}/{os.fsdecode(name)}"
                raise self._folder.storage_error(f"write {file}", error) from error
        self._num_bytes.update(zip(names, map(len, data), strict=True))
        if len(names) >= TELLING_FILES:
            self._file_us.append((time.monotonic_ns() - begin_ns) // (1_000 * len(names)))

    @property
    def file_us(self) -> int:
        """Of that batch in which it took least: others may have met a stall."""
        return min(self._file_us, default=0)

    def publish(self, rows: pa.Table) -> StoredSum:  # noqa: ARG002 - each file says all itself
        """Rename the staged folder to where readers look."""
        put_in_place(self._folder, f"{self._stage}/images", self._target)
        names = sorted(self._num_bytes)
        return files_sum(b"\0".join(names), [self._num_bytes[name] for name in names])

    def _make_stage(self) -> None:
        self._folder.make_folder(self._stage)
        with self._folder.errors_of("make", self._stage), self._folder.opened(self._stage) as fd:
            # Not with the stage's own narrow mode: this is the folder that will be published.
            os.mkdir("images", FOLDER_MODE, dir_fd=fd)
            self._images_fd = os.open("images", FOLDER_FLAGS, dir_fd=fd)


def files_sum(names: bytes, num_bytes: Sequence[int]) -> StoredSum:
    """Sum files by their names, in order with NUL between, and their sizes.

    >>> files_sum(b"000000007.jpg\\x00000000008.jpg", [500, 499])
    StoredSum(num_bytes=999, crc32=113188412)
    """
    # Little-endian, whatever the machine.
    sizes = np.array(num_bytes, "<i8").tobytes()
    return StoredSum(sum(num_bytes), crc32(sizes, crc32(names)))


def _is_folder(folder: OutputFolder, name: str) -> bool:
    try:
        with folder.opened(name):
            return True
    except OSError:
        return False


def _wrong_image(
    fd: int, entry: os.DirEntry[str] | None, num_bytes: int, wanted_crc32: int | None
) -> str | None:
    if entry is None:
        return "is missing"
    try:
        found = entry.stat(follow_symlinks=False)
        if not stat.S_ISREG(found.st_mode):
            return "is a link or no file at all"
        if found.st_size != num_bytes:
            return f"has {found.st_size:,} bytes, {num_bytes:,} were committed"
        if wanted_crc32 is not None and crc32(read_at(fd, entry.name)) != wanted_crc32:
            return "has other bytes than were committed"
    except DamageError as error:
        return str(error)
    except FileNotFoundError:
        return "is missing"
    return None
