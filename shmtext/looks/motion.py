"""Motion: a hand that shook, a page that moved."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from shmtext.config.ranges import Floats, Range
from shmtext.corpus.ranges import Ints
from shmtext.looks.effect import Draws, Kind, Step, Traits, Values, ranged
from shmtext.looks.planes import cosine, sine
from shmtext.looks.sheet import Sheet

MAX_PX = 9
"""Of a kernel's side: beyond it OpenCV may go by Fourier transforms, which round otherwise."""

DEGREES_PER_STEP = 7.5

NUM_SAMPLES = 64
"""Of a line: weights are multiples of its inverse, so that sums of levels are exact in floats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Motion(Step):
    """A blur along a line."""

    kind: ClassVar[Kind] = Kind.OPTICS
    number: ClassVar[int] = 71
    degrades: ClassVar[bool] = True

    length_px: Range = ranged((2, 5), "Of the way; 9 pixels at most.", (1, 30), "PX")
    degrees: Range = ranged(
        (0, 180), "Of the way, from the right downwards.", (-180, 180), "DEGREES"
    )

    def draw(self, draws: Draws, traits: Traits) -> dict[str, NDArray[Any]]:
        """Round lengths to half pixels, and directions to the steps there are."""
        values = super(Motion, self).draw(draws, traits)
        values["length_px"] = np.clip(np.rint(values["length_px"] * 2) / 2, 1, MAX_PX)
        values["degrees"] = np.rint(values["degrees"] / DEGREES_PER_STEP) * DEGREES_PER_STEP
        return values

    @classmethod
    def severity(cls, values: Values, traits: Traits) -> Floats:
        """All of it where the way is nearly two details long."""
        return (values["length_px"] - 1) / (1.8 * traits.detail_px)

    @classmethod
    def reach_px(cls, values: Values, traits: Traits) -> Ints:
        """Half the kernel."""
        del traits
        return _radius(values["length_px"])

    @classmethod
    def apply(cls, sheet: Sheet, rows: Ints, values: Values) -> None:
        """Blur each cell along its line."""
        cells = sheet.cells(sheet.paper, rows)
        lines = zip(values["length_px"].tolist(), values["degrees"].tolist(), strict=True)
        for cell, line in zip(cells, lines, strict=True):
            cv2.filter2D(cell, -1, _kernel(*line), dst=cell)


def _radius(length_px: Floats) -> Ints:
    return np.ceil((length_px - 1) / 2).astype(np.int64)


@cache
def _kernel(length_px: float, degrees: float) -> NDArray[np.float32]:
    """Samples of a line counted by the pixel that they are in, as shares of all."""
    turns = np.array([degrees / 360])
    along = ((np.arange(NUM_SAMPLES) + 0.5) / NUM_SAMPLES - 0.5) * length_px
    radius = int(_radius(np.array(length_px)))
    # The ends of a line are in the middle of no pixel: half of one belongs to the next.
    x, y = (
        np.clip(np.rint(along * each), -radius, radius) for each in (cosine(turns), sine(turns))
    )
    result = np.zeros((2 * radius + 1, 2 * radius + 1), np.float32)
    np.add.at(result, (y.astype(int) + radius, x.astype(int) + radius), 1 / NUM_SAMPLES)
    result.setflags(write=False)
    return result
