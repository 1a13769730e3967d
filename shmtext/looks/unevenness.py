"""Unevenness: random levels that change smoothly, for what ink and paper do unevenly.

A field is a bank that is made once a process, by integer sums alone, and goes round at its edges.
An example's grain is the greater of two windows of two fields, each anywhere: there are so many
that no two examples have the same. The fields' sides have no common divisor, so that not even a
long picture repeats itself.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from shmtext.config.ranges import Floats
from shmtext.corpus.ranges import Ints
from shmtext.looks.fields import SPARE_PX, window
from shmtext.looks.sheet import Pixels

SIZES_PX = (1, 2, 3, 4, 6, 8)
"""Of grains, about: what is lower than most around it."""

SIDES_PX = (256, 1024), (251, 1021)
"""Of the two fields, rows and columns."""

SMOOTHINGS = 2
"""By box, along each axis: one leaves edges."""

PLACE_BITS = 13
"""Of a place that say where a window begins along one axis of one field."""


def nearest_size(size_px: Floats) -> Ints:
    """Which of ``SIZES_PX`` is nearest to each."""
    between = (np.array(SIZES_PX[1:]) + np.array(SIZES_PX[:-1])) / 2
    return np.searchsorted(between, size_px)


def places(words: NDArray[np.uint64]) -> Ints:
    """Draw where windows lie, from random words: a number each, of 52 bits, as JSON can hold."""
    return (words >> np.uint64(64 - 4 * PLACE_BITS)).astype(np.int64)


def below(share: Floats) -> Floats:
    """The level that this share of a grain's pixels is below: the greater of two even draws."""
    return 256 * np.sqrt(share)


def grain(size: int, place: int, shape: tuple[int, int]) -> Pixels:
    """Levels 0 to 255 of a size's number and a place, shape ``(num_rows, num_columns)``."""
    first = _window(size, 0, place, shape)
    second = _window(size, 1, place >> 2 * PLACE_BITS, shape)
    return np.asarray(cv2.max(first, second), np.uint8)


def _window(size: int, number: int, place: int, shape: tuple[int, int]) -> Pixels:
    field, (num_rows, num_columns) = _field(size, number), SIDES_PX[number]
    top = place % (1 << PLACE_BITS) * num_rows >> PLACE_BITS
    left = (place >> PLACE_BITS) % (1 << PLACE_BITS) * num_columns >> PLACE_BITS
    return window(field, top, left, shape)


@cache
def _field(size: int, number: int) -> Pixels:
    """Even noise, smoothed, its levels spread so that each is as frequent as any other."""
    shape = SIDES_PX[number]
    key = np.array([22, 2 * size + number], np.uint64)
    bits = np.random.Philox(key=key).random_raw(shape[0] * shape[1])
    levels = (bits >> np.uint64(52)).astype(np.int64).reshape(shape)
    for _ in range(SMOOTHINGS if SIZES_PX[size] > 1 else 0):
        levels = _smoothed(_smoothed(levels, SIZES_PX[size]).T, SIZES_PX[size]).T
    levels -= levels.min()
    levels >>= max(int(levels.max()).bit_length() - 16, 0)
    counts = np.bincount(levels.ravel())
    rank = np.cumsum(counts) - counts
    even = (rank * 256 // levels.size).astype(np.uint8)[levels]
    field = np.pad(even, [(0, spare) for spare in SPARE_PX], mode="wrap")
    field.setflags(write=False)
    return field


def _smoothed(levels: NDArray[np.int64], side: int) -> NDArray[np.int64]:
    """Sums of as many pixels from each on to its right, round the edge."""
    sums = np.cumsum(np.concatenate([levels, levels[:, :side]], axis=1), axis=1)
    result: NDArray[np.int64] = sums[:, side:] - sums[:, :-side]
    return result
