"""Fragments, in shard order, become the label table, and the run is declared done.

``metadata.parquet``, ``labels.csv`` and ``skipped.parquet`` are streamed side by side under
``_stage/`` with never more than a row group and a shard in memory: while the run goes on, if its
main process has time, the rest at its end. ``_SUCCESS.json`` is written once all three are in place
and durable. All four depend on the committed rows alone, whenever they were merged, so a merge that
was cut short is done again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Protocol, Self

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from shmtext.dataset.folder import STAGE, OutputFolder
from shmtext.dataset.fragment import REPEATING_SKIPPED, SKIPPED, write_options
from shmtext.dataset.manifest import (
    Manifest,
    committed_manifest,
    committed_shards,
    labels_name,
    manifest_name,
    read_labels,
    read_skipped,
    uncommit,
)
from shmtext.dataset.record import RunRecord
from shmtext.dataset.sealed import check_types, seal, unseal
from shmtext.dataset.summed import SummedFile
from shmtext.errors import DamageError, ShmtextError, StorageError

METADATA = "metadata.parquet"
CSV = "labels.csv"
SKIPPED_TABLE = "skipped.parquet"
SUCCESS = "_SUCCESS.json"
MOST_HEADER_BYTES = 1 << 16
SUCCESS_VERSION = 1
BYTES_PER_GROUP = 16 * 2**20
"""More than that is written before there are as many rows: texts may be long, and writing takes
five times their bytes."""
ROWS_PER_GROUP = 65_536
"""Some 4 MB of labels: what a reader, and this writer, holds at a time."""
MAX_HELD_TABLES = 256
"""Then they are made one: a table of few rows takes sixteen kilobytes beside these."""
AHEAD = 16
"""Shards whose labels are asked for before their turn, where it takes long to get them."""
_COMMITTED, _EXPECTED = 1, 2
_TYPES = {
    **dict.fromkeys(("version", "num_images", "num_skipped", "num_failed", "image_bytes"), int),
    **dict.fromkeys(("digest", "fingerprint"), str),
    "files": dict,
}


@dataclass(frozen=True, slots=True)
class FileSum:
    """Size and SHA-256 of a file."""

    num_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class MergeResult:
    """What ``_SUCCESS.json`` says of a finished run; equal runs, equal values."""

    num_images: int
    num_skipped: int
    """Skipped examples that did not fail."""
    num_failed: int
    image_bytes: int
    digest: str
    """Over every picture and every label row."""
    fingerprint: str
    files: Mapping[str, FileSum]
    """The label table and whatever else was written beside it."""


class LabelMerge:
    """The merge of one run, a shard at a time. Left without ``finish``, nothing remains of it.

    A context manager. What it holds does not grow with the run, but for a byte a shard and what
    Parquet notes of each row group.
    """

    def __init__(self, folder: OutputFolder, record: RunRecord, csv_header: str | None) -> None:
        self._folder = folder
        self._record = record
        self._csv_header = csv_header
        """The first line of ``labels.csv``: two names that need no quotes. None: there is none."""
        self._is_committed = bytearray(record.plan.num_shards)
        self._waits_for_the_end = False
        """Something went wrong: no shard is merged before all are committed."""
        self._start()

    def _start(self) -> None:
        self._next = 0
        """The first shard that is not merged."""
        self._label_groups = _RowGroups()
        self._skipped_groups = _RowGroups()
        self._label_files: list[_TableFile] = []
        self._skipped_file: _TableFile | None = None
        self._num_images = self._num_skipped = self._num_failed = self._image_bytes = 0
        self._digest = hashlib.sha256()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._discard()

    def committed(self, shard: int) -> None:
        """Note that a shard is committed, in any order."""
        self._is_committed[shard] = self._is_committed[shard] or _COMMITTED
        self._expect()

    def advance(self) -> bool:
        """Merge the shard that is next in line, if it is committed; False where none was merged.

        Takes a millisecond or two, now and then the 50 of a row group. Raises no ``ShmtextError``:
        if something goes wrong, ``finish`` starts anew and raises what is still wrong then, when
        all that can be is committed.
        """
        if self._waits_for_the_end or self._next == len(self._is_committed):
            return False
        if not self._is_committed[self._next]:
            return False
        try:
            manifest = self._manifest(self._next)
            if manifest is None:
                return False
            self._merge(manifest)
        except ShmtextError:
            self._waits_for_the_end = True
            self._discard()
            return False
        return True

    def finish(self) -> MergeResult:
        """Merge the rest, put all files in place, and declare the run done.

        Raises ``DamageError`` naming the shard that is not committed, or whose fragment is not what
        its manifest says, and ``StorageError``.
        """
        left = range(self._next, len(self._is_committed))
        if missing := self._missing(left):
            raise DamageError(
                f"shard {missing[0]} is not committed ({len(missing)} are not): run the same "
                "command again to render what is missing"
            )
        remove_success(self._folder)
        for shard in left:
            self.committed(shard)
        for shard in left:
            manifest = self._manifest(shard)
            if manifest is None:
                raise DamageError(f"shard {shard} is not committed any more: run the same command")
            try:
                self._merge(manifest)
            except DamageError:
                if self._folder.is_durable:
                    # A look at sizes does not tell: the next run would come to this again.
                    uncommit(self._folder, shard)
                raise
        result = self._result(self._publish())
        data = seal({"version": SUCCESS_VERSION, **asdict(result)}, readable=True)
        self._folder.write_file(SUCCESS, data, sync=True)
        with suppress(StorageError):  # everything is done: what stays is swept by the next run
            self._folder.remove_tree(STAGE)
        return result

    def _missing(self, shards: range) -> list[int]:
        plan, fingerprint = self._record.plan, self._record.fingerprint
        there, _ = committed_shards(self._folder, plan, fingerprint, shards)
        return [shard for shard in shards if shard not in there]

    def _expect(self) -> None:
        """Tell the folder what is read next, as far as it is committed."""
        for shard in range(self._next, min(self._next + AHEAD, len(self._is_committed))):
            if self._is_committed[shard] == _COMMITTED:
                self._is_committed[shard] = _EXPECTED
                self._folder.expect((manifest_name(shard), labels_name(shard)))

    def _manifest(self, shard: int) -> Manifest | None:
        record = self._record
        return committed_manifest(self._folder, record.plan.shard(shard), record.fingerprint)

    def _merge(self, manifest: Manifest) -> None:
        shard = self._record.plan.shard(manifest.shard)
        labels = read_labels(self._folder, shard, manifest, self._record.schema)
        skipped = read_skipped(self._folder, shard, manifest)
        self._open_label_files()
        for group in self._label_groups.add(labels):
            self._write_labels(group)
        if skipped is not None:
            for group in self._skipped_groups.add(skipped):
                self._write_skipped(group)
        self._num_images += manifest.num_rows
        self._num_skipped += manifest.num_skipped
        self._num_failed += manifest.num_failed
        self._image_bytes += manifest.image_bytes
        self._digest.update(_digest_line(manifest))
        self._next += 1
        self._expect()

    @property
    def _files(self) -> list[_TableFile]:
        """All that were begun."""
        return [*self._label_files, *([self._skipped_file] if self._skipped_file else [])]

    def _open_label_files(self) -> None:
        if self._label_files:
            return
        schema = self._record.schema
        self._label_files.append(
            _parquet_file(self._folder, METADATA, schema.arrow, schema.repeating)
        )
        if self._csv_header is not None:
            self._label_files.append(_csv_file(self._folder, self._csv_header))

    def _write_labels(self, group: pa.Table) -> None:
        for file in self._label_files:
            file.write(group)

    def _write_skipped(self, group: pa.Table) -> None:
        if self._skipped_file is None:
            self._skipped_file = _parquet_file(
                self._folder, SKIPPED_TABLE, SKIPPED, REPEATING_SKIPPED
            )
        self._skipped_file.write(group)

    def _publish(self) -> dict[str, FileSum]:
        """Write what is held and put all files in place, durably."""
        self._open_label_files()
        for group in self._label_groups.rest():
            self._write_labels(group)
        for group in self._skipped_groups.rest():
            self._write_skipped(group)
        files = {file.name: file.publish() for file in self._files}
        for name in (CSV, SKIPPED_TABLE):
            if name not in files:
                self._folder.remove_file(name)
        return files

    def _result(self, files: Mapping[str, FileSum]) -> MergeResult:
        return MergeResult(
            num_images=self._num_images,
            num_skipped=self._num_skipped,
            num_failed=self._num_failed,
            image_bytes=self._image_bytes,
            digest=self._digest.hexdigest(),
            fingerprint=self._record.fingerprint,
            files=files,
        )

    def _discard(self) -> None:
        """Remove the files that are not in place, and forget what was merged."""
        for file in self._files:
            file.give_up()
        for file in self._files:
            file.remove()
        self._start()


def merge_labels(folder: OutputFolder, record: RunRecord, csv_header: str | None) -> MergeResult:
    """Write the label table of a run whose every shard is committed, and its ``_SUCCESS.json``.

    Raises what ``LabelMerge.finish`` does.
    """
    with LabelMerge(folder, record, csv_header) as merge:
        return merge.finish()


def csv_header(folder: OutputFolder) -> str | None:
    """The first line of ``labels.csv``; None where there is no such file, or none of a run's."""
    with folder.errors_of("read", CSV):
        try:
            start = folder.read_start(CSV, MOST_HEADER_BYTES)
        except (FileNotFoundError, DamageError):
            return None
    return start.partition(b"\n")[0].decode("utf-8", "replace")


def read_success(folder: OutputFolder) -> MergeResult | None:
    """What a finished run said of itself; None where it is not finished."""
    data = folder.read_file(SUCCESS)
    if data is None:
        return None
    what = str(folder.path / SUCCESS)
    value = unseal(data, what, SUCCESS_VERSION)
    check_types(what, value, _TYPES)
    del value["version"]
    files = value.pop("files")
    for file in files.values():
        check_types(what, file, {"num_bytes": int, "sha256": str})
    return MergeResult(files={name: FileSum(**file) for name, file in files.items()}, **value)


def remove_success(folder: OutputFolder) -> None:
    """Declare the run unfinished, durably, before anything of it is redone."""
    if folder.remove_file(SUCCESS):
        folder.sync_folder()


def run_digest(ordered: Iterable[Manifest]) -> str:
    """SHA-256 over all that was committed, shard by shard in order."""
    digest = hashlib.sha256()
    for manifest in ordered:
        digest.update(_digest_line(manifest))
    return digest.hexdigest()


def _digest_line(manifest: Manifest) -> bytes:
    return f"{manifest.shard} {manifest.content}\n".encode()


class _RowGroups:
    """Cuts a stream of tables anew, ``ROWS_PER_GROUP`` rows each unless they are very large."""

    def __init__(self) -> None:
        self._held: list[pa.Table] = []
        self._num_held = self._num_held_bytes = 0

    def add(self, table: pa.Table) -> Iterator[pa.Table]:
        """Take a table; yield the groups that are full."""
        self._held.append(table)
        self._num_held += table.num_rows
        self._num_held_bytes += table.nbytes
        while self._num_held >= ROWS_PER_GROUP:
            joined = pa.concat_tables(self._held)
            self._held = [joined.slice(ROWS_PER_GROUP)]
            self._num_held -= ROWS_PER_GROUP
            self._num_held_bytes = self._held[0].nbytes
            yield joined.slice(0, ROWS_PER_GROUP).combine_chunks()
        if self._num_held_bytes >= BYTES_PER_GROUP:
            yield from self.rest()
        if len(self._held) >= MAX_HELD_TABLES:
            self._held = [pa.concat_tables(self._held).combine_chunks()]

    def rest(self) -> Iterator[pa.Table]:
        """Yield what is held, if that is anything."""
        held, num_held = self._held, self._num_held
        self._held, self._num_held, self._num_held_bytes = [], 0, 0
        if num_held:
            yield pa.concat_tables(held).combine_chunks()


class _Writer(Protocol):
    """What pyarrow's writers have in common."""

    def write_table(self, table: pa.Table) -> None: ...

    def close(self) -> None: ...


class _TableFile:
    """One of the run's tables, written a row group at a time under ``_stage/``."""

    def __init__(
        self, folder: OutputFolder, name: str, open_writer: Callable[[SummedFile], _Writer]
    ) -> None:
        self.name = name
        self._folder = folder
        self._file = folder.stage_file(name)
        self._sha256 = hashlib.sha256()
        self._summed = SummedFile(self._file, self._sha256.update)
        self._writer: _Writer | None = None
        try:
            with folder.errors_of("write", name):
                self._writer = open_writer(self._summed)
        except BaseException:
            self._file.discard()
            raise

    def write(self, group: pa.Table) -> None:
        assert self._writer is not None
        with self._folder.errors_of("write", self.name):
            self._writer.write_table(group)

    def publish(self) -> FileSum:
        """Put the table in place, durably."""
        assert self._writer is not None
        with self._folder.errors_of("write", self.name):
            self._writer.close()
        self._writer = None
        self._file.publish(sync=True)
        return FileSum(self._summed.num_bytes, self._sha256.hexdigest())

    def give_up(self) -> None:
        """Write nothing more, whatever is asked."""
        self._summed.is_given_up = True
        writer, self._writer = self._writer, None
        if writer is not None:
            # Left to the garbage collector, it would complain that it cannot write any more.
            with suppress(pa.ArrowException, OSError):
                writer.close()

    def remove(self) -> None:
        """Remove the file, unless it is in place."""
        self._file.discard()


def _parquet_file(
    folder: OutputFolder, name: str, schema: pa.Schema, repeating: Sequence[str]
) -> _TableFile:
    def open_writer(file: SummedFile) -> _Writer:
        options = write_options(repeating)
        writer: _Writer = pq.ParquetWriter(pa.PythonFile(file, "w"), schema, **options)
        return writer

    return _TableFile(folder, name, open_writer)


class _CsvWriter:
    """File names and texts of label rows."""

    _SCHEMA = pa.schema([("file_name", pa.string()), ("text", pa.string())])

    def __init__(self, file: SummedFile, header: str) -> None:
        # The header by hand: pyarrow would put quotes around names that need none.
        file.write(f"{header}\n".encode())
        options = pa_csv.WriteOptions(include_header=False)
        self._writer = pa_csv.CSVWriter(
            pa.PythonFile(file, "w"), self._SCHEMA, write_options=options
        )

    def write_table(self, table: pa.Table) -> None:
        self._writer.write_table(table.select(self._SCHEMA.names).cast(self._SCHEMA))

    def close(self) -> None:
        self._writer.close()


def _csv_file(folder: OutputFolder, header: str) -> _TableFile:
    return _TableFile(folder, CSV, lambda file: _CsvWriter(file, header))
