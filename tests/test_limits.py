"""Which sizes are drawn, asked of one picture or of many, is the same."""

from __future__ import annotations

import numpy as np
import pytest

from shmtext.limits import MAX_PIXELS, MAX_SIDE_PX, fits, why_unfit

SIDES_PX = (-1, 0, 1, 2, MAX_PIXELS // MAX_SIDE_PX, MAX_PIXELS // MAX_SIDE_PX + 1, 8_192, 8_193)


@pytest.mark.parametrize("height_px", [*SIDES_PX, MAX_SIDE_PX, MAX_SIDE_PX + 1])
def test_a_picture_fits_unless_there_is_a_reason(height_px: int) -> None:
    widths_px = [*SIDES_PX, MAX_SIDE_PX, MAX_SIDE_PX + 1]
    asked_at_once = fits(np.array(widths_px), np.full(len(widths_px), height_px))

    assert [not why_unfit(width_px, height_px) for width_px in widths_px] == asked_at_once.tolist()


def test_the_largest_pictures_fit_and_those_a_pixel_larger_do_not() -> None:
    assert not why_unfit(MAX_SIDE_PX, MAX_PIXELS // MAX_SIDE_PX)
    assert not why_unfit(8_192, 8_192)
    assert "at most 65,500 px a side and 67,108,864 px in all" in why_unfit(8_193, 8_192)
    assert "65,501 x 1 px" in why_unfit(MAX_SIDE_PX + 1, 1)
    assert "no width" in why_unfit(0, 5)
