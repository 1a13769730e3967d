"""A font covers what it draws: a character whose glyph leaves no ink is not covered."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from drawing import BUNDLED, LATIN_1, SANS, draw, font_file, picture_maker
from fontTools.feaLib.builder import addOpenTypeFeaturesFromString
from fontTools.ttLib import TTFont
from PIL import ImageFont
from small_fonts import (
    BACK_AND_FORTH,
    BOX,
    CANCELLED,
    FLAT,
    HAIR,
    LONG_AND_SLANTED,
    NOTHING,
    POINT,
    SLANTED,
    Contours,
    small_font,
)

from shmtext.draw import faces
from shmtext.draw.coverage import is_space
from shmtext.draw.faces import read_fonts, trust
from shmtext.engine.probe import try_out


def covered(path: Path) -> str:
    """Characters that a font covers, found out here and in a probe, which must agree."""
    (here,) = read_fonts([path])
    (probed,) = read_fonts([path], lambda fonts: try_out(fonts, (32,)))
    assert here.code_points.tolist() == probed.code_points.tolist()
    assert 0 == here.doubtful.size
    return "".join(map(chr, here.code_points.tolist()))


def seen(path: Path, characters: str) -> str:
    """Those of some characters that Pillow draws."""
    face = ImageFont.truetype(path, 200, layout_engine=ImageFont.Layout.BASIC)
    masks = [face.getmask(character) for character in characters]
    inked = [bool(mask.getbbox()) and mask.getextrema()[1] > 10 for mask in masks]
    return "".join(itertools.compress(characters, inked))


SHAPES: dict[str, Contours] = {
    "a": BOX,
    "b": NOTHING,
    "c": POINT,
    "d": FLAT,
    "e": SLANTED,
    "f": BACK_AND_FORTH,
    "g": CANCELLED,
    "h": HAIR,
    "i": POINT * 20,
    "j": [*FLAT, *BOX],
    "k": [FLAT[0], SLANTED[0]],
}


@pytest.mark.parametrize("cff", [False, True], ids=["TrueType", "CFF"])
def test_outlines_without_an_area_cover_no_character(tmp_path: Path, cff: bool) -> None:
    path = small_font(tmp_path / "shapes.font", SHAPES, cff=cff)

    assert "ahj" == seen(path, "".join(SHAPES)) == covered(path)


def test_composites_of_outlines_without_an_area_cover_no_character(tmp_path: Path) -> None:
    parts = {"A": "a", "B": "bb", "C": "cd", "D": "ba", "E": "ac", "F": "AA", "G": "CB", "H": "GA"}
    path = small_font(tmp_path / "parts.ttf", SHAPES, parts)

    assert "ADEFH" + "ahj" == seen(path, "".join((*parts, *SHAPES))) == covered(path)


def test_spaces_and_the_blank_braille_pattern_are_covered_without_ink(tmp_path: Path) -> None:
    spaces = " \u00a0\u1680\u2009\u202f\u3000\u2800"
    path = small_font(tmp_path / "spaces.ttf", {"a": BOX, **dict.fromkeys(spaces, NOTHING)})
    flat = small_font(tmp_path / "flat.ttf", {"a": BOX, **dict.fromkeys(spaces, FLAT)})

    assert sorted("a" + spaces) == list(covered(path)) == list(covered(flat))


def test_no_other_character_is_covered_without_ink(tmp_path: Path) -> None:
    blank = "\u00ad\u0600\u115f\u1160\u180e\u2028\u2029\u3164\uffa0\ufff9\U0001d159"
    path = small_font(tmp_path / "blank.ttf", {"a": BOX, **dict.fromkeys(blank, NOTHING)})

    assert "a" == covered(path)


def test_what_lays_text_out_is_not_covered_whatever_a_font_maps_it_to(tmp_path: Path) -> None:
    layout = "\t\r\x07\x7f\x85\u2028\u2029"
    path = small_font(tmp_path / "layout.ttf", dict.fromkeys("a" + layout, BOX))

    assert "a" == covered(path)
    reasons = draw(picture_maker([path]), [f"a{character}a" for character in layout]).reasons
    assert [f"no font covers U+{ord(each):04X}" for each in layout] == list(reasons.values())


@pytest.mark.parametrize("cff", [False, True], ids=["TrueType", "CFF"])
def test_a_font_of_icons_draws_no_text_in_letters_that_it_lacks(tmp_path: Path, cff: bool) -> None:
    letters = dict.fromkeys("0123456789abc", POINT)
    path = small_font(tmp_path / "icons.font", {**letters, "\ue000": BOX}, cff=cff)
    drawing = draw(picture_maker([path]), ["2024", "abc", "\ue000"])

    assert {
        0: "no font covers U+0030 0, U+0032 2, U+0034 4",
        1: "no font covers U+0061 a, U+0062 b, U+0063 c",
    } == drawing.reasons
    assert drawing.pictures[2].min() == 0


def test_a_text_is_drawn_in_the_font_that_has_ink_for_it(tmp_path: Path) -> None:
    icons = small_font(tmp_path / "icons.ttf", {"a": POINT, "b": BOX})
    drawing = draw(picture_maker([icons, SANS]), ["ab"] * 50)

    assert {1} == set(drawing.shard.styles.font_id.tolist())


@pytest.mark.parametrize("unread_kerning", [False, True])
def test_a_glyph_that_looks_like_an_outline_and_has_no_area_is_found_when_it_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unread_kerning: bool
) -> None:
    path = small_font(tmp_path / "long.ttf", {"a": LONG_AND_SLANTED, "b": BOX, " ": NOTHING})
    maker = picture_maker([path], font_sizes=[16])
    if unread_kerning:  # each text is drawn for itself then
        monkeypatch.setattr(maker, "_has_unread_kerning", maker._has_unread_kerning | True)
    drawing = draw(maker, ["bab", "b b", "a", "b"])

    reason = "U+0061 a leaves no ink in long.ttf at 16 px"
    assert {0: reason, 2: reason} == drawing.reasons
    assert set() == drawing.failed


def test_a_letter_that_gets_its_ink_from_shaping_is_covered(tmp_path: Path) -> None:
    path = small_font(tmp_path / "shaped.ttf", {"a": BOX, "\u0640": FLAT, "\u0644": FLAT})
    with TTFont(path) as font:
        feature = "feature ccmp { sub u0640 by u0061; } ccmp;"
        addOpenTypeFeaturesFromString(font, feature)
        font.save(path)

    assert "a\u0640" == covered(path)
    drawing = draw(picture_maker([path]), ["\u0640\u0640", "\u0644"])
    assert {1: "no font covers U+0644 ل"} == drawing.reasons
    assert drawing.pictures[0].min() == 0


def test_a_font_without_any_ink_is_refused(tmp_path: Path) -> None:
    path = small_font(tmp_path / "blank.ttf", {" ": NOTHING, "a": SLANTED})
    with pytest.raises(faces.FontError, match=r"blank\.ttf draws nothing: none of its outlines"):
        read_fonts([path])


def test_bundled_fonts_need_no_trial() -> None:
    tried, trusted = read_fonts(BUNDLED), read_fonts(BUNDLED, trust)

    assert [font.code_points.tolist() for font in trusted] == [
        font.code_points.tolist() for font in tried
    ]


@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.stem)
def test_every_covered_character_of_a_bundled_font_leaves_ink(path: Path) -> None:
    characters = "".join(map(chr, font_file(path).code_points.tolist()))
    blank = {*characters} - {*seen(path, characters)}

    assert all(is_space(ord(character)) for character in blank)


def test_braille_is_drawn_with_its_blank_pattern() -> None:
    drawing = draw(picture_maker([SANS]), ["⠒⠊\u2800⠽⠕⠥", "\u2800", " \u2800 "])

    assert {1: "blank", 2: "blank"} == drawing.reasons
    assert drawing.pictures[0].min() == 0


def test_a_line_too_thin_for_small_sizes_is_covered_and_skipped_there_alone(tmp_path: Path) -> None:
    path = small_font(tmp_path / "thin.ttf", {"l": HAIR, "b": BOX})
    drawing = draw(picture_maker([path], font_sizes=[40, 200]), ["bl"] * 20)
    sizes_px = [drawing.maker.settings.style.font_sizes[i] for i in drawing.shard.styles.size_id]

    assert {40, 200} == set(sizes_px)
    assert {i for i, size_px in enumerate(sizes_px) if size_px == 200} == drawing.pictures.keys()
    assert {"U+006C l leaves no ink in thin.ttf at 40 px"} == set(drawing.reasons.values())


def test_no_character_is_too_faint_in_the_bundled_fonts_from_3_px_on() -> None:
    texts = [character for character in LATIN_1 if not character.isspace()]
    for path in BUNDLED:
        drawing = draw(picture_maker([path], font_sizes=[3, 4, 6, 8]), texts * 3)

        assert {} == drawing.reasons


# -- in shaped texts -------------------------------------------------------------------------------


def arabic(path: Path, medial: Contours) -> Path:
    """A font whose beh has the forms that shaping asks for, the medial one as given."""
    small_font(path, {"\u0628": BOX, "\u0627": BOX, "\u200d": BOX, "\ue000": BOX, "\ue001": medial})
    font = TTFont(path)
    features = (
        "languagesystem DFLT dflt; languagesystem arab dflt;"
        "feature init { sub u0628 by uE000; } init;"
        "feature medi { sub u0628 by uE001; } medi;"
    )
    addOpenTypeFeaturesFromString(font, features)
    font.save(path)
    return path


@pytest.mark.parametrize("medial", [NOTHING, FLAT, LONG_AND_SLANTED])
def test_a_letter_without_ink_in_one_of_its_forms_is_not_drawn_shaped(
    tmp_path: Path, medial: Contours
) -> None:
    whole = picture_maker([arabic(tmp_path / "whole.ttf", BOX)])
    bare = picture_maker([arabic(tmp_path / "bare.ttf", medial)])
    texts = ["\u0627\u0627", "\u0628\u0628\u0628", "\u0627\u0628"]

    assert {} == draw(whole, texts).reasons
    reason = "U+0628 ب leaves no ink in bare.ttf at 32 px"
    assert {1: reason} == draw(bare, texts).reasons
