"""Jpeg: a picture that was stored, before somebody cut it up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from shmtext.config.ranges import Floats, Range
from shmtext.corpus.ranges import Ints
from shmtext.looks.effect import FIRST_OWN_WORD, Draws, Kind, Step, Traits, Values, ranged_whole
from shmtext.looks.sheet import Sheet

BLOCK_BITS = 3
"""Blocks are 8 pixels wide and high."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Jpeg(Step):
    """The picture compressed and decoded again."""

    kind: ClassVar[Kind] = Kind.COMPRESS
    number: ClassVar[int] = 120
    version: ClassVar[int] = 2
    degrades: ClassVar[bool] = True

    quality: Range = ranged_whole((40, 90), "Of the encoder.", (5, 100), "1-100")

    def draw(self, draws: Draws, traits: Traits) -> dict[str, NDArray[Any]]:
        """Draw where in its first block a picture begins, too: it was cut from a larger one."""
        values = super(Jpeg, self).draw(draws, traits)
        word = draws.word(FIRST_OWN_WORD)
        values["left_px"] = (word >> np.uint64(64 - BLOCK_BITS)).astype(np.int64)
        values["top_px"] = (word >> np.uint64(61 - BLOCK_BITS)).astype(np.int64) & 7
        return values

    @classmethod
    def severity(cls, values: Values, traits: Traits) -> Floats:
        """Little at usual qualities; much where strokes are thin and quality is poor."""
        return (100 - values["quality"]) / (80 * traits.stroke_px)

    @classmethod
    def apply(cls, sheet: Sheet, rows: Ints, values: Values) -> None:
        """Encode and decode each picture, with some of its edge repeated before it."""
        flag = cv2.IMREAD_COLOR if sheet.is_colored else cv2.IMREAD_GRAYSCALE
        pictures = sheet.pictures(sheet.paper, rows)
        drawn = zip(
            *(values[each].tolist() for each in ("quality", "left_px", "top_px")), strict=True
        )
        for picture, (quality, left, top) in zip(pictures, drawn, strict=True):
            whole = cv2.copyMakeBorder(picture, top, 0, left, 0, cv2.BORDER_REPLICATE)
            if sheet.is_colored:
                # OpenCV's order of colours: in another, those that are coded coarsely are others.
                cv2.cvtColor(whole, cv2.COLOR_RGB2BGR, dst=whole)
            _, data = cv2.imencode(".jpg", whole, [cv2.IMWRITE_JPEG_QUALITY, quality])
            whole = cv2.imdecode(data, flag)  # type: ignore[assignment]
            cut = whole[top:, left:]
            if sheet.is_colored:
                cv2.cvtColor(cut, cv2.COLOR_BGR2RGB, dst=picture)
            else:
                picture[...] = cut
