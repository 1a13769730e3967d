"""Dropout: specks in which less ink got to the paper, or stayed on it.

So much is left in each that it still is ink: a hole can make another letter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from shmtext.config.ranges import Floats, Range
from shmtext.corpus.ranges import Ints
from shmtext.looks.effect import FIRST_OWN_WORD, Draws, Kind, Step, Traits, Values, ranged
from shmtext.looks.narrow import LEAST_SHARE
from shmtext.looks.sheet import Pixels, Sheet
from shmtext.looks.unevenness import below, grain, nearest_size, places

EDGE_LEVELS = 24
"""Of grain, between a speck's inside and its outside: a pixel or so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropout(Step):
    """Specks of lighter ink."""

    kind: ClassVar[Kind] = Kind.MASK
    number: ClassVar[int] = 22
    degrades: ClassVar[bool] = True

    share: Range = ranged((0.03, 0.2), "Of the ink that specks take up.", (0, 1))
    size_px: Range = ranged((0.7, 3), "Of specks, about.", (0, 16), "PX")
    left: Range = ranged((LEAST_SHARE, 0.85), "Share of ink left in specks.", (LEAST_SHARE, 1))

    def draw(self, draws: Draws, traits: Traits) -> dict[str, NDArray[Any]]:
        """Take the nearest size there is; draw where specks are."""
        values = super(Dropout, self).draw(draws, traits)
        values["grain"] = nearest_size(values.pop("size_px"))
        values["at"] = places(draws.word(FIRST_OWN_WORD))
        return values

    @classmethod
    def severity(cls, values: Values, traits: Traits) -> Floats:
        """Twice the share of ink that is gone."""
        del traits
        gone: Floats = values["share"] * (1 - values["left"])
        return 2 * gone

    @classmethod
    def apply(cls, sheet: Sheet, rows: Ints, values: Values) -> None:
        """Bound coverage by what specks leave of it."""
        tables = _tables(values["share"], values["left"])
        grains, places = values["grain"].tolist(), values["at"].tolist()
        for number, cell in enumerate(sheet.cells(sheet.mask, rows)):
            specks = grain(grains[number], places[number], cell.shape)
            cv2.min(cell, cv2.LUT(specks, tables[number]), dst=cell)


def _tables(share: Floats, left: Floats) -> Pixels:
    """From levels of grain to the most coverage there; ``(num, 256)``."""
    inside = (below(share)[:, None] - np.arange(256)) / EDGE_LEVELS + 0.5
    most = 255 * (1 - np.clip(inside, 0, 1) * (1 - left[:, None]))
    return np.rint(most).astype(np.uint8)
