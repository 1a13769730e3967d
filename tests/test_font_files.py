"""Every font of a collection, and web fonts: read, named, asked for and drawn as themselves."""

from __future__ import annotations

import re
import shutil
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawing import (
    BUNDLED,
    ITALIC,
    LATIN_1,
    SANS,
    both_layouts,
    check_equality,
    draw,
    font_file,
    picture_maker,
    random_texts,
)
from fontTools.ttLib import TTCollection, TTFont
from small_fonts import BOX, bitmap_only, small_font
from variable_font import CHARACTERS, variable_font

from shmtext.draw.faces import choose_fonts, find_font_files, read_fonts, trust
from shmtext.draw.instances import Asked, split_asked
from shmtext.draw.reading import MOST_FONTS
from shmtext.engine.probe import try_out
from shmtext.errors import FontError

SERIF = next(path for path in BUNDLED if path.name == "DejaVuSerif-Bold.ttf")
THREE = SANS, ITALIC, SERIF

flavors = pytest.mark.parametrize("flavor", ["woff", "woff2"])


def needs_brotli(flavor: str) -> None:
    if flavor == "woff2":
        pytest.importorskip("brotli")


def collection_of(path: Path, *fonts: Path) -> Path:
    """Put fonts into a collection, which shares those tables that are equal."""
    collection = TTCollection()
    collection.fonts = [TTFont(font) for font in fonts]
    collection.save(path)
    return path


@pytest.fixture
def three(tmp_path: Path) -> Path:
    return collection_of(tmp_path / "three.ttc", *THREE)


def packed(path: Path, font: Path, flavor: str) -> Path:
    with TTFont(font, recalcBBoxes=False, recalcTimestamp=False) as opened:
        opened.flavor = flavor
        opened.save(path)
    return path


def same_of(font: Any) -> Any:
    """What of a font does not depend on its file."""
    arrays = font.code_points, font.doubtful, font.kern_pairs, font.kern_entries
    return (
        [each.tolist() for each in arrays],
        (font.num_glyphs, font.ascent_em, font.descent_em, font.has_unread_kerning),
    )


def test_every_font_of_a_collection_is_what_it_is_alone(three: Path) -> None:
    fonts = read_fonts([three])

    assert ["three.ttc#0", "three.ttc#1", "three.ttc#2"] == [font.name for font in fonts]
    assert [same_of(font_file(path)) for path in THREE] == list(map(same_of, fonts))
    sha256 = fonts[0].sha256
    assert [sha256, f"{sha256}#1", f"{sha256}#2"] == [font.digest for font in fonts]


def test_a_font_of_a_collection_is_asked_for_by_its_number(three: Path) -> None:
    (second,) = read_fonts(find_font_files([Path(f"{three}#1")]))

    assert (1, f"{three}#1", "three.ttc#1") == (second.number, second.asked_as, second.name)
    assert [second.digest] == [font.digest for font in read_fonts([Path(second.asked_as)])]


def test_fonts_asked_for_twice_count_once(three: Path) -> None:
    asked = [Path(f"{three}#2"), three, Path(f"{three}#0")]

    assert 3 == len(read_fonts(asked))
    assert [2, 0, 1] == [font.number for font in sorted(read_fonts(asked), key=lambda f: f.rank)]


def test_numbers_that_a_file_has_not_are_refused(three: Path) -> None:
    with pytest.raises(FontError, match=r"three\.ttc holds 3 fonts, #0 to #2, got #3"):
        read_fonts([Path(f"{three}#3")])
    with pytest.raises(FontError, match=r"DejaVuSans\.ttf holds one font: leave out '#1'"):
        read_fonts([Path(f"{SANS}#1")])
    assert SANS.name == read_fonts([Path(f"{SANS}#0")])[0].name


def test_a_collection_of_one_is_called_as_any_file(tmp_path: Path) -> None:
    path = collection_of(tmp_path / "one.otc", SANS)
    (font,) = read_fonts(find_font_files([tmp_path]))

    assert ("one.otc", str(path), font.sha256) == (font.name, font.asked_as, font.digest)


def test_collections_of_one_name_are_told_apart_by_their_content(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    paths = [
        collection_of(tmp_path / "a.ttc", SANS, ITALIC),
        collection_of(tmp_path / "other" / "a.ttc", SERIF, ITALIC),
    ]
    fonts = read_fonts(paths)

    assert 4 == len({font.name for font in fonts})
    assert all(re.fullmatch(r"a\.ttc#[01]#[0-9a-f]{8}", font.name) for font in fonts)


def test_files_with_a_number_sign_in_their_names_are_found_by_it(three: Path) -> None:
    named = Path(shutil.copy(SANS, three.parent / "three.ttc#1"))

    assert Asked(named, None, None) == split_asked(named)
    assert Asked(named, None, "Bold") == split_asked(Path(f"{named}@Bold"))
    assert Asked(three, 2, "Bold") == split_asked(Path(f"{three}#2@Bold"))
    assert Asked(Path("gone.ttc"), 7, "*") == split_asked(Path("gone.ttc#7@*"))
    assert Asked(Path("a#b.ttc"), None, None) == split_asked(Path("a#b.ttc"))


def test_a_number_behind_a_folder_is_refused(three: Path) -> None:
    with pytest.raises(FontError, match="is a folder: '#1' may stand behind a font file alone"):
        find_font_files([Path(f"{three.parent}#1")])


@both_layouts
def test_fonts_of_a_collection_are_drawn_as_pillow_draws_them_by_index(
    layout: str, three: Path
) -> None:
    """``check_equality`` opens each by ``index=``."""
    paths = [Path(f"{three}#{number}") for number in range(3)]
    maker = picture_maker(paths, layout=layout, font_sizes=(17, 40))
    drawing = draw(maker, random_texts(120, LATIN_1))
    used = {int(face) // 2 for face in drawing.shard.face_id}

    assert {0, 1, 2} == used
    assert 120 == check_equality(drawing)


def test_a_font_of_a_collection_is_drawn_as_it_is_alone(three: Path) -> None:
    texts = random_texts(30)
    for number, path in enumerate(THREE):
        alone = draw(picture_maker([path]), texts).pictures
        inside = draw(picture_maker([Path(f"{three}#{number}")]), texts).pictures

        assert alone.keys() == inside.keys()
        assert all(np.array_equal(alone[key], inside[key]) for key in alone)


def test_one_broken_font_of_a_collection_is_named_and_left_out(tmp_path: Path) -> None:
    bitmaps = bitmap_only(tmp_path / "bitmaps.ttf")
    path = collection_of(tmp_path / "x.ttc", SANS, bitmaps, ITALIC)
    with pytest.raises(FontError, match=r"x\.ttc#1 has no outlines \(a bitmap-only font\)\. Leave"):
        choose_fonts([path], trust, skips_bad=False)
    fonts, left_out = choose_fonts([path], trust, skips_bad=True)

    assert ["x.ttc#0", "x.ttc#2"] == [font.name for font in fonts]
    assert f"fonts left out (1): {path}#1 has no outlines (a bitmap-only font)" == left_out
    assert ["x.ttc#2"] == [font.name for font in read_fonts([Path(f"{path}#2")])]


def test_a_font_of_a_collection_that_cannot_be_drawn_is_named_and_left_out(three: Path) -> None:
    fonts = read_fonts([three])
    absent = replace(fonts[1], path=f"{three}.gone")
    trials = try_out([fonts[0], absent, fonts[2]], (20,))

    assert ["", True, ""] == [
        trials[0].fault,
        trials[1].fault.startswith(f"{three}.gone#1 cannot be drawn"),
        trials[2].fault,
    ]


@pytest.mark.parametrize("num", [0, MOST_FONTS + 1, 2**32 - 1])
def test_collections_that_promise_too_much_are_damaged(num: int, tmp_path: Path) -> None:
    (tmp_path / "x.ttc").write_bytes(struct.pack(">4sII", b"ttcf", 1 << 16, num) + bytes(40))

    with pytest.raises(FontError, match=rf"damaged font: it promises {num:,} fonts, a collection"):
        read_fonts([tmp_path / "x.ttc"])


@pytest.mark.parametrize("size", [6, 14, 400, 40_000])
def test_collections_that_are_cut_short_are_refused_in_one_line(
    size: int, three: Path, tmp_path: Path
) -> None:
    (tmp_path / "cut.ttc").write_bytes(three.read_bytes()[:size])
    with pytest.raises(FontError, match=r"cut\.ttc") as caught:
        read_fonts([tmp_path / "cut.ttc"])

    assert "\n" not in str(caught.value)


def test_what_stands_behind_a_collection_holds_for_all_its_fonts(tmp_path: Path) -> None:
    varied = variable_font(tmp_path / "Varied.ttf")
    path = collection_of(tmp_path / "both.ttc", varied, varied)
    places = read_fonts([Path(f"{path}@wght=300")])

    assert ["both.ttc#0@wght=300", "both.ttc#1@wght=300"] == [font.name for font in places]
    (one,) = read_fonts([Path(f"{path}#1@wght=300")])
    assert (f"{one.sha256}#1@wght=300,wdth=100", one.digest) == (one.digest, places[1].digest)
    assert one.digest == read_fonts([Path(one.asked_as)])[0].digest


@flavors
@both_layouts
def test_web_fonts_are_drawn_as_what_they_were_made_of(
    flavor: str, layout: str, tmp_path: Path
) -> None:
    needs_brotli(flavor)
    path = packed(tmp_path / f"font.{flavor}", ITALIC, flavor)
    (font,) = read_fonts(find_font_files([tmp_path]))
    texts = random_texts(40)
    plain, web = (
        draw(picture_maker([each], layout=layout), texts).pictures for each in (ITALIC, path)
    )

    assert same_of(font_file(ITALIC)) == same_of(font)
    assert (f"font.{flavor}", str(path)) == (font.name, font.asked_as)
    assert plain.keys() == web.keys()
    assert all(np.array_equal(plain[key], web[key]) for key in plain)


@flavors
def test_outlines_of_cff_are_unpacked(flavor: str, tmp_path: Path) -> None:
    needs_brotli(flavor)
    plain = small_font(tmp_path / "a.otf", {"a": BOX, "b": BOX}, cff=True)
    path = packed(tmp_path / f"a.{flavor}", plain, flavor)
    pictures = [draw(picture_maker([each]), ["ab", "ba"]).pictures[0] for each in (plain, path)]

    assert np.array_equal(*pictures)


@flavors
def test_web_fonts_stand_elsewhere_on_their_axes_too(flavor: str, tmp_path: Path) -> None:
    needs_brotli(flavor)
    plain = variable_font(tmp_path / "Varied.ttf")
    path = packed(tmp_path / f"Varied.{flavor}", plain, flavor)
    pictures = [
        draw(picture_maker([Path(f"{each}@wght=300")]), [CHARACTERS]).pictures[0]
        for each in (plain, path)
    ]

    assert np.array_equal(*pictures)


@flavors
def test_web_fonts_are_tried_out_as_others_are(flavor: str, tmp_path: Path) -> None:
    needs_brotli(flavor)
    path = packed(tmp_path / f"font.{flavor}", ITALIC, flavor)
    (trial,) = try_out([font_file(path)], (20,))

    assert ("", []) == (trial.fault, list(trial.blank))


def test_without_its_library_a_web_font_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "font.woff2").write_bytes(b"wOF2\0\1\0\0" + bytes(40))
    monkeypatch.setattr("fontTools.ttLib.woff2.haveBrotli", False)
    with pytest.raises(FontError, match=r"a web font \(WOFF2\).*pip install shmtext\[woff\]"):
        read_fonts([tmp_path / "font.woff2"])


@flavors
@pytest.mark.parametrize("size", [8, 60, 3_000])
def test_web_fonts_that_are_cut_short_are_damaged(flavor: str, size: int, tmp_path: Path) -> None:
    needs_brotli(flavor)
    path = packed(tmp_path / "whole", ITALIC, flavor)
    (tmp_path / "cut").write_bytes(path.read_bytes()[:size])
    with pytest.raises(FontError, match=r"cut is a damaged web font \(") as caught:
        read_fonts([tmp_path / "cut"])

    assert "\n" not in str(caught.value)
