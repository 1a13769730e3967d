"""Strike-through: a thin line through words that still are to be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from shmtext.config.ranges import Floats, Range
from shmtext.corpus.ranges import Ints
from shmtext.looks.along import AlongText, draw_along
from shmtext.looks.effect import Draws, Kind, Step, Traits, Values, ranged
from shmtext.looks.sheet import Sheet

LEAST_TEXT = 2
"""Width of what is struck through, in ems: a letter or two with a bar would be others."""

MOST_OF_STROKE = 0.5
"""That the line may be as wide as."""

LEAST_WIDTH_PX = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class StrikeThrough(Step):
    """A line through all of each line of the text, and beyond it, in its ink."""

    kind: ClassVar[Kind] = Kind.MASK
    number: ClassVar[int] = 26
    degrades: ClassVar[bool] = True

    above: Range = ranged((0.2, 0.34), "From the baseline to its middle, in ems.", (0, 1), "EM")
    width: Range = ranged(
        (0.02, 0.05), "Of the line, in ems; at most half a stroke's.", (0, 0.1), "EM"
    )
    strength: Range = ranged((0.5, 1), "Of the ink's.", (0.1, 1))
    before: Range = ranged((0.1, 0.4), "How far it goes beyond the text, in ems.", (0.1, 8), "EM")
    behind: Range = ranged((0.1, 0.4), "The same on the right.", (0.1, 8), "EM")

    def draw(self, draws: Draws, traits: Traits) -> dict[str, NDArray[Any]]:
        """Keep lines thinner than strokes."""
        values = super(StrikeThrough, self).draw(draws, traits)
        most = MOST_OF_STROKE * traits.stroke_px / traits.em_px
        least = LEAST_WIDTH_PX / traits.em_px
        values["width"] = np.maximum(np.minimum(values["width"], most), least)
        return values

    @classmethod
    def severity(cls, values: Values, traits: Traits) -> Floats:
        """A third of it, and all where the line is as wide as strokes are."""
        share: Floats = values["width"] * traits.em_px / traits.stroke_px
        return (1 + 2 * share * values["strength"]) / 3

    @classmethod
    def apply(cls, sheet: Sheet, rows: Ints, values: Values) -> None:
        """Draw lines into the layer of other ink."""
        em_px = sheet.traits.em_px[rows]
        lines = AlongText(
            above_px=values["above"] * em_px,
            width_px=values["width"] * em_px,
            level=np.rint(255 * values["strength"]).astype(np.int64),
            before_px=values["before"] * em_px,
            behind_px=values["behind"] * em_px,
            least_px=LEAST_TEXT * em_px,
        )
        draw_along(sheet, rows, lines)
