"""Marks in fonts that have no rules for them lie where FreeType's boxes of glyphs put them."""

from __future__ import annotations

from pathlib import Path

import pytest
import uharfbuzz as hb
from drawing import SANS, check_equality, draw, picture_maker
from fontTools.feaLib.builder import addOpenTypeFeaturesFromString
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont, newTable
from fontTools.ttLib.tables._k_e_r_n import KernTable_format_0
from PIL import features
from small_fonts import BOX, name, small_font

from shmtext.draw.shape.marks import BoxedFont, scripts_left

needs_raqm = pytest.mark.skipif(
    not (features.check("raqm") and features.check("fribidi")),
    reason="Pillow finds no Raqm or no FriBiDi",
)

SHAPES = {
    "a": [[(31, 0), (77, 511), (503, 0)]],
    "o": [[(-41, -13), (222, 487), (533, -13)]],
    "\u0301": [[(-307, 601), (-203, 713), (-139, 601)]],
    "\u0302": [[(41, 607), (153, 699), (277, 607)]],
    "\u0323": [[(13, -207), (61, -107), (109, -207)]],
    " ": [],
}
COMPOSED = {"\u00f3": ("o", "\u0301"), "\u1ed1": ("\u00f3", "\u0302")}
TEXTS = (
    "a\u0301",
    "o\u0302",
    "\u00f3\u0302",
    "\u1ed1\u0323\u0301",
    "oa \u0301 o\u0323\u0323a\u0302",
)
SIZES_PX = (3, 5, 8, 13, 21, 32, 47, 77, 100, 255, 256)


def kerned_and_curved(path: Path) -> Path:
    """A TrueType font with kerning and bearings, whose points leave its curves."""
    font = TTFont(small_font(path, SHAPES, COMPOSED))
    pen = TTGlyphPen(None)
    pen.moveTo((50, 601))
    pen.qCurveTo((110, 911), (170, 601))
    pen.closePath()
    font["glyf"][name("\u0302")] = pen.glyph()
    # An outline is moved to where its bearing says, here not by chance where it is.
    for character, left in (("a", 31), ("o", -11), ("\u0302", 50)):
        font["hmtx"][name(character)] = 607, left
    font["kern"] = newTable("kern")
    font["kern"].version = 0
    pairs = KernTable_format_0()
    pairs.coverage = 1
    pairs.kernTable = {(name("o"), name("a")): -97, (name("a"), name("o")): 53}
    font["kern"].kernTables = [pairs]
    font.save(path)
    return path


@needs_raqm
@pytest.mark.parametrize("cff", [False, True], ids=["truetype", "cff"])
def test_marks_without_rules_lie_as_raqm_s(tmp_path: Path, *, cff: bool) -> None:
    path = tmp_path / "marks.font"
    small_font(path, SHAPES, None if cff else COMPOSED, cff=cff)
    texts = [text for text in TEXTS if not cff or not {*text} & {*COMPOSED}]

    drawing = draw(picture_maker([path], font_sizes=SIZES_PX), texts * 20)

    assert len(texts) * 20 == check_equality(drawing)


@needs_raqm
def test_marks_lie_as_raqm_s_where_points_leave_curves_and_pairs_are_kerned(tmp_path: Path) -> None:
    path = kerned_and_curved(tmp_path / "curves.ttf")

    drawing = draw(picture_maker([path], font_sizes=SIZES_PX), TEXTS * 20)

    assert len(TEXTS) * 20 == check_equality(drawing)


def test_a_font_of_boxes_kerns_as_the_font_it_is_made_of(tmp_path: Path) -> None:
    path = kerned_and_curved(tmp_path / "curves.ttf")
    own = hb.Face(hb.Blob.from_file_path(str(path)))

    for size_px in SIZES_PX:
        fonts = [hb.Font(own), hb.Font(BoxedFont(own).face(size_px))]
        moved = []
        for font in fonts:
            font.scale = size_px * 64, size_px * 64
            buffers = [hb.Buffer(), hb.Buffer()]
            for buffer, text in zip(buffers, ("oao", "o"), strict=True):
                buffer.add_str(text)
                buffer.guess_segment_properties()
                hb.shape(font, buffer)
            pair, alone = (buffer.glyph_positions[0].x_advance for buffer in buffers)
            moved.append(pair - alone)

        assert moved[0] == moved[1] != 0


def with_rules(path: Path, scripts: str) -> Path:
    """A font of Latin and Hebrew that kerns in some scripts."""
    small_font(path, SHAPES | {"\u05d0": SHAPES["o"], "\u05b7": SHAPES["\u0323"]})
    with TTFont(path) as font:
        systems = "".join(f"languagesystem {script} dflt;" for script in scripts.split())
        rule = f"feature kern {{ pos {name('a')} {name('o')} -90; }} kern;"
        addOpenTypeFeaturesFromString(font, systems + rule)
        font.save(path)
    return path


def test_marks_are_placed_by_boxes_where_no_rules_are_heeded(tmp_path: Path) -> None:
    def of_scripts(path: Path) -> list[bool]:
        is_left = scripts_left(hb.Face(hb.Blob.from_file_path(str(path))))
        return [is_left(script) for script in ("Latn", "Hebr")]

    assert [True, True] == of_scripts(small_font(tmp_path / "without.ttf", {"a": BOX}))
    assert [False, True] == of_scripts(with_rules(tmp_path / "latin.ttf", "DFLT latn"))
    assert [False, False] == of_scripts(with_rules(tmp_path / "both.ttf", "DFLT latn hebr"))
    assert [False, False] == of_scripts(SANS)


@needs_raqm
@pytest.mark.parametrize("scripts", ["DFLT latn", "DFLT latn hebr"])
def test_hebrew_marks_lie_as_raqm_s_whatever_scripts_have_rules(
    scripts: str, tmp_path: Path
) -> None:
    path = with_rules(tmp_path / "hebrew.ttf", scripts)
    texts = ["\u05d0\u0302", "\u05d0\u05b7\u05d0\u0301", "ao\u0302a \u05d0\u0323\u05b7"]

    drawing = draw(picture_maker([path], font_sizes=SIZES_PX), texts * 20)

    assert len(texts) * 20 == check_equality(drawing)
