"""Lines broken where they would be too wide in pixels, for all texts of a shard.

Lines end where UAX 14 allows it, each as late as it can; spaces there are dropped. Where not even
the first word has room, it is parted between clusters, and a line has at least one of these. How
wide a line is, is asked of whoever lays it out, as what it holds when it stands by itself: it
depends on kerning, ink and spacing. Numbers only: no pixel is touched here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from shmtext.corpus.breaks import cluster_starts, line_breaks
from shmtext.corpus.ranges import Ints, seams, spell_out
from shmtext.corpus.wrap import Lines

EndsOf = Callable[[Ints, Ints, Ints], Ints]
"""How far some lines go, in 64ths of a pixel: given each one's text, and where it starts and stops
among the code points."""

UNLIMITED = np.iinfo(np.int64).max

_BREAKING = [chr(code).isspace() and code not in (0xA0, 0x2007, 0x202F) for code in range(0x3001)]
_IS_BREAKING_SPACE = np.array([*_BREAKING, False])
"""White space that is dropped where a line ends; higher code points share the last entry."""


def wrap_by_width(lines: Lines, limit_26_6: Ints, ends_of: EndsOf) -> tuple[Lines, Ints]:
    """Break lines that go further than their text's limit, ``(num_texts,)``.

    Also returned is where each of the code points that are left was.
    """
    num_lines = np.diff(lines.text_lines)
    text = np.repeat(np.arange(num_lines.size), num_lines)
    starts, stops = lines.line_starts[:-1], lines.line_starts[1:]
    asked = np.flatnonzero((limit_26_6[text] != UNLIMITED) & (stops > starts))
    unchanged = lines, np.arange(lines.codes.size)
    if not asked.size:
        return unchanged
    is_wide = ends_of(text[asked], starts[asked], stops[asked]) > limit_26_6[text[asked]]
    wide = asked[is_wide]
    if not wide.size:
        return unchanged
    found = _Filler(lines, wide, text[wide], limit_26_6[text[wide]], ends_of).fill()
    others = np.setdiff1d(np.arange(starts.size), wide, assume_unique=True)
    line = np.concatenate([others, found.line])
    # A stable order: lines that were found come in that of their text.
    order = np.lexsort((np.concatenate([np.zeros_like(others), found.ordinal]), line))
    first = np.concatenate([starts[others], found.start])[order]
    length = np.concatenate([stops[others], found.stop])[order] - first
    places = spell_out(first, length)
    text_lines = seams(np.bincount(text[line], minlength=num_lines.size))
    return Lines(lines.codes[places], seams(length), text_lines), places


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    line: Ints
    """Which line each is a part of."""
    ordinal: Ints
    start: Ints
    stop: Ints


class _Filler:
    """Breaks lines; places in here are of their characters, gathered end to end."""

    def __init__(
        self, lines: Lines, wide: Ints, text: Ints, limit_26_6: Ints, ends_of: EndsOf
    ) -> None:
        length = np.diff(lines.line_starts)[wide]
        self._wide, self._text, self._limit_26_6, self._ends_of = wide, text, limit_26_6, ends_of
        self._starts = seams(length)
        self._from = lines.line_starts[wide] - self._starts[:-1]
        """What makes a place of a line here one among all code points."""
        codes = lines.codes[spell_out(lines.line_starts[wide], length)]
        is_first = cluster_starts(codes, self._starts)
        is_space = _IS_BREAKING_SPACE[np.minimum(codes, 0x3000 + 1)]
        is_end = np.zeros(codes.size + 1, np.bool_)
        is_end[self._starts[1:]] = True
        is_unit_end, is_cluster_end = is_end.copy(), is_end
        is_unit_end[:-1] |= line_breaks(codes, self._starts) & is_first
        is_cluster_end[:-1] |= is_first
        is_cluster_end[0] = False
        self._unit_ends = np.flatnonzero(is_unit_end)
        self._cluster_ends = np.flatnonzero(is_cluster_end)
        place = np.arange(codes.size + 1)
        inked = np.append(~is_space, True)
        self._next_inked = np.minimum.accumulate(np.where(inked, place, codes.size)[::-1])[::-1]
        # Behind the last character before each place that is no space.
        ends = np.append(0, np.where(is_space, 0, place[1:]))
        self._trimmed = np.maximum.accumulate(ends)
        self._before = self._ends_before()

    def _ends_before(self) -> Ints:
        """About how far all units up to each of ``unit_ends`` go."""
        begins = np.append(0, self._unit_ends[:-1])
        line = np.searchsorted(self._starts, begins, side="right") - 1
        return seams(self._ends(line, begins, self._unit_ends))

    def _ends(self, line: Ints, start: Ints, stop: Ints) -> Ints:
        base = self._from[line]
        return self._ends_of(self._text[line], start + base, stop + base)

    def fill(self) -> _Found:
        """Find all lines, one of each line that is broken at a time."""
        line, at = np.arange(self._wide.size), self._starts[:-1].copy()
        # A line of nothing but spaces stays, without them.
        is_blank = self._next_inked[at] >= self._starts[1:]
        ordinal = 0
        parts: list[_Found] = []
        while line.size:
            stop = self._longest(line, at)
            end = np.maximum(self._trimmed[stop], at)
            base = self._from[line]
            has_any = (end > at) | (is_blank[line] & (ordinal == 0))
            part = _Found(self._wide[line], np.full_like(line, ordinal), at + base, end + base)
            parts.append(_Found(*(each[has_any] for each in _columns(part))))
            ordinal += 1
            at = self._next_inked[stop]
            left = at < self._starts[line + 1]
            line, at = line[left], at[left]
        return _Found(*map(np.concatenate, zip(*map(_columns, parts), strict=True)))

    def _longest(self, line: Ints, at: Ints) -> Ints:
        """Where lines stop that begin at places: as late as they can."""
        ends, lowest = self._unit_ends, np.searchsorted(self._unit_ends, at, side="right")
        highest = np.searchsorted(ends, self._starts[line + 1])
        # Of the unit that a line begins within, the part before it counts, too.
        reached = self._before[lowest] + self._limit_26_6[line]
        about = np.searchsorted(self._before[1:], reached, side="right") - 1
        best = self._search(line, at, ends, (lowest, highest, about))
        stop = ends[np.maximum(best, 0)]
        is_parted = best < lowest
        if is_parted.any():
            line, at = line[is_parted], at[is_parted]
            clusters = self._cluster_ends
            first = np.searchsorted(clusters, at, side="right")
            last = np.searchsorted(clusters, ends[lowest[is_parted]])
            end = self._ends(line, at, clusters[last])
            about = first + (last - first) * self._limit_26_6[line] // np.maximum(end, 1)
            found = self._search(line, at, clusters, (first, last, about))
            stop[is_parted] = clusters[np.maximum(found, first)]
        return stop

    def _search(self, line: Ints, at: Ints, ends: Ints, bounds: tuple[Ints, Ints, Ints]) -> Ints:
        """Which of some ends is the last that a line has room up to; before the lowest: none is.

        ``bounds`` are the lowest and highest, and what to begin with. Neighbours of that are tried
        until one has room and the next has none.
        """
        lowest, highest, about = bounds
        best, worst = lowest - 1, highest + 1
        tried = np.clip(about, lowest, highest)
        open_ = np.arange(line.size)
        while open_.size:
            stop = np.maximum(self._trimmed[ends[tried[open_]]], at[open_])
            fits = self._ends(line[open_], at[open_], stop) <= self._limit_26_6[line[open_]]
            best[open_[fits]] = tried[open_[fits]]
            worst[open_[~fits]] = tried[open_[~fits]]
            tried[open_] += np.where(fits, 1, -1)
            open_ = open_[(tried[open_] > best[open_]) & (tried[open_] < worst[open_])]
        return best


def _columns(found: _Found) -> tuple[Ints, Ints, Ints, Ints]:
    return found.line, found.ordinal, found.start, found.stop
