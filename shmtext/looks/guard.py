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
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from shmtext.config.ranges import Floats
from shmtext.corpus.ranges import Ints
from shmtext.looks.channels import in_gray
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
    layers = sheet.paper, sheet.mask, sheet.other if sheet.other.size else sheet.mask
    pictures = zip(*(sheet.pictures(layer, doubtful) for layer in layers), strict=True)
    traits = sheet.traits.take(doubtful)
    sizes = zip(traits.em_px.tolist(), traits.detail_px.tolist(), strict=True)
    for row, (paper, mask, other), (em_px, detail_px) in zip(
        doubtful.tolist(), pictures, sizes, strict=True
    ):
        other = other if sheet.other.size else sheet.other
        result[row] = _CloseLook(in_gray(paper), mask, other, em_px).is_clear(detail_px)
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
    part = sheet.left[:-1] * len(mask) // GLANCE_PX
    seams = np.append(sheet.left[:-1][np.diff(part, prepend=-1) > 0], sheet.left[-1])
    at = np.searchsorted(starts, seams)
    for first, last, *pieces in np.stack([seams[:-1], seams[1:], at[:-1], at[1:]], axis=1).tolist():
        ink, ring = _ink_and_ring(mask[:, first:last], RING_PX)
        while cells and cells[-1][0] < last:
            left, right = cells.pop()
            _keep_off(ring[:, left - first : right - first], other[:, left:right])
        for each in (ink, ring):
            cv2.bitwise_and(each, inside[:, first:last], dst=each)
        by_column = _by_column(in_gray(paper[:, first:last]), ink, ring, [0, len(mask)])
        yield np.add.reduceat(by_column[:, 0], starts[slice(*pieces)] - first, axis=-1)


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
    ``(5, num_bands, num_pieces)``, or ``(5, num_pieces)``."""

    @classmethod
    def of(
        cls, gray: Pixels, ink: Pixels, ring: Pixels, starts: Ints, seams: Sequence[int]
    ) -> Self:
        """Sum over pieces, given the first column of each, in bands of rows between seams."""
        return cls.of_masked(np.add.reduceat(_by_column(gray, ink, ring, seams), starts, axis=-1))

    @classmethod
    def of_masked(cls, sums: Floats) -> Self:
        """Count pixels, given the sums of masks that are 0 or 255."""
        sums[[0, 2]] /= 255
        return cls(sums)

    def over_bands(self) -> Self:
        """Sums over all bands."""
        return type(self)(self.sums.sum(axis=1))

    def whole(self) -> Self:
        """Sums over all pieces; without bands."""
        return type(self)(self.sums.sum(axis=1, keepdims=True))

    def stand_out(self, levels: float, ratio: float) -> bool:
        """Whether ink does from its ring, in each piece that has both; there is one at least."""
        is_judged = self.least_count > 0
        is_faint = self.difference < np.maximum(levels, ratio * self.deviation)
        return bool(is_judged.any()) and not bool((is_faint & is_judged).any())

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
class _CloseLook:
    """One example's picture, without bleed."""

    gray: Pixels
    mask: Pixels
    other: Pixels
    em_px: float

    def is_clear(self, detail_px: float) -> bool:
        """Whether the text can be read."""
        wide_px = max(RING_PX, round(RING_EM * self.em_px))
        rings_px = (RING_PX, wide_px), (OUTLINE_PX, OUTLINE_PX)
        return any(self._is_clear(*each, detail_px) for each in rings_px)

    def _is_clear(self, tile_ring_px: int, ring_px: int, detail_px: float) -> bool:
        """Whether it can, told by rings that wide."""
        ink, ring = self._ink_and_ring(tile_ring_px)
        height, width = self.gray.shape
        num_ems = max(width // int(max(self.em_px, LEAST_EM_PX)), 1)
        across = num_ems * int(np.clip(self.em_px // LEAST_TILE_PX, 1, TILES_PER_EM))
        down = min(max(round(2 * height / self.em_px), 1), height)
        seams = [band * height // down for band in range(down + 1)]
        tiles = _Sums.of(self.gray, ink, ring, np.arange(across) * width // across, seams)
        is_hidden = (tiles.least_count >= LEAST_PX) & (tiles.difference < MIN_TILE_LEVELS)
        if is_hidden.any():
            return False
        ink, ring = self._ink_and_ring(ring_px)
        starts = np.arange(num_ems) * width // num_ems
        pieces = _Sums.of(self.gray, ink, ring, starts, [0, height]).over_bands()
        noise_ratio = float(_noise_ratio(np.array(detail_px)))
        return (
            pieces.stand_out(MIN_LEVELS, MIN_RATIO)
            and float(pieces.whole().difference[0]) >= noise_ratio * self._noise(ring)
            and not self._is_filled(ink, ring)
        )

    def _ink_and_ring(self, ring_px: int) -> tuple[Pixels, Pixels]:
        ink, ring = _ink_and_ring(self.mask, ring_px)
        if self.other.size:
            _keep_off(ring, self.other)
        return ink, ring

    def _noise(self, ring: Pixels) -> float:
        """Deviation of pixels one above the other, in the ring, where they should be alike."""
        both = cv2.bitwise_and(ring[1:], ring[:-1])
        steps = cv2.bitwise_and(cv2.absdiff(self.gray[1:], self.gray[:-1]), both)
        mean = cv2.sumElems(steps)[0] / max(cv2.countNonZero(both), 1)
        # Of Gaussian noise: the square root of pi, over two.
        return mean * 0.886

    def _is_filled(self, ink: Pixels, ring: Pixels) -> bool:
        """Whether gaps within letters have nearly the ink's level, while the ring has another."""
        side = 2 * int(GAP_EM * self.em_px / 2) + 1
        closed = cv2.morphologyEx(ink, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))
        _, gaps = cv2.threshold(self.mask, GAP - 1, 255, cv2.THRESH_BINARY_INV)
        cv2.bitwise_and(gaps, closed, dst=gaps)
        outside = cv2.subtract(ring, closed)
        masks = ink, gaps, outside
        counts = [cv2.countNonZero(each) for each in masks]
        if min(counts) < LEAST_PX:
            return False
        totals = [cv2.sumElems(cv2.bitwise_and(self.gray, each))[0] for each in masks]
        of_ink, of_gaps, of_ring = (a / b for a, b in zip(totals, counts, strict=True))
        return abs(of_gaps - of_ink) < MIN_GAP_SHARE * abs(of_ring - of_ink)


def _by_column(gray: Pixels, ink: Pixels, ring: Pixels, seams: Sequence[int]) -> Floats:
    """Of each column, in bands of rows between seams, what ``_Sums`` has of pieces."""
    under_ink, under_ring = cv2.bitwise_and(gray, ink), cv2.bitwise_and(gray, ring)
    squares = cv2.bitwise_or(under_ink, under_ring).astype(np.uint16)
    squares *= squares
    layers = ink, under_ink, ring, under_ring, squares
    sums = np.empty((len(layers), len(seams) - 1, 1, ink.shape[1]), np.float32)
    for of_layer, layer in zip(sums, layers, strict=True):
        for band, top, bottom in zip(of_layer, seams[:-1], seams[1:], strict=True):
            # Floats hold whole numbers up to 2**24: squares of 258 rows; beyond, as good as.
            cv2.reduce(layer[top:bottom], 0, cv2.REDUCE_SUM, dtype=cv2.CV_32F, dst=band)
    return sums[:, :, 0].astype(np.float64)


def _num_pieces(width_px: Ints, em_px: Floats) -> Ints:
    """Of widths: each about half an em wide."""
    half_em_px = np.maximum(em_px, LEAST_EM_PX).astype(np.int64) // 2
    count: Ints = np.maximum(width_px // half_em_px, 1)
    return count


def _noise_ratio(detail_px: Floats) -> Floats:
    return NOISE_RATIO / np.sqrt(detail_px)


def _ink_and_ring(mask: Pixels, ring_px: int) -> tuple[Pixels, Pixels]:
    """Masks, 0 or 255, of ink and of what is around it."""
    side = 2 * ring_px + 1
    ink, touched = np.empty(mask.shape, np.uint8), np.empty(mask.shape, np.uint8)
    cv2.threshold(mask, INK - 1, 255, cv2.THRESH_BINARY, dst=ink)
    cv2.threshold(mask, BARE - 1, 255, cv2.THRESH_BINARY, dst=touched)
    ring = np.empty_like(touched)
    cv2.dilate(touched, np.ones((side, side), np.uint8), dst=ring)
    cv2.subtract(ring, touched, dst=ring)
    return ink, ring


def _keep_off(ring: Pixels, other: Pixels) -> None:
    """No ring is where other ink lies, or a pixel beside it."""
    near = cv2.dilate(other, np.ones((3, 3), np.uint8))
    _, near = cv2.threshold(near, BARE - 1, 255, cv2.THRESH_BINARY)
    cv2.subtract(ring, near, dst=ring)
