"""Grain: fields of Gaussian noise, no two alike, from two banks of random numbers.

A field is a run of one bank and a run of the other, added or subtracted, each from a place of its
own: two examples with the same field are less likely than one in a hundred billion. Pictures of
other widths break runs into other rows, so that even one half of a field is hardly ever seen twice.
What noise does to a picture is its effect's matter.

Banks hold whole levels for each standard deviation there is: scaling one bank for each picture
would take longer than adding it. Runs, as windows of a plane would have each row in another page of
memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from shmtext.config.ranges import Floats
from shmtext.corpus.ranges import Ints

Field = NDArray[np.int8]
AnyField = TypeVar("AnyField", Field, NDArray[np.uint8])

NUM_BANKS, BANK_BITS = 2, 19
BANK_SIZE = 1 << BANK_BITS
"""Numbers of each bank; both have a megabyte for each standard deviation."""

MAX_RUN = BANK_SIZE // 2
"""A longer field is of several runs."""

PLACE_BITS = 52
"""Of a random word, say where a field's runs begin: few enough for a number in JSON."""

SIGMAS: Floats = np.concatenate(
    [np.arange(0, 8, 0.5), np.arange(8, 16, 1), np.arange(16, 32, 2), np.arange(32, 41, 4)]
)
"""Standard deviations there are, of 255 levels."""
SIGMAS.setflags(write=False)

MOST_SUM = 8 * 255 // 2
"""Of eight random bytes, less their mean."""

SIGMA_OF_SUM = 209.0
"""Standard deviation of the sum of eight random bytes: sqrt(8 * (256**2 - 1) / 12)."""


def nearest_level(sigma: Floats) -> Ints:
    """The places in ``SIGMAS`` of those nearest to the given ones."""
    return np.searchsorted((SIGMAS[1:] + SIGMAS[:-1]) / 2, sigma)


def places(words: NDArray[np.uint64]) -> Ints:
    """Random words to places of fields, each a whole number below ``2 ** PLACE_BITS``."""
    return (words >> np.uint64(64 - PLACE_BITS)).astype(np.int64)


def fields(sizes: Ints, levels: Ints, places: Ints) -> Iterator[Field]:
    """Cut fields of ``sizes`` numbers, flat, with the deviations ``SIGMAS[levels]``."""
    pieces = runs(sizes, places)
    for level, place, piece in zip(levels.tolist(), places.tolist(), pieces, strict=True):
        one, other = _banks(level)
        combine = cv2.add if place & 1 else cv2.subtract
        # OpenCV before 5 makes a column of what has one dimension.
        yield joined([combine(one[first], other[second]).reshape(-1) for first, second in piece])


def runs(sizes: Ints, places: Ints) -> Iterator[list[tuple[slice, slice]]]:
    """The runs of two banks of ``BANK_SIZE`` that fields of some sizes are of: one pair or more."""
    room = BANK_SIZE - np.minimum(sizes, MAX_RUN) + 1
    # Each start is from bits of its own; the lowest says how runs are combined.
    bits = places >> 1
    one = (bits & (BANK_SIZE - 1)) * room >> BANK_BITS
    other = (bits >> BANK_BITS & (BANK_SIZE - 1)) * room >> BANK_BITS
    given = sizes.tolist(), places.tolist(), one.tolist(), other.tolist()
    for size, place, start, other_start in zip(*given, strict=True):
        if size <= MAX_RUN:
            yield [(slice(start, start + size), slice(other_start, other_start + size))]
        else:
            yield _long(size, place)


def joined(parts: list[AnyField]) -> AnyField:
    """One array of several, or the only one as it is."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _long(size: int, place: int) -> list[tuple[slice, slice]]:
    """The runs of a field longer than a run may be; each has a place of its own."""
    sizes = np.diff(np.append(np.arange(0, size, MAX_RUN), size))
    their_places = [_next(place)]
    for _ in sizes[1:]:
        their_places.append(_next(their_places[-1]))
    return [pair for piece in runs(sizes, np.array(their_places)) for pair in piece]


def _next(place: int) -> int:
    """Another place, that looks to have nothing to do with the one before.

    SplitMix64: Steele and others, "Fast splittable pseudorandom number generators".
    """
    bits = (place + 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
    bits = ((bits ^ bits >> 30) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
    bits = ((bits ^ bits >> 27) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
    return (bits ^ bits >> 31) >> (64 - PLACE_BITS)


@cache
def _banks(level: int) -> Field:
    """Noise, shape ``(NUM_BANKS, BANK_SIZE)``, a run of each of which makes a level's deviation."""
    halves = round(SIGMAS[level] * 2)
    # Rounded to nearest; two runs together have sqrt(2) times the deviation of one.
    divisor = round(2 * SIGMA_OF_SUM * 2**0.5 * 1000)
    scaled = (np.arange(-MOST_SUM, MOST_SUM + 1) * (2000 * halves) + divisor) // (2 * divisor)
    result: Field = np.clip(scaled, -127, 127).astype(np.int8).take(_sums())
    result.setflags(write=False)
    return result


@cache
def _sums() -> NDArray[np.int16]:
    """Sums of eight random bytes: nearly Gaussian, up to 4.9 deviations from ``MOST_SUM``."""
    raw = np.random.Philox(key=np.array([90, 1], np.uint64)).random_raw(NUM_BANKS * BANK_SIZE)
    sums: NDArray[np.int16] = raw.view(np.uint8).reshape(NUM_BANKS, -1, 8).sum(2, dtype=np.int16)
    return sums
