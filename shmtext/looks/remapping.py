"""Drawing of masks through a warp: pictures are read backwards, by ``cv2.remap``.

Only where a text's ink can be is anything read: in patches, rectangles of a cell, one for a text
that lies flat, more for one that rises. For each pixel of a patch the place in the mask is found on
lines ``LINE_PX`` apart, and between these by steps of equal size. Maps are then rounded to 32nds
of a pixel: what ``remap`` does with such is the same on every processor.

Lines are found for many patches at once, maps made of them for a few, which a core's cache still
holds when they are read; of like height, so that little of a map is for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from shmtext.config.ranges import Floats
from shmtext.corpus.ranges import Ints, seams, spell_out
from shmtext.looks.bends import Bends, Float32s
from shmtext.looks.planes import compose, inverse, matrices
from shmtext.looks.sheet import Pixels, Sheet
from shmtext.looks.warp import Warp

LINE_PX = 8
"""Between these places are taken to be on a straight line: at most a tenth of a pixel off, as far
as effects go by default."""

CALL_PX = 800
"""Pixels that are remapped in the time of another call."""

SLICE_STEPS = 8
"""Pieces that the edges of slices of bent texts are looked at in."""

MAX_PATCH_PX = 16_000

LINES_PX = 1 << 20
"""Of patches whose lines are found together: calls cost little then."""

MAPS_PX = 1 << 16
"""Of those whose maps are made together: they stay in a core's second cache. Of a million pixels,
which do not, making maps takes half as long again, and remap a third."""

DEEP = 1
"""A bit of what places go through: a division by depth."""

FAR = np.float32(32_000)
"""Beyond every mask that is warped, and within 16 bits."""


Part = tuple[slice, slice]
"""Rows and columns of a layer."""

Maps = tuple[NDArray[Any], NDArray[Any]]
"""What ``cv2.convertMaps`` makes."""


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Where masks' cells are in a sheet; arrays have one length, that of the masks."""

    left: Ints
    """First column."""
    bleed_px: Ints
    width_px: Ints
    """Of the picture; with the next without its bleed."""
    height_px: Ints

    @classmethod
    def of(cls, sheet: Sheet) -> Self:
        """Those of a sheet's examples."""
        return cls(sheet.left[:-1], sheet.bleed_px, sheet.width_px, sheet.height_px)

    def take(self, rows: Ints) -> Self:
        """Some of them, in any order, and as often as given."""
        arrays = self.left, self.bleed_px, self.width_px, self.height_px
        return type(self)(*(each[rows] for each in arrays))


@dataclass(frozen=True, slots=True, eq=False)
class _Patches:
    """Rectangles of cells; arrays have one length."""

    row: Ints
    left: Ints
    """In the picture."""
    top: Ints
    width: Ints
    height: Ints

    def take(self, which: Ints | slice) -> _Patches:
        """Some of them."""
        arrays = self.row, self.left, self.top, self.width, self.height
        return _Patches(*(each[which] for each in arrays))


@dataclass(frozen=True, slots=True, eq=False)
class _Back:
    """The ways back of patches; arrays have one length."""

    view: Float32s
    """From the middles of a patch's pixels, ``(num, 3, 3)``: to where the text was straight, and to
    what remap calls the mask's pixels, which it numbers by their middles, where it still is."""
    kind: Ints
    """What places go through on the way: ``DEEP``, and beyond it which bends. Patches that share
    it are worked on at once."""
    form: Float32s
    """From a text that was bent, straight, to the mask's pixels."""

    @classmethod
    def of(cls, warp: Warp, patches: _Patches) -> Self:
        """Those of all patches of a batch."""
        num = patches.row.size
        kinds = warp.bends.kinds[patches.row]
        view = warp.view[patches.row]
        from_mask = compose(warp.form[patches.row], matrices(num, x=0.5, y=0.5))
        whole = np.where((kinds > 0)[:, None, None], view, compose(view, from_mask))
        left, top = (each.astype(np.float64) + 0.5 for each in (patches.left, patches.top))
        at_first = matrices(num, x=left, y=top)
        back = _scaled(compose(inverse(whole), at_first))
        is_deep = (back[:, 2, :2] != 0).any(axis=1)
        kind = DEEP * is_deep + 2 * DEEP * kinds
        form = _scaled(inverse(from_mask))
        return cls(back.astype(np.float32), kind, form.astype(np.float32))

    def take(self, which: Ints | slice) -> Self:
        """Those of some patches."""
        return type(self)(self.view[which], self.kind[which], self.form[which])


def draw_masks(warp: Warp, sheet: Sheet) -> None:
    """Draw masks, moved as the warp has it, into their cells of a sheet."""
    is_still, cells = warp.is_still, Cells.of(sheet)
    for _, part, mask in _still(warp, np.flatnonzero(is_still), cells):
        sheet.mask[part] = mask
    for row, part, maps in _moved(warp, np.flatnonzero(~is_still), cells):
        mask, under = warp.masks[row], sheet.mask[part]
        cv2.remap(mask, *maps, cv2.INTER_LINEAR, under, cv2.BORDER_CONSTANT)


def moved_masks(warp: Warp, cells: Cells) -> Iterator[tuple[int, Part, Pixels]]:
    """Masks, moved as the warp has it, or patches of them, as far as their cells hold them.

    Yields the number of each, its place in a layer and what is to be there.
    """
    is_still = warp.is_still
    yield from _still(warp, np.flatnonzero(is_still), cells)
    for row, part, maps in _moved(warp, np.flatnonzero(~is_still), cells):
        mask = warp.masks[row]
        drawn = cv2.remap(mask, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        yield row, part, drawn.astype(np.uint8, copy=False)


def _still(warp: Warp, rows: Ints, cells: Cells) -> Iterator[tuple[int, Part, Pixels]]:
    """As much of masks as their cells hold, at its place in a layer."""
    shift = np.rint(warp.form[rows, :2, 2] + warp.view[rows, :2, 2]).astype(np.int64)
    bleed = cells.bleed_px[rows]
    shift += bleed[:, None]
    sides = cells.left[rows], cells.width_px[rows] + 2 * bleed, cells.height_px[rows] + 2 * bleed
    lists = (each.tolist() for each in (rows, *sides, shift))
    for row, first, width, height, (left, top) in zip(*lists, strict=True):
        mask = warp.masks[row]
        x, y = max(left, 0), max(top, 0)
        right = max(min(left + mask.shape[1], width), x)
        bottom = max(min(top + mask.shape[0], height), y)
        part = slice(y, bottom), slice(first + x, first + right)
        yield row, part, mask[y - top : bottom - top, x - left : right - left]


def _moved(warp: Warp, rows: Ints, cells: Cells) -> Iterator[tuple[int, Part, Maps]]:
    """Where patches of masks lie in a layer, and from where in the mask they are read."""
    patches = _patches(warp, rows, cells)
    if not patches.row.size:
        return
    back = _Back.of(warp, patches)
    order = np.lexsort((patches.height, back.kind))
    patches, back = patches.take(order), back.take(order)
    is_other = np.append(False, np.diff(back.kind) != 0)
    for first, last in _pieces(patches, LINES_PX, is_other):
        some = patches.take(slice(first, last))
        lines = _lines(warp.bends, some, back.take(slice(first, last)))
        yield from _read(some, lines, cells)


def _pieces(
    patches: _Patches, area_px: int, is_first: NDArray[np.bool_] | bool = False
) -> Iterator[tuple[int, int]]:
    """Divide patches into ranges of about so many pixels; some are the first of theirs."""
    area = np.cumsum(patches.width * patches.height)
    is_cut = np.append(False, np.diff(area // area_px) != 0) | is_first
    cuts = np.flatnonzero(is_cut).tolist()
    yield from pairwise([0, *cuts, area.size])


def _patches(warp: Warp, rows: Ints, cells: Cells) -> _Patches:
    """Find where the ink of texts goes, each cut into as many slices as are read the fastest."""
    box = warp.ink[rows]
    has_ink = box[:, 2] > box[:, 0]
    rows, box = rows[has_ink], box[has_ink]
    # Reading between pixels spreads ink by one.
    box += [-1, -1, 1, 1]
    bounds = warp.bounds_of(box, rows, SLICE_STEPS)
    width, height = bounds[:, 2] - bounds[:, 0], bounds[:, 3] - bounds[:, 1]
    rise = np.maximum(height - (box[:, 3] - box[:, 1]), 0)
    count = np.rint(np.sqrt(width * rise / CALL_PX)).astype(np.int64)
    count = np.maximum(count, 1 + width.astype(np.int64) // MAX_PATCH_PX)
    cut = np.flatnonzero(count > 1)
    if cut.size:
        slices, of_slice = _slices(box[cut], count[cut])
        of_slice = rows[cut][of_slice]
        whole = count == 1
        bounds = np.concatenate([bounds[whole], warp.bounds_of(slices, of_slice, SLICE_STEPS)])
        rows = np.append(rows[whole], of_slice)
    left, top, right, bottom = bounds.T
    bleed = cells.bleed_px[rows]
    left, top = (np.maximum(np.floor(low).astype(np.int64), -bleed) for low in (left, top))
    right = np.minimum(np.ceil(right).astype(np.int64), cells.width_px[rows] + bleed)
    bottom = np.minimum(np.ceil(bottom).astype(np.int64), cells.height_px[rows] + bleed)
    patches = _Patches(rows, left, top, right - left, bottom - top)
    return patches.take(np.flatnonzero((patches.width > 0) & (patches.height > 0)))


def _slices(box: Floats, count: Ints) -> tuple[Floats, Ints]:
    """Cut boxes upright into so many slices each; returns these, and the numbers of their boxes."""
    of_slice = np.repeat(np.arange(count.size), count)
    number = spell_out(np.zeros_like(count), count)
    slices = box[of_slice]
    left, width = box[of_slice, 0], (box[:, 2] - box[:, 0])[of_slice]
    slices[:, 0] = left + width * number / count[of_slice]
    slices[:, 2] = left + width * (number + 1) / count[of_slice]
    return slices, of_slice


def _read(patches: _Patches, lines: Float32s, cells: Cells) -> Iterator[tuple[int, Part, Maps]]:
    """Make maps of the lines of patches, a few at a time."""
    left = seams(patches.width)
    bleed = cells.bleed_px[patches.row]
    cell_left, cell_top = cells.left[patches.row] + bleed + patches.left, bleed + patches.top
    sides = cell_left, cell_left + patches.width, cell_top, cell_top + patches.height
    places = list(zip(*(each.tolist() for each in (patches.row, *sides)), strict=True))
    for some, end in _pieces(patches, MAPS_PX):
        height = int(patches.height[end - 1])
        few = lines[:, : 1 - height // -LINE_PX, left[some] : left[end]]
        whole, part = _maps(few, height)
        first = 0
        for row, x, right, y, bottom in places[some:end]:
            last = first + right - x
            maps = whole[: bottom - y, first:last], part[: bottom - y, first:last]
            yield row, (slice(y, bottom), slice(x, right)), maps
            first = last


def _lines(bends: Bends, patches: _Patches, back: _Back) -> Float32s:
    """Places in masks of the pixels of every ``LINE_PX``-th row, ``(2, num_lines, num_columns)``.

    Patches are of one kind and ascend by height. In float32 places are off by a 500th of a pixel at
    most.
    """
    width, kind = patches.width, int(back.kind[0])
    column = spell_out(np.zeros_like(width), width).astype(np.float32)
    height = int(patches.height[-1])
    down = np.arange(0, height + LINE_PX, LINE_PX, dtype=np.float32)[:, None]
    axes = 3 if kind & DEEP else 2
    by_x, by_y, start = _by_column(back.view[:, :axes], width)
    by_x *= column
    by_x += start
    places: Float32s = down * by_y
    places += by_x
    lines = places[:2]
    if kind & DEEP:
        lines /= places[2]
        np.clip(lines, -FAR, FAR, out=lines)
    if kind > DEEP:
        bends.back(np.repeat(patches.row, width), *lines)
        by_x, by_y, start = _by_column(back.form[:, :2], width)
        x, y = lines
        by_y = y * by_y
        np.multiply(x, by_x, out=lines)
        lines += by_y
        lines += start
        np.clip(lines, -FAR, FAR, out=lines)
    return lines


def _by_column(rows: Float32s, width: Ints) -> Float32s:
    """Some rows of matrices, ``(num, num_rows, 3)``, for each column; what is by x, by y, alone.

    Shape ``(3, num_rows, 1, num_columns)``.
    """
    return np.repeat(rows.transpose(2, 1, 0)[:, :, None], width, axis=3)


def _scaled(matrix: Floats) -> Floats:
    """The same homographies, whose depth is one at the origin."""
    return matrix / matrix[:, 2:, 2:]


def _maps(lines: Float32s, height: int) -> Maps:
    """As many rows as asked for, in equal steps between lines, rounded to 32nds of a pixel.

    ``lines`` are places along x and y, ``(2, num_lines, num_columns)``. Rows equally far behind
    their lines are worked on at once. Steps are doubled: how sums round decides bytes.
    """
    _, num_lines, num_columns = lines.shape
    shape = num_lines - 1, LINE_PX, num_columns
    whole, part = np.empty((*shape, 2), np.int16), np.empty(shape, np.uint16)
    step = lines[:, 1:] - lines[:, :-1]
    step *= np.float32(1 / LINE_PX)
    rows = [lines[:, :-1].copy()]
    while len(rows) < LINE_PX // 2:
        rows += [each + step for each in rows]
        step *= np.float32(2)
    for number in range(min(LINE_PX, height)):
        row = rows[number % len(rows)]
        if number >= len(rows):
            row += step
        count = -((number - height) // LINE_PX)
        x, y = row[:, :count]
        cv2.convertMaps(x, y, cv2.CV_16SC2, whole[:count, number], part[:count, number])
    return whole.reshape(-1, num_columns, 2), part.reshape(-1, num_columns)
