"""Counts as bars and histograms: numbers that a page draws. No markup but the paths of SVG."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from shmtext.corpus.ranges import Ints

HEIGHT = 100
"""Of a chart, in units of its paths; a bin is 1 wide. Pages stretch both."""
MOST_BINS = 60
_SHOWN_SHARE = 0.995
"""Of values, that a histogram shows at least: a few that are far out would leave it no room."""
_GAP = 0.12
"""Of a column's width, that is left free."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One of several named counts."""

    name: str
    count: int
    share: float
    """Of all, 0 to 1."""
    length: float
    """Of the longest bar, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Bars:
    """Named counts, the largest first, and how many more there are."""

    bars: tuple[Bar, ...]
    num_others: int
    others_count: int
    """Of these together."""


def bars_of(counts: Iterable[tuple[str, int]], most: int) -> Bars:
    """The largest of some counts.

    >>> bars = bars_of([("a", 1), ("b", 3), ("c", 2)], 2)
    >>> [(each.name, each.count, each.share) for each in bars.bars], bars.others_count
    ([('b', 3, 0.5), ('c', 2, 0.3333333333333333)], 1)
    """
    ordered = sorted(counts, key=lambda each: (-each[1], each[0]))
    total = sum(count for _, count in ordered)
    shown, others = ordered[:most], ordered[most:]
    return Bars(
        tuple(Bar(name, count, count / total, count / ordered[0][1]) for name, count in shown),
        num_others=len(others),
        others_count=sum(count for _, count in others),
    )


@dataclass(frozen=True, slots=True)
class Bin:
    """Values from ``first`` to ``last``, both included."""

    first: int
    last: int
    count: int

    @property
    def name(self) -> str:
        """As people write it."""
        return f"{self.first:,}" if self.first == self.last else f"{self.first:,} to {self.last:,}"


@dataclass(frozen=True, slots=True)
class Histogram:
    """How whole numbers are spread, in bins of one width."""

    bins: tuple[Bin, ...]
    """All values but those beyond."""
    beyond: Bin | None
    """A few values that are far out, above the last bin."""
    path: str
    """Columns, ``num_bins`` wide and ``HEIGHT`` high."""
    ticks: tuple[int, ...]
    """Values at the left end, at quarters, and at the right end."""
    least: int
    median: int
    mean: float
    most: int

    @property
    def highest(self) -> int:
        """The count of the highest column."""
        return max(each.count for each in self.bins)


def histogram_of(counts: Mapping[int, int]) -> Histogram | None:
    """The histogram of so many of each value; None where there is no value.

    >>> histogram = histogram_of({1: 2, 2: 1, 4: 5})
    >>> [(each.name, each.count) for each in histogram.bins], histogram.ticks
    ([('1', 2), ('2', 1), ('3', 0), ('4', 5)], (1, 2, 3, 4, 5))
    """
    if not counts:
        return None
    pairs = np.array(sorted(counts.items()), np.int64)
    values, nums = pairs[:, 0], pairs[:, 1]
    running = np.cumsum(nums)
    total = int(running[-1])
    far = int(values[np.searchsorted(running, _SHOWN_SHARE * total)])
    first, width, num_bins = _bins(int(values[0]), max(far, int(values[0])))
    end = first + width * num_bins
    is_shown = values < end
    of_bins = np.bincount((values[is_shown] - first) // width, nums[is_shown], num_bins)
    bins = tuple(
        Bin(first + index * width, first + (index + 1) * width - 1, count)
        for index, count in enumerate(of_bins.astype(np.int64).tolist())
    )
    num_beyond = int(nums[~is_shown].sum())
    return Histogram(
        bins=bins,
        beyond=Bin(end, int(values[-1]), num_beyond) if num_beyond else None,
        path=columns_path([each.count for each in bins]),
        ticks=tuple(first + width * num_bins * quarter // 4 for quarter in range(5)),
        least=int(values[0]),
        median=int(values[np.searchsorted(running, (total + 1) // 2)]),
        mean=float(values @ nums) / total,
        most=int(values[-1]),
    )


def _bins(least: int, most: int) -> tuple[int, int, int]:
    """Where bins begin, how wide they are (1, 2 or 5, or these times a power of ten), and how many
    there are: a multiple of four, so that quarters are seams.
    """
    for width in _widths():
        first = least // width * width
        num_bins = -(-(most + 1 - first) // width)
        num_bins += -num_bins % 4
        if num_bins <= MOST_BINS:
            return first, width, num_bins
    raise AssertionError


def _widths() -> Iterator[int]:
    power = 1
    while True:
        yield from (power, 2 * power, 5 * power)
        power *= 10


def columns_path(counts: Sequence[int]) -> str:
    """Columns side by side, from below."""
    highest = max(counts)
    parts = []
    for index, count in enumerate(counts):
        if count:
            # What is there can be seen.
            height = max(HEIGHT * count / highest, 1)
            parts.append(f"M{index + _GAP / 2:.2f} {HEIGHT}v-{height:.1f}h{1 - _GAP:.2f}V{HEIGHT}z")
    return "".join(parts)


def area_path(levels: Sequence[float], highest: float) -> str:
    """Steps of one width over the bottom, as an area; ``highest`` is what fills the height."""
    factor = HEIGHT / highest if highest else 0
    steps = "".join(f"V{HEIGHT - factor * level:.1f}h1" for level in levels)
    return f"M0 {HEIGHT}{steps}V{HEIGHT}z"


def characters_of(code_points: Ints) -> list[tuple[int, int]]:
    """Code points that occur and how often, the commonest first."""
    (found,) = np.nonzero(code_points)
    order = np.argsort(-code_points[found], kind="stable")
    ordered = found[order]
    return list(zip(ordered.tolist(), code_points[ordered].tolist(), strict=True))
