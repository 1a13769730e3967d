"""Papers and inks that are not even: what they are made of, and that text on them remains clear."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from looks import draw, maker, only
from numpy.typing import NDArray

from shmtext.config.colors import READABLE_LEVELS
from shmtext.looks import textures
from shmtext.looks.border import SIDES, Border
from shmtext.looks.effect import Step, Traits
from shmtext.looks.fields import SPARE_PX
from shmtext.looks.gradient import Gradient
from shmtext.looks.ink_gradient import InkGradient
from shmtext.looks.ink_texture import InkTexture
from shmtext.looks.luminance import CONTRAST_SIGMAS, Room, levels_of
from shmtext.looks.ruled import Ruled
from shmtext.looks.sheet import Sheet
from shmtext.looks.slopes import NUM_LEVELS, Slope, across_pictures, planes
from shmtext.looks.squared import Squared
from shmtext.looks.texture import Texture


def sheet_of(
    sizes: list[tuple[int, int]], bleeds: list[int], paper: int = 220, ink: int = 30
) -> Sheet:
    """Examples of given widths and heights, in plain colours."""
    num = len(sizes)
    width, height = np.array(sizes, np.int64).T.copy()
    traits = Traits(np.full(num, 32.0), np.full(num, 3.0))
    bleed = np.array(bleeds, np.int64)
    sheet = Sheet.blank(traits, (width, height), bleed, is_colored=False)
    sheet.paper_color[...], sheet.ink_color[...] = paper, ink
    sheet.paper, sheet.ink = sheet.fill(sheet.paper_color), sheet.fill(sheet.ink_color)
    return sheet


def done(effect: type[Step], sheet: Sheet, **values: float) -> Sheet:
    """Do an effect to all of a sheet, with the same values for all of its examples."""
    num = len(sheet)
    effect.apply(
        sheet, np.arange(num), {name: np.full(num, value) for name, value in values.items()}
    )
    return sheet


sizes = st.lists(st.tuples(st.integers(1, 60), st.integers(1, 60)), min_size=1, max_size=4)


@given(sizes, st.data())
def test_planes_are_those_of_the_plain_formula(
    sizes: list[tuple[int, int]], data: st.DataObject
) -> None:
    bleeds = [data.draw(st.integers(0, 9)) for _ in sizes]
    sheet = sheet_of(sizes, bleeds)
    steps = st.floats(-40, 40)
    start, across, down = (np.array([data.draw(steps) for _ in sizes]) for _ in range(3))
    made = list(planes(sheet, np.arange(len(sizes)), Slope(start, across, down)))

    for row, (cell, bleed) in enumerate(zip(sheet.cells(sheet.paper), bleeds, strict=True)):
        assert cell.shape == made[row].shape
        for y in range(cell.shape[0]):
            for x in range(cell.shape[1]):
                level = np.floor(start[row] - bleed * across[row] + (x + 0.5) * across[row])
                level += np.floor(-bleed * down[row] + (y + 0.5) * down[row])
                assert int(level) % NUM_LEVELS == made[row][y, x]


@given(sizes, st.floats(-1, 1), st.integers(0, 12))
def test_a_plane_passes_through_a_picture_once(
    sizes: list[tuple[int, int]], turns: float, bleed: int
) -> None:
    sheet = sheet_of(sizes, [bleed] * len(sizes))
    rows = np.arange(len(sizes))
    slope, share = across_pictures(sheet, rows, np.full(rows.size, turns))
    right, down = np.cos(2 * np.pi * turns), np.sin(2 * np.pi * turns)

    for row, plane in enumerate(planes(sheet, rows, slope)):
        height, width = plane.shape
        x = (np.arange(width) - bleed + 0.5) / sizes[row][0] - 0.5
        y = (np.arange(height) - bleed + 0.5)[:, None] / sizes[row][1] - 0.5
        wanted = 0.5 + (x * right + y * down) / (abs(right) + abs(down))
        # A level is so much of the way, and both parts of a plane are rounded.
        assert np.abs(share[row][plane] - wanted).max() <= 1.01 * (share[row][1] - share[row][0])


@pytest.mark.parametrize(("paper", "ink"), [(200, 20), (255, 0), (90, 230), (0, 255), (60, 20)])
def test_a_gradient_has_its_levels_and_spares_contrast(paper: int, ink: int) -> None:
    sheet = done(Gradient, sheet_of([(200, 40)], [5], paper, ink), levels=40, degrees=0)
    (picture,) = sheet.pictures(sheet.paper)
    ends = picture[:, 0], picture[:, -1]
    levels = picture.astype(np.int64)
    room = Room.of(sheet, np.arange(1))

    assert (levels == levels[0]).all()
    away = abs(int(ends[1][0]) - ink) - abs(int(ends[0][0]) - ink)
    assert 0 < away <= 40
    if abs(paper - ink) > 150:
        assert 38 <= away
    assert np.abs(levels - ink).min() >= abs(paper - ink) - float(room.spare[0]) - 1


@given(
    st.lists(st.tuples(st.integers(0, 255), st.integers(0, 255)), min_size=1, max_size=30),
    st.floats(0, 128),
)
def test_changes_leave_contrast_whatever_the_colours(
    pairs: list[tuple[int, int]], levels: float
) -> None:
    paper, ink = np.array(pairs, np.int64).T
    room = Room(paper, ink)
    sign = np.where(ink <= paper, 1, -1)
    wanted = np.full(paper.shape, levels)
    papers = [paper + change for change in room.of_paper(wanted)]
    inks = [ink + change for change in room.of_ink(wanted)]
    sigma, paper_shift = room.of_paper_texture(wanted)
    _, ink_shift = room.of_ink_texture(wanted)
    least = np.minimum(room.contrast, READABLE_LEVELS)

    for level in (*papers, *inks):
        assert (-1e-9 <= level).all()
        assert (level <= 255 + 1e-9).all()
    # The worst of all together.
    left = sign * (papers[0] + paper_shift - inks[0] - ink_shift)
    assert (left >= least - 1e-9).all()
    assert (sigma <= room.contrast / CONTRAST_SIGMAS).all()
    readable = room.contrast >= 80
    assert (room.contrast >= 60 + 2.5 * sigma)[readable].all()


@pytest.mark.parametrize("pattern", textures.PATTERNS)
@pytest.mark.parametrize("grain_px", [1, 2, 4])
def test_a_field_goes_on_where_it_began(pattern: textures.Pattern, grain_px: int) -> None:
    field = textures._field(pattern, grain_px)
    rows, columns = (size - spare for size, spare in zip(field.shape, SPARE_PX, strict=True))
    steps = np.abs(np.diff(field.astype(np.int64), axis=0)).mean(axis=1)
    across = np.abs(np.diff(field.astype(np.int64), axis=1)).mean(axis=0)

    assert not field.flags.writeable
    assert np.array_equal(field[rows:], field[: SPARE_PX[0]])
    assert np.array_equal(field[:, columns:], field[:, : SPARE_PX[1]])
    # No seam: neighbours differ there as they do elsewhere.
    assert steps[rows - 1] <= steps.max() * 1.01
    assert across[columns - 1] <= across[: columns - 1].max()
    once = field[:rows, :columns]
    assert abs(float(once.mean()) - textures.MIDDLE) < 0.5
    assert 0.75 < float(once.std()) / textures.FIELD_SIGMA < 1.02


@given(st.integers(0, 2**30), st.integers(1, 600), st.integers(1, 2500))
def test_a_window_is_part_of_a_field_without_end(at: int, height: int, width: int) -> None:
    field = textures._grain()
    rows, columns = textures.GRAIN_SHAPE
    window = textures._window(field, at, height, width)
    y = (at % rows + np.arange(height)) % rows
    x = (at // rows + np.arange(width)) % columns

    assert np.array_equal(field[np.ix_(y, x)], window)


def textured(sheet: Sheet, effect: type[Step] = Texture, **values: float) -> Sheet:
    plain = {"sigma": 8, "pattern": 0, "grain_px": 1, "field_at": 12345, "grain_at": 99}
    return done(effect, sheet, **(plain | values))


@pytest.mark.parametrize("pattern", range(len(textures.PATTERNS)))
@pytest.mark.parametrize("paper", [128, 255, 0, 200])
def test_a_texture_has_its_deviation_and_its_middle(pattern: int, paper: int) -> None:
    ink = 0 if paper > 127 else 255
    sheet = textured(sheet_of([(900, 200)], [0], paper, ink), pattern=pattern)
    levels = sheet.paper.astype(np.float64)

    assert 6 < levels.std() < 9.5
    middle = min(max(paper, 16), 239)
    assert abs(levels.mean() - middle) < 1.5
    # White and black are for the few.
    assert np.isin(sheet.paper, (0, 255)).mean() < 0.04


def test_windows_of_different_beginnings_are_different() -> None:
    one, other, third = (
        textured(sheet_of([(100, 40)], [0]), field_at=field_at, grain_at=grain_at).paper
        for field_at, grain_at in ((5, 7), (6, 7), (5, 8))
    )

    assert not np.array_equal(one, other)
    assert not np.array_equal(one, third)


def test_textures_of_examples_have_nothing_in_common() -> None:
    made = maker(only(texture={"patterns": "grain", "grain_px": 1}), sizes=(32,))
    pictures, _ = draw(made, ["."] * 40)
    corners = [picture[:4, :4].tobytes() for picture in pictures.values()]

    assert 40 == len(set(corners))


def test_ink_is_textured_under_the_ink_alone() -> None:
    sheet = textured(sheet_of([(100, 40)], [0]), InkTexture)

    assert {220} == set(sheet.paper.ravel().tolist())
    assert len(set(sheet.ink.ravel().tolist())) > 10


def test_an_ink_gradient_fades_towards_the_paper_as_far_as_it_may() -> None:
    sheet = sheet_of([(300, 40)], [0], 255, 0)
    values = {"levels": 200, "degrees": 90, "hue": 0, "saturation": 0}
    (picture,) = done(InkGradient, sheet, **values).pictures(sheet.ink)
    spare = (255 - READABLE_LEVELS) / 4

    assert 0 <= picture[-1].min() <= picture[-1].max() <= 2
    assert spare - 3 <= picture[0].min() <= picture[0].max() <= spare + 1


def test_an_ink_gradient_of_a_hue_ends_in_that() -> None:
    sheet = Sheet.blank(
        Traits(np.full(1, 32.0), np.full(1, 3.0)),
        (np.array([300]), np.array([20])),
        np.zeros(1, np.int64),
        is_colored=True,
    )
    sheet.paper_color[...], sheet.ink_color[...] = 255, (60, 60, 60)
    sheet.ink = sheet.fill(sheet.ink_color)
    done(InkGradient, sheet, levels=30, degrees=0, hue=240, saturation=1)

    assert np.abs(sheet.ink[0, 0].astype(int) - 60).max() <= 1
    red, green, blue = sheet.ink[0, -1].tolist()
    assert red == green < blue - 60
    assert abs(int(levels_of(sheet.ink[:1, -1])[0]) - 30) <= 2


LINES = {"width_px": 2.0, "levels": 30.0, "degrees": 0.0, "hue": 0.0, "saturation": 0.0}


@given(st.floats(8, 80), st.floats(0, 1), st.integers(0, 9))
def test_lines_are_at_even_distances(distance: float, first: float, bleed: int) -> None:
    sheet = sheet_of([(6, 200)], [bleed])
    (picture,) = done(Ruled, sheet, **LINES, distance_px=distance, first=first).pictures(
        sheet.paper
    )
    depth = 220.0 - picture[:, 0]
    number, pieces = cv2.connectedComponents((depth > 0).astype(np.uint8)[:, None])
    middles = [
        np.average(np.flatnonzero(pieces[:, 0] == piece), weights=depth[pieces[:, 0] == piece])
        for piece in range(1, number)
    ]

    assert (picture == picture[:, :1]).all()
    assert abs(number - 1 - 200 / distance) <= 1.5
    steps = np.diff(middles[1:-1])  # those at the edges may be cut
    assert (np.abs(steps - distance) < 0.5 + distance / 128).all()
    # A plane has 256 levels from line to line.
    assert 29 - 30 * distance / NUM_LEVELS <= depth.max() <= 30


def test_squares_are_lines_both_ways_that_are_no_darker_where_they_cross() -> None:
    sheet = sheet_of([(200, 200)], [0])
    values = LINES | {"distance_px": 25.0, "first": 0.3, "first_upright": 0.6}
    (picture,) = done(Squared, sheet, **values).pictures(sheet.paper)

    assert 190 <= picture.min()
    for axis in (0, 1):
        lines = (picture.max(axis=axis) < 200).astype(np.uint8)
        assert 8 + 1 == cv2.connectedComponents(lines[None])[0]


def test_lines_leave_most_of_the_contrast() -> None:
    sheet = sheet_of([(40, 200)], [0], 100, 40)
    values = LINES | {"levels": 200.0, "distance_px": 20.0, "first": 0.3}
    (picture,) = done(Ruled, sheet, **values).pictures(sheet.paper)

    assert 79 <= picture.min() <= 81


def boxed(ink: tuple[int, int, int, int], bleed: int, values: Mapping[str, float]) -> Sheet:
    """A picture of 120 by 60, in whose ink's box left, top, width and height are given."""
    left, top, width, height = ink
    sheet = sheet_of([(120, 60)], [bleed])
    (picture,) = sheet.pictures(sheet.mask)
    picture[max(top, 0) : max(top + height, 0), max(left, 0) : max(left + width, 0)] = 255
    return done(Border, sheet, **values)


shares = st.one_of(st.just(-1.0), st.floats(0, 1, exclude_max=True))


@given(
    st.tuples(st.integers(0, 50), st.integers(0, 30), st.integers(0, 120), st.integers(0, 60)),
    st.integers(0, 8),
    st.tuples(*[shares] * 4),
    st.tuples(st.integers(1, 4), st.floats(2, 9), st.integers(0, 1)),
)
def test_borders_stay_away_from_ink_and_none_stands_alone(
    ink: tuple[int, int, int, int],
    bleed: int,
    out: tuple[float, ...],
    line: tuple[int, float, int],
) -> None:
    width_px, gap_px, crossed = line
    values = {"width_px": width_px, "gap_px": gap_px, "crossed": crossed, "strength": 0.5}
    sheet = boxed(ink, bleed, values | dict(zip(SIDES, out, strict=True)))
    (picture,) = sheet.pictures(sheet.other)
    (mask,) = sheet.pictures(sheet.mask)
    side = 2 * int(np.ceil(gap_px)) + 1
    near = cv2.dilate(mask, np.ones((side, side), np.uint8))

    assert set(np.unique(picture).tolist()) <= {0, 128}
    assert not (near & picture).any()
    if picture.any():
        above_or_below = picture[:, mask.any(axis=0)] > 0
        assert above_or_below.all(axis=1).sum() in (width_px, 2 * width_px)


def test_a_border_all_around_is_a_box() -> None:
    values = {
        "width_px": 1,
        "gap_px": 4,
        "strength": 1,
        "top": 0,
        "bottom": 0,
        "left": 0,
        "right": 0,
    }
    box = boxed((20, 20, 60, 20), 3, {**values, "crossed": 0})
    grid = boxed((20, 20, 60, 20), 3, {**values, "crossed": 1})
    wanted = np.zeros((60, 120), np.uint8)
    cv2.rectangle(wanted, (15, 15), (84, 44), 255, 1)

    assert np.array_equal(wanted, box.pictures(box.other)[0])
    assert (grid.other[18] == 255).all()
    assert (grid.other[:, 18] == 255).all()


def test_a_border_leaves_a_picture_without_room_as_it_is() -> None:
    sides = dict.fromkeys(SIDES, 0.5)
    values = {"width_px": 1, "gap_px": 4, "strength": 1, "crossed": 1, **sides}

    assert not boxed((2, 2, 116, 56), 3, values).other.any()
    assert not boxed((0, 0, 0, 0), 3, values).other.any()


def test_sides_drawn_are_as_many_as_asked_for() -> None:
    class Words:
        def word(self, number: int) -> NDArray[np.uint64]:
            return np.asarray(np.random.Philox(key=[7, number]).random_raw(200))

    traits = Traits(np.full(200, 8.0), np.full(200, 1.0))
    drawn = Border().draw(Words(), traits)
    is_drawn = np.stack([drawn[side] >= 0 for side in SIDES])

    assert np.array_equal(is_drawn.sum(axis=0), drawn["sides"])
    assert is_drawn.any(axis=1).all()
    assert (is_drawn[0] | is_drawn[1]).all()
    assert 1 == drawn["width_px"].min()
