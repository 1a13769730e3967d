"""Texts of several sources in turns, in proportion to weights.

Text ``j`` of a source of weight ``w`` has its turn at ``(j + 1/2) / w``; whichever turn is earlier
comes first, of equal ones that of the source named first. So 3 to 1 is a a b a, a a b a, ...; and
where a source is used up, the others go on among themselves. No source is read further ahead
than a chunk.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.ragged import TextChunk
from shmtext.corpus.ranges import Ints, seams, spell_out


class _Ahead:
    """A source, and those of its texts that were read and have not had their turn."""

    def __init__(self, chunks: Iterator[TextChunk], weight: float) -> None:
        self._chunks = chunks
        self._weight = weight
        self._num_past = 0
        self._values = np.empty(0, np.uint8)
        self._lengths = np.empty(0, np.int32)
        self.is_over = False

    def read(self) -> None:
        """Have a text at hand, unless there is none any more."""
        while not self._lengths.size and not self.is_over:
            chunk = next(self._chunks, None)
            self.is_over = chunk is None
            if chunk is not None:
                self._values, self._lengths = chunk.values, chunk.lengths_bytes

    @property
    def turns(self) -> NDArray[np.float64]:
        """When each text at hand has its turn, and the first that is not."""
        numbers = np.arange(self._num_past, self._num_past + self._lengths.size + 1)
        turns: NDArray[np.float64] = np.divide(numbers + 0.5, self._weight, dtype=np.float64)
        return turns

    def take(self, num_texts: int) -> TextChunk:
        """The first texts at hand, which are not any more."""
        lengths = self._lengths[:num_texts]
        num_bytes = int(lengths.sum())
        taken = TextChunk(self._values[:num_bytes], lengths)
        self._values, self._lengths = self._values[num_bytes:], self._lengths[num_texts:]
        self._num_past += num_texts
        return taken


def in_turns(
    sources: Sequence[Iterator[TextChunk]], weights: Sequence[float]
) -> Iterator[TextChunk]:
    """Texts of all sources, in turns that are in proportion to ``weights``."""
    aheads = [_Ahead(*each) for each in zip(sources, weights, strict=True)]
    while True:
        for ahead in aheads:
            ahead.read()
        turns = [ahead.turns for ahead in aheads]
        # Up to the first text of which it is not known whether there is one.
        horizon = min(
            (float(each[-1]) for each, a in zip(turns, aheads, strict=True) if not a.is_over),
            default=np.inf,
        )
        ready = [each[:-1][each[:-1] < horizon] for each in turns]
        taken = [ahead.take(each.size) for ahead, each in zip(aheads, ready, strict=True)]
        order = np.argsort(np.concatenate(ready), kind="stable")
        if order.size:
            yield _in_order(taken, order)
        elif all(ahead.is_over for ahead in aheads):
            return


def _in_order(chunks: Sequence[TextChunk], order: Ints) -> TextChunk:
    lengths = np.concatenate([chunk.lengths_bytes for chunk in chunks])
    values = np.concatenate([chunk.values for chunk in chunks])
    starts = seams(lengths)[:-1][order]
    return TextChunk(values[spell_out(starts, lengths[order].astype(np.int64))], lengths[order])


def one_after_the_other(sources: Sequence[Iterator[TextChunk]]) -> Iterator[TextChunk]:
    """Texts of all sources, as one long one."""
    for source in sources:
        yield from source
