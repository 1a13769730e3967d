"""Underline: a line under words, as a word processor or a pen puts it.

It keeps clear of what hangs from letters, cedillas and dots, which it would hide; descenders go on
below it, and are crossed, or not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from shmtext.config.fields import About, setting
from shmtext.config.ranges import Floats, Range, unit
from shmtext.corpus.ranges import Ints
from shmtext.looks.along import AlongText, draw_along
from shmtext.looks.effect import FIRST_OWN_WORD, GROUP, Draws, Kind, Step, Traits, Values, ranged
from shmtext.looks.sheet import Sheet

LEAST_TEXT = 1
"""Width of what is underlined, in ems: a line under a narrow letter looks like a part of it."""

BARE = 0.04
"""Of the em, between letters that stand on the baseline and the line, at least."""

DEEP = 0.06
"""Of the em, that descenders go on below the line, at least."""

NEVER = 1 << 20
"""Pixels below the line in which nothing is."""

LEAST_WIDTH_PX = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Underline(Step):
    """A line under each line of the text, in its ink."""

    kind: ClassVar[Kind] = Kind.MASK
    number: ClassVar[int] = 25
    degrades: ClassVar[bool] = True

    below: Range = ranged((0.1, 0.2), "From the baseline to its middle, in ems.", (0, 1), "EM")
    width: Range = ranged((0.03, 0.09), "Of the line, in ems.", (0, 0.25), "EM")
    strength: Range = ranged((0.6, 1), "Of the ink's.", (0.1, 1))
    before: Range = ranged((-0.2, 0.5), "How far it goes beyond the text, in ems.", (-8, 8), "EM")
    behind: Range = ranged((-0.2, 0.5), "The same on the right.", (-8, 8), "EM")
    crossed: float = setting(
        0.6, About("How often it crosses descenders.", GROUP, "P", at_least=0, at_most=1)
    )

    def draw(self, draws: Draws, traits: Traits) -> dict[str, NDArray[Any]]:
        """Draw whether descenders are crossed; keep off the letters."""
        values = super(Underline, self).draw(draws, traits)
        values["crossed"] = (unit(draws.word(FIRST_OWN_WORD)) < self.crossed).astype(np.int64)
        values["width"] = np.maximum(values["width"], LEAST_WIDTH_PX / traits.em_px)
        least = values["width"] / 2 + BARE + 1 / traits.em_px
        values["below"] = np.maximum(values["below"], least)
        return values

    @classmethod
    def severity(cls, values: Values, traits: Traits) -> Floats:
        """As much of it as the line is of the em."""
        del traits
        return np.asarray(values["width"], np.float64)

    @classmethod
    def apply(cls, sheet: Sheet, rows: Ints, values: Values) -> None:
        """Draw lines into the layer of other ink."""
        em_px = sheet.traits.em_px[rows]
        lines = AlongText(
            above_px=-values["below"] * em_px,
            width_px=values["width"] * em_px,
            level=np.rint(255 * values["strength"]).astype(np.int64),
            before_px=values["before"] * em_px,
            behind_px=values["behind"] * em_px,
            least_px=LEAST_TEXT * em_px,
            deep_px=np.where(values["crossed"] > 0, np.ceil(DEEP * em_px), NEVER),
        )
        draw_along(sheet, rows, lines)
