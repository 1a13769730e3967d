"""Can the text be read in the final picture? The last thing asked before a picture is encoded.

The level of the text's ink is compared with that of the ring around it, in luminance: most trainers
take colour away. First all over a sheet, in pieces half an em wide, from some of the rows: where
the two differ by far more than levels vary within them, there is no more to ask. Other examples are
looked at one by one, with all their rows:

- in tiles a quarter of an em wide and half of one high, so that no letter is lost in a spot of its
  own tone;
- in pieces an em wide, where the text must stand out from what varies within ink and ring;
- as a whole, where noise of single pixels must not drown strokes, which hinders wide ones less than
  thin ones, and blur must not fill what lies between strokes.

Pieces are of an example's columns alone, and sums are whole numbers: it is judged as among others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from shmtext.config.ranges import Floats
from shmtext.corpus.ranges import Ints
from shmtext.looks.channels import in_gray
from shmtext.looks.effect import Traits
from shmtext.looks.sheet import Pixels, Sheet

INK = 96
"""Coverage from which on a pixel counts as ink: thin strokes of small fonts have little more."""

BARE = 16
"""Coverage from which on a pixel is not of the ring."""

GAP = 64
"""Coverage below which a pixel may lie in a gap within letters."""

RING_PX = 2
"""How far around ink its ring goes."""

RING_EM = 1 / 8
"""Likewise at a close look: blur in proportion to letters leaves ink's levels next to it."""

OUTLINE_PX = 1
"""Likewise where it is enough that ink stands out from what touches it."""

TILES_PER_EM = 4
"""Side by side, at most."""

LEAST_TILE_PX = 6
"""Width of a tile that holds something to be judged."""

LEAST_EM_PX = 8

MIN_LEVELS = 20
"""Of 255, between ink and its ring, in a piece."""

MIN_TILE_LEVELS = 12
"""Likewise in a tile, where there is less to take a mean of."""

LEAST_PX = 5
"""Ink, and ring, of a tile that say enough of it to be judged; of a piece, any do."""

MIN_RATIO = 1.2
"""Of the difference to the deviation within ink and ring."""

NOISE_RATIO = 2.2
"""Of the difference to that of noise, for details of one pixel; it falls with the root of their
size."""

GAP_EM = 0.2
"""How wide gaps within letters are, at most."""

MIN_GAP_SHARE = 0.12
"""Of the difference between ink and ring, that is left between ink and these gaps."""

SURE_LEVELS, SURE_RATIO = 30, 2.5
"""Where both are reached in every piece, little can be hidden in any tile: the tone that hides a
part of a piece's ink lies in its ring, too, which then varies more."""

ROW_STEP = 3
"""At a glance every third row is looked at: strokes and dots of most fonts are as high."""

GLANCE_PX = 1 << 16
"""That are looked at together at a glance: what its operations hand to each other has to stay in a
core's second cache. With all of a sheet at once it takes half as long again."""


def can_be_read(sheet: Sheet) -> NDArray[np.bool_]:
    """Tell of each example whether its text stands out everywhere, ``(num_examples,)``."""
    result = _is_sure(sheet)
    doubtful = np.flatnonzero(~result)
    pictures = _pictures(sheet, doubtful)
    for has_wide_ring in (True, False):
        if doubtful.size:
            traits = sheet.traits.take(doubtful)
            is_clear = _is_clear(pictures, traits, has_wide_ring=has_wide_ring)
            result[doubtful] = is_clear
            doubtful = doubtful[~is_clear]
            pictures = [pictures[at] for at in np.flatnonzero(~is_clear).tolist()]
    return result


def _is_sure(sheet: Sheet) -> NDArray[np.bool_]:
    """Whether texts are so clear that no closer look is needed."""
    width = np.diff(sheet.left)
    count = _num_pieces(width, sheet.traits.em_px)
    example = np.repeat(np.arange(len(sheet)), count)
    number = np.arange(example.size) - (np.cumsum(count) - count)[example]
    starts = sheet.left[example] + (number * width[example] // count[example]).astype(np.int64)
    pieces = _Sums.of_masked(np.concatenate(list(_glances(sheet, starts)), axis=-1))
    ratio = np.maximum(_noise_ratio(sheet.traits.detail_px), SURE_RATIO)[example]
    is_clear = pieces.difference >= np.maximum(SURE_LEVELS, ratio * pieces.deviation)
    is_judged = pieces.least_count > 0
    num_clear = np.bincount(example, is_clear & is_judged, len(sheet))
    num_judged = np.bincount(example, is_judged, len(sheet))
    is_sure: NDArray[np.bool_] = (num_clear == num_judged) & (num_judged > 0)
    return is_sure


def _glances(sheet: Sheet, starts: Ints) -> Iterator[Floats]:
    """Sums over pieces, given the first column of each, ``(5, num_pieces)``: some at a time."""
    paper, mask, other = (layer[::ROW_STEP] for layer in (sheet.paper, sheet.mask, sheet.other))
    inside = _inside(sheet, len(mask))
    cells = _cells_with_ink(sheet.left, other)
    # No bleed keeps these apart: rings of one go into pictures of others.
    close = np.flatnonzero(sheet.bleed_px < RING_PX)
    begins = np.flatnonzero(np.diff(sheet.left[:-1] * len(mask) // GLANCE_PX, prepend=-1))
    height = np.maximum.reduceat(sheet.height_px + 2 * sheet.bleed_px, begins)
    seams = np.append(sheet.left[begins], sheet.left[-1])
    at = np.searchsorted(starts, seams)
    sides = seams[:-1], seams[1:], at[:-1], at[1:], -(-height // ROW_STEP)
    for first, last, *pieces, num_rows in np.stack(sides, axis=1).tolist():
        part = slice(num_rows), slice(first, last)
        ink, ring = _ink_and_rings(mask[part], [RING_PX])
        here = close[slice(*np.searchsorted(sheet.left[close], [first, last]))]
        if here.size:
            _set_apart(ring, mask[part], sheet.left[here] - first, sheet.left[here + 1] - first)
        while cells and cells[-1][0] < last:
            left, right = cells.pop()
            _keep_off(ring[:, left - first : right - first], other[:num_rows, left:right])
        for each in (ink, ring):
            cv2.bitwise_and(each, inside[part], dst=each)
        by_column = _by_column(in_gray(paper[part]), ink, ring)
        yield np.add.reduceat(by_column, starts[slice(*pieces)] - first, axis=-1)


def _set_apart(ring: Pixels, mask: Pixels, left: Ints, right: Ints) -> None:
    """Find rings anew near both sides of cells, ``[left, right)``, from the ink of each alone."""
    reach = np.arange(2 * RING_PX)
    beside = np.stack([left[:, None] + reach, right[:, None] - 1 - reach], axis=1)
    columns = np.clip(beside, left[:, None, None], right[:, None, None] - 1)
    ends = mask[:, columns.reshape(-1, reach.size)]
    # What is beyond a side is nothing, to as far as a ring goes.
    ends = np.pad(ends, ((0, 0), (0, 0), (RING_PX, 0)))
    _, of_ends = _ink_and_rings(ends.reshape(len(mask), -1), [RING_PX])
    near = of_ends.reshape(ends.shape)[:, :, RING_PX : 2 * RING_PX]
    ring[:, columns[:, :, :RING_PX].reshape(-1)] = near.reshape(len(mask), -1)


def _inside(sheet: Sheet, num_rows: int) -> Pixels:
    """A mask of all pictures, without bleed, in every ``ROW_STEP``-th row."""
    row = ROW_STEP * np.arange(num_rows)[:, None]
    is_inside = (row >= sheet.bleed_px) & (row < sheet.bleed_px + sheet.height_px)
    # Bleed, picture, bleed, and so on.
    levels = np.zeros((num_rows, len(sheet), 3), np.uint8)
    levels[:, :, 1] = np.where(is_inside, 255, 0)
    widths = np.stack([sheet.bleed_px, sheet.width_px, sheet.bleed_px], axis=1)
    return np.repeat(levels.reshape(num_rows, -1), widths.ravel(), axis=1)


def _cells_with_ink(left: Ints, other: Pixels) -> list[tuple[int, int]]:
    """Columns of the cells that have other ink, which few do; the first comes last."""
    if not other.size:
        return []
    rows = np.flatnonzero(np.logical_or.reduceat(other.any(axis=0), left[:-1]))[::-1]
    return list(zip(left[rows].tolist(), left[rows + 1].tolist(), strict=True))


@dataclass(frozen=True, slots=True, eq=False)
class _Sums:
    """Counts and sums of levels, of ink and of its ring."""

    sums: Floats
    """Pixels of ink, their levels, pixels of the ring, their levels, squares of all these levels;
    ``(5, num_pieces)``, or ``(4, num_pieces)`` where no deviation is asked for."""

    @classmethod
    def of_masked(cls, sums: Floats) -> Self:
        """Count pixels, given the sums of masks that are 0 or 255."""
        sums[[0, 2]] /= 255
        return cls(sums)

    @property
    def difference(self) -> Floats:
        """Between the mean levels of ink and ring."""
        ink, ring = self.sums[[1, 3]] / np.maximum(self.sums[[0, 2]], 1)
        difference: Floats = np.abs(ink - ring)
        return difference

    @property
    def deviation(self) -> Floats:
        """Of levels within ink and within the ring, together."""
        counts, levels = np.maximum(self.sums[[0, 2]], 1), self.sums[[1, 3]]
        within = self.sums[4] - (levels * levels / counts).sum(axis=0)
        deviation: Floats = np.sqrt(np.maximum(within, 0) / counts.sum(axis=0))
        return deviation

    @property
    def least_count(self) -> Floats:
        """Of pixels, of ink or of the ring."""
        least: Floats = np.minimum(self.sums[0], self.sums[2])
        return least


@dataclass(frozen=True, slots=True, eq=False)
class _Picture:
    """One example's, without bleed."""

    gray: Pixels
    mask: Pixels
    other: Pixels | None
    """Where there is other ink."""

    def ink_and_rings(self, rings_px: Sequence[int]) -> list[Pixels]:
        """Masks, 0 or 255, of ink and of what is around it, that wide."""
        ink, *rings = _ink_and_rings(self.mask, rings_px)
        for ring in rings:
            if self.other is not None:
                _keep_off(ring, self.other)
        return [ink, *rings]


def _pictures(sheet: Sheet, rows: Ints) -> list[_Picture]:
    layers = sheet.paper, sheet.mask, sheet.other if sheet.other.size else sheet.mask
    cut = zip(*(sheet.pictures(layer, rows) for layer in layers), strict=True)
    return [
        _Picture(
            in_gray(paper), mask, other if sheet.other.size and cv2.countNonZero(other) else None
        )
        for paper, mask, other in cut
    ]


def _is_clear(
    pictures: Sequence[_Picture], traits: Traits, *, has_wide_ring: bool
) -> NDArray[np.bool_]:
    """Whether texts can be read, told by all rows of their pictures; there is one at least."""
    looks = [
        _CloseLook.at(picture, em_px, has_wide_ring=has_wide_ring)
        for picture, em_px in zip(pictures, traits.em_px.tolist(), strict=True)
    ]
    num = len(looks)
    number = np.arange(num)
    of_tile = np.repeat(number, [look.tiles.shape[1] for look in looks])
    of_piece = np.repeat(number, [look.pieces.shape[1] for look in looks])
    tiles = _Sums.of_masked(np.concatenate([look.tiles for look in looks], axis=1))
    pieces = _Sums.of_masked(np.concatenate([look.pieces for look in looks], axis=1))
    whole = _Sums(np.add.reduceat(pieces.sums, np.searchsorted(of_piece, number), axis=1))
    is_hidden = (tiles.least_count >= LEAST_PX) & (tiles.difference < MIN_TILE_LEVELS)
    is_judged = pieces.least_count > 0
    is_faint = pieces.difference < np.maximum(MIN_LEVELS, MIN_RATIO * pieces.deviation)
    noise = np.array([look.noise for look in looks])
    is_clear: NDArray[np.bool_] = (
        (np.bincount(of_tile, is_hidden, num) == 0)
        & (np.bincount(of_piece, is_judged, num) > 0)
        & (np.bincount(of_piece, is_judged & is_faint, num) == 0)
        & (whole.difference >= _noise_ratio(traits.detail_px) * noise)
    )
    for at in np.flatnonzero(is_clear).tolist():
        is_clear[at] = not looks[at].is_filled()
    return is_clear


class _CloseLook(NamedTuple):
    """What is found in a picture by some rings."""

    picture: _Picture
    em_px: float
    ink: Pixels
    ring: Pixels
    tiles: Floats
    """What ``_Sums`` has of tiles and of pieces; pixels are counted 255-fold."""
    pieces: Floats
    noise: float

    @classmethod
    def at(cls, picture: _Picture, em_px: float, *, has_wide_ring: bool) -> Self:
        """Look at a picture by rings as wide as blur may be, or by no more than outlines."""
        rings_px = [OUTLINE_PX]
        if has_wide_ring:
            rings_px = [RING_PX, max(RING_PX, round(RING_EM * em_px))]
        ink, *rings = picture.ink_and_rings(rings_px)
        of_tile, ring = rings[0], rings[-1]
        height, width = ink.shape
        num_ems = max(width // int(max(em_px, LEAST_EM_PX)), 1)
        across = num_ems * int(min(max(em_px // LEAST_TILE_PX, 1), TILES_PER_EM))
        down = min(max(round(2 * height / em_px), 1), height)
        seams = [band * height // down for band in range(down + 1)]
        by_band = _by_band(picture.gray, ink, of_tile, seams)
        tiles = np.add.reduceat(by_band, np.arange(across) * width // across, axis=-1)
        by_column = _by_column(picture.gray, ink, ring)
        pieces = np.add.reduceat(by_column, np.arange(num_ems) * width // num_ems, axis=-1)
        noise = _noise(picture.gray, ring)
        return cls(picture, em_px, ink, ring, tiles.reshape(len(tiles), -1), pieces, noise)

    def is_filled(self) -> bool:
        """Whether gaps within letters have nearly the ink's level, while the ring has another."""
        side = 2 * int(GAP_EM * self.em_px / 2) + 1
        closed = cv2.morphologyEx(self.ink, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))
        _, gaps = cv2.threshold(self.picture.mask, GAP - 1, 255, cv2.THRESH_BINARY_INV)
        cv2.bitwise_and(gaps, closed, dst=gaps)
        masks = self.ink, gaps, cv2.subtract(self.ring, closed)
        counts = [cv2.countNonZero(each) for each in masks]
        if min(counts) < LEAST_PX:
            return False
        totals = [cv2.sumElems(cv2.bitwise_and(self.picture.gray, each))[0] for each in masks]
        of_ink, of_gaps, of_ring = (a / b for a, b in zip(totals, counts, strict=True))
        return abs(of_gaps - of_ink) < MIN_GAP_SHARE * abs(of_ring - of_ink)


def _noise(gray: Pixels, ring: Pixels) -> float:
    """Deviation of pixels one above the other, in the ring, where they should be alike."""
    if len(gray) == 1:
        return 0
    both = cv2.bitwise_and(ring[1:], ring[:-1])
    steps = cv2.bitwise_and(cv2.absdiff(gray[1:], gray[:-1]), both)
    mean = cv2.sumElems(steps)[0] / max(cv2.countNonZero(both), 1)
    # Of Gaussian noise: the square root of pi, over two.
    return mean * 0.886


def _num_pieces(width_px: Ints, em_px: Floats) -> Ints:
    """Of widths: each about half an em wide."""
    half_em_px = np.maximum(em_px, LEAST_EM_PX).astype(np.int64) // 2
    count: Ints = np.maximum(width_px // half_em_px, 1)
    return count


def _noise_ratio(detail_px: Floats) -> Floats:
    return NOISE_RATIO / np.sqrt(detail_px)


def _by_column(gray: Pixels, ink: Pixels, ring: Pixels) -> Floats:
    """Of each column what ``_Sums`` has of pieces, with squares; pixels are counted 255-fold."""
    under_ink, under_ring = cv2.bitwise_and(gray, ink), cv2.bitwise_and(gray, ring)
    squares = cv2.bitwise_or(under_ink, under_ring).astype(np.uint16)
    squares *= squares
    layers: tuple[NDArray[Any], ...] = ink, under_ink, ring, under_ring, squares
    sums = np.empty((len(layers), 1, ink.shape[1]), np.float32)
    for of_layer, layer in zip(sums, layers, strict=True):
        # Floats hold whole numbers up to 2**24: squares of 258 rows; beyond, as good as.
        cv2.reduce(layer, 0, cv2.REDUCE_SUM, dtype=cv2.CV_32F, dst=of_layer)
    return sums[:, 0].astype(np.float64)


def _by_band(gray: Pixels, ink: Pixels, ring: Pixels, seams: Sequence[int]) -> Floats:
    """Likewise without squares, in bands of rows between seams, ``(4, num_bands, num_columns)``."""
    height, width = gray.shape
    # One call for all layers of a band: as they are small, it is calls that cost.
    layers = np.empty((height, 4, width), np.uint8)
    layers[:, 0], layers[:, 2] = ink, ring
    cv2.bitwise_and(gray, ink, dst=layers[:, 1])
    cv2.bitwise_and(gray, ring, dst=layers[:, 3])
    flat = layers.reshape(height, -1)
    sums = np.empty((len(seams) - 1, 1, 4 * width), np.float32)
    for band, top, bottom in zip(sums, seams[:-1], seams[1:], strict=True):
        cv2.reduce(flat[top:bottom], 0, cv2.REDUCE_SUM, dtype=cv2.CV_32F, dst=band)
    return sums.reshape(-1, 4, width).swapaxes(0, 1).astype(np.float64)


def _ink_and_rings(mask: Pixels, rings_px: Sequence[int]) -> list[Pixels]:
    """Masks, 0 or 255, of ink and of what is around it, so far."""
    ink, touched = np.empty(mask.shape, np.uint8), np.empty(mask.shape, np.uint8)
    cv2.threshold(mask, INK - 1, 255, cv2.THRESH_BINARY, dst=ink)
    cv2.threshold(mask, BARE - 1, 255, cv2.THRESH_BINARY, dst=touched)
    found = [ink]
    for ring_px in rings_px:
        side = 2 * ring_px + 1
        ring = np.empty_like(touched)
        cv2.dilate(touched, np.ones((side, side), np.uint8), dst=ring)
        cv2.subtract(ring, touched, dst=ring)
        found.append(ring)
    return found


def _keep_off(ring: Pixels, other: Pixels) -> None:
    """No ring is where other ink lies, or a pixel beside it."""
    near = cv2.dilate(other, np.ones((3, 3), np.uint8))
    _, near = cv2.threshold(near, BARE - 1, 255, cv2.THRESH_BINARY)
    cv2.subtract(ring, near, dst=ring)
