"""Boxes as labels: whose characters they are around, and that ink is in them, whatever moved it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from drawing import BUNDLED, SANS, both_layouts, font_file, random_texts
from hypothesis import given
from hypothesis import strategies as st
from looks import only
from numpy.typing import NDArray

import shmtext
from shmtext import Output, RunConfig, Style, TextFile, render, verify
from shmtext.config.settings import Boxes
from shmtext.corpus.ragged import pack_texts
from shmtext.draw import pictures as drawing_front
from shmtext.draw.batch import GlyphBoxes
from shmtext.draw.moved import GRID, ROUNDED_PX, cut, widened
from shmtext.draw.pictures import PictureMaker
from shmtext.draw.settings import RenderSettings
from shmtext.draw.spans import stops
from shmtext.looks.effect import Kind
from shmtext.looks.registry import EFFECTS

Pixels = NDArray[np.uint8]
Corners = NDArray[np.float64]

GEOMETRY = [effect.name() for effect in EFFECTS if effect.kind is Kind.GEOMETRY]

SHAPED = (
    *("سلام عليكم\nabc", "\n\nשָׁלוֹם ab\n", "ab אב 12 גד", "e\u0301x\u0323 fi  affix", " office "),
    *("بًب\u0640ب", "fa\u200db  a\u200c b", "AVATAR To", "a \u2800 b", "x\u00a0\u0301y"),
)


class Boxed:
    """Pictures of texts with their labels and boxes, by position."""

    def __init__(
        self,
        texts: Sequence[str],
        boxes: Boxes,
        look: object = (),
        *,
        alone: bool = False,
        **style: Any,
    ) -> None:
        fonts = tuple(map(font_file, style.pop("fonts", (SANS,))))
        config = RunConfig(
            look=look,  # type: ignore[arg-type]
            style=Style(**{"font_sizes": (24,), **style}),
            output=Output(image_format="png", boxes=boxes),
        )
        self.maker = PictureMaker(RenderSettings.of(config, fonts), with_boxes=True)
        self.pictures: dict[int, Pixels] = {}
        self.boxes: dict[int, GlyphBoxes] = {}
        self.labels: dict[int, str] = {}
        self.skips: dict[int, str] = {}
        starts = range(len(texts)) if alone else (0,)
        for start in starts:
            self._draw(texts[start : start + 1] if alone else texts, start)

    def _draw(self, texts: Sequence[str], start: int) -> None:
        shard = self.maker.prepare(pack_texts(texts), start)
        for batch in self.maker.draw(shard, lambda _position: None):
            assert batch.glyphs is not None
            for number, position in enumerate(batch.positions.tolist()):
                self.pictures[start + position] = batch.pictures[number].copy()
                self.boxes[start + position] = batch.glyphs.take(np.array([number]))
                self.labels[start + position] = shard.labels(np.array([position]))[0]
        self.skips |= {start + skip.position: skip.reason for skip in shard.skips}

    def characters(self, position: int) -> list[tuple[int, int]]:
        """First character of each box, and behind the last."""
        boxes = self.boxes[position]
        behind = stops(pack_texts([self.labels[position]]), boxes)
        return list(zip(boxes.cluster.tolist(), behind.tolist(), strict=True))

    def texts_in_boxes(self, position: int) -> list[str]:
        label = self.labels[position]
        return [label[first:stop] for first, stop in self.characters(position)]

    def sides(self, position: int) -> list[list[int]]:
        found: list[list[int]] = self.boxes[position].corners[:, [0, 2]].reshape(-1, 4).tolist()
        return found


# -- characters ---------------------------------------------------------------------------------


@both_layouts
def test_what_is_in_no_box_has_no_ink(layout: str) -> None:
    drawn = Boxed([*SHAPED, *random_texts(80)], "characters", layout=layout, fonts=BUNDLED)

    assert len(drawn.labels) > 80
    for position, label in drawn.labels.items():
        rest = list(label)
        found = drawn.characters(position)
        assert found == sorted(found)
        for first, stop in found:
            assert first < stop
            assert None not in rest[first:stop]
            rest[first:stop] = [None] * (stop - first)  # type: ignore[list-item]
        assert not {each for each in rest if each} - set(" \n\t\u00a0\u2800\u200c\u200d")


@pytest.mark.parametrize(
    ("text", "boxes"),
    [
        ("affix", ["a", "ffi", "x"]),
        ("e\u0301 x\u0323", ["e\u0301", "x\u0323"]),
        ("سلام", ["س", "لا", "م"]),
        ("שָׁלוֹם", ["שָׁ", "ל", "וֹ", "ם"]),
        (" a  b\n c ", ["a", "b", "c"]),
        ("a\u200c b\u200dc", ["a", "b", "c"]),
        ("x\u00a0\u0301y", ["x", "\u00a0\u0301", "y"]),
    ],
)
def test_a_box_is_around_a_cluster(text: str, boxes: list[str]) -> None:
    assert boxes == Boxed([text], "characters").texts_in_boxes(0)


# -- words --------------------------------------------------------------------------------------


def with_words(texts: Sequence[str], **more: Any) -> tuple[Boxed, Boxed]:
    """The same texts with boxes of characters and of words."""
    return Boxed(texts, "characters", **more), Boxed(texts, "words", **more)


def check_words(clusters: Boxed, words: Boxed) -> int:
    """See that words have the boxes of their clusters together; count them."""
    num_words = 0
    assert clusters.pictures.keys() == words.pictures.keys()
    for position in words.pictures:
        assert np.array_equal(clusters.pictures[position], words.pictures[position])
        own = list(zip(clusters.characters(position), clusters.sides(position), strict=True))
        found = list(zip(words.characters(position), words.sides(position), strict=True))
        for (first, stop), sides in found:
            inner = [box for (start, end), box in own if first <= start and end <= stop]
            lows, highs = np.array(inner)[:, :2], np.array(inner)[:, 2:]
            assert [*lows.min(axis=0), *highs.max(axis=0)] == sides
        num_words += len(found)
    return num_words


@both_layouts
@pytest.mark.parametrize("width", [None, 5])
def test_words_are_those_that_white_space_parts(layout: str, width: int | None) -> None:
    texts = ["ab", "a b", " ab  c\nd ", "\n\nxyz\n", *random_texts(60, "abc XYZ\n,.", longest=30)]
    style = {"fonts": BUNDLED, "max_chars_per_line": width, "layout": layout}
    clusters, words = with_words(texts, **style)

    assert check_words(clusters, words) > 150
    for position, label in words.labels.items():
        assert label.split() == words.texts_in_boxes(position)


def test_words_of_shaped_texts_hold_their_clusters() -> None:
    clusters, words = with_words(SHAPED)

    check_words(clusters, words)
    said = [words.texts_in_boxes(position) for position in range(len(SHAPED))]
    assert ["سلام", "عليكم", "abc"] == said[0]
    assert ["fa\u200db", "a", "b"] == said[6]
    assert ["a", "b"] == said[8]


def test_words_from_top_to_bottom() -> None:
    texts = ["AB CD", "日本 語\nab"]
    clusters, words = with_words(texts[:1], direction="ttb")

    assert check_words(clusters, words) == 2
    assert words.sides(0)[0][3] <= words.sides(0)[1][1]


def test_a_word_in_two_directions_has_one_box() -> None:
    clusters, words = with_words(["abגד הו"])

    assert check_words(clusters, words) == 2
    assert ["abגד", "הו"] == words.texts_in_boxes(0)


# -- looks --------------------------------------------------------------------------------------


def distances_px(corners: Corners, points: Corners) -> Corners:
    """How far points lie outside of a quadrilateral that goes clockwise; below zero: inside."""
    way = np.roll(corners, -1, axis=0) - corners
    normal = np.stack([way[:, 1], -way[:, 0]], axis=1)
    normal /= np.maximum(np.sqrt((normal * normal).sum(axis=1)), 1e-9)[:, None]
    away = (points[:, None] - corners[None]) * normal[None]
    found: Corners = away.sum(axis=2).max(axis=1)
    return found


def check_ink(drawn: Boxed, outside_px: float) -> None:
    """See that ink is in boxes: the middles of its pixels, but for so much."""
    assert drawn.pictures
    for position, picture in drawn.pictures.items():
        down, across = np.nonzero(picture < 255)
        points = np.stack([across, down], axis=1) + 0.5
        corners = drawn.boxes[position].corners.astype(np.float64)
        assert np.array_equal(corners, np.rint(corners))
        nearest = np.min([distances_px(each, points) for each in corners], axis=0)
        assert nearest.max() <= outside_px, drawn.labels[position]
        height, width = picture.shape
        assert corners.min() >= 0
        assert (corners.max(axis=(0, 1)) <= (width, height)).all()


TEXTS = [*random_texts(30, "abcgjpqXYZ  ,.fi", longest=14), "two\nlines fg", "שלום ab", "e\u0301x"]


@pytest.mark.parametrize("boxes", ["characters", "words"])
@pytest.mark.parametrize("effect", GEOMETRY)
def test_boxes_hold_their_ink_through_every_geometry(effect: str, boxes: Boxes) -> None:
    check_ink(Boxed(TEXTS, boxes, only(**{effect: {}}), fonts=BUNDLED), 0.5)


@pytest.mark.parametrize("boxes", ["characters", "words"])
def test_boxes_hold_their_ink_through_all_geometry_at_once(boxes: Boxes) -> None:
    look = only(**{name: {} for name in GEOMETRY}, weight={"grow_px": [0.5, 3]})

    check_ink(Boxed(TEXTS, boxes, look, fonts=BUNDLED), 0.5)


def test_boxes_of_rotated_text_are_askew_and_tight() -> None:
    drawn = Boxed(TEXTS, "characters", only(rotation={"degrees": {"choice": [-30, 8, 40]}}))

    check_ink(drawn, 0)
    for position, picture in drawn.pictures.items():
        down, across = np.nonzero(picture < 255)
        points = np.stack([across, down], axis=1) + 0.5
        for corners in drawn.boxes[position].corners.astype(np.float64):
            within = points[distances_px(corners, points) <= 0]
            way = np.roll(corners, -1, axis=0) - corners
            normal = np.stack([way[:, 1], -way[:, 0]], axis=1)
            normal /= np.sqrt((normal * normal).sum(axis=1))[:, None]
            gaps = ((corners[:, None] - within[None]) * normal[:, None]).sum(axis=2).min(axis=1)
            assert gaps.max() < 2.5


@pytest.mark.parametrize(
    ("effects", "by_px"),
    [
        ({"weight": {"grow_px": 1}}, 1),
        ({"weight": {"grow_px": -0.5}}, 0),
        ({"stroke": {"width_px": 2}}, 2),
        ({"weight": {"grow_px": 0.25}, "stroke": {"width_px": 1}}, 2),
    ],
    ids=str,
)
def test_boxes_grow_with_what_widens_ink(effects: Any, by_px: int) -> None:
    plain = Boxed(TEXTS, "characters", only(blur={"sigma_px": 0}))
    heavy = Boxed(TEXTS, "characters", only(**effects), font_sizes=(32,))
    same_size = Boxed(TEXTS, "characters", font_sizes=(32,))

    check_ink(plain, 0)
    check_ink(heavy, 0)
    for position, boxes in heavy.boxes.items():
        height, width = heavy.pictures[position].shape
        thin = same_size.boxes[position].corners
        grown = np.stack([thin[:, 0] - by_px, thin[:, 2] + by_px], axis=1)
        expected = np.clip(grown, 0, [width, height])
        assert np.array_equal(expected, boxes.corners[:, [0, 2]])


@pytest.mark.parametrize("boxes", ["characters", "words"])
def test_boxes_are_those_of_the_example_alone(boxes: Boxes) -> None:
    look = only(rotation={}, weight={}, blur={})
    together = Boxed(TEXTS, boxes, look, fonts=BUNDLED)
    alone = Boxed(TEXTS, boxes, look, fonts=BUNDLED, alone=True)

    assert together.boxes.keys() == alone.boxes.keys()
    for position, found in together.boxes.items():
        assert np.array_equal(found.corners, alone.boxes[position].corners)
        assert np.array_equal(found.cluster, alone.boxes[position].cluster)


# -- arithmetic ---------------------------------------------------------------------------------

UPRIGHT = np.array([[[3.0, 2.0], [9.0, 2.0], [9.0, 6.0], [3.0, 6.0]]])


def turned(corners: Corners, turns: float) -> Corners:
    angle = 2 * np.pi * turns
    rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    found: Corners = corners @ rotation
    return found


@given(st.floats(-0.5, 0.5), st.floats(-0.7, 0.7), st.integers(0, 5))
def test_a_widened_box_holds_the_square_around_each_of_its_points(
    turns: float, slant: float, by_px: int
) -> None:
    corners = turned(UPRIGHT + UPRIGHT[..., [1, 0]] * (slant, 0), turns)
    found = widened(corners, np.array([by_px], np.float64))[0]
    square = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * by_px
    around = (corners[0][:, None] + square[None]).reshape(-1, 2)

    assert np.abs(distances_px(found, around).max()) < 1e-9


def test_an_upright_box_is_widened_exactly() -> None:
    found = widened(UPRIGHT, np.array([2.0]))

    assert [[[1, 0], [11, 0], [11, 8], [1, 8]]] == found.tolist()


def test_a_box_is_cut_where_the_picture_ends() -> None:
    size = np.array([[8.0, 5.0]])
    askew = np.array([[[-4.0, -2.0], [6.0, 0.0], [5.0, 3.0], [-5.0, 1.0]]])

    assert [[[3, 2], [8, 2], [8, 5], [3, 5]]] == cut(UPRIGHT, size).tolist()
    assert [[[0, 0], [6, 0], [6, 3], [0, 3]]] == cut(askew, size).tolist()
    assert [[[0, 0.5], [6, 0], [5, 3], [0, 2]]] == cut(
        np.array([[[-0.5, 0.5], [6, -0.25], [5, 3], [-0.75, 2]]]), size
    ).tolist()


@given(st.floats(-0.5, 0.5), st.floats(0, 1), st.floats(0, 1))
def test_a_box_rounded_to_whole_pixels_holds_what_it_held(turns: float, x: float, y: float) -> None:
    corners = turned(UPRIGHT, turns) + np.array([x, y])
    found = np.rint(widened(corners, np.array([ROUNDED_PX])))

    assert np.abs(found - corners).max() < 1.5
    assert distances_px(found[0], corners[0]).max() <= 1 / GRID


@given(st.integers(-99, 99), st.integers(1, 9))
def test_an_upright_box_is_rounded_outward(start: int, length: int) -> None:
    x = np.array([start, start + length, start + length, start]) / GRID
    corners = np.stack([x, UPRIGHT[0, :, 1]], axis=1)[None]
    found = np.rint(widened(corners, np.array([ROUNDED_PX])))

    assert [np.floor(x[0]), np.ceil(x[1])] == found[0, :2, 0].tolist()
    assert UPRIGHT[0, :, 1].tolist() == found[0, :, 1].tolist()


# -- runs ---------------------------------------------------------------------------------------

RUN = RunConfig(style=Style(font_sizes=(20, 32)), output=Output(image_format="png"), max_images=200)


def rows_of(out: Path) -> list[dict[str, Any]]:
    assert verify(out, checksums=True).whole
    with shmtext.open(out) as run:
        return [dict(row, picture=picture) for picture, row in run]


@pytest.mark.parametrize("engine", ["serial", "threads"])
def test_a_plain_run_has_upright_boxes_that_end_at_ink(tmp_path: Path, engine: Any) -> None:
    config = replace(RUN, output=Output(image_format="png", boxes="characters"))
    render(config, tmp_path, 2, engine)

    kinds = pq.read_schema(tmp_path / "metadata.parquet")
    assert "int16" in str(kinds.field("boxes").type)
    rows = rows_of(tmp_path)
    assert len(rows) == 200
    for row in rows:
        ink = row["picture"] < 255
        in_boxes = "".join(row["text"][first:stop] for first, stop in row["box_characters"])
        assert row["text"].replace(" ", "") == in_boxes
        rest = ink.copy()
        for left, top, right, bottom in row["boxes"]:
            cell = ink[top:bottom, left:right]
            rest[top:bottom, left:right] = False
            assert all(side.any() for side in (cell[0], cell[-1], cell[:, 0], cell[:, -1]))
        assert not rest.any()


def test_a_run_with_geometry_has_four_corners_in_every_row(tmp_path: Path) -> None:
    look = {**only(rotation={}), "clean": {}}
    config = replace(
        RUN, look=look, output=Output(image_format="png", boxes="words", column="effects")
    )
    render(config, tmp_path, 1, "serial")

    rows = rows_of(tmp_path)
    assert {"test", "clean"} == {row["look"] for row in rows}
    for row in rows:
        assert len(row["text"].split()) == len(row["boxes"])
        for corners in row["boxes"]:
            (a, b), (c, d) = corners[:2], corners[4:6]
            is_upright = [a, b, c, b, c, d, a, d] == corners
            assert is_upright or row["look"] == "test"
    assert any(row["boxes"][0][1] != row["boxes"][0][3] for row in rows)


def test_a_run_without_geometry_has_upright_boxes(tmp_path: Path) -> None:
    look = only(weight={}, blur={})
    render(replace(RUN, look=look, output=Output(boxes="words")), tmp_path, 1, "serial")

    assert {4} == {len(box) for row in rows_of(tmp_path) for box in row["boxes"]}


def test_a_picture_whose_boxes_int16_can_t_tell_is_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing_front, "MAX_BOXED_PX", 400)
    words = tmp_path / "words.txt"
    words.write_text("short\n" + "x" * 60 + "\nlast\n", encoding="utf-8")
    config = replace(RUN, corpus=TextFile(words), output=Output(boxes="characters"))
    summary = render(config, tmp_path / "out", 1, "serial")
    skipped = pq.read_table(tmp_path / "out" / "skipped.parquet").to_pylist()

    assert (2, 1) == (summary.num_images, summary.num_skipped)
    assert [1] == [row["example_index"] for row in skipped]
    assert "can have boxes" in skipped[0]["reason"]
    assert render(replace(config, output=Output()), tmp_path / "all", 1, "serial").num_images == 3


def test_without_boxes_there_is_no_column_of_them(tmp_path: Path) -> None:
    render(RUN, tmp_path, 1, "serial")

    names = pq.read_schema(tmp_path / "metadata.parquet").names
    assert not {"boxes", "box_characters", "look", "effects"} & set(names)
