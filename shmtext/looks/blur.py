"""Blur: a lens not in focus, a scanner's sensor, ink that soaked in."""

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

LEVELS_PER_PX = 8
"""Sigmas are drawn in eighths of a pixel: examples side by side that share one are blurred at once,
and making a Gaussian's exact kernel takes longer than blurring one picture."""

RADIUS_SIGMAS = 3
"""Of a kernel; what lies beyond weighs less than a level."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blur(Step):
    """A Gaussian blur of the picture."""

    kind: ClassVar[Kind] = Kind.OPTICS
    number: ClassVar[int] = 70
    degrades: ClassVar[bool] = True
    done_by: ClassVar[str] = "sigma_px"

    sigma_px: Range = ranged((0.4, 1), "Standard deviation of the Gaussian.", (0, 10), "PX")

    def draw(self, draws: Draws, traits: Traits) -> dict[str, NDArray[Any]]:
        """Round sigmas to the levels there are."""
        values = super(Blur, self).draw(draws, traits)
        values["sigma_px"] = np.rint(values["sigma_px"] * LEVELS_PER_PX) / LEVELS_PER_PX
        return values

    @classmethod
    def severity(cls, values: Values, traits: Traits) -> Floats:
        """All of it where details are as wide as two sigmas."""
        return 2 * values["sigma_px"] / traits.detail_px

    @classmethod
    def reach_px(cls, values: Values, traits: Traits) -> Ints:
        """The kernel's radius."""
        del traits
        radius: Ints = np.ceil(RADIUS_SIGMAS * values["sigma_px"]).astype(np.int64)
        return radius

    @classmethod
    def apply(cls, sheet: Sheet, rows: Ints, values: Values) -> None:
        """Blur each range of examples with one sigma at once."""
        levels = np.rint(values["sigma_px"] * LEVELS_PER_PX).astype(np.int64)
        for first, last, level in sheet.ranges(rows, levels):
            if level:
                sigma = level / LEVELS_PER_PX
                side = 2 * int(np.ceil(RADIUS_SIGMAS * sigma)) + 1
                columns = sheet.paper[:, first:last]
                cv2.GaussianBlur(columns, (side, side), sigma, dst=columns)
