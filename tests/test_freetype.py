"""Glyphs that FreeType is asked for are Pillow's, in every font and at every size."""

from __future__ import annotations

import gc
import random
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from drawing import BUNDLED, LATIN_1, SANS, draw, font_file, picture_maker
from PIL import features
from small_fonts import BITMAPS, BOX, FLAT, HAIR, NOTHING, small_font, with_bitmaps
from variable_font import variable_font

from shmtext.config import RunConfig
from shmtext.draw import freetype
from shmtext.draw.characters import CharacterTable
from shmtext.draw.faces import Faces, FaceSource, FontFile, blank_characters, draw_probe
from shmtext.draw.freetype import OpenFont, open_font
from shmtext.draw.sources import CharacterGlyphs, DrawnGlyph, NumberedGlyphs
from shmtext.engine.identity import drawing_versions

SIZES_PX = 7, 19, 32, 101


@pytest.fixture
def out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Pillow that has its FreeType within itself."""
    monkeypatch.setattr(freetype, "_freetype", lambda: None)


def sources(font: FontFile) -> tuple[CharacterGlyphs, NumberedGlyphs]:
    faces = Faces((font,), SIZES_PX)
    return CharacterGlyphs(faces, CharacterTable(faces.fonts)), NumberedGlyphs(faces)


def all_glyphs(font: FontFile, numbers: Sequence[int], text: str) -> dict[object, DrawnGlyph]:
    """Glyphs by number and characters of a font, at sizes that take turns."""
    by_character, by_number = sources(font)
    table = by_character._table
    ids = table.ids(np.array(list(map(ord, text)), np.uint32)).tolist()
    asked = [(face_id, key) for face_id in range(len(SIZES_PX)) for key in range(len(text))]
    asked_numbers = [(face_id, key) for face_id in range(len(SIZES_PX)) for key in numbers]
    random.Random(0).shuffle(asked)
    random.Random(1).shuffle(asked_numbers)
    drawn: dict[object, DrawnGlyph] = {
        (face_id, text[key]): by_character.draw(face_id, ids[key]) for face_id, key in asked
    }
    return drawn | {asked: by_number.draw_exactly(*asked) for asked in asked_numbers}


def check_alike(font: FontFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """See that FreeType's glyphs of a font are Pillow's."""
    numbers = list(range(0, font.num_glyphs, max(font.num_glyphs // 60, 1)))
    text = "".join(each for each in LATIN_1 if ord(each) in set(font.code_points.tolist()))[::3]
    found = all_glyphs(font, numbers, text)
    with monkeypatch.context() as without:
        without.setattr(freetype, "_freetype", lambda: None)
        expected = all_glyphs(font, numbers, text)
    assert found.keys() == expected.keys()
    for key, glyph in found.items():
        theirs = expected[key]
        assert np.array_equal(glyph.mask, theirs.mask), key
        assert glyph.advance_26_6 == theirs.advance_26_6, key
        assert glyph.is_inked == theirs.is_inked, key
        assert glyph.ink == theirs.ink, key
        if not glyph.mask.size:
            continue
        assert (glyph.box[0], glyph.box[2]) == (theirs.box[0], theirs.box[2]), key
        # Pillow does not tell how far below the baseline a box begins, nor how far above it ends.
        assert glyph.box[1] == theirs.box[1] or glyph.box[1] >= 0, key
        assert glyph.box[3] == theirs.box[3] or glyph.box[3] <= 0, key


@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.stem)
def test_glyphs_of_bundled_fonts_are_pillow_s(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_alike(font_file(path), monkeypatch)


def test_glyphs_of_cff_are_pillow_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    beside = [[(x - 900, y - 200) for x, y in BOX[0]]]
    path = small_font(tmp_path / "cff.otf", {"a": BOX, "b": beside, "c": FLAT}, cff=True)
    check_alike(font_file(path), monkeypatch)


@pytest.mark.parametrize("weight", [100.0, 433.5, 900.0])
def test_glyphs_at_a_place_on_an_axis_are_pillow_s(
    weight: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    font = font_file(variable_font(tmp_path / "varied.ttf"))
    check_alike(replace(font, axes=(("wght", weight),)), monkeypatch)


def test_lines_are_as_high_as_pillow_s() -> None:
    for path in BUNDLED:
        faces = Faces((font_file(path),), (9, 32, 210))
        for face_id in range(3):
            assert faces.get(face_id).getmetrics() == faces.ascent_and_descent(face_id)


@pytest.mark.usefixtures("out_of_reach")
def test_where_freetype_is_out_of_reach_pillow_draws_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts = ["Plain text", "fj ÁÉ Ωй", "مرحبا 12"]
    without = draw(picture_maker([SANS]), texts).pictures
    monkeypatch.undo()
    found = draw(picture_maker([SANS]), texts).pictures

    assert without.keys() == found.keys() == {0, 1, 2}
    assert all(np.array_equal(without[at], found[at]) for at in range(3))


def test_pictures_say_by_whom_their_glyphs_were_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a control box lies can be told to the pixel by FreeType alone."""
    reached = drawing_versions(RunConfig())["freetype"]
    monkeypatch.setattr(freetype, "_freetype", lambda: None)

    assert features.version("freetype2") == reached
    assert f"{reached} through Pillow" == drawing_versions(RunConfig())["freetype"]


def test_a_font_is_tried_out_alike_where_freetype_is_out_of_reach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    glyphs = {"a": BOX, "b": FLAT, "c": NOTHING, "h": HAIR}
    font = font_file(small_font(tmp_path / "some.ttf", glyphs))

    def blank() -> list[int]:
        source = FaceSource(font.stored, ())
        draw_probe(source, list(map(ord, "abch")), (20, 60))
        return blank_characters(source, list(map(ord, "abch")))

    found = blank()
    monkeypatch.setattr(freetype, "_freetype", lambda: None)

    assert list(map(ord, "bc")) == found == blank()


def opened(path: Path, size_px: int = 32) -> OpenFont:
    font = open_font(str(path), 0, ())
    assert font is not None
    assert font.set_size(size_px)
    return font


def test_what_freetype_refuses_is_left_to_pillow(tmp_path: Path) -> None:
    font = opened(SANS)

    assert font.render(0xFFFF) is None
    assert not font.is_read(0xFFFF)
    assert font.render(font.glyph(ord("a"))) is not None
    assert open_font(str(tmp_path / "missing.ttf"), 0, ()) is None
    assert open_font(str(SANS), 1, ()) is None


@pytest.mark.parametrize("forms", BITMAPS)
def test_glyphs_that_are_bitmaps_are_left_to_pillow(forms: tuple[int, int], tmp_path: Path) -> None:
    path = with_bitmaps(tmp_path / "bitmaps.ttf", forms)

    assert opened(path, 16).render(1) is None
    assert opened(path, 40).render(1) is not None


def test_a_picture_of_no_bearable_size_is_left_to_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    font = opened(SANS)
    monkeypatch.setattr(freetype, "MOST_PIXELS", 100)

    assert font.render(font.glyph(ord("a"))) is None
    assert font.render(font.glyph(ord("."))) is not None


@pytest.mark.parametrize(("name", "limit", "num"), [("OPEN_FONTS", 2, 2), ("OPEN_SIZES", 3, 1)])
def test_no_more_fonts_are_open_than_may_be(
    name: str, limit: int, num: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(freetype, name, limit)
    fonts = [Path(shutil.copy(path, tmp_path)) for path in BUNDLED[:4]]
    faces = Faces(tuple(map(font_file, fonts)), (16, 24, 31))
    for face_id in range(len(faces)):
        assert faces.freetype.at_size(face_id) is not None
    gc.collect()

    assert num == len(mapped(tmp_path))
    del faces
    gc.collect()
    assert not mapped(tmp_path)


def mapped(folder: Path) -> set[str]:
    """Files of a folder that this process has open: FreeType maps them."""
    maps = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    return {line.split()[-1] for line in maps if str(folder) in line}
