"""Defocus: a lens that is too near or too far, each point of the page a disc."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from shmtext.config.ranges import Floats, Range
from shmtext.corpus.ranges import Ints
from shmtext.looks.effect import Draws, Kind, Step, Traits, Values, ranged
from shmtext.looks.sheet import Sheet

SIDES_PX = ((1, 1), (3, 1), (3, 3), (5, 3), (7, 3), (7, 5), (9, 5), (9, 7), (11, 7), (13, 9))
"""Of boxes, long and short: the mean of one and the same turned is an octagon, as good as a disc
where strokes are a few pixels wide, and takes a third of a disc's time."""

RADII_PX: Floats = np.sqrt(4 * np.array([(a * a + b * b - 2) / 24 for a, b in SIDES_PX]))
"""Of the discs that spread as far: their variance along an axis is a quarter of the radius'
square."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Defocus(Step):
    """A blur by a disc."""

    kind: ClassVar[Kind] = Kind.OPTICS
    number: ClassVar[int] = 72
    degrades: ClassVar[bool] = True

    radius_px: Range = ranged((1, 2), "Of the disc; 5.6 pixels at most.", (0, 20), "PX")

    def draw(self, draws: Draws, traits: Traits) -> dict[str, NDArray[Any]]:
        """Take radii that there are."""
        values = super(Defocus, self).draw(draws, traits)
        values["radius_px"] = RADII_PX[_level(values["radius_px"])]
        return values

    @classmethod
    def severity(cls, values: Values, traits: Traits) -> Floats:
        """That of a Gaussian that spreads as far: half the radius."""
        return values["radius_px"] / traits.detail_px

    @classmethod
    def reach_px(cls, values: Values, traits: Traits) -> Ints:
        """Half the long side."""
        del traits
        long_px = np.array([long_px for long_px, _ in SIDES_PX])
        return long_px[_level(values["radius_px"])] // 2

    @classmethod
    def apply(cls, sheet: Sheet, rows: Ints, values: Values) -> None:
        """Blur each cell by two boxes."""
        cells = sheet.cells(sheet.paper, rows)
        for cell, level in zip(cells, _level(values["radius_px"]).tolist(), strict=True):
            long_px, short_px = SIDES_PX[level]
            lying = cv2.blur(cell, (long_px, short_px))
            if long_px == short_px:
                cell[...] = lying
                continue
            upright = cv2.blur(cell, (short_px, long_px))
            cv2.addWeighted(lying, 0.5, upright, 0.5, 0, dst=cell)


def _level(radius_px: Floats) -> Ints:
    """The places of the nearest radii."""
    return np.searchsorted((RADII_PX[1:] + RADII_PX[:-1]) / 2, radius_px)
