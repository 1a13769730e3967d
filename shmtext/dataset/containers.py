"""How a shard's pictures are stored. Today: one file each, in one folder per shard.

A container stages what it is given where no reader looks and shows it all at once. It knows
names and bytes; labels are ``fragment.py``'s and what counts as done is ``manifest.py``'s.
"""

from __future__ import annotations

import errno
import os
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Protocol, Self

from shmtext.dataset.folder import (
    FILE_MODE,
    FOLDER_FLAGS,
    FOLDER_MODE,
    NEW_FILE_FLAGS,
    STAGE,
    FileBytes,
    OutputFolder,
    write_all,
)
from shmtext.dataset.plan import IMAGES, Plan, Shard
from shmtext.errors import StorageError

BESIDE = "."
"""Begins the name of a copy that is not whole yet, beside the folder that it will be."""

_IN_THE_WAY = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR)


class ShardSink(Protocol):
    """One shard's pictures on their way to disk. Left without ``publish``, nothing remains."""

    @property
    def shard(self) -> Shard:
        """Whose pictures they are."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def add(self, name: bytes, data: FileBytes) -> None:
        """Take one picture's bytes, under a name from ``Plan.image_names``."""

    def publish(self) -> None:
        """Put all pictures where readers look, in place of any uncommitted ones there."""


class FilesShard:
    """A picture, a file: ``_stage/00042.<random>/images/*`` becomes ``images/00042/*``."""

    def __init__(self, folder: OutputFolder, plan: Plan, shard: Shard) -> None:
        self.shard = shard
        self._folder = folder
        self._target = plan.image_folder(shard)
        # Random, so that a shard rendered twice at once never meets itself; never in the output.
        self._stage = f"{STAGE}/{shard.name}.{os.urandom(4).hex()}"
        self._images_fd = -1

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            undo.push(self.__exit__)
            self._make_stage()
            undo.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Best effort: whatever stays in the stage is swept by the next run.
        if self._images_fd >= 0:
            with suppress(OSError):
                os.close(self._images_fd)
            self._images_fd = -1
        with suppress(StorageError):
            self._folder.remove_tree(self._stage)

    def add(self, name: bytes, data: FileBytes) -> None:
        """Write one file. The hot path: little more than its three system calls."""
        try:
            fd = os.open(name, NEW_FILE_FLAGS, FILE_MODE, dir_fd=self._images_fd)
            try:
                num_written = os.write(fd, data)
                if num_written != len(data):
                    write_all(fd, memoryview(data)[num_written:])
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
