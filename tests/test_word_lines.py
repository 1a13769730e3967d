"""Lines of shuffled words have each word once, and as many of them as asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shmtext.corpus import word_lines as module
from shmtext.corpus.ragged import TextChunk, gather_chunks, pack_texts
from shmtext.corpus.word_lines import SPACES, WordsPerLine, word_lines, words_of

TEXTS = st.lists(
    st.text(st.sampled_from([*"abß日 ", "\t", "\u3000", "\u2009", "\u00a0", "\x85"]), max_size=9),
    max_size=20,
)


def plain_words(text: str) -> list[str]:
    return "".join(" " if c in SPACES else c for c in text).split(" ")


def in_chunks(texts: list[str], size: int) -> Iterator[TextChunk]:
    for start in range(0, len(texts), size):
        packed = pack_texts(texts[start : start + size])
        yield TextChunk(packed.values, np.diff(packed.offsets).astype(np.int32))


def lines(texts: list[str], bounds: tuple[int, int], size: int, seed: int = 0) -> list[str]:
    return list(gather_chunks(word_lines(in_chunks(texts, size), WordsPerLine(*bounds), seed, 0)))


@given(TEXTS, st.integers(1, 7))
def test_words_are_what_spaces_part(texts: list[str], size: int) -> None:
    expected = [word for text in texts for word in plain_words(text) if word]

    assert expected == list(gather_chunks(map(words_of, in_chunks(texts, size))))


def test_spaces_are_python_s_but_for_those_that_hold_words_together() -> None:
    python_s = {chr(code) for code in range(0x110000) if chr(code).isspace()}

    assert python_s - {"\u00a0", "\u2007", "\u202f"} == SPACES


@given(TEXTS, st.integers(1, 4), st.integers(0, 3), st.integers(1, 7), st.integers(1, 9))
def test_each_word_stands_in_one_line_however_texts_come(
    texts: list[str], at_least: int, more: int, size: int, block: int
) -> None:
    bounds = at_least, at_least + more
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(module, "_BLOCK_WORDS", block)
        made = lines(texts, bounds, size)
        assert made == lines(texts, bounds, 100)
    words = Counter(word for text in texts for word in plain_words(text) if word)
    used = Counter(word for line in made for word in line.split(" "))

    assert used <= words
    assert (words - used).total() < at_least
    counts = [len(line.split(" ")) for line in made]
    assert all(bounds[0] <= count <= bounds[1] for count in counts)


def test_lines_are_of_all_lengths_alike_and_words_of_all_places() -> None:
    words = [f"w{number}" for number in range(6_000)]
    made = lines(words, (2, 4), 500)
    counts = Counter(len(line.split(" ")) for line in made)

    assert {2, 3, 4} == set(counts)
    assert all(abs(count / len(made) - 1 / 3) < 0.06 for count in counts.values())
    places = [int(word[1:]) for word in " ".join(made).split(" ")]
    assert abs(np.corrcoef(places, range(len(places)))[0, 1]) < 0.1
    assert made != lines(words, (2, 4), 500, seed=1)
