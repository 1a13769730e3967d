"""Margins: how closely a text was cut out of what it stood on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from shmtext.config.ranges import Range
from shmtext.corpus.ranges import Ints
from shmtext.looks.effect import Draws, Geometry, Traits, Values, ranged
from shmtext.looks.warp import Warp

SIDES = ("left_px", "top_px", "right_px", "bottom_px")

LIMITS_PX = (-4, 128)

MOST_OF_STROKE = 1 / 3
"""That is cut away: the lower stroke of an E must not go, or it is an F."""

MOST_OF_INK = 0.1
"""Of the ink's width or height that is cut away, of each side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Margins(Geometry):
    """Room around the ink, in place of that around the line; below zero a little ink is cut off."""

    number: ClassVar[int] = 9

    left_px: Range = ranged((-1, 11), "Left of the ink.", LIMITS_PX, "PX")
    top_px: Range = ranged((-1, 9), "Above the ink.", LIMITS_PX, "PX")
    right_px: Range = ranged((-1, 11), "Right of the ink.", LIMITS_PX, "PX")
    bottom_px: Range = ranged((-1, 9), "Below the ink.", LIMITS_PX, "PX")

    def draw(self, draws: Draws, traits: Traits) -> dict[str, NDArray[Any]]:
        """Cut less than a stroke; in whole pixels, as ink's box is."""
        values = super(Margins, self).draw(draws, traits)
        for side in SIDES:
            least = -MOST_OF_STROKE * traits.stroke_px
            values[side] = np.trunc(np.maximum(values[side], least)).astype(np.int64)
        return values

    @classmethod
    def bend(cls, warp: Warp, rows: Ints, values: Values) -> None:
        """Frame the ink, and put room around it."""
        warp.frame_ink(rows)
        width, height = warp.line_size(rows)
        for side, name in enumerate(SIDES):
            size = width if side % 2 == 0 else height
            least = -np.floor(MOST_OF_INK * size).astype(np.int64)
            warp.margin_px[rows, side] = np.maximum(values[name], least)
