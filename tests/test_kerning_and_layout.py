"""Glyphs of many texts are kerned and placed as one text after the other would be."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

import numpy as np
import pytest
from drawing import BUNDLED, LATIN_1, SANS, font_file
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from shmtext.draw import kerning
from shmtext.draw.characters import CharacterTable
from shmtext.draw.faces import Faces
from shmtext.draw.kerning import NOT_HELD, NOT_KERNED, KerningTable
from shmtext.draw.layout import ControlBoxes, Paragraphs, Placement, place
from shmtext.draw.shape.runs import GlyphRun

KERNED = tuple(path for path in BUNDLED if font_file(path).kern_pairs.size)


@dataclass(frozen=True)
class Glyph:
    x_26_6: int
    left: int
    least_left: int
    right: int
    least_right: int
    top: int
    bottom: int


@dataclass(frozen=True)
class Line:
    glyphs: list[Glyph]
    furthest_26_6: int
    end_26_6: int


@dataclass(frozen=True)
class Text:
    lines: list[Line]
    line_px: int
    pitch_px: int
    is_flush_right: bool


def glyph_of(x_26_6: int, sides: tuple[int, int], unknown: tuple[int, int], top: int) -> Glyph:
    (left, right), (beyond_left, beyond_right) = sides, unknown
    return Glyph(x_26_6, left - beyond_left, left, right + beyond_right, right, top, top + 30)


UNKNOWN = st.sampled_from([(0, 0), (0, 0), (0, 0), (3, 0), (0, 5)])
"""How far sides may be beyond where they are at least."""
GLYPHS = st.builds(
    glyph_of,
    st.integers(-300, 6_000),
    st.tuples(st.integers(-9, 4), st.integers(0, 40)),
    UNKNOWN,
    st.integers(-5, 10),
)
LINES = st.builds(
    Line, st.lists(GLYPHS, max_size=5), st.integers(0, 5_000), st.integers(-100, 5_000)
)
TEXTS = st.builds(
    Text,
    st.lists(LINES, min_size=1, max_size=4),
    st.integers(10, 40),
    st.integers(1, 60),
    st.booleans(),
)
"""Lines, and all of a text's lines, may be without a glyph."""


def arrays(texts: list[Text]) -> tuple[GlyphRun, ControlBoxes, Paragraphs]:
    lines = [line for text in texts for line in text.lines]
    glyphs = [glyph for line in lines for glyph in line.glyphs]

    def column(name: str) -> NDArray[np.int64]:
        return np.array([getattr(glyph, name) for glyph in glyphs], np.int64)

    run = GlyphRun(
        glyph=np.zeros(len(glyphs), np.int32),
        x_26_6=column("x_26_6"),
        y_26_6=np.zeros(len(glyphs), np.int64),
        cluster=np.zeros(len(glyphs), np.int64),
        line_starts=np.cumsum([0, *(len(line.glyphs) for line in lines)]),
        furthest_26_6=np.array([line.furthest_26_6 for line in lines]),
        end_26_6=np.array([line.end_26_6 for line in lines]),
    )
    sides = ("left", "right", "least_left", "least_right", "top", "bottom")
    boxes = ControlBoxes(*(column(name).astype(np.int32) for name in sides))
    paragraphs = Paragraphs(
        text_lines=np.cumsum([0, *(len(text.lines) for text in texts)]),
        line_px=np.array([text.line_px for text in texts]),
        pitch_px=np.array([text.pitch_px for text in texts]),
        is_flush_right=np.array([text.is_flush_right for text in texts]),
    )
    return run, boxes, paragraphs


def place_slowly(text: Text) -> tuple[list[int], list[int], bool]:
    """One text, glyph by glyph: pens, the canvas, and whether it is certain."""
    ends = [math.ceil(line.end_26_6 / 64) for line in text.lines]
    pens, lefts, rights, most_left, most_right = [], [0], [0], [0], [0]
    for line, end in zip(text.lines, ends, strict=True):
        shift = max(ends) - end if text.is_flush_right else 0
        rights += [end + shift, math.floor(line.furthest_26_6 / 64 + 0.5) + shift]
        for glyph in line.glyphs:
            pens.append(math.floor(glyph.x_26_6 / 64 + 0.5) + shift)
            lefts.append(pens[-1] + glyph.least_left)
            rights.append(pens[-1] + glyph.least_right)
            most_left.append(pens[-1] + glyph.left)
            most_right.append(pens[-1] + glyph.right)
    tops, bottoms = [0], [0]
    for number, line in enumerate(text.lines):
        tops += [number * text.pitch_px + glyph.top for glyph in line.glyphs]
        bottoms += [number * text.pitch_px + glyph.bottom for glyph in line.glyphs]
        bottoms.append(number * text.pitch_px + text.line_px)
    canvas = [min(lefts), max(rights), min(tops), max(bottoms)]
    return pens, canvas, max(most_right) <= max(rights) and min(most_left) >= min(lefts)


@given(st.lists(TEXTS, min_size=1, max_size=5))
def test_texts_laid_out_together_lie_as_they_do_one_by_one(texts: list[Text]) -> None:
    found = place(*arrays(texts))
    slow = list(map(place_slowly, texts))

    assert [pen for pens, _, _ in slow for pen in pens] == found.pen_px.tolist()
    assert [canvas for _, canvas, _ in slow] == _canvases(found)
    assert [is_certain for _, _, is_certain in slow] == found.is_certain.tolist()


def _canvases(found: Placement) -> list[list[int]]:
    columns = (found.left, found.right, found.top, found.bottom)
    return np.column_stack(columns).tolist()  # type: ignore[no-any-return]


def test_two_glyphs_by_hand() -> None:
    """The first is 10.5 px wide and begins a pixel to the left; the second's ink ends at 24."""
    j = Glyph(0, left=-1, least_left=-1, right=11, least_right=9, top=2, bottom=16)
    f = Glyph(10 * 64 + 32, left=-2, least_left=-2, right=13, least_right=13, top=0, bottom=19)
    found = place(*arrays([Text([Line([j, f], 18 * 64 + 32, 18 * 64 + 32)], 16, 16, False)]))

    assert [0, 11] == found.pen_px.tolist()
    assert [[-1, 24, 0, 19]] == _canvases(found)
    assert found.is_certain.all()


def test_lines_of_a_paragraph_from_right_to_left_end_where_the_longest_does() -> None:
    """Lines of 10.5 and 4 px, the second of which begins 7 px to the right."""
    a = Glyph(0, left=-2, least_left=-2, right=4, least_right=4, top=0, bottom=10)
    lines = [Line([a], 10 * 64 + 32, 10 * 64 + 32), Line([a], 4 * 64, 4 * 64), Line([], 0, 0)]
    found = place(*arrays([Text(lines, 16, 16, True), Text(lines, 16, 16, False)]))

    assert [0, 7, 0, 0] == found.pen_px.tolist()
    assert [[-2, 11, 0, 48]] * 2 == _canvases(found)


# -- kerning -----------------------------------------------------------------------------------


class Measured:
    """Faces, the characters met so far, and their kerning."""

    def __init__(self, *sizes_px: int) -> None:
        self.faces = Faces(tuple(map(font_file, BUNDLED)), sizes_px)
        self.characters = CharacterTable(self.faces.fonts)
        self.kerning = KerningTable(self.faces)

    def kern_ids(self, text: str) -> NDArray[np.int64]:
        ids = self.characters.ids(np.array([ord(c) for c in text], np.uint32))
        return self.kerning.kern_ids(ids, self.characters)

    def after(self, face_id: int, text: str) -> list[int]:
        """Kerning after each character but the last, in 64ths of a pixel."""
        kern_ids = self.kern_ids(text)
        face_ids = np.full(len(text) - 1, face_id)
        self.kerning.measure(np.array([face_id]), self.characters)
        return self.kerning.values(face_ids, kern_ids[:-1], kern_ids[1:]).tolist()


def by_pillow(faces: Faces, face_id: int, pair: str) -> int:
    face = faces.get(face_id)
    apart = sum(face.getlength(character) for character in pair)
    return round((face.getlength(pair) - apart) * 64)


@pytest.mark.parametrize("size_px", [9, 32, 200])
def test_kerning_is_what_pillow_adds_between_two_characters(size_px: int) -> None:
    measured, rng = Measured(size_px), random.Random(size_px)
    for face_id in range(len(BUNDLED)):
        text = "".join(rng.choices(LATIN_1, k=120)) + "AVAToTeLTyr.P,"
        if measured.kerning.kerned[face_id]:
            assert [
                by_pillow(measured.faces, face_id, text[at : at + 2]) for at in range(len(text) - 1)
            ] == measured.after(face_id, text)


def test_faces_without_a_kern_table_are_known_not_to_kern() -> None:
    measured = Measured(32)

    assert [path in KERNED for path in BUNDLED] == measured.kerning.kerned.tolist()
    for face_id in np.flatnonzero(~measured.kerning.kerned).tolist():
        assert {0} == {by_pillow(measured.faces, face_id, pair) for pair in ("AV", "To", "P,")}


def test_there_is_kerning_to_be_measured() -> None:
    measured, face_id = Measured(32), BUNDLED.index(SANS)

    assert by_pillow(measured.faces, face_id, "AV") < 0
    assert [by_pillow(measured.faces, face_id, "AV")] == measured.after(face_id, "AV")


def test_characters_met_later_are_kerned_with_those_met_before() -> None:
    measured, face_id = Measured(32), BUNDLED.index(SANS)
    for text in ("AV", "Ty", "LT", "VA", "yA", "".join(map(chr, range(0x21, 0x17F))), "VT"):
        expected = [
            by_pillow(measured.faces, face_id, text[at : at + 2]) for at in range(len(text) - 1)
        ]
        held = measured.kern_ids(text) != NOT_HELD

        assert [
            value
            for value, left, right in zip(expected, held[:-1], held[1:], strict=True)
            if left and right
        ] == [
            value
            for value, left, right in zip(
                measured.after(face_id, text), held[:-1], held[1:], strict=True
            )
            if left and right
        ]


def test_characters_that_no_font_kerns_are_told_apart() -> None:
    # A private-use character stands in no kern table.
    assert [NOT_KERNED] == Measured(32).kern_ids("\ue000").tolist()


def test_characters_beyond_the_bound_are_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kerning, "MOST_CHARACTERS", 66)
    kern_ids = Measured(32).kern_ids(LATIN_1)

    assert NOT_HELD in kern_ids
    held = kern_ids[kern_ids > 0]
    assert list(range(1, 66)) == sorted(set(held.tolist()))
