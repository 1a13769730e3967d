"""The plain way of layout basic: its canvas holds everything and no more, ramps are Pillow's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from drawing import BUNDLED, ITALIC, SANS, plain_picture
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageColor, ImageDraw, ImageFont

from shmtext.config.colors import PictureMode
from shmtext.draw import reference
from shmtext.draw.ink import Ink, ramp
from shmtext.draw.reference import (
    Canvas,
    PlainLine,
    Setting,
    Trace,
    arrange_plainly,
    cover,
    draw_masks,
    trace_lines,
)
from shmtext.draw.strip import Cells, Strip

COLORS = st.integers(0, 0xFFFFFF).map(lambda value: f"#{value:06x}")
MODES = st.sampled_from(["gray", "rgb"])


def face_of(path: object, size_px: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(path), size_px, layout_engine=ImageFont.Layout.BASIC)


def traced(lines: list[PlainLine], face: ImageFont.FreeTypeFont) -> Trace:
    return trace_lines(lines, face, sum(face.getmetrics()))


def measure(lines: list[str], face: ImageFont.FreeTypeFont) -> Canvas:
    return traced(arrange_plainly(lines, face, None), face).canvas


def draw(
    lines: list[str], face: ImageFont.FreeTypeFont, colors: tuple[str, str], mode: PictureMode
) -> np.ndarray:
    placed = arrange_plainly(lines, face, None)
    trace = traced(placed, face)
    canvas = trace.canvas
    size = canvas.right - canvas.left, canvas.bottom - canvas.top
    setting = Setting(trace, -canvas.left, -canvas.top, *size)
    mask, patches = cover(setting, draw_masks(trace, placed, face))
    strip = Strip(np.zeros(1, np.int64), mask, Cells.of_one(mask), patches)
    (picture,) = Ink([colors], mode).pictures(strip, np.zeros(1, np.int64))
    return picture


@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.stem)
@pytest.mark.parametrize("lines", [["jÅgf"], ["f", "j{", ""], ["Ñ" * 3, "_ y "]], ids=len)
def test_a_drawing_is_what_is_cut_out_of_an_ample_sheet(path: object, lines: list[str]) -> None:
    face = face_of(path, 33)
    colors = "#102030", "#f0e0d0"

    assert np.array_equal(
        plain_picture(lines, face, colors, "rgb"), draw(lines, face, colors, "rgb")
    )


def by_measuring_first(
    lines: list[str], face: ImageFont.FreeTypeFont, colors: tuple[str, str], mode: PictureMode
) -> np.ndarray:
    """Draw lines with one call of Pillow each for box, advance and ink."""
    line_px = sum(face.getmetrics())
    boxes = [face.getbbox(line, anchor="la") for line in lines]
    lengths = [math.ceil(face.getlength(line)) for line in lines]
    left = min(0, *(int(box[0]) for box in boxes))
    right = max(0, *(int(box[2]) for box in boxes), *lengths)
    top = min(0, *(k * line_px + int(box[1]) for k, box in enumerate(boxes)))
    bottom = max(len(lines) * line_px, *(k * line_px + int(b[3]) for k, b in enumerate(boxes)))
    size = right - left, bottom - top
    picture = Image.new("L" if mode == "gray" else "RGB", size, colors[1])
    pen = ImageDraw.Draw(picture)
    for k, line in enumerate(lines):
        pen.text((-left, k * line_px - top), line, fill=colors[0], font=face, anchor="la")
    return np.array(picture)


@pytest.mark.parametrize("most_pixels", [0, 2_000, reference.MAX_UNMEASURED_PIXELS])
@pytest.mark.parametrize("size_px", [7, 16, 33, 71])
@pytest.mark.parametrize("mode", ["gray", "rgb"])
def test_two_layouts_of_a_line_come_to_the_picture_of_three(
    monkeypatch: pytest.MonkeyPatch, most_pixels: int, size_px: int, mode: PictureMode
) -> None:
    monkeypatch.setattr(reference, "MAX_UNMEASURED_PIXELS", most_pixels)
    colors = "#102030", "#f0e0d0"
    for path in (SANS, ITALIC, BUNDLED[0]):
        face = face_of(path, size_px)
        for lines in [["jÅgf"], ["Ñ j{", "", "_ y "], ["AVATo.", "e\u0301x"]]:
            assert np.array_equal(
                by_measuring_first(lines, face, colors, mode), draw(lines, face, colors, mode)
            )


def test_a_line_is_laid_out_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    for name in ("getmask2", "getbbox", "getlength"):
        real = getattr(ImageFont.FreeTypeFont, name)

        def counted(self: object, *rest: object, real=real, name=name, **more: object) -> object:
            calls.append(name)
            return real(self, *rest, **more)

        monkeypatch.setattr(ImageFont.FreeTypeFont, name, counted)
    draw(["abc"], face_of(SANS, 20), ("#000000", "#ffffff"), "gray")

    assert ["getlength", "getmask2"] == calls


def test_a_text_too_large_to_be_drawn_is_only_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(ImageFont.FreeTypeFont, "getmask2")
    face = face_of(SANS, 1_000)

    assert measure(["W" * 5_000], face).right > 4_000_000


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

    assert measure(["a   "], face).right == math.ceil(face.getlength("a   "))


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
