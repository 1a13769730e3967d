"""Tables as bytes say what fontTools reads from them."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import pytest
from drawing import BUNDLED, SANS
from fontTools.ttLib import TTCollection, TTFont
from small_fonts import BOX, small_font
from variable_font import variable_font

from shmtext.draw.reading import MOST_BYTES, read_file
from shmtext.draw.tables import FontTables
from shmtext.errors import FontError


@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.stem)
def test_numbers_and_places_are_those_that_fonttools_reads(path: Path) -> None:
    font = FontTables(path.read_bytes())
    with TTFont(path) as expected:
        head = expected["head"]
        assert set(expected.reader.keys()) == font.tags
        assert all(expected.reader[tag] == font[tag] for tag in font.tags)
        assert (expected["maxp"].numGlyphs, head.unitsPerEm) == (font.num_glyphs, font.units_per_em)
        assert (head.yMin, head.yMax) == (font.y_min, font.y_max)
        assert list(expected["loca"].locations) == font.glyph_places.tolist()
    assert font.end <= path.stat().st_size


def test_each_font_of_a_collection_has_its_own_tables(tmp_path: Path) -> None:
    collection = TTCollection()
    collection.fonts = [TTFont(path) for path in BUNDLED[:2]]
    collection.save(tmp_path / "two.ttc")
    data = (tmp_path / "two.ttc").read_bytes()

    for number, path in enumerate(BUNDLED[:2]):
        alone, together = FontTables(path.read_bytes()), FontTables(data, number)
        assert alone.num_glyphs == together.num_glyphs == together.parsed["maxp"].numGlyphs
        assert alone["cmap"] == together["cmap"]


def test_a_directory_that_is_cut_short_is_damaged() -> None:
    with pytest.raises(struct.error):
        FontTables(SANS.read_bytes()[:100])
    with pytest.raises(KeyError):
        FontTables(SANS.read_bytes())["zzzz"]


def test_ordinary_fonts_are_read_without_fonttools(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its import takes as long as reading ten fonts."""
    cff = small_font(tmp_path / "a.otf", {"a": BOX}, cff=True)
    variable = variable_font(tmp_path / "v.ttf")
    monkeypatch.setitem(sys.modules, "fontTools.ttLib", None)

    assert all(read_file(path).fonts for path in BUNDLED)
    for path in (cff, variable):
        with pytest.raises(FontError, match="fontTools"):
            read_file(path)


def test_a_file_larger_than_any_font_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.ttf"
    with path.open("wb") as file:
        file.write(SANS.read_bytes())
        file.truncate(MOST_BYTES + 1)  # a hole, which takes no room

    with pytest.raises(FontError, match=r"huge\.ttf has 536,870,913 bytes, no font has more"):
        read_file(path)


def test_what_begins_like_no_font_is_none(tmp_path: Path) -> None:
    path = tmp_path / "other.ttf"
    for data in (b"\1\2\3\4" + SANS.read_bytes()[4:], b"no font", b"n"):
        path.write_bytes(data)
        with pytest.raises(
            FontError, match=r"other\.ttf is not a TrueType or OpenType font \(it b"
        ):
            read_file(path)
