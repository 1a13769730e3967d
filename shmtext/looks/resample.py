"""Resample: text small in a large picture, made as large as others again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from shmtext.config.fields import About, setting
from shmtext.config.ranges import Floats, Range
from shmtext.corpus.ranges import Ints
from shmtext.looks.effect import GROUP, Draws, Kind, Step, Traits, Values, ranged
from shmtext.looks.sheet import Sheet

LEAST_SAMPLED, LEAST_STROKE_PX = 0.5, 1.25
"""Share, and width of strokes that have become small, from which on pictures are sampled between
pixels: a fifth of what means of areas cost. Of smaller ones pixels would be left out, and hairlines
with them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resample(Step):
    """The picture made smaller, and as large as before again."""

    kind: ClassVar[Kind] = Kind.RESAMPLE
    number: ClassVar[int] = 110
    version: ClassVar[int] = 2
    degrades: ClassVar[bool] = True

    share: Range = ranged((0.5, 0.9), "Of its width and height.", (0.1, 1), "SHARE")
    font_size: Range = ranged(
        (0, 0), "Font size that it comes to, in place of a share of it; 0: none.", (0, 200), "PX"
    )
    least_font_size: float = setting(
        9,
        About("Text is made no smaller.", GROUP, "PX", at_least=4, at_most=200),
    )

    def draw(self, draws: Draws, traits: Traits) -> dict[str, NDArray[Any]]:
        """Draw which share of it is left."""
        values = super(Resample, self).draw(draws, traits)
        size = values.pop("font_size")
        share = np.where(size > 0, size / traits.em_px, values["share"])
        values["share"] = np.minimum(np.maximum(share, self.least_font_size / traits.em_px), 1)
        return values

    @classmethod
    def severity(cls, values: Values, traits: Traits) -> Floats:
        """All of it where fonts of usual weight that were much larger come to 9 or 10 pixels."""
        return 1.35 * (1 / values["share"] - 1) / traits.detail_px

    @classmethod
    def apply(cls, sheet: Sheet, rows: Ints, values: Values) -> None:
        """Make pictures smaller, then go straight from one pixel to the next."""
        share = values["share"]
        is_fine = (share < LEAST_SAMPLED) | (share * sheet.traits.stroke_px[rows] < LEAST_STROKE_PX)
        downwards = np.where(is_fine, cv2.INTER_AREA, cv2.INTER_LINEAR)
        pictures = sheet.pictures(sheet.paper, rows)
        for picture, part, down in zip(pictures, share.tolist(), downwards.tolist(), strict=True):
            height, width = picture.shape[:2]
            size = max(round(width * part), 1), max(round(height * part), 1)
            if size != (width, height):
                small = cv2.resize(picture, size, interpolation=down)
                cv2.resize(small, (width, height), dst=picture, interpolation=cv2.INTER_LINEAR)
