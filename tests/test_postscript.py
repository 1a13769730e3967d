"""Sides of PostScript outlines, where a glyph drawn alone does not show them."""

from __future__ import annotations

from pathlib import Path

import pytest
from drawing import check_equality, draw, font_file, picture_maker
from small_fonts import small_font

from shmtext.draw.faces import Faces
from shmtext.draw.glyph_font import FIRST_CODE_POINT
from shmtext.draw.postscript import PostScriptOutlines, is_postscript
from shmtext.draw.stored import StoredFont

SIZES_PX = (7, 13, 32, 33, 100, 256)


@pytest.fixture(scope="module")
def cff(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A font whose glyphs lie before the pen, behind it and on both sides of it.

    Its circumflex is wider than its letters are: on them it begins before the line does.
    """
    shapes = {
        "l": [[(-333, 0), (-101, 700), (-57, 0)]],
        "r": [[(77, 0), (301, 699), (533, 0)]],
        "m": [[(-111, 0), (151, 700), (417, 0)]],
        "\u0301": [[(-407, 600), (-303, 700), (-199, 600)]],
        "n": [[(20, 0), (30, 500), (40, 0)]],
        "\u0302": [[(207, 600), (650, 700), (1101, 600)]],
        " ": [],
    }
    path = tmp_path_factory.mktemp("fonts") / "sides.otf"
    return small_font(path, shapes, cff=True)


def test_sides_beyond_the_pen_are_those_that_pillow_shows(cff: Path) -> None:
    faces, outlines = Faces((font_file(cff),), SIZES_PX), PostScriptOutlines(font_file(cff))

    for face_id, size_px in enumerate(SIZES_PX):
        face = faces.by_number(face_id)
        for glyph in range(font_file(cff).num_glyphs):
            left, _, right, _ = face.getbbox(chr(FIRST_CODE_POINT + glyph), anchor="ls")
            sides = outlines.sides_px(glyph, size_px)

            assert (left, right) == (min(sides[0], 0), max(sides[1], 0))


def test_texts_drawn_alone_in_a_postscript_font_are_pillow_s(cff: Path) -> None:
    texts = ["r", "l", "mr", "r\u0301", "n\u0302", "rl\u0301r", "r\nl", " r\nr\u0301", "lm \u0301r"]

    check_equality(draw(picture_maker([cff], font_sizes=SIZES_PX), texts * 6))


def test_fonts_with_truetype_outlines_are_no_postscript_fonts(cff: Path, tmp_path: Path) -> None:
    truetype = small_font(tmp_path / "small.ttf", {"a": [[(0, 0), (0, 700), (500, 0)]]})

    assert is_postscript(StoredFont(str(cff), ""))
    assert not is_postscript(StoredFont(str(truetype), ""))
