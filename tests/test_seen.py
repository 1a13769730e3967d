"""A text is drawn together with others only if all of it can be seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from drawing import both_layouts, check_equality, draw, picture_maker
from hypothesis import given
from hypothesis import strategies as st
from small_fonts import BOX, HAIR, NOTHING, small_font

from shmtext.draw.seen import unseen_characters

CHARACTERS = st.tuples(st.booleans(), st.lists(st.booleans(), max_size=3))
"""Whether a character is blank, and which of its glyphs have ink; none if it is part of a cluster
that began before."""
LINES = st.lists(st.lists(CHARACTERS, max_size=6), min_size=1, max_size=4)


def unseen_slowly(line: list[tuple[bool, list[bool]]]) -> list[bool]:
    """One line, cluster by cluster: a character with a glyph begins one, and so does the first."""
    clusters: list[list[int]] = []
    for at, (_, glyphs) in enumerate(line):
        if glyphs or not clusters:
            clusters.append([])
        clusters[-1].append(at)
    has_ink = {at: any(any(line[each][1]) for each in own) for own in clusters for at in own}
    return [not (is_blank or has_ink[at]) for at, (is_blank, _) in enumerate(line)]


@given(LINES, st.randoms(use_true_random=False))
def test_unseen_characters_are_those_of_clusters_without_ink(
    lines: list[list[tuple[bool, list[bool]]]], rng: object
) -> None:
    characters = [character for line in lines for character in line]
    glyphs = [(at, ink) for at, (_, inks) in enumerate(characters) for ink in inks]
    rng.shuffle(glyphs)  # type: ignore[attr-defined]
    found = unseen_characters(
        np.array([at for at, _ in glyphs], np.int64),
        np.array([ink for _, ink in glyphs], np.bool_),
        np.array([is_blank for is_blank, _ in characters], np.bool_),
        np.cumsum([0, *map(len, lines)]),
    )

    assert [each for line in lines for each in unseen_slowly(line)] == found.tolist()


def test_a_ligature_is_seen_and_a_letter_whose_glyph_is_empty_is_not() -> None:
    """Characters: a ligature of three, a letter without ink, a space, a letter that lacks a glyph
    at the beginning of the second line."""
    found = unseen_characters(
        np.array([0, 3, 4, 6]),
        np.array([True, False, False, True]),
        np.array([False, False, False, False, True, False, False]),
        np.array([0, 5, 7]),
    )

    assert [False, False, False, True, False, True, False] == found.tolist()


@both_layouts
@pytest.mark.parametrize("size_px", [16, 40])
def test_a_text_with_a_character_that_has_no_ink_at_its_size_is_skipped(
    tmp_path: Path, layout: str, size_px: int
) -> None:
    """A line of a 100th of an em has none below 150 px; a space is due none."""
    path = small_font(tmp_path / "thin.ttf", {"l": HAIR, "b": BOX, " ": NOTHING})
    maker = picture_maker([path], font_sizes=[size_px], layout=layout)
    drawing = draw(maker, ["b b", "bl", "b\nl", "b\n\n b"])

    reason = f"U+006C l leaves no ink in thin.ttf at {size_px} px"
    assert {1: reason, 2: reason} == drawing.reasons
    assert set() == drawing.failed
    assert 2 == check_equality(drawing)
    assert 0 == drawing.num_alone
