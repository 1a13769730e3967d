"""What a container is asked: names, room, and to write, check and read a shard's pictures.

A container stages what it is given where no reader looks and shows it all at once. It knows names,
label rows and bytes; it is a value, made anew wherever it is needed, and holds nothing open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from shmtext.corpus.ragged import RaggedTexts
from shmtext.dataset.damage import Damage
from shmtext.dataset.folder import FileBytes, OutputFolder
from shmtext.dataset.plan import Shard

IMAGES = "images"
"""Folder of all pictures, whatever the container."""


@dataclass(frozen=True, slots=True)
class Room:
    """What pictures take of a device."""

    num_inodes: int
    num_bytes: int


@dataclass(frozen=True, slots=True)
class StoredSum:
    """What tells a shard's pictures from others without its label rows.

    Of the file that holds them all, its size and checksum. Where each is a file, the size of all
    together, and the checksum of their names and sizes.
    """

    num_bytes: int
    crc32: int


PictureReader: TypeAlias = Callable[[Sequence[str]], "list[FileBytes]"]
"""From the ``file_name`` of pictures to their bytes, unchecked; ``DamageError`` for one that is not
there."""


class StagedShard(Protocol):
    """One shard's pictures on their way to disk. Left without ``publish``, nothing remains."""

    @property
    def shard(self) -> Shard:
        """Whose pictures they are."""

    @property
    def file_us(self) -> int:
        """Microseconds that a picture's file took to make, in the batch where it took least; 0
        where there is no such file, or no batch that could tell."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def take(self, names: Sequence[bytes], data: Sequence[FileBytes]) -> None:
        """Take a batch: names from ``image_names``, and the pictures' bytes.

        Batches come in the order of drawing, which need not be that of examples.
        """

    def publish(self, rows: pa.Table) -> StoredSum | None:
        """Put all pictures where readers look, in place of any uncommitted ones there.

        ``rows`` are their label rows, in example order. Returns their sum; None where one file
        would hold all, and there are none.
        """


@dataclass(frozen=True, slots=True, eq=False)
class CommittedPictures:
    """What a shard's pictures are held against."""

    rows: pa.Table
    """Their label rows."""
    stored: StoredSum | None
    """What ``publish`` returned."""
    checksums: bool
    """Every byte is to be looked at, not sizes alone."""


class Container(Protocol):
    """How the pictures of a run are stored."""

    @property
    def name(self) -> str:
        """By which it is chosen."""

    @property
    def extension(self) -> str:
        """Of the pictures' names, without its dot."""

    def shard_path(self, shard: Shard) -> str:
        """Where a shard's pictures are, from the output folder."""

    def image_names(self, shard: Shard, example_index: NDArray[np.int64]) -> list[bytes]:
        """What some of a shard's pictures are called within it."""

    def file_names(self, shard: Shard, example_index: NDArray[np.int64]) -> RaggedTexts:
        """What the column ``file_name`` says of them: the shard's path, a slash, the name."""

    def stage(self, folder: OutputFolder, shard: Shard) -> StagedShard:
        """A stage for a shard's pictures."""

    def is_in_place(self, images_fd: int, shard: Shard, stored: StoredSum) -> bool:
        """Whether a shard's pictures are in the open folder ``IMAGES``, by names and sizes.

        False says nothing: ``check`` tells.
        """

    def check(
        self, folder: OutputFolder, shard: Shard, committed: CommittedPictures
    ) -> Iterator[Damage]:
        """Hold a shard's pictures against what was committed.

        Raises ``StorageError`` where they can't be looked at, which says nothing of them.
        """

    def opened(self, folder: OutputFolder, shard: Shard) -> AbstractContextManager[PictureReader]:
        """Lend what reads pictures of a shard; ``DamageError`` where these are not there."""

    def room(self, num_images: int, bytes_per_image: int) -> Room:
        """What so many pictures of that mean size take; 0 where the size is not known yet."""
