"""The order in which a run is read at random, a few shards at a time.

Pictures taken at random from all of a run open another shard each time, and of a Parquet file some
megabytes are read for each. Here blocks of neighbours stay together in time: those of some shards
come before any of others, in random order, and the pictures of some blocks at once are mixed. The
order depends on the seed and on the run alone.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.ranges import Ints, seams, spell_out

GROUP_SHARDS = 8
"""Shards that are read at a time."""
BLOCK_PICTURES = 256
MIXED_BLOCKS = 16
"""Blocks whose pictures are mixed: 4,096, some 25 MB."""


class ShuffledPositions(Sequence[int]):
    """Every position of a run once, at random. A value; can be pickled.

    >>> order = ShuffledPositions(np.array([0, 3, 3, 5]), seed=1)
    >>> len(order), sorted(order)
    (5, [0, 1, 2, 3, 4])
    """

    def __init__(self, shard_starts: Ints, seed: int) -> None:
        """``shard_starts`` are positions of each shard's first picture, and of the end of all."""
        self._shard_starts = shard_starts
        self._seed = seed
        shards = np.argsort(self._words(0, shard_starts.size - 1), kind="stable")
        self._groups = np.array_split(shards, range(GROUP_SHARDS, shards.size, GROUP_SHARDS))
        """Shards that are read at a time, in order."""
        lengths = np.diff(shard_starts)
        self._starts = seams(np.array([lengths[group].sum() for group in self._groups], np.int64))
        self._mixed: tuple[int, Ints] | None = None
        """The group that was asked for last, and its positions."""

    def __len__(self) -> int:
        return int(self._starts[-1])

    @overload
    def __getitem__(self, index: int) -> int: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[int]: ...

    def __getitem__(self, index: int | slice) -> int | Sequence[int]:
        if isinstance(index, slice):
            return [self[each] for each in range(len(self))[index]]
        index = range(len(self))[operator.index(index)]  # IndexError beyond the last
        group = int(np.searchsorted(self._starts, index, side="right")) - 1
        return int(self._mixed_group(group)[index - self._starts[group]])

    def __iter__(self) -> Iterator[int]:
        for group in range(len(self._groups)):
            yield from self._mixed_group(group).tolist()

    def _mixed_group(self, group: int) -> Ints:
        if self._mixed is None or self._mixed[0] != group:
            shards = self._groups[group]
            first = self._shard_starts[shards]
            lengths = self._shard_starts[shards + 1] - first
            positions = spell_out(first, lengths)
            num_blocks = -(-lengths // BLOCK_PICTURES)
            within = spell_out(np.zeros_like(first), lengths)
            block = within // BLOCK_PICTURES + np.repeat(seams(num_blocks)[:-1], lengths)
            words = self._words(1 + group, int(num_blocks.sum()) + positions.size)
            of_blocks, of_pictures = np.split(words, [int(num_blocks.sum())])
            rank = np.argsort(np.argsort(of_blocks, kind="stable"), kind="stable")
            order = np.lexsort((of_pictures, rank[block] // MIXED_BLOCKS))
            self._mixed = group, positions[order]
        return self._mixed[1]

    def _words(self, stream: int, num_words: int) -> NDArray[np.uint64]:
        """Random words of a stream: counter-based, the same for every version of NumPy."""
        key = np.array([self._seed, stream], np.uint64)
        return np.random.Philox(key=key).random_raw(num_words)
