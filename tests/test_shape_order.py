import ctypes
import ctypes.util
import unicodedata
from itertools import groupby, pairwise

import numpy as np
import pytest
from bidi import get_display
from hypothesis import given, settings
from hypothesis import strategies as st

from shmtext.draw.shape.order import Runs, base_direction, may_turn, visual_runs

# Some of every class but explicit embeddings and isolates, and of class BN what joins letters.
ALPHABET = "abאגעם١٢12+-,.:/%٪$!()[]<>«» \u3000\t\u2028\u0300\u0301\u05b0\u064b\u200c\u200d،\u0712"
lines = st.lists(st.tuples(st.text(ALPHABET, max_size=14), st.booleans()), max_size=5)

FRIBIDI_LTR, FRIBIDI_RTL = 0x110, 0x111
fribidi_path = ctypes.util.find_library("fribidi")


def runs_of(cases: list[tuple[str, bool]]) -> list[list[tuple[int, int, bool]]]:
    runs = visual_runs([text for text, _ in cases], [is_rtl for _, is_rtl in cases])
    found: list[list[tuple[int, int, bool]]] = [[] for _ in cases]
    columns = (runs.line, runs.start, runs.stop, runs.is_rtl)
    for line, start, stop, is_rtl in zip(*(column.tolist() for column in columns), strict=True):
        found[line].append((start, stop, is_rtl))
    return found


def fribidi_runs(text: str, is_rtl: bool) -> list[tuple[int, int, bool]]:
    """Runs as Raqm makes them of FriBiDi's levels."""
    library = ctypes.CDLL(fribidi_path)
    numbers = ctypes.c_uint32 * len(text)
    codes, types, brackets = numbers(*map(ord, text)), numbers(), numbers()
    levels = (ctypes.c_int8 * len(text))()
    library.fribidi_get_bidi_types(codes, len(text), types)
    library.fribidi_get_bracket_types(codes, len(text), types, brackets)
    paragraph = ctypes.c_uint32(FRIBIDI_RTL if is_rtl else FRIBIDI_LTR)
    library.fribidi_get_par_embedding_levels_ex(
        types, brackets, len(text), ctypes.byref(paragraph), levels
    )
    of_each = list(levels)
    end = len(text.rstrip("".join(c for c in ALPHABET if unicodedata.bidirectional(c) in BLANK)))
    of_each[end:] = [int(is_rtl)] * (len(text) - end)
    runs = []
    for level, group in groupby(range(len(text)), key=of_each.__getitem__):
        places = list(group)
        runs.append((places[0], places[-1] + 1, level))
    for level in range(max(of_each), 0, -1):
        reordered = []
        for is_turned, turned in groupby(runs, key=lambda run: run[2] >= level):
            reordered += list(turned)[:: -1 if is_turned else 1]
        runs = reordered
    return [(start, stop, level % 2 == 1) for start, stop, level in runs]


BLANK = ("BN", "WS")


def joiner_follows_tab(text: str) -> bool:
    """Where python-bidi and FriBiDi differ in what level an invisible character has."""
    return any(a == "\t" and b in "\u200c\u200d" for a, b in pairwise(text))


def mark_follows_neutral(text: str) -> bool:
    """Where FriBiDi alone resolves brackets behind by what is in them: python-bidi does not."""
    pairs = pairwise(without_joiners(text))
    return any(unicodedata.bidirectional(a) == "ON" and unicodedata.combining(b) for a, b in pairs)


@pytest.mark.skipif(not fribidi_path, reason="FriBiDi is not on this machine")
@settings(max_examples=400)
@given(lines)
def test_runs_are_those_that_fribidi_finds(cases):
    cases = [
        (text, is_rtl)
        for text, is_rtl in cases
        if not joiner_follows_tab(text) and not mark_follows_neutral(text)
    ]
    assert runs_of(cases) == [fribidi_runs(*case) if case[0] else [] for case in cases]


@given(lines)
def test_characters_in_order_of_runs_are_what_python_bidi_shows(cases):
    """But for joiners, which are seen by nobody: at a line's end the two libraries differ.

    So they do on a tab between letters that are read the other way: UAX 9's rule L1 gives it its
    paragraph's level, as FriBiDi does, and python-bidi theirs.
    """
    cases = [(text.replace("\t", ""), is_rtl) for text, is_rtl in cases]
    for (text, is_rtl), runs in zip(cases, runs_of(cases), strict=True):
        shown = "".join(text[start:stop][:: -1 if turned else 1] for start, stop, turned in runs)
        expected = get_display(text, base_dir="R" if is_rtl else "L")
        assert without_joiners(shown) == without_joiners(expected)


def without_joiners(text: str) -> str:
    return text.replace("\u200c", "").replace("\u200d", "")


def test_a_joiner_at_the_end_has_the_level_of_its_paragraph():
    """As FriBiDi says; python-bidi lets it go with the digit."""
    assert runs_of([("1\u200c", True)]) == [[(1, 2, True), (0, 1, False)]]


@given(lines)
def test_lines_put_in_order_together_come_out_as_each_by_itself(cases):
    assert runs_of(cases) == [runs_of([case])[0] for case in cases]


@given(st.text(ALPHABET))
def test_what_may_not_turn_is_one_run(text):
    if text and not may_turn(text):
        assert runs_of([(text, False)]) == [[(0, len(text), False)]]


def test_a_line_may_hold_the_characters_that_serve_as_labels():
    text = "a\U000e0020\u05d0\U000e007f"
    assert runs_of([(text, False)]) == [[(0, 2, False), (2, 3, True), (3, 4, False)]]


def test_long_lines_are_put_in_order_whole():
    text = "אב" * 30_000
    assert runs_of([(text, True)]) == [[(0, 60_000, True)]]


def test_arabic_numbers_behind_latin_letters_are_a_run_of_their_own():
    assert runs_of([("ab\u0661\u0662", False)]) == [[(0, 2, False), (2, 4, False)]]


def test_no_lines_have_no_runs():
    assert all(np.size(column) == 0 for column in columns_of(visual_runs([], [])))


def columns_of(runs: Runs):
    return runs.line, runs.start, runs.stop, runs.is_rtl


@pytest.mark.parametrize(
    ("text", "is_rtl"), [("", False), ("12", False), ("(12) א a", True), ("a א", False)]
)
def test_a_paragraph_goes_where_its_first_strong_character_goes(text, is_rtl):
    assert base_direction(text) == is_rtl
