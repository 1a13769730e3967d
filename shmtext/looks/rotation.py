"""Rotation: a page that lies askew, a camera held at an angle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from shmtext.config.ranges import Range
from shmtext.corpus.ranges import Ints
from shmtext.looks.effect import Geometry, Values, ranged
from shmtext.looks.planes import cosine, matrices, sine
from shmtext.looks.warp import Warp


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation(Geometry):
    """Text turned around its middle."""

    number: ClassVar[int] = 3

    degrees: Range = ranged(Range((-1.2, 0, 1.2), "triangular"), "Clockwise.", (-45, 45), "DEGREES")

    @classmethod
    def bend(cls, warp: Warp, rows: Ints, values: Values) -> None:
        """Turn the planes."""
        turns = values["degrees"] / 360
        across, along = cosine(turns), sine(turns)
        warp.turn(rows, matrices(rows.size, xx=across, xy=-along, yx=along, yy=across))
