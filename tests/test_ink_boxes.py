"""Where the ink of a strip's texts lies in their masks: found for all of them at once."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from shmtext.draw.looked import ink_boxes_of
from shmtext.draw.strip import Cells, Strip


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    share=st.floats(0, 0.4),
    top=st.integers(0, 3),
    height=st.integers(1, 9),
    widths=st.lists(st.integers(1, 20), min_size=1, max_size=6),
)
def test_boxes_hold_all_ink_and_no_more(
    seed: int, share: float, top: int, height: int, widths: list[int]
) -> None:
    rng = np.random.default_rng(seed)
    width = np.array(widths)
    right = np.cumsum(width)
    # Beyond cells' rows a strip is blank; beyond the last cell's columns, too, but it may go on.
    masks = np.zeros((top + height + 2, int(right[-1]) + 3), np.uint8)
    of_texts = masks[top : top + height, : right[-1]]
    levels = rng.integers(1, 256, of_texts.shape)
    of_texts[...] = np.where(rng.random(of_texts.shape) < share, levels, 0)
    rows = np.full(right.size, top), np.full(right.size, top + height)
    cells = Cells(*rows, right - width, right)
    found = ink_boxes_of(Strip(np.arange(right.size), masks, cells)).tolist()
    for mask, (left, first, behind, below) in zip(cells.cut(masks), found, strict=True):
        y, x = np.nonzero(mask)
        expected = [x.min(), y.min(), x.max() + 1, y.max() + 1] if x.size else [0, 0, 0, 0]
        assert [left, first, behind, below] == expected
