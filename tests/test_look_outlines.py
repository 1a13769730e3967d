"""Outlines and shadows: where they lie, and that ink stands out of them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from looks import draw, maker, only
from numpy.typing import NDArray

from shmtext.looks.shadow import _thrown

TEXTS = ["Word One", "eaegs 8B", "minimum rn", "ILT 0Oil"] * 6
INKS = {
    "dark": {"paper": [130, 220], "contrast": [90, 200], "inverted": 0},
    "light": {"paper": [40, 150], "contrast": [90, 200], "inverted": 1},
}


def levels(pixels: NDArray[np.uint8]) -> NDArray[np.int64]:
    gray = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    return np.asarray(gray, np.int64)


@pytest.mark.parametrize("ink", INKS)
@pytest.mark.parametrize("width_px", [1, 2, 3])
def test_an_outline_lies_around_ink_and_stands_out_of_it(ink: str, width_px: int) -> None:
    colors = INKS[ink]
    plain, _ = draw(maker(only(colors=colors), mode="rgb"), TEXTS)
    stroke = {"width_px": width_px, "saturation": [0, 1]}
    outlined, _ = draw(maker(only(colors=colors, stroke=stroke), mode="rgb"), TEXTS)
    assert plain.keys() == outlined.keys()
    for example in plain:
        before, after = levels(plain[example]), levels(outlined[example])
        paper = before[0, 0]
        farthest = np.abs(before - paper).max()
        inner = np.abs(before - paper) == farthest
        touched = (before != paper).astype(np.uint8)
        reached = cv2.dilate(touched, np.ones((2 * width_px + 1, 2 * width_px + 1), np.uint8))
        near = (cv2.dilate(inner.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0) & (touched == 0)
        assert (np.abs(after - before)[reached == 0] <= 1).all()  # Of hardly any coverage.
        assert (np.abs(after - before)[inner] <= 2).all()
        away = after[near] - before[inner].mean()
        assert (away >= 60).all() if ink == "dark" else (away <= -60).all()


@pytest.mark.parametrize("ink", INKS)
@pytest.mark.parametrize("mode", ["gray", "rgb"])
def test_a_shadow_darkens_paper_and_leaves_dark_ink_alone(ink: str, mode: str) -> None:
    colors, strong = INKS[ink], {"strength": 1, "distance_px": 4}
    plain, _ = draw(maker(only(colors=colors), mode=mode), TEXTS)  # type: ignore[arg-type]
    look = only(colors=colors, shadow=strong)
    shaded, _ = draw(maker(look, mode=mode), TEXTS)  # type: ignore[arg-type]
    for example in plain.keys() & shaded.keys():
        before, after = levels(plain[example]), levels(shaded[example])
        assert (after <= before + 1).all()
        assert (after < before - 20).any()
        if ink == "dark":
            paper = before[0, 0]
            least = paper - 0.46 * (paper - before.min()) - 2
            assert (after[before == paper] >= least).all()


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    right=st.integers(-9, 9),
    down=st.integers(-9, 9),
    is_deep=st.booleans(),
)
def test_a_shadow_is_the_mask_moved(seed: int, right: int, down: int, *, is_deep: bool) -> None:
    mask = np.random.default_rng(seed).integers(0, 256, (7, 12), np.uint8)
    padded = np.pad(mask, 9)
    num_steps = max(abs(right), abs(down), 1)
    first = 1 if is_deep else num_steps
    expected = np.zeros_like(mask)
    for step in range(first, num_steps + 1):
        x, y = (int(np.floor(way * step / num_steps + 0.5)) for way in (right, down))
        np.maximum(expected, padded[9 - y : 16 - y, 9 - x : 21 - x], out=expected)
    assert np.array_equal(_thrown(mask, right, down, is_deep=is_deep), expected)
