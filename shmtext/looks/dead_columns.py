"""Dead columns: elements of a scanner's or camera's sensor that hardly see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from shmtext.config.ranges import Floats, Range
from shmtext.corpus.ranges import Ints
from shmtext.looks.effect import (
    FIRST_OWN_WORD,
    Draws,
    Kind,
    Step,
    Traits,
    Values,
    ranged,
    ranged_whole,
)
from shmtext.looks.sheet import Sheet

MAX_COUNT = 3
PLACE_BITS, LEVEL_BITS = 13, 4
"""Of a word, for each column: its place in the picture's width, and the level it is stuck at."""

MIN_STROKE_PX = 2
"""Thinner strokes might be taken for a column, or be lost in one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadColumns(Step):
    """Single columns of pixels that are stuck at some level."""

    kind: ClassVar[Kind] = Kind.NOISE
    number: ClassVar[int] = 81
    degrades: ClassVar[bool] = True

    count: Range = ranged_whole((1, 2), "Of columns; none where strokes are thin.", (1, MAX_COUNT))
    strength: Range = ranged((0.2, 0.6), "Of the way that levels go.", (0, 0.75), "SHARE")

    def draw(self, draws: Draws, traits: Traits) -> dict[str, NDArray[Any]]:
        """Draw the columns, too."""
        values = super(DeadColumns, self).draw(draws, traits)
        values["count"] = np.where(traits.stroke_px < MIN_STROKE_PX, 0, values["count"])
        places = draws.word(FIRST_OWN_WORD) >> np.uint64(64 - MAX_COUNT * (PLACE_BITS + LEVEL_BITS))
        values["places"] = places.astype(np.int64)
        return values

    @classmethod
    def severity(cls, values: Values, traits: Traits) -> Floats:
        """A little where strokes are thin."""
        severity: Floats = values["strength"] * (values["count"] > 0) / (2 * traits.stroke_px)
        return severity

    @classmethod
    def apply(cls, sheet: Sheet, rows: Ints, values: Values) -> None:
        """Move the levels of each column towards its own."""
        drawn = zip(
            *(values[name].tolist() for name in ("count", "places", "strength")), strict=True
        )
        for picture, (count, bits, strength) in zip(
            sheet.pictures(sheet.paper, rows), drawn, strict=True
        ):
            share = round(256 * strength)
            for _ in range(count):
                place = (bits & ((1 << PLACE_BITS) - 1)) * picture.shape[1] >> PLACE_BITS
                level = (
                    (bits >> PLACE_BITS & ((1 << LEVEL_BITS) - 1)) * 255 // ((1 << LEVEL_BITS) - 1)
                )
                column = picture[:, place].astype(np.int32)
                picture[:, place] = (column * (256 - share) + level * share) >> 8
                bits >>= PLACE_BITS + LEVEL_BITS
