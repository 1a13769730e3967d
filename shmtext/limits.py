"""How large a picture may be, and why one of another size is not drawn."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.ranges import Ints

MAX_SIDE_PX = 65_500
"""Longest side of a picture: what a JPEG can hold (libjpeg's JPEG_MAX_DIMENSION)."""

MAX_PIXELS = 1 << 26
"""Largest picture: 64 Mpx, 200 MB in colour while it is drawn."""

MAX_BOXED_PX = 2**15 - 1
"""Longest side of a picture whose boxes are labels: these are of 16-bit numbers."""


def fits(width_px: Ints, height_px: Ints) -> NDArray[np.bool_]:
    """Which pictures are drawn, given their sizes; shape as that of either."""
    is_empty = np.minimum(width_px, height_px) <= 0
    is_too_large = np.maximum(width_px, height_px) > MAX_SIDE_PX
    is_too_large |= width_px * height_px > MAX_PIXELS
    return ~(is_empty | is_too_large)


def why_unfit(width_px: int, height_px: int) -> str:
    """Why a picture of this size is not drawn; empty where it is."""
    if width_px <= 0 or height_px <= 0:
        return "leaves no room for a picture: its characters have no width"
    if max(width_px, height_px) > MAX_SIDE_PX or width_px * height_px > MAX_PIXELS:
        return (
            f"makes a picture of {width_px:,} x {height_px:,} px; at most {MAX_SIDE_PX:,} px a "
            f"side and {MAX_PIXELS:,} px in all can be stored"
        )
    return ""


def why_unboxed(side_px: int) -> str:
    """Why a picture with boxes is not drawn, whose longest side is too long."""
    return f"makes a picture of {side_px:,} px; at most {MAX_BOXED_PX:,} px can have boxes"
