"""A sample of texts drawn at random, in random order, from a stream that is read once.

Every text has a random word; the sample without replacement is the texts of the smallest words, in
the order of these. So at no time are more texts held than two samples and some, however many there
are. A sample with replacement draws numbers of texts once it is known how many there are, and lets
the first number that comes up stand for the text of the smallest word, the next new one for that of
the second smallest, and so on: a sample without replacement is all that it needs to hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.chance import Purpose, Words, sequence
from shmtext.corpus.ragged import RaggedTexts, TextChunk, gather_chunks, take_in_chunks
from shmtext.corpus.ranges import Ints

_SPARE_TEXTS = 2**16
"""Beyond two samples, before those that are too many are dropped."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How many texts are drawn, and whether a text can be drawn again."""

    num_texts: int
    replaces: bool


def sampled(
    chunks: Iterator[TextChunk], sampling: Sampling, seed: int, source: int
) -> Iterator[TextChunk]:
    """So many texts of a stream, or without replacement all if there are fewer, at random.

    ``source`` is the number of what is sampled, which has words of its own.
    """
    words = Words(seed, Purpose.SAMPLE, source)
    smallest = _Smallest(sampling.num_texts)
    num_texts = 0
    for chunk in chunks:
        num_texts += chunk.lengths_bytes.size
        smallest.add(chunk, words.draw(chunk.lengths_bytes.size))
    texts = smallest.texts()
    if num_texts == 0:
        return
    if sampling.replaces:
        rng = np.random.Generator(np.random.Philox(sequence(seed, Purpose.AGAIN, source)))
        yield from take_in_chunks(texts, with_replacement(rng, num_texts, sampling.num_texts))
    else:
        yield from take_in_chunks(texts, np.arange(len(texts)))


def with_replacement(rng: np.random.Generator, num_texts: int, num_drawn: int) -> Ints:
    """Numbers drawn evenly from ``num_texts``, renamed in the order in which they first came up.

    >>> rng = np.random.Generator(np.random.Philox(7))
    >>> with_replacement(rng, 4, 8).tolist()
    [0, 0, 1, 0, 2, 0, 1, 2]
    """
    numbers = rng.integers(0, num_texts, num_drawn)
    _, first, which = np.unique(numbers, return_index=True, return_inverse=True)
    names = np.empty(first.size, np.int64)
    names[np.argsort(first)] = np.arange(first.size)
    return names[which]


class _Smallest:
    """Of the texts that come along, those of the smallest words."""

    def __init__(self, num_texts: int) -> None:
        self._num_texts = num_texts
        self._chunks: list[TextChunk] = []
        self._words: list[NDArray[np.uint64]] = []
        self._num_held = 0
        self._bound: np.uint64 | None = None
        """What a word must be below to be among so many of those so far."""

    def add(self, chunk: TextChunk, words: NDArray[np.uint64]) -> None:
        """Look at some texts."""
        if self._bound is not None:
            is_below = words < self._bound
            lengths, words = chunk.lengths_bytes, words[is_below]
            chunk = TextChunk(chunk.values[np.repeat(is_below, lengths)], lengths[is_below])
        self._chunks.append(chunk)
        self._words.append(words)
        self._num_held += words.size
        if self._num_held > 2 * self._num_texts + _SPARE_TEXTS:
            self._drop()

    def texts(self) -> RaggedTexts:
        """The texts, in the order of their words."""
        self._drop()
        return gather_chunks(self._chunks)

    def _drop(self) -> None:
        words = np.concatenate([np.empty(0, np.uint64), *self._words])
        # Stable: of equal words that of the earlier text counts as the smaller.
        order = np.argsort(words, kind="stable")[: self._num_texts]
        texts = gather_chunks(self._chunks)
        self._chunks = list(take_in_chunks(texts, order))
        self._words = [words[order]]
        self._num_held = order.size
        if order.size == self._num_texts:
            self._bound = words[order[-1]]
