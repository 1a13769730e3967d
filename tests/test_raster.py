"""Strips drawn in one set of numpy calls equal glyphs drawn one after the other."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from shmtext.draw import raster
from shmtext.draw.raster import PlacedGlyphs, combine

STRIDE = 8
MAX_COLUMNS = 6

Line = tuple[int, list[tuple[int, int]]]
"""Rows of a line, and its glyphs as (first row in the strip, number of columns)."""


@st.composite
def lines(draw: st.DrawFn) -> Line:
    num_rows = draw(st.integers(0, 20))
    glyphs = []
    for _ in range(draw(st.integers(0, 8)) if num_rows else 0):
        start = draw(st.integers(0, num_rows - 1))
        glyphs.append((start, draw(st.integers(1, min(MAX_COLUMNS, num_rows - start)))))
    return num_rows, glyphs


def atlas(num_rows: int) -> NDArray[np.uint8]:
    pixels = np.random.default_rng(7).integers(0, 256, (num_rows, STRIDE), np.uint8)
    pixels[np.random.default_rng(8).random(pixels.shape) < 0.3] = 0
    pixels[0] = 0
    return pixels


def rasterise(columns: NDArray[np.uint8], glyphs: PlacedGlyphs, num_rows: int) -> NDArray[np.uint8]:
    """Fill a strip that held something else before."""
    strip = np.full((num_rows, STRIDE), 99, np.uint8)
    raster.rasterise(columns, glyphs, strip)
    return strip


def draw_slowly(
    columns: NDArray[np.uint8], glyphs: PlacedGlyphs, num_rows: int
) -> NDArray[np.uint8]:
    """Paste glyph after glyph with Pillow, which knows nothing of strips."""
    canvas = Image.new("L", (STRIDE, num_rows), 0)
    for start, count, first in zip(
        glyphs.start.tolist(), glyphs.num_columns.tolist(), glyphs.first_row.tolist(), strict=True
    ):
        mask = Image.fromarray(columns[first : first + count])
        canvas.paste(255, (0, start), mask)
    return np.array(canvas).reshape(num_rows, STRIDE)


@given(st.lists(lines(), min_size=1, max_size=4))
def test_a_strip_is_its_glyphs_pasted_one_after_the_other(parts: list[Line]) -> None:
    seams = np.cumsum([0, *(num_rows for num_rows, _ in parts)])
    placed = [
        (int(begin) + start, count)
        for begin, (_, glyphs) in zip(seams, parts, strict=False)
        for start, count in glyphs
    ]
    columns = atlas(1 + MAX_COLUMNS * len(placed))
    glyphs = PlacedGlyphs(
        np.array([start for start, _ in placed], np.int64),
        np.array([count for _, count in placed], np.int64),
        1 + MAX_COLUMNS * np.arange(len(placed)),
    )
    strip = rasterise(columns, glyphs, int(seams[-1]))

    assert np.array_equal(draw_slowly(columns, glyphs, int(seams[-1])), strip)


def test_three_glyphs_over_one_another_are_combined_in_their_order() -> None:
    columns = atlas(20)
    glyphs = PlacedGlyphs(np.array([0, 1, 2, 2]), np.array([4, 4, 4, 1]), np.array([1, 5, 9, 13]))

    assert np.array_equal(draw_slowly(columns, glyphs, 7), rasterise(columns, glyphs, 7))


def test_rows_without_a_glyph_are_blank() -> None:
    columns = np.full((5, STRIDE), 200, np.uint8)
    columns[0] = 0
    strip = rasterise(columns, PlacedGlyphs(np.array([2]), np.array([1]), np.array([4])), 5)

    assert [0, 0, 200, 0, 0] == strip[:, 0].tolist()


def test_coverages_are_combined_as_pillow_combines_them() -> None:
    under, over = (each.astype(np.uint8) for each in np.mgrid[0:256, 0:256])
    canvas = Image.fromarray(under)
    canvas.paste(255, (0, 0), Image.fromarray(over))

    assert np.array_equal(np.array(canvas), combine(under, over))


def test_a_drawing_leaves_the_atlas_as_it_was() -> None:
    columns = atlas(10)
    before = columns.copy()
    rasterise(columns, PlacedGlyphs(np.array([0, 1]), np.array([3, 3]), np.array([1, 4])), 5)

    assert np.array_equal(before, columns)
