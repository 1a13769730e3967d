"""Ink spread: ink that soaked into paper, further along some of its fibres than others.

No pixel becomes ink by it: edges turn soft. Strokes that grow are ``weight.py``'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from shmtext.config.ranges import Floats, Range
from shmtext.corpus.ranges import Ints
from shmtext.looks.effect import FIRST_OWN_WORD, Draws, Kind, Step, Traits, Values, ranged
from shmtext.looks.narrow import MOST
from shmtext.looks.sheet import Pixels, Sheet
from shmtext.looks.unevenness import below, grain, nearest_size, places

FIBRE_PX = 2
"""Size of what soaks alike, at the font size of reference."""

MIDDLE = below(np.array([0.5]))[0]
"""Level of grain that half is below."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InkSpread(Step):
    """Strokes with soft, uneven edges."""

    kind: ClassVar[Kind] = Kind.MASK
    number: ClassVar[int] = 21
    degrades: ClassVar[bool] = True

    soak_px: Range = ranged((0.7, 2.3), "How far ink soaks, in whole pixels.", (0, 8), "PX")
    gain: Range = ranged((1.1, 1.7), "How much of what soaked in is seen.", (1, 2))
    unevenness: Range = ranged((0.1, 0.5), "How much fibres differ, of the gain.", (0, 1))

    def draw(self, draws: Draws, traits: Traits) -> dict[str, NDArray[Any]]:
        """Round lengths to whole pixels; draw the fibres."""
        values = super(InkSpread, self).draw(draws, traits)
        values["soak_px"] = np.rint(values["soak_px"]).astype(np.int64)
        values["fibres"] = nearest_size(FIBRE_PX * traits.scale)
        values["at"] = places(draws.word(FIRST_OWN_WORD))
        return values

    @classmethod
    def severity(cls, values: Values, traits: Traits) -> Floats:
        """All of it where ink soaks twice as far as strokes are wide."""
        soaked: Floats = values["soak_px"] * (values["gain"] - 0.5)
        return soaked / (2 * traits.stroke_px)

    @classmethod
    def reach_px(cls, values: Values, traits: Traits) -> Ints:
        """As far as ink soaks."""
        del traits
        return values["soak_px"].astype(np.int64)

    @classmethod
    def apply(cls, sheet: Sheet, rows: Ints, values: Values) -> None:
        """Blur cells, bring up what comes of it unevenly, and let it not become ink."""
        tables = _tables(values["gain"], values["unevenness"])
        fibres, places, soak_px = (values[name].tolist() for name in ("fibres", "at", "soak_px"))
        for number, place in enumerate(sheet.cells(sheet.mask, rows)):
            # A sheet's rows are far apart: end to end, a cache holds a cell's for all of this.
            cell = place.copy()
            paper = grain(fibres[number], places[number], cell.shape)
            side = 2 * soak_px[number] + 1
            # OpenCV has the kernels of no given sigma ready, and takes longer to make another.
            soaked = cv2.GaussianBlur(cell, (side, side), 0)
            half = cv2.multiply(soaked, cv2.LUT(paper, tables[number]), scale=1 / 255)
            seen = cv2.min(cv2.add(half, half), cv2.LUT(cell, MOST))
            cv2.max(cell, seen, dst=place)


def _tables(gain: Floats, unevenness: Floats) -> Pixels:
    """From levels of grain to half of the gain there, of 255; ``(num, 256)``."""
    off_middle = np.arange(256) / MIDDLE - 1
    uneven = gain[:, None] * (1 + unevenness[:, None] * off_middle)
    tables: Pixels = np.rint(np.clip(uneven * 127.5, 0, 255)).astype(np.uint8)
    return tables
