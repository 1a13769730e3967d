"""Border: the lines of a table's cell or of a form's box, near the text and around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from shmtext.config.fields import About, setting
from shmtext.config.ranges import Range, unit
from shmtext.corpus.ranges import Ints
from shmtext.looks.effect import (
    FIRST_OWN_WORD,
    GROUP,
    Draws,
    Kind,
    Step,
    Traits,
    Values,
    ranged,
    ranged_whole,
)
from shmtext.looks.sheet import Pixels, Sheet

SIDES = ("top", "bottom", "left", "right")


@dataclass(frozen=True, slots=True, kw_only=True)
class Border(Step):
    """Lines along one to four sides of the text, where there is room for them.

    An upright line alone could be read as a letter: there is none but beside one that lies.
    """

    kind: ClassVar[Kind] = Kind.MASK
    number: ClassVar[int] = 28

    sides: Range = ranged_whole((1, 4), "How many.", (1, 4))
    width_px: Range = ranged_whole((1, 2), "Of each line.", (1, 16), "PX")
    strength: Range = ranged((0.4, 1), "Of the ink's.", (0.1, 1))
    gap_px: Range = ranged((3, 6), "Between text and lines, at least.", (2, 64), "PX")
    crossed: float = setting(
        0.5, About("How often lines go on beyond corners.", GROUP, "P", at_least=0, at_most=1)
    )

    def draw(self, draws: Draws, traits: Traits) -> dict[str, NDArray[Any]]:
        """Draw which sides, and how far out each is: a share of its room; -1 is none."""
        values = super(Border, self).draw(draws, traits)
        values["width_px"] = np.maximum(values["width_px"], 1)
        order, crossed = (unit(draws.word(FIRST_OWN_WORD + k)) for k in range(2))
        values["crossed"] = (crossed < self.crossed).astype(np.int64)
        has_side = np.array(_CHOICES)[values["sides"] - 1, (order * 4).astype(np.int64)]
        for place, side in enumerate(SIDES):
            out = unit(draws.word(FIRST_OWN_WORD + 2 + place))
            values[side] = np.where(has_side[:, place], out, -1.0)
        return values

    @classmethod
    def apply(cls, sheet: Sheet, rows: Ints, values: Values) -> None:
        """Draw lines into the layer of other ink."""
        level = np.rint(255 * values["strength"]).astype(np.int64).tolist()
        names = ("width_px", "gap_px", "crossed", *SIDES)
        drawn = [values[name].tolist() for name in names]
        others = sheet.cells(sheet.others(), rows)
        inks = map(cv2.boundingRect, sheet.cells(sheet.mask, rows))
        for number, (other, (left, top, width, height)) in enumerate(
            zip(others, inks, strict=True)
        ):
            if not width:
                continue
            line_px, gap_px, crossed, *out = (each[number] for each in drawn)
            bleed = int(sheet.bleed_px[rows[number]])
            down = _Room(other.shape[0], bleed, top, top + height)
            across = _Room(other.shape[1], bleed, left, left + width)
            lying = down.lines(out[:2], line_px, gap_px)
            upright = across.lines(out[2:], line_px, gap_px) if any(lying) else [None, None]
            over, beside = (
                slice(None) if crossed else slice(first and first.start, last and last.stop)
                for first, last in (upright, lying)
            )
            for line in filter(None, lying):
                _ink(other[line, over], level[number])
            for line in filter(None, upright):
                _ink(other[beside, line], level[number])


@dataclass(frozen=True, slots=True)
class _Room:
    """Rows, or columns, of a cell: where its picture is, and within it the ink."""

    size: int
    bleed: int
    ink_start: int
    ink_stop: int

    def lines(self, out: Sequence[float], line_px: int, gap_px: float) -> list[slice | None]:
        """Lines before and behind the ink; None where there is no room, or none is asked for.

        Of the room they have they are out by a share; below zero they are not asked for.
        """
        before = self.ink_start - ceil(gap_px) - line_px - self.bleed
        behind = self.size - self.bleed - line_px - ceil(gap_px) - self.ink_stop
        found: list[slice | None] = []
        for share, room, nearest, way in (
            (out[0], before, before + self.bleed, -1),
            (out[1], behind, self.ink_stop + ceil(gap_px), 1),
        ):
            start = nearest + way * int(share * (room + 1))
            found.append(slice(start, start + line_px) if share >= 0 and room >= 0 else None)
        return found


def _ink(pixels: Pixels, level: int) -> None:
    np.maximum(pixels, np.uint8(level), out=pixels)


_CHOICES = (
    ((1, 0, 0, 0), (0, 1, 0, 0), (0, 1, 0, 0), (0, 1, 0, 0)),
    ((1, 1, 0, 0), (1, 1, 0, 0), (0, 1, 1, 0), (0, 1, 0, 1)),
    ((1, 1, 1, 0), (1, 1, 0, 1), (0, 1, 1, 1), (1, 0, 1, 1)),
    ((1, 1, 1, 1),) * 4,
)
"""Sides, as ``SIDES`` has them, by their number: four equally likely sets."""
