"""Lines along text: under it and through it, wherever it goes, and letters stay to be told."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from looks import Pixels, draw, fonts, maker, only

from shmtext import RunConfig, Style
from shmtext.draw.pictures import PictureMaker
from shmtext.draw.settings import RenderSettings
from shmtext.looks.along import NUM_POINTS, Coverage, LineCells

Effects = dict[str, dict[str, Any]]

SIZES = 14, 20, 32, 48
TEXTS = ["Straße gyçşąạ, Q", "Hamburgefonts", "jpqy Ģķ; İ", "minimum_x"] * 8
BENT: Effects = {"rotation": {"degrees": [-5, 5]}, "wave": {}, "margins": {}}
CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.uint8)


def added(geometry: Effects, effects: Effects, texts: list[str]) -> list[tuple[Pixels, Pixels]]:
    """Coverage of texts' ink, and what effects add to it."""
    plain, _ = draw(maker(only(**geometry), sizes=SIZES), texts)
    lined, _ = draw(maker(only(**geometry, **effects), sizes=SIZES), texts)
    assert plain.keys() == lined.keys()
    return [(~plain[at], np.asarray(cv2.subtract(plain[at], lined[at]))) for at in plain]


def straight(left: float, right: float, y: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.stack([np.linspace(left, right, NUM_POINTS), np.full(NUM_POINTS, y)], axis=1)


def num_pieces(is_in: np.ndarray[Any, np.dtype[np.bool_]]) -> int:
    return int((np.diff(is_in.astype(np.int64), prepend=0) > 0).sum())


def covered(path: Any, width_px: float, cell: Any) -> Coverage:
    """One line in one cell."""
    height, width = (np.array([side]) for side in cell.shape)
    return Coverage.of(path[None], np.array([width_px]), LineCells(np.array([0]), width, height))


@given(
    left=st.floats(-5, 35),
    length=st.floats(0.25, 40),
    y=st.floats(-3, 13),
    width_px=st.floats(0.25, 6),
)
def test_a_line_covers_of_each_pixel_as_much_as_lies_in_it(
    left: float, length: float, y: float, width_px: float
) -> None:
    cell = np.zeros((10, 30), np.uint8)
    covered(straight(left, left + length, y), width_px, cell).ink(cell, np.array([255]))
    rows, columns = np.arange(10), np.arange(30)
    down = np.minimum(rows + 1, y + width_px / 2) - np.maximum(rows, y - width_px / 2)
    across = np.minimum(columns + 1, left + length) - np.maximum(columns, left)
    share = np.clip(down, 0, 1)[:, None] * np.clip(across, 0, 1)
    assert np.abs(cell - 255 * share).max() <= 0.51


@pytest.mark.parametrize(
    ("rows", "deep_px", "expected"),
    [
        (slice(5, 30), 4, 1),  # Goes on below.
        (slice(5, 30), 9, 2),  # Not as far as it should.
        (slice(5, 24), 4, 2),  # Ends at the line.
        (slice(20, 24), 4, 2),
        (slice(23, 26), 4, 2),  # Hangs right below it.
        (slice(5, 18), 4, 1),  # Stands above it.
        (slice(28, 30), 4, 1),  # Lies far below it.
    ],
)
def test_a_line_crosses_what_goes_on_below_it_alone(
    rows: slice, deep_px: int, expected: int
) -> None:
    mask = np.zeros((40, 60), np.uint8)
    mask[rows, 28:32] = 255
    coverage = covered(straight(2, 58, 21), 2, mask)
    coverage.clear(mask, np.array([deep_px]))
    line = np.zeros_like(mask)
    coverage.ink(line, np.array([255]))
    assert num_pieces(line[20] > 0) == expected
    if expected == 2:
        assert not line[:, 26:34].any()


def test_short_pieces_between_marks_are_left_out() -> None:
    mask = np.zeros((40, 60), np.uint8)
    mask[18:24, [20, 30]] = 255
    coverage = covered(straight(2, 58, 21), 2, mask)
    coverage.clear(mask, np.array([4]))
    line = np.zeros_like(mask)
    coverage.ink(line, np.array([255]))
    assert np.flatnonzero(line[20]).tolist() == [*range(2, 18), *range(33, 58)]


@pytest.mark.parametrize("geometry", [{}, BENT])
@pytest.mark.parametrize("below", [0, 0.12, 0.2])
def test_an_underline_keeps_clear_of_ink(geometry: Effects, below: float) -> None:
    line = {"below": below, "width": 0.06, "strength": 1, "crossed": 0}
    found = added(geometry, {"underline": line}, TEXTS)
    for ink, change in found:
        near = cv2.dilate((ink >= 48).astype(np.uint8), CROSS)
        assert not change[near > 0].any()
    assert np.mean([change.max() > 100 for _, change in found]) > 0.8


@pytest.mark.parametrize("geometry", [{}, BENT])
def test_a_strike_goes_beyond_all_of_the_text_and_leaves_most_of_it(geometry: Effects) -> None:
    line = {"width": 0.1, "strength": 1, "before": 0.2, "behind": 0.2}
    found = added(geometry, {"strike_through": line}, ["nnnnnnnnn", "xwvzsxz"] * 12)
    for ink, change in found:
        columns = np.flatnonzero((ink > 128).any(axis=0))
        lined = np.flatnonzero((cv2.add(ink, change) > 64).any(axis=0))
        assert lined[0] == 0 or lined[0] < columns[0]
        assert lined[-1] == ink.shape[1] - 1 or lined[-1] > columns[-1]
        between = cv2.add(ink, change)[:, columns[0] : columns[-1] + 1]
        assert ((between > 32).any(axis=0)).all()
        assert (change > 100).sum(axis=0).max() <= 6


@pytest.mark.parametrize("text", ["l", "I1", "-", "o"])
def test_a_letter_or_two_are_not_struck_through(text: str) -> None:
    for _, change in added({}, {"strike_through": {}}, [text] * 20):
        assert not change.any()


def test_each_line_of_a_text_has_its_own() -> None:
    line = {"strength": 1, "width": 0.08, "before": 8, "behind": 8}
    look = only(underline=line)
    style = Style(font_sizes=(24,), max_chars_per_line=9)
    config = RunConfig(look=look, style=style)  # type: ignore[arg-type]
    made = PictureMaker(RenderSettings.of(config, fonts()))
    texts = ["mmmmm", "mmmmm nnnn", "vvvvv www nnnn mmmm xxx", "eee xxx aaa"] * 6
    pictures, _ = draw(made, texts)
    assert pictures.keys() == set(range(len(texts)))
    for example, picture in pictures.items():
        lines = num_pieces((picture < 200).mean(axis=1) == 1)
        assert lines == [1, 2, 3, 2][example % 4], example
        alone, _ = draw(made, [texts[example]], example)
        assert np.array_equal(alone[example], picture)


def test_what_stands_in_columns_has_no_lines() -> None:
    def pictures(look: object) -> dict[int, Pixels]:
        style = Style(font_sizes=(24,), direction="ttb")
        config = RunConfig(look=look, style=style)  # type: ignore[arg-type]
        return draw(PictureMaker(RenderSettings.of(config, fonts())), TEXTS[:6])[0]

    plain, lined = pictures(only()), pictures(only(underline={}, strike_through={}))
    assert plain.keys() == lined.keys() == set(range(6))
    for example in plain:
        assert np.array_equal(plain[example], lined[example])
