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
from shmtext.draw.layout import ControlBoxes, GlyphRun, Placement, place

KERNED = tuple(path for path in BUNDLED if font_file(path).kern_pairs.size)


@dataclass(frozen=True)
class Glyph:
    advance_26_6: int
    left: int
    right: int
    is_hidden: bool
    top: int
    bottom: int


GLYPHS = st.builds(
    Glyph,
    st.integers(-200, 2_000),
    st.integers(-9, 0),
    st.integers(0, 40),
    st.booleans(),
    st.integers(-5, 10),
    st.integers(10, 45),
)
LINES = st.lists(GLYPHS, max_size=5)
TEXTS = st.lists(LINES, min_size=1, max_size=4).filter(any)
"""No text is empty, some of its lines may be."""


def arrays(texts: list[list[list[Glyph]]], line_px: list[int]) -> tuple[GlyphRun, ControlBoxes]:
    glyphs = [glyph for lines in texts for line in lines for glyph in line]

    def column(name: str) -> NDArray[np.int64]:
        return np.array([getattr(glyph, name) for glyph in glyphs])

    run = GlyphRun(
        advance_26_6=column("advance_26_6"),
        line_starts=np.cumsum([0, *(len(line) for lines in texts for line in lines)]),
        text_lines=np.cumsum([0, *map(len, texts)]),
        line_px=np.array(line_px),
    )
    boxes = ControlBoxes(
        left=column("left").astype(np.int32),
        right=column("right").astype(np.int32),
        right_is_hidden=column("is_hidden").astype(np.bool_),
        top=column("top").astype(np.int32),
        bottom=column("bottom").astype(np.int32),
    )
    return run, boxes


def place_slowly(lines: list[list[Glyph]], line_px: int) -> tuple[list[int], list[int], bool]:
    """One text, glyph by glyph: pens, the canvas, and whether it is certain."""
    pens, lefts, rights, boxes = [], [0], [0], [0]
    for line in lines:
        pen = 0
        for number, glyph in enumerate(line):
            pens.append(math.floor(pen / 64 + 0.5))
            lefts.append(pens[-1] + glyph.left)
            pen += glyph.advance_26_6
            is_last = number == len(line) - 1
            end = math.ceil(pen / 64) if is_last else math.floor(pen / 64 + 0.5)
            boxes.append(pens[-1] + glyph.right)
            rights.append(end if glyph.is_hidden else max(end, boxes[-1]))
    tops = [glyph.top for line in lines for glyph in line]
    bottoms = [glyph.bottom for line in lines for glyph in line]
    top, below = min(0, *tops), max(0, max(bottoms) - line_px)
    canvas = [min(lefts), max(rights), top, len(lines) * line_px + below]
    leaves_line = top < 0 or below > 0
    is_certain = max(boxes) <= max(rights) and not (leaves_line and len(lines) > 1)
    return pens, canvas, is_certain


@given(st.lists(TEXTS, min_size=1, max_size=5), st.integers(10, 40))
def test_texts_laid_out_together_lie_as_they_do_one_by_one(
    texts: list[list[list[Glyph]]], line_px: int
) -> None:
    heights = [line_px + number for number in range(len(texts))]
    found = place(*arrays(texts, heights))
    slow = [place_slowly(lines, height) for lines, height in zip(texts, heights, strict=True)]

    assert [pen for pens, _, _ in slow for pen in pens] == found.pen_px.tolist()
    assert [canvas for _, canvas, _ in slow] == _canvases(found)
    assert [is_certain for _, _, is_certain in slow] == found.is_certain.tolist()


def _canvases(found: Placement) -> list[list[int]]:
    columns = (found.left, found.right, found.top, found.bottom)
    return np.column_stack(columns).tolist()  # type: ignore[no-any-return]


def test_two_glyphs_by_hand() -> None:
    """The first is 10.5 px wide and begins a pixel to the left; the second's ink ends at 24."""
    j = Glyph(10 * 64 + 32, -1, 11, is_hidden=True, top=2, bottom=19)
    f = Glyph(8 * 64, -2, 13, is_hidden=False, top=0, bottom=15)
    found = place(*arrays([[[j, f]]], [16]))

    assert [0, 11] == found.pen_px.tolist()
    assert [[-1, 24, 0, 19]] == _canvases(found)
    assert found.is_certain.all()


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
