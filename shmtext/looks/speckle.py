"""Speckle: the grain of surfaces that glitter, of film, of radar and ultrasound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from shmtext.config.ranges import Floats, Range
from shmtext.corpus.ranges import Ints
from shmtext.looks import grain
from shmtext.looks.effect import FIRST_OWN_WORD, Draws, Kind, Step, Traits, Values, ranged
from shmtext.looks.noise import SIGN_BIT, noise_of, noise_severity
from shmtext.looks.sheet import Sheet


@dataclass(frozen=True, slots=True, kw_only=True)
class Speckle(Step):
    """Noise in proportion to the level that it is in."""

    kind: ClassVar[Kind] = Kind.NOISE
    number: ClassVar[int] = 92
    degrades: ClassVar[bool] = True

    sigma: Range = ranged((0.02, 0.12), "Standard deviation, of the level.", (0, 0.3), "SHARE")

    def draw(self, draws: Draws, traits: Traits) -> dict[str, NDArray[Any]]:
        """Take deviations that there are, and draw the place of the noise."""
        values = super(Speckle, self).draw(draws, traits)
        values["sigma"] = grain.SIGMAS[grain.nearest_level(values["sigma"] * 128)] / 128
        values["place"] = grain.places(draws.word(FIRST_OWN_WORD))
        return values

    @classmethod
    def severity(cls, values: Values, traits: Traits) -> Floats:
        """That of as much noise as white has."""
        return noise_severity(255 * values["sigma"], traits)

    @classmethod
    def apply(cls, sheet: Sheet, rows: Ints, values: Values) -> None:
        """Multiply by fields around 1, in 128ths."""
        cells = sheet.cells(sheet.paper, rows)
        noises = noise_of(cells, values["sigma"] * 128, values["place"], np.zeros_like(rows))
        for cell, noise in zip(cells, noises, strict=True):
            factor = noise.view(np.uint8)
            np.bitwise_xor(factor, SIGN_BIT, out=factor)
            cv2.multiply(cell, factor, dst=cell, scale=1 / 128)
