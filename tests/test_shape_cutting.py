"""Lines cut all at once are shaped as whole ones, and ordered as python-bidi orders them."""

import random
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import uharfbuzz as hb
from hypothesis import given, settings
from hypothesis import strategies as st

from shmtext.corpus.ranges import seams
from shmtext.draw.faces import Faces, bundled_fonts, find_font_files, read_fonts
from shmtext.draw.shape import words
from shmtext.draw.shape.cutting import Properties
from shmtext.draw.shape.levels import class_number, levels_of, visual_order
from shmtext.draw.shape.order import visual_runs
from shmtext.draw.shape.runs import GlyphRun
from shmtext.draw.shape.spaces import AtSpaces, free_beginners
from shmtext.draw.shape.words import Shaped, Shaper

FONTS = (
    *("DejaVuSans.ttf", "LiberationSerif-Italic.ttf", "Amiri-Regular.ttf", "FreeSerif.otf"),
    *("Lohit-Devanagari.ttf", "NotoNaskhArabic-Regular.ttf", "NotoNastaliqUrdu-Regular.ttf"),
    *("KacstOne.ttf", "Garuda.ttf", "NotoSansKhmer-Regular.ttf"),
)
SYSTEM = Path("/usr/share/fonts")

ALPHABET = "abאגעم١٢12+-,.:/%٪$!()[]{}«» \u3000\t\u0300\u0301\u05b0\u064b\u200d،\u0712"
lines = st.lists(st.tuples(st.text(ALPHABET, min_size=1), st.booleans()), min_size=1, max_size=8)

SIGNS = [
    *("CPU", "(2024)", "[A4]", "50%", "1,000.50", "(HDMI", "-", "«x»", "\u0661\u0662", "(", ")"),
    *("2)", "‘A’", "\u0301", "\u064b", "\u05b0", "،", "\u200d", "\u200c", "ـ", "ك", "ة", "To"),
    *("كتاب", "مدرسة", "سلة", "עין", "שלום", "עולם", "AVATAR", "हिन्दी", "क्षत्रियों", "में"),
    *("ภาษา", "ไทย", "\u0e33", "ភាសា"),
]


@cache
def font_paths() -> list[Path]:
    folders = [bundled_fonts(), *filter(Path.is_dir, [SYSTEM])]
    known = {path.name: path for path in reversed(list(find_font_files(folders)))}
    return [known[name] for name in FONTS if name in known]


def random_texts(characters: list[str], num_texts: int) -> list[str]:
    rng = random.Random(0)
    known = [sign for sign in SIGNS if set(characters).issuperset(sign)]
    texts = []
    for _ in range(num_texts):
        parts = rng.choices(known, k=rng.randint(1, 6)) if known else []
        parts += rng.choices(characters, k=rng.choice((0, 0, 1, 3)))
        rng.shuffle(parts)
        texts.append(rng.choice((" ", " ", "  ", "")).join(parts))
    return texts


def shape(shaper: Shaper, texts: list[str], is_rtl: list[bool]) -> Shaped:
    codes = np.frombuffer("".join(texts).encode("utf-32-le"), np.uint32)
    starts = seams(np.array([len(text) for text in texts], np.int64))
    return shaper.lines(np.zeros(len(texts), np.int64), codes, starts, np.array(is_rtl, bool))


@pytest.mark.parametrize("path", font_paths(), ids=lambda path: path.name)
def test_pieces_of_lines_come_to_what_whole_items_do(path, monkeypatch):
    fonts = read_fonts([path])
    texts = random_texts(list(map(chr, fonts[0].code_points.tolist())), 400)
    is_rtl = [number % 3 == 0 for number in range(len(texts))]
    found = shape(Shaper(Faces(fonts, (17,))), texts, is_rtl)
    cut = Properties.cut

    def leave_all(self, codes, starts, rtl, may_cut):
        pieces, _ = cut(self, codes[:0], starts[:1], rtl[:0], may_cut)
        return pieces, np.arange(rtl.size)

    monkeypatch.setattr(Properties, "cut", leave_all)
    monkeypatch.setattr(words, "_cuts", lambda _text, item, _spaces: [item.start, item.stop])
    whole = shape(Shaper(Faces(fonts, (17,))), texts, is_rtl)
    for name in GlyphRun.__slots__:
        np.testing.assert_array_equal(getattr(found.run, name), getattr(whole.run, name), name)
    np.testing.assert_array_equal(found.circled, whole.circled)


@settings(max_examples=300)
@given(lines)
def test_levels_order_lines_as_python_bidi_does(cases):
    texts, is_rtl = [text for text, _ in cases], [rtl for _, rtl in cases]
    classes = np.array([class_number(each) for text in texts for each in text], np.uint8)
    starts = seams(np.array([len(text) for text in texts], np.int64))
    levels = levels_of(classes, starts, np.array(is_rtl))
    runs = visual_runs(texts, is_rtl)
    for line in np.flatnonzero(levels.is_known).tolist():
        level = levels.level[starts[line] : starts[line + 1]]
        bounds = np.flatnonzero(np.diff(level, prepend=9, append=9))
        order = visual_order(level[bounds[:-1]], np.zeros(bounds.size - 1, np.int64))
        of_line = runs.line == line
        assert bounds[:-1][order].tolist() == runs.start[of_line].tolist()
        assert bounds[1:][order].tolist() == runs.stop[of_line].tolist()
        assert (level[bounds[:-1]][order] % 2 == 1).tolist() == runs.is_rtl[of_line].tolist()


def test_lines_with_what_is_rare_are_left_to_python_bidi():
    texts = ["a א", "א\u200dב", "(\u0301א", "《א", "a\tא"]
    classes = np.array([class_number(each) for text in texts for each in text], np.uint8)
    starts = seams(np.array([len(text) for text in texts], np.int64))
    known = levels_of(classes, starts, np.zeros(len(texts), np.bool_)).is_known
    assert known.tolist() == [True, False, False, False, False]


def test_a_rule_about_a_space_and_marks_lets_words_begin_with_letters():
    face = hb.Face(hb.Blob.from_file_path(bundled_fonts() / "DejaVuSans.ttf"))
    at_spaces = AtSpaces(face)
    assert not at_spaces.is_free
    codes = np.array(list(map(ord, "مשa1\u064b")))
    assert at_spaces.are_free(codes).tolist() == [True, True, True, False, False]


@pytest.mark.parametrize(
    ("name", "free", "not_free"),
    [
        # Amiri kerns kaf behind a word that ends in heh, and the space between them.
        ("Amiri-Regular.ttf", "مبع", "كـ"),
        ("LiberationSerif-Italic.ttf", "xn", "ATV"),
    ],
)
def test_letters_that_a_rule_reaches_across_a_space_are_no_free_beginners(name, free, not_free):
    path = next((path for path in font_paths() if path.name == name), None)
    if path is None:
        pytest.skip(f"{name} is not on this machine")
    found = set(map(chr, free_beginners(hb.Face(hb.Blob.from_file_path(path))).tolist()))
    assert found.issuperset(free)
    assert found.isdisjoint(not_free)
