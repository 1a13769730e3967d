"""Label rows as columns, and one shard's rows as a Parquet file.

Schemas, the conversion of the worker's arrays to Arrow (no row ever becomes a Python object), and
bytes in both directions. Where the bytes go and when they count is not known here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from shmtext.corpus.ragged import RaggedTexts
from shmtext.dataset.plan import Plan, Shard
from shmtext.errors import DamageError

LABELS = pa.schema(
    [
        ("file_name", pa.string()),
        ("text", pa.string()),
        ("example_index", pa.int64()),
        ("width_px", pa.int32()),
        ("height_px", pa.int32()),
        ("font", pa.string()),
        ("font_size_px", pa.int32()),
        ("font_color", pa.string()),
        ("background_color", pa.string()),
        ("num_bytes", pa.int32()),
        ("crc32", pa.uint32()),
    ]
)
"""One row a picture; ``file_name`` is the column that Hugging Face ``imagefolder`` looks for."""

SKIPPED = pa.schema(
    [
        ("example_index", pa.int64()),
        ("text", pa.string()),
        ("font", pa.string()),
        ("font_size_px", pa.int32()),
        ("reason", pa.string()),
        ("failed", pa.bool_()),
    ]
)
"""One row an example without a picture; ``failed`` where drawing it was tried."""

WRITE_OPTIONS = {
    # Off by default, and without it most flipped bits are read back as other labels.
    "write_page_checksum": True,
    # Columns of few values. For the others a dictionary is built, found too large and thrown away.
    "use_dictionary": [
        *("height_px", "font", "font_size_px", "font_color", "background_color"),
        *("reason", "failed"),
    ],
    # Half the bytes of none, for a tenth of a microsecond a row; zstd takes twice as long.
    "compression": "snappy",
    "write_statistics": False,
    # The Parquet types say all that these columns need: no Arrow schema beside them.
    "store_schema": False,
}
_MAX_TEXT_BYTES = 2**31 - 1


@dataclass(frozen=True, slots=True, eq=False)
class LabelColumns:
    """The rows of one shard's pictures, in example order; arrays of one length, ``num_rows``."""

    example_index: NDArray[np.int64]
    texts: RaggedTexts
    """What was drawn, line breaks included."""
    width_px: NDArray[np.int32]
    height_px: NDArray[np.int32]
    font_id: NDArray[np.integer]
    """Positions in ``font_names``."""
    font_names: tuple[str, ...]
    font_size_px: NDArray[np.int32]
    color_pair_id: NDArray[np.integer]
    """Positions in ``color_pairs``."""
    color_pairs: tuple[tuple[str, str], ...]
    """``(font_color, background_color)``."""
    num_bytes: NDArray[np.int32]
    """Size of each picture's file."""
    crc32: NDArray[np.uint32]
    """Of each picture's file."""

    def __post_init__(self) -> None:
        wanted = (len(self.texts),)
        for name in (
            *("example_index", "width_px", "height_px", "font_id"),
            *("font_size_px", "color_pair_id", "num_bytes", "crc32"),
        ):
            found = getattr(self, name).shape
            if found != wanted:
                raise ValueError(f"{name} must have the shape {wanted} of the texts, got {found}")


@dataclass(frozen=True, slots=True)
class SkippedRow:
    """An example that has no picture, and why."""

    example_index: int
    text: str
    font: str | None
    """Of what was being drawn; None where no font was chosen."""
    font_size_px: int | None
    reason: str
    failed: bool
    """Drawing was tried and failed, as opposed to known beforehand to be impossible."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """Everything a shard commits beside its pictures."""

    shard: Shard
    labels: bytes
    """The Parquet file of the label rows."""
    skipped: bytes | None
    """The Parquet file of the skipped rows; None where there are none."""
    num_rows: int
    num_skipped: int
    """Skipped examples that did not fail."""
    num_failed: int
    image_bytes: int
    """Sizes of all pictures together."""
    images_digest: str
    """See ``images_digest``."""


def build_fragment(
    plan: Plan, shard: Shard, columns: LabelColumns, skipped: Sequence[SkippedRow] = ()
) -> Fragment:
    """Turn a rendered shard's rows into what is committed."""
    num_failed = sum(row.failed for row in skipped)
    return Fragment(
        shard=shard,
        labels=fragment_bytes(label_table(plan, shard, columns)),
        skipped=fragment_bytes(skipped_table(skipped)) if skipped else None,
        num_rows=len(columns.texts),
        num_skipped=len(skipped) - num_failed,
        num_failed=num_failed,
        image_bytes=int(columns.num_bytes.sum(dtype=np.int64)),
        images_digest=images_digest(columns.example_index, columns.num_bytes, columns.crc32),
    )


def label_table(plan: Plan, shard: Shard, columns: LabelColumns) -> pa.Table:
    """A shard's label rows under the schema ``LABELS``."""
    texts = columns.texts
    if texts.values.size > _MAX_TEXT_BYTES:
        raise ValueError(f"a shard's texts must be under 2 GiB, got {texts.values.size:,} bytes")
    font_colors, background_colors = zip(*columns.color_pairs, strict=True)
    arrays = [
        _strings(*plan.file_names(shard, columns.example_index)),
        _strings(texts.values, texts.offsets.astype(np.int32)),
        columns.example_index,
        columns.width_px,
        columns.height_px,
        _chosen(columns.font_names, columns.font_id),
        columns.font_size_px,
        _chosen(font_colors, columns.color_pair_id),
        _chosen(background_colors, columns.color_pair_id),
        columns.num_bytes,
        columns.crc32,
    ]
    return pa.Table.from_arrays(
        [
            array if isinstance(array, pa.Array) else pa.array(array, field.type)
            for array, field in zip(arrays, LABELS, strict=True)
        ],
        schema=LABELS,
    )


def skipped_table(rows: Sequence[SkippedRow]) -> pa.Table:
    """Skipped rows, in example order, under the schema ``SKIPPED``."""
    in_order = sorted(rows, key=lambda row: row.example_index)
    return pa.Table.from_pydict(
        {name: [getattr(row, name) for row in in_order] for name in SKIPPED.names}, schema=SKIPPED
    )


def fragment_bytes(table: pa.Table) -> bytes:
    """The Parquet file of a table; the same bytes for the same rows."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, **WRITE_OPTIONS)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def read_fragment(data: bytes, schema: pa.Schema = LABELS, what: str = "a fragment") -> pa.Table:
    """Read back ``fragment_bytes``; ``DamageError`` names ``what`` if it isn't whole."""
    try:
        file = pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True)
        table = file.read(use_threads=False)
    except (pa.ArrowException, OSError) as error:
        first_line = str(error).splitlines()[0]
        raise DamageError(
            f"{what} is damaged: not a readable Parquet file ({first_line})"
        ) from error
    if not table.schema.equals(schema):
        raise DamageError(f"{what} is damaged: its columns are not those of this format")
    return table


def images_digest(
    example_index: NDArray[np.int64], num_bytes: NDArray[np.int32], crc32: NDArray[np.uint32]
) -> str:
    """SHA-256 over which pictures a shard has, their sizes and checksums.

    Little-endian whatever the machine, each column in one piece.
    """
    digest = hashlib.sha256()
    for column, dtype in ((example_index, "<i8"), (num_bytes, "<i4"), (crc32, "<u4")):
        digest.update(np.ascontiguousarray(column, dtype).data)
    return digest.hexdigest()


def _chosen(names: Sequence[str], which: NDArray[np.integer]) -> pa.StringArray:
    """The name that each row has. Arrow's own ``take`` would import all its functions first."""
    return pa.array(np.array(names, np.object_).take(which), pa.string())


def _strings(values: NDArray[np.uint8], offsets: NDArray[np.int32]) -> pa.StringArray:
    """Arrow's own layout: both arrays are taken as they are."""
    return pa.StringArray.from_buffers(
        offsets.size - 1, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(values))
    )
