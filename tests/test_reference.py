"""The plain way to draw: its canvas holds everything and nothing more, its ramps are Pillow's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from drawing import BUNDLED, ITALIC, SANS, plain_picture
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageColor, ImageDraw, ImageFont

from shmtext.render.reference import Canvas, PictureMode, draw, measure, ramp

COLORS = st.integers(0, 0xFFFFFF).map(lambda value: f"#{value:06x}")
MODES = st.sampled_from(["gray", "rgb"])


def face_of(path: object, size_px: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(path), size_px, layout_engine=ImageFont.Layout.BASIC)


@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.stem)
@pytest.mark.parametrize("lines", [["jÅgf"], ["f", "j{", ""], ["Ñ" * 3, "_ y "]], ids=len)
def test_a_drawing_is_what_is_cut_out_of_an_ample_sheet(path: object, lines: list[str]) -> None:
    face = face_of(path, 33)
    canvas = measure(lines, face)
    colors = "#102030", "#f0e0d0"

    assert np.array_equal(
        plain_picture(lines, face, colors, "rgb"), draw(lines, face, canvas, colors, "rgb")
    )


def test_a_canvas_is_a_line_s_advance_by_ascent_and_descent() -> None:
    face = face_of(SANS, 32)
    ascent, descent = face.getmetrics()
    width = math.ceil(face.getlength("abc"))

    assert Canvas(0, 0, width, ascent + descent) == measure(["abc"], face)
    assert Canvas(0, 0, width, 3 * (ascent + descent)) == measure(["a", "", "abc"], face)


def test_ink_beyond_the_advance_or_left_of_the_start_widens_the_canvas() -> None:
    face = face_of(ITALIC, 80)

    assert measure(["f"], face).right > math.ceil(face.getlength("f"))
    assert measure(["j"], face).left < 0
    wide = measure(["j", "f"], face)
    assert (measure(["j"], face).left, measure(["f"], face).right) == (wide.left, wide.right)


def test_spaces_at_the_end_of_a_line_are_part_of_its_picture() -> None:
    face = face_of(SANS, 32)

    assert measure(["a   "], face).width_px == math.ceil(face.getlength("a   "))


def test_a_canvas_knows_its_size() -> None:
    assert (10, 20) == (Canvas(-3, -2, 7, 18).width_px, Canvas(-3, -2, 7, 18).height_px)


@given(COLORS, COLORS, MODES)
def test_a_ramp_goes_from_background_to_font_colour(
    font: str, background: str, mode: PictureMode
) -> None:
    colors = ramp((font, background), mode)
    pillow_mode = "L" if mode == "gray" else "RGB"

    assert (256,) == colors.shape[:1]
    assert np.array_equal(ImageColor.getcolor(background, pillow_mode), colors[0])
    assert np.array_equal(ImageColor.getcolor(font, pillow_mode), colors[255])


@given(COLORS, COLORS, MODES)
def test_a_ramp_colours_a_text_as_pillow_draws_it(
    font: str, background: str, mode: PictureMode
) -> None:
    face, size = face_of(SANS, 24), (60, 30)
    mask = Image.new("L", size)
    ImageDraw.Draw(mask).text((2, 1), "sÄg%", fill=255, font=face)
    drawn = Image.new("L" if mode == "gray" else "RGB", size, background)
    ImageDraw.Draw(drawn).text((2, 1), "sÄg%", fill=font, font=face)

    assert np.array_equal(np.array(drawn), ramp((font, background), mode)[np.array(mask)])
