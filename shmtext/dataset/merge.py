"""Fragments, in shard order, become the label table, and the run is declared done.

``metadata.parquet``, ``labels.csv`` and ``skipped.parquet`` are streamed side by side with never
more than a row group and a shard in memory; ``_SUCCESS.json`` is written once all three are
durable. All four depend on the committed rows alone, so a merge that was cut short is done again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from shmtext.dataset.folder import STAGE, FileBytes, OutputFolder, StagedFile
from shmtext.dataset.fragment import LABELS, SKIPPED, WRITE_OPTIONS
from shmtext.dataset.manifest import Manifest, read_labels, read_skipped
from shmtext.dataset.plan import Plan
from shmtext.dataset.sealed import check_types, seal, unseal
from shmtext.errors import DamageError, StorageError

METADATA = "metadata.parquet"
CSV = "labels.csv"
SKIPPED_TABLE = "skipped.parquet"
SUCCESS = "_SUCCESS.json"
SUCCESS_VERSION = 1
BYTES_PER_GROUP = 16 * 2**20
"""More than that is written before there are as many rows: texts may be long, and writing takes
five times their bytes."""
ROWS_PER_GROUP = 65_536
"""Some 4 MB of labels: what a reader, and this writer, holds at a time."""
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


class _SummedFile:
    """Passes writes on and keeps their size and hash. As much of a file as pyarrow asks for."""

    def __init__(self, file: StagedFile) -> None:
        self._file = file
        self._sha256 = hashlib.sha256()
        self._num_bytes = 0

    def write(self, data: FileBytes) -> int:
        num_bytes = self._file.write(data)
        self._sha256.update(data)
        self._num_bytes += num_bytes
        return num_bytes

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """The file is closed by whoever lent it."""

    @property
    def closed(self) -> bool:
        return self._file.closed

    @property
    def sum(self) -> FileSum:
        return FileSum(self._num_bytes, self._sha256.hexdigest())


def merge_labels(
    folder: OutputFolder, plan: Plan, manifests: Mapping[int, Manifest], csv: bool
) -> MergeResult:
    """Write the label table of a run whose every shard is committed, and its ``_SUCCESS.json``.

    Raises ``DamageError`` naming the shard whose fragment is not what its manifest says.
    """
    missing = [shard.index for shard in plan.shards() if shard.index not in manifests]
    if missing:
        raise DamageError(
            f"shard {missing[0]} is not committed ({len(missing)} are not): run the same command "
            "again to render what is missing"
        )
    remove_success(folder)
    ordered = [manifests[shard.index] for shard in plan.shards()]
    files: dict[str, FileSum] = {}
    _write_labels(folder, plan, ordered, csv, files)
    if not csv:
        folder.remove_file(CSV)
    if any(manifest.skipped_bytes is not None for manifest in ordered):
        with _parquet_file(folder, SKIPPED_TABLE, SKIPPED, files) as write:
            for table in _in_row_groups(_skipped_tables(folder, plan, ordered)):
                write(table)
    else:
        folder.remove_file(SKIPPED_TABLE)
    result = MergeResult(
        num_images=sum(manifest.num_rows for manifest in ordered),
        num_skipped=sum(manifest.num_skipped for manifest in ordered),
        num_failed=sum(manifest.num_failed for manifest in ordered),
        image_bytes=sum(manifest.image_bytes for manifest in ordered),
        digest=run_digest(ordered),
        fingerprint=ordered[0].fingerprint if ordered else "",
        files=files,
    )
    data = seal({"version": SUCCESS_VERSION, **asdict(result)}, readable=True)
    folder.write_file(SUCCESS, data, sync=True)
    with suppress(StorageError):  # everything is done: what stays is swept by the next run
        folder.remove_tree(STAGE)
    return result


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


def run_digest(ordered: list[Manifest]) -> str:
    """SHA-256 over all that was committed, shard by shard in order."""
    digest = hashlib.sha256()
    for manifest in ordered:
        sums = (manifest.images_digest, manifest.fragment_crc32, manifest.skipped_crc32)
        digest.update(f"{manifest.shard} {sums}\n".encode())
    return digest.hexdigest()


def _label_tables(folder: OutputFolder, plan: Plan, ordered: list[Manifest]) -> Iterator[pa.Table]:
    for shard, manifest in zip(plan.shards(), ordered, strict=True):
        yield read_labels(folder, shard, manifest)


def _skipped_tables(
    folder: OutputFolder, plan: Plan, ordered: list[Manifest]
) -> Iterator[pa.Table]:
    for shard, manifest in zip(plan.shards(), ordered, strict=True):
        table = read_skipped(folder, shard, manifest)
        if table is not None:
            yield table


def _in_row_groups(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Cut a stream of tables anew, ``ROWS_PER_GROUP`` rows each unless they are very large."""
    held: list[pa.Table] = []
    num_held = num_held_bytes = 0
    for table in tables:
        held.append(table)
        num_held += table.num_rows
        num_held_bytes += table.nbytes
        while num_held >= ROWS_PER_GROUP:
            joined = pa.concat_tables(held)
            yield joined.slice(0, ROWS_PER_GROUP).combine_chunks()
            held = [joined.slice(ROWS_PER_GROUP)]
            num_held -= ROWS_PER_GROUP
            num_held_bytes = held[0].nbytes
        if num_held_bytes >= BYTES_PER_GROUP:
            yield pa.concat_tables(held).combine_chunks()
            held, num_held, num_held_bytes = [], 0, 0
    if num_held:
        yield pa.concat_tables(held).combine_chunks()


def _write_labels(
    folder: OutputFolder,
    plan: Plan,
    ordered: list[Manifest],
    csv: bool,
    files: dict[str, FileSum],
) -> None:
    with ExitStack() as stack:
        writes = [stack.enter_context(_parquet_file(folder, METADATA, LABELS, files))]
        if csv:
            writes.append(stack.enter_context(_csv_file(folder, files)))
        for table in _in_row_groups(_label_tables(folder, plan, ordered)):
            for write in writes:
                write(table)


@contextmanager
def _parquet_file(
    folder: OutputFolder, name: str, schema: pa.Schema, files: dict[str, FileSum]
) -> Iterator[Callable[[pa.Table], Any]]:
    with folder.replace_file(name, sync=True) as file:
        summed = _SummedFile(file)
        with pq.ParquetWriter(pa.PythonFile(summed, "w"), schema, **WRITE_OPTIONS) as writer:
            yield writer.write_table
        files[name] = summed.sum


@contextmanager
def _csv_file(
    folder: OutputFolder, files: dict[str, FileSum]
) -> Iterator[Callable[[pa.Table], Any]]:
    schema = pa.schema([("filename", pa.string()), ("label", pa.string())])
    with folder.replace_file(CSV, sync=True) as file:
        summed = _SummedFile(file)
        # The header by hand: pyarrow would put quotes around names that need none.
        summed.write(b"filename,label\n")
        options = pa_csv.WriteOptions(include_header=False)
        with pa_csv.CSVWriter(pa.PythonFile(summed, "w"), schema, write_options=options) as writer:
            yield lambda table: writer.write_table(
                table.select(["file_name", "text"]).rename_columns(schema.names)
            )
        files[CSV] = summed.sum
