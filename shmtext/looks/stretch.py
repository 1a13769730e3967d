"""Stretch: type that is set condensed or extended, a picture that was scaled to fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from shmtext.config.ranges import Range
from shmtext.corpus.ranges import Ints
from shmtext.looks.effect import Geometry, Values, ranged
from shmtext.looks.planes import matrices
from shmtext.looks.warp import Warp


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch(Geometry):
    """Text made wider or narrower."""

    number: ClassVar[int] = 1

    factor: Range = ranged(Range((0.7, 1.35), "log"), "Of its width.", (0.4, 3))

    @classmethod
    def bend(cls, warp: Warp, rows: Ints, values: Values) -> None:
        """Scale along the line."""
        warp.reform(rows, matrices(rows.size, xx=values["factor"]))
