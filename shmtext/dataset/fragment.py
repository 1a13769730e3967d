"""Label rows as columns, and one shard's rows as a Parquet file.

Rows are arrays, and bytes go in both directions. Which columns there are stands in ``columns.py``;
where the bytes go and when they count is not known here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from shmtext.columns import Column
from shmtext.corpus.ragged import RaggedTexts
from shmtext.dataset.columns import (
    CRC32,
    EXAMPLE_INDEX,
    FILE_NAME,
    NUM_BYTES,
    TEXT,
    LabelSchema,
    arrow_table,
)
from shmtext.dataset.plan import Shard
from shmtext.errors import DamageError

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

REPEATING_SKIPPED = ("font", "font_size_px", "reason", "failed")
"""Columns of ``SKIPPED`` that are worth a dictionary."""


@dataclass(frozen=True, slots=True, eq=False)
class PictureRows:
    """What every shard says of its pictures, in example order; all of one length, ``num_rows``."""

    file_names: RaggedTexts
    """From the container."""
    texts: RaggedTexts
    """What was drawn, line breaks included."""
    example_index: NDArray[np.int64]
    num_bytes: NDArray[np.int32]
    """Size of each encoded picture."""
    crc32: NDArray[np.uint32]
    """Of each encoded picture."""

    def columns(self, contributed: Sequence[Column]) -> list[Column]:
        """All columns of the label table, with ``contributed`` ones where they belong."""
        return [
            Column(FILE_NAME, self.file_names.values, self.file_names.offsets),
            Column(TEXT, self.texts.values, self.texts.offsets),
            Column(EXAMPLE_INDEX, self.example_index),
            *contributed,
            Column(NUM_BYTES, self.num_bytes),
            Column(CRC32, self.crc32),
        ]


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


@dataclass(frozen=True, slots=True, eq=False)
class Fragment:
    """Everything a shard commits beside its pictures."""

    shard: Shard
    rows: pa.Table
    """The label rows, in example order."""
    labels: bytes
    """The Parquet file of these."""
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
    shard: Shard,
    rows: PictureRows,
    contributed: Sequence[Column],
    skipped: Sequence[SkippedRow] = (),
) -> Fragment:
    """Turn a rendered shard's rows into what is committed."""
    num_failed = sum(row.failed for row in skipped)
    table, schema = label_table(rows, contributed)
    return Fragment(
        shard=shard,
        rows=table,
        labels=fragment_bytes(table, schema.repeating),
        skipped=fragment_bytes(skipped_table(skipped), REPEATING_SKIPPED) if skipped else None,
        num_rows=len(rows.texts),
        num_skipped=len(skipped) - num_failed,
        num_failed=num_failed,
        image_bytes=int(rows.num_bytes.sum(dtype=np.int64)),
        images_digest=images_digest(rows.example_index, rows.num_bytes, rows.crc32),
    )


def label_table(rows: PictureRows, contributed: Sequence[Column]) -> tuple[pa.Table, LabelSchema]:
    """A shard's label rows, and their columns."""
    columns = rows.columns(contributed)
    for column in columns:
        if len(column) != len(rows.texts):
            raise ValueError(
                f"column {column.spec.name} must have a value for each of {len(rows.texts)} texts, "
                f"got {len(column)}"
            )
    schema = LabelSchema(tuple(column.spec for column in columns))
    return arrow_table(columns), schema


def skipped_table(rows: Sequence[SkippedRow]) -> pa.Table:
    """Skipped rows, in example order, under the schema ``SKIPPED``."""
    in_order = sorted(rows, key=lambda row: row.example_index)
    return pa.Table.from_pydict(
        {name: [getattr(row, name) for row in in_order] for name in SKIPPED.names}, schema=SKIPPED
    )


def write_options(repeating: Sequence[str]) -> dict[str, Any]:
    """How Parquet is written; ``repeating`` are the columns that are worth a dictionary."""
    return {
        # Off by default, and without it most flipped bits are read back as other labels.
        "write_page_checksum": True,
        # For other columns a dictionary would be built, found too large and thrown away.
        "use_dictionary": list(repeating),
        # Half the bytes of none, for a tenth of a microsecond a row; zstd takes twice as long.
        "compression": "snappy",
        "write_statistics": False,
        # The Parquet types say all that these columns need: no Arrow schema beside them.
        "store_schema": False,
    }


def fragment_bytes(table: pa.Table, repeating: Sequence[str]) -> bytes:
    """The Parquet file of a table; the same bytes for the same rows."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, **write_options(repeating))
    data: bytes = sink.getvalue().to_pybytes()
    return data


def read_fragment(data: bytes, schema: pa.Schema, what: str = "a fragment") -> pa.Table:
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
