"""Shading: light that falls unevenly: a lamp at one side, dark corners, a fold, a book's middle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from shmtext.config.ranges import Floats, Range, unit
from shmtext.corpus.ranges import Ints
from shmtext.looks.channels import for_channels
from shmtext.looks.effect import FIRST_OWN_WORD, Draws, Kind, Step, Traits, Values, ranged
from shmtext.looks.planes import cosine, sine
from shmtext.looks.sheet import Pixels, Sheet

NUM_FORMS = 3
"""At one side, in the corners, along a fold."""

STEEP, GENTLE = 0.15, 0.8
"""How far a fold's shade goes on its steep side and on the other, of half the picture."""

LEAST_STEEP_EM = 0.25
"""Width of the steep side at least: narrower, it would look like a line drawn through letters."""

NUM_KNOTS = 32
"""Of a profile, between which it is straight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shading(Step):
    """Smooth shade: at one side, in the corners or beside a fold."""

    kind: ClassVar[Kind] = Kind.OPTICS
    number: ClassVar[int] = 82
    degrades: ClassVar[bool] = True

    depth: Range = ranged((0.05, 0.35), "Of the light, missing where it is darkest.", (0, 0.7))

    def draw(self, draws: Draws, traits: Traits) -> dict[str, NDArray[Any]]:
        """Draw of which form it is, too, and its direction and middle."""
        values = super(Shading, self).draw(draws, traits)
        form, turns, middle = (unit(draws.word(FIRST_OWN_WORD + number)) for number in range(3))
        values["form"] = (form * NUM_FORMS).astype(np.int64)
        values["turns"], values["middle"] = turns, middle - 0.5
        return values

    @classmethod
    def severity(cls, values: Values, traits: Traits) -> Floats:
        """Little: ink and paper are darker together."""
        del traits
        severity: Floats = 0.2 * values["depth"]
        return severity

    @classmethod
    def apply(cls, sheet: Sheet, rows: Ints, values: Values) -> None:
        """Multiply each cell by its light, less what its columns and what its rows take from it."""
        cells = sheet.cells(sheet.paper, rows)
        for cell, across, down in zip(cells, *_shades(sheet, rows, values), strict=True):
            height, width = cell.shape[:2]
            by_column = cv2.resize(across[None], (width, 1), interpolation=cv2.INTER_LINEAR)
            by_row = cv2.resize(down[None], (height, 1), interpolation=cv2.INTER_LINEAR)
            light: Pixels = np.subtract(cv2.bitwise_not(by_column), by_row.T)
            cv2.multiply(cell, for_channels(light, cell), dst=cell, scale=1 / 255)


def _shades(sheet: Sheet, rows: Ints, values: Values) -> Pixels:
    """Levels missing along columns and along rows of examples, ``(2, num_examples, NUM_KNOTS)``."""
    ways = np.stack([cosine(values["turns"]), sine(values["turns"])])
    # Together both take no more than the depth.
    way = (ways / np.abs(ways).sum(axis=0))[..., None]
    form, middle, depth = (values[name][:, None] for name in ("form", "middle", "depth"))
    place = np.linspace(-1, 1, NUM_KNOTS)
    away = place - middle
    side = (np.abs(way) + way * place) / 2
    corners = 0.5 * np.square(away / (1 + np.abs(middle)))
    half_px = np.stack([sheet.width_px[rows], sheet.height_px[rows]])[..., None] / 2
    steep = np.maximum(LEAST_STEEP_EM * sheet.traits.em_px[rows][:, None] / half_px, STEEP)
    reach = np.where(away * way < 0, steep, np.maximum(2 * steep, GENTLE))
    fold = np.maximum(1 - np.abs(away) / reach, 0)
    # Along one of both.
    fold = np.where(np.abs(way) > 0.5, fold * fold, 0)
    forms = np.broadcast_arrays(side, corners, fold)
    levels: Pixels = np.rint(np.choose(form, forms) * (depth * 255)).astype(np.uint8)
    return levels
