"""Threshold: a fax, a copy of a copy, a scanner set to black and white.

Letters must keep their pieces and holes, each alone, and get no new ones but specks. Where they
would not, the picture stays as it is: thin strokes break, narrow gaps close, and what is left of a
letter may be another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np

from shmtext.config.ranges import Floats, Range
from shmtext.corpus.ranges import Ints
from shmtext.looks.channels import for_channels, in_gray
from shmtext.looks.effect import Kind, Step, Traits, Values, ranged
from shmtext.looks.sheet import Pixels, Sheet

INK = 128
"""Coverage from which on a pixel is the text's: its pieces and holes are those that must stay."""

HAIRLINE = 64
"""Coverage at which a text must have as many, or half of it may have broken a hairline already."""

BARE = 16
"""Coverage below which a pixel tells the paper's level."""

BY_CORNERS, BY_SIDES = 8, 4
"""How pixels are connected: those of ink, and those of what is not ink."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold(Step):
    """The picture in black and white alone, where that leaves letters what they are."""

    kind: ClassVar[Kind] = Kind.COMPRESS
    number: ClassVar[int] = 121
    degrades: ClassVar[bool] = True

    at: Range = ranged(
        (0.35, 0.6), "Where ink begins, on the way from the paper's level to the ink's.", (0, 1)
    )

    @classmethod
    def severity(cls, values: Values, traits: Traits) -> Floats:
        """Half of it where strokes are a pixel wide: steps take the place of soft edges."""
        del values
        severity: Floats = 0.5 / traits.stroke_px
        return severity

    @classmethod
    def apply(cls, sheet: Sheet, rows: Ints, values: Values) -> None:
        """Divide levels of each picture between its ink and its paper."""
        pictures, masks = (sheet.pictures(each, rows) for each in (sheet.paper, sheet.mask))
        others = (
            sheet.pictures(sheet.other, rows) if sheet.other.size else [sheet.other] * rows.size
        )
        shares, strokes_px = values["at"].tolist(), sheet.traits.stroke_px[rows].tolist()
        drawn = zip(pictures, masks, others, shares, strokes_px, strict=True)
        for picture, mask, other, at, stroke_px in drawn:
            letters = _from(mask, INK)
            light = _light(in_gray(picture), letters, _below(mask, BARE), at)
            # Ink is the lighter of both where it is so in more than half of it.
            is_light_ink = 2 * cv2.countNonZero(light & letters) > cv2.countNonZero(letters)
            ink = light.copy() if is_light_ink else ~light
            if other.size:
                # Other ink is no piece of the text's, wherever it touches it.
                ink &= letters | _below(other, BARE)
            speck_px = max(int(stroke_px * stroke_px / 6), 1)
            if same_letters(letters, ink, _from(mask, HAIRLINE), speck_px):
                picture[...] = for_channels(light, picture)


def same_letters(before: Pixels, after: Pixels, hairlines: Pixels, speck_px: int) -> bool:
    """Whether pieces and holes of ink, 255 where it is, are the same, but for specks that came.

    With hairlines there must be no fewer and no more of them before.
    """
    inks, holes = zip(*(_ink_and_holes(each) for each in (before, after, hairlines)), strict=True)
    return _same_parts(inks, BY_CORNERS, speck_px) and _same_parts(holes, BY_SIDES, speck_px)


def _ink_and_holes(ink: Pixels) -> tuple[Pixels, Pixels]:
    """Ink, and what is not, with room around: what lies at the edges is one."""
    framed = np.zeros((ink.shape[0] + 2, ink.shape[1] + 2), np.uint8)
    framed[1:-1, 1:-1] = ink
    return framed, ~framed


def _same_parts(layers: Sequence[Pixels], connected: int, speck_px: int) -> bool:
    """Whether each part of one is met by one of the other, and the other way around.

    Parts that came, and are no larger than specks, meet none.
    """
    before, after, hairlines = layers
    num, labels = cv2.connectedComponents(before, connectivity=connected)
    num_after, labels_after = cv2.connectedComponents(after, connectivity=connected)
    if num_after < num or cv2.connectedComponents(hairlines, connectivity=connected)[0] != num:
        return False
    pairs = np.ravel(labels) * num_after + np.ravel(labels_after)
    counts = np.bincount(pairs, minlength=num * num_after).reshape(num, num_after)
    meets = counts[1:, 1:] > 0
    num_meeting = meets.sum(axis=0)
    is_speck = (num_meeting == 0) & (counts.sum(axis=0)[1:] <= speck_px)
    return bool((meets.sum(axis=1) == 1).all() and (is_speck | (num_meeting == 1)).all())


def _light(gray: Pixels, ink: Pixels, bare: Pixels, at: float) -> Pixels:
    """Where a picture is lighter than what lies between its bare paper and its ink, 255 there."""
    ink_level, paper_level = (cv2.mean(gray, each)[0] for each in (ink, bare))
    light = np.empty_like(ink)
    limit = int(paper_level + (ink_level - paper_level) * at)
    cv2.threshold(gray, limit, 255, cv2.THRESH_BINARY, dst=light)
    return light


def _from(layer: Pixels, level: int) -> Pixels:
    result = np.empty(layer.shape, np.uint8)
    cv2.threshold(layer, level - 1, 255, cv2.THRESH_BINARY, dst=result)
    return result


def _below(layer: Pixels, level: int) -> Pixels:
    return ~_from(layer, level)
