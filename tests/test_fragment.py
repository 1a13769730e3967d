from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dataset_runs import PLAN, RECORD, WIDTH, fragment_of, is_skipped, picture, text
from hypothesis import given
from hypothesis import strategies as st

from shmtext.columns import Column
from shmtext.corpus.ragged import pack_texts
from shmtext.dataset.columns import LabelSchema, arrow_table
from shmtext.dataset.fragment import (
    SKIPPED,
    PictureRows,
    SkippedRow,
    build_fragment,
    fragment_bytes,
    images_digest,
    label_table,
    read_fragment,
    skipped_table,
)
from shmtext.errors import DamageError

SHARD = PLAN.shard(0)
FRAGMENT = fragment_of(SHARD)
LABELS = RECORD.schema.arrow


def rows(texts: list[str]) -> PictureRows:
    example_index = np.arange(len(texts))
    return PictureRows(
        file_names=RECORD.container.file_names(SHARD, example_index),
        texts=pack_texts(texts),
        example_index=example_index,
        num_bytes=np.full(len(texts), 3, np.int32),
        crc32=np.full(len(texts), 2**32 - 1, np.uint32),
    )


def test_one_row_is_what_was_drawn() -> None:
    row = read_fragment(FRAGMENT.labels, LABELS).slice(3, 1).to_pylist()[0]
    zlib_crc32 = row.pop("crc32")

    assert row == {
        "file_name": "images/00000/000000003.jpg",
        "text": "Größe: 42 €3",
        "example_index": 3,
        "width_px": 4,
        "font": "Mono.ttf",
        "boxes": [[3, 4, 5, 6], [3, 4, 5, 6]],
        "num_bytes": len(picture(3)),
    }
    assert 0 <= zlib_crc32 < 2**32


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=64))
def test_every_text_is_read_back_as_it_was(texts: list[str]) -> None:
    written, schema = label_table(rows(texts), [])
    table = read_fragment(fragment_bytes(written, schema.repeating), schema.arrow)

    assert texts == table["text"].to_pylist()
    assert table["crc32"].to_pylist() == [2**32 - 1] * len(texts)


def test_any_parquet_reader_reads_the_declared_types() -> None:
    assert pq.read_table(io.BytesIO(FRAGMENT.labels)).schema.equals(LABELS)
    assert pq.read_table(io.BytesIO(FRAGMENT.skipped or b"")).schema.equals(SKIPPED)


def test_the_table_obeys_arrows_own_full_validation() -> None:
    arrow_table(rows(["a", "", "日本語"]).columns([])).validate(full=True)


def test_equal_rows_make_equal_bytes() -> None:
    again = fragment_of(SHARD)

    assert FRAGMENT.rows.equals(again.rows)
    assert (FRAGMENT.labels, FRAGMENT.skipped) == (again.labels, again.skipped)
    assert FRAGMENT.images_digest == again.images_digest


def test_counts_tell_skipped_from_failed() -> None:
    skipped = [i for i in range(SHARD.stop) if is_skipped(i)]

    assert FRAGMENT.num_rows == 160 - len(skipped)
    assert FRAGMENT.num_failed == sum(i % 2 == 0 for i in skipped)
    assert FRAGMENT.num_skipped == len(skipped) - FRAGMENT.num_failed
    assert FRAGMENT.image_bytes == sum(len(picture(i)) for i in range(160) if i not in skipped)


def test_skipped_rows_are_in_example_order_and_may_lack_a_font() -> None:
    skipped = [
        SkippedRow(9, "b", "Sans.ttf", 32, "SIGSEGV", failed=True),
        SkippedRow(2, "a", None, None, "no font covers U+4E2D 中", failed=False),
    ]
    read = read_fragment(fragment_bytes(skipped_table(skipped), []), SKIPPED).to_pylist()

    assert [row["example_index"] for row in read] == [2, 9]
    assert [row["font"] for row in read] == [None, "Sans.ttf"]
    assert [row["failed"] for row in read] == [False, True]


def test_a_shard_without_pictures_has_an_empty_fragment() -> None:
    row = SkippedRow(0, "a", None, None, "no font", failed=False)
    fragment = build_fragment(SHARD, rows([]), [], [row])

    assert read_fragment(fragment.labels, LabelSchema.of([]).arrow).num_rows == 0
    assert (fragment.num_rows, fragment.num_skipped, fragment.image_bytes) == (0, 1, 0)


@given(st.data())
def test_no_flipped_bit_is_read_back_as_another_row(data: st.DataObject) -> None:
    flipped = bytearray(FRAGMENT.labels)
    # The footer has no checksum of its own: the manifest's is over the whole file.
    footer_bytes = int.from_bytes(flipped[-8:-4], "little") + 8
    position = data.draw(st.integers(4, len(flipped) - footer_bytes - 1))
    flipped[position] ^= 1 << data.draw(st.integers(0, 7))
    try:
        table = read_fragment(bytes(flipped), LABELS)
    except DamageError:
        return

    assert table.equals(read_fragment(FRAGMENT.labels, LABELS))


@pytest.mark.parametrize("num_bytes", [0, 3, 100, len(FRAGMENT.labels) - 1])
def test_a_fragment_cut_short_is_damage(num_bytes: int) -> None:
    with pytest.raises(DamageError, match="it is damaged"):
        read_fragment(FRAGMENT.labels[:num_bytes], LABELS, "it")


def test_other_columns_are_damage() -> None:
    with pytest.raises(DamageError, match="columns"):
        read_fragment(fragment_bytes(pa.table({"a": [1]}), []), LABELS)


def test_the_digest_depends_on_each_column() -> None:
    index, size, crc = np.arange(3), np.ones(3, np.int32), np.ones(3, np.uint32)
    digests = {
        images_digest(index, size, crc),
        images_digest(index + 1, size, crc),
        images_digest(index, size + 1, crc),
        images_digest(index, size, crc + 1),
    }

    assert len(digests) == 4


def test_columns_of_unequal_length_are_refused() -> None:
    width = Column(WIDTH, np.ones(1, np.int32))
    with pytest.raises(ValueError, match="width_px must have a value for each of 2 texts, got 1"):
        build_fragment(SHARD, rows(["a", "b"]), [width])


def test_texts_stand_beside_their_own_pictures() -> None:
    table = read_fragment(FRAGMENT.labels, LABELS)

    for row in table.select(["file_name", "text", "example_index"]).to_pylist():
        i = row["example_index"]
        assert (row["file_name"], row["text"]) == (f"images/00000/{i:09d}.jpg", text(i))
