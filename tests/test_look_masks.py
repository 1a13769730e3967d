"""Effects on masks: letters stay what they were, by a slow labelling of their pieces and holes."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from looks import draw, fonts, maker, only
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from shmtext.looks.narrow import LEAST, MOST, MOST_OF_GAPS
from shmtext.looks.topology import has_same_letters
from shmtext.looks.unevenness import (
    PLACE_BITS,
    SIDES_PX,
    SIZES_PX,
    _field,
    _window,
    below,
    grain,
)
from shmtext.looks.weight import grown

Pixels = NDArray[np.uint8]
Labels = NDArray[np.int32]

LEVELS = 64, 128
SIZES = 12, 14, 20, 32, 48, 64
TEXTS = [
    "Straße 1234",
    "minimum rn m",
    "eaegs &@%8B",
    "Quick 0OQ fox",
    "İiIl|.,;:'\"",
    "ffi cl d ###",
]


def pieces(ink: NDArray[np.bool_]) -> tuple[Labels, Labels]:
    """Labels of pieces of ink, and of what is around them, from 1 on."""
    padded = np.pad(ink, 1).astype(np.uint8)
    _, of_ink = cv2.connectedComponents(padded, connectivity=8, ltype=cv2.CV_32S)
    _, of_rest = cv2.connectedComponents(1 - padded, connectivity=4, ltype=cv2.CV_32S)
    return np.asarray(of_ink, np.int32), np.asarray(of_rest, np.int32)


def counts(mask: Pixels, level: int) -> tuple[int, int]:
    of_ink, of_rest = pieces(mask >= level)
    return int(of_ink.max()), int(of_rest.max())


def each_holds_one(large: Labels, small: Labels) -> bool:
    """Whether every piece of the larger of two sets holds just one of the smaller."""
    pairs = np.unique(np.stack([large, small])[:, small > 0], axis=1)
    return bool(np.array_equal(pairs[0], np.arange(1, int(large.max()) + 1)))


def is_same(before: Pixels, after: Pixels) -> bool:
    for level in LEVELS:
        first, last = before >= level, after >= level
        ink_of_small, rest_of_small = pieces(first & last)
        ink_of_large, rest_of_large = pieces(first | last)
        if not each_holds_one(ink_of_large, ink_of_small):
            return False
        if not each_holds_one(rest_of_small, rest_of_large):
            return False
    return True


@cache
def masks() -> list[Pixels]:
    """Texts in all bundled fonts and several sizes: hairlines, scripts, fat ones."""
    made = []
    for number, (font, size) in enumerate((f, s) for f in fonts() for s in SIZES):
        face = ImageFont.truetype(str(font.path), size)
        text = TEXTS[number % len(TEXTS)]
        left, top, right, bottom = map(int, face.getbbox(text))
        picture = Image.new("L", (right - left + 6, bottom - top + 6))
        ImageDraw.Draw(picture).text((3 - left, 3 - top), text, font=face, fill=255)
        made.append(np.asarray(picture))
    return made


def blots(seed: int, shape: tuple[int, int], share: float) -> Pixels:
    """Blots of ink with pieces and holes of all sizes."""
    noise = np.random.default_rng(seed).random(shape) < share
    blurred = cv2.blur(noise.astype(np.uint8) * 255, (2, 2))
    return np.ascontiguousarray(blurred)


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    height=st.integers(1, 20),
    widths=st.lists(st.integers(1, 140), min_size=1, max_size=5),
    share=st.floats(0, 1),
    num_pixels=st.integers(0, 12),
)
def test_letters_are_the_same_where_pieces_and_holes_match_one_to_one(
    seed: int, height: int, widths: list[int], share: float, num_pixels: int
) -> None:
    rng = np.random.default_rng(seed)
    before, after = [], []
    for number, width in enumerate(widths):
        mask = blots(seed + number, (height + number, width), share)
        changed = mask.copy()
        places = rng.integers(0, changed.size, num_pixels)
        changed.reshape(-1)[places] = 255 if rng.random() < 0.5 else 0
        before.append(mask)
        after.append(changed)
    found = has_same_letters(before, after).tolist()
    assert found == [is_same(*pair) for pair in zip(before, after, strict=True)]


@pytest.mark.parametrize("radius", [1, 2])
@pytest.mark.parametrize("is_fatter", [True, False])
def test_letters_made_much_fatter_or_thinner_are_told_from_what_they_were(
    radius: int, *, is_fatter: bool
) -> None:
    square = np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)
    change = cv2.dilate if is_fatter else cv2.erode
    after = [np.asarray(change(mask, square), np.uint8) for mask in masks()]
    found = has_same_letters(masks(), after).tolist()
    assert found == [is_same(*pair) for pair in zip(masks(), after, strict=True)]
    assert sum(found) < len(found)


def test_a_bowl_that_closes_while_an_opening_becomes_one_is_told() -> None:
    """As many pieces and holes as before, and another letter."""
    before = np.zeros((11, 9), np.uint8)
    before[1:10, 1:8] = 255
    before[2:3, 2:7] = 0  # a hole, one pixel high
    before[5:8, 4:9] = 0  # a bay that is open to the right
    after = before.copy()
    after[2:3, 2:7] = 255
    after[5:8, 7] = 255
    assert [counts(before, 128), counts(after, 128)] == [(1, 2)] * 2
    assert has_same_letters([before], [after]).tolist() == [False]


def test_tables_of_narrow_places_lead_across_no_level() -> None:
    coverage = np.arange(256)
    gaps = 255 - MOST_OF_GAPS[255 - coverage]
    assert (MOST >= coverage).all()
    assert (LEAST <= coverage).all()
    assert np.array_equal(gaps, LEAST)
    for level in (50, 64, 78, 114, 128, 142):
        for table in (MOST, LEAST):
            assert np.array_equal(table >= level, coverage >= level)


@pytest.mark.parametrize("steps", [-4, -2, 1, 2, 4])
def test_nearly_all_letters_may_change_their_weight(steps: int) -> None:
    after = [grown(mask, steps) for mask in masks()]
    found = has_same_letters(masks(), after)
    sign = np.sign(steps)
    assert found.mean() > 0.85
    for before, changed in zip(masks(), after, strict=True):
        assert (sign * (changed.astype(int) - before) >= 0).all()
        assert sign * (int(changed.sum()) - int(before.sum())) > 0


STRONG: dict[str, list[dict[str, float]]] = {
    "weight": [{"grow_px": -2}, {"grow_px": -0.5}, {"grow_px": 0.5}, {"grow_px": 2}],
    "ink_spread": [{"soak_px": 1}, {"soak_px": 4, "gain": 2, "unevenness": 1}],
    "dropout": [{"share": 0.5, "left": 0.57}, {"share": 0.9, "left": 0.57, "size_px": 0}],
    "thermal": [
        {"dot_px": 1, "columns": 1, "rows": 1, "left": 0.57, "gaps": 1},
        {"dot_px": 4, "columns": 0.5, "rows": 0.5, "left": 0.57, "gaps": 0},
    ],
}


@pytest.mark.parametrize(
    ("effect", "values"), [(name, each) for name, many in STRONG.items() for each in many]
)
def test_no_letter_is_opened_closed_split_or_joined(effect: str, values: dict[str, float]) -> None:
    texts = TEXTS * 20
    plain, _ = draw(maker(only(), sizes=SIZES), texts)
    look = {"test": {"base": "clean", "budget": 100, effect: values}}
    changed, _ = draw(maker(look, sizes=SIZES), texts)
    assert plain.keys() == changed.keys()
    num_changed = 0
    for example in plain:
        before, after = ~plain[example], ~changed[example]
        num_changed += not np.array_equal(before, after)
        for level in LEVELS:
            assert counts(before, level) == counts(after, level), texts[example]
    assert num_changed > 0.8 * len(plain)


def test_windows_of_unevenness_go_on_round_their_fields() -> None:
    for size in (0, 3):
        for number, (num_rows, num_columns) in enumerate(SIDES_PX):
            field = _field(size, number)[:num_rows, :num_columns]
            tiled = np.tile(field, (3, 4))
            for part in (0, 1, 4095, 8191):
                place, shape = part + (8191 - part << PLACE_BITS), (300, 2100)
                top = part * num_rows >> PLACE_BITS
                left = (8191 - part) * num_columns >> PLACE_BITS
                expected = tiled[top : top + shape[0], left : left + shape[1]]
                assert np.array_equal(_window(size, number, place, shape), expected)
                small = _window(size, number, place, (40, 200))
                assert np.array_equal(small, expected[:40, :200])


@pytest.mark.parametrize("size", range(len(SIZES_PX)))
def test_as_much_of_unevenness_is_below_a_level_as_is_asked_for(size: int) -> None:
    levels = np.concatenate([grain(size, place, (250, 1000)) for place in (0, 5 << 40, 2**52 - 1)])
    for share in (0.05, 0.2, 0.5, 0.9):
        assert (levels < below(np.array([share]))[0]).mean() == pytest.approx(share, abs=0.03)
