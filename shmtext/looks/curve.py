"""Curve: text around a badge or a bottle, a receipt that bulges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from shmtext.config.ranges import Range
from shmtext.corpus.ranges import Ints
from shmtext.looks.bends import LEAST_CURVATURE
from shmtext.looks.effect import Geometry, Values, ranged
from shmtext.looks.warp import Warp

LEAST_RADIUS = 1.25
"""Of an arc, in heights of the text: the feet of letters keep more than half of their width."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve(Geometry):
    """Text along an arc of a circle, on whose radii letters stand."""

    number: ClassVar[int] = 6

    degrees: Range = ranged(
        (-60, 60), "Of the arc; above 0 its middle is its highest.", (-150, 150), "DEGREES"
    )
    rise_px: Range = ranged(
        (24, 24), "Most that the middle is above or below the ends.", (0, 1000), "PX"
    )

    @classmethod
    def bend(cls, warp: Warp, rows: Ints, values: Values) -> None:
        """Bend lines as far as the angle, the rise and the letters' height allow."""
        width, height = warp.line_size(rows)
        curvature = values["degrees"] * (2 * np.pi / 360) / width
        # An arc rises by less than this of its curvature.
        most = np.minimum(8 * values["rise_px"] / (width * width), 1 / (LEAST_RADIUS * height))
        curvature = np.maximum(np.minimum(curvature, most), -most)
        is_arc = np.abs(curvature) >= LEAST_CURVATURE
        warp.bends.curvature[rows] = np.where(is_arc, curvature, 0)
