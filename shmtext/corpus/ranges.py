"""Arithmetic on ranges that lie end to end, marked by their seams. Pure arrays, of whatever.

lengths      2  0  3
seams        0  2  2  5        range i is [seams[i], seams[i + 1])
"""

from __future__ import annotations

from math import gcd

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

MOST_STEPS = 1 << 16
"""That ``all_over`` takes through what is there, where fewer are wanted."""


def seams(lengths: NDArray[np.integer] | NDArray[np.bool_]) -> Ints:
    """Where ranges of these lengths begin, and where the last one ends.

    >>> seams(np.array([2, 0, 3])).tolist()
    [0, 2, 2, 5]
    """
    result = np.zeros(lengths.size + 1, np.int64)
    np.cumsum(lengths, out=result[1:])
    return result


def spell_out(first: Ints, count: Ints) -> Ints:
    """Concatenate the ranges ``[first, first + count)``.

    >>> spell_out(np.array([5, 1]), np.array([2, 3])).tolist()
    [5, 6, 1, 2, 3]
    """
    places = np.cumsum(count) - count
    positions = np.repeat(first - places, count)
    positions += np.arange(positions.size)
    return positions


def all_in_ranges(values: NDArray[np.bool_], starts: Ints) -> NDArray[np.bool_]:
    """Whether all values of each range hold; true for empty ranges.

    >>> all_in_ranges(np.array([True, False, True]), np.array([0, 2, 2, 3])).tolist()
    [False, True, True]
    """
    if values.all():
        return np.ones(starts.size - 1, np.bool_)
    num_false = seams(~values)
    result: NDArray[np.bool_] = num_false[starts[1:]] == num_false[starts[:-1]]
    return result


def all_over(num_there: int, num_wanted: int) -> Ints:
    """Numbers of some of many, the first among them; of these the first so many are spread, too.

    Steps of the golden ratio leave no gap that is much wider than others, and follow no pattern
    that may be in what is there: of a hundred every second one is half of them odd.

    >>> all_over(10, 4).tolist(), all_over(2, 4).tolist(), all_over(0, 4).tolist()
    ([0, 7, 4, 1], [0, 1], [])
    """
    num = min(num_there, max(num_wanted, MOST_STEPS))
    step = next(each for each in range(round(num * 0.618) or 1, num + 2) if gcd(each, num) == 1)
    places = np.arange(min(num, num_wanted), dtype=np.int64) * step % max(num, 1)
    numbers: Ints = places * num_there // max(num, 1)
    return numbers
