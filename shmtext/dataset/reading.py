"""A finished run read back: label rows, and the pictures' encoded bytes.

Rows come out of the label table a row group at a time, pictures through their container; neither is
ever in memory as a whole. What pictures look like is not known here, only their bytes: those that
are not what was committed are damage.
"""

from __future__ import annotations

import operator
import os
import threading
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from shmtext.checksums import crc32
from shmtext.corpus.ranges import Ints, seams
from shmtext.dataset.containers.base import PictureReader
from shmtext.dataset.containers.one_file import pieces
from shmtext.dataset.folder import OutputFolder
from shmtext.dataset.manifest import committed_manifest, read_labels
from shmtext.dataset.merge import METADATA, MergeResult, read_success
from shmtext.dataset.opening import open_folder
from shmtext.dataset.places import RunPlace, StoreUrl, run_place
from shmtext.dataset.plan import Plan, Shard
from shmtext.dataset.record import RunRecord, require_record
from shmtext.dataset.skipped import SkippedTexts, read_skipped_texts
from shmtext.errors import DamageError, FolderError

LabelRow = dict[str, Any]
"""A label row: a value for each column of the run's schema."""

ROWS_AT_ONCE = 1_024
"""Become Python objects together, when rows are read in order."""
MAX_HELD_BYTES = 128 * 2**20
"""Of row groups kept for rows read out of order: those of a million pictures or more."""
MAX_OPEN_SHARDS = 64
"""Kept for pictures read out of order: a descriptor each, and where some thousand pictures are."""
_MEND = "run `shmtext verify OUT --checksums`, then the command that rendered it"


class Turn:
    """A lock that a forked child has anew: its copy may be held, by a thread that is not there."""

    def __init__(self) -> None:
        self._renew()

    def _renew(self) -> None:
        self._lock, self.owner_pid = threading.Lock(), os.getpid()

    def __enter__(self) -> None:
        if self.owner_pid != os.getpid():
            self._renew()
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


@dataclass(frozen=True, slots=True, eq=False)
class StoredPictures:
    """Some pictures of one shard, in example order, and what is said of them."""

    rows: pa.Table
    """Label rows, every column."""
    names: list[str]
    """Of the pictures, without a folder: ``000420007.jpg``."""
    data: list[bytes]
    """The encoded pictures, as they were committed."""


class StoredRun:
    """The pictures of a finished run, in example order. A context manager.

    Skipped examples have no picture and no place in it. May be handed to forked and spawned
    processes, which open the folder anew or share what was opened; threads take turns.
    """

    def __init__(self, out: str | os.PathLike[str]) -> None:
        """Raise ``FolderError`` where no finished run is, ``DamageError`` where it is not whole."""
        place = run_place(out)
        self.path = place if isinstance(place, StoreUrl) else Path(os.path.abspath(place))
        self._turn = Turn()
        self._is_closed = False
        self._readers: OrderedDict[int, tuple[PictureReader, ExitStack]] = OrderedDict()
        """Of shards whose pictures are open, the one used longest ago first."""
        self._skipped: SkippedTexts | None = None
        """None until they are asked for."""
        with ExitStack() as stack:
            self._folder = stack.enter_context(open_folder(self.path, create=False))
            self.record = require_record(self._folder)
            self._table = stack.enter_context(_LabelTable(self._folder, self.record))
            stack.callback(self._close_readers)
            self._resources = stack.pop_all()

    def __reduce__(self) -> tuple[type[StoredRun], tuple[RunPlace]]:
        return type(self), (self.path,)

    def close(self) -> None:
        """Let go of the folder's files. May be called twice."""
        self._is_closed = True
        self._resources.close()

    def _check_open(self) -> None:
        if self._is_closed:
            raise FolderError(f"the run in {self.path} was closed: open it again to read it")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        return self._table.num_rows

    @property
    def digest(self) -> str:
        """Over every picture and label row; equal runs have equal digests."""
        return self._table.digest

    @property
    def image_bytes(self) -> int:
        """Sizes of all pictures together."""
        return self._table.image_bytes

    def row(self, index: int) -> LabelRow:
        """The label row of picture ``index``, counted from the end if negative.

        Raises ``IndexError`` beyond the last.
        """
        index = operator.index(index)  # of small integers of NumPy, too
        if not -len(self) <= index < len(self):
            raise IndexError(f"{self.path} holds {len(self)} pictures, got index {index}")
        self._check_open()
        with self._turn:
            return self._table.row(index % len(self))

    def label(self, example: int) -> str | None:
        """An example's label; None where it has no picture."""
        num_without = self.record.plan.num_examples - len(self)
        indices = range(max(example - num_without, 0), min(example + 1, len(self)))
        at = bisect_left(indices, example, key=lambda index: self.row(index)["example_index"])
        row = self.row(indices[at]) if at < len(indices) else None
        return row["text"] if row is not None and row["example_index"] == example else None

    def skipped_text(self, example: int) -> str:
        """What an example without a picture says, before it was wrapped."""
        self._check_open()
        with self._turn:
            if self._skipped is None:
                self._skipped = read_skipped_texts(self._folder)
            return self._skipped.text(example)

    def read(self, index: int) -> bytes:
        """The encoded picture of ``row(index)``."""
        return self.read_row(self.row(index))

    def read_row(self, row: LabelRow) -> bytes:
        """The encoded picture of a label row; ``DamageError`` if it isn't what was committed."""
        shard = self._shard_of(row)
        self._check_open()
        with self._turn:
            return whole(self._reader(shard), row)

    def _reader(self, shard: Shard) -> PictureReader:
        reader, resources = self._readers.pop(shard.index, (None, None))
        if reader is None or resources is None:
            while len(self._readers) >= MAX_OPEN_SHARDS:
                self._readers.popitem(last=False)[1][1].close()
            resources = ExitStack()
            reader = resources.enter_context(self._opened(shard))
        self._readers[shard.index] = reader, resources
        return reader

    def _close_readers(self) -> None:
        while self._readers:
            self._readers.popitem()[1][1].close()

    def __iter__(self) -> Iterator[tuple[bytes, LabelRow]]:
        """All encoded pictures with their rows, in order.

        Holds some thousand rows, and the container of one shard.
        """
        shard: Shard | None = None
        self._check_open()
        with ExitStack() as of_shard:
            read: PictureReader
            for row in self._table.rows():
                self._check_open()
                if shard != (shard := self._shard_of(row)):
                    of_shard.close()
                    read = of_shard.enter_context(self._opened(shard))
                yield whole(read, row), row

    @property
    def shard_starts(self) -> Ints:
        """Positions of each shard's first picture, and of the end of all."""
        self._check_open()
        with self._turn:
            return self._table.starts_of(self.record.plan)

    def shard_rows(self, shard: int) -> pa.Table:
        """The label rows of a shard, in example order.

        Raises ``DamageError`` where they are not what was committed.
        """
        self._check_open()
        record, planned = self.record, self.record.plan.shard(shard)
        manifest = committed_manifest(self._folder, planned, record.fingerprint)
        if manifest is None:
            raise DamageError(f"shard {shard} is not committed any more: {_MEND}")
        return read_labels(self._folder, planned, manifest, record.schema)

    def pictures(self, shard: int, rows: pa.Table) -> Iterator[StoredPictures]:
        """The pictures of some of ``shard_rows``, some megabytes at a time.

        Raises ``DamageError`` for one that isn't what was committed.
        """
        planned = self.record.plan.shard(shard)
        self._check_open()
        if not rows.num_rows:
            return
        with self._opened(planned) as read:
            for piece in pieces(rows):
                file_names = piece["file_name"].to_pylist()
                names = [name.rpartition("/")[2] for name in file_names]
                data = _all_whole(read, file_names, piece)
                yield StoredPictures(piece, names, data)

    @contextmanager
    def _opened(self, shard: Shard) -> Iterator[PictureReader]:
        with ExitStack() as stack:
            with _saying_how_to_mend():
                opened = self.record.container.opened(self._folder, shard)
                read = stack.enter_context(opened)
            yield read

    def _shard_of(self, row: LabelRow) -> Shard:
        plan = self.record.plan
        index: int = row["example_index"]
        if not 0 <= index < plan.num_examples:
            raise DamageError(f"{METADATA} is damaged: there is no example {index}; {_MEND}")
        return plan.shard(index // plan.examples_per_shard)


class _LabelTable:
    """``metadata.parquet``, read by row groups."""

    def __init__(self, folder: OutputFolder, record: RunRecord) -> None:
        self._what = str(folder.path / METADATA)
        success = _finished(folder)
        self.digest, self.image_bytes = success.digest, success.image_bytes
        with folder.errors_of("read", METADATA), ExitStack() as stack:
            try:
                # No file of Python's: Arrow's threads may let go of it as Python ends, which aborts
                # it. Not read ahead: a forked child has none of the threads that would do so.
                path = str(folder.local_path(METADATA))
                self._source = stack.enter_context(pa.OSFile(path))
                self._file = stack.enter_context(
                    pq.ParquetFile(self._source, pre_buffer=False, page_checksum_verification=True)
                )
                found, schema = self._file.metadata.num_rows, self._file.schema_arrow
            except FileNotFoundError as error:
                raise DamageError(f"{self._what} is missing: {_MEND}") from error
            except (pa.ArrowException, UnicodeDecodeError) as error:
                raise self._damage(error) from error
            if found != success.num_images or not schema.equals(record.schema.arrow):
                raise self._damage(f"its {found:,} rows are not those that were written")
            self._resources = stack.pop_all()
        metadata = self._file.metadata
        lengths = (metadata.row_group(i).num_rows for i in range(metadata.num_row_groups))
        self._starts = list(accumulate(lengths, initial=0))
        self.num_rows: int = self._starts.pop()
        self._held: OrderedDict[int, pa.Table] = OrderedDict()
        """Row groups, the one used longest ago first."""
        self._shard_starts: Ints | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.clear()
        self._resources.close()

    def row(self, index: int) -> LabelRow:
        group = bisect_right(self._starts, index) - 1
        table = self._held.pop(group, None)
        if table is None:
            try:
                table = self._file.read_row_group(group, use_threads=False)
            except (pa.ArrowException, OSError) as error:
                raise self._damage(error) from error
            while self._held and table.nbytes + self._num_held_bytes > MAX_HELD_BYTES:
                self._held.popitem(last=False)
        self._held[group] = table
        row: LabelRow = table.slice(index - self._starts[group], 1).to_pylist()[0]
        return row

    def starts_of(self, plan: Plan) -> Ints:
        """Where the rows of each shard begin; read once, a column of whole numbers."""
        if self._shard_starts is None:
            counts = np.zeros(plan.num_shards, np.int64)
            try:
                for batch in self._file.iter_batches(columns=["example_index"], use_threads=False):
                    shards = batch["example_index"].to_numpy() // plan.examples_per_shard
                    counts += np.bincount(shards, minlength=plan.num_shards)
            except (pa.ArrowException, OSError, ValueError) as error:
                raise self._damage(error) from error
            self._shard_starts = seams(counts)
        return self._shard_starts

    def rows(self) -> Iterator[LabelRow]:
        try:
            for batch in self._file.iter_batches(ROWS_AT_ONCE, use_threads=False):
                yield from batch.to_pylist()
        except (pa.ArrowException, OSError) as error:
            raise self._damage(error) from error

    @property
    def _num_held_bytes(self) -> int:
        return sum(table.nbytes for table in self._held.values())

    def _damage(self, error: object) -> DamageError:
        first_line = (str(error).splitlines() or [""])[0]
        return DamageError(f"{self._what} is damaged ({first_line}): {_MEND}")


def _finished(folder: OutputFolder) -> MergeResult:
    success = read_success(folder)
    if success is None:
        raise FolderError(
            f"the run in {folder.path} is not finished: run the command that rendered it again, "
            "then open it"
        )
    return success


@contextmanager
def _saying_how_to_mend() -> Iterator[None]:
    try:
        yield
    except DamageError as error:
        raise DamageError(f"{error}: {_MEND}") from error


def whole(read: PictureReader, row: LabelRow) -> bytes:
    """The encoded picture of a label row; ``DamageError`` if it isn't what was committed."""
    name: str = row["file_name"]
    with _saying_how_to_mend():
        data: bytes = read([name])[0]
    _check_whole(name, data, row["num_bytes"], row["crc32"])
    return data


def _all_whole(read: PictureReader, names: Sequence[str], rows: pa.Table) -> list[bytes]:
    with _saying_how_to_mend():
        data: list[bytes] = read(names)
    sums = rows["num_bytes"].to_pylist(), rows["crc32"].to_pylist()
    for name, picture, num_bytes, checksum in zip(names, data, *sums, strict=True):
        _check_whole(name, picture, num_bytes, checksum)
    return data


def _check_whole(name: str, data: bytes, num_bytes: int, checksum: int) -> None:
    if len(data) != num_bytes or crc32(data) != checksum:
        raise DamageError(f"{name} has other bytes than were committed: {_MEND}")
