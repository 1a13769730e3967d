"""Where geometry moves what is drawn: one map an example, for its mask and for its boxes.

    mask       pixels of the mask
      | form   a homography without depth: stretch, slant
    line       the middle of what is framed is the origin
      | bends  elastic, arc, wave
    plane      as it would lie on a table
      | view   a homography: perspective, shear, rotation
    picture    pixels of the picture; ``settle`` sets its origin and size

Effects add to the maps, in that order. Points go forwards through them here; pictures are read
backwards through them in ``remapping.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from shmtext.config.ranges import Floats
from shmtext.corpus.ranges import Ints
from shmtext.limits import fits
from shmtext.looks.bends import Bends
from shmtext.looks.planes import compose, matrices, project
from shmtext.looks.sheet import Pixels

MAX_MOVED_PX = 30_000
"""Longest side of masks that are warped, and of their pictures; larger ones are left as they are.
OpenCV's remap takes fewer than 32,767 px a side, and cells are larger than pictures."""

EDGE_STEPS = 16
"""Pieces that a bent edge is looked at in."""

MOST_MAGNIFIED = 1.5
"""By a view, about: of what is allowed for between points that are looked at."""


@dataclass(slots=True, eq=False)
class Warp:
    """The maps of a batch; effects add to them. Arrays have one length, that of the batch."""

    masks: Sequence[Pixels]
    ink: Floats
    """Left, top, right, bottom of the ink in each mask, ``(num, 4)``; zeros where is none."""
    box: Floats
    """Left, top, right, bottom of what is framed, in the mask: all of it, or its ink's box."""
    form: Floats
    """``(num, 3, 3)``; its last row is 0, 0, 1."""
    bends: Bends
    view: Floats
    """``(num, 3, 3)``."""
    margin_px: Ints
    """Left, top, right, bottom, around what is framed; below zero it is cut."""
    width_px: Ints
    """Of the picture; with the next known once it is settled."""
    height_px: Ints

    @classmethod
    def of_masks(cls, masks: Sequence[Pixels], ink: Floats) -> Self:
        """Leave masks, given the boxes of their ink, where they are, each in a picture as large."""
        num = len(masks)
        box = np.zeros((num, 4))
        box[:, [3, 2]] = np.array([mask.shape for mask in masks], np.float64).reshape(num, 2)
        return cls(
            masks=masks,
            ink=ink,
            box=box,
            form=_to_middle(box),
            bends=Bends.none(num),
            view=matrices(num),
            margin_px=np.zeros((num, 4), np.int64),
            width_px=np.zeros(num, np.int64),
            height_px=np.zeros(num, np.int64),
        )

    def take(self, rows: Ints) -> Self:
        """The maps of some examples, in that order."""
        arrays = {each.name: getattr(self, each.name) for each in fields(self)}
        taken = {name: each[rows] for name, each in arrays.items() if name not in _NOT_ARRAYS}
        masks = [self.masks[row] for row in rows.tolist()]
        return type(self)(masks=masks, bends=self.bends.take(rows), **taken)

    def frame_ink(self, rows: Ints) -> None:
        """Frame the box of the ink in place of the whole mask, where there is ink.

        What has been done to these texts before is forgotten.
        """
        box = self.ink[rows]
        has_ink = box[:, 2] > box[:, 0]
        rows, box = rows[has_ink], box[has_ink]
        self.box[rows] = box
        self.form[rows] = _to_middle(box)

    def reform(self, rows: Ints, matrix: Floats) -> None:
        """Let a homography without depth, one for each of ``rows``, follow what made the form."""
        self.form[rows] = compose(matrix, self.form[rows])

    def turn(self, rows: Ints, matrix: Floats) -> None:
        """Let a homography, one for each of ``rows``, follow what is there."""
        self.view[rows] = compose(matrix, self.view[rows])

    def line_size(self, rows: Ints) -> tuple[Floats, Floats]:
        """Width and height of what is framed before it is bent."""
        corners = project(self.form[rows], _outline(self.box[rows], 1))
        width, height = (corners.max(axis=1) - corners.min(axis=1)).T
        return width, height

    def bounds(self, rows: Ints) -> Floats:
        """Left, top, right, bottom of what is framed, as it lies now, ``(num_rows, 4)``."""
        return self.bounds_of(self.box[rows], rows, EDGE_STEPS)

    def bounds_of(self, box: Floats, rows: Ints, steps: int) -> Floats:
        """The bounds of boxes in masks, as they lie now; bent edges are looked at in steps."""
        result = np.empty((rows.size, 4))
        is_bent = self.bends.is_bent[rows]
        for count, some in ((1, np.flatnonzero(~is_bent)), (steps, np.flatnonzero(is_bent))):
            if some.size:
                points = self.points(rows[some], _outline(box[some], count))
                sag = self._sag_px(rows[some], box[some], count)
                result[some, :2] = points.min(axis=1) - sag[:, None]
                result[some, 2:] = points.max(axis=1) + sag[:, None]
        return result

    def _sag_px(self, rows: Ints, box: Floats, steps: int) -> Floats:
        """How far boxes' edges may leave the straight between their points, in pictures."""
        width = (box[:, 2] - box[:, 0]) * np.maximum(self.form[rows, 0, 0], 1)
        sides = np.maximum(width, box[:, 3] - box[:, 1])
        return MOST_MAGNIFIED * self.bends.sag_px(rows, sides / steps)

    def settle(self) -> None:
        """Find the pictures' sizes, and move what is framed to its place in them.

        Masks whose pictures would be too large are left as they are.
        """
        low, sizes = self._place()
        is_too_large = ~fits(*sizes.T)
        sides = np.maximum(sizes.max(axis=1), self.box[:, 2:].max(axis=1))
        is_too_large |= ~self.is_still & (sides > MAX_MOVED_PX)
        if is_too_large.any():
            self._undo(np.flatnonzero(is_too_large))
            low, sizes = self._place()
        self.width_px, self.height_px = sizes.T.copy()
        shift = self.margin_px[:, :2] - low
        self.view = compose(matrices(len(low), x=shift[:, 0], y=shift[:, 1]), self.view)

    def _place(self) -> tuple[Floats, Ints]:
        """The upper left corner of what is framed, and the pictures' sizes, both ``(num, 2)``."""
        bounds = self.bounds(np.arange(len(self.box)))
        low = bounds[:, :2]
        # What sums leave beyond a whole pixel is none.
        framed = np.ceil(bounds[:, 2:] - low - 1e-6).astype(np.int64)
        sizes = np.maximum(framed, 1) + self.margin_px[:, :2] + self.margin_px[:, 2:]
        return low, np.maximum(sizes, 1)

    def _undo(self, rows: Ints) -> None:
        shapes = [self.masks[row].shape for row in rows.tolist()]
        self.box[rows] = np.array([[0, 0, width, height] for height, width in shapes], np.float64)
        self.form[rows] = _to_middle(self.box[rows])
        self.bends.undo(rows)
        self.view[rows] = matrices(rows.size)
        self.margin_px[rows] = 0

    @property
    def is_still(self) -> NDArray[np.bool_]:
        """Which masks are not moved but by whole pixels, as far as is known before they settle."""
        is_still: NDArray[np.bool_] = ~self.bends.is_bent
        for matrix in (self.form, self.view):
            is_still &= (matrix.reshape(-1, 9)[:, _NOT_SHIFTS] == _NO_CHANGE).all(axis=1)
        return is_still

    def points(self, texts: Ints, points: Floats) -> Floats:
        """Where points of masks, ``(num, num_points, 2)``, are in pictures.

        ``texts`` are the numbers in the batch of those that they are of, ``(num,)``.
        """
        found = project(self.form[texts], points)
        some = np.flatnonzero(self.bends.is_bent[texts])
        if some.size:
            found[some] = self.bends.forth(texts[some], found[some])
        return project(self.view[texts], found)

    def quadrilaterals(self, texts: Ints, corners: Floats) -> Floats:
        """Quadrilaterals in pictures that hold all of quadrilaterals in masks, ``(num, 4, 2)``.

        Corners begin with the upper left and go clockwise. Where lines stay straight they are where
        the corners are; else sides are moved out, or, where that takes less room, the upright box
        is taken.
        """
        result = self.points(texts, corners)
        some = np.flatnonzero(self.bends.is_bent[texts])
        if some.size:
            edges = self.points(texts[some], _along_edges(corners[some], EDGE_STEPS))
            box = np.concatenate([corners[some].min(axis=1), corners[some].max(axis=1)], axis=1)
            result[some] = _around(edges, self._sag_px(texts[some], box, EDGE_STEPS))
        return result


_NOT_ARRAYS = ("masks", "bends")
_NOT_SHIFTS = [0, 1, 3, 4, 6, 7, 8]
_NO_CHANGE = np.array([1.0, 0, 0, 1, 0, 0, 1])


def ink_boxes(masks: Sequence[Pixels]) -> Floats:
    """Left, top, right, bottom of the ink of masks, ``(num, 4)``; zeros where is none."""
    box = np.array([cv2.boundingRect(mask) for mask in masks], np.float64).reshape(-1, 4)
    box[:, 2:] += box[:, :2]
    return box


def _to_middle(box: Floats) -> Floats:
    left, top, right, bottom = box.T
    return matrices(len(box), x=-(left + right) / 2, y=-(top + bottom) / 2)


def _outline(box: Floats, steps: int) -> Floats:
    """Points along the edges of boxes, ``(num, 4 * steps, 2)``, from the upper left, clockwise."""
    corners = box[:, [[0, 1], [2, 1], [2, 3], [0, 3]]]
    return corners if steps == 1 else _along_edges(corners, steps)


def _along_edges(corners: Floats, steps: int) -> Floats:
    """Points along the edges of quadrilaterals, ``(num, 4 * steps, 2)``."""
    way = (np.roll(corners, -1, axis=1) - corners)[:, :, None]
    shares = (np.arange(steps) / steps)[:, None]
    return (corners[:, :, None] + way * shares).reshape(len(corners), 4 * steps, 2)


def _around(edges: Floats, room_px: Floats) -> Floats:
    """Quadrilaterals, ``(num, 4, 2)``, with at least some room around points along their edges.

    Each side is moved out until no point is beyond it.
    """
    corners = edges[:, :: edges.shape[1] // 4]
    way = np.roll(corners, -1, axis=1) - corners
    length = np.sqrt(way[..., 0] * way[..., 0] + way[..., 1] * way[..., 1])
    # Outwards, of length one; a side of no length has no outside, and is left to the upright box.
    out = np.stack([way[..., 1], -way[..., 0]], axis=-1) / np.maximum(length, 1e-9)[..., None]
    reach = out[:, :, None, 0] * edges[:, None, :, 0] + out[:, :, None, 1] * edges[:, None, :, 1]
    far = reach.max(axis=2) + room_px[:, None]
    before, far_before = np.roll(out, 1, axis=1), np.roll(far, 1, axis=1)
    turn = before[..., 0] * out[..., 1] - before[..., 1] * out[..., 0]
    is_sharp = (turn < 1e-3).any(axis=1)
    turn = np.maximum(turn, 1e-3)
    x = (far_before * out[..., 1] - far * before[..., 1]) / turn
    y = (before[..., 0] * far - out[..., 0] * far_before) / turn
    low, high = edges.min(axis=1) - room_px[:, None], edges.max(axis=1) + room_px[:, None]
    upright = np.concatenate([low, high], axis=1)[:, [[0, 1], [2, 1], [2, 3], [0, 3]]]
    around = np.stack([x, y], axis=-1)
    is_upright = is_sharp | (_area(around) > _area(upright))
    return np.where(is_upright[:, None, None], upright, around)


def _area(corners: Floats) -> Floats:
    """Of quadrilaterals whose corners go clockwise: half of what their diagonals span."""
    down, up = corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1]
    area: Floats = (down[:, 0] * up[:, 1] - down[:, 1] * up[:, 0]) / 2
    return area
