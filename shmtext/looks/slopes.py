"""Slopes: what grows by even steps across a picture, in any direction, and what is made of it.

A plane holds a level for each pixel of a cell, from 0 to 255 and, if it goes on, from 0 again:
gradients are made of a plane that passes through the levels once, evenly ruled lines of one that
does once a line. A table of 256 entries says what is added at which level.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from shmtext.config.ranges import Floats
from shmtext.corpus.ranges import Ints, seams
from shmtext.looks.planes import cosine, sine
from shmtext.looks.sheet import Pixels, Sheet

NUM_LEVELS = 256

FIRST, LAST = 2, 254
"""Levels that a plane may have which passes through them once: both of its parts are rounded down,
each by less than one."""


@dataclass(frozen=True, slots=True, eq=False)
class Slope:
    """Of the planes of some examples; arrays have one length."""

    start: Floats
    """Level at the upper left corner of the picture."""
    across: Floats
    """Levels that a pixel to the right adds."""
    down: Floats
    """Levels that a pixel down adds."""


def planes(sheet: Sheet, rows: Ints, slope: Slope) -> Iterator[Pixels]:
    """Make the planes of examples' cells, one after the other.

    A pixel's level is that of its middle.
    """
    bleed = sheet.bleed_px[rows]
    width, height = (size[rows] + 2 * bleed for size in (sheet.width_px, sheet.height_px))
    across = _steps(width, slope.start - bleed * slope.across, slope.across)
    down = _steps(height, -bleed * slope.down, slope.down)
    left, top = seams(width).tolist(), seams(height).tolist()
    for number in range(rows.size):
        yield np.add.outer(
            down[top[number] : top[number + 1]], across[left[number] : left[number + 1]]
        )


def _steps(count: Ints, start: Floats, step: Floats) -> Pixels:
    """Levels of columns, or of rows, end to end; they wrap around as bytes do."""
    place = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count) + 0.5
    place *= np.repeat(step, count)
    place += np.repeat(start, count)
    levels: Pixels = np.floor(place, out=place).astype(np.int64).astype(np.uint8)
    return levels


def across_pictures(sheet: Sheet, rows: Ints, turns: Floats) -> tuple[Slope, Floats]:
    """Planes that pass through pictures once, from edge to edge or from corner to corner.

    They rise in the direction given in turns: right, and clockwise from there. Returns the share of
    the way at each level, too, ``(num, 256)``: 0 to 1 within pictures, more where these bleed.
    """
    right, down = cosine(turns), sine(turns)
    # A picture is passed from corner to corner, or nearly so: its shape does not matter.
    length = np.abs(right) + np.abs(down)
    right, down = right / length, down / length
    width, height, bleed = sheet.width_px[rows], sheet.height_px[rows], sheet.bleed_px[rows]
    beyond = bleed * (np.abs(right) / width + np.abs(down) / height)
    levels = (LAST - FIRST) / (1 + 2 * beyond)
    start = (1 - right - down) / 2
    slope = Slope(
        start=FIRST + levels * (beyond + start),
        across=levels * right / width,
        down=levels * down / height,
    )
    # Both parts have lost half a level in the mean.
    share: Floats = (np.arange(NUM_LEVELS) + 1 - FIRST) / levels[:, None] - beyond[:, None]
    return slope, share


def shift_levels(
    sheet: Sheet, layer: Pixels, rows: Ints, slopes: Sequence[Slope], change: NDArray[Any]
) -> None:
    """Add to the pixels of a layer what a table has for the level of their plane.

    Of several planes a pixel gets the greatest change. ``change`` is of shape ``(num_examples,
    256)``, or ``(num_examples, 256, 3)`` where channels change apart; it is rounded, and what comes
    of it kept within 0 to 255.
    """
    rounded = np.clip(np.rint(change), -255, 255).astype(np.int16)
    of_slopes = zip(*(planes(sheet, rows, slope) for slope in slopes), strict=True)
    signs = _tables(rounded), _tables(-rounded)
    has_channels = layer.ndim > change.ndim
    for cell, own_planes, *tables in zip(sheet.cells(layer, rows), of_slopes, *signs, strict=True):
        for table, operation in zip(tables, (cv2.add, cv2.subtract), strict=True):
            if table is not None:
                operation(cell, _greatest(own_planes, table, has_channels=has_channels), dst=cell)


def _tables(change: NDArray[np.int16]) -> list[Pixels | None]:
    """The part above zero of each example's table; None where there is none."""
    above = np.maximum(change, 0).astype(np.uint8)
    has_any = above.max(axis=tuple(range(1, above.ndim))).tolist()
    # One column, as ``applyColorMap`` would have it, and ``LUT`` takes it.
    return [table if some else None for table, some in zip(above[:, :, None], has_any, strict=True)]


def _greatest(own_planes: Sequence[Pixels], table: Pixels, *, has_channels: bool) -> NDArray[Any]:
    """What a table has for planes; with three channels where they have one table."""
    look_up = cv2.LUT if table.ndim == 2 else cv2.applyColorMap
    greatest = look_up(own_planes[0], table)
    for plane in own_planes[1:]:
        cv2.max(greatest, look_up(plane, table), dst=greatest)
    return cv2.cvtColor(greatest, cv2.COLOR_GRAY2RGB) if has_channels else greatest
