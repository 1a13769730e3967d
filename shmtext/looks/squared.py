"""Squared: the paper of exercise books and of drafts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from numpy.typing import NDArray

from shmtext.config.ranges import Range, unit
from shmtext.corpus.ranges import Ints
from shmtext.looks.effect import FIRST_OWN_WORD, Draws, Kind, Traits, Values, ranged
from shmtext.looks.lines import lay_lines
from shmtext.looks.ruled import Ruled
from shmtext.looks.sheet import Sheet


@dataclass(frozen=True, slots=True, kw_only=True)
class Squared(Ruled):
    """Squares all over the paper, under the text: ruled both ways."""

    kind: ClassVar[Kind] = Kind.PAPER
    number: ClassVar[int] = 44

    distance_px: Range = ranged((14, 40), "From one line to the next.", (6, 512), "PX")
    width_px: Range = ranged((0.7, 1.4), "Of each.", (0.5, 8), "PX")
    levels: Range = ranged(
        (12, 50), "Between paper and lines; at most a third of the contrast.", (0, 255), "LEVELS"
    )

    def draw(self, draws: Draws, traits: Traits) -> dict[str, NDArray[Any]]:
        """Draw where the first lines are, too, as shares of their distance."""
        values = super(Squared, self).draw(draws, traits)
        values["first_upright"] = unit(draws.word(FIRST_OWN_WORD + 1))
        return values

    @classmethod
    def apply(cls, sheet: Sheet, rows: Ints, values: Values) -> None:
        """Move the paper's level along lines both ways."""
        ways = [(0, values["first"]), (0.25, values["first_upright"])]
        lay_lines(sheet, rows, values, ways)
