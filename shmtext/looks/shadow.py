"""Shadow: what letters throw on the paper, or the depth of letters that stand out of it.

Under ink that is darker than the paper a shadow looks like more ink: there it takes less than half
of what ink does, so that letters keep their shapes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from shmtext.config.fields import About, setting
from shmtext.config.ranges import Floats, Range, unit
from shmtext.corpus.ranges import Ints
from shmtext.looks.effect import FIRST_OWN_WORD, GROUP, Draws, Kind, Step, Traits, Values, ranged
from shmtext.looks.luminance import Room
from shmtext.looks.planes import cosine, sine
from shmtext.looks.sheet import Pixels, Sheet

MOST_OF_CONTRAST = 0.45
"""That a shadow under darker ink may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadow(Step):
    """A shadow beside letters, hard or soft, or their depth."""

    kind: ClassVar[Kind] = Kind.PAPER
    number: ClassVar[int] = 48
    degrades: ClassVar[bool] = True

    distance_px: Range = ranged((1, 3.5), "From letters, in whole pixels.", (0, 32), "PX")
    degrees: Range = ranged(
        (20, 70), "Where it lies: to the right, and clockwise.", (-360, 360), "DEGREES"
    )
    softness_px: Range = ranged((0, 2), "How far its edge runs, in whole pixels.", (0, 8), "PX")
    strength: Range = ranged(
        (0.3, 0.8), "Of the paper's light that it takes; less under darker ink.", (0, 1)
    )
    deep: float = setting(
        0.3, About("How often it begins at the letters.", GROUP, "P", at_least=0, at_most=1)
    )

    def draw(self, draws: Draws, traits: Traits) -> dict[str, NDArray[Any]]:
        """Round where it lies to whole pixels, to no less than one; draw which are deep."""
        values = super(Shadow, self).draw(draws, traits)
        turns, distance = values.pop("degrees") / 360, np.maximum(values.pop("distance_px"), 1)
        values["right_px"] = np.rint(distance * cosine(turns)).astype(np.int64)
        values["down_px"] = np.rint(distance * sine(turns)).astype(np.int64)
        values["softness_px"] = np.rint(values["softness_px"]).astype(np.int64)
        values["deep"] = (unit(draws.word(FIRST_OWN_WORD)) < self.deep).astype(np.int64)
        return values

    @classmethod
    def severity(cls, values: Values, traits: Traits) -> Floats:
        """A third of it where all light is taken."""
        del traits
        severity: Floats = values["strength"] / 3
        return severity

    @classmethod
    def reach_px(cls, values: Values, traits: Traits) -> Ints:
        """As far as it lies, with its edge."""
        del traits
        farthest = np.maximum(np.abs(values["right_px"]), np.abs(values["down_px"]))
        return np.asarray(farthest + values["softness_px"], np.int64)

    @classmethod
    def apply(cls, sheet: Sheet, rows: Ints, values: Values) -> None:
        """Take light from the paper where the moved mask covers it."""
        room = Room.of(sheet, rows)
        most = np.where(
            room.is_dark_on_light,
            MOST_OF_CONTRAST * room.contrast / np.maximum(room.paper, 1),
            1,
        )
        strength = np.minimum(values["strength"], most)
        # What is left of light under each coverage, of 255.
        tables = np.rint(255 - np.arange(256) * strength[:, None]).astype(np.uint8)
        names = ("right_px", "down_px", "deep", "softness_px")
        drawn = zip(*(values[name].tolist() for name in names), strict=True)
        masks, papers = sheet.cells(sheet.mask, rows), sheet.cells(sheet.paper, rows)
        for mask, paper, table, (right, down, is_deep, softness) in zip(
            masks, papers, tables, drawn, strict=True
        ):
            shadow = _thrown(mask, right, down, is_deep=bool(is_deep))
            side = 2 * softness + 1
            light = cv2.LUT(cv2.GaussianBlur(shadow, (side, side), 0), table)
            if sheet.is_colored:
                light = cv2.cvtColor(light, cv2.COLOR_GRAY2RGB)
            cv2.multiply(paper, light, dst=paper, scale=1 / 255)


def _thrown(mask: Pixels, right: int, down: int, *, is_deep: bool) -> Pixels:
    """A mask moved by so many pixels; if it is deep, with all that it passes."""
    num_steps = max(abs(right), abs(down), 1)
    thrown = np.zeros_like(mask)
    for step in range(1 if is_deep else num_steps, num_steps + 1):
        (to_y, from_y), (to_x, from_x) = (
            _overlap(size, (2 * way * step + num_steps) // (2 * num_steps))
            for size, way in zip(mask.shape, (down, right), strict=True)
        )
        np.maximum(thrown[to_y, to_x], mask[from_y, from_x], out=thrown[to_y, to_x])
    return thrown


def _overlap(size: int, move: int) -> tuple[slice, slice]:
    """Where what is moved comes to lie within ``size``, and where it was."""
    first, last = max(move, 0), max(min(size, size + move), max(move, 0))
    return slice(first, last), slice(first - move, last - move)
