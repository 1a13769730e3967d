"""Neighbours: edges of other lines of the corpus, never on the text, the same whoever draws."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from drawing import SANS
from fault_runs import tree
from hypothesis import given
from hypothesis import strategies as st
from looks import draw, maker, only
from looks import others as others_of

import shmtext
from shmtext import Output, RunConfig, Style, TextFile, render
from shmtext.config.settings import Layout
from shmtext.corpus.ragged import pack_texts
from shmtext.draw.others import Asked
from shmtext.draw.pictures import PictureMaker
from shmtext.draw.texts import MOST_OF_LINE, decode_texts, first_lines, join_lines
from shmtext.looks.neighbours import LEAST_GAP_PX, NOTHING
from shmtext.looks.neighbours import MOST_OF_LINE as MOST_OF_LINE_SEEN

MARGINS = {"left_px": [18, 24], "top_px": [14, 20], "right_px": [18, 24], "bottom_px": [14, 20]}
ALL = {"above": 1, "below": 1, "left": 1, "right": 1}
TEXTS = [f"Word{number} jQ" * (1 + number % 3) for number in range(40)]


def pictures(made: PictureMaker, start: int = 1_000) -> dict[int, Any]:
    return draw(made, TEXTS, start)[0]


def is_near(ink: Any, other: Any) -> bool:
    """Whether pixels of two masks are nearer than the least gap, along either axis."""
    square = np.ones((2 * LEAST_GAP_PX + 1, 2 * LEAST_GAP_PX + 1), np.uint8)
    return bool((cv2.dilate(ink.astype(np.uint8), square) & other).any())


@pytest.mark.parametrize(
    "more", [{}, {"rotation": {"degrees": [-4, 4]}}, {"slant": {}, "wave": {}}]
)
def test_there_is_ink_more_and_it_keeps_away_from_the_text(more: Any) -> None:
    alone = pictures(maker(only(margins=MARGINS, **more), sizes=(14, 32)))
    beside = pictures(maker(only(margins=MARGINS, neighbours=ALL, **more), sizes=(14, 32)))
    num_beside = 0

    assert alone.keys() == beside.keys()
    for example, picture in alone.items():
        ink, other = picture < 255, beside[example] != picture
        num_beside += bool(other.any())
        assert (beside[example] <= picture).all()
        assert not is_near(ink, other)
    # Waves leave less of a line that may be seen at both ends of a picture.
    assert num_beside > (0.3 if "wave" in more else 0.9) * len(alone)


def test_so_much_of_a_line_is_seen_and_no_more() -> None:
    look = only(margins=MARGINS, neighbours={"above": 1, "below": 0, "left": 0, "right": 0})
    alone = pictures(maker(only(margins=MARGINS)))
    beside = pictures(maker(look))
    for example, picture in alone.items():
        rows = np.flatnonzero((beside[example] != picture).any(axis=1))
        # At the edge, and no more than the greatest share of a line's ink, which is below an em.
        assert set(rows.tolist()) <= set(range(int(MOST_OF_LINE_SEEN * 32) + 1))
        if rows.size:
            assert rows[0] == 0


@pytest.mark.parametrize("side", ["above", "below"])
def test_what_is_seen_of_a_line_is_never_a_few_tips_alone(side: str) -> None:
    """They look like dots and accents of the text's: here of Q, j, y, comma and b, h, t."""
    sides = dict.fromkeys(("above", "below", "left", "right"), 0) | {side: 1}
    alone = pictures(maker(only(margins=MARGINS)))
    beside = pictures(maker(only(margins=MARGINS, neighbours={**sides, "share": 0.01})))
    shares = [
        np.mean((beside[example] < picture - 96).any(axis=0))
        for example, picture in alone.items()
        if (beside[example] != picture).any()
    ]

    assert len(shares) > len(alone) / 4
    # A line's columns, but for what stands before or behind the text's.
    assert min(shares) > 0.1


def test_where_there_is_no_room_nothing_is_seen_and_pictures_stay_as_large() -> None:
    margins = dict.fromkeys(MARGINS, 1)
    alone = pictures(maker(only(margins=margins)))
    beside = pictures(maker(only(margins=margins, neighbours=ALL)))

    assert all(np.array_equal(alone[example], beside[example]) for example in alone)


def test_the_first_example_has_none_and_others_those_of_examples_before() -> None:
    asked: list[int] = []

    def lines_of(examples: Any) -> Any:
        asked.extend(examples.tolist())
        return others_of(examples)

    made = maker(only(margins=MARGINS, neighbours=ALL))
    for start in (0, 1, 10_000):
        asked.clear()
        shard = replace(made.prepare(pack_texts(["word"]), start), first_lines_of=lines_of)
        list(made.draw(shard, lambda _position: None))
        assert len(asked) == (2 if start else 0)
        assert all(0 <= example < start for example in asked)
    assert len(set(asked)) > 1


def test_without_texts_there_are_none() -> None:
    made = maker(only(margins=MARGINS, neighbours=ALL))
    plain = maker(only(margins=MARGINS))
    shards = [each.prepare(pack_texts(["word"]), 5) for each in (made, plain)]
    drawn = [
        next(iter(each.draw(shard, lambda _position: None))).pictures[0]
        for each, shard in zip((made, plain), shards, strict=True)
    ]

    assert np.array_equal(drawn[0], drawn[1])


@pytest.mark.parametrize(
    ("text", "is_drawn"),
    [
        *(("Haus", True), ("Haus\nBaum", True), ("\nBaum", False), ("", False), ("  ", False)),
        *(("Haus 中", False), ("a\u200bb", False), ("\u0301a", False), ("x" * 10_001, False)),
        *(("a\u0301b", True), ("x" * 9_000, True)),
    ],
)
def test_a_line_that_its_face_does_not_have_whole_is_left_out(text: str, is_drawn: bool) -> None:
    made = maker(only(neighbours=ALL))
    asked = Asked(np.zeros(2, np.int64), np.array([2, 2]), np.arange(2))
    marked: list[int | None] = []
    given = made.first_lines(pack_texts([text, "Haus"]), np.arange(2), None)
    lines = made._others.draw(asked, lambda _examples: given, marked.append)

    assert [is_drawn, True] == [line.mask is not NOTHING for line in lines]
    assert marked[-1] is None
    if text.startswith("Haus\n"):
        assert np.array_equal(lines[0].mask, lines[1].mask)


def test_a_glyph_that_cannot_be_drawn_costs_its_own_line_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = maker(only(neighbours=ALL))
    composer = made._others._composer
    real = composer.lay_out

    def lay_out(group: Any, mark: Any) -> Any:
        if 7 in group.positions:
            raise OSError("invalid outline")
        return real(group, mark)

    asked = Asked(np.array([5, 7, 6]), np.array([0, 0, 3]), np.arange(3))
    well = made._others.draw(asked, others_of, lambda _position: None)
    monkeypatch.setattr(composer, "lay_out", lay_out)
    lines = made._others.draw(asked, others_of, lambda _position: None)

    assert [True, False, True] == [line.mask is not NOTHING for line in lines]
    assert all(np.array_equal(well[at].mask, lines[at].mask) for at in (0, 2))


@given(st.lists(st.text("ab c\t\n-中e\u0301\u00ad", max_size=60), max_size=4), st.integers(1, 9))
def test_a_first_line_is_that_of_the_label(texts: list[str], width: int) -> None:
    """So that those of a run can be found again in its folder."""
    for wrapped_at in (None, width):
        lines = decode_texts(pack_texts(texts), wrapped_at).lines
        labels = list(join_lines(lines))
        assert as_text(first_lines(pack_texts(texts), wrapped_at)) == as_text(
            first_lines(pack_texts([label.partition("\n")[0] for label in labels]), None)
        )


def as_text(lines: tuple[Any, Any]) -> list[str]:
    codes, starts = lines
    found = [codes[start:stop] for start, stop in pairwise(starts.tolist())]
    assert all(line.size <= MOST_OF_LINE for line in found)
    return [line.tobytes().decode("utf-32-le") for line in found]


# -- in runs -----------------------------------------------------------------------------------


def corpus(tmp_path: Path) -> TextFile:
    """Some with characters that no font has, and one that is blank."""
    texts = [f"line {number} of some text" for number in range(200)]
    texts[3], texts[7], texts[60] = "no 𓀀 here", "two words\u2028", "half 中 and half"
    path = tmp_path / "texts.txt"
    path.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    return TextFile(path)


def config(tmp_path: Path, layout: Layout = "full", width: int | None = None) -> RunConfig:
    look = only(margins={**MARGINS, "probability": 0.8}, neighbours=ALL, rotation={}, blur={})
    return RunConfig(
        corpus=corpus(tmp_path),
        look=look,  # type: ignore[arg-type]
        style=Style(fonts=(SANS,), font_sizes=(16, 24), layout=layout, max_chars_per_line=width),
        output=Output(image_format="png"),
    )


@pytest.mark.parametrize("layout", ["full", "basic"])
@pytest.mark.parametrize("width", [None, 9])
def test_they_are_drawn_again_with_what_the_folder_says_alone(
    tmp_path: Path, out: Path, layout: Layout, width: int | None
) -> None:
    summary = render(config(tmp_path, layout, width), out, engine="serial")

    assert summary.num_skipped
    with shmtext.open(out, fonts=SANS) as run:
        for index in range(0, len(run), 4):
            assert np.array_equal(run[index].picture, run.render(index))


@pytest.mark.parametrize(("engine", "workers"), [("threads", 2), ("processes", 2)])
def test_every_engine_writes_the_same_bytes(tmp_path: Path, engine: Any, workers: int) -> None:
    render(config(tmp_path), tmp_path / "one", engine="serial")
    render(config(tmp_path), tmp_path / "two", workers, engine)

    assert tree(tmp_path / "one") == tree(tmp_path / "two")


def test_the_first_pictures_are_those_of_the_full_run(tmp_path: Path) -> None:
    """Neighbours are of examples before: it does not matter what comes after."""
    whole, few = tmp_path / "whole", tmp_path / "few"
    render(config(tmp_path), whole, engine="serial")
    with shmtext.Renderer(config(tmp_path), engine="serial") as renderer:
        renderer.render(few, max_images=50)
    with shmtext.open(whole) as first, shmtext.open(few) as second:
        assert len(second) > 40
        for index in range(len(second)):
            assert first.read(index) == second.read(index)
