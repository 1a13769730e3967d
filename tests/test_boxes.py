"""A box is the ink of a character, where Pillow draws it after the text before it."""

from __future__ import annotations

import string

import numpy as np
import pytest
from drawing import (
    BUNDLED,
    ITALIC,
    LATIN_1,
    SANS,
    Drawing,
    draw,
    font_file,
    picture_maker,
    plain_face,
    random_texts,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from shmtext.draw import compose, kerning
from shmtext.draw.boxes import corners
from shmtext.draw.faces import can_shape
from shmtext.draw.pictures import PictureMaker

needs_raqm = pytest.mark.skipif(not can_shape(), reason="this Pillow finds no Raqm or no FriBiDi")

Box = tuple[int, int, int, int]

KERNED = tuple(path for path in BUNDLED if font_file(path).kern_pairs.size)


def boxed(fonts: object = (SANS,), **style: object) -> PictureMaker:
    return picture_maker(fonts, with_boxes=True, **style)  # type: ignore[arg-type]


def boxes_by_prefix(lines: list[str], face: ImageFont.FreeTypeFont) -> dict[int, Box]:
    """Draw each character on a sheet of its own, where it stands after its prefix."""
    line_px = sum(face.getmetrics())
    whole = [face.getbbox(line, anchor="la") for line in lines]
    left = min(0, *(int(box[0]) for box in whole))
    top = min(0, *(k * line_px + int(box[1]) for k, box in enumerate(whole)))
    found: dict[int, Box] = {}
    cluster = 0
    for number, line in enumerate(lines):
        for at, character in enumerate(line):
            start = face.getlength(line[: at + 1]) - face.getlength(character)
            x, y = int(np.floor(start + 0.5)) - left, number * line_px - top
            margin = 4 * line_px
            size = x + 2 * margin + 2 * line_px, y + 2 * margin + line_px
            sheet = Image.new("L", size)
            ImageDraw.Draw(sheet).text(
                (margin + x, margin + y), character, fill=255, font=face, anchor="la"
            )
            ink = sheet.getbbox()
            if ink:
                found[cluster + at] = tuple(side - margin for side in ink)  # type: ignore[assignment]
        cluster += len(line) + 1
    return found


def check_boxes(drawing: Drawing) -> int:
    """See that every text's boxes are those by prefix; return how many boxes there are."""
    num_boxes = 0
    for position in drawing.pictures:
        lines = drawing.shard.lines_of(position)
        expected = boxes_by_prefix(lines, plain_face(drawing, position))
        assert expected == drawing.boxes[position], lines
        assert list(expected) == sorted(expected)
        num_boxes += len(expected)
    return num_boxes


@pytest.mark.parametrize("size_px", [9, 16, 33])
def test_a_box_is_a_character_s_ink_in_every_bundled_face(size_px: int) -> None:
    drawing = draw(boxed(BUNDLED, font_sizes=[size_px]), random_texts(120, longest=9))

    assert set(range(len(BUNDLED))) == set(drawing.shard.styles.font_id.tolist())
    assert check_boxes(drawing) > 400


@pytest.mark.parametrize("width", [None, 6])
def test_boxes_of_several_lines_count_the_newlines_of_the_label(width: int | None) -> None:
    texts = random_texts(80, string.ascii_letters + "\n\n  ÅÇy", longest=20)
    drawing = draw(boxed(BUNDLED, font_sizes=[17, 32], max_chars_per_line=width), texts)
    labels = list(drawing.shard.labels(np.arange(len(texts))))

    check_boxes(drawing)
    for position, boxes in drawing.boxes.items():
        inked = [at for at, character in enumerate(labels[position]) if not character.isspace()]
        assert inked == list(boxes)


@given(st.lists(st.text("AVToyP,.Lfj 1\n", min_size=1, max_size=9), min_size=1, max_size=6))
@settings(max_examples=60)
def test_a_box_is_a_character_s_ink_whatever_is_kerned(texts: list[str]) -> None:
    check_boxes(draw(boxed([*KERNED[:2], ITALIC], font_sizes=[15, 40]), texts))


def test_texts_drawn_alone_have_the_same_boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = random_texts(60, LATIN_1 + "\nAVToP.", longest=8)
    style = {"font_sizes": [12, 40]}
    together = draw(boxed(KERNED, **style), texts)
    monkeypatch.setattr(kerning, "MOST_CHARACTERS", 2)
    alone = draw(boxed(KERNED, **style), texts)

    assert alone.num_alone > 20
    assert check_boxes(together) == check_boxes(alone) > 100


def test_boxes_of_texts_in_many_strips_are_those_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [*random_texts(40), "x" * 5_000, *random_texts(40, seed=2)]
    one = draw(boxed(BUNDLED), texts)
    monkeypatch.setattr(compose, "STRIP_ROWS", 300)

    assert one.boxes == draw(boxed(BUNDLED), texts).boxes
    assert {40} == set(one.reasons)


@needs_raqm
def test_a_line_that_needs_shaping_has_one_box_around_its_ink() -> None:
    drawing = draw(boxed(font_sizes=[32]), ["سلام\n\nab e\u0301", "plain"])
    picture = drawing.pictures[0] < 255
    boxes = drawing.boxes[0]

    assert [0, 6] == list(boxes)
    inked = picture.copy()
    for left, top, right, bottom in boxes.values():
        within = picture[top:bottom, left:right]
        assert within[0].any()
        assert within[-1].any()
        assert within[:, 0].any()
        assert within[:, -1].any()
        inked[top:bottom, left:right] = False
    assert not inked.any()
    assert 5 == len(drawing.boxes[1])


def test_boxes_change_no_picture_and_are_made_only_when_asked_for() -> None:
    texts = random_texts(50)
    with_boxes, without = draw(boxed(BUNDLED), texts), draw(picture_maker(BUNDLED), texts)

    assert {} == without.boxes
    assert set(range(50)) == set(with_boxes.boxes)
    assert all(
        np.array_equal(with_boxes.pictures[position], without.pictures[position])
        for position in range(50)
    )


def test_corners_go_around_a_box_clockwise() -> None:
    left, top, right, bottom = (np.array([value]) for value in (1, 2, 30, 40))

    assert [[1, 2], [30, 2], [30, 40], [1, 40]] == corners(left, top, right, bottom)[0].tolist()
    assert (0, 4, 2) == corners(*np.zeros((4, 0), np.int64)).shape
