"""Alignment, spacing, margins, heights and widths: as Pillow has them, where it has them at all."""

from __future__ import annotations

import random
from itertools import product
from typing import Any

import numpy as np
import pytest
from drawing import (
    BUNDLED,
    HAS_RAQM,
    ITALIC,
    SANS,
    Drawing,
    Pixels,
    both_layouts,
    draw,
    picture_maker,
    plain_face,
    random_texts,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from shmtext.config import Page
from shmtext.draw.texts import Skip

LETTERS = "abcdefgTAVYjyÁgq.,'"
ARABIC = "سلام عليكم"
HEBREW = "שלום עולם"

ON_BLACK = {"font_colors": ["white"], "background_colors": ["black"]}


def words_and_lines(num: int, seed: int = 3) -> list[str]:
    rng = random.Random(seed)

    def line() -> str:
        words = ("".join(rng.choices(LETTERS, k=rng.randint(1, 7))) for _ in range(5))
        return " ".join(list(words)[: rng.randint(1, 5)])

    return ["\n".join(line() for _ in range(rng.randint(1, 4))) for _ in range(num)]


def ink_of(picture: Pixels) -> Pixels:
    rows, columns = np.flatnonzero(picture.any(axis=1)), np.flatnonzero(picture.any(axis=0))
    if not rows.size:
        return picture[:0, :0]
    return picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def by_pillow(drawing: Drawing, position: int, text: str, **options: Any) -> Pixels:
    """The ink of a text as ``ImageDraw.text`` has it, white on black."""
    sheet = Image.new("L", (3_000, 900))
    face = plain_face(drawing, position)
    ImageDraw.Draw(sheet).text((300, 300), text, fill=255, font=face, **options)
    return ink_of(np.asarray(sheet))


def check_plain(drawing: Drawing) -> None:
    """Texts drawn together are the pixels of those drawn alone."""
    for position, picture in drawing.pictures.items():
        alone = drawing.maker.draw_plainly(drawing.shard, position)
        where = repr(drawing.shard.lines_of(position))
        assert not isinstance(alone, Skip), where
        assert alone.shape == picture.shape, where
        assert np.array_equal(alone, picture), where


@both_layouts
@pytest.mark.parametrize("align", ["left", "center", "right", "justify"])
@pytest.mark.parametrize("spacing", [4, -3, 11])
def test_lines_stand_as_pillow_aligns_them(align: str, spacing: int, layout: str) -> None:
    page = Page(align=align, line_pitch="pillow", line_spacing=spacing)  # type: ignore[arg-type]
    maker = picture_maker(BUNDLED, page=page, font_sizes=[17, 32], layout=layout, **ON_BLACK)
    texts = words_and_lines(60)
    drawing = draw(maker, texts)

    assert len(texts) == len(drawing.pictures)
    for position, picture in drawing.pictures.items():
        if drawing.shard.is_shaped[position] and not HAS_RAQM:
            continue
        expected = by_pillow(drawing, position, texts[position], align=align, spacing=spacing)
        assert np.array_equal(expected, ink_of(picture)), texts[position]
    check_plain(drawing)


def test_most_texts_of_lines_that_come_near_are_drawn_together() -> None:
    page = Page(line_pitch="pillow", line_spacing=4)
    drawing = draw(picture_maker(BUNDLED, page=page), words_and_lines(200))

    assert drawing.num_alone < 30


def test_lines_of_leckerli_nearly_touch_unless_they_are_spaced() -> None:
    font, text = BUNDLED[0].with_name("LeckerliOne-Regular.ttf"), "Jfqg\nÁÉjy"
    near = draw(picture_maker([font]), [text]).pictures[0]
    apart = draw(picture_maker([font], page=Page(line_spacing="25%")), [text]).pictures[0]

    assert blank_rows_between(near) <= 3
    assert blank_rows_between(apart) > 10


def blank_rows_between(picture: Pixels) -> int:
    has_ink = (picture < 255).any(axis=1)
    inked = np.flatnonzero(has_ink)
    return int((~has_ink[inked[0] : inked[-1]]).sum())


spacings = st.sampled_from([["0"], ["1.5"], ["-1"], ["3%", "12%"]])
pages = st.builds(
    dict,
    align=st.sampled_from([["start"], ["left"], ["center"], ["right"], ["justify", "start"]]),
    line_spacing=st.sampled_from([["0"], ["5"], ["-20%"], ["0", "30%"]]),
    line_pitch=st.sampled_from(["font", "pillow"]),
    letter_spacing=spacings,
    word_spacing=spacings,
    margin=st.sampled_from([["0"], ["3"], ["1 10%", "0 4 9 2"]]),
    height=st.sampled_from([[], [40], [33, 48]]),
    size=st.sampled_from([{}, {"min_width": 90}, {"width": 260}]),
)
MIXED = [*words_and_lines(8), ARABIC, f"{HEBREW} abc\n{HEBREW}", "e\u0301a fi ffi", "a\n\nb", "Å{j"]


@both_layouts
@given(options=pages, texts=st.lists(st.sampled_from(MIXED), min_size=1, max_size=8))
@settings(max_examples=60)
def test_texts_drawn_together_are_those_drawn_alone_on_any_page(
    layout: str, options: dict[str, Any], texts: list[str]
) -> None:
    page = Page(**options.pop("size"), **options)
    sizes = {} if page.height else {"font_sizes": [15, 24]}
    maker = picture_maker([SANS, ITALIC], page=page, layout=layout, with_boxes=True, **sizes)
    drawing = draw(maker, texts)

    check_plain(drawing)
    for position, picture in drawing.pictures.items():
        ink = picture < 128
        boxed = np.zeros_like(ink)
        for left, top, right, bottom in drawing.boxes[position].values():
            assert (picture[top:bottom, left:right] < 255).any()
            boxed[top:bottom, left:right] = True
        assert not (ink & ~boxed).any(), "ink outside of all boxes"


@both_layouts
def test_justified_lines_of_many_texts_keep_each_its_own_spacing(layout: str) -> None:
    page = Page(align="justify", letter_spacing=["0", "2", "7"], word_spacing=["0", "9"])
    drawing = draw(picture_maker([SANS, ITALIC], page=page, layout=layout), words_and_lines(40))

    check_plain(drawing)


@both_layouts
def test_margins_are_paper_around_the_same_picture(layout: str) -> None:
    texts = random_texts(60)
    plain = draw(picture_maker(BUNDLED, layout=layout), texts)
    wide = draw(picture_maker(BUNDLED, page=Page(margin="3 5 7 9"), layout=layout), texts)

    for position, picture in plain.pictures.items():
        padded = np.pad(picture, ((3, 7), (9, 5)), constant_values=255)
        assert np.array_equal(padded, wide.pictures[position])


def test_a_margin_is_a_share_of_a_lines_height() -> None:
    plain, wide = (
        draw(picture_maker([SANS], page=Page(margin=margin)), ["a"]).pictures[0]
        for margin in ("0", "50% 0 0 0")
    )

    assert wide.shape[0] == plain.shape[0] + (plain.shape[0] + 1) // 2


@both_layouts
@pytest.mark.parametrize("height", [20, 32, 61])
@pytest.mark.parametrize("margin", ["0", "2", "10% 0"])
def test_every_font_is_drawn_at_the_size_whose_lines_are_as_high(
    height: int, margin: str, layout: str
) -> None:
    texts = ["x", "Åj", "two\nlines", "ÁÉÍ {gjpqy}"] * 30
    maker = picture_maker(BUNDLED, page=Page(height=height, margin=margin), layout=layout)
    drawing = draw(maker, texts)
    line_px = maker.settings.config.page.line_heights_px[0]

    assert set(range(len(BUNDLED))) == set(drawing.shard.styles.font_id.tolist())
    for position, picture in drawing.pictures.items():
        num_lines = texts[position].count("\n") + 1
        assert height + (num_lines - 1) * line_px == picture.shape[0]
        face = plain_face(drawing, position)
        assert sum(face.getmetrics()) <= line_px
        larger = face.font_variant(size=face.size + 1)
        assert sum(larger.getmetrics()) > line_px
    # Ink that leaves its line is moved into it; what is higher than the line is not drawn.
    assert {"Åj", "ÁÉÍ {gjpqy}"} >= {texts[position] for position in drawing.reasons}
    assert all("higher than its height" in reason for reason in drawing.reasons.values())
    check_plain(drawing)


@pytest.mark.parametrize("align", ["start", "left", "center", "right", "justify"])
def test_all_pictures_are_of_one_width_or_skipped(align: str) -> None:
    texts = ["a", "ab cd", "שלום", "a text that is too long for it"]
    maker = picture_maker([SANS], page=Page(width=120, align=align))  # type: ignore[arg-type]
    drawing = draw(maker, texts)

    assert {120} == {picture.shape[1] for picture in drawing.pictures.values()}
    assert drawing.reasons.keys() == {3}
    assert "width is 120" in drawing.reasons[3]
    sides = {"left": "left", "center": "center", "right": "right"}
    for position, picture in drawing.pictures.items():
        columns = np.flatnonzero((picture < 255).any(axis=0))
        before, behind = int(columns[0]), 119 - int(columns[-1])
        match sides.get(align, "right" if position == 2 else "left"):
            case "center":
                assert abs(before - behind) <= 4
            case "left":
                assert before < 6 < behind
            case "right":
                assert before > 6 > behind


def test_a_least_width_pads_and_lets_wider_texts_be() -> None:
    texts = ["a", "a text that is too long for it"]
    plain = draw(picture_maker([SANS]), texts).pictures
    padded = draw(picture_maker([SANS], page=Page(min_width=120)), texts).pictures

    assert padded[0].shape[1] == 120
    assert np.array_equal(plain[0], padded[0][:, : plain[0].shape[1]])
    assert np.array_equal(plain[1], padded[1])


@both_layouts
def test_letters_stand_apart_by_what_is_asked(layout: str) -> None:
    plain, spaced = (
        draw(
            picture_maker(
                [SANS], page=Page(letter_spacing=spacing), layout=layout, with_boxes=True
            ),
            ["ab cde"],
        ).boxes[0]
        for spacing in ("0", "5")
    )

    assert plain.keys() == spaced.keys() == {0, 1, 3, 4, 5}
    for cluster, (left, *_) in plain.items():
        assert left + 5 * cluster == spaced[cluster][0]


@both_layouts
def test_words_stand_apart_by_what_is_asked(layout: str) -> None:
    plain, spaced = (
        draw(picture_maker([SANS], page=page, layout=layout, with_boxes=True), ["ab cd  e"]).boxes[
            0
        ]
        for page in (Page(), Page(word_spacing="25%"))
    )

    assert [plain[at][0] + more for at, more in ((0, 0), (3, 8), (7, 24))] == [
        spaced[at][0] for at in (0, 3, 7)
    ]


def test_letters_that_join_are_not_moved_apart() -> None:
    plain, spaced = (
        draw(picture_maker([SANS], page=Page(letter_spacing=spacing)), ["سلام"]).pictures[0]
        for spacing in ("0", "5")
    )

    assert np.array_equal(plain, spaced)


@pytest.mark.parametrize("align", ["left", "justify"])
def test_letters_that_stand_apart_make_no_ligature(align: str) -> None:
    font = BUNDLED[0].with_name("OpenSans-ExtraBold.ttf")
    together, apart = (
        draw(
            picture_maker([font], page=page, with_boxes=True), ["fi office fi\nand more than that"]
        )
        for page in (Page(), Page(letter_spacing="1", align=align))  # type: ignore[arg-type]
    )

    assert 1 not in together.boxes[0]
    assert apart.boxes[0].keys() >= {0, 1, 3, 4, 5, 6, 7, 8, 10, 11}
    check_plain(apart)


def test_a_letter_keeps_its_marks() -> None:
    drawing = draw(
        picture_maker([SANS], page=Page(letter_spacing="9"), with_boxes=True), ["q\u0323q\u0323"]
    )

    assert drawing.boxes[0].keys() == {0, 2}


def test_justified_lines_of_letters_from_right_to_left_reach_both_sides() -> None:
    text = f"{HEBREW} {HEBREW}\nשל עו\nשל"
    drawing = draw(picture_maker([SANS], page=Page(align="justify")), [text])
    picture = drawing.pictures[0]
    line_px = picture.shape[0] // 3
    sides = []
    for number in range(3):
        line = picture[number * line_px : (number + 1) * line_px]
        columns = np.flatnonzero((line < 128).any(axis=0))
        sides.append((int(columns[0]), int(columns[-1])))

    assert abs(sides[1][0] - sides[0][0]) <= 3
    assert abs(sides[1][1] - sides[0][1]) <= 3
    assert sides[2][0] > picture.shape[1] // 2


def test_of_several_choices_each_is_drawn_and_no_other_draw_moves() -> None:
    texts = ["ab cd"] * 200
    plain = draw(picture_maker(BUNDLED, font_sizes=[15, 24]), texts)
    page = Page(margin=["0", "9"], letter_spacing=["0", "3"], word_spacing=["0", "4"])
    varied = draw(picture_maker(BUNDLED, page=page, font_sizes=[15, 24]), texts)

    assert np.array_equal(plain.shard.face_id, varied.shard.face_id)
    more = {
        tuple(np.subtract(varied.pictures[at].shape, plain.pictures[at].shape).tolist())
        for at in range(200)
    }
    choices = product((0, 18), (0, 12), (0, 4))
    assert {(margin, margin + letter + word) for margin, letter, word in choices} == more


def test_columns_from_top_to_bottom_are_aligned_spaced_and_framed() -> None:
    font = BUNDLED[0]
    texts = ["abcd\na", "a"]
    tall = {
        align: draw(
            picture_maker([font], page=Page(align=align, margin="2"), direction="ttb"), texts
        ).pictures[0]
        for align in ("start", "center", "right")
    }
    columns = {align: picture[:, : picture.shape[1] // 2] for align, picture in tall.items()}
    middles = {align: float(np.nonzero(half < 128)[0].mean()) for align, half in columns.items()}

    assert middles["start"] < middles["center"] < middles["right"]
    apart = draw(picture_maker([font], page=Page(line_spacing="10"), direction="ttb"), texts)
    near = draw(picture_maker([font], direction="ttb"), texts)
    assert near.pictures[0].shape[1] + 10 == apart.pictures[0].shape[1]
