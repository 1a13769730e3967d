"""An order of so many things that is computed, not kept: where each of them stands, by its number.

A Feistel network over the rows and columns of a square that holds them all (generalised to any
side: Black and Rogaway, Ciphers with Arbitrary Finite Domains, 2002). Numbers that come out beyond
the end go through it again, until they don't; of a square that is hardly larger than needed these
are few. Pure arithmetic.
"""

from __future__ import annotations

from math import isqrt

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.ranges import Ints

Keys = NDArray[np.uint64]

ROUNDS = 8

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
"""2**64 over the golden ratio: multiples of it are far apart."""


def permute(numbers: Ints, keys: Keys | np.uint64, num: int) -> Ints:
    """Where each of ``numbers``, from 0 to ``num`` - 1, stands in the order that its key makes.

    ``keys`` has the numbers' shape, or is one for all of them.

    >>> sorted(permute(np.arange(5), key_of(7, 0), 5).tolist())
    [0, 1, 2, 3, 4]
    """
    side = np.uint64(isqrt(num - 1) + 1)
    each_key = np.broadcast_to(np.asarray(keys, np.uint64), numbers.shape)
    result = _once(numbers.astype(np.uint64), each_key, side)
    beyond = np.flatnonzero(result >= num)
    while beyond.size:
        result[beyond] = _once(result[beyond], each_key[beyond], side)
        beyond = beyond[result[beyond] >= num]
    return result.astype(np.int64)


def key_of(seed: int, orders: Ints | int) -> Keys:
    """The keys of some orders, by their numbers, of a seed's."""
    number: Keys = np.asarray(orders).astype(np.uint64)
    of_seed = _mixed(np.full_like(number, seed))
    return _mixed(of_seed + number * _GOLDEN)


def _once(numbers: Keys, keys: Keys, side: np.uint64) -> Keys:
    left, right = np.divmod(numbers, side)
    for number in range(1, ROUNDS + 1):
        step = _mixed(keys + right * _GOLDEN + np.array(number, np.uint64)) % side
        left, right = right, (left + step) % side
    return left * side + right


def _mixed(words: Keys) -> Keys:
    """Words of which each bit depends on all of theirs (the end of SplitMix64: Steele, 2014)."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))
