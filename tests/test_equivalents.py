"""A font draws what it can compose or decompose, and a text is drawn if that is all it takes."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pytest
import uharfbuzz
from drawing import BUNDLED, SANS, draw, font_file, picture_maker
from fontTools.ttLib import TTFont
from fontTools.ttLib.tables._c_m_a_p import CmapSubtable
from hypothesis import given
from hypothesis import strategies as st
from small_fonts import BOX, FLAT, NOTHING, Contours, name, small_font

from shmtext.corpus.ragged import pack_texts
from shmtext.draw.characters import CharacterTable
from shmtext.draw.equivalents import Equivalents
from shmtext.draw.faces import FontFile
from shmtext.draw.rules import is_composable
from shmtext.draw.texts import ShardTexts, decode_texts, style_texts

ACUTE = "\u0301"


def font_of(path: Path, characters: str) -> FontFile:
    """A font with boxes for some characters."""
    return font_file(small_font(path, dict.fromkeys(characters, BOX)))


def drawn(font: FontFile, *clusters: str) -> list[bool]:
    equivalents = Equivalents((font,))
    return [bool(equivalents.row(cluster)[0]) for cluster in clusters]


def test_a_font_with_the_composed_character_draws_the_decomposed_one(tmp_path: Path) -> None:
    font = font_of(tmp_path / "a.ttf", "caféḗ")

    assert [True] * 3 == drawn(font, "é", f"e{ACUTE}", "ḗ")
    assert [False] * 3 == drawn(font, f"a{ACUTE}", ACUTE, "ē")
    # HarfBuzz composes one mark after another: ē, which is not there, and then ḗ.
    assert [False] == drawn(font, f"e\u0304{ACUTE}")


def test_a_font_with_the_parts_draws_the_composed_character(tmp_path: Path) -> None:
    font = font_of(tmp_path / "a.ttf", f"e{ACUTE}\u0304Å")

    assert [True] * 5 == drawn(font, "é", f"e{ACUTE}", "ē", "ḗ", "\u212b")
    assert [False] * 3 == drawn(font, "á", "A\u030a\u0300", "è")


def test_the_order_of_marks_that_do_not_meet_is_no_matter(tmp_path: Path) -> None:
    font = font_of(tmp_path / "a.ttf", "ẹ\u0301")

    assert [True] * 2 == drawn(font, "ẹ\u0301", "e\u0301\u0323")


def test_jamo_and_syllables_stand_for_one_another(tmp_path: Path) -> None:
    syllables, jamo = (
        font_of(tmp_path / f"{len(each)}.ttf", each) for each in ("한하", "\u1112\u1161\u11ab,")
    )
    for font in (syllables, jamo):
        assert [True] * 4 == drawn(font, "한", "하", "\u1112\u1161\u11ab", "\u1112\u1161")
    assert [False] * 2 == drawn(syllables, "\u1112", "항")


@pytest.mark.parametrize("blank", [NOTHING, FLAT])
def test_a_glyph_without_ink_draws_no_part_of_a_cluster(tmp_path: Path, blank: Contours) -> None:
    bare = {ACUTE: blank, "ö": blank}
    font = font_file(small_font(tmp_path / "a.ttf", {**dict.fromkeys("eéao", BOX), **bare}))

    assert [True, True, False] == drawn(font, "é", f"e{ACUTE}", f"a{ACUTE}")
    assert [False, False] == drawn(font, "ö", "o\u0308")


def with_sequences(path: Path, sequences: dict[tuple[str, str], str | None]) -> Path:
    """Add variation sequences to a font: base and selector → character whose glyph is drawn."""
    with TTFont(path) as font:
        table = CmapSubtable.newSubtable(14)
        table.platformID, table.platEncID, table.language, table.cmap = 0, 5, 0, {}
        table.uvsDict = {}
        for (base, selector), glyph in sequences.items():
            listed = table.uvsDict.setdefault(ord(selector), [])
            listed.append((ord(base), glyph and name(glyph)))
        font["cmap"].tables.append(table)
        font.save(path)
    return path


def test_a_variation_selector_is_drawn_where_the_font_has_the_sequence(tmp_path: Path) -> None:
    path = small_font(tmp_path / "a.ttf", {"葛": BOX, "a": BOX, "b": BOX, "c": BOX, " ": NOTHING})
    sequences = {("葛", "\U000e0100"): None, ("葛", "\U000e0101"): "b", ("a", "\ufe00"): "c"}
    font = font_file(with_sequences(path, dict(sequences)))
    yes = ["葛\U000e0100", "葛\U000e0101", "a\ufe00"]
    no = ["葛\U000e0102", "a\ufe0f", "c\ufe00", "\ufe00", "a\ufe00\ufe00"]

    assert [True] * 3 + [False] * 5 == drawn(font, *yes, *no)
    drawing = draw(picture_maker([path]), [*yes, *no[:3], "a\ufe00 a\ufe0f"])
    assert {
        3: "U+E0102 leaves no ink",
        4: "U+FE0F leaves no ink",
        5: "U+FE00 leaves no ink",
        6: "U+FE00, U+FE0F leave no ink",
    } == drawing.reasons


@given(st.text("aeoAEO\u0301\u0308\u0323éÖẹ\u212b한\u1112\u1161", min_size=1, max_size=3))
def test_equal_clusters_are_drawn_by_the_same_fonts(cluster: str) -> None:
    fonts = tuple(map(font_file, BUNDLED))
    equivalents = Equivalents(fonts)
    rows = [equivalents.row(unicodedata.normalize(form, cluster)) for form in ("NFC", "NFD")]

    assert np.array_equal(*rows)


@given(
    st.text("eo\u0301\u0308\u0323éÖẹK\u212b한\u1112\u1161א\u05b0क\u093c", min_size=1, max_size=3)
)
def test_what_a_bundled_font_is_said_to_draw_shaping_finds_glyphs_for(cluster: str) -> None:
    equivalents = Equivalents(tuple(map(font_file, BUNDLED)))
    for path, is_drawn in zip(BUNDLED, equivalents.row(cluster).tolist(), strict=True):
        buffer = uharfbuzz.Buffer()
        buffer.add_str(cluster)
        buffer.guess_segment_properties()
        uharfbuzz.shape(uharfbuzz.Font(uharfbuzz.Face(uharfbuzz.Blob.from_file_path(path))), buffer)

        assert is_drawn == all(info.codepoint for info in buffer.glyph_infos)


def test_fonts_that_draw_a_character_alone_are_within_its_reach(tmp_path: Path) -> None:
    boxes = dict.fromkeys("e\u0301\u0304Å\u1112\u1161\u11ab", BOX)
    parts = small_font(tmp_path / "parts.ttf", boxes)
    fonts = tuple(map(font_file, [*BUNDLED, parts]))
    characters = [c for c in map(chr, range(0xC0, 0xFB50)) if is_composable(c) and not c.isspace()]
    table, equivalents = CharacterTable(fonts), Equivalents(fonts)
    ids = table.ids(np.array([ord(each) for each in characters], np.uint32))
    drawn = np.array([equivalents.row(each) for each in characters])

    assert (drawn & ~table.support[ids]).sum() > 10
    assert (table.within_reach[ids] >= drawn).all()


# -- texts -----------------------------------------------------------------------------------------


def styled(paths: list[Path], texts: list[str], layout: str = "full") -> ShardTexts:
    settings = picture_maker(paths, layout=layout).settings
    decoded = decode_texts(pack_texts(texts), None)
    numbers = np.arange(len(texts))
    return style_texts(decoded, numbers, settings, CharacterTable(settings.fonts))


def test_a_text_that_no_font_has_as_it_is_written_is_drawn_by_shaping(tmp_path: Path) -> None:
    composed = small_font(tmp_path / "composed.ttf", dict.fromkeys("café", BOX))
    parts = small_font(tmp_path / "parts.ttf", dict.fromkeys(f"cafe{ACUTE}", BOX))
    for path in (composed, parts):
        for layout in ("full", "basic"):
            shard = styled([path], ["caf", "café", f"cafe{ACUTE}", "cafè"], layout)

            assert [True, True, True, False] == shard.is_drawable.tolist()
            by_shaping = [layout == "full", layout == "full" or path is parts, True]
            assert by_shaping == shard.is_shaped.tolist()[:3]
            assert ["no font covers U+00E8 è"] == [skip.reason for skip in shard.skips]


def test_equal_texts_are_drawn_in_the_same_fonts_but_in_layout_basic() -> None:
    texts = ["café", "Ǻb", "\u212b", "naïve", "ế"] * 20
    one, other = (
        styled(BUNDLED, [unicodedata.normalize(form, text) for text in texts])
        for form in ("NFC", "NFD")
    )
    basic = styled(BUNDLED, [unicodedata.normalize("NFD", text) for text in texts], "basic")

    assert one.styles.font_id.tolist() == other.styles.font_id.tolist()
    assert one.styles.font_id.tolist() != basic.styles.font_id.tolist()
    assert one.is_drawable.all()
    assert other.is_drawable.all()


def test_equal_texts_are_drawn_alike() -> None:
    texts = ["Té", "café", "Ångström", "naïveté", "Việt", "\u212b\u2126", "한국어"]
    maker = picture_maker(BUNDLED)
    for start, text in enumerate(texts):
        one, other = (
            draw(maker, [unicodedata.normalize(form, text)] * 20, start) for form in ("NFC", "NFD")
        )
        assert one.pictures.keys() == other.pictures.keys()
        for position, picture in one.pictures.items():
            assert np.array_equal(picture, other.pictures[position])


def test_clusters_do_not_reach_across_lines() -> None:
    fonts = [path for path in BUNDLED if ord(ACUTE) not in font_file(path).code_points]
    shard = styled(fonts, [f"e\n{ACUTE}", f"e{ACUTE}\ne", f"\n{ACUTE}e", f"\n\ne{ACUTE}\n"])

    assert [False, True, False, True] == shard.is_drawable.tolist()


def test_a_text_without_a_way_to_be_composed_is_asked_of_no_font(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_self: Equivalents, cluster: str) -> None:
        raise AssertionError(cluster)

    monkeypatch.setattr(Equivalents, "row", refuse)
    shard = styled([SANS, *BUNDLED], ["中文", "ไทย", "नमस्ते", "Ω", "ab", f"q{ACUTE}"], "basic")

    assert [False, False, False, True, True, True] == shard.is_drawable.tolist()
