"""Arithmetic on ranges that lie end to end, marked by their seams. Knows nothing of texts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def all_in_segments(values: NDArray[np.bool_], starts: Ints) -> NDArray[np.bool_]:
    """Whether all values of each segment hold; true for empty segments.

    >>> all_in_segments(np.array([True, False, True]), np.array([0, 2, 2, 3])).tolist()
    [False, True, True]
    """
    num_false = seams(~values)
    result: NDArray[np.bool_] = num_false[starts[1:]] == num_false[starts[:-1]]
    return result


def spell_out(first: Ints, count: Ints) -> Ints:
    """Concatenate the ranges ``[first, first + count)``.

    >>> spell_out(np.array([5, 1]), np.array([2, 3])).tolist()
    [5, 6, 1, 2, 3]
    """
    return np.repeat(first - (np.cumsum(count) - count), count) + np.arange(int(count.sum()))


def seams(lengths: Ints | NDArray[np.bool_]) -> Ints:
    """Where ranges of these lengths begin, and where the last one ends.

    >>> seams(np.array([2, 0, 3])).tolist()
    [0, 2, 2, 5]
    """
    result = np.zeros(lengths.size + 1, np.int64)
    np.cumsum(lengths, out=result[1:])
    return result
