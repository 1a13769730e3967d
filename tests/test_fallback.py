"""Texts that no font covers whole are drawn in several, each part as its font draws it alone."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from drawing import BUNDLED, Drawing, draw, random_texts
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from small_fonts import BOX, NOTHING, small_font

import shmtext
from shmtext import RunConfig, Style, TextFile, render
from shmtext.draw.faces import read_fonts
from shmtext.draw.fallback import Cover
from shmtext.draw.pictures import PictureMaker
from shmtext.draw.settings import RenderSettings
from shmtext.errors import FolderError

SLIM = [[(100, 0), (100, 700), (300, 700), (300, 0)]]
LOW = [[(50, -100), (50, 300), (550, 300), (550, -100)]]
SIZE_PX = 40
"""Advances of small fonts are 24 px then, without a fraction."""


@pytest.fixture
def fonts(tmp_path: Path) -> list[Path]:
    """The first font has a and e, the second b, e in another shape and digits."""
    first = small_font(tmp_path / "z.ttf", {"a": BOX, "e": BOX, " ": NOTHING})
    second = small_font(tmp_path / "b.ttf", {"b": SLIM, "e": LOW, "1": LOW, " ": NOTHING})
    return [first, second]


def drawn(fonts: Sequence[Path], texts: Sequence[str], fallback: str, **style: object) -> Drawing:
    config = RunConfig(style=Style(font_sizes=[SIZE_PX], fallback=fallback, **style))  # type: ignore[arg-type]
    return draw(PictureMaker(RenderSettings.of(config, read_fonts(fonts))), texts)


def fonts_of(drawing: Drawing, position: int) -> tuple[str, list[str]]:
    names = [font.name for font in drawing.maker.settings.fonts]
    own = names[int(drawing.shard.styles.font_id[position])]
    return own, [names[font] for font in drawing.shard.further_fonts(position)]


def test_without_fallback_a_text_that_no_font_covers_is_skipped(fonts: list[Path]) -> None:
    drawing = drawn(fonts, ["ab", "a"], "none")

    assert {0: "no font covers all of U+0061 a, U+0062 b"} == drawing.reasons


@pytest.mark.parametrize("fallback", ["text", "character"])
def test_each_part_is_drawn_as_its_font_draws_it_alone(fonts: list[Path], fallback: str) -> None:
    drawing = drawn(fonts, ["aab1", "aa", "b1"], fallback)
    whole, first, second = (drawing.pictures[position] for position in range(3))

    assert np.array_equal(whole, np.hstack([first, second]))
    assert drawing.num_alone == 1


def test_one_font_draws_what_it_has_and_others_the_rest(fonts: list[Path]) -> None:
    drawing = drawn(fonts, ["aaeb", "eb1a"], "text")

    assert ("z.ttf", ["b.ttf"]) == fonts_of(drawing, 0)
    assert ("b.ttf", ["z.ttf"]) == fonts_of(drawing, 1)
    alone = drawn(fonts[1:], ["eb1"], "none").pictures[0]
    assert np.array_equal(alone, drawing.pictures[1][:, : alone.shape[1]])


def test_by_character_the_first_font_given_that_has_it_draws_it(fonts: list[Path]) -> None:
    for order in (fonts, fonts[::-1]):
        drawing = drawn(order, ["eab"], "character")
        e = drawn(order[:1], ["e"], "none").pictures[0]

        assert order[0].name == fonts_of(drawing, 0)[0]
        assert np.array_equal(e, drawing.pictures[0][:, : e.shape[1]])


@pytest.mark.parametrize("fallback", ["text", "character"])
def test_texts_that_one_font_covers_are_never_changed(fonts: list[Path], fallback: str) -> None:
    texts = random_texts(80, "abe1 Ωж\n")
    paths = [*BUNDLED[:3], *fonts]
    without, with_it = drawn(paths, texts, "none"), drawn(paths, texts, fallback)

    assert without.pictures
    for position, picture in without.pictures.items():
        assert np.array_equal(picture, with_it.pictures[position])
        assert not with_it.shard.further_fonts(position)


@pytest.mark.parametrize("fallback", ["text", "character"])
def test_a_character_that_no_font_has_is_named(fonts: list[Path], fallback: str) -> None:
    assert {0: "no font covers U+4E2D 中"} == drawn(fonts, ["ab中"], fallback).reasons


def test_a_mark_is_drawn_in_the_font_of_its_letter(tmp_path: Path) -> None:
    letters = small_font(tmp_path / "letters.ttf", {"a": BOX, "b": BOX})
    marked = small_font(tmp_path / "marked.ttf", {"a": SLIM, "\u0301": LOW})
    drawing = drawn([letters, marked], ["ba\u0301"], "character")

    fonts = drawing.shard.fonts[0].tolist()
    assert fonts[1] == fonts[2] != fonts[0]
    assert {0: "no font covers all of U+0062 b, U+0301 \u0301"} == drawn(
        [letters, marked], ["b\u0301"], "character"
    ).reasons


@pytest.mark.parametrize("direction", ["ltr", "rtl"])
def test_lines_of_any_direction_hold_all_of_their_parts(fonts: list[Path], direction: str) -> None:
    drawing = drawn(fonts, ["ab\n1", "a", "b", "1"], "text", direction=direction)
    whole, *parts = (255 - drawing.pictures[position].astype(int) for position in range(4))

    assert whole.sum() == sum(part.sum() for part in parts)


@given(arrays.arrays(np.bool_, st.tuples(st.integers(1, 8), st.integers(1, 4))), st.randoms())
def test_every_character_gets_a_font_that_has_it(has: np.ndarray, rng: random.Random) -> None:
    order = np.array(rng.sample(range(has.shape[1]), has.shape[1]))
    for by_character in (False, True):
        cover = Cover.of(has, order, by_character=by_character)

        assert (cover is None) == (not has.any(axis=1).all())
        if cover is not None:
            for main in np.flatnonzero(cover.mains).tolist():
                chosen = cover.fonts(main, by_character=by_character)
                assert has[np.arange(len(has)), chosen].all()
                assert main in chosen


def test_a_run_names_further_fonts_and_is_bound_to_their_order(
    tmp_path: Path, fonts: list[Path]
) -> None:
    texts = tmp_path / "texts.txt"
    texts.write_text("ab1\naa\nbb\n", encoding="utf-8")
    style = {"font_sizes": [SIZE_PX], "fallback": "text"}

    def config(order: Sequence[Path]) -> RunConfig:
        return RunConfig(corpus=TextFile(texts), style=Style(fonts=order, **style))  # type: ignore[arg-type]

    render(config(fonts), tmp_path / "out")
    with shmtext.open(tmp_path / "out", fonts[::-1]) as run:
        rows = [(picture, row) for picture, row in run]
        assert [("b.ttf", "z.ttf"), ("z.ttf", ""), ("b.ttf", "")] == [
            (row["font"], row["further_fonts"]) for _, row in rows
        ]
        for number in range(3):
            run.render(number)  # held against the row's checksum
    with pytest.raises(FolderError, match="font_order"):
        render(config(fonts[::-1]), tmp_path / "out")
