"""The effect photograph: which piece, exactly, and so faint that ink stands out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from looks import draw, maker, only
from photographs import SCENES, Pixels, photos

from shmtext import RunConfig
from shmtext.config.looks import LooksKind
from shmtext.corpus.ranges import Ints
from shmtext.errors import ConfigError
from shmtext.looks.effect import Draws, Traits
from shmtext.looks.photograph import PLACE_BITS, Photograph
from shmtext.looks.sheet import Sheet

NAMES = sorted(SCENES)


class Words:
    """Random words that a test has chosen."""

    def __init__(self, *rows: Mapping[int, int]) -> None:
        self._rows = rows

    def word(self, number: int) -> Any:
        return np.array([row.get(number, 0) for row in self._rows], np.uint64)


def sheet_of(
    sizes: list[tuple[int, int]], paper: list[Any], ink: list[Any], *, is_colored: bool
) -> Sheet:
    num = len(sizes)
    traits = Traits(np.full(num, 32.0), np.full(num, 3.0), photos(is_colored=is_colored))
    height, width = np.array(sizes).T
    sheet = Sheet.blank(traits, (width, height), np.full(num, 2), is_colored=is_colored)
    sheet.paper_color[...] = np.array(paper).reshape(num, -1)
    sheet.ink_color[...] = np.array(ink).reshape(num, -1)
    sheet.paper = sheet.fill(sheet.paper_color)
    return sheet


def values_of(**values: Any) -> dict[str, Any]:
    defaults = {"photo": 0, "sigma": 22.0, "halvings": 0, "tint": 1.0, "top": 0.0, "left": 0.0}
    return {name: np.array([value]) for name, value in {**defaults, "flip": 0, **values}.items()}


def applied(
    size: tuple[int, int], paper: Any, ink: Any, *, is_colored: bool = False, **values: Any
) -> Pixels:
    sheet = sheet_of([size], [paper], [ink], is_colored=is_colored)
    Photograph.apply(sheet, np.array([0]), values_of(**values))
    return sheet.cells(sheet.paper)[0]


# -- a plain reference -------------------------------------------------------------------


def mirrored(place: int, length: int) -> int:
    place %= 2 * length
    return place if place < length else 2 * length - 1 - place


def start_of(length: int, wanted: int, share: float) -> int:
    return int(share * ((length // 2 if length < wanted else length - wanted) + 1))


def piece_of(is_colored: bool, values: Mapping[str, Any], height: int, width: int) -> Pixels:
    """Pixel by pixel; where a photograph ends, what lies before its edge comes back."""
    levels = photos(is_colored=is_colored).levels[values["photo"]]
    fitting = [
        level
        for level in levels[: values["halvings"] + 1]
        if level.shape[0] >= height and level.shape[1] >= width
    ]
    photo = fitting[-1] if fitting else levels[0]
    top = start_of(photo.shape[0], height, values["top"])
    left = start_of(photo.shape[1], width, values["left"])
    rows = [top + mirrored(row, photo.shape[0] - top) for row in range(height)]
    columns = [left + mirrored(column, photo.shape[1] - left) for column in range(width)]
    return photo[np.ix_(rows, columns)]


def levelled(piece: Pixels, paper: list[int], ink: list[int], sigma: float, tint: float) -> Any:
    """Its levels brought to the paper's, each channel by itself, without rounding."""
    seen = piece[::4].reshape(-1, len(paper)).astype(np.float64)
    mean, own = seen.mean(axis=0), math.sqrt(seen.var(axis=0).mean())
    shares = [19595, 38470, 7471] if len(paper) == 3 else [65536]

    def level(color: Any) -> float:
        return sum(share * part for share, part in zip(shares, color, strict=True)) / 65536

    paper_level, ink_level = (int(level(color) + 0.5) for color in (paper, ink))
    difference = abs(paper_level - ink_level)
    kept = min(sigma, max((difference - 60) / 3.5, difference / 12))
    gain, bound = min(kept / max(own, 1), 1), max(difference / 2, 1)
    casts = (1 - tint) * (mean - level(mean)) + tint * (np.array(paper) - paper_level)
    target = casts + min(max(paper_level, gain * own), 255 - gain * own)
    steps = (piece.reshape(*piece.shape[:2], -1) - mean) * gain
    return (target + steps / np.sqrt(1 + (steps / bound) ** 2)).clip(0, 255)


color = st.lists(st.integers(0, 255), min_size=3, max_size=3)
size = st.tuples(st.integers(1, 90), st.integers(1, 700))
share = st.integers(0, 2**PLACE_BITS - 1).map(lambda word: word * 2.0**-PLACE_BITS)


@given(
    size=size,
    paper=color,
    ink=color,
    is_colored=st.booleans(),
    values=st.fixed_dictionaries(
        {
            "photo": st.integers(0, len(SCENES) - 1),
            "halvings": st.integers(0, 3),
            "top": share,
            "left": share,
            "flip": st.integers(0, 3),
            "sigma": st.floats(0, 64),
            "tint": st.floats(0, 1),
        }
    ),
)
def test_a_piece_is_cut_flipped_and_levelled_as_a_plain_reference_has_it(
    size: tuple[int, int], paper: list[int], ink: list[int], is_colored: bool, values: Any
) -> None:
    if not is_colored:
        paper, ink = paper[:1], ink[:1]
    found = applied(size, paper, ink, is_colored=is_colored, **values)
    height, width = size[0] + 4, size[1] + 4
    piece = piece_of(is_colored, values, height, width)
    expected = levelled(piece, paper, ink, values["sigma"], values["tint"])
    if values["flip"] & 1:
        expected = expected[:, ::-1]
    if values["flip"] & 2:
        expected = expected[::-1]

    assert np.abs(found.reshape(expected.shape) - expected).max() <= 0.501


# -- what that comes to ------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("is_colored", [False, True])
@pytest.mark.parametrize(
    ("paper", "ink"), [(230, 20), (255, 0), (0, 255), (30, 250), (128, 40), (150, 120)]
)
def test_ink_stands_out_on_every_photograph(
    name: str, is_colored: bool, paper: int, ink: int
) -> None:
    """By 60 levels and 2.5 standard deviations, or, where it is faint, by most that there is."""
    channels = 3 if is_colored else 1
    for halvings in range(4):
        found = applied(
            (40, 250),
            [paper] * channels,
            [ink] * channels,
            is_colored=is_colored,
            photo=NAMES.index(name),
            halvings=halvings,
            sigma=40.0,
            left=0.3,
            top=0.4,
        )
        levels = found.astype(float).mean(axis=-1) if is_colored else found.astype(float)
        contrast = abs(levels.mean() - ink)
        wanted = min(60 + 2.5 * levels.std(), 0.8 * abs(paper - ink))

        assert contrast >= wanted - 1
        assert (np.abs(levels - ink) >= 0.45 * abs(paper - ink)).all()


@pytest.mark.parametrize("is_colored", [False, True])
def test_with_all_its_tint_the_mean_is_the_papers_color(is_colored: bool) -> None:
    paper, ink = ([180, 140, 120], [10, 20, 30]) if is_colored else ([150], [10])
    found = applied((60, 300), paper, ink, is_colored=is_colored, photo=NAMES.index("wall.png"))

    assert np.abs(found.reshape(-1, len(paper)).mean(axis=0) - paper).max() < 4


def test_without_tint_a_photograph_keeps_its_color_and_has_the_papers_level() -> None:
    number = NAMES.index("leaves.webp")
    found = applied((60, 150), [120] * 3, [10] * 3, is_colored=True, photo=number, tint=0.0)
    mean = found.reshape(-1, 3).mean(axis=0)
    own = photos(is_colored=True).levels[number][0].reshape(-1, 3).mean(axis=0)

    assert np.abs((mean - mean[1]) - (own - own[1])).max() < 12
    assert abs(mean @ [77, 150, 29] / 256 - 120) < 4


def test_faint_photographs_are_not_made_stronger() -> None:
    found = applied((30, 60), [200], [10], photo=NAMES.index("blank.png"))

    assert {200} == set(found.ravel().tolist())


def test_small_photographs_go_on_without_a_seam() -> None:
    """A step of a pixel is nowhere higher than within the photograph itself."""
    number = NAMES.index("leaves.webp")
    photo = photos(is_colored=False).levels[number][0].astype(int)
    found = applied((40, 900), [255], [0], photo=number, sigma=64.0, left=0.5).astype(int)

    assert photo.shape[1] < found.shape[1]
    assert np.abs(np.diff(found, axis=1)).max() <= np.abs(np.diff(photo, axis=1)).max()


# -- which ----------------------------------------------------------------------------------------


def drawn(draws: Draws, num: int) -> dict[str, Ints]:
    traits = Traits(np.full(num, 32.0), np.full(num, 3.0), photos(is_colored=False))
    return Photograph().draw(draws, traits)


def test_every_photograph_place_and_flip_can_be_drawn() -> None:
    raw = np.random.Philox(key=np.array([1, 2], np.uint64)).random_raw(2_000)
    rows = [
        {16: which, 17: place} for which, place in zip(*raw.reshape(2, -1).tolist(), strict=True)
    ]
    values = drawn(Words(*rows), len(rows))

    assert set(range(len(SCENES))) == set(values["photo"].tolist())
    assert {0, 1, 2, 3} == set(values["flip"].tolist())
    for name in ("top", "left"):
        assert 0 <= values[name].min() < 0.01
        assert 0.99 < values[name].max() < 1
        assert len(set(values[name].tolist())) > 990
    assert abs(np.corrcoef(values["top"], values["left"])[0, 1]) < 0.1


def test_the_ends_of_what_can_be_drawn_are_within_photographs() -> None:
    last = 2**64 - 1
    values = drawn(Words({16: last, 17: last}, {}), 2)

    assert [len(SCENES) - 1, 0] == values["photo"].tolist()
    assert [3, 0] == values["flip"].tolist()
    for number, length in ((0, 64), (1, 90)):
        each = {name: value[number] for name, value in values.items()}
        applied((length, length), [255], [0], **each)


def test_a_look_uses_many_pieces_and_they_differ() -> None:
    pictures, _ = draw(maker(only(photograph={"sigma": 20})), ["same text"] * 60)
    first = [picture[:8, :8].tobytes() for picture in pictures.values()]

    assert len(set(first)) > 35  # a blank sky is the same all over, and so are a book and the dark


def test_without_backgrounds_the_effect_does_not_occur() -> None:
    with_effect = maker(only(photograph={}))
    without = maker(only())
    without_photos = type(with_effect)(
        type(with_effect.settings).of(with_effect.settings.config, with_effect.settings.fonts)
    )
    texts = ["one", "two", "three"]
    plain, _ = draw(without, texts)
    found, _ = draw(without_photos, texts)
    shown, _ = draw(with_effect, texts)

    for example, picture in plain.items():
        assert np.array_equal(picture, found[example])
        assert not np.array_equal(picture, shown[example])


def test_backgrounds_for_looks_that_use_none_are_refused() -> None:
    for look in ((), ["scan"], only(noise={})):
        with pytest.raises(ConfigError, match="backgrounds are used by looks that have the effect"):
            RunConfig(backgrounds="photos", look=look)  # type: ignore[arg-type]
    look = LooksKind().take("look", only(photograph={"probability": 0.3}))

    assert "photos" == str(RunConfig(backgrounds="photos", look=look).backgrounds)  # type: ignore[arg-type]
