"""Gradient: paper that is lit from one side, or has yellowed from one edge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from shmtext.config.ranges import Range
from shmtext.corpus.ranges import Ints
from shmtext.looks.effect import Kind, Step, Values, ranged
from shmtext.looks.luminance import Room
from shmtext.looks.sheet import Sheet
from shmtext.looks.slopes import across_pictures, shift_levels


@dataclass(frozen=True, slots=True, kw_only=True)
class Gradient(Step):
    """Paper whose level changes evenly from one side of the picture to the other."""

    kind: ClassVar[Kind] = Kind.PAPER
    number: ClassVar[int] = 41

    levels: Range = ranged(
        (4, 15), "Of 255, from end to end; fewer where little contrast is left.", (0, 128), "LEVELS"
    )
    degrees: Range = ranged(
        (0, 360), "Where it leads away from the ink: to the right, and clockwise.", (-360, 360)
    )

    @classmethod
    def apply(cls, sheet: Sheet, rows: Ints, values: Values) -> None:
        """Add a ramp: away from the ink where there are levels, towards it for the rest."""
        slope, share = across_pictures(sheet, rows, values["degrees"] / 360)
        near, far = Room.of(sheet, rows).of_paper(values["levels"])
        change = near[:, None] + (far - near)[:, None] * share
        shift_levels(sheet, sheet.paper, rows, [slope], change)
