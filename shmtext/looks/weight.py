"""Weight: letters fatter where ink ran or was pressed on, thinner where it was short.

Strokes grow by dilation, a pixel at a time. Where another stroke is near they would join it, or
close a counter: gaps there turn gray, but do not become ink. Strokes shrink as what is around them
grows; thin ones turn gray, but stay ink.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from shmtext.config.ranges import Floats, Range
from shmtext.corpus.ranges import Ints
from shmtext.looks.effect import Draws, Kind, Step, Traits, Values, ranged
from shmtext.looks.narrow import MOST, MOST_OF_GAPS, room_around
from shmtext.looks.sheet import Pixels, Sheet
from shmtext.looks.topology import change_masks

STEPS_PER_PX = 4
"""Strokes grow by quarters of a pixel: mixing whole ones is exact with these weights."""

BESIDE, ABOVE = np.ones((1, 3), np.uint8), np.ones((3, 1), np.uint8)

MOST_OF_STROKE = 0.5
"""That strokes grow by, on each side, of their width: they come to twice of it."""

MOST_OF_EM = 0.22
"""That strokes are wide when they have grown: counters of fatter letters are slits."""

MOST_OFF_STROKE = 0.2
"""That they lose, on each side: three fifths of them are left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight(Step):
    """Strokes made wider, or thinner, all around."""

    kind: ClassVar[Kind] = Kind.MASK
    number: ClassVar[int] = 20
    degrades: ClassVar[bool] = True

    grow_px: Range = ranged(
        (-0.6, 0.6), "By how much, on each side; below 0 they get thinner.", (-4, 4), "PX"
    )

    def draw(self, draws: Draws, traits: Traits) -> dict[str, NDArray[Any]]:
        """Bound growth by the width of strokes, and round it to the steps there are."""
        values = super(Weight, self).draw(draws, traits)
        most = (MOST_OF_EM * traits.em_px - traits.stroke_px) / 2
        most = np.minimum(np.maximum(most, 0), MOST_OF_STROKE * traits.stroke_px)
        grow_px = np.clip(values["grow_px"], -MOST_OFF_STROKE * traits.stroke_px, most)
        values["grow_px"] = np.rint(grow_px * STEPS_PER_PX) / STEPS_PER_PX
        return values

    @classmethod
    def severity(cls, values: Values, traits: Traits) -> Floats:
        """All of it where strokes grow or shrink by as much as they are wide."""
        return np.abs(values["grow_px"]) / traits.stroke_px

    @classmethod
    def reach_px(cls, values: Values, traits: Traits) -> Ints:
        """As far as strokes grow or shrink."""
        del traits
        return np.ceil(np.abs(values["grow_px"])).astype(np.int64)

    @classmethod
    def widens_px(cls, values: Values, traits: Traits) -> Ints:
        """As far as strokes grow: part of a pixel shows in all of it."""
        del traits
        return np.ceil(np.maximum(values["grow_px"], 0)).astype(np.int64)

    @classmethod
    def apply(cls, sheet: Sheet, rows: Ints, values: Values) -> None:
        """Change cells one by one, and let those through that read the same."""
        steps = np.rint(values["grow_px"] * STEPS_PER_PX).astype(np.int64)
        rows, steps = rows[steps != 0], steps[steps != 0]
        # A sheet's rows are far apart: end to end, a cache holds a cell's for all that is done.
        cells = [cell.copy() for cell in sheet.cells(sheet.mask, rows)]
        changed = [
            grown(cell, num_steps) for cell, num_steps in zip(cells, steps.tolist(), strict=True)
        ]
        change_masks(sheet, rows, changed)


def grown(mask: Pixels, steps: int) -> Pixels:
    """Let strokes grow by a number of steps; below 0 what is around them grows."""
    return _dilated(mask, steps, MOST) if steps > 0 else ~_dilated(~mask, -steps, MOST_OF_GAPS)


def _dilated(mask: Pixels, steps: int, most: Pixels) -> Pixels:
    """Dilate a mask, in narrow gaps to no more than the table ``most`` has for its coverage."""
    for start in range(0, steps, STEPS_PER_PX):
        share = min(steps - start, STEPS_PER_PX) / STEPS_PER_PX
        # By a cross: a square makes curves angular.
        wide = cv2.max(cv2.dilate(mask, BESIDE), cv2.dilate(mask, ABOVE))
        if share < 1:
            wide = cv2.addWeighted(mask, 1 - share, wide, share, 0)
        wide = cv2.min(wide, room_around(mask, most))
        mask = np.asarray(cv2.max(mask, wide), np.uint8)
    return mask
