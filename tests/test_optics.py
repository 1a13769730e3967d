"""What happens to pictures: light, lenses, sensors, resampling, compression, by what they claim."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from test_guard import masks, rounded, written

from shmtext.looks import grain
from shmtext.looks.blur import Blur
from shmtext.looks.dead_columns import DeadColumns
from shmtext.looks.defocus import RADII_PX, Defocus
from shmtext.looks.effect import Step, Traits
from shmtext.looks.fringes import Fringes
from shmtext.looks.glare import Glare
from shmtext.looks.jpeg import Jpeg
from shmtext.looks.motion import Motion
from shmtext.looks.noise import Noise
from shmtext.looks.pixelate import Pixelate
from shmtext.looks.registry import EFFECTS
from shmtext.looks.resample import Resample
from shmtext.looks.salt_pepper import SaltPepper
from shmtext.looks.shading import Shading
from shmtext.looks.sheet import Sheet
from shmtext.looks.shot import Shot
from shmtext.looks.speckle import Speckle
from shmtext.looks.streaks import Streaks
from shmtext.looks.threshold import Threshold, same_letters
from shmtext.looks.tone import Tone

Pixels = NDArray[np.uint8]

OURS: list[type[Step]] = [
    *(Blur, DeadColumns, Defocus, Fringes, Glare, Jpeg, Motion, Noise, Pixelate, Resample),
    *(SaltPepper, Shading, Shot, Speckle, Streaks, Threshold, Tone),
]


class Words:
    """Random words of a fixed number of examples."""

    def __init__(self, num: int, seed: int) -> None:
        self.num, self.seed = num, seed

    def word(self, number: int) -> NDArray[np.uint64]:
        key = np.array([self.seed, number], np.uint64)
        return np.random.Philox(key=key).random_raw(self.num)


def traits(num: int, em_px: float = 32, stroke_px: float | None = None) -> Traits:
    return Traits(np.full(num, em_px), np.full(num, em_px / 10 if stroke_px is None else stroke_px))


def sheet_of(
    pictures: Sequence[Pixels], *, bleed_px: int = 0, em_px: float = 32, outside: int = 0
) -> Sheet:
    """Finished pictures; in bleeds there is something else by the seed ``outside``."""
    height, width = np.array([each.shape[:2] for each in pictures], np.int64).T
    bleed = np.full(len(pictures), bleed_px)
    is_colored = pictures[0].ndim == 3
    sheet = Sheet.blank(traits(len(pictures), em_px), (width, height), bleed, is_colored=is_colored)
    shape = (*sheet.mask.shape, 3) if is_colored else sheet.mask.shape
    sheet.paper = np.random.default_rng(outside).integers(0, 256, shape).astype(np.uint8)
    for cell, picture in zip(sheet.pictures(sheet.paper), pictures, strict=True):
        cell[...] = picture
    return sheet


def done(
    effect: type[Step], pictures: Sequence[Pixels], values: dict[str, Any], **more: int
) -> list[Pixels]:
    """Pictures after an effect, with the same values for each."""
    sheet = sheet_of(pictures, **more)
    rows = np.arange(len(pictures))
    arrays = {name: np.full(rows.size, value) for name, value in values.items()}
    effect.apply(sheet, rows, arrays)
    return sheet.pictures(sheet.paper)


def even(level: int, shape: tuple[int, ...] = (40, 300)) -> Pixels:
    return np.full(shape, level, np.uint8)


def random_picture(seed: int, shape: tuple[int, ...] = (31, 57)) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def drawn(effect: type[Step], num: int, seed: int, **set_to: Any) -> dict[str, NDArray[Any]]:
    return effect(**set_to).draw(Words(num, seed), traits(num))


# Grain


@pytest.mark.parametrize("level", [2, 5, 12, 20, 25, 30, len(grain.SIGMAS) - 1])
def test_grain_has_the_deviation_that_it_says(level: int) -> None:
    places = grain.places(Words(40, level).word(0))
    fields = np.stack(list(grain.fields(np.full(40, 9000), np.full(40, level), places)))

    rounding = 2 / 12  # of two banks
    wanted = np.sqrt(grain.SIGMAS[level] ** 2 + rounding)
    assert fields.std() == pytest.approx(wanted, rel=0.05)
    assert abs(fields.mean()) < 0.02 * wanted


def test_grain_of_two_places_is_not_alike() -> None:
    places = grain.places(Words(60, 0).word(0))
    fields = np.stack(list(grain.fields(np.full(60, 10_000), np.full(60, 12), places)))
    correlation = np.corrcoef(fields) - np.eye(60)

    assert np.abs(correlation).max() < 0.06


def test_grain_longer_than_its_banks_does_not_repeat() -> None:
    size = 3 * grain.MAX_RUN + 1234
    (field,) = grain.fields(np.array([size]), np.array([12]), np.array([12345]))
    runs = [field[start : start + 50_000] for start in range(0, size - 50_000, grain.MAX_RUN)]

    assert field.size == size
    assert np.abs(np.corrcoef(np.stack(runs).astype(float)) - np.eye(len(runs))).max() < 0.03


def test_grain_is_the_same_wherever_it_is_asked_for() -> None:
    sizes, levels = np.array([100, grain.MAX_RUN + 7, 900]), np.array([3, 5, 3])
    places = grain.places(Words(3, 1).word(0))
    together = list(grain.fields(sizes, levels, places))

    for number in range(3):
        some = slice(number, number + 1)
        (alone,) = grain.fields(sizes[some], levels[some], places[some])
        assert np.array_equal(alone, together[number])


# Noise


@pytest.mark.parametrize("shape", [(40, 300), (40, 300, 3), (700, 1500)])
def test_noise_adds_to_levels_and_ends_at_black_and_white(shape: tuple[int, ...]) -> None:
    values = {"sigma": 12.0, "place": 987654321, "colored": 1}
    (middle,) = done(Noise, [even(128, shape)], values)
    (white,) = done(Noise, [even(255, shape)], values)
    (black,) = done(Noise, [even(0, shape)], values)
    noise = middle.astype(int) - 128

    assert noise.std() == pytest.approx(12, rel=0.05)
    assert np.array_equal(white, np.minimum(255 + noise, 255))
    assert np.array_equal(black, np.maximum(noise, 0))


def test_colours_have_noise_of_their_own_or_one_for_all() -> None:
    shape = 40, 300, 3
    values = {"sigma": 12.0, "place": 987654321}
    (own,) = done(Noise, [even(128, shape)], {**values, "colored": 1})
    (common,) = done(Noise, [even(128, shape)], {**values, "colored": 0})

    assert np.abs(np.corrcoef(own.reshape(-1, 3).T.astype(float)) - np.eye(3)).max() < 0.05
    assert (common == common[..., :1]).all()


def test_noise_does_not_touch_neighbours() -> None:
    pictures = [random_picture(number) for number in range(4)]
    sheet = sheet_of(pictures)
    values = {name: each[:2] for name, each in drawn(Noise, 2, 0).items()}
    Noise.apply(sheet, np.array([0, 2]), values)

    after = sheet.pictures(sheet.paper)
    assert [np.array_equal(a, b) for a, b in zip(pictures, after, strict=True)] == [0, 1, 0, 1]


def test_shot_noise_grows_with_the_root_of_light() -> None:
    deviation = {
        level: done(Shot, [even(level)] * 4, {"sigma": 16.0, "place": 77})[0].std()
        for level in (15, 60, 135, 240)
    }

    for level, found in deviation.items():
        assert found == pytest.approx(16 * (level / 255) ** 0.5, rel=0.15 if level < 240 else 0.3)


def test_shot_noise_of_none_changes_levels_by_one_at_most() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    (after,) = done(Shot, [levels], {"sigma": 0.0, "place": 1})

    assert np.abs(after.astype(int) - levels).max() <= 1


def test_speckle_grows_with_light() -> None:
    for level in (20, 100, 200):
        (after,) = done(Speckle, [even(level)], {"sigma": 0.125, "place": 5})
        assert after.std() == pytest.approx(0.125 * level, rel=0.1)
        assert after.mean() == pytest.approx(level, rel=0.02)


@pytest.mark.parametrize("share", [1 / 2048, 8 / 2048, 64 / 2048, 0.1])
def test_salt_is_half_of_what_is_lost_and_pepper_the_other(share: float) -> None:
    share = round(share * 2048) / 2048
    pictures = done(
        SaltPepper, [even(128, (300, 900))] * 3, {"share": share, "salt": 3, "pepper": 9}
    )
    white, black = (np.mean([each == level for each in pictures]) for level in (255, 0))

    assert white == pytest.approx(share / 2, rel=0.15)
    assert black == pytest.approx(share / 2, rel=0.15)


# Lenses


@pytest.mark.parametrize("length_px", [1, 2, 3.5, 5, 7.5, 9])
@pytest.mark.parametrize("degrees", [0, 22.5, 45, 90, 127.5, -60, 180])
def test_motion_is_the_mean_along_a_line(length_px: float, degrees: float) -> None:
    picture = random_picture(int(length_px * 10))
    (after,) = done(Motion, [picture], {"length_px": length_px, "degrees": degrees}, bleed_px=5)
    whole = sheet_of([picture], bleed_px=5).paper.astype(float)
    radians, reach = np.radians(degrees), np.ceil((length_px - 1) / 2)
    total = np.zeros(picture.shape)
    for sample in ((np.arange(64) + 0.5) / 64 - 0.5) * length_px:
        x, y = (
            int(np.clip(np.rint(round(sample * way, 9)), -reach, reach))
            for way in (np.cos(radians), np.sin(radians))
        )
        total += whole[5 + y : 5 + y + picture.shape[0], 5 + x : 5 + x + picture.shape[1]]

    assert np.array_equal(after, np.rint(total / 64))


@pytest.mark.parametrize("radius_px", RADII_PX.tolist())
def test_defocus_spreads_as_far_as_its_disc(radius_px: float) -> None:
    point = even(0, (41, 41))
    point[20, 20] = 255
    blurred = done(Defocus, [point], {"radius_px": radius_px})[0].astype(float)
    place = np.arange(41) - 20

    for axis in (0, 1):
        variance = (blurred.sum(axis=axis) * place**2).sum() / blurred.sum()
        assert variance == pytest.approx(radius_px**2 / 4, rel=0.2, abs=0.01)


@given(st.integers(0, 2**32 - 1), st.sampled_from([Blur, Motion, Defocus, Fringes]))
@settings(max_examples=60, deadline=None)
def test_what_lies_beyond_its_reach_is_nothing_to_a_lens(seed: int, effect: type[Step]) -> None:
    rng = np.random.default_rng(seed)
    sizes = [tuple(rng.integers(5, 40, 2).tolist()) for _ in range(3)]
    channels = (3,) if seed % 2 else ()
    pictures = [
        random_picture(seed + number, (*size, *channels)) for number, size in enumerate(sizes)
    ]
    some = traits(1, float(rng.integers(12, 65)))
    values = effect().draw(Words(1, seed), some)
    reach_px = int(effect.reach_px(values, some)[0])
    known = {name: each[0] for name, each in values.items()}

    def surrounded(outside: int) -> list[Pixels]:
        # Within its reach, pictures' surroundings are theirs; beyond, anything.
        framed = [
            cv2.copyMakeBorder(each, *[reach_px] * 4, cv2.BORDER_REFLECT_101) for each in pictures
        ]
        after = done(effect, framed, known, bleed_px=3, outside=outside)
        inner = slice(reach_px, -reach_px or None)
        return [each[inner, inner] for each in after]

    for one, other in zip(surrounded(0), surrounded(1), strict=True):
        assert np.array_equal(one, other)


# Light


@given(st.integers(0, 2**32 - 1), st.sampled_from([(), (3,)]))
@settings(max_examples=30, deadline=None)
def test_shade_takes_no_more_light_than_its_depth(seed: int, channels: tuple[int, ...]) -> None:
    values = drawn(Shading, 3, seed, depth=(0.3, 0.3))
    sheet = sheet_of(
        [even(200, (30 + 9 * number, 90, *channels)) for number in range(3)], bleed_px=2
    )
    Shading.apply(sheet, np.arange(3), values)

    for picture in sheet.pictures(sheet.paper):
        assert picture.min() >= 200 * (1 - 0.3) - 3
        assert picture.max() <= 200
        # Smooth: neighbours are nearly alike.
        assert max(np.abs(np.diff(picture.astype(int), axis=axis)).max() for axis in (0, 1)) <= 18


@given(st.integers(0, 2**32 - 1), st.sampled_from([(), (3,)]))
@settings(max_examples=30, deadline=None)
def test_glare_leaves_contrast_in_its_middle(seed: int, channels: tuple[int, ...]) -> None:
    values = drawn(Glare, 2, seed, strength=(0.5, 0.5))
    after = []
    for level in (40, 180):
        sheet = sheet_of([even(level, (40, 200, *channels))] * 2, bleed_px=3)
        Glare.apply(sheet, np.arange(2), values)
        after.append(np.stack(sheet.pictures(sheet.paper)).astype(int))
    ink, paper = after

    assert (ink >= 40).all()
    assert (paper >= 180).all()
    assert (paper - ink).min() >= 0.5 * 140 - 2
    assert ink.max() > 40


@pytest.mark.parametrize("is_upright", [0, 1])
@pytest.mark.parametrize("channels", [(), (3,)])
def test_streaks_go_along_one_side_and_differ_as_much_as_they_say(
    is_upright: int, channels: tuple[int, ...]
) -> None:
    values = {"count": 1, "width_px": 8.0, "levels": 20.0, "softness": 0.2}
    (after,) = done(
        Streaks,
        [even(128, (60, 90, *channels))],
        {**values, "upright": is_upright, "places": 3 << 11 | 1 << 10 | 512},
    )
    change = after.astype(int) - 128

    assert change.max() == 20
    assert change.min() == 0
    assert (change == (change[:1] if is_upright else change[:, :1])).all()
    assert (
        7
        <= (change.any(axis=-1) if channels else change != 0).sum() / (60 if is_upright else 90)
        <= 11
    )


def test_dead_columns_are_single_and_none_where_strokes_are_thin() -> None:
    values = drawn(DeadColumns, 5, 3, count=(2, 2), strength=(0.5, 0.5))
    sheet = sheet_of([even(128, (40, 200))] * 5, bleed_px=2)
    DeadColumns.apply(sheet, np.arange(5), values)
    for picture in sheet.pictures(sheet.paper):
        changed = np.flatnonzero((picture != 128).any(axis=0))
        assert changed.size <= 2
        assert np.abs(picture.astype(int) - 128).max() <= 64

    thin = DeadColumns().draw(Words(5, 3), traits(5, 16, 1.2))
    assert not thin["count"].any()


# Tone


@pytest.mark.parametrize("gamma", [0.25, 0.5, 0.703125, 1, 1.40625, 2, 3.75])
def test_gamma_is_a_power_of_levels(gamma: float) -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    (after,) = done(Tone, [levels], {"gamma": gamma, "contrast": 1.0, "brightness": 0.0})
    wanted = 255 * (levels / 255.0) ** gamma

    assert np.abs(after - wanted).max() <= 0.5001


def test_contrast_is_around_the_middle_and_brightness_is_added() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    (after,) = done(Tone, [levels], {"gamma": 1.0, "contrast": 0.5, "brightness": 10.0})
    wanted = (levels - 127.5) * 0.5 + 137.5

    assert np.abs(after - wanted).max() <= 0.5001


# Resampling


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 1), st.sampled_from([10, 18, 32]))
@settings(max_examples=30, deadline=None)
def test_resampling_is_there_and_back_and_leaves_out_no_pixel_of_thin_strokes(
    seed: int, share: float, em_px: int
) -> None:
    rng = np.random.default_rng(seed)
    pictures = [random_picture(seed + n, tuple(rng.integers(3, 60, 2).tolist())) for n in range(3)]
    after = done(Resample, pictures, {"share": share}, bleed_px=2, em_px=em_px)
    is_wide = share >= 0.5 and share * em_px / 10 >= 1.25

    for picture, found in zip(pictures, after, strict=True):
        height, width = picture.shape
        size = max(round(width * share), 1), max(round(height * share), 1)
        wanted = picture
        if size != (width, height):
            way = cv2.INTER_LINEAR if is_wide else cv2.INTER_AREA
            small = cv2.resize(picture, size, interpolation=way)
            wanted = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
        assert np.array_equal(found, wanted)


@given(st.floats(8, 80), st.floats(0.1, 1), st.floats(0, 40))
@settings(max_examples=50, deadline=None)
def test_text_is_made_no_smaller_than_what_can_be_read(
    em_px: float, share: float, size: float
) -> None:
    effect = Resample(share=(share, share), font_size=(size, size))  # type: ignore[arg-type]
    values = effect.draw(Words(1, 0), traits(1, em_px))
    left = values["share"][0]

    assert left <= 1
    assert left == 1 or left * em_px >= 9 - 1e-9
    if size >= 9:
        assert left == pytest.approx(min(size / em_px, 1))


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.sampled_from([(), (3,)]))
@settings(max_examples=30, deadline=None)
def test_blocks_have_the_mean_of_their_pixels(
    seed: int, block_px: int, channels: tuple[int, ...]
) -> None:
    rng = np.random.default_rng(seed)
    size = rng.integers(2, 40, 2).tolist()
    picture = random_picture(seed, (*size, *channels))
    (after,) = done(Pixelate, [picture], {"block_px": block_px})

    for top in range(0, size[0] - block_px + 1, block_px):
        for left in range(0, size[1] - block_px + 1, block_px):
            block = slice(top, top + block_px), slice(left, left + block_px)
            assert (after[block] == after[top, left]).all()
            mean = picture[block].reshape(block_px**2, -1).mean(axis=0)
            assert np.abs(mean - after[top, left]).max() <= 0.5001


def test_blocks_are_many_in_any_font_size() -> None:
    for em_px in (12, 17, 18, 32, 64):
        values = Pixelate(block_px=(16, 16)).draw(Words(1, 0), traits(1, em_px))  # type: ignore[arg-type]
        assert values["block_px"][0] == max(em_px // 9, 1)


def test_fringes_move_red_and_blue_apart() -> None:
    picture = even(200, (5, 20, 3))
    picture[:, 10:] = 40
    (after,) = done(Fringes, [picture], {"shift": 0.25, "is_blue_left": 0})
    red, green, blue = np.moveaxis(after[2].astype(int), -1, 0)

    assert np.array_equal(green, picture[2, :, 1])
    assert red[9:12].tolist() == [200, 80, 40]
    assert blue[8:11].tolist() == [200, 160, 40]
    (swapped,) = done(Fringes, [picture], {"shift": 0.25, "is_blue_left": 1})
    assert np.array_equal(swapped[..., ::-1], after)


def test_fringes_are_a_smear_in_gray() -> None:
    picture = even(0, (5, 20))
    picture[:, 10] = 128
    (after,) = done(Fringes, [picture], {"shift": 0.25, "is_blue_left": 0})

    assert after[2, 8:13].tolist() == [0, 32, 64, 32, 0]


# Compression


@pytest.mark.parametrize("channels", [(), (3,)])
def test_jpegs_blocks_begin_where_they_say(channels: tuple[int, ...]) -> None:
    """Where a block begins is where a smooth ramp has its steps."""
    ramp = np.linspace(60, 200, 64).astype(np.uint8)
    picture = np.ascontiguousarray(np.broadcast_to(ramp, (32, 64)))
    if channels:
        picture = cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB)
    for left in (0, 3, 7):
        (after,) = done(Jpeg, [picture], {"quality": 8, "left_px": left, "top_px": 5})
        row = after.reshape(32, 64, -1)[16, :, 0].astype(int)
        steps = np.abs(np.diff(row))
        of_place = [steps[place::8].sum() for place in range(8)]
        assert int(np.argmax(of_place)) == (7 - left) % 8


def test_jpeg_knows_red_from_blue() -> None:
    picture = np.ascontiguousarray(np.broadcast_to(np.array([200, 90, 30], np.uint8), (24, 40, 3)))
    (after,) = done(Jpeg, [picture], {"quality": 95, "left_px": 2, "top_px": 1})

    assert np.abs(after.astype(int) - picture).max() <= 3


# Threshold


def divided(picture: Pixels, mask: Pixels, at: float = 0.5) -> Pixels:
    sheet = sheet_of([picture])
    sheet.mask[...] = mask
    Threshold.apply(sheet, np.arange(1), {"at": np.array([at])})
    return sheet.paper


@pytest.mark.parametrize("size", [24, 32, 48])
@pytest.mark.parametrize(("paper", "ink"), [(230, 40), (60, 200), (150, 110)])
def test_black_and_white_keep_pieces_and_holes(size: int, paper: int, ink: int) -> None:
    num_divided = 0
    for mask in masks(size):
        picture = rounded(written(mask, paper, ink))
        after = divided(picture, mask)
        if np.array_equal(after, picture):
            continue
        num_divided += 1
        assert set(np.unique(after)) <= {0, 255}
        letters = 255 - after if ink < paper else after
        for of_after, of_mask, connected in (
            (letters, mask >= 128, 8),
            (255 - letters, mask < 128, 4),
        ):
            pads = [
                np.pad(each, 1, constant_values=connected == 4) for each in (of_after > 0, of_mask)
            ]
            counts = {
                cv2.connectedComponents(each.astype(np.uint8), connectivity=connected)[0]
                for each in pads
            }
            assert len(counts) == 1

    assert num_divided > 5


def ring_letter() -> tuple[Pixels, Pixels]:
    """A letter with a hole, and one with a gap in its side."""
    closed = even(0, (30, 30))
    cv2.circle(closed, (15, 15), 9, 255, 3)
    opened = closed.copy()
    opened[13:18, 20:] = 0
    return closed, opened


def test_letters_that_would_open_or_close_are_left() -> None:
    closed, opened = ring_letter()
    for mask, shown in ((closed, opened), (opened, closed)):
        picture = rounded(written(shown, 230, 40))
        assert np.array_equal(divided(picture, mask), picture)
        assert not same_letters(mask, shown, mask, 1)
    for mask in (closed, opened):
        picture = rounded(written(mask, 230, 40))
        assert set(np.unique(divided(picture, mask))) == {0, 255}


def test_a_gap_that_blur_closed_is_no_reason_to_call_it_ink() -> None:
    two = even(0, (30, 30))
    two[5:25, 8:13] = 255
    two[5:25, 15:20] = 255
    picture = cv2.GaussianBlur(rounded(written(two, 230, 40)), (0, 0), 2.5)

    assert np.array_equal(divided(picture, two, 0.35), picture)


def test_specks_are_let_through_and_dots_are_not() -> None:
    closed, _ = ring_letter()
    for side, is_same in ((1, True), (4, False)):
        with_dot = closed.copy()
        with_dot[1 : 1 + side, 1 : 1 + side] = 255
        assert same_letters(closed, with_dot, closed, 1) == is_same
    assert not same_letters(closed, even(0, closed.shape), closed, 1)


# Budgets


@pytest.mark.parametrize("effect", OURS)
def test_severity_is_finite_and_that_of_each_example(effect: type[Step]) -> None:
    num = 50
    em_px = np.linspace(10, 70, num)
    of_some = Traits(em_px, np.linspace(1, 9, num))
    values = effect().draw(Words(num, 7), of_some)
    severity = effect.severity(values, of_some)

    assert severity.shape == (num,)
    assert (severity >= 0).all()
    assert np.isfinite(severity).all()
    assert (severity <= 6).all()
    if effect is not Fringes:
        assert effect.degrades


@pytest.mark.parametrize("effect", OURS)
def test_values_are_numbers_that_json_holds(effect: type[Step]) -> None:
    values = drawn(effect, 100, 11)

    for each in values.values():
        assert each.shape == (100,)
        assert np.abs(each).max() < 2**53


def test_our_effects_are_registered_in_the_order_of_the_world() -> None:
    places = [
        EFFECTS.index(effect) for effect in (Shading, Defocus, Blur, Noise, Tone, Resample, Jpeg)
    ]

    assert places == sorted(places)
