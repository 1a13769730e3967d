"""Stroke: an outline around letters, in a colour of its own, as on signs and subtitles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from shmtext.config.ranges import Range
from shmtext.corpus.ranges import Ints
from shmtext.looks.effect import Draws, Kind, Step, Traits, Values, ranged
from shmtext.looks.luminance import Room, tinted
from shmtext.looks.sheet import Pixels, Sheet

MIDDLE_LEVEL = 128
"""Ink from which on an outline is the darker of the two."""

SQUARE = np.ones((3, 3), np.uint8)
BESIDE, ABOVE = np.ones((1, 3), np.uint8), np.ones((3, 1), np.uint8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stroke(Step):
    """An outline around letters, dark around light ones and light around dark ones."""

    kind: ClassVar[Kind] = Kind.PAPER
    number: ClassVar[int] = 47

    width_px: Range = ranged((0.7, 2.5), "Of the outline, in whole pixels.", (0, 16), "PX")
    contrast: Range = ranged((0.7, 1), "Of the way from the ink to black or white.", (0.6, 1))
    hue: Range = ranged((0, 360), "0 is red, 120 green, 240 blue.", (-360, 360), "DEGREES")
    saturation: Range = ranged((0, 0), "Of the most vivid of its level.", (0, 1))

    def makes_color(self) -> bool:
        """Whether outlines may have one."""
        return self.saturation.high > 0

    def draw(self, draws: Draws, traits: Traits) -> dict[str, NDArray[Any]]:
        """Round widths to whole pixels, at least one."""
        values = super(Stroke, self).draw(draws, traits)
        values["width_px"] = np.maximum(np.rint(values["width_px"]), 1).astype(np.int64)
        return values

    @classmethod
    def reach_px(cls, values: Values, traits: Traits) -> Ints:
        """As far as outlines reach."""
        del traits
        return np.asarray(values["width_px"], np.int64)

    @classmethod
    def widens_px(cls, values: Values, traits: Traits) -> Ints:
        """By the outline, which belongs to its letter."""
        return cls.reach_px(values, traits)

    @classmethod
    def apply(cls, sheet: Sheet, rows: Ints, values: Values) -> None:
        """Lay colour on the paper wherever ink is near; ink comes over it."""
        ink = Room.of(sheet, rows).ink
        way = np.where(ink < MIDDLE_LEVEL, 255 - ink, -ink) * values["contrast"]
        colors = np.rint(ink + way)[:, None]
        if sheet.is_colored:
            colors = tinted(colors[:, 0], values["hue"], values["saturation"])
        # What coverage leaves of the colour.
        tables = np.rint(np.arange(256)[:, None] * (colors[:, None] / 255)).astype(np.uint8)
        masks, papers = sheet.cells(sheet.mask, rows), sheet.cells(sheet.paper, rows)
        widths_px = values["width_px"].tolist()
        for number, (mask, paper) in enumerate(zip(masks, papers, strict=True)):
            lay(paper, _outlined(mask, widths_px[number]), tables[number])


def lay(paper: Pixels, coverage: Pixels, table: Pixels) -> None:
    """Lay a colour on paper, given what each coverage leaves of it, ``(256, num_channels)``."""
    rest = cv2.bitwise_not(coverage)
    if paper.ndim == 3:
        rest = cv2.cvtColor(rest, cv2.COLOR_GRAY2RGB)
        color = cv2.applyColorMap(coverage, table[:, None])
    else:
        color = cv2.LUT(coverage, table[:, 0])
    cv2.multiply(paper, rest, dst=paper, scale=1 / 255)
    cv2.add(paper, color, dst=paper)


def _outlined(mask: Pixels, width_px: int) -> Pixels:
    """Dilate by squares and crosses in turn: by what is round, about."""
    for step in range(width_px):
        if step % 2:
            mask = np.asarray(cv2.max(cv2.dilate(mask, BESIDE), cv2.dilate(mask, ABOVE)), np.uint8)
        else:
            mask = np.asarray(cv2.dilate(mask, SQUARE), np.uint8)
    return mask
