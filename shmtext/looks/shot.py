"""Shot: the grain of light itself, as few photons make it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from shmtext.config.ranges import Floats, Range
from shmtext.corpus.ranges import Ints
from shmtext.looks import grain
from shmtext.looks.effect import FIRST_OWN_WORD, Draws, Kind, Step, Traits, Values, ranged
from shmtext.looks.noise import SIGN_BIT, add_noise, noise_of, noise_severity
from shmtext.looks.sheet import Pixels, Sheet


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot(Step):
    """Noise that is stronger where it is bright, as counts of photons have it."""

    kind: ClassVar[Kind] = Kind.NOISE
    number: ClassVar[int] = 91
    degrades: ClassVar[bool] = True

    sigma: Range = ranged((2, 10), "Standard deviation at white, of 255 levels.", (0, 40), "LEVELS")

    def draw(self, draws: Draws, traits: Traits) -> dict[str, NDArray[Any]]:
        """Take deviations that there are, and draw the place of the noise."""
        values = super(Shot, self).draw(draws, traits)
        values["sigma"] = 2 * grain.SIGMAS[grain.nearest_level(values["sigma"] / 2)]
        values["place"] = grain.places(draws.word(FIRST_OWN_WORD))
        return values

    @classmethod
    def severity(cls, values: Values, traits: Traits) -> Floats:
        """That of as much noise everywhere."""
        return noise_severity(values["sigma"], traits)

    @classmethod
    def apply(cls, sheet: Sheet, rows: Ints, values: Values) -> None:
        """Add noise to the levels' roots: there, that of photons is as strong everywhere.

        The root's slope at white is one half.
        """
        to_root, from_root = _tables()
        ranges = [sheet.paper[:, a:b] for a, b, _ in sheet.ranges(rows, np.zeros_like(rows))]
        for columns in ranges:
            cv2.LUT(columns, to_root, dst=columns)
        cells = sheet.cells(sheet.paper, rows)
        colored = np.ones_like(rows)
        add_noise(cells, noise_of(cells, values["sigma"] / 2, values["place"], colored))
        for columns in ranges:
            cv2.LUT(columns, from_root, dst=columns)


@cache
def _tables() -> tuple[Pixels, Pixels]:
    """From levels to roots of them, with the sign bit turned, and back."""
    levels = np.arange(256)
    roots = np.rint(np.sqrt(levels * 255.0)).astype(np.uint8)
    squares = np.rint(levels * levels / 255.0).astype(np.uint8)
    tables = roots ^ SIGN_BIT, squares[levels ^ SIGN_BIT]
    for table in tables:
        table.setflags(write=False)
    return tables
