"""Slant: type that leans, as italics do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from shmtext.config.ranges import Range
from shmtext.corpus.ranges import Ints
from shmtext.looks.effect import Geometry, Values, ranged
from shmtext.looks.planes import matrices, slope
from shmtext.looks.warp import Warp


@dataclass(frozen=True, slots=True, kw_only=True)
class Slant(Geometry):
    """Letters that lean to a side on a level line."""

    number: ClassVar[int] = 2

    degrees: Range = ranged(
        Range((-19, 0, 19), "triangular"), "Off upright, to the right.", (-40, 40), "DEGREES"
    )

    @classmethod
    def bend(cls, warp: Warp, rows: Ints, values: Values) -> None:
        """Move what is above the middle to the right."""
        warp.reform(rows, matrices(rows.size, xy=-slope(values["degrees"])))
