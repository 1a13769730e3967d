"""Colours of looks: as far apart in luminance as asked for, beside colours that a user gave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from looks import draw, maker_of, only
from numpy.typing import NDArray

from shmtext import Output, RunConfig, Style
from shmtext.config.ranges import Range
from shmtext.errors import ConfigError
from shmtext.looks.colors import Colors
from shmtext.looks.effect import FIRST_OWN_WORD, Traits
from shmtext.looks.luminance import levels_of, tinted

NUM = 64


class Words:
    """Random words of a few examples."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def word(self, number: int) -> NDArray[np.uint64]:
        return np.asarray(np.random.Philox(key=[self._seed, number]).random_raw(NUM))


def traits(paper: int | None = None, ink: int | None = None) -> Traits:
    given = (None if level is None else np.full(NUM, float(level)) for level in (paper, ink))
    paper_levels, ink_levels = given
    return Traits(
        np.full(NUM, 32.0), np.full(NUM, 3.0), given_paper=paper_levels, given_ink=ink_levels
    )


pairs = st.tuples(st.integers(0, 255), st.integers(0, 255)).map(sorted)
settings = st.builds(
    lambda paper, contrast, inverted: {
        "paper": tuple(paper),
        "contrast": (max(contrast[0], 1), max(contrast[1], 1)),
        "inverted": inverted,
    },
    pairs,
    pairs,
    st.sampled_from([0, 0.4, 1]),
)


def made(values: Mapping[str, Any]) -> Colors:
    paper, contrast = Range(values["paper"]), Range(values["contrast"])
    assume(contrast.low <= paper.high)
    return Colors(paper=paper, contrast=contrast, inverted=values["inverted"])


@given(settings, st.integers(0, 2**32))
def test_ink_stands_out_as_much_as_asked_for_on_paper_of_the_range(
    values: dict[str, Any], seed: int
) -> None:
    colors = made(values)
    drawn = colors.draw(Words(seed), traits())
    paper, ink, is_light = drawn["paper"], drawn["ink"], drawn["inverted"] > 0

    assert (0 <= ink).all()
    assert (ink <= 255).all()
    assert np.array_equal(is_light, ink > paper)
    positive = np.where(is_light, 255 - paper, paper)
    assert (positive >= np.floor(colors.paper.low)).all()
    assert (positive <= colors.paper.high).all()
    contrast = drawn["contrast"]
    assert np.array_equal(contrast, np.abs(paper - ink))
    assert (contrast >= np.floor(colors.contrast.low)).all()
    assert (contrast <= min(colors.contrast.high, colors.paper.high)).all()


def is_refused(colors: Colors, papers: Sequence[str], inks: Sequence[str]) -> bool:
    try:
        colors.check_given(papers, inks)
    except ConfigError:
        return True
    return False


@given(settings, st.integers(0, 255), st.integers(0, 2**32))
def test_ink_stands_out_from_paper_that_is_given(
    values: dict[str, Any], level: int, seed: int
) -> None:
    colors = made(values)
    assume(not is_refused(colors, [f"#{level:02x}{level:02x}{level:02x}"], []))
    drawn = colors.draw(Words(seed), traits(paper=level))

    assert set(drawn["paper"]) == {level}
    assert (drawn["contrast"] >= np.floor(colors.contrast.low)).all()
    assert (drawn["contrast"] <= colors.contrast.high).all()
    assert (drawn["ink"] >= 0).all()
    assert (drawn["ink"] <= 255).all()


@given(settings, st.integers(0, 255), st.integers(0, 2**32))
def test_paper_of_the_range_stands_out_from_ink_that_is_given(
    values: dict[str, Any], level: int, seed: int
) -> None:
    colors = made(values)
    assume(not is_refused(colors, [], [f"#{level:02x}{level:02x}{level:02x}"]))
    drawn = colors.draw(Words(seed), traits(ink=level))
    paper = drawn["paper"]

    assert set(drawn["ink"]) == {level}
    assert (drawn["contrast"] >= np.floor(colors.contrast.low)).all()
    positive = np.where(drawn["inverted"] > 0, 255 - paper, paper)
    assert (positive >= np.floor(colors.paper.low)).all()
    assert (positive <= colors.paper.high).all()


@given(
    st.lists(
        st.tuples(st.integers(0, 255), st.integers(-360, 720), st.floats(0, 1)),
        min_size=1,
        max_size=20,
    )
)
def test_a_tint_leaves_luminance_as_it_is(colors: list[tuple[int, int, float]]) -> None:
    level, hue, saturation = np.array(colors, np.float64).T
    tints = tinted(level, hue, saturation)

    # Channels are rounded by at most half a level each, and their sum by as much.
    assert np.abs(levels_of(tints) - level).max() <= 1
    gray = cv2.cvtColor(tints[None], cv2.COLOR_RGB2GRAY)[0]
    assert np.abs(gray - levels_of(tints)).max() <= 1


def test_a_tint_has_the_hue_and_all_the_colour_there_is() -> None:
    level, hue = np.array([76.0, 150.0, 29.0, 226.0]), np.array([0.0, 120.0, 240.0, 420.0])
    wanted = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0]]

    assert np.abs(tinted(level, hue, np.ones(4)) - np.array(wanted)).max() <= 1
    assert tinted(level, hue, np.zeros(4)).tolist() == [[x] * 3 for x in level.tolist()]


def test_examples_are_coloured_and_inverted_as_often_as_asked_for() -> None:
    colors = Colors(inverted=0.25, colored=0.5, paper_saturation=0.5, ink_saturation=1)
    drawn = [colors.draw(Words(seed), traits()) for seed in range(40)]
    inverted, is_colored = (
        np.concatenate([each[name] for each in drawn]) > 0
        for name in ("inverted", "ink_saturation")
    )

    assert 0.21 < inverted.mean() < 0.29
    assert 0.45 < is_colored.mean() < 0.55
    # Each by a word of its own.
    assert abs((inverted & is_colored).mean() - 0.125) < 0.03


def test_more_settings_move_no_word_of_others() -> None:
    assert FIRST_OWN_WORD == 16
    plain = Colors().draw(Words(3), traits())
    colored = Colors(colored=1).draw(Words(3), traits())

    assert np.array_equal(plain["paper"], colored["paper"])
    assert np.array_equal(plain["ink"], colored["ink"])


def config(look: object, mode: str = "auto", **colors: Any) -> RunConfig:
    return RunConfig(
        look=look,  # type: ignore[arg-type]
        style=Style(**colors),
        output=Output(mode=mode),  # type: ignore[arg-type]
    )


def test_pictures_have_colour_where_settings_can_make_any() -> None:
    assert "gray" == config(only(colors={})).picture_mode
    no_tint = {"colored": 1, "paper_saturation": 0, "ink_saturation": 0}
    assert "gray" == config(only(colors=no_tint)).picture_mode
    assert "rgb" == config(only(colors={"colored": 0.1})).picture_mode
    assert "gray" == config(only(ruled={}, ink_gradient={})).picture_mode
    assert "rgb" == config(only(ruled={"saturation": [0, 0.5]})).picture_mode
    assert "rgb" == config(only(ink_gradient={"saturation": [0, 0.5]})).picture_mode


@pytest.mark.parametrize(
    ("look", "colors", "message"),
    [
        ({"contrast": [200, 255]}, {"font_colors": ["#808080"]}, "font colour #808080"),
        ({"contrast": [200, 255]}, {"font_colors": ["blue", "gray"]}, "font colour #808080"),
        ({"contrast": [200, 255]}, {"background_colors": ["#808080"]}, "background colour #808080"),
        ({"paper": [0, 90], "contrast": 80}, {"font_colors": ["#505050"]}, "no paper is more than"),
    ],
)
def test_colours_are_refused_that_nothing_can_stand_out_from(
    look: dict[str, Any], colors: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as refused:
        config(only(colors=look), **colors)

    assert str(refused.value).startswith("[look.test.colors] contrast of at least")


def test_contrast_that_no_paper_of_a_look_has_is_refused() -> None:
    with pytest.raises(ConfigError, match="cannot be met on paper of at most 100"):
        config(only(colors={"paper": [20, 100], "contrast": [120, 200]}))


def test_both_colours_given_are_checked_against_each_other_alone() -> None:
    both = {"font_colors": ["#808080"], "background_colors": ["#ffff00"]}

    assert (("#808080", "#ffff00"),) == config(only(colors={}), **both).color_pairs


def test_colours_must_differ_when_colour_is_taken_away() -> None:
    colors = {"font_colors": ["red", "black"], "background_colors": ["#008000", "#fefefe"]}

    assert () == config("clean", **colors).near_pairs
    assert (("#ff0000", "#008000"),) == config(only(colors={}), **colors).near_pairs
    with pytest.raises(ConfigError, match="fewer than 28 levels"):
        config(only(blur={}), font_colors=["red"], background_colors=["#008000"])


def test_ink_that_is_given_may_be_like_the_paper_by_default() -> None:
    assert (("#ffffff", "#ffffff"),) == config(only(colors={}), font_colors=["white"]).color_pairs
    with pytest.raises(ConfigError, match="#ffffff on #ffffff"):
        config(only(colors={"probability": 0.5}), font_colors=["white"])
    with pytest.raises(ConfigError, match="#ffffff on #ffffff"):
        config(only(blur={}), font_colors=["white"])


TEXTS = ["ab", "Word", "x y z"] * 6


@pytest.mark.parametrize("mode", ["gray", "rgb"])
def test_a_side_that_is_given_is_drawn_as_it_is(mode: str) -> None:
    look = only(colors={"colored": 1})
    pictures, _ = draw(maker_of(config(look, mode, font_colors=["blue"])), TEXTS)
    blue = np.array([29] if mode == "gray" else [0, 0, 255])

    assert len(TEXTS) == len(pictures)
    papers = set()
    for picture in pictures.values():
        pixels = picture.reshape(-1, blue.size)
        papers.add(tuple(pixels[0].tolist()))
        # Of all pixels the nearest to the given ink: the middle of a stroke.
        assert np.abs(pixels - blue.astype(np.int64)).max(axis=1).min() <= 2
    assert len(papers) > 10
    assert min(levels_of(np.array(sorted(papers), np.uint8))) > 150


@pytest.mark.parametrize("mode", ["gray", "rgb"])
def test_paper_that_is_given_is_drawn_as_it_is(mode: str) -> None:
    look = only(colors={"colored": 1, "contrast": [100, 200], "inverted": 0.5})
    pictures, _ = draw(maker_of(config(look, mode, background_colors=["#8090a0"])), TEXTS)
    level = 141
    paper = [level] if mode == "gray" else [0x80, 0x90, 0xA0]
    inks = set()
    for picture in pictures.values():
        corner, middle = picture[0, 0], picture.reshape(-1, len(paper))
        assert np.array_equal(np.atleast_1d(corner), paper)
        difference = levels_of(middle) - level
        inks.add(int(np.sign(difference[np.abs(difference).argmax()])))

    assert {-1, 1} == inks
