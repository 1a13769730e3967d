"""Streaks: bands of a printer short of toner, of a scanner with dust on its glass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from shmtext.config.fields import About, setting
from shmtext.config.ranges import Floats, Range, unit
from shmtext.corpus.ranges import Ints, seams
from shmtext.looks.channels import for_channels
from shmtext.looks.effect import (
    FIRST_OWN_WORD,
    GROUP,
    Draws,
    Kind,
    Step,
    Traits,
    Values,
    ranged,
    ranged_whole,
)
from shmtext.looks.noise import signed_levels
from shmtext.looks.sheet import Sheet

MAX_COUNT = 4
BAND_BITS, PLACE_BITS = 13, 10
"""Of a word, for each band: its place in 1024ths of the side, whether it is light, its width."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Streaks(Step):
    """Bands along or across the line, lighter or darker."""

    kind: ClassVar[Kind] = Kind.NOISE
    number: ClassVar[int] = 80
    degrades: ClassVar[bool] = True

    count: Range = ranged_whole((1, 4), "Of bands.", (1, MAX_COUNT))
    width_px: Range = ranged(
        Range((1, 12), "log"),
        "Of the widest band; others have down to a quarter.",
        (0.5, 200),
        "PX",
    )
    levels: Range = ranged((4, 30), "By how much bands differ, of 255.", (0, 60), "LEVELS")
    softness: Range = ranged((0, 1), "Of a band's width, over which its edge goes.", (0, 2))
    upright: float = setting(
        0.5,
        About("How often bands go from top to bottom.", GROUP, "P", at_least=0, at_most=1),
    )

    def draw(self, draws: Draws, traits: Traits) -> dict[str, NDArray[Any]]:
        """Draw the bands' direction and places, too."""
        values = super(Streaks, self).draw(draws, traits)
        upright = unit(draws.word(FIRST_OWN_WORD)) < self.upright
        values["upright"] = upright.astype(np.int64)
        places = draws.word(FIRST_OWN_WORD + 1) >> np.uint64(64 - MAX_COUNT * BAND_BITS)
        values["places"] = places.astype(np.int64)
        return values

    @classmethod
    def severity(cls, values: Values, traits: Traits) -> Floats:
        """Little, as long as contrast is more than a few times what bands differ by."""
        del traits
        severity: Floats = values["levels"] / 200
        return severity

    @classmethod
    def apply(cls, sheet: Sheet, rows: Ints, values: Values) -> None:
        """Add each example's bands to its cell."""
        is_upright = values["upright"].astype(bool)
        size_px = np.where(is_upright, sheet.width_px[rows], sheet.height_px[rows])
        profiles = _profiles(values, size_px, sheet.bleed_px[rows])
        cells = sheet.cells(sheet.paper.view(np.int8), rows)
        with signed_levels(sheet, rows):
            for cell, upright, profile in zip(cells, is_upright.tolist(), profiles, strict=True):
                line = profile[None] if upright else profile[:, None]
                bands = np.ascontiguousarray(np.broadcast_to(line, cell.shape[:2]))
                cv2.add(cell, for_channels(bands.view(np.uint8), cell).view(np.int8), dst=cell)


def _profiles(values: Values, size_px: Ints, bleed_px: Ints) -> list[NDArray[np.int8]]:
    """What bands add to each row or column of cells."""
    number = np.arange(MAX_COUNT)[:, None]
    bits = values["places"] >> (number * BAND_BITS)
    middle = (bits & ((1 << PLACE_BITS) - 1)) * size_px / (1 << PLACE_BITS) + bleed_px
    width = values["width_px"] * (1 + (bits >> (PLACE_BITS + 1) & 3)) / 4
    # A hard edge falls between pixels, too.
    edge = np.maximum(values["softness"] * width, 1)
    height = np.where(bits >> PLACE_BITS & 1, values["levels"], -values["levels"])
    height = np.where(number < values["count"], height, 0)
    length = size_px + 2 * bleed_px
    left = seams(length)
    of_band = middle / edge, 0.5 + width / (2 * edge), 1 / edge, height
    middle, reach, slope, height = (
        np.repeat(each.astype(np.float32), length, axis=1) for each in of_band
    )
    place = np.arange(left[-1], dtype=np.float32) - np.repeat(left[:-1] - 0.5, length)
    inside = place.astype(np.float32) * slope
    inside -= middle
    np.abs(inside, out=inside)
    np.subtract(reach, inside, out=inside)
    np.clip(inside, 0, 1, out=inside)
    inside *= height
    total = inside[0] + inside[1] + inside[2] + inside[3]
    levels = np.rint(np.clip(total, -127, 127)).astype(np.int8)
    return [levels[a:b] for a, b in zip(left[:-1].tolist(), left[1:].tolist(), strict=True)]
