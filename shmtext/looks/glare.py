"""Glare: a lamp mirrored in glossy paper or in a screen."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from shmtext.config.ranges import Floats, Range, unit
from shmtext.corpus.ranges import Ints
from shmtext.looks.channels import for_channels
from shmtext.looks.effect import FIRST_OWN_WORD, Draws, Kind, Step, Traits, Values, ranged
from shmtext.looks.sheet import Pixels, Sheet

STEPS = 64
"""Strengths are multiples of its inverse: for each there is a spot, made as large as needed."""

BELL_SIDE = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Glare(Step):
    """A bright soft spot, through which text can be seen."""

    kind: ClassVar[Kind] = Kind.OPTICS
    number: ClassVar[int] = 83
    degrades: ClassVar[bool] = True

    strength: Range = ranged((0.15, 0.5), "Of the way to white, in its middle.", (0, 0.8), "SHARE")
    width_px: Range = ranged((15, 80), "Of half the spot.", (4, 500), "PX")
    height_px: Range = ranged((15, 40), "Of half the spot.", (4, 500), "PX")

    def draw(self, draws: Draws, traits: Traits) -> dict[str, NDArray[Any]]:
        """Draw where its middle is, too, of the picture's width and height."""
        values = super(Glare, self).draw(draws, traits)
        values["strength"] = np.rint(values["strength"] * STEPS) / STEPS
        values["x"], values["y"] = (unit(draws.word(FIRST_OWN_WORD + k)) for k in range(2))
        return values

    @classmethod
    def severity(cls, values: Values, traits: Traits) -> Floats:
        """What contrast is lost in the middle, by half: the eye takes in the spot."""
        del traits
        severity: Floats = 0.5 * values["strength"]
        return severity

    @classmethod
    def apply(cls, sheet: Sheet, rows: Ints, values: Values) -> None:
        """Lighten what lies within each spot."""
        bleed_px = sheet.bleed_px[rows]
        half_sizes = [np.rint(values[name]).astype(np.int64) for name in ("width_px", "height_px")]
        sides_px = sheet.width_px[rows], sheet.height_px[rows]
        starts = [
            np.rint(values[name] * side_px).astype(np.int64) + bleed_px - half_px
            for name, side_px, half_px in zip(("x", "y"), sides_px, half_sizes, strict=True)
        ]
        steps = np.rint(values["strength"] * STEPS).astype(np.int64)
        drawn = zip(*(each.tolist() for each in (*starts, *half_sizes, steps)), strict=True)
        for cell, (left, top, half_width, half_height, step) in zip(
            sheet.cells(sheet.paper, rows), drawn, strict=True
        ):
            size = 2 * half_width, 2 * half_height
            light = np.empty(size[::-1], np.uint8)
            cv2.resize(_light(step), size, dst=light, interpolation=cv2.INTER_LINEAR)
            spot = cell[max(top, 0) : top + size[1], max(left, 0) : left + size[0]]
            height, width = spot.shape[:2]
            light = light[max(-top, 0) :, max(-left, 0) :][:height, :width]
            light = for_channels(light, cell)
            cv2.bitwise_not(spot, dst=spot)
            cv2.multiply(spot, light, dst=spot, scale=1 / 255)
            cv2.bitwise_not(spot, dst=spot)


@cache
def _light(step: int) -> Pixels:
    """How much of what is dark stays so, in 255ths: less in the middle, all at the edge."""
    away = (np.arange(BELL_SIDE) + 0.5) * (2 / BELL_SIDE) - 1
    side = np.maximum(1 - away * away - (away * away)[:, None], 0)
    light: Pixels = np.rint(255 - side * side * (255 * step / STEPS)).astype(np.uint8)
    light.setflags(write=False)
    return light
