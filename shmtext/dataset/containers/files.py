"""The container ``files``: a picture, a file; a shard, a folder.

_stage/00042.<random>/images/000420007.jpg  ->  images/00042/000420007.jpg
"""

from __future__ import annotations

import errno
import os
import stat
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from shmtext.corpus.ragged import RaggedTexts
from shmtext.dataset.containers.base import IMAGES, Room
from shmtext.dataset.containers.names import PictureNames
from shmtext.dataset.damage import Damage
from shmtext.dataset.folder import (
    FILE_MODE,
    FOLDER_FLAGS,
    FOLDER_MODE,
    NEW_FILE_FLAGS,
    STAGE,
    FileBytes,
    OutputFolder,
    read_at,
    write_all,
)
from shmtext.dataset.plan import Shard
from shmtext.errors import DamageError, StorageError

BESIDE = "."
"""Begins the name of a copy that is not whole yet, beside the folder that it will be."""

BLOCK_BYTES = 4_096
"""What the smallest file takes on most file systems."""

_IN_THE_WAY = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR)
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

    def check(
        self, folder: OutputFolder, shard: Shard, rows: pa.Table, checksums: bool
    ) -> Iterator[Damage]:
        """Compare a folder's files with the label rows, both ways."""
        images = self.shard_path(shard)
        names = self.image_names(shard, rows["example_index"].to_numpy())
        sizes, crcs = rows["num_bytes"].to_pylist(), rows["crc32"].to_pylist()
        try:
            with folder.opened(images) as fd:
                with os.scandir(fd) as entries:
                    found = {entry.name: entry for entry in entries}
                for name, size, crc in zip(names, sizes, crcs, strict=True):
                    entry = found.pop(name.decode(), None)
                    wrong = _wrong_image(fd, entry, size, crc if checksums else None)
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
    def opened(self, folder: OutputFolder, shard: Shard) -> Iterator[Callable[[str], bytes]]:
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

            yield read

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
        self._stage = f"{STAGE}/{shard.name}.{os.urandom(4).hex()}"
        self._images_fd = -1

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

    def take(
        self,
        names: Sequence[bytes],
        texts: RaggedTexts,  # noqa: ARG002 - texts stand in the label rows alone
        data: Sequence[FileBytes],
    ) -> None:
        """Write a file each. The hot path: little more than three system calls a picture."""
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
                file = self._folder.path / self._target / os.fsdecode(name)
                raise self._folder.storage_error(f"write {file}", error) from error

    def publish(self) -> None:
        """Rename the staged folder to where readers look."""
        with self._folder.errors_of("rename to", self._target):
            self._folder.make_folder(IMAGES)
            try:
                self._move(f"{self._stage}/images")
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                # ``images`` is a mount of its own: from the stage nothing can be renamed to there.
                near = f"{IMAGES}/{BESIDE}{self._target.rpartition('/')[2]}"
                self._folder.copy_folder(f"{self._stage}/images", near)
                self._move(near)

    def _move(self, source: str) -> None:
        """Rename a folder to the target, over what a shard left there that was never committed."""
        try:
            self._folder.rename_folder(source, self._target)
        except OSError as error:
            if error.errno not in _IN_THE_WAY:
                raise
            # Not renamed out of the way: overlayfs can't do that with a folder of a lower layer.
            self._folder.remove_tree(self._target)
            self._folder.rename_folder(source, self._target)

    def _make_stage(self) -> None:
        self._folder.make_folder(self._stage)
        with self._folder.errors_of("make", self._stage), self._folder.opened(self._stage) as fd:
            # Not with the stage's own narrow mode: this is the folder that will be published.
            os.mkdir("images", FOLDER_MODE, dir_fd=fd)
            self._images_fd = os.open("images", FOLDER_FLAGS, dir_fd=fd)


def _is_folder(folder: OutputFolder, name: str) -> bool:
    try:
        with folder.opened(name):
            return True
    except OSError:
        return False


def _wrong_image(
    fd: int, entry: os.DirEntry[str] | None, num_bytes: int, crc32: int | None
) -> str | None:
    if entry is None:
        return "is missing"
    try:
        found = entry.stat(follow_symlinks=False)
        if not stat.S_ISREG(found.st_mode):
            return "is a link or no file at all"
        if found.st_size != num_bytes:
            return f"has {found.st_size:,} bytes, {num_bytes:,} were committed"
        if crc32 is not None and zlib.crc32(read_at(fd, entry.name)) != crc32:
            return "has other bytes than were committed"
    except DamageError as error:
        return str(error)
    except FileNotFoundError:
        return "is missing"
    return None
