"""Which text each position of the sequence has, and by which number it is drawn. Pure arithmetic.

    position     0 … n - 1 | n … 2n - 1 | …          without end; the one coordinate of a stream
    epoch            0     |     1      |
    place        0 … n - 1 | 0 … n - 1  |            a number is drawn for each place of each epoch
    text         that of the place, or, shuffled, of another in an order of the epoch's own

n is the number of examples that can be drawn. In epoch 0, unshuffled, texts and numbers are those
of a run. A step is a batch's worth of positions; ranks and processes that draw take turns at them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from shmtext.corpus.ragged import RaggedTexts
from shmtext.corpus.ranges import Ints, seams
from shmtext.ring.permutation import key_of, permute

RUNS_PER_WINDOW = 16
"""Of like width that are put together at once: of a window of so many, the widest and the narrowest
picture of a run differ by a few pixels."""

WINDOWS = 2**63
"""Orders of windows have numbers from here on, those of epochs are below."""


class Texts(Protocol):
    """What has the texts of examples."""

    def take(self, _: Ints, /) -> RaggedTexts:
        """Those of some examples."""


@dataclass(frozen=True, slots=True)
class Turns:
    """Who draws which steps: from one's first position on, every so many."""

    batch_size: int
    every: int = 1
    """Steps from one of a taker's to its next: ranks, times the processes that draw for each."""

    @property
    def stride(self) -> int:
        """Positions from the first of a step to the first of the next of the same taker."""
        return self.batch_size * self.every

    def positions(self, first: int, num: int) -> Ints:
        """The first so many positions that are taken by whoever begins a step at ``first``."""
        row = np.arange(num, dtype=np.int64)
        return first + row // self.batch_size * self.stride + row % self.batch_size


@dataclass(frozen=True, slots=True)
class OrderSpec:
    """What decides the order, apart from the texts."""

    seed: int
    num_examples: int
    """Of a run of the corpus."""
    is_shuffled: bool
    bucket: int | None
    """Length of runs of like width; None: there are none."""
    turns: Turns


@dataclass(frozen=True, slots=True, eq=False)
class StreamOrder:
    """The order of one stream's texts."""

    spec: OrderSpec
    drawable: Ints | None
    """Examples that can be drawn, in ascending order; None: all of them."""
    num_drawable: int = field(init=False)

    def __post_init__(self) -> None:
        drawable = self.drawable
        num_drawable = self.spec.num_examples if drawable is None else drawable.size
        object.__setattr__(self, "num_drawable", num_drawable)

    def look_up(self, of_all: Texts, positions: Ints) -> tuple[Ints, Ints]:
        """Which example each position has, of all that there are, and the number it's drawn by.

        The number is the place's example, and for each epoch before as many as there are.
        """
        run = self.spec.bucket
        return self._in_order(positions if run is None else self._by_width(of_all, positions, run))

    def _in_order(self, positions: Ints) -> tuple[Ints, Ints]:
        epoch, place = np.divmod(positions, self.num_drawable)
        numbers = epoch * self.spec.num_examples + self._example(place)
        if self.spec.is_shuffled:
            place = permute(place, key_of(self.spec.seed, epoch), self.num_drawable)
        return self._example(place), numbers

    def _example(self, place: Ints) -> Ints:
        return place if self.drawable is None else self.drawable[place]

    def _by_width(self, of_all: Texts, positions: Ints, run: int) -> Ints:
        """Exchange positions within windows, so that texts of like length are side by side."""
        size = run * RUNS_PER_WINDOW
        window, at = np.divmod(positions, size)
        exchanged = np.empty_like(positions)
        for each in np.unique(window).tolist():
            here = window == each
            number, within = np.divmod(at[here], run)
            # Runs in no order: else the narrow ones would come first, again and again.
            number = permute(number, key_of(self.spec.seed, WINDOWS + each), RUNS_PER_WINDOW)
            exchanged[here] = self._sorted(of_all, each * size, size)[number * run + within]
        return exchanged

    def _sorted(self, of_all: Texts, first: int, num: int) -> Ints:
        positions = np.arange(first, first + num)
        examples, _ = self._in_order(positions)
        return positions[np.argsort(num_characters(of_all, examples), kind="stable")]


def num_characters(of_all: Texts, examples: Ints) -> Ints:
    """How many characters some texts have."""
    texts = of_all.take(examples)
    before = seams((texts.values & 0xC0) != 0x80)
    counts: Ints = np.diff(before[texts.offsets])
    return counts
