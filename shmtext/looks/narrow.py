"""Where strokes are near each other, or thin: there no pixel may become ink, or cease to be it.

``topology.py`` tells afterwards whether letters are what they were. Without this before, nearly no
text would come through: somewhere two letters are always two pixels apart.
"""

from __future__ import annotations

import cv2
import numpy as np

from shmtext.looks.sheet import Pixels

BANDS = (48, 80), (112, 144)
"""Around the levels from which on coverage is ink: no change leads across. They are wide, so that
the rounding of what is laid on paper does not, either."""

LEAST_SHARE = 0.57
"""Of ink that is left where some is taken away, so that it lies above all bands."""

SQUARE = np.ones((3, 3), np.uint8)

NARROW = np.ones((5, 5), np.uint8)
"""Closes gaps of up to four pixels: of wider ones enough is left when both sides grow by one."""

SHALLOW = 30
"""Coverage that closing adds where there is no gap, but a bend, or an edge's slope."""


def _most() -> Pixels:
    coverage = np.arange(256)
    most = np.full(256, 255)
    for low, high in reversed(BANDS):
        most[coverage < high] = coverage[coverage < high]
        most[coverage <= low] = low
    return most.astype(np.uint8)


def _least() -> Pixels:
    coverage = np.arange(256)
    least = np.zeros(256)
    for low, high in BANDS:
        least[coverage > low] = coverage[coverage > low]
        least[coverage >= high] = high
    return least.astype(np.uint8)


MOST = _most()
"""How far each coverage may grow without crossing a band."""

LEAST = _least()
"""How far each may shrink likewise."""

MOST_OF_GAPS = 255 - LEAST[::-1]
"""How far what ink leaves uncovered may grow: of ``255 - coverage``."""


def room_around(mask: Pixels, most: Pixels = MOST) -> Pixels:
    """How far coverage may grow, by a pixel or so, without that strokes join.

    255, but in narrow gaps and at their ends, where the table ``most`` says it.
    """
    closed = cv2.erode(cv2.dilate(mask, NARROW), NARROW)
    gaps = cv2.dilate(cv2.subtract(closed, mask), SQUARE)
    _, room = cv2.threshold(gaps, SHALLOW, 255, cv2.THRESH_BINARY_INV)
    return np.asarray(cv2.max(room, cv2.LUT(mask, most)), np.uint8)
