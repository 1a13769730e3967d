"""A box is the ink of a cluster where Pillow draws it; in layout basic, of a character."""

from __future__ import annotations

import string
from pathlib import Path

import numpy as np
import pytest
from drawing import (
    BUNDLED,
    ITALIC,
    LATIN_1,
    SANS,
    Drawing,
    both_layouts,
    draw,
    font_file,
    needs_raqm,
    picture_maker,
    plain_face,
    random_texts,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from shmtext.draw import compose, kerning
from shmtext.draw.boxes import boxes_of_clusters, corners
from shmtext.draw.pictures import PictureMaker

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


NO_LIGATURES = LATIN_1.translate(dict.fromkeys(map(ord, "fFijtTc"), "x"))
"""Characters that stand for themselves in every bundled font, whatever stands beside them."""


@pytest.mark.parametrize("size_px", [9, 16, 33])
def test_a_box_is_a_character_s_ink_in_every_bundled_face(size_px: int) -> None:
    maker = boxed(BUNDLED, font_sizes=[size_px], layout="basic")
    drawing = draw(maker, random_texts(120, longest=9))

    assert set(range(len(BUNDLED))) == set(drawing.shard.styles.font_id.tolist())
    assert check_boxes(drawing) > 400


@needs_raqm
@pytest.mark.parametrize("size_px", [9, 16, 33])
def test_a_box_is_a_character_s_ink_where_raqm_kerns_it(size_px: int) -> None:
    maker = boxed(BUNDLED, font_sizes=[size_px], layout="full")
    drawing = draw(maker, random_texts(120, NO_LIGATURES, longest=9))

    assert set(range(len(BUNDLED))) == set(drawing.shard.styles.font_id.tolist())
    assert check_boxes(drawing) > 400


@pytest.mark.parametrize("width", [None, 6])
def test_boxes_of_several_lines_count_the_newlines_of_the_label(width: int | None) -> None:
    texts = random_texts(80, string.ascii_letters + "\n\n  ÅÇy", longest=20)
    style = {"font_sizes": [17, 32], "max_chars_per_line": width, "layout": "basic"}
    drawing = draw(boxed(BUNDLED, **style), texts)
    labels = list(drawing.shard.labels(np.arange(len(texts))))

    check_boxes(drawing)
    for position, boxes in drawing.boxes.items():
        inked = [at for at, character in enumerate(labels[position]) if not character.isspace()]
        assert inked == list(boxes)


@given(st.lists(st.text("AVToyP,.Lfj 1\n", min_size=1, max_size=9), min_size=1, max_size=6))
@settings(max_examples=60)
def test_a_box_is_a_character_s_ink_whatever_is_kerned(texts: list[str]) -> None:
    check_boxes(draw(boxed([*KERNED[:2], ITALIC], font_sizes=[15, 40], layout="basic"), texts))


def test_texts_drawn_alone_have_the_same_boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = random_texts(60, LATIN_1 + "\nAVToP.", longest=8)
    style = {"font_sizes": [12, 40], "layout": "basic"}
    together = draw(boxed(KERNED, **style), texts)
    monkeypatch.setattr(kerning, "MOST_CHARACTERS", 2)
    alone = draw(boxed(KERNED, **style), texts)

    assert alone.num_alone > 20
    assert check_boxes(together) == check_boxes(alone) > 100


@both_layouts
def test_boxes_of_texts_in_many_strips_are_those_of_one(
    monkeypatch: pytest.MonkeyPatch, layout: str
) -> None:
    texts = [*random_texts(40), "x" * 5_000, *random_texts(40, seed=2)]
    one = draw(boxed(BUNDLED, layout=layout), texts)
    monkeypatch.setattr(compose, "STRIP_ROWS", 300)

    assert one.boxes == draw(boxed(BUNDLED, layout=layout), texts).boxes
    assert {40} == set(one.reasons)


# -- clusters ----------------------------------------------------------------------------------

DEVANAGARI = Path("/usr/share/fonts/truetype/noto/NotoSansDevanagari-Regular.ttf")
needs_devanagari = pytest.mark.skipif(not DEVANAGARI.exists(), reason=f"{DEVANAGARI} is not here")

SHAPED = (
    *("سلام", "سلام عليكم\nabc", "\n\nשָׁלוֹם ab\n", "ab אב 12", "e\u0301x\u0323 fi"),
    *("affix office", "بًب\u0640ب", "fa\u200db", "AVATAR To"),
)


def inked_sides(drawing: Drawing, position: int) -> None:
    """See that each box ends at ink on all sides, and that all ink is in boxes."""
    picture = drawing.pictures[position] < 255
    rest = picture.copy()
    for left, top, right, bottom in drawing.boxes[position].values():
        within = picture[top:bottom, left:right]
        assert all(side.any() for side in (within[0], within[-1], within[:, 0], within[:, -1]))
        rest[top:bottom, left:right] = False
    assert not rest.any()


@both_layouts
@pytest.mark.parametrize("size_px", [10, 33])
def test_all_ink_is_in_boxes_and_all_boxes_end_at_ink(layout: str, size_px: int) -> None:
    drawing = draw(boxed([SANS], font_sizes=[size_px], layout=layout), SHAPED)

    assert set(range(len(SHAPED))) == set(drawing.pictures)
    for position in drawing.pictures:
        inked_sides(drawing, position)
        assert list(drawing.boxes[position]) == sorted(drawing.boxes[position])


def test_shaped_texts_drawn_alone_have_the_same_boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [*SHAPED, *random_texts(60, LATIN_1 + "\nAVToPfil.", longest=8)]
    style = {"font_sizes": [12, 40], "layout": "full"}
    together = draw(boxed([SANS], **style), texts)
    monkeypatch.setattr(compose, "is_seen", lambda group, *_: np.zeros(group.positions.size, bool))
    alone = draw(boxed([SANS], **style), texts)

    assert (len(texts), 0) == (alone.num_alone, len(alone.reasons))
    assert together.num_alone < len(texts) / 2
    assert together.boxes == alone.boxes


def boxes_of_text(text: str, font: Path = SANS, **style: object) -> dict[int, tuple[int, ...]]:
    drawing = draw(boxed([font], font_sizes=[32], **style), [text])
    inked_sides(drawing, 0)
    return drawing.boxes[0]


@both_layouts
def test_letters_of_a_ligature_share_a_box(layout: str) -> None:
    clusters = [list(boxes_of_text(text, layout=layout)) for text in ("fi", "affix", "fa\nfl")]

    if layout == "full":
        assert [[0], [0, 1, 4], [0, 1, 3]] == clusters
    else:
        assert [[0, 1], [0, 1, 2, 3, 4], [0, 1, 3, 4]] == clusters


@both_layouts
def test_boxes_of_right_to_left_text_are_in_logical_order(layout: str) -> None:
    lefts = {cluster: box[0] for cluster, box in boxes_of_text("سمو אב\nx", layout=layout).items()}

    assert [0, 1, 2, 4, 5, 7] == list(lefts)
    assert sorted(list(lefts.values())[:5], reverse=True) == list(lefts.values())[:5]


@both_layouts
def test_a_right_to_left_word_among_others_has_its_boxes_where_it_is_seen(layout: str) -> None:
    lefts = [box[0] for box in boxes_of_text("ab אבג cd", layout=layout).values()]

    assert [0, 1, 4, 3, 2, 5, 6] == np.argsort(lefts).tolist()


@both_layouts
def test_a_ligature_of_lam_and_alef_is_one_box(layout: str) -> None:
    assert [0, 1, 3] == list(boxes_of_text("سلام", layout=layout))


@both_layouts
@pytest.mark.parametrize("text", ["x\u0323a", "q\u0301a", "e\u0301a", "ב\u05b8ב"])
def test_a_mark_shares_the_box_of_its_letter(text: str, layout: str) -> None:
    marked = boxes_of_text(text, layout=layout)
    plain = boxes_of_text(text[0] + text[2], layout=layout)

    assert [0, 2] == list(marked)
    assert marked[0] != plain[0]
    assert marked[0][3] - marked[0][1] >= plain[0][3] - plain[0][1]
    assert box_size(marked[2]) == box_size(plain[1])


def box_size(box: tuple[int, ...]) -> tuple[int, int]:
    return box[2] - box[0], box[3] - box[1]


@needs_devanagari
@both_layouts
def test_a_vowel_sign_drawn_before_its_letter_shares_its_box(layout: str) -> None:
    ka, ki = (boxes_of_text(text, DEVANAGARI, layout=layout) for text in ("क", "कि"))

    assert [0] == list(ki)
    assert box_size(ki[0])[0] > box_size(ka[0])[0]
    assert [0, 2, 4] == list(boxes_of_text("हिन्दी", DEVANAGARI, layout=layout))
    assert [0, 3, 7] == list(boxes_of_text("क्षत्रियों", DEVANAGARI, layout=layout))


def test_boxes_of_clusters_are_joined_in_the_order_of_the_label() -> None:
    """Text 0 has three glyphs, the last two of cluster 1; text 1 none, text 2 two of cluster 0."""
    seams, cluster = np.array([0, 3, 3, 5]), np.array([4, 1, 1, 0, 0])
    sides = np.array([[0, 10, 20, 5, 1], [3, 4, 2, 7, 8], [9, 19, 29, 6, 2], [12, 13, 14, 9, 9]])
    found = boxes_of_clusters(seams, cluster, sides)

    assert [0, 2, 2, 3] == found.seams.tolist()
    assert [1, 4, 0] == found.cluster.tolist()
    assert [[10, 2, 29, 14], [0, 3, 9, 12], [1, 7, 6, 9]] == (
        found.corners[:, [0, 2]].reshape(-1, 4).tolist()
    )


@both_layouts
def test_boxes_change_no_picture_and_are_made_only_when_asked_for(layout: str) -> None:
    texts = random_texts(50)
    with_boxes = draw(boxed(BUNDLED, layout=layout), texts)
    without = draw(picture_maker(BUNDLED, layout=layout), texts)

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
