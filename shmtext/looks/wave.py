"""Wave: paper that lies in folds, a flag, a page pulled through a scanner by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from shmtext.config.ranges import Range, unit
from shmtext.corpus.ranges import Ints
from shmtext.looks.effect import FIRST_OWN_WORD, Draws, Geometry, Traits, Values, ranged
from shmtext.looks.warp import Warp

MOST_OF_LENGTH = 0.08
"""That columns move: steeper waves, above half a right angle's slope, tear letters apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wave(Geometry):
    """Text whose columns go up and down."""

    number: ClassVar[int] = 7

    shift_px: Range = ranged((1, 4), "Farthest that a column moves.", (0, 100), "PX")
    length_px: Range = ranged(Range((60, 400), "log"), "From crest to crest.", (32, 10_000), "PX")

    def draw(self, draws: Draws, traits: Traits) -> dict[str, NDArray[Any]]:
        """Draw where waves begin, too, in turns."""
        values = super(Wave, self).draw(draws, traits)
        most = MOST_OF_LENGTH * values["length_px"]
        values["shift_px"] = np.minimum(values["shift_px"], most)
        values["phase"] = unit(draws.word(FIRST_OWN_WORD))
        return values

    @classmethod
    def bend(cls, warp: Warp, rows: Ints, values: Values) -> None:
        """Set the wave."""
        warp.bends.wave_px[rows] = values["shift_px"]
        warp.bends.wave_length_px[rows] = values["length_px"]
        warp.bends.wave_phase[rows] = values["phase"]
