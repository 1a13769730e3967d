"""Shear: a line that climbs or falls while its letters stand upright, as seen from the side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from shmtext.config.ranges import Range
from shmtext.corpus.ranges import Ints
from shmtext.looks.effect import Geometry, Values, ranged
from shmtext.looks.planes import matrices, slope
from shmtext.looks.warp import Warp


@dataclass(frozen=True, slots=True, kw_only=True)
class Shear(Geometry):
    """Text whose line climbs or falls, with upright letters."""

    number: ClassVar[int] = 4

    degrees: Range = ranged(
        Range((-3, 0, 3), "triangular"), "By which the line falls.", (-30, 30), "DEGREES"
    )

    @classmethod
    def bend(cls, warp: Warp, rows: Ints, values: Values) -> None:
        """Move what is right of the middle down."""
        warp.turn(rows, matrices(rows.size, yx=slope(values["degrees"])))
