"""Geometry: pixels and boxes go the same way, whatever effects come together, in bounded sizes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from shmtext.limits import MAX_PIXELS, MAX_SIDE_PX
from shmtext.looks import planes, remapping
from shmtext.looks.bends import FIELD_MAX, FIELD_PLACES, FIELD_SIDES, LEAST_CURVATURE, Bends, _field
from shmtext.looks.effect import Geometry, Traits
from shmtext.looks.margins import Margins
from shmtext.looks.registry import EFFECTS
from shmtext.looks.sheet import Pixels, Sheet
from shmtext.looks.warp import Warp, ink_boxes

GEOMETRY = [effect for effect in EFFECTS if issubclass(effect, Geometry)]
BLEED_PX = 3

words = st.integers(0, 2**64 - 1)
sizes = st.tuples(st.integers(1, 40), st.integers(1, 300))
effect_sets = st.sets(st.sampled_from(GEOMETRY))


@dataclass(frozen=True)
class SeededDraws:
    """Words by example, effect and number, none of them by its neighbours."""

    effect: int
    seeds: Sequence[int]

    def word(self, number: int) -> NDArray[np.uint64]:
        keys = [[self.effect * 1000 + number, seed] for seed in self.seeds]
        drawn = [np.random.Philox(key=np.array(key, np.uint64)).random_raw(1)[0] for key in keys]
        return np.array(drawn, np.uint64)


def warped(
    masks: Sequence[Pixels],
    effects: Sequence[type[Any]],
    seeds: Sequence[int],
    *,
    em_px: float = 32,
    **settings_of: dict[str, Any],
) -> Warp:
    """A settled warp of masks by effects as they are by default, or with given settings."""
    num = len(masks)
    traits = Traits(em_px=np.full(num, float(em_px)), stroke_px=np.full(num, em_px / 10))
    warp, rows = Warp.of_masks(masks, ink_boxes(masks)), np.arange(num)
    for effect in EFFECTS:
        if effect in effects:
            own = effect(**settings_of.get(effect.name(), {}))
            values = own.draw(SeededDraws(effect.number, seeds), traits)
            assert issubclass(effect, Geometry)
            effect.bend(warp, rows, values)
    warp.settle()
    return warp


def drawn(warp: Warp, bleed_px: int = 0) -> list[Pixels]:
    """Cells of masks, with a bleed."""
    num = len(warp.masks)
    traits = Traits(em_px=np.full(num, 32.0), stroke_px=np.full(num, 3.0))
    bleed = np.full(num, bleed_px)
    sheet = Sheet.blank(traits, (warp.width_px, warp.height_px), bleed, is_colored=False)
    remapping.draw_masks(warp, sheet)
    return sheet.cells(sheet.mask)


@given(st.lists(st.floats(-1, 1), min_size=8, max_size=8))
def test_a_homography_and_its_inverse_come_to_nothing(entries: list[float]) -> None:
    matrix = planes.matrices(1)
    matrix[0].flat[:8] += np.array(entries) * [0.3, 0.3, 50, 0.3, 0.3, 50, 0.001, 0.001]
    there_and_back = planes.compose(planes.inverse(matrix), matrix)[0]
    np.testing.assert_allclose(there_and_back / there_and_back[2, 2], np.eye(3), atol=1e-9)
    assert np.array_equal(planes.compose(matrix, planes.matrices(1)), matrix)


@given(st.floats(-20, 20))
def test_sines_cosines_and_slopes_are_close_to_those_of_mathematics(turns: float) -> None:
    given_turns = np.array([turns])
    assert abs(planes.sine(given_turns)[0] - math.sin(turns * 2 * math.pi)) < 1e-6
    assert abs(planes.cosine(given_turns)[0] - math.cos(turns * 2 * math.pi)) < 1e-6
    degrees = turns * 2
    slope = planes.slope(np.array([degrees]))[0]
    assert abs(slope - math.tan(math.radians(degrees))) < 1e-5


@given(st.lists(st.floats(-0.2, 0.2), min_size=8, max_size=8), st.floats(1, 500), st.floats(1, 90))
def test_boxes_are_taken_to_quadrilaterals(moves: list[float], width: float, height: float) -> None:
    box = np.array([[-width, -height, width, height]])
    corners = box[:, [[0, 1], [2, 1], [2, 3], [0, 3]]]
    wanted = corners + np.array(moves).reshape(1, 4, 2) * min(width, height)
    matrix = planes.to_quadrilateral(box, wanted)
    np.testing.assert_allclose(planes.project(matrix, corners), wanted, atol=1e-6)


@settings(deadline=None)
@given(
    st.floats(0, 0.1),
    st.floats(16, 60),
    st.tuples(*[st.integers(0, FIELD_PLACES - 1)] * 2),
    st.floats(LEAST_CURVATURE, 0.01),
    st.tuples(st.floats(0, 8), st.floats(40, 400), st.floats(0, 1)),
)
def test_bends_are_undone_by_the_way_back(
    share: float,
    length_px: float,
    place: tuple[int, int],
    curvature: float,
    wave: tuple[float, float, float],
) -> None:
    bends = Bends.none(1)
    bends.elastic_px[0], bends.elastic_length_px[0] = share * length_px, length_px
    bends.elastic_at[0] = place
    bends.curvature[0] = np.copysign(curvature, wave[2] - 0.5)
    bends.wave_px[0], bends.wave_length_px[0], bends.wave_phase[0] = wave
    x, y = np.meshgrid(np.linspace(-120, 120, 25), np.linspace(-30, 30, 7))
    points = np.stack([x, y], axis=-1).reshape(1, -1, 2)
    found = bends.forth(np.array([0]), points)[0].astype(np.float32)
    back_x, back_y = found[:, 0].reshape(7, 25).copy(), found[:, 1].reshape(7, 25).copy()
    bends.back(np.zeros(25, np.int64), back_x, back_y)
    np.testing.assert_allclose(back_x, x, atol=0.15)
    np.testing.assert_allclose(back_y, y, atol=0.15)


def test_the_field_has_no_seams_and_no_steps() -> None:
    field = _field().reshape(FIELD_SIDES).astype(np.int64)
    for axis in (0, 1):
        step = np.abs(field - np.roll(field, 1, axis=axis))
        # Twice the heights' range over the places of a bump, and what rounding adds.
        assert step.max() <= 2 * FIELD_MAX / 64 + 1
    assert np.abs(field).max() > FIELD_MAX / 2
    assert abs(field.mean()) < 5


@settings(deadline=None, max_examples=60)
@given(effect_sets, words, st.sampled_from([14, 20, 32, 48]))
def test_ink_is_found_where_points_say(effects: set[type], seed: int, em_px: int) -> None:
    mask = np.zeros((44, 242), np.uint8)
    middles = [(x, y) for y in (10, 32) for x in range(12, 240, 24)]
    for x, y in middles:
        mask[y - 2 : y + 2, x - 2 : x + 2] = 255
    warp = warped([mask], sorted(effects, key=EFFECTS.index), [seed], em_px=em_px)
    cell = drawn(warp, BLEED_PX)[0].astype(np.float64)
    places = warp.points(np.array([0]), np.array(middles, np.float64)[None])[0] + BLEED_PX
    for x, y in places:
        left, top = round(x) - 6, round(y) - 6
        if min(left, top) < 0 or top + 12 > cell.shape[0] or left + 12 > cell.shape[1]:
            continue  # cut by a margin
        part = cell[top : top + 12, left : left + 12]
        rows, columns = np.mgrid[top : top + 12, left : left + 12] + 0.5
        assert part.sum() > 255 * 2
        assert abs((part * columns).sum() / part.sum() - x) < 1
        assert abs((part * rows).sum() / part.sum() - y) < 1


@settings(deadline=None, max_examples=60)
@given(effect_sets, words, sizes)
def test_a_text_s_picture_holds_all_of_it(
    effects: set[type], seed: int, size: tuple[int, int]
) -> None:
    warp = warped([np.full(size, 255, np.uint8)], list(effects - {Margins}), [seed])
    cell = drawn(warp, BLEED_PX)[0]
    assert cell.shape == (warp.height_px[0] + 2 * BLEED_PX, warp.width_px[0] + 2 * BLEED_PX)
    # Reading between pixels spreads ink over less than one.
    for turned in (cell, cell.T, cell[::-1], cell.T[::-1]):
        assert not turned[: BLEED_PX - 1].any()
    assert min(size) < 3 or cell.max() == 255


@settings(deadline=None, max_examples=30)
@given(effect_sets, words)
def test_slices_of_a_text_come_to_what_it_is_whole(effects: set[type], seed: int) -> None:
    mask = np.zeros((40, 200), np.uint8)
    mask[6:34, 4:196] = 255
    warp = warped([mask], list(effects), [seed])
    found = []
    for call_px in (1, 1 << 40):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(remapping, "CALL_PX", call_px)
            found.append(drawn(warp)[0].astype(np.int64))
    # Lines between which places are straightened lie elsewhere.
    off = np.abs(found[0] - found[1])
    assert off.max() < 60
    assert off.mean() < 1


@settings(deadline=None, max_examples=60)
@given(effect_sets, words, sizes)
def test_quadrilaterals_hold_all_ink_of_what_they_are_around(
    effects: set[type], seed: int, size: tuple[int, int]
) -> None:
    height, width = size
    mask = np.zeros((height + 20, width + 20), np.uint8)
    mask[10 : 10 + height, 10 : 10 + width] = 255
    warp = warped([mask], list(effects), [seed])
    box = np.array([[10, 10], [10 + width, 10], [10 + width, 10 + height], [10, 10 + height]])
    corners = warp.quadrilaterals(np.array([0]), box[None].astype(np.float64))[0]
    y, x = np.nonzero(drawn(warp)[0] > 128)
    for first, second in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        way = second - first
        inside = way[0] * (y + 0.5 - first[1]) - way[1] * (x + 0.5 - first[0])
        assert (inside > -0.75 * np.hypot(*way)).all()


@settings(deadline=None, max_examples=30)
@given(effect_sets, st.lists(words, min_size=2, max_size=5), st.randoms(use_true_random=False))
def test_an_example_is_warped_alone_as_among_others(
    effects: set[type], seeds: list[int], random: Any
) -> None:
    masks = []
    for seed in seeds:
        shape = random.randint(1, 60), random.randint(1, 400)
        noise = np.random.Philox(key=seed).random_raw(shape[0] * shape[1])
        masks.append((noise % 256).astype(np.uint8).reshape(shape))
    together = drawn(warped(masks, list(effects), seeds), 2)
    for mask, seed, expected in zip(masks, seeds, together, strict=True):
        assert np.array_equal(drawn(warped([mask], list(effects), [seed]), 2)[0], expected)


@settings(deadline=None, max_examples=40)
@given(effect_sets, words)
def test_pictures_are_read_between_the_pixels_of_the_way_back(
    effects: set[type], seed: int
) -> None:
    bends = {"elastic", "curve", "wave"}
    straight = [effect for effect in effects if effect.name() not in bends]
    noise = np.random.Philox(key=seed).random_raw(30 * 150) % 256
    mask = noise.astype(np.uint8).reshape(30, 150)
    warp = warped([mask], straight, [seed])
    cell = drawn(warp)[0]
    rows, columns = np.mgrid[: cell.shape[0], : cell.shape[1]] + 0.5
    back = planes.inverse(planes.compose(warp.view, warp.form))
    points = np.stack([columns.ravel(), rows.ravel()], axis=-1)[None]
    x, y = np.moveaxis(planes.project(back, points)[0] - 0.5, -1, 0)
    padded = np.pad(mask.astype(np.float64), 1)
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    expected = np.zeros(x.size)
    for down in (0, 1):
        for along in (0, 1):
            share = np.abs(1 - along - (x - left)) * np.abs(1 - down - (y - top))
            inside = (left + along >= -1) & (left + along <= 150)
            inside &= (top + down >= -1) & (top + down <= 30)
            pixel = padded[
                np.where(inside, top + down + 1, 0), np.where(inside, left + along + 1, 0)
            ]
            expected += share * pixel
    # Places are rounded to 32nds, and depth is straightened between lines: noise differs by
    # hundreds of levels from a pixel to the next.
    off = np.abs(cell.ravel() - expected)
    assert off.mean() < 4
    assert off.max() < 40


def test_masks_and_pictures_that_are_too_large_are_left_as_they_are() -> None:
    rotation = {"rotation": {"degrees": (40, 40)}}
    masks = [np.zeros(shape, np.uint8) for shape in ((20, 40_000), (20, 14_000), (40, 200))]
    for mask in masks:
        mask[8:12, 5:9] = 255
    rotation_only = [effect for effect in GEOMETRY if effect.name() == "rotation"]
    warp = warped(masks, rotation_only, [1, 2, 3], **rotation)
    assert warp.is_still.tolist() == [True, True, False]
    for row in (0, 1):
        assert (warp.height_px[row], warp.width_px[row]) == masks[row].shape
    assert np.array_equal(drawn(warp)[1], masks[1])
    corners = np.array([[[5.0, 8], [9, 8], [9, 12], [5, 12]]])
    assert np.array_equal(warp.quadrilaterals(np.array([0]), corners), corners)


@settings(deadline=None, max_examples=20)
@given(effect_sets, words, st.tuples(st.integers(1, 2000), st.integers(1, 33_000)))
def test_no_warp_makes_a_picture_that_is_too_large(
    effects: set[type], seed: int, size: tuple[int, int]
) -> None:
    warp = warped([np.zeros(size, np.uint8)], list(effects), [seed])
    width, height = int(warp.width_px[0]), int(warp.height_px[0])
    assert 1 <= max(width, height) <= MAX_SIDE_PX
    assert width * height <= max(MAX_PIXELS, size[0] * size[1])


def test_margins_are_put_around_the_ink() -> None:
    mask = np.zeros((50, 100), np.uint8)
    mask[20:30, 30:70] = 255
    sides = {"left_px": (2, 2), "top_px": (3, 3), "right_px": (5, 5), "bottom_px": (0, 0)}
    warp = warped([mask], [Margins], [0], margins=sides)
    assert np.array_equal(drawn(warp)[0], mask[17:30, 28:75])
    corners = np.array([[[30.0, 20], [70, 20], [70, 30], [30, 30]]])
    moved = warp.quadrilaterals(np.array([0]), corners)
    assert np.array_equal(moved, corners - [28, 17])


@pytest.mark.parametrize(("em_px", "cut"), [(16, 0), (32, 1), (64, 2)])
def test_margins_cut_less_than_half_a_stroke_and_a_tenth_of_the_ink(em_px: int, cut: int) -> None:
    masks = [np.full((40, 90), 255, np.uint8), np.full((3, 90), 255, np.uint8)]
    sides = dict.fromkeys(("left_px", "top_px", "right_px", "bottom_px"), (-4, -4))
    warp = warped(masks, [Margins], [0, 1], em_px=em_px, margins=sides)
    assert warp.width_px.tolist() == [90 - 2 * cut] * 2
    assert warp.height_px.tolist() == [40 - 2 * cut, 3]


def test_as_much_of_a_still_mask_is_copied_as_its_cell_holds() -> None:
    mask = np.arange(1, 201, dtype=np.uint8).reshape(10, 20)
    around = np.pad(mask, 8)
    for left, top, right, bottom in ((2, 3, 1, 4), (-2, 1, 0, 0), (-7, -4, -8, -5), (8, -9, 0, 8)):
        warp = Warp.of_masks([mask], ink_boxes([mask]))
        warp.margin_px[0] = left, top, right, bottom
        warp.settle()
        expected = around[8 - top : 18 + bottom, 8 - left : 28 + right]
        assert np.array_equal(drawn(warp)[0], expected)


def test_masks_without_ink_keep_their_frame() -> None:
    warp = warped([np.zeros((20, 30), np.uint8)], GEOMETRY, [7])
    assert not drawn(warp)[0].any()
    assert warp.width_px[0] > 10
