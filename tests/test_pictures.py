"""Batches come to the pixels that ``ImageDraw.text`` draws, whatever the face, text or colour."""

from __future__ import annotations

import random
import string
import subprocess
import sys
import unicodedata
from dataclasses import replace
from functools import cache
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawing import (
    BUNDLED,
    ITALIC,
    LATIN_1,
    SANS,
    assert_same,
    both_layouts,
    check_equality,
    draw,
    font_file,
    needs_raqm,
    picture_maker,
    plain_face,
    plain_picture,
    random_texts,
)
from fontTools.ttLib import TTFont
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ImageFont
from small_fonts import BOX, bitmap_only, small_font

from shmtext.config import Output
from shmtext.corpus.ragged import pack_texts
from shmtext.draw import basic, compose, glyphs, kerning, laid, pictures
from shmtext.draw.characters import describe
from shmtext.draw.coverage import is_space
from shmtext.draw.faces import FontFile
from shmtext.draw.freetype import OpenFont
from shmtext.draw.glyph_font import FIRST_CODE_POINT
from shmtext.draw.pictures import PictureMaker
from shmtext.draw.texts import MAX_CHARACTERS
from shmtext.errors import FontError

SCRIPTS = (
    string.printable,
    LATIN_1,
    "ĄćŁžşțğıİßẞœ",
    "ΑΒΓαβγάέώς",
    "ДЖЩджщёїґ",
    "日本語中文",
    "\u0301\u0308\u0323\u20dd",  # combining marks
    "שלוםּ",
    "سلامعليكم،٣",
    "ไทยน้ำ",
    "हिन्दीक्ष",
    "한국어\u1112\u1161\u11ab",
    "😀👍🏽🇩🇪☃→∑√",
    "\u200b\u200d\u200e\u00ad\u00a0\u2009\ufeff\ufe0f",
    "\n\t ",
)
TEXTS = st.one_of(st.text(alphabet, max_size=20) for alphabet in (*SCRIPTS, "".join(SCRIPTS)))


def texts_of_all_pairs(alphabet: str, length: int = 60) -> list[str]:
    """Strings in which each ordered pair of characters stands somewhere."""
    # A closed walk over every pair once: row i visits i i, then i j i j+1 ... for all j > i.
    walk = "".join(
        first + "".join(first + second for second in alphabet[i + 1 :])
        for i, first in enumerate(alphabet)
    )
    walk += alphabet[0]
    return [walk[at : at + length + 1] for at in range(0, len(walk) - 1, length)]


def test_the_texts_of_all_pairs_hold_all_pairs() -> None:
    texts = texts_of_all_pairs(LATIN_1)

    assert {a + b for a in LATIN_1 for b in LATIN_1} == {
        a + b for text in texts for a, b in pairwise(text)
    }


@both_layouts
@pytest.mark.parametrize("size_px", [9, 16, 32, 57])
def test_every_bundled_face_is_drawn_as_pillow_draws_it(size_px: int, layout: str) -> None:
    drawing = draw(picture_maker(BUNDLED, font_sizes=[size_px], layout=layout), random_texts(150))

    assert set(range(len(BUNDLED))) == set(drawing.shard.styles.font_id.tolist())
    assert 150 == check_equality(drawing)


@both_layouts
@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.stem)
def test_every_pair_of_latin_characters_is_drawn_as_pillow_draws_it(
    path: Path, layout: str
) -> None:
    texts = texts_of_all_pairs(LATIN_1)
    maker = picture_maker([path], font_sizes=[13, 32], layout=layout)

    # Pillow draws all where it alone knows the kerning. Where glyphs lie in layout full is held
    # against HarfBuzz, pair by pair, in test_shape_pairs.py; without kerning there is no pair.
    is_kerned_by_pillow = layout == "basic" and font_file(path).kern_pairs.size > 0
    drawing = draw(maker, texts)
    assert len(texts) == check_equality(drawing, 1 if is_kerned_by_pillow else 5, 15)


@both_layouts
@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.stem)
def test_every_latin_character_alone_is_drawn_as_pillow_draws_it(path: Path, layout: str) -> None:
    texts = [character for character in LATIN_1 if not character.isspace()]
    drawing = draw(picture_maker([path], font_sizes=[8, 17, 24, 63], layout=layout), texts * 2)

    assert 2 * len(texts) == check_equality(drawing)


@both_layouts
@pytest.mark.parametrize(
    ("path", "size_px"), [("Comfortaa-Regular", 17), ("LeckerliOne-Regular", 63)]
)
def test_a_glyph_whose_box_leaves_its_frame_is_drawn_whole(
    path: str, size_px: int, layout: str
) -> None:
    maker = picture_maker(
        [BUNDLED[0].with_name(f"{path}.ttf")], font_sizes=[size_px], layout=layout
    )

    assert 2 == check_equality(draw(maker, ["Å", "{"]))


@both_layouts
@given(st.lists(TEXTS, min_size=1, max_size=12), st.sampled_from([None, 1, 5, 12]))
@settings(max_examples=50)
def test_texts_of_many_scripts_are_drawn_as_pillow_draws_them(
    layout: str, texts: list[str], width: int | None
) -> None:
    maker = picture_maker(
        [SANS, ITALIC], font_sizes=[15, 32], max_chars_per_line=width, layout=layout
    )

    check_equality(draw(maker, texts))


@both_layouts
@pytest.mark.parametrize("width", [1, 7, 30])
def test_wrapped_texts_are_drawn_as_pillow_draws_their_lines(width: int, layout: str) -> None:
    maker = picture_maker(BUNDLED, font_sizes=[17, 32], max_chars_per_line=width, layout=layout)
    texts = random_texts(80, string.ascii_letters + "   -ÄÉg")

    assert len(texts) == check_equality(draw(maker, texts))


@both_layouts
def test_line_breaks_in_texts_are_drawn_as_lines(layout: str) -> None:
    texts = random_texts(80, string.ascii_letters + "\n\n ÅÇy")
    drawing = draw(picture_maker(BUNDLED, font_sizes=[17, 32], layout=layout), texts)

    assert len(texts) == check_equality(drawing)
    assert [text.split("\n") for text in texts] == [
        drawing.shard.lines_of(position) for position in range(len(texts))
    ]


@both_layouts
def test_lines_lie_ascent_plus_descent_apart(layout: str) -> None:
    drawing = draw(picture_maker(font_sizes=[32], layout=layout), ["a\nb\nc", "a", "b", "c"])
    line_px = sum(plain_face(drawing, 0).getmetrics())
    whole, *lines = (drawing.pictures[position] for position in range(4))

    assert 3 * line_px == whole.shape[0]
    for number, line in enumerate(lines):
        below = whole[number * line_px : (number + 1) * line_px]
        assert np.array_equal(line, below[:, : line.shape[1]])
        assert (below[:, line.shape[1] :] == 255).all()


@both_layouts
@pytest.mark.parametrize("text", ["j", "f", "fj", "jjj", "xf", "xj", "f\nxj", "ſ"])
def test_ink_left_of_the_start_or_right_of_the_advance_is_not_clipped(
    text: str, layout: str
) -> None:
    drawing = draw(picture_maker([ITALIC], font_sizes=[60], layout=layout), [text])

    assert 1 == check_equality(drawing)


@both_layouts
def test_the_italic_face_has_negative_bearings(layout: str) -> None:
    drawing = draw(picture_maker([ITALIC], font_sizes=[60], layout=layout), ["j", "f"])
    left, _, right, _ = plain_face(drawing, 0).getbbox("j")

    assert left < 0
    assert right - left == drawing.pictures[0].shape[1]
    assert plain_face(drawing, 1).getbbox("f")[2] > plain_face(drawing, 1).getlength("f")


@both_layouts
def test_many_glyphs_over_one_another_are_drawn_as_pillow_draws_them(layout: str) -> None:
    fonts = [path for path in BUNDLED if font_file(path).kern_pairs.size]
    texts = [a * 12 + b * 12 for a in "fj/\\_TVWA~" for b in "fj/\\_TVWA~"]

    assert len(texts) == check_equality(
        draw(picture_maker(fonts, font_sizes=[32], layout=layout), texts)
    )


@cache
def other_fonts(folder: Path, most: int) -> list[Path]:
    """Choose fonts in a folder that can be used and are not among the bundled ones.

    Each that is looked at is tried out first, in a process: not all of a machine's.
    """
    known = {font_file(path).sha256 for path in BUNDLED}
    found = sorted(folder.rglob("*.ttf"))
    random.Random(5).shuffle(found)
    others = (path for path in found if is_usable(path) and font_file(path).sha256 not in known)
    return list(islice(others, most))


def is_usable(path: Path) -> bool:
    """Whether a font is one for this program: a machine may have some of bitmaps alone."""
    try:
        font_file(path)
    except FontError:
        return False
    return True


def test_a_machine_s_fonts_of_bitmaps_alone_are_passed_over(tmp_path: Path) -> None:
    bitmap_only(tmp_path / "bitmaps.ttf")
    usable = small_font(tmp_path / "usable.ttf", {"a": BOX})
    (tmp_path / "none.ttf").write_bytes(b"")

    assert [usable] == other_fonts(tmp_path, 3)


@both_layouts
def test_other_fonts_of_this_machine_are_drawn_as_pillow_draws_them(layout: str) -> None:
    fonts = other_fonts(Path("/usr/share/fonts"), 8)
    if not fonts:
        pytest.skip("no TTF file under /usr/share/fonts")
    for path in fonts:
        maker = picture_maker([path], font_sizes=[11, 32, 50], layout=layout)
        covered = "".join(map(chr, font_file(path).code_points.tolist()))
        texts = random_texts(60, covered, longest=8) + random_texts(30, string.ascii_letters)
        check_equality(draw(maker, [text[1:] or "." for text in texts]))


# -- colours ---------------------------------------------------------------------------------

GRAYS = ("#000000", "#333333"), ("#ffffff", "#dddddd")
COLORS = ("#102030", "#ff0000", "#00c8ff"), ("#fefdfc", "#203040")


@both_layouts
@pytest.mark.parametrize("image_format", ["jpg", "png"])
@pytest.mark.parametrize("mode", ["gray", "rgb"])
@pytest.mark.parametrize("colors", [GRAYS, COLORS], ids=["grays", "colors"])
def test_colours_are_blended_as_pillow_blends_them(
    image_format: str, mode: str, colors: tuple[tuple[str, ...], tuple[str, ...]], layout: str
) -> None:
    output = Output(image_format=image_format, mode=mode)
    maker = picture_maker(
        BUNDLED,
        output=output,
        font_sizes=[32],
        font_colors=colors[0],
        background_colors=colors[1],
        layout=layout,
    )
    drawing = draw(maker, random_texts(60))

    assert len(maker.settings.color_pairs) == len(set(drawing.shard.styles.pair_id.tolist()))
    assert {2 if mode == "gray" else 3} == {each.ndim for each in drawing.pictures.values()}
    assert 60 == check_equality(drawing)


@pytest.mark.parametrize(("font", "background"), [("#222222", "#eeeeee"), ("#ffffff", "#000000")])
def test_one_pair_of_grays_is_blended_as_pillow_blends_it(font: str, background: str) -> None:
    maker = picture_maker(font_colors=[font], background_colors=[background])

    assert 50 == check_equality(draw(maker, random_texts(50)))


@given(st.integers(0, 0xFFFFFF), st.integers(0, 0xFFFFFF))
@settings(max_examples=20)
def test_any_two_colours_are_blended_as_pillow_blends_them(font: int, background: int) -> None:
    colors = {"font_colors": [f"#{font:06x}"], "background_colors": [f"#{background:06x}"]}
    maker = picture_maker(**colors, min_contrast=0)

    assert 1 == check_equality(draw(maker, ["Affgj%"]))


@pytest.mark.parametrize("image_format", ["jpg", "png"])
def test_red_text_is_red_whatever_the_encoder_wants(image_format: str) -> None:
    maker = picture_maker(
        output=Output(image_format=image_format),
        font_colors=["#ff0000"],
        background_colors=["#000000"],
    )
    picture = draw(maker, ["red"]).pictures[0]

    assert [0] == np.flatnonzero(picture.any(axis=(0, 1))).tolist()


# -- bounds ----------------------------------------------------------------------------------


@both_layouts
def test_an_atlas_at_its_bound_draws_the_same_pictures(
    monkeypatch: pytest.MonkeyPatch, layout: str
) -> None:
    monkeypatch.setattr(glyphs, "ATLAS_BYTES", 20_000)
    maker = picture_maker(BUNDLED, font_sizes=[16, 32], layout=layout)
    for start in range(0, 150, 30):
        texts = random_texts(30, seed=start)
        assert 30 == check_equality(draw(maker, texts, start))


@both_layouts
def test_a_table_of_slots_at_its_bound_draws_the_same_pictures(
    monkeypatch: pytest.MonkeyPatch, layout: str
) -> None:
    monkeypatch.setattr(pictures, "SLOT_TABLE_ENTRIES", 500)
    maker = picture_maker([SANS, ITALIC], font_sizes=[16, 32], layout=layout)
    for start in range(0, 200, 20):
        alphabet = "".join(map(chr, range(0x21 + start, 0x7F + start)))
        check_equality(draw(maker, random_texts(20, alphabet, seed=start), start))


def kerned_characters(font: FontFile) -> list[str]:
    return [chr(code_point) for code_point in np.unique(font.kern_pairs).tolist()]


def test_more_kerned_characters_than_are_held_are_drawn_as_pillow_draws_them() -> None:
    path = max(BUNDLED, key=lambda path: len(kerned_characters(font_file(path))))
    font = font_file(path)
    assert len(kerned_characters(font)) > kerning.MOST_CHARACTERS
    pairs = ["".join(map(chr, pair)) for pair in font.kern_pairs[::7].tolist()]
    texts = ["x".join(pairs[at : at + 6]) for at in range(0, len(pairs), 6)]
    drawing = draw(picture_maker([path], font_sizes=[20], layout="basic"), texts)

    assert len(texts) == check_equality(drawing)
    assert drawing.num_alone > 0


@both_layouts
def test_kerning_of_the_largest_faces_is_pillows(layout: str) -> None:
    texts = ["P.P.P.P.P.P.", "LTLTLTLTLTLT", "AVAVAVAVAVAV", "Ty.Ty.Ty."]
    drawing = draw(picture_maker([SANS, ITALIC], font_sizes=[1_000], layout=layout), texts)

    assert len(texts) == check_equality(drawing)


def test_kerning_that_the_table_cannot_hold_is_left_to_pillow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kerning, "OUT_OF_BOUNDS", -2)
    monkeypatch.setattr(basic, "OUT_OF_BOUNDS", -2)
    drawing = draw(picture_maker([SANS], font_sizes=[40], layout="basic"), ["AVAV", "nnnn", "mmmm"])

    assert 3 == check_equality(drawing)
    assert 1 == drawing.num_alone


def test_a_few_kerned_characters_held_draw_the_same_pictures(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kerning, "MOST_CHARACTERS", 70)
    maker = picture_maker(BUNDLED, font_sizes=[16, 32], layout="basic")
    for start in range(0, 120, 40):
        assert 40 == check_equality(draw(maker, random_texts(40, seed=start), start))


@both_layouts
@pytest.mark.parametrize("text", ["Å\nÅ", "x" * 5_000], ids=["uncertain", "too large"])
@pytest.mark.parametrize("color", ["#000000", "#222222", "#ff0000"])
def test_a_batch_may_come_to_nothing(text: str, color: str, layout: str) -> None:
    """As where two lines' ink may meet, or a picture is too large, and no other text is there."""
    path = BUNDLED[0].with_name("AveriaSerifGWF-BoldItalic.ttf")

    check_equality(
        draw(picture_maker([path], font_sizes=[32], font_colors=[color], layout=layout), [text])
    )


@both_layouts
def test_texts_larger_than_a_batch_are_drawn_as_pillow_draws_them(
    monkeypatch: pytest.MonkeyPatch, layout: str
) -> None:
    monkeypatch.setattr(compose, "STRIP_ROWS", 300)
    maker = picture_maker([SANS, ITALIC], font_sizes=[16, 32], layout=layout)

    assert 60 == check_equality(draw(maker, random_texts(60, LATIN_1 + "\n\n\n")))


# -- one by one, and what is not drawn -------------------------------------------------------


@both_layouts
@needs_raqm
@pytest.mark.parametrize(
    "text",
    ["سلام عليكم", "abc سلام 12", "e\u0301a", "שלום", "x\u0323\u0302y", "a\u200db", "اa\nب"],
)
def test_texts_that_need_shaping_are_drawn_as_raqm_draws_them(text: str, layout: str) -> None:
    drawing = draw(picture_maker(font_sizes=[32], layout=layout), [text])

    assert drawing.shard.is_shaped[0]
    assert 1 == check_equality(drawing)


def test_shaping_makes_another_picture_than_characters_one_by_one() -> None:
    drawing = draw(picture_maker(font_sizes=[32]), ["سلام"])
    apart = draw(picture_maker(font_sizes=[32]), list("سلام")).pictures

    assert drawing.pictures[0].shape[1] != sum(picture.shape[1] for picture in apart.values())


DRAWN_SCRIPTS = ["AVATAR fi", "سلام عليكم", "שלום ab", "e\u0301x\u0323", "हिन्दी", "fa\u200db"]

DRAW_AND_DIGEST = """
import hashlib, sys
from pathlib import Path
from PIL import ImageFont, features

if "without" in sys.argv:
    ImageFont.core.HAVE_RAQM = ImageFont.core.HAVE_FRIBIDI = False
    assert not features.check_feature("raqm")
    assert ImageFont.truetype(sys.argv[1], 9).layout_engine == ImageFont.Layout.BASIC
from drawing import draw, picture_maker

for layout in ("basic", "full"):
    drawing = draw(picture_maker(list(map(Path, sys.argv[1:3])), layout=layout), sys.argv[4:])
    for position, picture in sorted(drawing.pictures.items()):
        print(layout, position, picture.shape, hashlib.sha256(picture.tobytes()).hexdigest())
"""


def test_a_host_without_raqm_draws_the_same_pictures() -> None:
    def drawn(raqm: str) -> str:
        return subprocess.run(
            [sys.executable, "-c", DRAW_AND_DIGEST, SANS, ITALIC, raqm, *DRAWN_SCRIPTS],
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(__file__).parent,
        ).stdout

    with_raqm = drawn("with")

    assert with_raqm == drawn("without")
    assert 2 * (len(DRAWN_SCRIPTS) - 1) == len(with_raqm.splitlines())


def test_a_font_whose_kerning_cannot_be_read_is_drawn_by_pillow_alone() -> None:
    maker = picture_maker(layout="basic")
    unread = replace(maker.settings.fonts[0], has_unread_kerning=True)
    drawing = draw(PictureMaker(replace(maker.settings, fonts=(unread,))), ["AVAVA", "To"])

    assert 2 == drawing.num_alone == check_equality(drawing)


@both_layouts
@pytest.mark.parametrize("index", [0, 1, 57, 119])
def test_an_example_alone_has_the_picture_it_has_in_the_full_run(index: int, layout: str) -> None:
    style = {"font_sizes": [16, 32], "font_colors": ["#000000", "#ff0000"]}
    texts = random_texts(120, LATIN_1 + "\nΩ")
    full = draw(picture_maker(BUNDLED, **style, layout=layout), texts)
    alone = draw(picture_maker(BUNDLED, **style, layout=layout), [texts[index]], start=index)

    assert np.array_equal(full.pictures[index], alone.pictures[0])


@both_layouts
def test_what_was_drawn_before_leaves_no_trace(layout: str) -> None:
    texts = random_texts(60)
    maker = picture_maker(BUNDLED, font_sizes=[16, 32], layout=layout)
    first = draw(maker, texts).pictures
    draw(maker, random_texts(200, LATIN_1 + "Ωжę", seed=3))
    again = draw(maker, texts).pictures

    assert all(np.array_equal(first[position], again[position]) for position in first)


@both_layouts
@pytest.mark.parametrize("blank", ["", " ", " \t ", "\n\n", "\u00a0", "\u3000"])
@pytest.mark.parametrize("width", [None, 5])
def test_blank_texts_are_skipped(blank: str, width: int | None, layout: str) -> None:
    drawing = draw(picture_maker(max_chars_per_line=width, layout=layout), ["a", blank, "b"])

    assert {1: "blank"} == drawing.reasons
    assert 2 == check_equality(drawing)


@both_layouts
def test_too_long_texts_are_skipped_and_the_longest_allowed_is_drawn(layout: str) -> None:
    texts = ["i" * MAX_CHARACTERS, "i" * (MAX_CHARACTERS + 1), "a"]
    drawing = draw(picture_maker(font_sizes=[9], layout=layout), texts)

    assert {1: "longer than 10,000 characters"} == drawing.reasons
    assert 2 == check_equality(drawing)


@both_layouts
@pytest.mark.parametrize("text", ["x" * 5_000, "x\n" * 2_000, "س" * 5_000])
def test_too_large_pictures_are_skipped(text: str, layout: str) -> None:
    drawing = draw(picture_maker(font_sizes=[32], layout=layout), ["a", text])

    assert [1] == list(drawing.reasons)
    assert "at most 65,500 px a side" in drawing.reasons[1]
    assert 1 == check_equality(drawing)


@both_layouts
def test_a_text_of_invisible_characters_is_blank(layout: str) -> None:
    drawing = draw(
        picture_maker(layout=layout), ["\u200b", "a", " \u200e\u00a0", "\u200d\u200c", "\u3164"]
    )

    assert {0: "blank", 2: "blank", 3: "blank", 4: "blank"} == drawing.reasons


@both_layouts
@pytest.mark.parametrize("path", [SANS, ITALIC, BUNDLED[1]], ids=lambda path: path.stem)
def test_a_text_with_a_character_that_leaves_no_ink_is_skipped_in_any_font(
    path: Path, layout: str
) -> None:
    texts = [
        *(
            "\ufeffab",
            "a\u200bb",
            "ab\u202e",
            "a\U000e0001b",
            "a\u2060b\u200b c",
            "a\ufe0f",
            "a\u3164",
        ),
        *("سلام\u200f", "a" + "".join(map(chr, range(0x202A, 0x202F))) + "\u2060\u2061"),
        "ab",
    ]
    drawing = draw(picture_maker([path], layout=layout), texts)
    named = "U+202A, U+202B, U+202C, U+202D, U+202E and 2 more"

    assert {
        0: "U+FEFF leaves no ink",
        1: "U+200B leaves no ink",
        2: "U+202E leaves no ink",
        3: "U+E0001 leaves no ink",
        4: "U+200B, U+2060 leave no ink",
        5: "U+FE0F leaves no ink",
        6: "U+3164 leaves no ink",
        7: "U+200F leaves no ink",
        8: f"{named} leave no ink",
    } == drawing.reasons
    assert set() == drawing.failed


@both_layouts
def test_a_text_is_not_drawn_without_ink_though_the_font_maps_its_characters(
    tmp_path: Path, layout: str
) -> None:
    hidden = dict.fromkeys("\u200b\u202e\ufeff\ufe0f\u3164", BOX)
    path = small_font(tmp_path / "mapped.ttf", {"a": BOX, **hidden})
    drawing = draw(
        picture_maker([path], layout=layout), ["a", *("a" + character for character in hidden)]
    )

    assert [0] == list(drawing.pictures)


@both_layouts
@needs_raqm
def test_joiners_are_never_boxes(tmp_path: Path, layout: str) -> None:
    boxes = small_font(tmp_path / "boxes.ttf", {"a": BOX, "\u200c": BOX, "\u200d": BOX})
    for path in (boxes, *BUNDLED):
        texts = [f"a{joiner}a" for joiner in "\u200c\u200d"] + ["\u200da", "a\u200c"]
        drawing = draw(picture_maker([path], font_sizes=[40], layout=layout), texts)
        face = ImageFont.truetype(str(path), 40, layout_engine=ImageFont.Layout.RAQM)
        expected = [plain_ink(text, face) for text in ("aa", "aa", "a", "a")]

        assert 4 == check_equality(drawing)
        assert expected == [ink_of(drawing.pictures[position]) for position in range(4)]


def plain_ink(text: str, face: ImageFont.FreeTypeFont) -> int:
    return ink_of(plain_picture([text], face, ("#000000", "#ffffff"), "gray"))


def ink_of(picture: np.ndarray) -> int:
    return int((255 - picture.astype(np.int64)).sum())


@both_layouts
def test_a_text_with_a_soft_hyphen_is_skipped_whatever_else_is_in_it(layout: str) -> None:
    texts = ["ab\u00adcd", "ab\u00adcde\u0301", "ab-cd", "سلام\u00ad"]
    drawing = draw(picture_maker(layout=layout), texts)

    assert dict.fromkeys((0, 1, 3), "U+00AD leaves no ink") == drawing.reasons


@cache
def broad_sample() -> list[str]:
    """Some characters of each category, and all of those that are not visible by themselves."""
    rng = random.Random(6)
    by_category: dict[str, list[str]] = {}
    for code_point in range(0x110000):
        by_category.setdefault(unicodedata.category(chr(code_point)), []).append(chr(code_point))
    del by_category["Cs"]
    whole = {name: by_category.pop(name) for name in ("Cc", "Cf", "Zs", "Zl", "Zp")}
    sampled = [rng.sample(each, min(80, len(each))) for each in by_category.values()]
    return [character for each in (*whole.values(), *sampled) for character in each]


@both_layouts
@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.stem)
def test_a_character_that_is_drawn_is_seen(path: Path, layout: str) -> None:
    font = font_file(path)
    covered = random.Random(7).sample(font.code_points.tolist(), 150)
    characters = broad_sample() + [chr(code_point) for code_point in covered]
    maker = picture_maker([path], font_sizes=[24], layout=layout)
    alone = draw(maker, characters)
    within = draw(maker, [f"a{character}b" for character in characters])
    # What is shaped in layout basic has no kerning to lose between these two.
    ink = ink_of(draw(maker, ["ab"]).pictures[0])

    assert all(ink_of(picture) for picture in alone.pictures.values())
    for position, picture in within.pictures.items():
        character = characters[position]
        is_unseen = ink_of(picture) == ink
        may_be_unseen = is_space(ord(character)) or character in "\u200c\u200d\n"

        assert may_be_unseen or not is_unseen, describe(ord(character))


@both_layouts
def test_characters_no_font_covers_are_named(layout: str) -> None:
    drawing = draw(
        picture_maker([SANS, ITALIC], layout=layout),
        ["中", "a中文", "\x07", "中文日本語漢字", "ok"],
    )

    assert {
        0: "no font covers U+4E2D 中",
        1: "no font covers U+4E2D 中, U+6587 文",
        2: "no font covers U+0007",
        3: "no font covers U+4E2D 中, U+5B57 字, U+6587 文, U+65E5 日, U+672C 本 and 2 more",
    } == drawing.reasons
    assert set() == drawing.failed


def test_characters_that_no_single_font_covers_together_are_named() -> None:
    sans, italic = (set(font_file(path).code_points.tolist()) for path in (SANS, ITALIC))
    only_sans, only_italic = min(sans - italic), min(italic - sans)
    drawing = draw(picture_maker([SANS, ITALIC]), [f"a{chr(only_sans)}{chr(only_italic)}"])

    assert drawing.reasons[0].startswith("no font covers all of ")
    assert f"U+{only_sans:04X}" in drawing.reasons[0]
    assert f"U+{only_italic:04X}" in drawing.reasons[0]


@both_layouts
def test_a_text_is_drawn_only_in_fonts_that_cover_it(layout: str) -> None:
    greek = draw(picture_maker(BUNDLED, layout=layout), ["Ωμέγα"] * 80 + ["plain"] * 80)
    covering = {
        index
        for index, path in enumerate(BUNDLED)
        if set(map(ord, "Ωμέγα")) <= set(font_file(path).code_points.tolist())
    }

    assert 0 < len(covering) < len(BUNDLED)
    assert covering == set(greek.shard.styles.font_id[:80].tolist())
    assert set(range(len(BUNDLED))) == set(greek.shard.styles.font_id[80:].tolist())
    assert 160 == check_equality(greek)


def number_of(character: str) -> int:
    """Of a character's glyph in DejaVu Sans."""
    with TTFont(SANS) as font:
        return int(font.getGlyphID(font.getBestCmap()[ord(character)]))


@both_layouts
def test_a_text_that_freetype_refuses_has_failed_and_the_others_are_drawn(
    monkeypatch: pytest.MonkeyPatch, layout: str
) -> None:
    getmask2 = ImageFont.FreeTypeFont.getmask2
    q_by_number = chr(FIRST_CODE_POINT + number_of("q"))

    def refuse(self: ImageFont.FreeTypeFont, text: str, *rest: Any, **more: Any) -> Any:
        if "q" in text or q_by_number in text:
            raise OSError("invalid outline")
        return getmask2(self, text, *rest, **more)

    # What FreeType refuses is left to Pillow, which says why.
    monkeypatch.setattr(OpenFont, "render", lambda *_: None)
    monkeypatch.setattr(ImageFont.FreeTypeFont, "getmask2", refuse)
    drawing = draw(picture_maker(layout=layout), ["abc", "aqc", "def"])

    assert {1: "cannot be drawn: invalid outline"} == drawing.reasons
    assert {1} == drawing.failed
    assert 2 == check_equality(drawing)


@both_layouts
def test_whoever_looks_on_is_told_an_example_before_each_of_its_new_glyphs(layout: str) -> None:
    maker, told = picture_maker(layout=layout), []
    shard = maker.prepare(pack_texts(["aab", "ba", "abc"]), 0)
    for _ in maker.draw(shard, told.append):
        assert told[-1] is None, "a picture comes when its text can do no harm any more"

    assert [0, 0, 2] == sorted(position for position in told if position is not None)


# -- labels ----------------------------------------------------------------------------------


@both_layouts
@given(st.lists(TEXTS, max_size=10), st.sampled_from([None, 1, 4, 9]))
@settings(max_examples=40)
def test_a_label_is_the_lines_that_were_drawn(
    layout: str, texts: list[str], width: int | None
) -> None:
    maker = picture_maker(max_chars_per_line=width, layout=layout)
    drawing = draw(maker, texts)
    drawn = np.array(sorted(drawing.pictures), np.int64)

    assert ["\n".join(drawing.shard.lines_of(p)) for p in drawn.tolist()] == list(
        drawing.shard.labels(drawn)
    )


@pytest.mark.parametrize("num_characters", [1, 50, 10_000])
def test_texts_of_many_heights_are_drawn_alike_in_groups_of_any_size(
    num_characters: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes_px = (9, 16, 31, 32, 70)
    texts = random_texts(120)
    expected = draw(picture_maker(BUNDLED, font_sizes=sizes_px), texts).pictures
    monkeypatch.setattr(laid, "GROUP_CHARACTERS", num_characters)

    found = draw(picture_maker(BUNDLED, font_sizes=sizes_px), texts).pictures

    assert len(texts) == len(found)
    for position, picture in expected.items():
        assert_same(picture, found[position], texts[position])
