"""Lines filled greedily, for many texts at once, a line of each at a time.

Texts are *units* end to end, each one wide, of which nothing is known but whether they are
spaces. What a unit is, and where units may be parted, is said by ``wrap.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.ranges import Ints

# Texts are wrapped a line of each at a time, until a few are left that have many lines to go.
_FEW_TEXTS, _MANY_LINES = 16, 64


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """What lines are filled with."""

    is_space: NDArray[np.bool_]
    starts: Ints
    """Seams between texts, shape ``(num_texts + 1,)``."""
    chunk_starts: Ints
    """Units that a line may begin with, beside those where a run of spaces begins or ends."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Some lines that were found together, at most one of each text."""

    texts: Ints
    ordinals: Ints
    """Which line of its text each is, from 0."""
    starts: Ints
    stops: Ints


class _Wrapper:
    """One greedy step of ``textwrap``, for many texts at once.

    A *run* is ``textwrap``'s chunk: a stretch of spaces, or of non-spaces up to where a chunk
    starts. The step depends on nothing but the position it starts from and whether the text has
    had a line before.
    """

    def __init__(self, units: Units, width: int) -> None:
        self._width = width
        self._is_space = units.is_space
        run_starts = np.flatnonzero(self._is_space[1:] != self._is_space[:-1]) + 1
        if units.chunk_starts.size:
            run_starts = np.union1d(run_starts, units.chunk_starts)
        run_bounds = np.concatenate([[0], run_starts, [units.is_space.size]])
        lengths = np.diff(run_bounds)
        # One entry more, so that the position after the last may be asked for as well.
        self._run_start = np.append(np.repeat(run_bounds[:-1], lengths), units.is_space.size)
        self._run_stop = np.append(np.repeat(run_bounds[1:], lengths), units.is_space.size)
        self._is_space = np.append(self._is_space, False)

    def step(
        self, at: Ints, text_stops: Ints, has_line: NDArray[np.bool_]
    ) -> tuple[Ints, Ints, Ints]:
        """Return each line's start and stop, and where the next line is to be looked for.

        An empty line is none: ``textwrap`` drops it.
        """
        starts = np.where(
            has_line & self._is_space[at], np.minimum(self._run_stop[at], text_stops), at
        )
        limits = starts + self._width
        fits = limits >= text_stops
        limits = np.minimum(limits, text_stops)
        # The last run boundary within the width. A run goes on over a seam between two texts,
        # so a text's own start and stop count as boundaries too.
        cuts = np.where(fits, text_stops, np.maximum(self._run_start[limits], starts))
        next_stops = np.minimum(self._run_stop[cuts], text_stops)
        broken = ~fits & (next_stops - cuts > self._width)
        # A run too long for any line fills what is left of this one.
        after = np.where(broken, limits, cuts)
        # Only the last piece is dropped when it is blank. A broken run that found no room at all
        # left an empty piece behind, and that is the one dropped: blanks before it stay.
        last_piece = np.where(broken, cuts, np.maximum(self._run_start[cuts - 1], starts))
        drop = (after > starts) & (after > last_piece) & self._is_space[after - 1]
        return starts, np.where(drop, last_piece, after), after


def fill_lines(units: Units, texts: Ints, width: int) -> Iterator[Found]:
    """Find the lines of ``texts``, none of them empty, one line of every text at a time."""
    if texts.size == 0:
        return
    wrapper = _Wrapper(units, width)
    at, text_stops = units.starts[texts], units.starts[texts + 1]
    ordinals = np.zeros(texts.size, np.int64)
    while texts.size > _FEW_TEXTS or (
        texts.size and int((text_stops - at).max()) <= _MANY_LINES * width
    ):
        line_starts, line_stops, at = wrapper.step(at, text_stops, ordinals > 0)
        is_line = line_stops > line_starts
        yield Found(texts[is_line], ordinals[is_line], line_starts[is_line], line_stops[is_line])
        ordinals = ordinals + is_line
        left = at < text_stops
        texts, at, text_stops, ordinals = texts[left], at[left], text_stops[left], ordinals[left]
    yield from _chase(wrapper, Found(texts, ordinals, at, text_stops))


def _chase(wrapper: _Wrapper, rest: Found) -> Iterator[Found]:
    """Finish a few long texts: step from everywhere in them at once, then follow the steps.

    A text of a million lines would otherwise be a million rounds of numpy calls.
    """
    for text, ordinal, at, stop in zip(
        rest.texts.tolist(), rest.ordinals.tolist(), rest.starts.tolist(), rest.stops.tolist(),
        strict=True,
    ):  # fmt: skip
        lines: list[tuple[int, int]] = []
        positions = np.arange(at, stop)
        text_stops = np.full(positions.size, stop)
        for has_line in (False, True):
            if at >= stop or (not has_line and ordinal):
                continue
            steps = wrapper.step(positions, text_stops, np.full(positions.size, has_line))
            line_starts, line_stops, nexts = (step.tolist() for step in steps)
            base = int(positions[0])
            while at < stop and has_line == bool(lines or ordinal):
                here = at - base
                at = nexts[here]
                if line_stops[here] > line_starts[here]:
                    lines.append((line_starts[here], line_stops[here]))
        bounds = np.array(lines, np.int64).reshape(-1, 2)
        ordinals = ordinal + np.arange(len(lines))
        yield Found(np.full(len(lines), text), ordinals, bounds[:, 0], bounds[:, 1])
