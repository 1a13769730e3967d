"""A glyph asked for by number has the pixels that it has as a character, and no advance."""

from __future__ import annotations

import io
import random
import struct
from pathlib import Path

import numpy as np
import pytest
from drawing import (
    BUNDLED,
    HAS_RAQM,
    ITALIC,
    SANS,
    check_equality,
    draw,
    font_file,
    picture_maker,
)
from fontTools.ttLib import TTCollection, TTFont
from PIL import ImageFont
from small_fonts import BITMAPS, BOX, small_font, with_bitmaps

from shmtext.draw import freetype
from shmtext.draw.faces import Faces
from shmtext.draw.glyph_font import FIRST_CODE_POINT, glyph_font
from shmtext.draw.sources import NumberedGlyphs
from shmtext.errors import FontError

Box = tuple[int, int, int, int]


def numbers_of(path: Path, most: int) -> dict[str, int]:
    """Glyphs of some of the characters that a font draws, always the same."""
    with TTFont(path, fontNumber=0, lazy=True) as font:
        mapped = font.getBestCmap()
        drawn = [code for code in font_file(path).code_points.tolist() if code in mapped]
        some = random.Random(5).sample(drawn, min(most, len(drawn)))
        return {chr(code): font.getGlyphID(mapped[code]) for code in some}


def ink_of(face: ImageFont.FreeTypeFont, character: str) -> tuple[Box | None, bytes]:
    """Where a character leaves ink, from the pen on the baseline, and the ink."""
    core, (left, top) = face.getmask2(character, mode="L", anchor="ls")
    box = core.getbbox()
    if box is None:
        return None, b""
    mask = np.array(core, np.uint8).reshape(core.size[::-1])[box[1] : box[3], box[0] : box[2]]
    return (left + box[0], top + box[1], left + box[2], top + box[3]), mask.tobytes()


def check_numbers(path: Path, sizes_px: tuple[int, ...], most: int) -> int:
    """See that glyphs by number are characters' glyphs; return how many were compared."""
    faces = Faces((font_file(path),), sizes_px)
    numbers = numbers_of(path, most)
    for face_id, size_px in enumerate(sizes_px):
        plain, by_number = faces.get(face_id), faces.by_number(face_id)
        for character, number in numbers.items():
            numbered = chr(FIRST_CODE_POINT + number)
            where = f"U+{ord(character):04X} of {path} at {size_px} px"
            assert ink_of(plain, character) == ink_of(by_number, numbered), where
            assert 0 == by_number.getlength(numbered), where
    return len(numbers) * len(sizes_px)


@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.stem)
def test_glyphs_by_number_are_those_of_characters_in_every_bundled_font(path: Path) -> None:
    assert check_numbers(path, (9, 32, 57), 150) >= 3 * 90


def installed_fonts() -> list[Path]:
    found = (path for path in Path("/usr/share/fonts").rglob("*") if path.suffix in SUFFIXES)
    return sorted(path for path in found if path.is_file())


SUFFIXES = (".ttf", ".otf", ".ttc")


def test_glyphs_by_number_are_those_of_characters_in_fonts_of_this_machine() -> None:
    """A sample: ``check_numbers`` of all of them takes minutes."""
    fonts = [path for path in installed_fonts() if path.stat().st_size < 2**20]
    for path in random.Random(7).sample(fonts, min(12, len(fonts))):
        try:
            font_file(path)
        except FontError:
            continue
        check_numbers(path, (13, 32), 40)


def made(path: Path, shift_em: int = 0) -> TTFont:
    return TTFont(io.BytesIO(glyph_font(path.read_bytes(), shift_em=shift_em)))


@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.stem)
def test_what_was_mapped_before_stays_mapped(path: Path) -> None:
    with TTFont(path) as font, made(path) as other:
        before, after = (
            {code: each.getGlyphID(name) for code, name in each.getBestCmap().items()}
            for each in (font, other)
        )
        # fontTools passes over glyph 0.
        numbers = {FIRST_CODE_POINT + at: at for at in range(1, font["maxp"].numGlyphs)}

        assert {**before, **numbers} == after


@pytest.mark.parametrize("path", [SANS, ITALIC], ids=lambda path: path.stem)
def test_only_the_map_and_advances_are_others(path: Path) -> None:
    with TTFont(path) as font, made(path) as other:
        tables = [tag for tag in font.reader.tables if tag not in ("cmap", "hhea", "hmtx")]

        assert all(font.reader[tag] == other.reader[tag] for tag in tables)
        assert {0} == {advance for advance, _ in other["hmtx"].metrics.values()}
        bearings = {name: bearing for name, (_, bearing) in font["hmtx"].metrics.items()}
        assert bearings == {name: each for name, (_, each) in other["hmtx"].metrics.items()}


def test_outlines_are_moved_by_so_many_ems() -> None:
    with TTFont(SANS) as font, made(SANS, -1) as other:
        em, before, after = font["head"].unitsPerEm, font["hmtx"].metrics, other["hmtx"].metrics

        assert {name: each - em for name, (_, each) in before.items()} == {
            name: each for name, (_, each) in after.items()
        }


def test_glyphs_by_number_are_those_of_characters_in_every_font_of_a_collection(
    tmp_path: Path,
) -> None:
    path, collection = tmp_path / "both.ttc", TTCollection()
    collection.fonts = [TTFont(SANS), TTFont(ITALIC)]
    collection.save(path)

    for number, alone in enumerate((SANS, ITALIC)):
        faces = Faces((font_file(Path(f"{path}#{number}")),), (32,))
        for character, glyph in numbers_of(alone, 60).items():
            numbered = ink_of(faces.by_number(0), chr(FIRST_CODE_POINT + glyph))
            assert ink_of(faces.get(0), character) == numbered


def test_outlines_of_cff_are_found_by_number(tmp_path: Path) -> None:
    path = small_font(tmp_path / "cff.otf", {"a": BOX, "b": BOX}, cff=True)

    assert check_numbers(path, (20, 40), 2) == 4


def test_characters_of_the_private_plane_give_way_to_numbers(tmp_path: Path) -> None:
    taken = chr(FIRST_CODE_POINT + 1)
    path = small_font(tmp_path / "taken.ttf", {"a": BOX, "b": BOX, taken: BOX})
    with made(path) as other:
        numbers = [FIRST_CODE_POINT + number for number in range(1, 4)]

        assert ["u0061", "u0062", f"u{ord(taken):04X}"] == [
            other.getBestCmap()[number] for number in numbers
        ]


@pytest.mark.parametrize("size", [0, 4, 12, 40, 300, 2_000, 40_000])
def test_what_is_cut_off_is_refused(size: int) -> None:
    with pytest.raises((ValueError, KeyError, struct.error)):
        glyph_font(SANS.read_bytes()[:size])


def test_a_font_that_is_gone_is_an_error_of_the_system(tmp_path: Path) -> None:
    path = small_font(tmp_path / "gone.ttf", {"a": BOX})
    faces = Faces((font_file(path),), (32,))
    path.unlink()

    with pytest.raises(OSError, match=r"gone\.ttf"):
        faces.by_number(0)


def test_a_font_that_has_become_another_file_is_an_error_of_the_system(tmp_path: Path) -> None:
    path = small_font(tmp_path / "other.ttf", {"a": BOX})
    faces = Faces((font_file(path),), (32,))
    path.write_bytes(b"\0\1\0\0" + b"\0" * 8)

    with pytest.raises(OSError, match=r"the tables of .*other\.ttf can't be read"):
        faces.by_number(0)


# -- boxes -----------------------------------------------------------------------------------


@pytest.fixture(params=["FreeType", "Pillow"])
def drawn_by(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Glyphs are drawn by FreeType, or where that is out of reach."""
    if request.param == "Pillow":
        monkeypatch.setattr(freetype, "_freetype", lambda: None)


@pytest.mark.usefixtures("drawn_by")
@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.stem)
def test_a_box_is_pillow_s_less_the_way_of_the_pen(path: Path) -> None:
    faces = Faces((font_file(path),), (32,))
    source, face = NumberedGlyphs(faces), faces.get(0)
    for character, number in numbers_of(path, 100).items():
        glyph = source.draw_exactly(0, number)
        left, top, right, bottom = glyph.box
        end = int(face.getlength(character) + 0.5)
        # Pillow's holds the pen, before and behind the character.
        held = min(left, 0, end), min(top, 0), max(right, 0, end), max(bottom, 0)

        assert tuple(map(int, face.getbbox(character, anchor="ls"))) == held, character
        if glyph.mask.size:
            assert left <= glyph.ink[0] < glyph.ink[2] <= right
            assert top <= glyph.ink[1] < glyph.ink[3] <= bottom


@pytest.mark.usefixtures("drawn_by")
@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.stem)
def test_sides_that_are_not_known_are_at_least_and_at_most_so_far(path: Path) -> None:
    font = font_file(path)
    source = NumberedGlyphs(Faces((font,), (17, 32)))
    for number in range(min(font.num_glyphs, 600)):
        face_id = number % 2
        found, exact = source.draw(face_id, number), source.draw_exactly(face_id, number)
        if not found.mask.size:
            continue

        assert found.box[0] <= exact.box[0] <= found.least[0]
        assert found.least[1] <= exact.box[2] <= found.box[2]
        assert (exact.box[0], exact.box[2]) == exact.least
        # Rounding leaves at most a column of the box without any coverage.
        assert 0 <= exact.ink[0] - exact.box[0] <= 1
        assert 0 <= exact.box[2] - exact.ink[2] <= 1
        assert exact.box[0] == source.exact_left(face_id, number) or found.box[0] == found.least[0]


@pytest.mark.usefixtures("drawn_by")
def test_a_box_that_cff_does_not_tell_is_that_of_the_ink(tmp_path: Path) -> None:
    """Their outlines can't be moved by a bearing."""
    beside = [[(x - 900, y) for x, y in BOX[0]]]
    path = small_font(tmp_path / "cff.otf", {"a": BOX, "b": beside}, cff=True)
    source = NumberedGlyphs(Faces((font_file(path),), (40,)))

    for number in (1, 2):
        glyph = source.draw_exactly(0, number)

        assert glyph.mask.any()
        assert glyph.ink == glyph.box


@pytest.mark.usefixtures("drawn_by")
@pytest.mark.skipif(not HAS_RAQM, reason="Pillow finds no Raqm")
@pytest.mark.parametrize("forms", BITMAPS)
def test_bitmaps_are_drawn_as_raqm_draws_them(forms: tuple[int, int], tmp_path: Path) -> None:
    path = with_bitmaps(tmp_path / "bitmaps.ttf", forms)
    face = ImageFont.truetype(str(path), 16, layout_engine=ImageFont.Layout.BASIC)
    assert 14 == face.getlength("a"), "FreeType does not take the bitmaps"

    drawing = draw(picture_maker([path], font_sizes=(16, 17)), ["a", "ab", "bba"] * 8)

    assert 24 == check_equality(drawing)
