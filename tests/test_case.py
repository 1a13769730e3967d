"""Texts in other cases are what Python makes of each alone, and the mix is as asked for."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shmtext.corpus.case import in_cases, titled
from shmtext.corpus.chance import Purpose, Words
from shmtext.corpus.ragged import TextChunk, gather_chunks, pack_texts

# Capitals and small letters of other numbers of letters, a sigma, what stands in words.
TEXTS = st.lists(
    st.lists(st.sampled_from([*"aB \u03a3\u03c3ßİŉǆ'\u2019-é", "\u0301", "ﬁ"]), max_size=6).map(
        "".join
    )
    | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5),
    max_size=8,
)
MIX = {"keep": 0.4, "lower": 0.1, "upper": 0.3, "title": 0.2}


def chunk_of(texts: list[str]) -> TextChunk:
    packed = pack_texts(texts)
    return TextChunk(packed.values, np.diff(packed.offsets).astype(np.int32))


def made(texts: list[str], mix: dict[str, float], sizes: list[int], seed: int = 0) -> list[str]:
    """Texts in cases, handed over so many at a time."""
    words, chunks, start = Words(seed, Purpose.CASE, 0), [], 0
    for turn in range(len(texts) + 1):
        size = sizes[turn % len(sizes)]
        chunks.append(in_cases(chunk_of(texts[start : start + size]), mix, words))
        start += size
    return list(gather_chunks(chunks))


@pytest.mark.parametrize(
    ("name", "function"),
    [("keep", str), ("lower", str.lower), ("upper", str.upper), ("title", titled)],
)
@given(texts=TEXTS)
def test_each_text_is_changed_as_if_it_were_alone(
    name: str, function: type[str], texts: list[str]
) -> None:
    assert [function(text) for text in texts] == made(texts, {name: 1}, [len(texts)])


@given(texts=TEXTS, sizes=st.lists(st.integers(1, 4), min_size=1, max_size=3))
def test_the_case_of_a_text_is_that_of_its_number_however_texts_come(
    texts: list[str], sizes: list[int]
) -> None:
    alone = made(texts, MIX, [1])

    assert alone == made(texts, MIX, sizes)
    ways = [str, str.lower, str.upper, titled]
    assert all(
        mixed in {way(text) for way in ways} for text, mixed in zip(texts, alone, strict=True)
    )


def test_a_mix_has_the_shares_asked_for() -> None:
    num_texts = 20_000
    counts = Counter(made(["aB cd"] * num_texts, MIX, [7_000]))

    expected = {"aB cd": 0.4, "ab cd": 0.1, "AB CD": 0.3, "Ab Cd": 0.2}
    assert set(expected) == set(counts)
    for text, share in expected.items():
        assert abs(counts[text] / num_texts - share) < 0.02


def test_another_seed_chooses_otherwise() -> None:
    texts = ["ab"] * 50

    assert made(texts, MIX, [50], 1) != made(texts, MIX, [50], 2)


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("don't", "Don't"),
        ("it\u2019S o'neil's", "It\u2019s O'Neil's"),
        ("l'été d'or", "L'Été D'Or"),
        ("''a 'b", "''A 'B"),
        ("ǆ ﬁn", "ǅ Fin"),
        ("", ""),
        ("a'", "A'"),
        ("ab'", "Ab'"),
        ("ab'c", "Ab'c"),
    ],
)
def test_titles_have_no_capitals_behind_apostrophes_in_words(text: str, title: str) -> None:
    assert title == titled(text)
