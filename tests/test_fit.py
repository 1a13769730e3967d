"""Pictures in rows of one size, against the slow way, and boxes that go with them."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
import pytest
from fault_runs import REPOSITORY
from hypothesis import given, settings
from hypothesis import strategies as st
from test_box_labels import distances_px
from test_processors import available, limited

from shmtext.draw.batch import GlyphBoxes, Pixels
from shmtext.draw.fit import MAX_FIT_PX, Fit, Sizes, fit_into
from shmtext.draw.fitted_boxes import fitted_boxes
from shmtext.engine.libraries import without_ipp, without_pool
from shmtext.errors import ConfigError

GARBAGE = 170
"""What memory holds that is used again."""


@pytest.fixture(autouse=True)
def as_in_a_worker() -> Iterator[None]:
    """OpenCV as it is where rows are filled."""
    with without_ipp(), without_pool():
        yield


def random_pictures(seed: int, sizes: Sequence[tuple[int, int]], channels: int = 1) -> list[Pixels]:
    """Pictures of these heights and widths."""
    rng = np.random.default_rng(seed)
    depth = () if channels == 1 else (channels,)
    return [rng.integers(0, 256, (*size, *depth)).astype(np.uint8) for size in sizes]


def random_papers(seed: int, num: int, channels: int) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (num, channels)).astype(np.uint8)


def views_of_a_strip(pictures: Sequence[Pixels]) -> list[Pixels]:
    """The same pictures side by side in one wide array, with something else above and below."""
    heights, widths = [len(each) for each in pictures], [each.shape[1] for each in pictures]
    strip = np.full((max(heights) + 3, sum(widths) + 9, *pictures[0].shape[2:]), 99, np.uint8)
    views, left = [], 4
    for picture, height, width in zip(pictures, heights, widths, strict=True):
        view = strip[2 : 2 + height, left : left + width]
        view[...] = picture
        views.append(view)
        left += width
    return views


def fitted(
    pictures: Sequence[Pixels], papers: Pixels, fit: Fit, garbage: int = GARBAGE
) -> tuple[Pixels, Sizes]:
    """The rows of pictures, in memory that held something else."""
    rows = np.full(fit.shape_of(len(pictures)), garbage, np.uint8)
    return rows, fit_into(rows, pictures, papers, fit)


# -- the slow way -------------------------------------------------------------------------------


def slow_size(height: int, width: int, fit: Fit) -> tuple[int, int]:
    """Height and width; ``round`` of a fraction goes to the even number."""
    share = Fraction(fit.height_px, height)
    if fit.how == "stretch":
        return fit.height_px, fit.width_px
    if fit.how == "pad":
        return fit.height_px, min(max(round(width * share), 1), fit.width_px)
    share = min(share, Fraction(fit.width_px, width), Fraction(1))
    return max(round(height * share), 1), max(round(width * share), 1)


def slow_scaled(picture: Pixels, height: int, width: int) -> Pixels:
    shares = Fraction(picture.shape[1], width), Fraction(picture.shape[0], height)
    if shares == (1, 1):
        return picture
    if max(shares) > Fraction(15, 4):
        smaller = min(width, picture.shape[1]), min(height, picture.shape[0])
        picture = cv2.resize(picture, smaller, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    else:
        x, y = (1 if each <= 2 else 3 if each <= Fraction(11, 4) else 5 for each in shares)
        picture = cv2.GaussianBlur(picture, (x, y), 0)  # type: ignore[assignment]
    if picture.shape[:2] == (height, width):
        return picture
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]


def slow_row(picture: Pixels, paper: Pixels, fit: Fit) -> tuple[Pixels, tuple[int, int]]:
    """A row, always with an axis of channels, and the picture's size there."""
    picture = np.ascontiguousarray(picture)
    if picture.ndim == 3 and fit.channels == 1:
        picture = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)  # type: ignore[assignment]
        paper = cv2.cvtColor(paper[None, None], cv2.COLOR_RGB2GRAY)[0]  # type: ignore[assignment]
    height, width = slow_size(*picture.shape[:2], fit)
    picture = slow_scaled(picture, height, width).reshape(height, width, -1)
    row = np.empty((fit.height_px, fit.width_px, picture.shape[2]), np.uint8)
    row[...] = paper
    row[:height, :width] = picture
    if fit.pad == "edge":
        row[:height, width:] = picture[:, -1:]
    return np.broadcast_to(row, (*row.shape[:2], fit.channels)), (height, width)


def check_rows(pictures: Sequence[Pixels], papers: Pixels, fit: Fit) -> None:
    rows, sizes = fitted(pictures, papers, fit)
    assert np.int32 == sizes.width_px.dtype == sizes.height_px.dtype
    found = rows.reshape(*rows.shape[:3], fit.channels)
    found_sizes = list(zip(sizes.height_px.tolist(), sizes.width_px.tolist(), strict=True))
    for number, picture in enumerate(pictures):
        row, size = slow_row(picture, papers[number], fit)
        assert size == found_sizes[number]
        assert np.array_equal(row, found[number]), (picture.shape, size)


ALL_KINDS = list(
    itertools.product(("pad", "stretch", "keep"), ("background", "edge"), (1, 3), (1, 3))
)
"""How, padding, channels of rows and of pictures."""

AWKWARD_SIZES = [
    *((1, 1), (1, 9), (9, 1), (1, 400), (400, 1), (16, 48), (16, 20), (16, 70), (20, 20), (33, 33)),
    *((32, 96), (33, 97), (31, 95), (40, 126), (44, 132), (45, 133), (60, 180), (61, 181)),
    *((8, 300), (15, 96), (7, 97), (17, 130), (80, 10), (200, 48), (120, 500), (3, 2), (17, 25)),
]
"""Heights and widths about those where scaling into 16 x 48 is done otherwise."""


@pytest.mark.parametrize(("how", "pad", "channels", "of_pictures"), ALL_KINDS)
def test_rows_are_what_the_slow_way_makes(
    how: Any, pad: Any, channels: Any, of_pictures: int
) -> None:
    pictures = random_pictures(1, AWKWARD_SIZES, of_pictures)
    papers = random_papers(2, len(pictures), of_pictures)

    check_rows(views_of_a_strip(pictures), papers, Fit(16, 48, how, channels, pad))


sides = st.integers(1, 70)
fits = st.builds(
    Fit,
    *(sides, sides),
    how=st.sampled_from(["pad", "stretch", "keep"]),
    channels=st.sampled_from([1, 3]),
    pad=st.sampled_from(["background", "edge"]),
)
sizes_of_many = st.lists(st.tuples(st.integers(1, 90), st.integers(1, 260)), min_size=1, max_size=6)


@settings(deadline=None, max_examples=200)
@given(fits, sizes_of_many, st.sampled_from([1, 3]), st.integers(0, 2**32))
def test_rows_of_any_pictures_are_what_the_slow_way_makes(
    fit: Fit, sizes: list[tuple[int, int]], channels: int, seed: int
) -> None:
    pictures = views_of_a_strip(random_pictures(seed, sizes, channels))

    check_rows(pictures, random_papers(seed, len(sizes), channels), fit)


@settings(deadline=None, max_examples=100)
@given(fits, sizes_of_many, st.sampled_from([1, 3]), st.integers(0, 2**32))
def test_a_row_depends_on_its_picture_alone(
    fit: Fit, sizes: list[tuple[int, int]], channels: int, seed: int
) -> None:
    """Not on its neighbours in the strip or the batch, nor on what memory held."""
    pictures = random_pictures(seed, sizes, channels)
    papers = random_papers(seed, len(sizes), channels)
    together, sizes_together = fitted(views_of_a_strip(pictures), papers, fit)
    others = random_pictures(seed + 1, [(20, 30), (50, 9)], channels)
    for number, picture in enumerate(pictures):
        company = [others[0], picture, others[1]]
        rows, found = fitted(company, np.repeat(papers[number : number + 1], 3, axis=0), fit, 7)

        assert np.array_equal(together[number], rows[1])
        assert sizes_together.width_px[number] == found.width_px[1]
        assert sizes_together.height_px[number] == found.height_px[1]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("how", ["pad", "stretch", "keep"])
def test_a_picture_of_the_right_size_is_not_resampled(how: Any, channels: Any) -> None:
    pictures = random_pictures(3, [(16, 48), (16, 48)], channels)
    rows, _ = fitted(pictures, random_papers(3, 2, channels), Fit(16, 48, how, channels))

    assert np.array_equal(np.stack(pictures), rows)


@pytest.mark.parametrize("how", ["pad", "keep"])
def test_a_picture_that_fits_stands_in_its_row_as_drawn(how: Any) -> None:
    (picture,) = random_pictures(4, [(16, 31)])
    rows, sizes = fitted([picture], np.array([[250]], np.uint8), Fit(16, 48, how))

    assert (31, 16) == (sizes.width_px[0], sizes.height_px[0])
    assert np.array_equal(picture, rows[0, :, :31])
    assert (rows[0, :, 31:] == 250).all()


def test_padding_by_hand() -> None:
    picture = np.array([[1, 2], [3, 4]], np.uint8)
    papers = np.array([[9]], np.uint8)
    on_paper, _ = fitted([picture], papers, Fit(3, 4, "keep"))
    extended, _ = fitted([picture], papers, Fit(3, 4, "keep", pad="edge"))

    assert [[1, 2, 9, 9], [3, 4, 9, 9], [9, 9, 9, 9]] == on_paper[0].tolist()
    assert [[1, 2, 2, 2], [3, 4, 4, 4], [9, 9, 9, 9]] == extended[0].tolist()


def test_papers_of_colours_are_luminance_in_gray_and_the_same_thrice_in_colour() -> None:
    red = np.full((4, 4, 3), (255, 0, 0), np.uint8)
    gray, _ = fitted([red], np.array([[255, 0, 0]], np.uint8), Fit(4, 9))
    colored, _ = fitted([red[..., 2]], np.array([[7]], np.uint8), Fit(4, 9, channels=3))

    assert {76} == set(gray.ravel().tolist())
    assert [0, 0, 0] == colored[0, 0, 3].tolist()
    assert [7, 7, 7] == colored[0, 0, 4].tolist()


def test_even_pictures_stay_even_at_every_size() -> None:
    pictures = [np.full(size, 201, np.uint8) for size in AWKWARD_SIZES]
    for how in ("pad", "stretch", "keep"):
        rows, _ = fitted(pictures, np.full((len(pictures), 1), 201, np.uint8), Fit(16, 48, how))
        assert (rows == 201).all()


@pytest.mark.parametrize("share", [1.5, 2, 2.5, 3, 3.6, 5, 9])
def test_no_line_of_a_pixel_is_lost_however_small_pictures_become(share: float) -> None:
    width = round(30 * share)
    for x in range(3, width - 3):
        picture = np.zeros((16, width), np.uint8)
        picture[:, x] = 255
        rows, _ = fitted([picture], np.zeros((1, 1), np.uint8), Fit(16, 30, "stretch"))
        assert 0.3 < rows[0, 8].sum() * share / 255 < 2


def test_no_pictures_are_no_rows() -> None:
    rows, sizes = fitted([], np.zeros((0, 1), np.uint8), Fit(8, 8))

    assert (0, 8, 8) == rows.shape
    assert [] == sizes.width_px.tolist() == sizes.height_px.tolist()


@pytest.mark.parametrize("shape", [(8, 8, 3), (8, 7), (9, 8)])
def test_rows_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    pictures, papers = random_pictures(5, [(4, 4)]), np.zeros((1, 1), np.uint8)
    with pytest.raises(ValueError, match=r"of shape \(8, 8\), they are"):
        fit_into([np.zeros(shape, np.uint8)], pictures, papers, Fit(8, 8))


# -- sizes --------------------------------------------------------------------------------------


@given(
    st.integers(1, MAX_FIT_PX),
    st.integers(1, MAX_FIT_PX),
    st.sampled_from(["pad", "stretch", "keep"]),
    st.lists(st.tuples(st.integers(1, 65_500), st.integers(1, 65_500)), max_size=20),
)
def test_sizes_are_exact_and_halves_go_to_the_even_number(
    height: int, width: int, how: Any, drawn: list[tuple[int, int]]
) -> None:
    fit = Fit(height, width, how)
    heights, widths = np.array(drawn, np.int32).reshape(-1, 2).T
    found = fit.sizes(Sizes(widths, heights))
    pairs = list(zip(found.height_px.tolist(), found.width_px.tolist(), strict=True))

    assert [slow_size(*each, fit) for each in drawn] == pairs
    assert all(1 <= each[0] <= height and 1 <= each[1] <= width for each in pairs)


def test_a_width_between_two_is_the_even_one() -> None:
    drawn = Sizes(np.array([5, 7, 9], np.int32), np.full(3, 64, np.int32))

    assert [2, 4, 4] == Fit(32, 128).sizes(drawn).width_px.tolist()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"height_px": 0}, "height_px must be a whole number, 1 to 32,768, got 0"),
        ({"width_px": 32_769}, "width_px must be a whole number, 1 to 32,768, got 32769"),
        ({"width_px": 12.5}, "width_px must be a whole number"),
        ({"how": "crop"}, "how must be one of pad, stretch, keep"),
        ({"pad": "white"}, "pad must be one of background, edge"),
        ({"channels": 4}, "channels must be 1 or 3, got 4"),
        ({"channels": None}, "channels must be 1 or 3, got None"),
    ],
    ids=str,
)
def test_a_fit_that_cannot_be_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        replace(Fit(32, 128), **change)


def test_the_largest_row_that_a_fit_allows_is_filled() -> None:
    picture = np.arange(200, dtype=np.uint8)[None]
    rows, sizes = fitted([picture], np.zeros((1, 1), np.uint8), Fit(1, MAX_FIT_PX, "stretch"))

    assert MAX_FIT_PX == sizes.width_px[0]
    assert [0, 199] == rows[0, 0, [0, -1]].tolist()
    assert (np.diff(rows[0, 0].astype(int)) >= 0).all()


# -- processors ---------------------------------------------------------------------------------

DIGESTS = """
import hashlib, itertools, json, sys
import cv2, numpy as np
from shmtext.draw.fit import Fit, fit_into
cv2.ipp.setUseIPP(False)
digests = []
kinds, sizes = json.loads(sys.argv[1])
for how, pad, channels, of_pictures in kinds:
    rng = np.random.default_rng(0)
    shapes = [(*size, 3) if of_pictures == 3 else size for size in sizes]
    pictures = [rng.integers(0, 256, shape).astype(np.uint8) for shape in shapes]
    papers = rng.integers(0, 256, (len(sizes), of_pictures)).astype(np.uint8)
    fit = Fit(16, 48, how, channels, pad)
    rows = np.empty(fit.shape_of(len(sizes)), np.uint8)
    fit_into(rows, pictures, papers, fit)
    digests.append(hashlib.sha256(rows).hexdigest())
print(json.dumps(digests))
"""


def digests(env: dict[str, str]) -> list[str]:
    """Of rows of every kind, made in a process of its own."""
    kinds_and_sizes = json.dumps([ALL_KINDS, AWKWARD_SIZES])
    command = [sys.executable, "-c", DIGESTS, kinds_and_sizes]
    env = {**env, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(command, capture_output=True, check=True, env=env, timeout=300)
    found: list[str] = json.loads(done.stdout)
    return found


def test_rows_have_the_same_bytes_on_every_processor() -> None:
    this_one, plain = digests({}), digests(limited(*available(), "NONE"))

    assert len(ALL_KINDS) == len(plain)
    assert this_one == plain


# -- boxes --------------------------------------------------------------------------------------

PAPER = 255


def boxes_of(corners: Sequence[Any], seams: Sequence[int]) -> GlyphBoxes:
    corners = np.array(corners, np.float32).reshape(-1, 4, 2)
    return GlyphBoxes(np.array(seams), np.arange(len(corners)), corners)


def upright(left: int, top: int, right: int, bottom: int) -> list[list[int]]:
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


@st.composite
def upright_boxes(draw: st.DrawFn) -> tuple[int, int, tuple[int, int, int, int]]:
    """A picture's height and width, and a box in it."""
    height, width = draw(st.integers(1, 80)), draw(st.integers(1, 250))
    left, top = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    right = draw(st.integers(left + 1, min(left + 20, width)))
    bottom = draw(st.integers(top + 1, height))
    return height, width, (left, top, right, bottom)


@settings(deadline=None, max_examples=400)
@given(upright_boxes(), fits, st.integers(0, 3))
def test_a_box_holds_its_ink_in_the_row_and_ends_with_it(
    drawn: tuple[int, int, tuple[int, int, int, int]], fit: Fit, turns: int
) -> None:
    height, width, (left, top, right, bottom) = drawn
    picture = np.full((height, width), PAPER, np.uint8)
    picture[top:bottom, left:right] = 0
    rows, sizes = fitted([picture], np.full((1, 1), PAPER, np.uint8), replace(fit, channels=1))
    corners = np.roll(upright(left, top, right, bottom), turns, axis=0)
    boxes = fitted_boxes(boxes_of([corners], [0, 1]), Sizes.of([picture]), sizes)
    new_width, new_height = int(sizes.width_px[0]), int(sizes.height_px[0])
    (found,) = np.roll(boxes.corners, -turns, axis=1)
    (new_left, new_top), (new_right, new_bottom) = found[[0, 2]].astype(int).tolist()

    assert upright(new_left, new_top, new_right, new_bottom) == found.tolist()
    assert 0 <= new_left < new_right <= new_width
    assert 0 <= new_top < new_bottom <= new_height
    y, x = np.nonzero(rows[0, :new_height, :new_width] != PAPER)
    if x.size:
        assert new_left <= x.min() <= x.max() < new_right
        assert new_top <= y.min() <= y.max() < new_bottom
    if 2 * new_width >= width and 2 * new_height >= height:  # else ink may become too faint to see
        assert x.min() <= new_left + 1
        assert y.min() <= new_top + 1
        assert new_right - 2 <= x.max()
        assert new_bottom - 2 <= y.max()


@settings(deadline=None, max_examples=200)
@given(
    st.tuples(st.integers(20, 80), st.integers(20, 250)),
    st.tuples(*[st.floats(0, 1)] * 2, st.floats(2, 30), st.floats(2, 12), st.floats(0, 1)),
    fits,
)
def test_a_box_that_is_askew_holds_the_middles_of_its_ink(
    size: tuple[int, int], box: tuple[float, ...], fit: Fit
) -> None:
    height, width = size
    x, y, long, short, turns = box
    angle = 2 * np.pi * turns
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-along[1], along[0]])
    halves = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) / 2
    corners = np.rint((x * width, y * height) + halves @ (along * long, across * short))
    corners = np.clip(corners, 0, (width, height))
    down, right = np.mgrid[:height, :width]
    middles = np.stack([right.ravel(), down.ravel()], axis=1) + 0.5
    is_ink = (distances_px(corners, middles) <= 0).reshape(height, width)
    picture = np.where(is_ink, 0, PAPER).astype(np.uint8)
    rows, sizes = fitted([picture], np.full((1, 1), PAPER, np.uint8), replace(fit, channels=1))
    boxes = fitted_boxes(boxes_of([corners], [0, 1]), Sizes.of([picture]), sizes)
    new_size = int(sizes.width_px[0]), int(sizes.height_px[0])
    y_of_ink, x_of_ink = np.nonzero(rows[0, : new_size[1], : new_size[0]] != PAPER)
    (found,) = boxes.corners.astype(np.float64)

    assert np.array_equal(found, np.rint(found))
    assert (found >= 0).all()
    assert (found <= new_size).all()
    if x_of_ink.size:
        points = np.stack([x_of_ink, y_of_ink], axis=1) + 0.5
        assert distances_px(found, points).max() <= 0.02


def test_boxes_go_with_the_pictures_that_they_are_of() -> None:
    drawn = Sizes(np.array([100, 50, 30], np.int32), np.array([40, 20, 30], np.int32))
    both = [upright(10, 4, 20, 36), upright(30, 4, 50, 36), upright(3, 2, 7, 9)]
    boxes = fitted_boxes(boxes_of(both, [0, 2, 2, 3]), drawn, Fit(20, 90).sizes(drawn))

    assert [0, 2, 2, 3] == boxes.seams.tolist()
    assert [0, 1, 2] == boxes.cluster.tolist()
    expected = [upright(5, 2, 10, 18), upright(15, 2, 25, 18), upright(2, 1, 5, 6)]
    assert expected == boxes.corners.tolist()


def test_boxes_of_pictures_that_stay_as_they_are_stay_too() -> None:
    askew = [[3, 1], [9, 4], [7, 8], [1, 5]]
    drawn = Sizes(np.array([12], np.int32), np.array([10], np.int32))
    sharp = [[0, 0], [12, 1], [12, 1], [0, 1]]
    boxes = boxes_of([askew, upright(0, 0, 12, 10), sharp], [0, 3])

    assert np.array_equal(boxes.corners, fitted_boxes(boxes, drawn, drawn).corners)


def test_no_boxes_stay_none() -> None:
    drawn = Sizes(np.array([12], np.int32), np.array([10], np.int32))
    boxes = fitted_boxes(boxes_of([], [0, 0]), drawn, Fit(5, 5).sizes(drawn))

    assert (0, 4, 2) == boxes.corners.shape
