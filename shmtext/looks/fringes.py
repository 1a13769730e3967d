"""Fringes: text as screens show it that draw with thirds of pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from shmtext.config.ranges import Range, unit
from shmtext.corpus.ranges import Ints
from shmtext.looks.effect import FIRST_OWN_WORD, Draws, Kind, Step, Traits, Values, ranged
from shmtext.looks.sheet import Sheet

WEIGHTS = 64
"""Weights of neighbours are multiples of its inverse: sums of a few powers of two, exact in
floats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fringes(Step):
    """Red and blue a part of a pixel to the left and right; a smear without colour."""

    kind: ClassVar[Kind] = Kind.RESAMPLE
    number: ClassVar[int] = 112
    is_colored: ClassVar[bool] = True

    shift: Range = ranged(
        (0.2, 0.33), "How far red and blue are moved, of a pixel.", (0, 0.5), "PX"
    )

    def draw(self, draws: Draws, traits: Traits) -> dict[str, NDArray[Any]]:
        """Round shifts to the weights there are, and draw which colour is at the left."""
        values = super(Fringes, self).draw(draws, traits)
        values["shift"] = np.rint(values["shift"] * WEIGHTS) / WEIGHTS
        values["is_blue_left"] = (unit(draws.word(FIRST_OWN_WORD)) < 0.25).astype(np.int64)
        return values

    @classmethod
    def reach_px(cls, values: Values, traits: Traits) -> Ints:
        """The pixel beside."""
        del values
        return np.ones(traits.em_px.shape, np.int64)

    @classmethod
    def apply(cls, sheet: Sheet, rows: Ints, values: Values) -> None:
        """Mix each pixel with the one beside it, red and blue with opposite ones."""
        cells = sheet.cells(sheet.paper, rows)
        shifts, swapped = values["shift"].tolist(), values["is_blue_left"].tolist()
        for cell, shift, is_blue_left in zip(cells, shifts, swapped, strict=True):
            if cell.ndim == 2:
                smear = np.array([[shift, 1 - 2 * shift, shift]], np.float32)
                cv2.filter2D(cell, -1, smear, dst=cell)
                continue
            for channel, sign in ((0, 1), (2, -1)):
                from_left = np.array([[shift, 1 - shift, 0]], np.float32)
                kernel = from_left if (sign > 0) != bool(is_blue_left) else from_left[:, ::-1]
                mixed = cv2.filter2D(cv2.extractChannel(cell, channel), -1, kernel)
                cv2.insertChannel(mixed, cell, channel)
