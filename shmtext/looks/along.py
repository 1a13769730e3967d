"""Lines along lines of text: parallel to where these stand, wherever geometry took them.

A line is given in the mask, and drawn into the other ink of the sheet: its way is looked up at some
points, and between them it is straight.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from shmtext.config.ranges import Floats
from shmtext.corpus.ranges import Ints, spell_out
from shmtext.looks.sheet import Pixels, Sheet

NUM_POINTS = 33
"""Of a line that are looked up: bends are longer than a few letters."""

STEEPEST = 1
"""Rise of a column that a line is drawn with at most: text is not turned further."""

BARE_PX = 2
"""Of paper, beside and above ink that a line keeps clear of."""

LEAST_PIECE = 5
"""Length of what is left between two pieces of ink, in widths of the line: less looks like a mark
of a letter's."""

INK = 48
"""Coverage that is ink to be kept clear of."""


@dataclass(frozen=True, slots=True, eq=False)
class AlongText:
    """A line along each line of some texts; arrays have one length."""

    above_px: Floats
    """Its middle, above the baseline; below 0 it lies under it."""
    width_px: Floats
    level: Ints
    """Coverage of its ink."""
    before_px: Floats
    """How far it goes beyond the text's ink on its left; below 0 it begins later."""
    behind_px: Floats
    least_px: Floats
    """Width of a text's ink, for it to have a line."""
    deep_px: Floats | None = None
    """It keeps clear of ink that does not go on for so far below it. None: it crosses all."""


@dataclass(frozen=True, slots=True, eq=False)
class LineCells:
    """Cells of a layer that lines are in; arrays have one length, that of the lines."""

    left: Ints
    """First column in the layer."""
    width_px: Ints
    """With the bleed, as the next."""
    height_px: Ints


def draw_along(sheet: Sheet, rows: Ints, lines: AlongText) -> None:
    """Draw lines into the cells of some examples' other ink."""
    if sheet.warp is None or sheet.traits.lines is None:
        return
    number, paths = _paths(sheet, rows, lines)
    if not number.size:
        return
    of_line = rows[number]
    cells = LineCells(
        left=sheet.left[of_line],
        width_px=np.diff(sheet.left)[of_line],
        height_px=(sheet.height_px + 2 * sheet.bleed_px)[of_line],
    )
    coverage = Coverage.of(paths, lines.width_px[number], cells)
    if lines.deep_px is not None:
        coverage.clear(sheet.mask, lines.deep_px[number].astype(np.int64))
    coverage.ink(sheet.others(), lines.level[number])


def _paths(sheet: Sheet, rows: Ints, lines: AlongText) -> tuple[Ints, Floats]:
    """The number of each line's example, and its points in a cell, ``(num, NUM_POINTS, 2)``."""
    assert sheet.warp is not None
    assert sheet.traits.lines is not None
    text_lines = sheet.traits.lines.take(rows)
    ends, numbers = [], []
    for number, (mask, first_px, line_px, count) in enumerate(
        zip(
            (sheet.warp.masks[row] for row in rows.tolist()),
            text_lines.top_px.tolist(),
            text_lines.line_px.astype(np.int64).tolist(),
            text_lines.count.tolist(),
            strict=True,
        )
    ):
        for line in range(count):
            top = first_px + line * line_px
            bottom = mask.shape[0] if line == count - 1 else top + line_px
            start, _, width, _ = cv2.boundingRect(mask[max(top, 0) : bottom])
            if width >= lines.least_px[number]:
                numbers.append(number)
                ends.append((start, start + width, top))
    of_line = np.array(numbers, np.int64)
    left, right, top = np.array(ends, np.float64).reshape(-1, 3).T
    left, right = left - lines.before_px[of_line], right + lines.behind_px[of_line]
    share = np.arange(NUM_POINTS) / (NUM_POINTS - 1)
    points = np.empty((of_line.size, NUM_POINTS, 2))
    points[:, :, 0] = left[:, None] + (right - left)[:, None] * share
    points[:, :, 1] = (top + text_lines.baseline_px[of_line] - lines.above_px[of_line])[:, None]
    found = sheet.warp.points(rows[of_line], points)
    found += sheet.bleed_px[rows[of_line]][:, None, None]
    return of_line, found


@dataclass(frozen=True, slots=True, eq=False)
class Coverage:
    """Lines' ink, column by column, those of all lines end to end; arrays are as long as these."""

    line: Ints
    """The number of the line, ascending."""
    column: Ints
    """In the layer, ascending within a line."""
    height_px: Ints
    """Of the cell."""
    top: Ints
    """First row that holds ink."""
    share: Floats
    """Of each pixel from there on down, ``(num_rows, num_columns)``."""
    width_px: Floats
    """Of the line."""

    @classmethod
    def of(cls, paths: Floats, width_px: Floats, cells: LineCells) -> Coverage:
        """Cover what lies within half of each line's width above and below its path.

        Paths have points in cells, ``(num_lines, num_points, 2)``.
        """
        x, y = np.maximum.accumulate(paths[:, :, 0], axis=1), paths[:, :, 1]
        first = np.maximum(np.floor(x[:, 0]).astype(np.int64), 0)
        last = np.minimum(np.ceil(x[:, -1]).astype(np.int64), cells.width_px)
        last = np.maximum(last, first)
        count = last - first
        line, column = np.repeat(np.arange(count.size), count), spell_out(first, count)
        # The columns of a piece are those whose middles lie behind its first point.
        begin = np.floor(x[:, 1:-1] - 0.5).astype(np.int64) + 1
        begin = np.minimum(np.maximum(begin, first[:, None]), last[:, None])
        pieces = np.diff(begin, axis=1, prepend=first[:, None], append=last[:, None]).ravel()
        rise = np.diff(y) / np.maximum(np.diff(x), 2.0**-10)
        rise = np.minimum(np.maximum(rise, -STEEPEST), STEEPEST)
        rise, start_x, start_y = (
            np.repeat(each.ravel(), pieces) for each in (rise, x[:, :-1], y[:, :-1])
        )
        middle = start_y + (column + 0.5 - start_x) * rise
        half = width_px[line] / 2 * np.sqrt(1 + rise * rise)
        low, high = middle - half, middle + half
        top = np.floor(low)
        steps = np.arange(int(2 * half.max(initial=0)) + 2)[:, None]
        within = np.minimum(top + steps + 1, high) - np.maximum(top + steps, low)
        ends = np.minimum(column + 1, x[line, -1]) - np.maximum(column, x[line, 0])
        return cls(
            line=line,
            column=column + cells.left[line],
            height_px=cells.height_px[line],
            top=top.astype(np.int64),
            share=np.maximum(within, 0) * np.minimum(ends, 1),
            width_px=width_px[line],
        )

    def clear(self, mask: Pixels, deep_px: Ints) -> None:
        """Take ink away where a layer has some, unless that goes on for ``deep_px`` further down.

        ``deep_px`` are of the lines.
        """
        below = self.top + (self.share > 0).sum(axis=0)
        # Letters stand on the baseline, a pixel or two above.
        near = self.top - 1 + np.arange(len(self.share) + 1 + BARE_PX)[:, None]
        touches = self._is_ink(mask, near) & (near < below + BARE_PX)
        is_deep = self._is_ink(mask, below + deep_px[self.line])
        start, stop = self._runs(np.asarray(touches.any(axis=0)))
        if start.size:
            ends = np.stack([start, stop], axis=1).ravel()
            goes_on = np.logical_or.reduceat(np.append(is_deep, False), ends)[::2]
            self._clear(start[~goes_on] - BARE_PX, stop[~goes_on] + BARE_PX)
        start, stop = self._runs(np.asarray((self.share > 0).any(axis=0)))
        is_short = stop - start < LEAST_PIECE * self.width_px[start]
        self._clear(start[is_short], stop[is_short])

    def ink(self, other: Pixels, level: Ints) -> None:
        """Add its ink to a layer, given the lines' levels."""
        rows = self.top + np.arange(len(self.share))[:, None]
        place, number = np.nonzero((self.share > 0) & (rows >= 0) & (rows < self.height_px))
        levels = np.rint(level[self.line[number]] * self.share[place, number]).astype(np.uint8)
        # Lines of one text may meet where it is bent.
        np.maximum.at(other, (rows[place, number], self.column[number]), levels)

    def _is_ink(self, mask: Pixels, rows: Ints) -> NDArray[np.bool_]:
        """Whether each column of a layer holds ink in its rows; there is none outside of cells."""
        is_inside = (rows >= 0) & (rows < self.height_px)
        coverage = mask[np.where(is_inside, rows, 0), self.column]
        is_ink: NDArray[np.bool_] = is_inside & (coverage >= INK)
        return is_ink

    def _runs(self, is_in: NDArray[np.bool_]) -> tuple[Ints, Ints]:
        """First and behind the last of each run of columns of one line."""
        goes_on = is_in[1:] & is_in[:-1] & (self.line[1:] == self.line[:-1])
        start = np.flatnonzero(is_in & ~np.append(False, goes_on))
        stop = np.flatnonzero(is_in & ~np.append(goes_on, False)) + 1
        return start, stop

    def _clear(self, start: Ints, stop: Ints) -> None:
        """Take away the ink of runs of columns, as far as these are within one line."""
        for first, last in zip(start.tolist(), stop.tolist(), strict=True):
            inside = self.line[max(first, 0) : last] == self.line[(first + last) // 2]
            self.share[:, max(first, 0) : last][:, inside] = 0
