"""Perspective: a page or a sign that a camera does not face."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from shmtext.config.ranges import Range, unit
from shmtext.corpus.ranges import Ints
from shmtext.looks.effect import FIRST_OWN_WORD, Draws, Geometry, Traits, Values, ranged
from shmtext.looks.planes import to_quadrilateral
from shmtext.looks.warp import Warp

CORNERS = ("upper_left", "upper_right", "lower_right", "lower_left")


@dataclass(frozen=True, slots=True, kw_only=True)
class Perspective(Geometry):
    """Text seen at an angle: each corner of its box is moved by itself.

    A corner goes, along either axis, up to a share of the box's height, or of a third of its width
    where that is less. At 0.2, the most, no corner is more than 3.5 times as far away as another,
    and none comes near the line between its neighbours.
    """

    number: ClassVar[int] = 5

    share: Range = ranged((0, 0.15), "Of the height that corners move, at most.", (0, 0.2))

    def draw(self, draws: Draws, traits: Traits) -> dict[str, NDArray[Any]]:
        """Draw where corners go, in shares of the height, right and down."""
        values = super(Perspective, self).draw(draws, traits)
        for number, name in enumerate(_moves()):
            drawn = unit(draws.word(FIRST_OWN_WORD + number))
            values[name] = values["share"] * (2 * drawn - 1)
        return values

    @classmethod
    def bend(cls, warp: Warp, rows: Ints, values: Values) -> None:
        """Take the box to where its corners go."""
        box = warp.bounds(rows)
        most = np.minimum((box[:, 2] - box[:, 0]) / 3, box[:, 3] - box[:, 1])
        moves = np.stack([values[name] for name in _moves()], axis=1).reshape(-1, 4, 2)
        corners = box[:, [[0, 1], [2, 1], [2, 3], [0, 3]]] + moves * most[:, None, None]
        warp.turn(rows, to_quadrilateral(box, corners))


def _moves() -> list[str]:
    return [f"{corner}_{axis}" for corner in CORNERS for axis in "xy"]
