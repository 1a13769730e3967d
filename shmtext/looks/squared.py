"""Squared: the paper of exercise books and of drafts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from numpy.typing import NDArray

from shmtext.config.ranges import Range, unit
from shmtext.corpus.ranges import Ints
from shmtext.looks.effect import FIRST_OWN_WORD, Draws, Kind, Step, Traits, Values, ranged
from shmtext.looks.lines import lay_lines
from shmtext.looks.sheet import Sheet


@dataclass(frozen=True, slots=True, kw_only=True)
class Squared(Step):
    """Squares all over the paper, under the text."""

    kind: ClassVar[Kind] = Kind.PAPER
    number: ClassVar[int] = 44

    distance_px: Range = ranged((14, 40), "From one line to the next.", (6, 512), "PX")
    width_px: Range = ranged((0.7, 1.4), "Of each.", (0.5, 8), "PX")
    levels: Range = ranged(
        (12, 50), "Between paper and lines; at most a third of the contrast.", (0, 255), "LEVELS"
    )
    degrees: Range = ranged(Range((-1, 0, 1), "triangular"), "Clockwise.", (-45, 45), "DEGREES")
    hue: Range = ranged((180, 230), "0 is red, 120 green, 240 blue.", (-360, 360), "DEGREES")
    saturation: Range = ranged((0, 0), "Of the most vivid of their level.", (0, 1))

    def makes_color(self) -> bool:
        """Whether lines may have one."""
        return self.saturation.high > 0

    def draw(self, draws: Draws, traits: Traits) -> dict[str, NDArray[Any]]:
        """Draw where the first lines are, too, as shares of their distance."""
        values = super(Squared, self).draw(draws, traits)
        values["first"] = unit(draws.word(FIRST_OWN_WORD))
        values["first_upright"] = unit(draws.word(FIRST_OWN_WORD + 1))
        return values

    @classmethod
    def apply(cls, sheet: Sheet, rows: Ints, values: Values) -> None:
        """Move the paper's level along lines both ways."""
        ways = [(0, values["first"]), (0.25, values["first_upright"])]
        lay_lines(sheet, rows, values, ways)
