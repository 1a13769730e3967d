"""Which columns a run's label table has, and a ``Column``'s arrays as Arrow's.

Five columns are known here, because the dataset itself lives by them; every other is declared and
filled by whoever knows it. No row ever becomes a Python object.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from shmtext.columns import ITEM_SIZES, Column, ColumnSpec, Kind
from shmtext.corpus.ragged import RaggedTexts
from shmtext.errors import ConfigError

FILE_NAME = ColumnSpec(
    "file_name",
    "string",
    "where the picture is; what Hugging Face imagefolder looks for",
)
TEXT = ColumnSpec("text", "string", "exactly what was drawn, line breaks included")
EXAMPLE_INDEX = ColumnSpec("example_index", "int64", "number of the text in the corpus, from 0")
NUM_BYTES = ColumnSpec("num_bytes", "int32", "size of the encoded picture")
CRC32 = ColumnSpec("crc32", "uint32", "CRC-32 of the encoded picture")

BEFORE = (FILE_NAME, TEXT, EXAMPLE_INDEX)
AFTER = (NUM_BYTES, CRC32)
"""Contributed columns stand between these."""


def _list_of(element: pa.DataType) -> pa.DataType:
    # Its field has the name under which Parquet's readers give it back.
    return pa.list_(pa.field("element", element))


# Items are no fixed-size lists: Parquet has none, they would be read back as these.
_ARROW: Mapping[Kind, pa.DataType] = {
    "string": pa.string(),
    "bool": pa.bool_(),
    "int16": pa.int16(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "uint32": pa.uint32(),
    "float32": pa.float32(),
    "list<int32>": _list_of(pa.int32()),
    "list<int32[2]>": _list_of(_list_of(pa.int32())),
    "list<int16[4]>": _list_of(_list_of(pa.int16())),
    "list<int16[8]>": _list_of(_list_of(pa.int16())),
}
_LEAF: Mapping[Kind, str] = {
    "list<int32>": ".list.element",
    **dict.fromkeys(ITEM_SIZES, ".list.element.list.element"),
}
_MAX_OFFSET = 2**31 - 1


@dataclass(frozen=True, slots=True)
class LabelSchema:
    """The columns of a label table, in order."""

    columns: tuple[ColumnSpec, ...]

    def __post_init__(self) -> None:
        names = [column.name for column in self.columns]
        if len(set(names)) < len(names):
            raise ConfigError(f"each column must have a name of its own, got {', '.join(names)}")
        core = [(column.name, column.kind) for column in (*BEFORE, *AFTER)]
        ends = (*self.columns[: len(BEFORE)], *self.columns[-len(AFTER) :])
        if [(column.name, column.kind) for column in ends] != core:
            raise ConfigError(
                f"columns must begin with {', '.join(each.name for each in BEFORE)} and end with "
                f"{', '.join(each.name for each in AFTER)}, got {', '.join(names)}"
            )

    @classmethod
    def of(cls, contributed: Sequence[ColumnSpec]) -> LabelSchema:
        """The table's own columns, with those between that others contribute."""
        return cls((*BEFORE, *contributed, *AFTER))

    @classmethod
    def from_json(cls, value: Sequence[Mapping[str, Any]]) -> LabelSchema:
        """What ``as_json`` gave; ``TypeError`` or ``ConfigError`` for anything else."""
        return cls(tuple(ColumnSpec(**column) for column in value))

    def as_json(self) -> list[dict[str, Any]]:
        """As it stands in ``run.json``."""
        return [asdict(column) for column in self.columns]

    @property
    def arrow(self) -> pa.Schema:
        """For Arrow, and as any Parquet reader gives it back."""
        return pa.schema([(column.name, _ARROW[column.kind]) for column in self.columns])

    @property
    def repeating(self) -> list[str]:
        """Parquet's paths of the columns that are worth a dictionary."""
        repeating = [column for column in self.columns if column.repeats]
        return [f"{column.name}{_LEAF.get(column.kind, '')}" for column in repeating]

    def is_like(self, other: LabelSchema) -> bool:
        """Whether equal rows come to equal bytes under both, whatever is said about columns."""
        ours, theirs = (
            [(column.name, column.kind, column.repeats) for column in schema.columns]
            for schema in (self, other)
        )
        return ours == theirs


def arrow_table(columns: Sequence[Column]) -> pa.Table:
    """Columns of one length, from ``file_name`` to ``crc32``, as a table of their schema."""
    schema = LabelSchema(tuple(column.spec for column in columns)).arrow
    return pa.Table.from_arrays([arrow_array(column) for column in columns], schema=schema)


def label_rows(columns: Sequence[Column]) -> list[dict[str, Any]]:
    """Columns of one length as rows, as a label table gives them back."""
    names = [column.spec.name for column in columns]
    values = (arrow_array(column).to_pylist() for column in columns)
    return [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]


def arrow_array(column: Column) -> pa.Array:
    """A column in Arrow's own layout; no copy but of choices, and of seams that are too wide."""
    arrow_type = _ARROW[column.spec.kind]
    if column.choices is not None:
        # Arrow's own ``take`` would import all its functions first.
        chosen = np.array(column.choices, np.object_).take(column.values)
        return pa.array(chosen, arrow_type)
    if column.offsets is None:
        return pa.array(column.values, arrow_type)
    offsets = _offsets(column.spec.name, column.offsets)
    if column.spec.kind == "string":
        values = pa.py_buffer(np.ascontiguousarray(column.values))
        return pa.StringArray.from_buffers(offsets.size - 1, pa.py_buffer(offsets), values)
    item_type, elements = arrow_type.value_type, column.values.ravel()
    if column.spec.kind in ITEM_SIZES:
        numbers = pa.array(elements, item_type.value_type)
        seams = np.arange(0, elements.size + 1, ITEM_SIZES[column.spec.kind], dtype=np.int32)
        items = pa.ListArray.from_arrays(seams, numbers, type=item_type)
    else:
        items = pa.array(elements, item_type)
    return pa.ListArray.from_arrays(offsets, items, type=arrow_type)


def _offsets(name: str, offsets: NDArray[np.integer]) -> NDArray[np.int32]:
    if offsets[-1] > _MAX_OFFSET:
        raise ValueError(
            f"a shard's column {name} must be under 2 GiB, got {int(offsets[-1]):,} bytes or items"
        )
    return offsets.astype(np.int32, copy=False)


def texts_of(column: pa.ChunkedArray | pa.Array) -> RaggedTexts:
    """A column of strings without gaps as flat arrays; no copy where it is in one piece."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(array, pa.ChunkedArray):  # of no chunk at all, or of too many bytes for one
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], pa.string())
    _, offset_bytes, values = array.buffers()
    offsets = np.frombuffer(offset_bytes, np.int32)[array.offset :][: len(array) + 1]
    if not len(array):
        return RaggedTexts(np.zeros(0, np.uint8), np.zeros(1, np.int64))
    first = int(offsets[0])
    held = np.frombuffer(values, np.uint8) if values is not None else np.zeros(0, np.uint8)
    return RaggedTexts(held[first : offsets[-1]], offsets.astype(np.int64) - first)
