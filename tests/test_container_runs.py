"""Whole runs in every container: the same bytes however they came about, and the same pictures."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from drawing import SANS
from fault_runs import digest, tree, write_texts
from stored import members, pictures, shard_path

import shmtext
from shmtext import Output, Renderer, RunConfig, Style, TextFile, render, verify
from shmtext.config.settings import Container

CONTAINERS: tuple[Container, ...] = ("files", "tar", "tar+json", "parquet")
UNDRAWABLE = {7: "no font has \U0001f984", 299: "\U0001f984 again"}
Runs = Callable[[Container, str], Path]


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three shards, of 139, 139 and 22 examples."""
    return write_texts(tmp_path_factory.mktemp("texts") / "texts.txt", 300, UNDRAWABLE)


@pytest.fixture(scope="module")
def config_of(texts: Path) -> Callable[..., RunConfig]:
    def config(container: Container, image_format: Any = "jpg") -> RunConfig:
        return RunConfig(
            corpus=TextFile(texts),
            style=Style(fonts=(SANS,), font_sizes=(16,), font_colors=("#a00000", "#000000")),
            output=Output(container=container, image_format=image_format),
        )

    return config


@pytest.fixture(scope="module")
def whole_run(
    config_of: Callable[..., RunConfig], tmp_path_factory: pytest.TempPathFactory
) -> Runs:
    """Finished runs that nobody changes."""

    @cache
    def whole(container: Container, image_format: str) -> Path:
        out = tmp_path_factory.mktemp("whole") / "out"
        render(config_of(container, image_format), out, engine="serial")
        return out

    return whole


@pytest.fixture(params=CONTAINERS)
def container(request: pytest.FixtureRequest) -> Container:
    chosen: Container = request.param
    return chosen


@pytest.fixture
def whole(whole_run: Runs, container: Container) -> Path:
    return whole_run(container, "jpg")


# That of files is in test_renderer.py, as are other engines.
@pytest.mark.parametrize("container", ["tar", "parquet"], indirect=True)
@pytest.mark.parametrize(("engine", "workers"), [("threads", 3), ("processes", 3)])
def test_every_engine_writes_the_same_bytes(
    tmp_path: Path, whole: Path, config_of: Any, container: Container, engine: Any, workers: int
) -> None:
    render(config_of(container), tmp_path / "out", workers=workers, engine=engine)

    assert tree(whole) == tree(tmp_path / "out")
    assert digest(whole) == digest(tmp_path / "out")


def test_what_was_not_committed_is_rendered_again_to_the_same_bytes(
    tmp_path: Path, whole: Path, config_of: Any, container: Container
) -> None:
    with Renderer(config_of(container), workers=2, engine="threads") as renderer:
        first = renderer.render(tmp_path)
        for index in (0, 1):
            (tmp_path / f"fragments/{index:05d}.json").unlink()
        path = tmp_path / shard_path(container, 1)
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        (tmp_path / "_SUCCESS.json").unlink()
        again = renderer.render(tmp_path)

    assert tree(whole) == tree(tmp_path)
    assert 0 < again.num_rendered < first.num_rendered == first.num_images
    assert verify(tmp_path, checksums=True).whole


@pytest.mark.parametrize("image_format", ["jpg", "png"])
def test_pictures_and_labels_are_the_same_in_every_container(
    whole_run: Runs, image_format: str
) -> None:
    found, tables = {}, {}
    for container in CONTAINERS:
        out = whole_run(container, image_format)
        found[container] = pictures(out)
        table = pq.read_table(out / "metadata.parquet")
        names = table["file_name"].to_pylist()
        example_index = table["example_index"].to_pylist()
        tables[container] = table.drop_columns("file_name")

        assert [f"{index:09d}.{image_format}" for index in example_index] == list(found[container])
        assert [name.rpartition("/")[2] for name in names] == list(found[container])

    assert len(found["files"]) == 298
    assert all(each == found["files"] for each in found.values())
    assert all(each.equals(tables["files"]) for each in tables.values())


@pytest.mark.parametrize("image_format", ["jpg", "png"])
def test_an_example_drawn_again_is_equal_to_what_is_stored(
    whole_run: Runs, container: Container, image_format: str
) -> None:
    with shmtext.open(whole_run(container, image_format)) as run:
        for index in (0, 1, 7, 150, -1):
            assert np.array_equal(run[index].picture, run.render(index))


def test_what_stands_beside_pictures_is_what_the_label_table_says(
    whole: Path, container: Container
) -> None:
    rows = pq.read_table(whole / "metadata.parquet").to_pylist()
    for shard in range(3):
        path = whole / shard_path(container, shard)
        of_shard = [row for row in rows if row["file_name"].startswith(f"images/{path.name}/")]
        assert of_shard
        if path.suffix == ".tar":
            found = members(path)
            for row in of_shard:
                key = f"{row['example_index']:09d}"
                assert row["text"].encode() == found[f"{key}.txt"]
                assert container == "tar" or row == json.loads(found[f"{key}.json"])
        elif path.suffix == ".parquet":
            assert of_shard == pq.read_table(path).drop_columns("image").to_pylist()
