"""Salt and pepper: pixels lost on the way, dust."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from shmtext.config.ranges import Floats, Range
from shmtext.corpus.ranges import Ints
from shmtext.looks import grain
from shmtext.looks.channels import for_channels
from shmtext.looks.effect import FIRST_OWN_WORD, Draws, Kind, Step, Traits, Values, ranged
from shmtext.looks.sheet import Pixels, Sheet

LEVELS_PER_UNIT = 2048
"""Shares are drawn in these steps: for each there is a bank."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SaltPepper(Step):
    """Single pixels white or black."""

    kind: ClassVar[Kind] = Kind.NOISE
    number: ClassVar[int] = 93
    degrades: ClassVar[bool] = True

    share: Range = ranged(
        Range((0.001, 0.02), "log"), "Of all pixels, half of them white.", (0, 0.1), "SHARE"
    )

    def draw(self, draws: Draws, traits: Traits) -> dict[str, NDArray[Any]]:
        """Round shares to the steps there are, and draw the places of both kinds of pixels."""
        values = super(SaltPepper, self).draw(draws, traits)
        values["share"] = np.rint(values["share"] * LEVELS_PER_UNIT) / LEVELS_PER_UNIT
        values["salt"] = grain.places(draws.word(FIRST_OWN_WORD))
        values["pepper"] = grain.places(draws.word(FIRST_OWN_WORD + 1))
        return values

    @classmethod
    def severity(cls, values: Values, traits: Traits) -> Floats:
        """All of it where strokes of three pixels lose a twentieth of them."""
        return values["share"] * 60 / traits.stroke_px

    @classmethod
    def apply(cls, sheet: Sheet, rows: Ints, values: Values) -> None:
        """Lay points of two banks on each cell, and points of the same elsewhere."""
        levels = np.rint(values["share"] * LEVELS_PER_UNIT).astype(np.int64).tolist()
        cells = sheet.cells(sheet.paper, rows)
        sizes = np.array([cell.shape[0] * cell.shape[1] for cell in cells], np.int64)
        salt, pepper = (grain.runs(sizes, values[name]) for name in ("salt", "pepper"))
        for cell, level, white, black in zip(cells, levels, salt, pepper, strict=True):
            cv2.max(cell, _points(cell, level, white), dst=cell)
            points = _points(cell, level, black)
            cv2.min(cell, cv2.bitwise_not(points, dst=points), dst=cell)


def _points(cell: Pixels, level: int, pieces: list[tuple[slice, slice]]) -> Pixels:
    """Points of a cell, 255 where there is one, in all of its channels."""
    one, other = _banks(level)
    parts = [cv2.max(one[first], other[second]).reshape(-1) for first, second in pieces]
    points = grain.joined(parts).reshape(cell.shape[:2])
    return for_channels(points, cell)


@cache
def _banks(level: int) -> Pixels:
    """Points, ``(NUM_BANKS, BANK_SIZE)``: as many, at a place in both, as one half's share."""
    # A quarter of the share in each bank: white and black have half of it, each from two.
    limit = level * 65536 // (4 * LEVELS_PER_UNIT)
    result: Pixels = (_words() < limit).astype(np.uint8) * np.uint8(255)
    result.setflags(write=False)
    return result


@cache
def _words() -> NDArray[np.uint16]:
    shape = grain.NUM_BANKS, grain.BANK_SIZE
    raw = np.random.Philox(key=np.array([93, 1], np.uint64)).random_raw(int(np.prod(shape)) // 4)
    # Bytes of a word in one order on every processor.
    return raw.astype("<u8").view("<u2").reshape(shape).astype(np.uint16)
