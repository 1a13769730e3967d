"""Texts of several sources in turns are those of each in order, in proportion to weights."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shmtext.corpus.mixing import in_turns
from shmtext.corpus.ragged import TextChunk, gather_chunks, pack_texts, take_texts


def chunks_of(texts: list[str], sizes: list[int]) -> Iterator[TextChunk]:
    """Chunks of these sizes, over and over; some may be empty."""
    start = turn = 0
    while start < len(texts):
        size = sizes[turn % len(sizes)]
        packed = pack_texts(texts[start : start + size])
        yield TextChunk(packed.values, np.diff(packed.offsets).astype(np.int32))
        start, turn = start + size, turn + 1


def plainly_in_turns(sources: list[list[str]], weights: list[float]) -> list[str]:
    turns = [
        ((place + 0.5) / weight, number, text)
        for number, (texts, weight) in enumerate(zip(sources, weights, strict=True))
        for place, text in enumerate(texts)
    ]
    return [text for _, _, text in sorted(turns, key=lambda turn: turn[:2])]


SIZES = st.lists(st.integers(0, 5), min_size=1, max_size=4).filter(any)
SOURCES = st.lists(
    st.tuples(st.lists(st.text("abß", max_size=3), max_size=12), st.sampled_from([0.5, 1, 3, 7.3])),
    min_size=1,
    max_size=4,
)


@given(SOURCES, SIZES)
def test_turns_are_those_of_a_sorted_list_however_texts_are_read(
    sources: list[tuple[list[str], float]], sizes: list[int]
) -> None:
    texts, weights = [each[0] for each in sources], [each[1] for each in sources]
    mixed = in_turns([chunks_of(each, sizes) for each in texts], weights)

    assert plainly_in_turns(texts, weights) == list(gather_chunks(mixed))


def test_three_to_one_is_three_of_every_four_until_one_source_is_used_up() -> None:
    a, b = [f"a{i}" for i in range(9)], [f"b{i}" for i in range(2)]
    mixed = list(gather_chunks(in_turns([chunks_of(a, [4]), chunks_of(b, [1])], [3, 1])))

    assert ["a0", "a1", "b0", "a2", "a3", "a4", "b1", "a5", "a6", "a7", "a8"] == mixed


def test_no_source_is_read_far_ahead() -> None:
    read = [0, 0]

    def endless(number: int) -> Iterator[TextChunk]:
        while True:
            read[number] += 1
            yield TextChunk(np.frombuffer(b"x" * 10, np.uint8), np.ones(10, np.int32))

    assert 100 == len(gather_chunks(take_texts(in_turns([endless(0), endless(1)], [4, 1]), 100)))
    assert read[0] <= 10
    assert read[1] <= 4
