"""Boxes of masks where looks take them: moved with ink, widened with it, cut at a picture's edge.

Corners are those of ``GlyphBoxes``, ``(num_boxes, 4, 2)``. Where points go is the warp's to know.
"""

from __future__ import annotations

import numpy as np

from shmtext.config.ranges import Floats
from shmtext.corpus.ranges import Ints, seams
from shmtext.draw.batch import GlyphBoxes
from shmtext.draw.boxes import corners as upright_corners
from shmtext.looks.warp import Warp

RESAMPLED_PX = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
"""How far from each corner of a box, in the mask, a pixel of the picture lies at most that has some
of its ink: pixels are read between the middles of four."""

GRID = 64
"""Of corners, to a pixel: what sums of floats are off by is not rounded outward."""

ROUNDED_PX = 0.5 - 0.5 / GRID
"""By how much boxes are widened before their corners are rounded to the nearest whole pixels: these
then lie on or outside of every edge, and where boxes are upright on whole pixels, stay there."""

SLIGHT_PX = 2
"""By how much a corner may lie outside of the picture and be put back without its neighbours."""


def moved(boxes: GlyphBoxes, warp: Warp, rows: Ints, widened_px: Ints) -> GlyphBoxes:
    """Boxes of some masks, in whole pixels of their pictures.

    ``rows`` are the numbers of the masks in the warp, and ``widened_px`` is how much wider ink is
    on each side, of each of them. What is cut away has no box.
    """
    text = boxes.text_of_box
    corners = boxes.corners.astype(np.float64)
    corners += warp.points(rows, np.zeros((rows.size, 1, 2)))[text]
    by_px = widened_px[text].astype(np.float64)
    is_askew = ~warp.is_still[rows][text]
    if is_askew.any():
        whole = boxes.corners[is_askew] + RESAMPLED_PX
        found = warp.quadrilaterals(rows[text[is_askew]], whole)
        corners[is_askew] = np.rint(found * GRID) / GRID
        by_px[is_askew] += ROUNDED_PX
    wider = np.flatnonzero(by_px)
    if wider.size:
        corners[wider] = widened(corners[wider], by_px[wider])
    corners = np.rint(corners)
    between, cluster = boxes.seams, boxes.cluster
    limits = np.stack([warp.width_px, warp.height_px], axis=1)[rows][text].astype(np.float64)
    is_outside = ((corners < 0) | (corners > limits[:, None])).any(axis=(1, 2))
    if is_outside.any():
        corners[is_outside] = cut(corners[is_outside], limits[is_outside])
        is_left = (corners.max(axis=1) > corners.min(axis=1)).all(axis=1)
        between, cluster = seams(is_left)[between], cluster[is_left]
        corners = corners[is_left]
    return GlyphBoxes(between, cluster, corners.astype(np.float32))


def widened(corners: Floats, by_px: Floats) -> Floats:
    """Move edges outward by as much as a square that reaches ``by_px`` to each side does.

    ``by_px`` has shape ``(num_boxes,)``.
    """
    onward = np.roll(corners, -1, axis=1) - corners
    length = np.sqrt(onward[..., 0] * onward[..., 0] + onward[..., 1] * onward[..., 1])
    onward /= np.maximum(length, 1e-9)[..., None]
    back = -np.roll(onward, 1, axis=1)
    # How far the edge onward moves, and the one back; how much of a step along one leads away from
    # the other.
    reach = by_px[:, None] * (np.abs(onward[..., 0]) + np.abs(onward[..., 1]))
    before = np.roll(reach, 1, axis=1)
    turn = np.abs(onward[..., 0] * back[..., 1] - onward[..., 1] * back[..., 0])
    turn = np.maximum(turn, 0.1)[..., None]
    moved_on: Floats = onward * (before[..., None] / turn) + back * (reach[..., None] / turn)
    return corners - moved_on


def cut(corners: Floats, sizes_px: Floats) -> Floats:
    """Put what is outside of pictures, ``(num_boxes, 2)`` wide and high, to their edges.

    A box that leaves its picture by more than ``SLIGHT_PX`` becomes the upright one around what is
    left of it: a corner put back without its neighbours would take ink with it.
    """
    inside = np.clip(corners, 0, sizes_px[:, None])
    is_far = (np.abs(corners - inside) > SLIGHT_PX).any(axis=(1, 2))
    low, high = inside[is_far].min(axis=1), inside[is_far].max(axis=1)
    inside[is_far] = upright_corners(low[:, 0], low[:, 1], high[:, 0], high[:, 1])
    return inside
