from __future__ import annotations

import io
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shmtext.columns import ITEM_SIZES, Column, ColumnSpec, Kind
from shmtext.corpus.ragged import pack_texts
from shmtext.dataset.columns import AFTER, BEFORE, LabelSchema, arrow_array
from shmtext.dataset.fragment import PictureRows, fragment_bytes, label_table, read_fragment
from shmtext.errors import ConfigError

NUMBERS: dict[Kind, tuple[type[np.generic], list[Any]]] = {
    "bool": (np.bool_, [True, False, True]),
    "int16": (np.int16, [-(2**15), 0, 2**15 - 1]),
    "int32": (np.int32, [-(2**31), 0, 2**31 - 1]),
    "int64": (np.int64, [-(2**63), 0, 2**63 - 1]),
    "uint32": (np.uint32, [0, 1, 2**32 - 1]),
    "float32": (np.float32, [-1.5, 0.0, float("inf")]),
}


def spec(kind: Kind, name: str = "it", *, repeats: bool = False) -> ColumnSpec:
    return ColumnSpec(name, kind, "what it says", repeats)


def written(*columns: Column) -> bytes:
    num_rows = len(columns[0])
    ones = np.ones(num_rows, np.int32)
    texts = pack_texts(map(str, range(num_rows)))
    rows = PictureRows(texts, texts, np.arange(num_rows), ones, ones.astype(np.uint32))
    table, schema = label_table(rows, columns)
    return fragment_bytes(table, schema.repeating)


def read_back(*columns: Column) -> list[list[Any]]:
    """Values of columns that were written with a shard's labels."""
    schema = LabelSchema.of([column.spec for column in columns])
    table = read_fragment(written(*columns), schema.arrow, "it")
    return [table[column.spec.name].to_pylist() for column in columns]


@pytest.mark.parametrize("kind", NUMBERS)
@pytest.mark.parametrize("repeats", [False, True])
def test_numbers_are_read_back(kind: Kind, repeats: bool) -> None:
    dtype, values = NUMBERS[kind]
    column = Column(spec(kind, repeats=repeats), np.array(values, dtype))

    assert [values] == read_back(column)


@given(st.lists(st.lists(st.integers(-(2**31), 2**31 - 1), max_size=4), min_size=1, max_size=9))
def test_lists_are_read_back(rows: list[list[int]]) -> None:
    values = np.array([each for row in rows for each in row], np.int32)
    offsets = np.cumsum([0, *map(len, rows)])

    assert [rows] == read_back(Column(spec("list<int32>"), values, offsets))


@given(st.lists(st.integers(0, 3), min_size=1), st.sampled_from(sorted(ITEM_SIZES)))
def test_lists_of_items_are_read_back(lengths: list[int], kind: Kind) -> None:
    dtype = np.int16 if "int16" in kind else np.int32
    limits = np.iinfo(dtype)
    values = np.random.default_rng(sum(lengths)).integers(
        limits.min, limits.max, (sum(lengths), ITEM_SIZES[kind]), dtype, endpoint=True
    )
    offsets = np.cumsum([0, *lengths])
    (found,) = read_back(Column(spec(kind), values, offsets))

    assert [values[a:b].tolist() for a, b in pairwise(offsets.tolist())] == found


def test_strings_by_choice_are_those_by_seams() -> None:
    names = ["b", "", "b", "日本語"]
    packed = pack_texts(names)
    chosen = Column(spec("string"), np.array([1, 0, 1, 2]), choices=("", "b", "日本語"))
    spelled = Column(spec("string"), packed.values, packed.offsets)

    assert [names] == read_back(chosen) == read_back(spelled)
    assert written(chosen) == written(spelled)


def test_numbers_become_arrow_s_without_a_copy() -> None:
    values = np.arange(5, dtype=np.int32)

    assert arrow_array(Column(spec("int32"), values)).buffers()[1].address == values.ctypes.data


def test_columns_that_repeat_are_written_with_a_dictionary_and_no_others() -> None:
    ones = np.ones(3, np.int32)
    columns = [
        Column(spec("int32", "plain"), ones),
        Column(spec("int32", "many", repeats=True), ones),
        Column(spec("list<int32>", "lists", repeats=True), ones, np.arange(4)),
        Column(
            spec("list<int16[4]>", "boxes", repeats=True), np.ones((3, 4), np.int16), np.arange(4)
        ),
    ]
    group = pq.ParquetFile(io.BytesIO(written(*columns))).metadata.row_group(0)
    chunks = [group.column(i) for i in range(group.num_columns)]
    found = {chunk.path_in_schema.split(".")[0] for chunk in chunks if chunk.has_dictionary_page}

    assert {"many", "lists", "boxes"} == found


def test_contributed_columns_stand_in_order_between_the_table_s_own() -> None:
    schema = LabelSchema.of([spec("bool", "b"), spec("int16", "a")])

    assert [
        *("file_name", "text", "example_index"),
        *("b", "a"),
        *("num_bytes", "crc32"),
    ] == schema.arrow.names


def test_a_schema_is_read_back_from_its_json() -> None:
    schema = LabelSchema.of([spec("list<int16[4]>"), spec("string", "other", repeats=True)])

    assert schema == LabelSchema.from_json(schema.as_json())
    assert schema.arrow.equals(LabelSchema.from_json(schema.as_json()).arrow)


@pytest.mark.parametrize(
    "columns",
    [
        (),
        (*BEFORE,),
        (*BEFORE, *BEFORE, *AFTER),
        (*BEFORE, spec("bool", "text"), *AFTER),
        (*BEFORE, spec("bool"), spec("int16"), *AFTER),
        (replace(BEFORE[0], kind="int32"), *BEFORE[1:], *AFTER),
        (*AFTER, *BEFORE),
    ],
)
def test_a_table_without_its_own_columns_or_with_two_of_a_name_is_refused(
    columns: tuple[ColumnSpec, ...],
) -> None:
    with pytest.raises(ConfigError, match="column"):
        LabelSchema(columns)


@pytest.mark.parametrize(("name", "kind"), [("", "bool"), ("a b", "bool"), ("a", "int8")])
def test_a_declaration_that_is_none_is_refused(name: str, kind: Any) -> None:
    with pytest.raises(ConfigError, match="column"):
        ColumnSpec(name, kind, "")


@pytest.mark.parametrize(
    ("kind", "shape", "more"),
    [
        ("int32", (2, 2), {}),
        ("int32", (2,), {"offsets": np.arange(3)}),
        ("int32", (2,), {"choices": ("a", "b")}),
        ("string", (2,), {}),
        ("string", (2,), {"offsets": np.arange(3), "choices": ("a", "b")}),
        ("list<int32>", (2,), {}),
        ("list<int16[4]>", (4,), {"offsets": np.arange(2)}),
        ("list<int16[4]>", (2, 3), {"offsets": np.arange(2)}),
        ("list<int16[8]>", (2, 4), {"offsets": np.arange(2)}),
    ],
)
def test_arrays_that_do_not_fit_the_declaration_are_refused(
    kind: Kind, shape: tuple[int, ...], more: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match="column it of"):
        Column(spec(kind), np.zeros(shape, np.int32), **more)


def test_a_column_beyond_arrow_s_offsets_is_refused() -> None:
    too_far = np.array([0, 2**31])
    with pytest.raises(ValueError, match="under 2 GiB"):
        arrow_array(Column(spec("string"), np.zeros(0, np.uint8), too_far))
