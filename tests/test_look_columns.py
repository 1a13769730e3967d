"""What label rows say of looks: which one a picture has, what it did, and at which attempt."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from looks import fonts, only
from PIL import ImageColor

import shmtext
from shmtext import Output, RunConfig, Style, render
from shmtext.canonical import canonical_json
from shmtext.config.looks import CLEAN, look_names
from shmtext.corpus.ragged import pack_texts
from shmtext.draw import looked
from shmtext.draw.batch import Batch
from shmtext.draw.pictures import PictureMaker
from shmtext.draw.settings import RenderSettings
from shmtext.looks.drawing import Drawn
from shmtext.looks.registry import BY_NAME, EFFECTS

TEXTS = [f"Word{number} jQ" * (1 + number % 3) for number in range(30)]
RUN = RunConfig(style=Style(font_sizes=(20, 32)), max_images=120)


def maker_of(look: Any, **output: Any) -> PictureMaker:
    config = replace(RUN, look=look, output=Output(column="effects", **output))
    return PictureMaker(RenderSettings.of(config, fonts()))


def draw(maker: PictureMaker, texts: list[str], start: int = 0) -> list[Batch]:
    return list(maker.draw(maker.prepare(pack_texts(texts), start), lambda _position: None))


def recorded(batches: list[Batch], start: int = 0) -> dict[int, Any]:
    return {
        start + position: json.loads(text)
        for batch in batches
        for position, text in zip(batch.positions.tolist(), batch.effects, strict=True)
    }


@pytest.mark.parametrize("mode", ["gray", "rgb"])
@pytest.mark.parametrize("look", [name for name in look_names() if name != CLEAN])
def test_what_is_recorded_is_all_that_a_picture_is_made_of(
    monkeypatch: pytest.MonkeyPatch, look: str, mode: str
) -> None:
    """Effects with the parameters of a row come to the row's picture, whatever is drawn."""
    maker = maker_of([look], mode=mode)
    batches = draw(maker, TEXTS)
    told = recorded(batches)
    pictures = {
        position: batch.pictures[number].copy()
        for batch in batches
        for number, position in enumerate(batch.positions.tolist())
    }
    assert len(told) > len(TEXTS) / 2
    for example, said in told.items():
        drawn = [
            Drawn(
                BY_NAME[effect["name"]],
                np.zeros(1, np.int64),
                {name: np.array([value]) for name, value in effect["values"].items()},
            )
            for effect in said["effects"]
        ]
        monkeypatch.setattr(looked, "draw_effects", lambda *_, drawn=drawn, **__: drawn)
        (batch,) = draw(maker, TEXTS[example : example + 1], example)

        assert np.array_equal(pictures[example], batch.pictures[0])


def test_effects_are_told_in_the_order_they_are_done_and_as_canonical_json() -> None:
    order = [effect.name() for effect in EFFECTS]
    texts = [text for batch in draw(maker_of(["scan"]), TEXTS) for text in batch.effects]

    assert len(texts) > 20
    for text in texts:
        said = json.loads(text)
        assert canonical_json(said) == text
        names = [effect["name"] for effect in said["effects"]]
        assert sorted(names, key=order.index) == names


def test_later_attempts_are_told() -> None:
    """Ink that is often hardly darker than its paper: some attempts fail, and are drawn anew."""
    look = only(colors={"contrast": {"choice": [1, 150]}})
    told = recorded(draw(maker_of(look), [f"x{number}" for number in range(200)]))

    attempts = {said["attempt"] for said in told.values()}
    assert {0, 1, 2} <= attempts <= set(range(looked.ATTEMPTS))


def test_effects_are_told_only_where_they_are_asked_for() -> None:
    maker = PictureMaker(RenderSettings.of(replace(RUN, look=["scan"]), fonts()))  # type: ignore[arg-type]

    assert all(not batch.effects for batch in draw(maker, TEXTS))


def test_each_row_has_its_look_and_what_it_did(tmp_path: Path) -> None:
    look: Any = {**only(weight={}), "clean": {"share": 0.5}}
    render(replace(RUN, look=look, output=Output(column="effects")), tmp_path, 1, "serial")
    with shmtext.open(tmp_path) as run:
        rows = [row for _, row in run]

    share = sum(row["look"] == "test" for row in rows) / len(rows)
    assert 0.5 < share < 0.8
    for row in rows:
        said = json.loads(row["effects"])
        assert 0 == said["attempt"]
        assert (row["look"] == "test") == bool(said["effects"])
    file = pq.ParquetFile(tmp_path / "metadata.parquet")
    place = file.schema_arrow.names.index("look")
    assert file.metadata.row_group(0).column(place).has_dictionary_page


@pytest.mark.parametrize("mode", ["gray", "rgb"])
def test_rows_have_the_colours_that_looks_drew(tmp_path: Path, mode: Any) -> None:
    colors = {"colored": 0.7, "inverted": 0.5, "paper": [60, 255], "contrast": [60, 200]}
    look: Any = {**only(colors=colors), "clean": {"share": 0.5}}
    style = replace(RUN.style, font_sizes=(48,))
    output = Output(mode=mode, image_format="png")
    render(replace(RUN, look=look, style=style, output=output), tmp_path, 1, "serial")
    drawn = set()
    with shmtext.open(tmp_path) as run:
        for picture, row in run:
            levels = picture.reshape(*picture.shape[:2], -1)
            ink, paper = (
                np.array(ImageColor.getrgb(row[side]))[: levels.shape[2]]
                for side in ("font_color", "background_color")
            )
            off_paper = np.abs(levels.astype(int) - paper).sum(axis=2)
            farthest = levels.reshape(-1, levels.shape[2])[off_paper.argmax()]
            assert not off_paper[[0, -1]].min(axis=1).any()
            assert np.abs(farthest.astype(int) - ink).max() <= 1
            if row["look"] == "clean":
                assert ("#000000", "#ffffff") == (row["font_color"], row["background_color"])
            drawn.add(row["background_color"])
    assert len(drawn) > 20


def test_colours_that_a_user_gave_remain_in_rows(tmp_path: Path) -> None:
    style = replace(RUN.style, background_colors=("#ffe0c0",))
    look: Any = only(colors={"colored": 1, "contrast": [60, 200]})
    render(replace(RUN, look=look, style=style), tmp_path, 1, "serial")
    with shmtext.open(tmp_path) as run:
        rows = [row for _, row in run]

    assert {"#ffe0c0"} == {row["background_color"] for row in rows}
    assert len({row["font_color"] for row in rows}) > 20


def test_a_run_without_looks_tells_that_nothing_was_done(tmp_path: Path) -> None:
    render(replace(RUN, output=Output(column="effects")), tmp_path, 1, "serial")
    with shmtext.open(tmp_path) as run:
        rows = [row for _, row in run]

    assert {'{"attempt":0,"effects":[]}'} == {row["effects"] for row in rows}
    assert all("look" not in row for row in rows)
