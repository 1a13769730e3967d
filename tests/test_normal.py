"""Texts in a normal form are what ``unicodedata`` makes of each alone."""

from __future__ import annotations

import sys
import unicodedata
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shmtext.corpus import normal
from shmtext.corpus.normal import normalized
from shmtext.corpus.ragged import TextChunk, gather_chunks, pack_texts

FORMS = ("NFC", "NFKC")
# Letters, marks that join them, jamo, what only NFKC changes, and what ends a line.
PIECES = st.sampled_from([*"aeK\n ", "\u0301", "\u0323", "\u1112\u1161", "\u11ab", "ﬁ", "Å", "２"])
TEXTS = st.lists(
    st.lists(PIECES, max_size=5).map("".join)
    | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5),
    max_size=8,
)


def chunk_of(texts: list[str]) -> TextChunk:
    packed = pack_texts(texts)
    return TextChunk(packed.values, np.diff(packed.offsets).astype(np.int32))


def texts_of(chunk: TextChunk) -> list[str]:
    return list(gather_chunks([chunk]))


@pytest.mark.parametrize("form", FORMS)
@given(texts=TEXTS)
def test_each_text_is_normalised_as_if_it_were_alone(form: Any, texts: list[str]) -> None:
    expected = [unicodedata.normalize(form, text) for text in texts]

    assert expected == texts_of(normalized(chunk_of(texts), form))


@pytest.mark.parametrize("form", FORMS)
def test_a_mark_at_a_beginning_does_not_join_the_text_before(form: Any) -> None:
    texts = ["e", "\u0301a\u0301", "\u1112", "\u1161"]

    assert ["e", "\u0301á", "\u1112", "\u1161"] == texts_of(normalized(chunk_of(texts), form))


@pytest.mark.parametrize("form", FORMS)
def test_bytes_taken_for_plain_are_those_of_texts_that_stay_as_they_are(form: Any) -> None:
    bound, ranges = normal._PLAIN_BYTES[form]
    plain = {*range(bound), *(byte for first, last in ranges for byte in range(first, last + 1))}
    characters = [chr(c) for c in range(sys.maxunicode + 1) if not 0xD800 <= c < 0xE000]
    kept = [c for c in characters if set(c.encode()) <= plain]

    # Each alone in its form, none moved among others as marks are, none that joins what is before.
    assert all(unicodedata.is_normalized(form, c) and not unicodedata.combining(c) for c in kept)
    joining = {
        unicodedata.normalize("NFD", c)[-1]
        for c in characters
        if len(unicodedata.normalize("NFD", c)) > 1
    }
    assert not joining & set(kept)


@pytest.mark.parametrize("text", ["plain", "Größe", "слово", "日本語", "\u4e00é"])
def test_what_is_in_its_form_is_not_copied(text: str) -> None:
    chunk = chunk_of([text, "", "a"])

    assert normalized(chunk, "NFC") is chunk


def test_a_chunk_of_no_text_stays_one() -> None:
    assert [] == texts_of(normalized(chunk_of([]), "NFKC"))


@pytest.mark.parametrize("form", FORMS)
def test_one_byte_that_is_not_plain_is_found_wherever_it_is(form: Any) -> None:
    for place in (0, 1, 65_535, 65_536, 200_000):
        text = "я" * (place // 2)
        (made,) = texts_of(normalized(chunk_of([f"{text}e\u0301{text}"]), form))
        assert f"{text}é{text}" == made
