"""A shard's pictures in one file: how it is staged, checked and opened, whatever its format.

Batches come in the order of drawing, files hold examples in theirs: pictures wait until a shard is
drawn, and its file is written in one go. How it is laid out is ``tar.py``'s and ``parquet.py``'s.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from shmtext.checksums import crc32
from shmtext.corpus.ragged import RaggedTexts
from shmtext.dataset.containers.base import IMAGES, CommittedPictures, StoredSum
from shmtext.dataset.containers.moving import put_in_place
from shmtext.dataset.containers.names import PictureNames
from shmtext.dataset.damage import Damage
from shmtext.dataset.folder import FileBytes, OutputFolder, opened_at, write_all
from shmtext.dataset.plan import Plan, Shard
from shmtext.dataset.summed import SummedFile
from shmtext.errors import DamageError

MAX_HELD_BYTES = 64 << 20
"""Of pictures that wait in memory: those of a full shard of ordinary ones. More wait on disk."""

PIECE_BYTES = 4 << 20
"""Of pictures that are laid out and written, and by readers of Parquet read, at once."""
MAX_PIECE_ROWS = 1_000

_HASH_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class OneFile:
    """What containers of a file a shard have in common. How a file is laid out is overridden."""

    suffix: ClassVar[str]
    """Of the files' names, without its dot."""
    names: PictureNames

    # -- what a container overrides --------------------------------------------------------------

    def write(self, shard: Shard, file: SummedFile, rows: pa.Table, waiting: Waiting) -> None:
        """Write a shard's file: of these label rows, with the pictures that wait."""
        raise NotImplementedError

    # -- what all do alike -----------------------------------------------------------------------

    @property
    def extension(self) -> str:
        """Of the pictures' names, without its dot."""
        return self.names.extension

    def shard_path(self, shard: Shard) -> str:
        """The shard's file."""
        return f"{IMAGES}/{shard.name}.{self.suffix}"

    def image_names(self, shard: Shard, example_index: NDArray[np.int64]) -> list[bytes]:
        """Names within the file."""
        return self.names.of(shard, example_index)

    def file_names(self, shard: Shard, example_index: NDArray[np.int64]) -> RaggedTexts:
        """Likewise, as if the file were a folder."""
        return self.names.below(self.shard_path(shard), shard, example_index)

    def stage(self, folder: OutputFolder, shard: Shard) -> OneFileShard:
        """A sink that holds pictures until their file is written."""
        write = partial(self.write, shard)
        return OneFileShard(FileInStage(folder, shard, self.shard_path(shard), write))

    def is_in_place(self, images_fd: int, shard: Shard, stored: StoredSum) -> bool:
        """Compare the file's size."""
        try:
            with opened_at(images_fd, self.shard_path(shard).removeprefix(f"{IMAGES}/")) as (
                _,
                found,
            ):
                return found == stored.num_bytes
        except (OSError, DamageError):
            return False

    def check(
        self, folder: OutputFolder, shard: Shard, committed: CommittedPictures
    ) -> Iterator[Damage]:
        """Compare the file with its sum."""
        return check_file(folder, shard, self.shard_path(shard), committed)

    def num_files(self, num_images: int) -> int:
        """Files that so many pictures come to."""
        return -(-num_images // Plan(self.names.num_examples).examples_per_shard)


@dataclass(frozen=True, slots=True, eq=False)
class FileInStage:
    """A shard's file under way: where it will be, and how it is written."""

    folder: OutputFolder
    shard: Shard
    target: str
    """From the output folder."""
    write: Callable[[SummedFile, pa.Table, Waiting], None]
    """Writes the file: of these label rows, with the pictures that wait."""


class OneFileShard:
    """A shard's pictures, held until they are published as one file."""

    def __init__(self, stage: FileInStage) -> None:
        self.shard = stage.shard
        self._stage = stage
        self._waiting = Waiting(stage.folder, stage.target)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._waiting.close()

    @property
    def file_us(self) -> int:
        """No picture has a file of its own."""
        return 0

    def take(self, names: Sequence[bytes], data: Sequence[FileBytes]) -> None:
        """Hold a batch; its bytes must stay as they are."""
        self._waiting.add(names, data)

    def publish(self, rows: pa.Table) -> StoredSum | None:
        """Write the file and rename it to where readers look; without pictures there is none."""
        folder, target = self._stage.folder, self._stage.target
        if not rows.num_rows:
            folder.remove_tree(target)
            return None
        with ExitStack() as undo:
            file = folder.stage_file(target)
            undo.callback(file.discard)
            checksum = _Checksum()
            summed = SummedFile(file, checksum.add)
            with folder.errors_of("write", target):
                self._stage.write(summed, rows, self._waiting)
                staged = file.finish()
            put_in_place(folder, staged, target)
        return StoredSum(summed.num_bytes, checksum.crc32)


class _Checksum:
    """CRC-32 of what is added."""

    def __init__(self) -> None:
        self.crc32 = 0

    def add(self, data: FileBytes) -> None:
        self.crc32 = crc32(data, self.crc32)


class Waiting:
    """Pictures by name; those that memory has no room for lie in a file without a name."""

    def __init__(self, folder: OutputFolder, target: str) -> None:
        self._folder = folder
        self._target = target
        self._held: dict[bytes, FileBytes] = {}
        self._num_held_bytes = 0
        self._places: dict[bytes, tuple[int, int]] = {}
        """Where pictures lie in the file, and how many bytes they are."""
        self._fd = -1
        self._end = 0
        """Of the file."""

    def add(self, names: Sequence[bytes], data: Sequence[FileBytes]) -> None:
        """Take pictures. Raises ``ValueError`` for a name that is there already."""
        for name, picture in zip(names, data, strict=True):
            if name in self._held or name in self._places:
                raise ValueError(f"{self._target} has two pictures called {os.fsdecode(name)}")
            self._held[name] = picture
            self._num_held_bytes += len(picture)
        if self._num_held_bytes > MAX_HELD_BYTES:
            with self._folder.errors_of("write", self._target):
                self._write_out()

    def take(self, names: Sequence[bytes]) -> list[FileBytes]:
        """Let go of some pictures. Raises ``KeyError`` for one that is not there."""
        if not self._places:
            return [self._held.pop(name) for name in names]
        return [self._held.pop(name) if name in self._held else self._read(name) for name in names]

    def close(self) -> None:
        """Let go of all of them. May be called twice."""
        self._held.clear()
        self._places.clear()
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            with suppress(OSError):  # nothing of it is needed any more
                os.close(fd)

    def _write_out(self) -> None:
        if self._fd < 0:
            self._fd = self._folder.nameless_file()
        for name, picture in self._held.items():
            self._places[name] = self._end, len(picture)
            self._end += len(picture)
        write_all(self._fd, b"".join(self._held.values()))
        self._held.clear()
        self._num_held_bytes = 0

    def _read(self, name: bytes) -> bytes:
        begin, num_bytes = self._places.pop(name)
        return pread_all(self._fd, num_bytes, begin)


class Scratch:
    """Memory for one piece after another: to be given new pages takes longer than to fill them."""

    def __init__(self) -> None:
        self._kept = np.empty(0, np.uint8)

    def take(self, num_bytes: int) -> NDArray[np.uint8]:
        """So many bytes, as whoever had them left them; whoever had them must be done with them."""
        if self._kept.size < num_bytes:
            self._kept = np.empty(num_bytes * 5 // 4, np.uint8)
        return self._kept[:num_bytes]


def cuts(num_bytes: NDArray[np.integer]) -> Iterator[tuple[int, int]]:
    """Cut pictures of these sizes into ranges of about ``PIECE_BYTES``, or of very many.

    >>> list(cuts(np.array([3 << 20, 3 << 20, 9, 1])))
    [(0, 1), (1, 4)]
    """
    ends = np.cumsum(num_bytes, dtype=np.int64)
    start = 0
    while start < ends.size:
        begun = ends[start - 1] if start else 0
        stop = int(np.searchsorted(ends, begun + PIECE_BYTES, side="right"))
        stop = min(max(stop, start + 1), start + MAX_PIECE_ROWS)
        yield start, stop
        start = stop


def pieces(rows: pa.Table) -> Iterator[pa.Table]:
    """Cut label rows where their pictures come to about ``PIECE_BYTES``."""
    for start, stop in cuts(rows["num_bytes"].to_numpy()):
        yield rows.slice(start, stop - start)


def check_file(
    folder: OutputFolder, shard: Shard, target: str, committed: CommittedPictures
) -> Iterator[Damage]:
    """Compare a shard's file with the sum that was committed; without a checksum, its size."""
    stored = committed.stored
    try:
        num_bytes = folder.num_bytes(target)
        if stored is None:
            yield Damage(shard.index, target, "is there, none was committed")
        elif num_bytes != stored.num_bytes:
            wrong = f"has {num_bytes:,} bytes, {stored.num_bytes:,} were committed"
            yield Damage(shard.index, target, wrong)
        elif committed.checksums and _file_crc32(folder, target) != stored.crc32:
            yield Damage(shard.index, target, "has other bytes than were committed")
    except FileNotFoundError:
        if stored is not None:
            yield Damage(shard.index, target, "is missing")
    except DamageError as error:
        yield Damage(shard.index, target, str(error).removeprefix(f"{target} "))
    except OSError as error:
        # Only what is known to be damaged may be taken back: no permission, a failing device or too
        # many open files say nothing of what is there.
        raise folder.storage_error(f"read {folder.path / target}", error) from error


@contextmanager
def readable_file(folder: OutputFolder, target: str) -> Iterator[tuple[int, int]]:
    """Lend descriptor and size of a shard's file; one that can't be opened is damage, or
    ``StorageError``.
    """
    with ExitStack() as stack:
        try:
            opened = stack.enter_context(folder.opened_file(target))
        except FileNotFoundError as error:
            raise DamageError(f"{target} is missing") from error
        except OSError as error:
            raise folder.storage_error(f"read {folder.path / target}", error) from error
        yield opened


def pread_all(fd: int, num_bytes: int, begin: int) -> bytes:
    """So many bytes of a file. Raises ``EOFError`` where it has no more as many."""
    data = os.pread(fd, num_bytes, begin)
    while len(data) < num_bytes:
        more = os.pread(fd, num_bytes - len(data), begin + len(data))
        if not more:
            raise EOFError
        data += more
    return data


def _file_crc32(folder: OutputFolder, target: str) -> int:
    checksum = 0
    with folder.opened_file(target) as (fd, _):
        while piece := os.read(fd, _HASH_BYTES):
            checksum = crc32(piece, checksum)
    return checksum
