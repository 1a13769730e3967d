"""Boxes of pictures that were put into rows: scaled with them, and widened by what scaling spreads.

A box holds its ink: all pixels of the row that have some of it; one that is askew, their middles.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from shmtext.config.ranges import Floats
from shmtext.corpus.ranges import Ints
from shmtext.draw.batch import GlyphBoxes
from shmtext.draw.boxes import corners as upright_corners
from shmtext.draw.fit import Sizes, blurred_px
from shmtext.draw.moved import ROUNDED_PX, widened

LEAST_TURN = 0.1
"""Sine of the sharpest corner that a box has after it was widened as its edges were."""


def fitted_boxes(boxes: GlyphBoxes, drawn: Sizes, fitted: Sizes) -> GlyphBoxes:
    """Take the boxes of pictures to their rows, in whole pixels again.

    ``drawn`` are the sizes of pictures, ``fitted`` what ``fit_into`` made of them.
    """
    text = boxes.text_of_box
    old, new = _sides(drawn)[text], _sides(fitted)[text]
    corners = _upright(boxes.corners, old, new)
    low, high = boxes.corners.min(axis=1)[:, None], boxes.corners.max(axis=1)[:, None]
    is_askew = ((boxes.corners != low) & (boxes.corners != high)).any(axis=(1, 2))
    if is_askew.any():
        corners[is_askew] = _askew(boxes.corners[is_askew], old[is_askew], new[is_askew])
    return replace(boxes, corners=corners.astype(np.float32))


def _sides(sizes: Sizes) -> Ints:
    """Width and height, ``(num_pictures, 2)``."""
    return np.stack([sizes.width_px, sizes.height_px], axis=1).astype(np.int64)


def _upright(corners: NDArray[np.float32], old: Ints, new: Ints) -> Floats:
    """Scale boxes whose sides are those of pixels, exactly.

    Axes have shape ``(num_boxes, 2)``. Each edge moves outward to the last pixel that is made of
    the box's: where means are taken, the one that it falls into; where samples are, the last whose
    middle comes within a pixel of that of the box's outermost pixel, or where these were blurred,
    within two or three.
    """
    start, end = corners.min(axis=1).astype(np.int64), corners.max(axis=1).astype(np.int64)
    blurred = blurred_px(old, new)
    of_means = start * new // old
    of_samples = ((2 * start - blurred) * new + old) // (2 * old)
    new_start = np.maximum(np.minimum(of_means, of_samples), 0)
    of_means = -(-end * new // old)
    of_samples = -((old - (2 * end + blurred) * new) // (2 * old))
    new_end = np.minimum(np.maximum(of_means, of_samples), new)
    is_start = corners == start[:, None]
    found: Floats = np.where(is_start, new_start[:, None], new_end[:, None]).astype(np.float64)
    return found


def _askew(corners: NDArray[np.float32], old: Ints, new: Ints) -> Floats:
    """Scale boxes of any sides, and widen them by as much as the middles of pixels spread.

    One that would leave its picture, or has too sharp a corner to be widened, becomes an upright
    one: a corner put back without its neighbours would leave ink out.
    """
    of_means = np.where(new < old, old + new, 0)
    of_samples = np.where(new != old, (1 + blurred_px(old, new)) * new, 0)
    spread_px = (np.maximum(of_means, of_samples) / (2 * old)).max(axis=1)
    rounded_px = np.where(spread_px, ROUNDED_PX, 0)  # what is not scaled has whole pixels
    scaled = corners * (new / old)[:, None]
    found: Floats = np.rint(widened(scaled, spread_px + rounded_px))
    is_outside = ((found < 0) | (found > new[:, None])).any(axis=(1, 2))
    is_upright = is_outside | _is_sharp(scaled)
    reach_px = spread_px[is_upright, None]
    low = np.floor(scaled[is_upright].min(axis=1) - reach_px)
    high = np.ceil(scaled[is_upright].max(axis=1) + reach_px)
    (left, top), (right, bottom) = np.maximum(low, 0).T, np.minimum(high, new[is_upright]).T
    found[is_upright] = upright_corners(left, top, right, bottom)
    return found


def _is_sharp(corners: Floats) -> NDArray[np.bool_]:
    """Whether a corner is sharper than ``widened`` takes it for, or no corner at all."""
    onward = np.roll(corners, -1, axis=1) - corners
    before = np.roll(onward, 1, axis=1)
    turn = before[..., 0] * onward[..., 1] - before[..., 1] * onward[..., 0]
    lengths = np.sqrt((onward * onward).sum(axis=2) * (before * before).sum(axis=2))
    sharp: NDArray[np.bool_] = (turn <= LEAST_TURN * lengths).any(axis=1)
    return sharp
