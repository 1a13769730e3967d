"""Tone: how a camera, a scanner or a person at a slider sets contrast, brightness and gamma."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from shmtext.config.ranges import Floats, Range, power
from shmtext.corpus.ranges import Ints
from shmtext.looks.effect import Draws, Kind, Step, Traits, Values, ranged
from shmtext.looks.sheet import Sheet

MAX_GAMMA = 4
STEPS_PER_GAMMA = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Tone(Step):
    """Another contrast, brightness and gamma for the whole picture."""

    kind: ClassVar[Kind] = Kind.TONE
    number: ClassVar[int] = 100
    degrades: ClassVar[bool] = True

    contrast: Range = ranged((0.7, 1.2), "Of differences, around the middle gray.", (0.1, 4))
    brightness: Range = ranged((-20, 20), "Added, of 255 levels.", (-128, 128), "LEVELS")
    gamma: Range = ranged(
        Range((0.7, 1.4), "log"), "Exponent of levels; above 1 is darker.", (0.25, 3.75)
    )

    def draw(self, draws: Draws, traits: Traits) -> dict[str, NDArray[Any]]:
        """Take exponents that there are."""
        values = super(Tone, self).draw(draws, traits)
        values["gamma"] = np.rint(values["gamma"] * STEPS_PER_GAMMA) / STEPS_PER_GAMMA
        return values

    @classmethod
    def severity(cls, values: Values, traits: Traits) -> Floats:
        """Half of the contrast that is lost: noise is lost with it, but for coarser levels."""
        del traits
        severity: Floats = 0.5 * np.maximum(1 - values["contrast"], 0)
        return severity

    @classmethod
    def apply(cls, sheet: Sheet, rows: Ints, values: Values) -> None:
        """Look levels up in a table for each picture."""
        contrast, brightness = values["contrast"][:, None], values["brightness"][:, None]
        curves = _curves()[np.rint(values["gamma"] * STEPS_PER_GAMMA).astype(np.int64)]
        levels = (curves - 127.5) * contrast + (127.5 + brightness)
        tables = np.rint(np.clip(levels, 0, 255)).astype(np.uint8)
        for cell, table in zip(sheet.cells(sheet.paper, rows), tables, strict=True):
            cv2.LUT(cell, table, dst=cell)


@cache
def _curves() -> Floats:
    """Levels 0 to 255 to each exponent there is, ``(num_exponents, 256)``.

    Roots are taken for exponents below 1; the rest is by squaring twice.
    """
    exponents = np.arange(MAX_GAMMA * STEPS_PER_GAMMA) / (MAX_GAMMA * STEPS_PER_GAMMA)
    roots = np.stack([power(level / 255, exponents) for level in range(256)], axis=1)
    squares = roots * roots
    result: Floats = squares * squares * 255
    result.setflags(write=False)
    return result
