"""Lines broken by their width in pixels: none is wider, and none could have had more."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawing import BUNDLED, ITALIC, SANS, both_layouts, draw, picture_maker
from hypothesis import given, settings
from hypothesis import strategies as st

from shmtext.config import Page
from shmtext.corpus.breaks import line_breaks

WORDS = (
    *("the", "quick", "brown", "fox", "f", "j", "Ärger", "internationalization", "AV", "To,"),
    *("co-op", "שלום", "עולם", "سلام"),
)


def some_texts(num: int, longest: int = 20, seed: int = 5) -> list[str]:
    rng = random.Random(seed)
    return [" ".join(rng.choices(WORDS, k=rng.randint(1, longest))) for _ in range(num)]


def latin(texts: list[str]) -> list[str]:
    return [" ".join(word for word in text.split() if word.isascii()) or "x" for text in texts]


def lines_of(
    texts: list[str], max_width_px: int, fonts: Sequence[Path] = (SANS, ITALIC), **options: Any
) -> list[list[str]]:
    maker = picture_maker(fonts, page=Page(max_width_px=max_width_px), **options)
    drawing = draw(maker, texts)
    assert len(texts) == len(drawing.pictures)
    return [drawing.shard.lines_of(position) for position in range(len(texts))]


@both_layouts
@pytest.mark.parametrize("align", ["start", "center", "right", "justify"])
@pytest.mark.parametrize("max_width_px", [90, 200, 517])
def test_no_picture_is_wider(max_width_px: int, align: str, layout: str) -> None:
    page = Page(max_width_px=max_width_px, align=align, letter_spacing=["0", "2"])  # type: ignore[arg-type]
    texts = latin(some_texts(60))
    drawing = draw(picture_maker(BUNDLED, page=page, font_sizes=[14, 26], layout=layout), texts)

    assert max_width_px >= max(picture.shape[1] for picture in drawing.pictures.values())


def test_a_line_that_fits_is_left_as_it_is() -> None:
    text = "  two  words \nand more"

    assert [["  two  words ", "and more"]] == lines_of([text], 400)


@both_layouts
def test_nothing_is_lost_but_spaces_at_the_ends_of_lines(layout: str) -> None:
    texts = some_texts(80)
    for text, lines in zip(texts, lines_of(texts, 120, layout=layout), strict=True):
        assert text.replace(" ", "") == "".join(lines).replace(" ", "")
        assert all(line == line.strip() for line in lines)


@both_layouts
@pytest.mark.parametrize("font", [SANS, ITALIC])
def test_a_line_ends_as_late_as_it_can(font: Path, layout: str) -> None:
    texts = latin(some_texts(40))
    # What glyphs of a text may lie outside of their advances.
    slack_px = 8 if font == SANS else 14
    for lines in lines_of(texts, 150, [font], layout=layout):
        for line, following in pairwise(lines):
            codes = np.array([*map(ord, following)], np.uint32)
            breaks = np.flatnonzero(line_breaks(codes, np.array([0, codes.size])))
            unit = following[: breaks[0]] if breaks.size else following
            glue = "" if line.endswith("-") else " "
            longer = line + glue + unit.rstrip()
            width = draw(picture_maker([font], layout=layout), [longer]).pictures[0].shape[1]
            assert width > 150 - slack_px, (longer, lines)


def test_a_word_without_room_is_parted_between_clusters() -> None:
    (lines,) = lines_of(["e\u0301" * 40], 60)

    assert len(lines) > 1
    assert all(line.startswith("e") and len(line) % 2 == 0 for line in lines)


def test_a_cluster_that_is_wider_than_a_line_has_one() -> None:
    assert [["W", "W", "i"]] == lines_of(["WWi"], 8)


def test_lines_break_where_unicode_allows_it() -> None:
    (lines,) = lines_of(["co-operation re-entry"], 150)

    assert ["co-operation", "re-entry"] == lines or lines[0].endswith("-")


@given(st.lists(st.sampled_from(some_texts(30, longest=8)), min_size=1, max_size=8))
@settings(max_examples=30)
def test_a_texts_lines_do_not_depend_on_others(texts: list[str]) -> None:
    style = {"font_sizes": [20]}
    maker = picture_maker([SANS], page=Page(max_width_px=100), **style)
    together = draw(maker, texts)
    for position, text in enumerate(texts):
        if position in together.pictures:
            alone = draw(picture_maker([SANS], page=Page(max_width_px=100), **style), [text])
            assert alone.shard.lines_of(0) == together.shard.lines_of(position)
            assert np.array_equal(alone.pictures[0], together.pictures[position])


def test_texts_in_several_fonts_are_wrapped_too() -> None:
    icons = BUNDLED[0].with_name("Comfortaa-Regular.ttf")
    maker = picture_maker([icons, SANS], page=Page(max_width_px=150), fallback="text")
    text = "word שלום " * 6
    drawing = draw(maker, [text])
    lines = drawing.shard.lines_of(0)

    assert len(lines) > 2
    assert drawing.pictures[0].shape[1] <= 155
