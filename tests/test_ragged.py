"""Texts laid out as arrays come back as they were."""

from __future__ import annotations

from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shmtext.corpus.ragged import (
    RaggedTexts,
    TextChunk,
    gather_chunks,
    pack_texts,
    take_texts,
)
from shmtext.errors import InputError

TEXTS = st.lists(st.text(st.characters(codec="utf-8")), max_size=12)


def chunk_of(texts: list[str]) -> TextChunk:
    packed = pack_texts(texts)
    return TextChunk(packed.values, np.diff(packed.offsets).astype(np.int32))


@given(TEXTS)
def test_packed_texts_come_back(texts: list[str]) -> None:
    assert texts == list(pack_texts(texts))


@given(st.lists(TEXTS, max_size=5))
def test_chunks_joined_are_their_texts_end_to_end(chunks: list[list[str]]) -> None:
    assert list(chain.from_iterable(chunks)) == list(gather_chunks(map(chunk_of, chunks)))


@given(st.lists(TEXTS, max_size=5), st.integers(0, 30))
def test_taken_texts_are_the_first(chunks: list[list[str]], num_texts: int) -> None:
    taken = gather_chunks(take_texts(map(chunk_of, chunks), num_texts))

    assert list(chain.from_iterable(chunks))[:num_texts] == list(taken)


def test_taking_texts_asks_for_no_chunk_beyond_them() -> None:
    chunks = iter([chunk_of(["a", "b"]), chunk_of(["c"])])

    assert ["a", "b"] == list(gather_chunks(take_texts(chunks, 2)))
    assert ["c"] == list(gather_chunks(chunks))


@given(TEXTS, st.integers(0, 12), st.integers(0, 12))
def test_slices_are_the_texts_between(texts: list[str], start: int, stop: int) -> None:
    start, stop = sorted((min(start, len(texts)), min(stop, len(texts))))

    assert texts[start:stop] == list(pack_texts(texts).slice(start, stop))


def test_gathered_texts_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="read-only"):
        gather_chunks([chunk_of(["a"])]).values[0] = 0


def test_layout_is_the_one_in_the_description() -> None:
    texts = pack_texts(["ab", "", "ß"])

    assert b"ab\xc3\x9f" == texts.values.tobytes()
    assert [0, 2, 2, 4] == texts.offsets.tolist()
    assert 4 + 4 * 8 == texts.num_bytes


@pytest.mark.parametrize("offsets", [[], [1, 3], [0, 2]])
def test_seams_that_do_not_span_the_values_are_refused(offsets: list[int]) -> None:
    with pytest.raises(InputError, match="offsets must"):
        RaggedTexts(np.zeros(3, np.uint8), np.array(offsets, np.int64))
