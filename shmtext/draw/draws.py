"""Random words by purpose and example: the same whoever asks for them, and in whatever order.

Each purpose has a stream of its own, so that a new purpose moves no other's draws. To add one, give
it the next number in ``Stream``; numbers are never used again, as they decide a run's bytes. An
example has four words of 64 bits in a stream, and further ones in further blocks. Parameter ``k``
of an effect takes word ``k``, which is word ``k % 4`` of block ``k // 4``, and keeps it when
parameters are added.

What words mean is the business of those who draw them: fonts, sizes and colours in ``style.py``.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.ranges import Ints

Words = NDArray[np.uint64]

WORDS_PER_BLOCK = 4
"""What Philox4x64 makes of one value of its counter."""

MOST_BETWEEN = 32
"""Examples for each one asked for, whose words are drawn and dropped: so many cost what it takes to
set out anew."""


class Stream(IntEnum):
    """Second half of the Philox key; the first is the run's seed."""

    STYLE = 1
    LOOK = 2
    """Which look; effects have streams of their own from ``EFFECTS`` on."""
    PAGE = 3
    EFFECTS = 1_000
    OWN_EFFECTS = 2_000
    """And on: those of the user's own, by their place."""


def words(
    seed: int, stream: int, start: int, stop: int, block: int = 0, *, attempt: int = 0
) -> Words:
    """Random words of examples ``[start, stop)``, shape ``(stop - start, 4)``.

    ``block`` counts further words of the same examples from 0, ``attempt`` further drawings.

    >>> bool((words(7, Stream.STYLE, 5, 9)[2] == words(7, Stream.STYLE, 7, 8)[0]).all())
    True
    """
    key = np.array([seed, stream], np.uint64)
    # The counter's lowest word is the example: one after the other comes by counting.
    generator = np.random.Philox(key=key, counter=np.array([start, block, attempt, 0], np.uint64))
    drawn = generator.random_raw(WORDS_PER_BLOCK * (stop - start))
    return np.asarray(drawn, np.uint64).reshape(-1, WORDS_PER_BLOCK)


def words_of(seed: int, stream: int, examples: Ints, block: int = 0, *, attempt: int = 0) -> Words:
    """Random words of some examples, in any order, likewise; shape ``(num_examples, 4)``.

    >>> picked = words_of(7, Stream.STYLE, np.array([900, 5]))
    >>> bool((picked[1] == words(7, Stream.STYLE, 5, 6)[0]).all())
    True
    """
    if not examples.size:
        return np.zeros((0, WORDS_PER_BLOCK), np.uint64)
    first, last = int(examples.min()), int(examples.max())
    if last - first < MOST_BETWEEN * examples.size:
        between = words(seed, stream, first, last + 1, block, attempt=attempt)
        is_all = len(between) == examples.size and bool((np.diff(examples) == 1).all())
        return between if is_all else between[examples - first]
    # Each run of neighbours by itself.
    order = np.argsort(examples, kind="stable")
    drawn = np.empty((examples.size, WORDS_PER_BLOCK), np.uint64)
    for run in np.split(order, np.flatnonzero(np.diff(examples[order]) > 1) + 1):
        first, last = int(examples[run[0]]), int(examples[run[-1]])
        between = words(seed, stream, first, last + 1, block, attempt=attempt)
        drawn[run] = between[examples[run] - first]
    return drawn


def choose(drawn: Words, num_choices: NDArray[np.int64] | int) -> NDArray[np.int64]:
    """Map words evenly to ``[0, num_choices)``; the bias is below ``num_choices / 2**32``."""
    high = drawn >> np.uint64(32)
    return ((high * np.asarray(num_choices, np.uint64)) >> np.uint64(32)).astype(np.int64)
