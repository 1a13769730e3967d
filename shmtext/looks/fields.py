"""Fields: large arrays that go on where they end, of which examples have windows.

What is in a field is its effect's matter.
"""

from __future__ import annotations

import numpy as np

from shmtext.looks.sheet import Pixels

SPARE_PX = 128, 512
"""Rows and columns that a field is repeated for behind its end: most windows are views of it."""


def window(field: Pixels, top: int, left: int, shape: tuple[int, int]) -> Pixels:
    """A part of a field, shape ``(num_rows, num_columns)``, that begins before its repetition."""
    height, width = shape
    if top + height <= field.shape[0] and left + width <= field.shape[1]:
        return field[top : top + height, left : left + width]
    num_rows, num_columns = sides(field)
    rows = np.arange(top, top + height) % num_rows
    columns = np.arange(left, left + width) % num_columns
    part: Pixels = field[rows][:, columns]
    return part


def sides(field: Pixels) -> tuple[int, int]:
    """Rows and columns of a field after which it is repeated."""
    return field.shape[0] - SPARE_PX[0], field.shape[1] - SPARE_PX[1]
