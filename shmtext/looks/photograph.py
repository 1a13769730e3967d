"""Photograph: text printed over a picture, or put into one; walls, shelves, skies behind signs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from shmtext.config.ranges import Floats, Range, unit
from shmtext.corpus.ranges import Ints
from shmtext.looks.effect import (
    FIRST_OWN_WORD,
    Draws,
    Kind,
    Step,
    Traits,
    Values,
    ranged,
    ranged_whole,
)
from shmtext.looks.luminance import Room
from shmtext.looks.photos import NUM_LEVELS, Photos
from shmtext.looks.sheet import Pixels, Sheet

PLACE_BITS = 20
"""Of a word, for one side of the place that is cut out."""

MIRRORED, UPSIDE_DOWN = 1, 2
FLIP_CODES = {MIRRORED: 1, UPSIDE_DOWN: 0, MIRRORED | UPSIDE_DOWN: -1}
"""As ``cv2.flip`` has them."""

READABLE_LEVELS, READABLE_SIGMAS = 60, 2.5
"""Ink stands out by so many levels, and so many standard deviations of the paper besides."""

FAINT_SHARE = 1 / 12
"""Standard deviation of a paper whose ink differs from it by less than that, of the difference."""

BOUND_SHARE = 1 / 2
"""How far towards the ink a photograph may go anywhere, of their difference."""

SIGMA_OF_ALL = 60
"""Standard deviation at which a photograph takes all that an eye can make up for."""

LEVELS = np.arange(256, dtype=np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Photograph(Step):
    """A piece of a photograph as paper, its contrast lowered; needs ``backgrounds``."""

    kind: ClassVar[Kind] = Kind.PAPER
    number: ClassVar[int] = 46
    degrades: ClassVar[bool] = True
    is_colored: ClassVar[bool] = True
    needs_photos: ClassVar[bool] = True

    sigma: Range = ranged(
        (6, 22),
        "Standard deviation that it keeps, at most: less under faint ink.",
        (0, 64),
        "LEVELS",
    )
    halvings: Range = ranged_whole(
        (0, NUM_LEVELS - 1),
        "How often it is halved before a piece is cut, at most: less where that is too small.",
        (0, NUM_LEVELS - 1),
        "N",
    )
    tint: Range = ranged((0, 1), "How far its mean colour goes over to the paper's.", (0, 1))

    def draw(self, draws: Draws, traits: Traits) -> dict[str, NDArray[Any]]:
        """Draw which photograph, which piece of it, and how that is flipped."""
        values = super(Photograph, self).draw(draws, traits)
        assert traits.photos is not None
        which, place = draws.word(FIRST_OWN_WORD), draws.word(FIRST_OWN_WORD + 1)
        values["photo"] = (unit(which) * len(traits.photos)).astype(np.int64)
        mask = np.uint64((1 << PLACE_BITS) - 1)
        shifts = {"top": 0, "left": PLACE_BITS}
        for name, shift in shifts.items():
            values[name] = ((place >> np.uint64(shift)) & mask) * 2.0**-PLACE_BITS
        values["flip"] = (place >> np.uint64(62)).astype(np.int64)
        return values

    @classmethod
    def severity(cls, values: Values, traits: Traits) -> Floats:
        """By what it keeps of its contrast."""
        del traits
        severity: Floats = values["sigma"] / SIGMA_OF_ALL
        return severity

    @classmethod
    def apply(cls, sheet: Sheet, rows: Ints, values: Values) -> None:
        """Cut a piece as large as each cell; bring its levels to the paper's."""
        assert sheet.traits.photos is not None
        cells = sheet.cells(sheet.paper, rows)
        pieces = _cut(sheet.traits.photos, cells, values)
        curves = _curves(sheet, rows, pieces, values["sigma"], values["tint"])
        flips = values["flip"].tolist()
        for cell, piece, curve, flip in zip(cells, pieces, curves, flips, strict=True):
            if flip:
                cv2.flip(piece, FLIP_CODES[flip], dst=cell)
            cv2.LUT(cell if flip else piece, curve, dst=cell)


def _cut(photos: Photos, cells: list[Pixels], values: Values) -> list[Pixels]:
    """Views of photographs, as large as cells; where one is too small, with its mirror images."""
    table, photo = photos.table, values["photo"]
    sizes = np.array([cell.shape[:2] for cell in cells])
    is_allowed = np.arange(NUM_LEVELS) <= values["halvings"][:, None]
    for room, side in ((table.height, 0), (table.width, 1)):
        is_allowed &= room[photo] >= sizes[:, side, None]
    halvings = np.maximum(np.count_nonzero(is_allowed, axis=1) - 1, 0)
    starts = []
    for room, side, share in (
        (table.height, 0, values["top"]),
        (table.width, 1, values["left"]),
    ):
        whole, wanted = room[photo, halvings], sizes[:, side]
        # Of what is too small at least half is seen, then its mirror image.
        num_starts = np.where(whole < wanted, whole // 2, whole - wanted) + 1
        starts.append((share * num_starts).astype(np.int64).tolist())
    pieces = []
    places = zip(photo.tolist(), halvings.tolist(), *starts, sizes.tolist(), strict=True)
    for number, level, top, left, (height, width) in places:
        piece = photos.levels[number][level][top : top + height, left : left + width]
        below, beside = height - piece.shape[0], width - piece.shape[1]
        if below or beside:
            piece = cv2.copyMakeBorder(piece, 0, below, 0, beside, cv2.BORDER_REFLECT)
        pieces.append(piece)
    return pieces


def _curves(sheet: Sheet, rows: Ints, pieces: list[Pixels], sigma: Floats, tint: Floats) -> Pixels:
    """Which level becomes which, for each piece and channel: shape
    ``(num_rows, 1, 256, num_channels)``.

    Its mean becomes the paper's level, or a standard deviation from black and white, and its
    deviations from that so small that ink stands out.
    """
    colors = Room.of(sheet, rows)
    paper, difference = sheet.paper_color[rows].astype(np.float64), colors.contrast
    num_channels = paper.shape[1]
    # Every fourth row tells enough. Sums of whole numbers are exact, in whatever order.
    rows_seen = [piece[::4] for piece in pieces]
    sums = np.array([cv2.sumElems(each) for each in rows_seen])[:, :num_channels]
    squares = np.array([cv2.norm(each, cv2.NORM_L2SQR) for each in rows_seen])
    num_pixels = np.array([each.shape[0] * each.shape[1] for each in rows_seen])
    mean = sums / num_pixels[:, None]
    variance = squares / num_pixels
    for channel in range(num_channels):
        variance -= mean[:, channel] * mean[:, channel]
    own_sigma = np.sqrt(np.maximum(variance / num_channels, 0))

    readable = (difference - READABLE_LEVELS) / (READABLE_SIGMAS + 1)
    kept = np.minimum(sigma, np.maximum(readable, difference * FAINT_SHARE))
    gain = np.minimum(kept / np.maximum(own_sigma, 1), 1)
    bound = np.maximum(difference * BOUND_SHARE, 1)
    # On white paper there is no room for what is lighter than the mean: the mean makes some.
    room = gain * own_sigma
    level = np.clip(colors.paper, room, 255 - room)
    own_cast = mean - _luminance(mean)[:, None]
    cast = own_cast + (paper - colors.paper[:, None] - own_cast) * tint[:, None]
    target = level[:, None] + cast

    # Channel by channel, in place: numpy is slow along a last axis of three.
    curves = LEVELS - mean.astype(np.float32)[:, :, None]
    curves *= (gain / bound).astype(np.float32)[:, None, None]
    slope = curves * curves
    slope += 1
    np.sqrt(slope, out=slope)
    curves /= slope
    curves *= bound.astype(np.float32)[:, None, None]
    curves += target.astype(np.float32)[:, :, None]
    np.rint(curves, out=curves)
    np.clip(curves, 0, 255, out=curves)
    return np.ascontiguousarray(curves.astype(np.uint8).transpose(0, 2, 1))[:, None]


def _luminance(mean: Floats) -> Floats:
    """Luminance of mean colours, ``(num, num_channels)``, which are no whole numbers."""
    if mean.shape[1] == 1:
        return mean[:, 0]
    luminance: Floats = (19595 * mean[:, 0] + 38470 * mean[:, 1] + 7471 * mean[:, 2]) / 65536
    return luminance
