"""Random words of texts that are read, by purpose and source: text after text, however these come.

Each purpose has a stream of its own for each source, so that a new purpose moves no other's draws.
Numbers are never used again: they decide a run's bytes. Balanced random text has its own streams,
and what is drawn of a text has those of ``draw/draws.py``.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


class Purpose(IntEnum):
    """What words are drawn for."""

    CASE = 1
    SAMPLE = 2
    AGAIN = 3
    """Which texts of a sample with replacement are the same."""
    WORDS = 4
    """Of lines that are made of words."""
    REPEATS = 5
    """The order of texts that are taken again."""
    TEMPLATE = 6
    """In blocks."""


class Words:
    """One word of 64 bits a text, in their order."""

    def __init__(self, seed: int, purpose: Purpose, source: int) -> None:
        self._philox = np.random.Philox(sequence(seed, purpose, source))

    def draw(self, num_texts: int) -> NDArray[np.uint64]:
        """The words of the next texts; a few at a time are as good as all at once."""
        return np.asarray(self._philox.random_raw(num_texts), np.uint64)


def sequence(seed: int, purpose: Purpose, *numbers: int) -> np.random.SeedSequence:
    """What a generator is seeded with for a purpose, and for what of it the numbers say."""
    return np.random.SeedSequence(seed, spawn_key=(purpose, *numbers))


def shares(words: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Words as numbers from 0, included, to 1, excluded."""
    numbers: NDArray[np.float64] = np.multiply(words >> np.uint64(11), 2.0**-53, dtype=np.float64)
    return numbers
