"""Elastic: soft paper, uneven pulling, a hand that presses; letters out of shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from shmtext.config.ranges import Range
from shmtext.corpus.ranges import Ints
from shmtext.looks.bends import FIELD_PLACES
from shmtext.looks.effect import FIRST_OWN_WORD, Draws, Geometry, Traits, Values, ranged
from shmtext.looks.warp import Warp

LEAST_LENGTH_PX = 16
"""Of bumps, at any size: maps are drawn from every eighth row of pixels."""

MOST_OF_LENGTH = 0.1
"""That points move: nothing folds, and points can be found by repetition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Elastic(Geometry):
    """Text distorted as in soft rubber."""

    number: ClassVar[int] = 8

    shift_px: Range = ranged((1, 2.5), "Farthest that points move along an axis.", (0, 20), "PX")
    length_px: Range = ranged((16, 40), "From bump to bump.", (16, 200), "PX")

    def draw(self, draws: Draws, traits: Traits) -> dict[str, NDArray[Any]]:
        """Draw places in the field, too: one for each axis, so that hardly two texts share both."""
        values = super(Elastic, self).draw(draws, traits)
        values["length_px"] = np.maximum(values["length_px"], LEAST_LENGTH_PX)
        most = MOST_OF_LENGTH * values["length_px"]
        values["shift_px"] = np.minimum(values["shift_px"], most)
        for number, name in enumerate(("place_x", "place_y")):
            word = draws.word(FIRST_OWN_WORD + number)
            values[name] = (word % np.uint64(FIELD_PLACES)).astype(np.int64)
        return values

    @classmethod
    def bend(cls, warp: Warp, rows: Ints, values: Values) -> None:
        """Set the field."""
        warp.bends.elastic_px[rows] = values["shift_px"]
        warp.bends.elastic_length_px[rows] = values["length_px"]
        warp.bends.elastic_at[rows, 0] = values["place_x"]
        warp.bends.elastic_at[rows, 1] = values["place_y"]
