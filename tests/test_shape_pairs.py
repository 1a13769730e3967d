"""Lines shaped by tables are HarfBuzz's, to the 64th of a pixel, or are left out."""

from __future__ import annotations

import itertools
import os
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uharfbuzz as hb
from fontTools.feaLib.builder import addOpenTypeFeaturesFromString
from fontTools.ttLib import TTFont
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ImageFont, features
from small_fonts import BOX, name, small_font

from shmtext.corpus.ranges import seams
from shmtext.draw.faces import Faces, bundled_fonts, find_font_files, read_fonts, trust
from shmtext.draw.shape import pairs, simple
from shmtext.draw.shape import rules as rules_module
from shmtext.draw.shape.batch_scripts import NUMBER_OF, Characters, find_runs
from shmtext.draw.shape.pairs import PairShaper
from shmtext.draw.shape.scripts import PAIRS, resolved_scripts

SIZES_PX = 7, 32, 100

FONTS = read_fonts(find_font_files([bundled_fonts()]), trust)

FACES = Faces(FONTS, SIZES_PX)

SHAPER = PairShaper(FACES)

OTHERS = [
    path
    for path in (
        "/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf",
        "/usr/share/fonts/truetype/noto/NotoSans-Regular.ttf",
        "/usr/share/fonts/truetype/noto/NotoSerif-Italic.ttf",
        "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    )
    if os.path.exists(path)
]

LATIN = [*map(chr, range(0x20, 0x7F)), *map(chr, range(0xA0, 0x100))]

Shaped = tuple[list[tuple[int, int, int, int]], int, int]
"""Glyph, x, y and cluster of each; the pen's furthest and last position."""


class Slow:
    """One line at a time by HarfBuzz, with FreeType's unhinted advances."""

    def __init__(self, path: str) -> None:
        face = hb.Face(hb.Blob.from_file_path(path))
        self._units = face.upem
        self._font, self._in_units = hb.Font(face), hb.Font(face)
        self._in_units.scale = face.upem, face.upem

    def line(self, size_px: int, text: str) -> Shaped:
        scale = 64 * size_px
        self._font.scale = scale, scale
        x_scale = ((scale << 16) + self._units // 2) // self._units
        glyphs = []
        pen = furthest = start = 0
        for script, piece in pieces(text):
            buffer = hb.Buffer()
            buffer.add_str(piece)
            buffer.direction, buffer.language, buffer.script = "ltr", "c", script
            buffer.flags = hb.BufferFlags.BOT | hb.BufferFlags.EOT
            hb.shape(self._font, buffer)
            for info, place in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
                glyph = info.codepoint
                glyphs.append((glyph, pen + place.x_offset, place.y_offset, start + info.cluster))
                units = self._in_units.get_glyph_h_advance(glyph)
                unhinted = (((units * x_scale + 32) >> 6) + 512) >> 10
                pen += place.x_advance - self._font.get_glyph_h_advance(glyph) + unhinted
                furthest = max(furthest, pen)
            start += len(piece)
        return glyphs, furthest, pen


def pieces(text: str) -> list[tuple[str, str]]:
    """Divide a line by the scripts that Raqm gives its characters."""
    grouped = itertools.groupby(
        zip(resolved_scripts(text), text, strict=True), lambda pair: pair[0]
    )
    return [
        (script.replace("Zinh", "Zyyy"), "".join(c for _, c in group)) for script, group in grouped
    ]


def shape(shaper: PairShaper, face_ids: Sequence[int], texts: Sequence[str]) -> list[Shaped | None]:
    """Shape lines in one batch; ``None`` for those that are left out."""
    codes = np.array([ord(c) for text in texts for c in text], np.uint32)
    starts = seams(np.array([len(text) for text in texts], np.int64))
    is_known, run = shaper.lines(np.array(face_ids, np.int64), codes, starts)
    shaped: list[Shaped | None] = [None] * len(texts)
    for place, line in enumerate(np.flatnonzero(is_known).tolist()):
        of_line = slice(run.line_starts[place], run.line_starts[place + 1])
        arrays = run.glyph, run.x_26_6, run.y_26_6, run.cluster
        glyphs = list(zip(*(array[of_line].tolist() for array in arrays), strict=True))
        shaped[line] = glyphs, int(run.furthest_26_6[place]), int(run.end_26_6[place])
    assert run.line_starts.size == is_known.sum() + 1
    assert run.glyph.size == run.line_starts[-1]
    return shaped


def assert_equal(shaper: PairShaper, faces: Faces, face_id: int, texts: Sequence[str]) -> float:
    """Compare with HarfBuzz; return which part of the lines was not left out."""
    font, size_px = faces.font_and_size(face_id)
    slow = Slow(font.path)
    shaped = shape(shaper, [face_id] * len(texts), texts)
    for text, line in zip(texts, shaped, strict=True):
        assert line is None or line == slow.line(size_px, text), (font.name, size_px, text)
    return sum(line is not None for line in shaped) / len(texts) if texts else 1


@pytest.mark.parametrize("font_id", range(len(FONTS)), ids=[font.name for font in FONTS])
@pytest.mark.parametrize("size_id", range(len(SIZES_PX)))
def test_all_pairs_of_latin_characters_are_harfbuzz_s(font_id: int, size_id: int) -> None:
    letters = [c for c in LATIN if ord(c) in set(FONTS[font_id].code_points.tolist())]
    letters.remove("\xad") if "\xad" in letters else None
    lines = ["".join(left + right for right in letters) for left in letters]
    assert assert_equal(SHAPER, FACES, font_id * len(SIZES_PX) + size_id, lines) == 1


@pytest.mark.parametrize("path", OTHERS)
def test_all_pairs_of_latin_characters_are_harfbuzz_s_in_other_fonts(path: str) -> None:
    faces = Faces(read_fonts([Path(path)], trust), SIZES_PX)
    letters = [c for c in LATIN if c != "\xad"]
    lines = ["".join(left + right for right in letters) for left in letters]
    assert assert_equal(PairShaper(faces), faces, 1, lines) == 1


@pytest.mark.parametrize("font_id", range(len(FONTS)), ids=[font.name for font in FONTS])
def test_words_with_ligatures_and_kerning_are_not_left_out(font_id: int) -> None:
    texts = [
        "",
        " ",
        "difficult offices fluffy",
        "AVATAR To. LT",
        "fffifl",
        "fi",
        "f",
        "12 fi (fj)",
    ]
    for size_id in range(len(SIZES_PX)):
        assert assert_equal(SHAPER, FACES, font_id * len(SIZES_PX) + size_id, texts) == 1


ANY_LINE = st.one_of(
    st.text(st.sampled_from("fiflTAVo. (1)«»To,"), max_size=12),
    st.text(st.sampled_from("aβжé 1(<)>«»‘’.-日カの「」"), max_size=12),
    st.text(
        st.sampled_from([chr(c) for font in FONTS for c in font.code_points.tolist()]), max_size=12
    ),
)


@given(st.lists(st.tuples(st.integers(0, len(FACES) - 1), ANY_LINE), max_size=12))
def test_any_lines_of_a_batch_are_harfbuzz_s(lines: list[tuple[int, str]]) -> None:
    shaped = shape(SHAPER, [face_id for face_id, _ in lines], [text for _, text in lines])
    for (face_id, text), line in zip(lines, shaped, strict=True):
        font, size_px = FACES.font_and_size(face_id)
        assert line is None or line == Slow(font.path).line(size_px, text)


@pytest.mark.skipif(not OTHERS or "CJK" not in OTHERS[-1], reason="needs Noto CJK")
@given(
    st.lists(
        st.text(st.sampled_from("日本語文字、。「」（）カタナひらが abcfi123ー々"), max_size=12)
    )
)
def test_japanese_lines_of_several_scripts_are_harfbuzz_s(texts: list[str]) -> None:
    assert assert_equal(CJK, CJK_FACES, 1, texts) == 1


@pytest.mark.skipif(not OTHERS or "CJK" not in OTHERS[-1], reason="needs Noto CJK")
@given(st.lists(st.text(st.sampled_from("한글 띄어쓰기 abc日 (「」)"), max_size=12)))
def test_korean_lines_are_harfbuzz_s(texts: list[str]) -> None:
    """A font may have a space of its own between syllables: lines with it are left out."""
    assert_equal(CJK, CJK_FACES, 1, texts)
    assert assert_equal(CJK, CJK_FACES, 1, ["띄어쓰기", "a b", "日 本"]) == 1


if OTHERS and "CJK" in OTHERS[-1]:
    CJK_FACES = Faces(read_fonts([Path(f"{OTHERS[-1]}#0")], trust), SIZES_PX)
    CJK = PairShaper(CJK_FACES)


@pytest.mark.skipif(
    not (features.check("raqm") and features.check("fribidi")), reason="needs Raqm with FriBiDi"
)
@given(st.lists(st.tuples(st.integers(0, len(FACES) - 1), ANY_LINE), max_size=6))
def test_lines_are_as_long_as_raqm_s(lines: list[tuple[int, str]]) -> None:
    shaped = shape(SHAPER, [face_id for face_id, _ in lines], [text for _, text in lines])
    for (face_id, text), line in zip(lines, shaped, strict=True):
        if line is not None and text:
            font, size_px = FACES.font_and_size(face_id)
            face = ImageFont.truetype(font.path, size_px, layout_engine=ImageFont.Layout.RAQM)
            assert face.getlength(text) == line[2] / 64


@settings(max_examples=30)  # each reads a face's tables twice
@given(st.lists(ANY_LINE, min_size=1, max_size=8), st.integers(0, len(FACES) - 1))
def test_what_was_met_before_changes_nothing(texts: list[str], face_id: int) -> None:
    one_by_one = PairShaper(FACES)
    together = shape(PairShaper(FACES), [face_id] * len(texts), texts)
    for text, line in zip(texts, together, strict=True):
        (alone,) = shape(one_by_one, [face_id], [text])
        # Which characters are complex depends on those met; what is known does not.
        assert alone is None or line is None or alone == line


@pytest.mark.parametrize(
    "text",
    [
        "e\u0301",
        "שלום",
        "a\u200bb",
        "a\u200db",
        "a\xadb",
        "a\ufe0f",
        "1\u20442",
        "ไทย",
        "कम",
        "a\tb",
    ],
)
def test_a_line_with_a_character_that_is_not_simple_is_left_out(text: str) -> None:
    dejavu = [font.name for font in FONTS].index("DejaVuSans.ttf")
    alone, beside = shape(SHAPER, [3 * dejavu] * 2, [text, "beside"])
    assert alone is None
    assert beside is not None


def test_a_line_with_an_unmapped_character_is_left_out() -> None:
    assert shape(SHAPER, [0, 0], ["a中", "a"])[0] is None


def test_a_batch_may_be_empty_or_all_unknown() -> None:
    assert shape(SHAPER, [], []) == []
    assert shape(SHAPER, [0], [""]) == [([], 0, 0)]
    assert shape(SHAPER, [0, 1], ["中", "中"]) == [None, None]


def test_starting_over_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["difficult", "AVATAR", "βωα"] * 3
    expected = shape(PairShaper(FACES), range(9), texts)
    monkeypatch.setattr(pairs, "MOST_ENTRIES", 0)
    shaper = PairShaper(FACES)
    assert [shape(shaper, [n], [text])[0] for n, text in enumerate(texts)] == expected


@given(st.lists(st.text(st.sampled_from("aбβ日の ()<«»「」1.“"), max_size=14), max_size=8))
def test_scripts_of_a_batch_are_those_of_each_line(texts: list[str]) -> None:
    characters = Characters()
    ids = characters.ids(np.array([ord(c) for text in texts for c in text], np.uint32))
    starts = seams(np.array([len(text) for text in texts], np.int64))
    runs = find_runs(characters, ids, starts)
    found = np.repeat(runs.script, np.diff(runs.starts)).tolist()
    expected = [NUMBER_OF[script] for text in texts for script in resolved_scripts(text)]
    assert found == expected
    line = np.repeat(runs.line, np.diff(runs.starts)).tolist()
    assert line == [number for number, text in enumerate(texts) for _ in text]


def test_an_opening_bracket_before_the_first_script_divides_a_line() -> None:
    """What follows its closing one is of no script, as in Raqm."""
    dejavu = [font.name for font in FONTS].index("DejaVuSans.ttf")
    texts = ["1 (a) 2", "(a) 2", "1 (a) «b» 2", "1 <a", "To (1"]
    assert assert_equal(SHAPER, FACES, 3 * dejavu, texts) == 1


def glyph_names(text: str) -> str:
    return " ".join(map(name, text))


def feature(tag: str, *rules: str) -> str:
    return f"feature {tag} {{ {' '.join(rules)} }} {tag};"


def sub(text: str, result: str) -> str:
    return f"sub {glyph_names(text)} by {glyph_names(result)};"


def pos(text: str, value: int | str) -> str:
    return f"pos {glyph_names(text)} {value};"


A_CLASS = f"[{glyph_names('ab')}]"

MADE_FONTS = {
    "ligature without a prefix": (feature("liga", sub("abc", "X")), ["abc", "ab", "aabcab"], []),
    "longest first": (feature("liga", sub("abc", "X"), sub("ab", "Y")), ["abcab", "abab"], []),
    "two lookups in order": (
        feature("liga", sub("ab", "X"), "subtable;")
        + feature("clig", "lookup L {", sub("Xc", "Y"), sub("bc", "Z"), "} L;"),
        ["abc", "bcabc", "aabcc"],
        [],
    ),
    "single substitution": (feature("locl", sub("a", "X")), ["aab", "b"], []),
    "single, then ligature": (
        feature("ccmp", "lookup A {", sub("a", "X"), "} A;", "lookup B {", sub("Xb", "Y"), "} B;"),
        ["b", "bc"],
        ["ab"],
    ),
    "context": (
        feature("calt", f"sub {name('a')} {name('b')}' {name('c')} by {name('X')};"),
        ["d"],
        ["abc"],
    ),
    "context on a ligature between two": (
        feature("ccmp", "lookup A {", sub("ab", "X"), "} A;")
        + feature("calt", f"lookup B {{ sub {name('d')} {name('X')}' by {name('Z')}; }} B;")
        + feature("liga", "lookup C {", sub("Xc", "Y"), "} C;"),
        ["c"],
        ["dabc"],
    ),
    "several for one": (feature("ccmp", f"sub {name('a')} by {glyph_names('XY')};"), ["b"], ["a"]),
    "alternates": (feature("rand", f"sub {name('a')} from [{glyph_names('XY')}];"), ["b"], ["a"]),
    "pairs": (feature("kern", pos("ab", -33), pos("ba", 77)), ["abab", "ccc"], []),
    "pairs of classes": (
        feature("kern", f"pos {A_CLASS} [{glyph_names('cd')}] -51;", pos("aa", 7)),
        ["acbd", "aadca"],
        [],
    ),
    "pairs of ligatures": (
        feature("liga", sub("ab", "X")) + feature("kern", pos("Xc", -99), pos("aX", 13)),
        ["abc", "aab", "aabc"],
        [],
    ),
    "value for the second glyph": (
        feature("kern", f"pos {name('a')} <0 0 10 0> {name('b')} <0 0 20 0>;"),
        ["c", "ba"],
        ["ab"],
    ),
    "placement": (feature("kern", f"pos {name('a')} <5 0 10 0> {name('b')};"), ["cb"], ["ab"]),
    "several lookups on a pair": (
        feature("kern", "lookup A {", pos("ab", -33), pos("ac", 5), "} A;")
        + feature("dist", "lookup B {", pos("ab", -33), pos("bc", 4), "} B;"),
        ["ac", "bc", "acbc"],
        ["ab"],
    ),
    "first subtable counts": (
        feature("kern", pos("ab", 0), f"pos {A_CLASS} {A_CLASS} 40;"),
        ["ab", "aabb"],
        [],
    ),
    "bases are passed over": (
        f"table GDEF {{ GlyphClassDef [{glyph_names('ab')}], [{glyph_names('c')}], , ; }} GDEF;"
        + feature("kern", "lookupflag IgnoreLigatures;", pos("ab", 50)),
        ["c", "b"],
        ["acb"],
    ),
    "a letter that is a mark": (
        f"table GDEF {{ GlyphClassDef [{glyph_names('ab')}], , [{glyph_names('c')}], ; }} GDEF;",
        ["ab"],
        ["ac"],
    ),
    "single position": (feature("kern", f"pos {name('a')} 50;"), ["b"], ["a"]),
    "only for a script that is not asked for": (
        "languagesystem cyrl dflt;" + feature("kern", pos("ab", 50)),
        ["ab"],
        [],
    ),
    "only for a language that is not asked for": (
        "languagesystem DFLT dflt; languagesystem latn DEU;"
        + feature("kern", "script latn; language DEU exclude_dflt;", pos("ab", 50)),
        ["ab"],
        [],
    ),
    "not on by default": (feature("dlig", sub("ab", "X")), ["ab"], []),
}


@pytest.mark.parametrize("rules", MADE_FONTS)
def test_any_rule_of_a_font_is_held_or_its_lines_are_left_out(rules: str, tmp_path: Path) -> None:
    code, known, left_out = MADE_FONTS[rules]
    faces = Faces(read_fonts([made_font(tmp_path / "made.ttf", code)], trust), SIZES_PX)
    texts = ["".join(word) for size in range(5) for word in itertools.product("abcd", repeat=size)]
    for face_id in range(len(SIZES_PX)):
        shaper = PairShaper(faces)
        assert_equal(shaper, faces, face_id, texts)
        assert [line is not None for line in shape(shaper, [face_id] * len(known), known)] == [
            True
        ] * len(known)
        assert shape(shaper, [face_id] * len(left_out), left_out) == [None] * len(left_out)


def test_kerning_of_class_0_is_held(tmp_path: Path) -> None:
    """A right glyph that no class names is kerned by what stands at 0, and ends the search."""
    path = made_font(
        tmp_path / "made.ttf", feature("kern", f"pos {A_CLASS} {A_CLASS} 40;", pos("ac", 9))
    )
    with TTFont(path) as font:
        for subtable in font["GPOS"].table.LookupList.Lookup[0].SubTable:
            for record in getattr(subtable, "Class1Record", ()):
                record.Class2Record[0].Value1.XAdvance = -60
        font.save(path)
    faces = Faces(read_fonts([path], trust), SIZES_PX)
    shaper = PairShaper(faces)
    texts = ["".join(word) for word in itertools.product("abcd", repeat=4)]
    assert assert_equal(shaper, faces, 1, texts) == 1
    (line,) = shape(shaper, [1], ["bd"])
    assert line is not None
    (_, _, _, _), (_, x_26_6, _, _) = line[0]
    assert x_26_6 < Slow(faces.fonts[0].path).line(32, "d")[2]


@given(
    rules=st.lists(
        st.one_of(
            st.tuples(
                st.just("liga"), st.text("abXY", min_size=2, max_size=3), st.sampled_from("XYZ")
            ),
            st.tuples(st.just("single"), st.sampled_from("abXY"), st.sampled_from("XYZ")),
            st.tuples(
                st.just("context"), st.text("abX", min_size=2, max_size=2), st.sampled_from("XYZ")
            ),
            st.tuples(
                st.just("kern"), st.text("abXYZ", min_size=2, max_size=2), st.sampled_from("12")
            ),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_any_rules_together_are_held_or_left_out(
    rules: list[tuple[str, str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    code = ""
    for number, (kind, text, result) in enumerate(rules):
        inside = {
            "liga": lambda text=text, result=result: sub(text, result),
            "single": lambda text=text, result=result: sub(text, result),
            "context": lambda text=text, result=result: (
                f"sub {name(text[0])} {name(text[1])}' by {name(result)};"
            ),
            "kern": lambda text=text, result=result: pos(text, 37 * int(result)),
        }[kind]()
        tag = {"liga": "liga", "single": "ccmp", "context": "calt", "kern": "kern"}[kind]
        code += feature(tag, f"lookup L{number} {{", inside, f"}} L{number};")
    path = tmp_path_factory.mktemp("made") / "made.ttf"
    faces = Faces(read_fonts([made_font(path, code)], trust), SIZES_PX)
    texts = ["".join(word) for size in range(5) for word in itertools.product("ab", repeat=size)]
    assert_equal(PairShaper(faces), faces, 1, [*texts, "XaYbZ", "aXYbbaX"])


def made_font(path: Path, code: str) -> Path:
    """Make a font of the letters a to d and X to Z, each of another width, with rules."""
    small_font(path, dict.fromkeys("abcdXYZ", BOX))
    with TTFont(path) as font:
        for number, letter in enumerate("abcdXYZ"):
            font["hmtx"][name(letter)] = (501 + 13 * number, 50)
        addOpenTypeFeaturesFromString(font, code)
        font.save(path)
    return path


def test_a_damaged_table_s_lines_are_left_out(tmp_path: Path) -> None:
    path = made_font(tmp_path / "made.ttf", feature("kern", pos("ab", 50), pos("ba", 7)))
    with TTFont(path) as font:
        data = font.reader["GPOS"]
    content = path.read_bytes()
    for cut in range(8, len(data), 5):
        damaged = data[:cut] + b"\xff" * (len(data) - cut)
        path.write_bytes(content.replace(data, damaged))
        faces = Faces(read_fonts([path], trust), SIZES_PX)
        assert_equal(PairShaper(faces), faces, 1, ["abab", "cd"])


def test_rules_that_harfbuzz_does_not_follow_are_refuted(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*arguments: Any) -> rules_module.Rules:
        found = rules_module.find_rules(*arguments)
        return replace(found, kerning=found.kerning // 2)

    monkeypatch.setattr(simple, "find_rules", wrong)
    roboto = [font.name for font in FONTS].index("RobotoCondensed-Regular.ttf")
    assert shape(PairShaper(FACES), [3 * roboto], ["AVATAR"]) == [None]


def test_every_bracket_is_paired_with_the_one_after_it() -> None:
    assert len(PAIRS) == 34
    assert list(PAIRS) == sorted(PAIRS)
    for opening, closing in zip(PAIRS[::2], PAIRS[1::2], strict=True):
        kinds = unicodedata.category(opening), unicodedata.category(closing)
        assert kinds in {("Ps", "Pe"), ("Pi", "Pf"), ("Sm", "Sm")}


def test_rules_are_read_again_for_new_glyphs_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a font lacks tells nothing new, nor does what was judged with the characters around."""
    rounds: list[int] = []

    def counted(*arguments: Any) -> Any:
        rounds.append(1)
        return rules_module.find_rules(*arguments)

    monkeypatch.setattr(simple, "find_rules", counted)
    (font,) = read_fonts([bundled_fonts() / "DejaVuSans.ttf"])
    characters = simple.SimpleFont(font).characters("Latn")
    assert characters is not None

    def met(text: str) -> int:
        characters.judge(np.array(list(map(ord, text)), np.int64))
        return len(rounds)

    assert 1 == met("a")
    assert 1 == met("zÿ—’")
    assert 1 == met("\u4e00")
    assert 1 == met("\ud55c")
