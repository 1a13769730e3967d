"""Samples are drawn evenly, and are the same however the stream is cut."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import cycle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shmtext.corpus import sampling
from shmtext.corpus.chance import Purpose, Words
from shmtext.corpus.ragged import RaggedTexts, TextChunk, gather_chunks, pack_texts
from shmtext.corpus.sampling import Sampling, sampled, with_replacement


def in_chunks(texts: RaggedTexts, sizes: list[int]) -> Iterator[TextChunk]:
    start = 0
    for size in cycle(sizes):
        if start >= len(texts):
            return
        some = texts.slice(start, min(start + size, len(texts)))
        yield TextChunk(some.values, np.diff(some.offsets).astype(np.int32))
        start += size


def numbers(num_texts: int) -> RaggedTexts:
    return pack_texts(map(str, range(num_texts)))


def sample(num_texts: int, asked: Sampling, sizes: list[int], seed: int = 0) -> list[str]:
    return list(gather_chunks(sampled(in_chunks(numbers(num_texts), sizes), asked, seed, 0)))


SIZES = st.lists(st.integers(1, 50), min_size=1, max_size=3)


@pytest.mark.parametrize("replaces", [False, True])
@given(
    num_texts=st.integers(0, 200),
    num_drawn=st.integers(1, 60),
    sizes=SIZES,
    spare=st.integers(0, 9),
)
def test_a_sample_does_not_depend_on_how_texts_come(
    num_texts: int, num_drawn: int, sizes: list[int], spare: int, replaces: bool
) -> None:
    asked = Sampling(num_drawn, replaces)
    expected = sample(num_texts, asked, [200])
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(sampling, "_SPARE_TEXTS", spare)
        assert expected == sample(num_texts, asked, sizes)

    num_expected = num_drawn if replaces and num_texts else min(num_drawn, num_texts)
    assert num_expected == len(expected)
    assert replaces or len(set(expected)) == len(expected)


def test_without_replacement_it_is_the_texts_of_the_smallest_words() -> None:
    words = Words(5, Purpose.SAMPLE, 0).draw(1_000)
    expected = [str(text) for text in np.argsort(words, kind="stable")[:30]]

    assert expected == sample(1_000, Sampling(30, False), [64], seed=5)


@pytest.mark.parametrize("replaces", [False, True])
def test_every_text_is_as_likely_as_any_other_at_every_place(replaces: bool) -> None:
    counts: Counter[tuple[int, str]] = Counter()
    num_seeds = 3_000
    for seed in range(num_seeds):
        counts.update(enumerate(sample(6, Sampling(4, replaces), [6], seed)))

    assert 24 == len(counts)
    assert all(abs(count - num_seeds / 6) < 110 for count in counts.values())  # five deviations


def test_with_replacement_texts_come_again_as_often_as_chance_has_it() -> None:
    rng = np.random.Generator(np.random.Philox(3))
    distinct = [np.unique(with_replacement(rng, 50, 50)).size for _ in range(400)]

    assert abs(np.mean(distinct) - 50 * (1 - (1 - 1 / 50) ** 50)) < 0.5


def test_what_is_held_is_no_more_than_two_samples_and_some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "_SPARE_TEXTS", 10)
    smallest = sampling._Smallest(100)
    words = Words(0, Purpose.SAMPLE, 0)
    most = 0
    for chunk in in_chunks(numbers(20_000), [50]):
        smallest.add(chunk, words.draw(chunk.lengths_bytes.size))
        most = max(most, sum(each.lengths_bytes.size for each in smallest._chunks))

    assert most <= 2 * 100 + 10
    assert 100 == len(smallest.texts())
