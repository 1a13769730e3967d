"""The guard: what a person can't read is refused, what can be read is not."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from looks import draw, maker
from numpy.typing import NDArray

from shmtext.looks import guard
from shmtext.looks.effect import Traits
from shmtext.looks.guard import can_be_read
from shmtext.looks.sheet import Sheet

Pixels = NDArray[np.uint8]

TEXTS = ["Straße 3,59", "illicit Ill", "Quick fox", "Άλφα ёж", "A", "1 - 2", "8B6 rnm"]
SIZES = (12, 16, 24, 32, 48, 64)


@cache
def masks(size: int) -> tuple[Pixels, ...]:
    """Coverage of texts in several fonts, with some room around them."""
    pictures, _ = draw(maker([], sizes=(size,)), TEXTS * 3)
    return tuple(cv2.copyMakeBorder(255 - each, *[3] * 4, 0) for each in pictures.values())


def dense(size: int) -> Pixels:
    """Signs with as many strokes as the densest have: frames with bars across."""
    mask = np.zeros((size + 6, 3 * size + 6), np.uint8)
    pitch = max(round(size / 7), 3)
    for left in range(3, 3 * size, size):
        right, bottom = left + size - pitch, 3 + size - 2
        cv2.rectangle(mask, (left, 3), (right, bottom), 255, 1)
        for top in range(3 + pitch, bottom - 1, pitch):
            mask[top, left:right] = 255
    return mask


def written(mask: Pixels, paper: float | Pixels, ink: float) -> NDArray[np.float64]:
    share = mask / 255
    return paper * (1 - share) + ink * share


def rounded(picture: NDArray[np.float64]) -> Pixels:
    return np.rint(picture.clip(0, 255)).astype(np.uint8)


def sheet_of(
    pairs: Sequence[tuple[Pixels, Pixels]], size: int, bleed_px: int = 0, seed: int = 0
) -> Sheet:
    """A sheet of masks and finished pictures; around these there is what guards must not see."""
    num = len(pairs)
    height, width = np.array([mask.shape for mask, _ in pairs], np.int64).T
    stroke = np.array(
        [max(mask.sum() / 255 / max((mask > 0).sum(), 1) * 3, 1) for mask, _ in pairs]
    )
    traits = Traits(np.full(num, float(size)), np.minimum(stroke, size / 9))
    is_colored = pairs[0][1].ndim == 3
    bleed = np.full(num, bleed_px)
    sheet = Sheet.blank(traits, (width, height), bleed, is_colored=is_colored)
    rng = np.random.default_rng(seed)
    sheet.mask[...] = rng.integers(0, 256, sheet.mask.shape)
    shape = (*sheet.mask.shape, 3) if is_colored else sheet.mask.shape
    sheet.paper = rng.integers(0, 256, shape).astype(np.uint8)
    layers = zip(sheet.pictures(sheet.mask), sheet.pictures(sheet.paper), pairs, strict=True)
    for mask, paper, pair in layers:
        mask[...], paper[...] = pair
    return sheet


def share_read(pairs: Sequence[tuple[Pixels, Pixels]], size: int) -> float:
    return float(can_be_read(sheet_of(pairs, size)).mean())


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("paper", "ink"), [(255, 0), (0, 255), (230, 190), (40, 80), (128, 90)])
def test_even_contrast_can_be_read(size: int, paper: int, ink: int) -> None:
    pairs = [(mask, rounded(written(mask, paper, ink))) for mask in (*masks(size), dense(size))]

    assert share_read(pairs, size) == 1


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("noise", [0, 3, 60])
def test_ink_of_the_papers_level_cannot(size: int, noise: int) -> None:
    rng = np.random.default_rng(size)
    pairs = [
        (mask, rounded(written(mask, 150, 150 + ink) + rng.normal(0, noise, mask.shape)))
        for mask in (*masks(size), dense(size))
        for ink in (-8, 0, 8)
    ]

    assert share_read(pairs, size) == 0


@pytest.mark.parametrize("size", SIZES)
def test_noise_drowns_thin_strokes(size: int) -> None:
    rng = np.random.default_rng(size)
    drowned = [
        (mask, rounded(written(mask, 150, 100) + rng.normal(0, 60, mask.shape)))
        for mask in masks(size)
    ]
    slight = [
        (mask, rounded(written(mask, 180, 80) + rng.normal(0, 12, mask.shape)))
        for mask in masks(size)
    ]

    assert share_read(drowned, size) < 0.1 if size < 48 else share_read(drowned, size) < 1
    assert share_read(slight, size) == 1


def letters(mask: Pixels) -> list[tuple[int, int]]:
    """Columns of pieces of ink that others lie beside, left to right."""
    has_ink = np.append(0, np.append((mask >= 128).any(axis=0), 0)).astype(int)
    starts, ends = np.flatnonzero(np.diff(has_ink) == 1), np.flatnonzero(np.diff(has_ink) == -1)
    return list(zip(starts.tolist(), ends.tolist(), strict=True))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("is_colored", [False, True])
def test_one_letter_in_a_spot_of_its_own_tone_is_missed(size: int, is_colored: bool) -> None:
    pairs = []
    for mask in masks(size):
        runs = [(a, b) for a, b in letters(mask) if (mask[:, a:b] >= 128).sum() > 2 * size]
        for left, right in runs[:4]:
            paper = np.full(mask.shape, 200.0)
            room = 2 + size // 8
            paper[:, max(left - room, 0) : right + room] = 62
            picture = rounded(written(mask, cv2.blur(paper, (3, 3)), 60))
            pairs.append(
                (mask, cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB) if is_colored else picture)
            )

    assert len(pairs) > 30
    # What is left are pieces as small as hyphens, and letters that a tile's edge divides.
    assert share_read(pairs, size) < 0.05


@pytest.mark.parametrize("size", [24, 32, 48, 64])
def test_the_upper_half_in_the_dark_is_missed(size: int) -> None:
    pairs = []
    for mask in masks(size):
        paper = np.full(mask.shape, 200.0)
        paper[: mask.shape[0] // 2] = 55
        pairs.append((mask, rounded(written(mask, paper, 50))))

    assert share_read(pairs, size) < 0.1


@pytest.mark.parametrize("size", SIZES)
def test_letters_blurred_to_mush_are_refused_and_soft_ones_are_not(size: int) -> None:
    def blurred(sigma: float) -> list[tuple[Pixels, Pixels]]:
        return [
            (mask, cv2.GaussianBlur(rounded(written(mask, 220, 60)), (0, 0), sigma))
            for mask in masks(size)
            if mask.shape[1] > 3 * size
        ]

    assert share_read(blurred(size / 5), size) < 0.1
    assert share_read(blurred(size / 30), size) == 1


@pytest.mark.parametrize("size", [16, 24, 32, 48])
def test_gaps_filled_by_blur_are_refused_where_strokes_are_dense(size: int) -> None:
    picture = rounded(written(dense(size), 220, 40))
    soft = cv2.GaussianBlur(picture, (0, 0), 0.4)
    mush = cv2.GaussianBlur(picture, (0, 0), size / 7)

    assert share_read([(dense(size), soft)], size) == 1
    assert share_read([(dense(size), mush)], size) == 0


@pytest.mark.parametrize("size", [24, 32, 48, 64])
def test_an_outline_is_enough(size: int) -> None:
    pairs = []
    for mask in masks(size):
        outline = cv2.dilate(mask, np.ones((5, 5), np.uint8))
        picture = written(mask, written(outline, 130, 10), 120)
        pairs.append((mask, rounded(picture)))
    without = [(mask, rounded(written(mask, 130.0, 120))) for mask in masks(size)]

    assert share_read(pairs, size) == 1
    assert share_read(without, size) == 0


@pytest.mark.parametrize("size", SIZES)
def test_a_shadow_does_not_matter(size: int) -> None:
    pairs = []
    for mask in masks(size):
        shadow = np.zeros_like(mask)
        step = max(size // 16, 1)
        shadow[step:, step:] = mask[:-step, :-step]
        pairs.append((mask, rounded(written(mask, written(shadow, 210, 110), 20))))

    assert share_read(pairs, size) == 1


@pytest.mark.parametrize("size", SIZES)
def test_tone_that_changes_does_not_matter_where_contrast_is_kept(size: int) -> None:
    pairs = []
    for mask in masks(size):
        paper = np.linspace(120, 240, mask.shape[1])[None] + np.zeros(mask.shape)
        pairs.append((mask, rounded(written(mask, paper, 30))))

    assert share_read(pairs, size) == 1


def test_a_text_without_ink_that_could_be_judged_is_refused() -> None:
    faint = np.full((20, 40), 5, np.uint8)

    assert not can_be_read(sheet_of([(faint, 255 - faint)], 16)).any()


@given(st.integers(0, 2**32 - 1), st.integers(1, 9))
@settings(max_examples=25, deadline=None)
def test_an_example_is_judged_alone_as_among_others(seed: int, bleed_px: int) -> None:
    rng = np.random.default_rng(seed)
    size = int(rng.choice(SIZES))
    chosen = rng.permutation(len(masks(size)))[:8]
    pairs = []
    for mask in (masks(size)[number] for number in chosen):
        paper, contrast = rng.uniform(60, 190), rng.choice([-1, 1]) * rng.uniform(5, 60)
        spots = cv2.resize(rng.normal(0, 20, (4, 9)), mask.shape[::-1])
        noise = rng.normal(0, rng.uniform(0, 20), mask.shape)
        pairs.append((mask, rounded(written(mask, paper + spots, paper + contrast) + noise)))

    together = can_be_read(sheet_of(pairs, size, bleed_px, seed))
    alone = [can_be_read(sheet_of([pair], size, bleed_px, seed + 1))[0] for pair in pairs]

    assert together.tolist() == alone


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 3), min_size=2, max_size=7))
@settings(max_examples=40, deadline=None)
def test_a_glance_sees_no_ink_of_cells_beside_even_without_bleed(
    seed: int, bleeds_px: list[int]
) -> None:
    rng = np.random.default_rng(seed)
    num = len(bleeds_px)
    bleed, width = np.array(bleeds_px), rng.integers(1, 30, num)
    traits = Traits(np.full(num, 16.0), np.full(num, 2.0))
    sheet = Sheet.blank(traits, (width, np.full(num, 20)), bleed, is_colored=False)
    # Little ink, so that rings do not cover all.
    for cell in sheet.cells(sheet.mask):
        cell[...] = np.where(rng.random(cell.shape) < 0.04, 255, 0)
    sheet.paper = rng.integers(0, 256, sheet.mask.shape).astype(np.uint8)
    together = np.concatenate(list(guard._glances(sheet, sheet.left[:-1])), axis=-1)

    for row in range(num):
        sides = width[[row]], np.array([20])
        alone = Sheet.blank(traits.take(np.array([row])), sides, bleed[[row]], is_colored=False)
        alone.mask, alone.paper = sheet.cell(sheet.mask, row), sheet.cell(sheet.paper, row)
        (sums,) = guard._glances(alone, alone.left[:-1])
        assert together[:, row].tolist() == sums[:, 0].tolist()
