"""A text drawn alone from its shaped glyphs is Raqm's drawing of it, whatever its direction."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from drawing import (
    BUNDLED,
    ITALIC,
    LATIN_1,
    SANS,
    Drawing,
    assert_same,
    both_layouts,
    check_equality,
    draw,
    needs_raqm,
    picture_maker,
    plain_face,
    random_texts,
)
from PIL import Image, ImageDraw, ImageFont

from shmtext.draw import compose

NOTO = Path("/usr/share/fonts/truetype/noto")
CJK = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")

WORDS = {
    SANS: ("AVATAR office fi", "سلام عليكم abc", "e\u0301x\u0323\u0302 g\u0330", "שָׁלוֹם (12) ab"),
    NOTO / "NotoSansDevanagari-Regular.ttf": ("हिन्दी में पाठ", "क्षत्रियों", "स्त्री"),
    NOTO / "NotoNastaliqUrdu-Regular.ttf": ("اردو زبان", "پاکستان میں", "یہ کیا ہے"),
    NOTO / "NotoSansThai-Regular.ttf": ("น้ำใจไมตรี", "ภาษาไทย"),
    Path("/usr/share/fonts/opentype/fonts-hosny-amiri/Amiri-Regular.ttf"): ("بِسْمِ اللّٰهِ", "محمد ﷺ"),
}
"""By font, where it is installed."""


@pytest.fixture
def all_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no text of layout full be drawn together with others."""
    monkeypatch.setattr(
        compose, "is_seen", lambda group, *_: np.zeros(group.positions.size, np.bool_)
    )


def with_lines(texts: tuple[str, ...]) -> list[str]:
    """Each text, all of them as lines, and lines of which some are empty."""
    return [*texts, "\n".join(texts), f"{texts[0]}\n\n{texts[-1]}\n"]


@pytest.mark.usefixtures("all_alone")
@pytest.mark.parametrize("direction", ["auto", "ltr", "rtl"])
@pytest.mark.parametrize("path", WORDS, ids=lambda path: path.stem)
def test_a_text_alone_is_raqm_s_drawing(path: Path, direction: str) -> None:
    if not path.exists():
        pytest.skip(f"{path} is not installed")
    maker = picture_maker([path], font_sizes=[11, 24, 47], layout="full", direction=direction)
    texts = with_lines(WORDS[path]) * 3
    drawing = draw(maker, texts)

    assert drawing.num_alone == check_equality(drawing) == len(texts)


@pytest.mark.usefixtures("all_alone")
def test_latin_texts_alone_are_raqm_s_drawings_in_every_bundled_face() -> None:
    texts = random_texts(150, LATIN_1 + "\nAVTo.fi", longest=12)
    drawing = draw(picture_maker(BUNDLED, font_sizes=[9, 32], layout="full"), texts)

    assert drawing.num_alone == check_equality(drawing) == len(texts)


@pytest.mark.parametrize("path", WORDS, ids=lambda path: path.stem)
def test_texts_together_are_what_they_are_alone(
    monkeypatch: pytest.MonkeyPatch, path: Path
) -> None:
    if not path.exists():
        pytest.skip(f"{path} is not installed")
    maker = picture_maker([path], font_sizes=[11, 24, 47], layout="full", with_boxes=True)
    texts = with_lines(WORDS[path]) * 3
    together = draw(maker, texts)
    monkeypatch.setattr(
        compose, "is_seen", lambda group, *_: np.zeros(group.positions.size, np.bool_)
    )
    alone = draw(maker, texts)

    assert together.num_alone < alone.num_alone == len(texts)
    assert together.boxes == alone.boxes
    for position, text in enumerate(texts):
        assert_same(alone.pictures[position], together.pictures[position], text)


# -- paragraphs from right to left -----------------------------------------------------------

HEBREW = "שלום עולם CPU מהיר! ועוד (שורה) 12"


@both_layouts
@pytest.mark.parametrize("direction", ["auto", "rtl"])
@pytest.mark.parametrize("width", [5, 11, None])
def test_lines_of_a_right_to_left_paragraph_end_at_the_right(
    layout: str, direction: str, width: int | None
) -> None:
    style = {"font_sizes": [30], "layout": layout, "direction": direction}
    text = HEBREW if width else HEBREW.replace(" ", "\n")
    drawing = draw(picture_maker(max_chars_per_line=width, **style), [text])
    picture, lines = drawing.pictures[0], drawing.shard.lines_of(0)
    line_px = sum(plain_face(drawing, 0).getmetrics())
    # In layout basic a line of Latin letters by itself would not be shaped.
    alone = draw(picture_maker(direction="rtl", layout="full", font_sizes=[30]), lines)

    assert 1 == check_equality(drawing)
    assert 1 < len(lines) == picture.shape[0] // line_px
    assert max(each.shape[1] for each in alone.pictures.values()) == picture.shape[1]
    for number, line in alone.pictures.items():
        row = picture[number * line_px : (number + 1) * line_px]
        assert np.array_equal(line, row[:, -line.shape[1] :])
        assert (row[:, : -line.shape[1]] == 255).all()


@pytest.mark.parametrize(
    ("text", "is_rtl"),
    [
        ("12 שלום", True),
        ("abc שלום", False),
        ("(שלום", True),
        ("12 ab", False),
        ("ab\nשלום", False),
    ],
)
def test_a_paragraph_reads_as_its_first_letter_does(text: str, is_rtl: bool) -> None:
    drawing = draw(picture_maker(layout="full"), [text])

    assert [is_rtl] == drawing.shard.is_rtl.tolist()
    assert 1 == check_equality(drawing)


@pytest.mark.parametrize("direction", ["ltr", "rtl"])
def test_a_direction_that_is_asked_for_is_that_of_every_text(direction: str) -> None:
    texts = ["abc", "שלום", "ab שלום (12)!", "12", "שלום\nab!"]
    drawing = draw(picture_maker(layout="full", direction=direction), texts)

    assert {direction == "rtl"} == set(drawing.shard.is_rtl.tolist())
    assert len(texts) == check_equality(drawing)


# -- lines from top to bottom ----------------------------------------------------------------


def plain_columns(drawing: Drawing, position: int) -> np.ndarray:
    """Draw columns by Pillow, the first rightmost, each as wide as a line is high."""
    face, lines = plain_face(drawing, position), drawing.shard.lines_of(position)
    pitch = sum(face.getmetrics())
    boxes = [face.getbbox(line, direction="ttb", anchor="lt") for line in lines]
    longest = max(math.ceil(face.getlength(line, direction="ttb")) for line in lines)
    margin = 8 * pitch
    size = 2 * margin + len(lines) * pitch, 2 * margin + longest + max(int(b[3]) for b in boxes)
    sheet = Image.new("L", size, 255)
    pen = ImageDraw.Draw(sheet)
    for number, line in enumerate(lines):
        middle = margin + (len(lines) - 1 - number) * pitch + pitch // 2
        place_column(pen, (middle, margin), line, face)
    columns = margin, margin, margin + len(lines) * pitch, margin + longest
    ink = Image.eval(sheet, lambda level: 255 - level).getbbox() or columns
    # The canvas holds all columns; ink that leaves them, as well.
    left, top = min(columns[0], ink[0]), min(columns[1], ink[1])
    right, bottom = max(columns[2], ink[2]), max(columns[3], ink[3])
    return np.array(sheet.crop((left, top, right, bottom)))


def place_column(
    pen: ImageDraw.ImageDraw, place: tuple[int, int], line: str, face: ImageFont.FreeTypeFont
) -> None:
    pen.text(place, line, fill=0, font=face, anchor="st", direction="ttb")


@needs_raqm
@pytest.mark.skipif(not CJK.exists(), reason=f"{CJK} is not installed")
@pytest.mark.parametrize("size_px", [16, 31, 48])
def test_columns_are_raqm_s(size_px: int) -> None:
    texts = ["日本語", "縦書き、です。", "日本\n「漢字」\nかな", "ー…（一）", "東京2020年"]
    maker = picture_maker([Path(f"{CJK}#0")], font_sizes=[size_px], layout="full", direction="ttb")
    drawing = draw(maker, texts)

    assert {} == drawing.reasons
    for position, text in enumerate(texts):
        assert_same(plain_columns(drawing, position), drawing.pictures[position], text)


@pytest.mark.skipif(not CJK.exists(), reason=f"{CJK} is not installed")
def test_boxes_of_columns_go_downwards_and_columns_leftwards() -> None:
    style = {"font_sizes": [30], "layout": "full", "direction": "ttb", "with_boxes": True}
    drawing = draw(picture_maker([Path(f"{CJK}#0")], **style), ["日本語\n漢字"])
    boxes = drawing.boxes[0]

    assert [0, 1, 2, 4, 5] == list(boxes)
    assert boxes[0][3] <= boxes[1][1] < boxes[1][3] <= boxes[2][1]
    assert boxes[4][3] <= boxes[5][1]
    assert max(boxes[4][2], boxes[5][2]) <= min(boxes[at][0] for at in (0, 1, 2))
    for left, top, right, bottom in boxes.values():
        assert (drawing.pictures[0][top:bottom, left:right] < 128).any()


# -- what is not drawn -----------------------------------------------------------------------


@pytest.mark.usefixtures("all_alone")
def test_italics_alone_are_drawn_whole() -> None:
    drawing = draw(picture_maker([ITALIC], font_sizes=[60], layout="full"), ["j", "f", "fj\njf"])

    assert 3 == check_equality(drawing)


@pytest.mark.usefixtures("all_alone")
def test_a_text_alone_too_large_to_be_drawn_is_skipped() -> None:
    drawing = draw(picture_maker(layout="full"), ["x" * 5_000, "a"])

    assert [0] == list(drawing.reasons)
    assert "at most 65,500 px a side" in drawing.reasons[0]
