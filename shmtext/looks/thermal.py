"""Thermal: a print head whose elements heat unevenly, and paper that is fed unevenly.

The head lies across the paper: a weak element is a weak column, an uneven step of the feed a weak
row. So much is left of either that it still is ink.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from shmtext.config.ranges import Floats, Range
from shmtext.corpus.ranges import Ints, seams
from shmtext.looks.effect import FIRST_OWN_WORD, Draws, Kind, Step, Traits, Values, ranged
from shmtext.looks.narrow import LEAST_SHARE
from shmtext.looks.sheet import Pixels, Sheet

PLACE_BITS = 16
"""Of a place that say where in the bank an example's elements, or its steps, begin."""

PHASE_BITS = 10
"""And how far into a dot a picture begins."""

LEAST_DOT_PX = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Thermal(Step):
    """Ink in dots, some of whose columns and rows are weaker."""

    kind: ClassVar[Kind] = Kind.MASK
    number: ClassVar[int] = 23
    degrades: ClassVar[bool] = True

    dot_px: Range = ranged((1.5, 3), "From one dot to the next.", (0, 32), "PX")
    columns: Range = ranged((0.1, 0.5), "Share of columns that are weak.", (0, 1))
    rows: Range = ranged((0, 0.3), "Share of rows that are weak.", (0, 1))
    left: Range = ranged(
        (LEAST_SHARE, 0.8), "Share of ink left in the weakest, and between dots.", (LEAST_SHARE, 1)
    )
    gaps: Range = ranged((0, 0.7), "How much is missing between dots, of what may be.", (0, 1))

    def draw(self, draws: Draws, traits: Traits) -> dict[str, NDArray[Any]]:
        """Draw which elements and steps these are."""
        values = super(Thermal, self).draw(draws, traits)
        values["dot_px"] = np.maximum(values["dot_px"], LEAST_DOT_PX)
        word = draws.word(FIRST_OWN_WORD)
        values["at"] = (word >> np.uint64(64 - 2 * (PLACE_BITS + PHASE_BITS))).astype(np.int64)
        return values

    @classmethod
    def severity(cls, values: Values, traits: Traits) -> Floats:
        """About twice the share of ink that is gone: the weak lack half of what the weakest do."""
        del traits
        weak = values["columns"] + values["rows"] + values["gaps"]
        severity: Floats = weak * (1 - values["left"])
        return severity

    @classmethod
    def apply(cls, sheet: Sheet, rows: Ints, values: Values) -> None:
        """Bound coverage by what columns and rows leave of it."""
        place = values["at"]
        width, height = (
            (size + 2 * sheet.bleed_px)[rows] for size in (sheet.width_px, sheet.height_px)
        )
        across = _levels(width, values, values["columns"], place)
        down = _levels(height, values, values["rows"], place >> PLACE_BITS + PHASE_BITS)
        for cell, columns, lines in zip(sheet.cells(sheet.mask, rows), across, down, strict=True):
            np.minimum(cell, columns, out=cell)
            np.minimum(cell, lines[:, None], out=cell)


def _levels(sizes: Ints, values: Values, share: Floats, place: Ints) -> list[Pixels]:
    """The most coverage of each column, or row, of cells that have as many as ``sizes`` says."""
    between = seams(sizes)
    number = np.repeat(np.arange(sizes.size), sizes)
    begin = place & (1 << PLACE_BITS) - 1
    phase = (place >> PLACE_BITS & (1 << PHASE_BITS) - 1) / (1 << PHASE_BITS)
    in_dots = (np.arange(between[-1]) - between[number]) / values["dot_px"][number] + phase[number]
    dot = np.floor(in_dots)
    element = (begin[number] + dot.astype(np.int64)) & (1 << PLACE_BITS) - 1
    weakness = np.maximum(1 - _strengths()[element] / np.maximum(share, 2.0**-20)[number], 0)
    # From 1 between two dots to 0 in the middle of one.
    off_middle = np.abs(2 * (in_dots - dot) - 1)
    missing = np.maximum(weakness, values["gaps"][number] * off_middle)
    levels = np.rint(255 * (1 - missing * (1 - values["left"])[number])).astype(np.uint8)
    return np.split(levels, between[1:-1])


@cache
def _strengths() -> Floats:
    """Numbers evenly from 0 to 1 of elements of a head; it goes round."""
    bits = np.random.Philox(key=np.array([23, 0], np.uint64)).random_raw(1 << PLACE_BITS)
    strengths = (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53
    strengths.setflags(write=False)
    return strengths
