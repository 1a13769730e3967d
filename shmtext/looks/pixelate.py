"""Pixelate: a small picture made large by a program that repeats its pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from shmtext.config.ranges import Floats, Range
from shmtext.corpus.ranges import Ints
from shmtext.looks.effect import Draws, Kind, Step, Traits, Values, ranged_whole
from shmtext.looks.sheet import Sheet

MIN_BLOCKS = 9
"""Of a font size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pixelate(Step):
    """Square blocks of one colour in place of pixels."""

    kind: ClassVar[Kind] = Kind.RESAMPLE
    number: ClassVar[int] = 111
    degrades: ClassVar[bool] = True

    block_px: Range = ranged_whole((2, 3), "Of a block's side.", (1, 16), "PX")

    def draw(self, draws: Draws, traits: Traits) -> dict[str, NDArray[Any]]:
        """Let a font size have a number of blocks that makes letters."""
        values = super(Pixelate, self).draw(draws, traits)
        most_px = (traits.em_px // MIN_BLOCKS).astype(np.int64)
        values["block_px"] = np.maximum(np.minimum(values["block_px"], most_px), 1)
        return values

    @classmethod
    def severity(cls, values: Values, traits: Traits) -> Floats:
        """As if the picture was made smaller by as much, and larger again."""
        return 1.35 * (values["block_px"] - 1) / traits.detail_px

    @classmethod
    def apply(cls, sheet: Sheet, rows: Ints, values: Values) -> None:
        """Take means of blocks, and repeat each."""
        pictures = sheet.pictures(sheet.paper, rows)
        for picture, block_px in zip(pictures, values["block_px"].tolist(), strict=True):
            if block_px == 1:
                continue
            height, width = picture.shape[:2]
            below, beside = -height % block_px, -width % block_px
            whole = cv2.copyMakeBorder(picture, 0, below, 0, beside, cv2.BORDER_REPLICATE)
            size = whole.shape[1] // block_px, whole.shape[0] // block_px
            small = cv2.resize(whole, size, interpolation=cv2.INTER_AREA)
            large = small.repeat(block_px, axis=1).repeat(block_px, axis=0)
            picture[...] = large[:height, :width]
