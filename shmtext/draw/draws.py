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

Words = NDArray[np.uint64]

WORDS_PER_BLOCK = 4
"""What Philox4x64 makes of one value of its counter."""


class Stream(IntEnum):
    """Second half of the Philox key; the first is the run's seed."""

    STYLE = 1
    LOOK = 2
    """Which look; effects have streams of their own from ``EFFECTS`` on."""
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


def choose(drawn: Words, num_choices: NDArray[np.int64] | int) -> NDArray[np.int64]:
    """Map words evenly to ``[0, num_choices)``; the bias is below ``num_choices / 2**32``."""
    high = drawn >> np.uint64(32)
    return ((high * np.asarray(num_choices, np.uint64)) >> np.uint64(32)).astype(np.int64)
