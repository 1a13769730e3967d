"""InkGradient: ink that fades along the line, print that goes from one colour to another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from shmtext.config.ranges import Range
from shmtext.corpus.ranges import Ints
from shmtext.looks.effect import Kind, Step, Values, ranged
from shmtext.looks.luminance import Room, tinted
from shmtext.looks.sheet import Sheet
from shmtext.looks.slopes import across_pictures, shift_levels


@dataclass(frozen=True, slots=True, kw_only=True)
class InkGradient(Step):
    """Ink whose colour changes evenly from one side of the picture to the other."""

    kind: ClassVar[Kind] = Kind.INK
    number: ClassVar[int] = 50

    levels: Range = ranged(
        (10, 60),
        "Of 255, from end to end; fewer where little contrast is left.",
        (0, 255),
        "LEVELS",
    )
    degrees: Range = ranged(
        (0, 360), "Where it leads away from the paper: to the right, and clockwise.", (-360, 360)
    )
    hue: Range = ranged((0, 360), "Of its far end: 0 is red, 120 green.", (-360, 360), "DEGREES")
    saturation: Range = ranged(
        (0, 0), "Of its far end, of the most vivid colour there is; 0: the ink's own.", (0, 1)
    )

    def makes_color(self) -> bool:
        """Whether its far end may have a colour."""
        return self.saturation.high > 0

    @classmethod
    def apply(cls, sheet: Sheet, rows: Ints, values: Values) -> None:
        """Add a ramp: away from the paper where there are levels, towards it for the rest."""
        slope, share = across_pictures(sheet, rows, values["degrees"] / 360)
        room = Room.of(sheet, rows)
        near, far = room.of_ink(values["levels"])
        if not sheet.is_colored or sheet.traits.given_ink is not None:
            change = near[:, None] + (far - near)[:, None] * share
            shift_levels(sheet, sheet.ink, rows, [slope], change)
            return
        color = tinted(room.ink + far, values["hue"], values["saturation"])
        is_tinted = values["saturation"] > 0
        own = sheet.ink_color[rows].astype(np.int64)
        end = np.where(is_tinted[:, None], color - own, far[:, None])
        colored = near[:, None, None] + (end - near[:, None])[:, None] * share[:, :, None]
        shift_levels(sheet, sheet.ink, rows, [slope], colored)
