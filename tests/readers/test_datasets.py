"""Hugging Face ``datasets`` reads every container as it stands, and the exports that are meant for
it: pictures decoded, every label column, at once and streamed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from reader_runs import Expected, ImageFormat, Runs, assert_pixels, by_text

pytestmark = pytest.mark.readers

OF_FILES = {"num_bytes", "crc32"}
"""Columns that an export may leave out: they tell of the run's files."""


@pytest.fixture(params=[False, True], ids=["at once", "streamed"])
def load(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """``load_dataset``, both ways of it; what it makes of files is gone after the test."""
    datasets = pytest.importorskip("datasets")

    def load(*arguments: object, **options: object) -> Any:
        return datasets.load_dataset(
            *arguments, streaming=request.param, cache_dir=str(tmp_path / "cache"), **options
        )

    return load


def assert_rows(found: list[dict[str, Any]], expected: list[Expected], optional: set[str]) -> None:
    """Assert that decoded pictures and all columns are there, but perhaps optional ones."""
    assert_pixels((row.pop("image") for row in found), (each.pixels() for each in expected))
    for row, each in zip(found, expected, strict=True):
        assert set(each.row) - optional <= set(row) <= set(each.row)
        assert {name: each.row[name] for name in row} == row


def assert_samples(
    found: list[dict[str, Any]], expected: list[Expected], image_format: ImageFormat
) -> None:
    """Assert that samples of tar files have picture and text."""
    assert_pixels((sample[image_format] for sample in found), (each.pixels() for each in expected))
    assert [each.text for each in expected] == [sample["txt"] for sample in found]


def test_the_container_parquet_loads_as_pictures_with_every_column(
    runs: Runs, image_format: ImageFormat, load: Any
) -> None:
    images = runs.stored("parquet", image_format) / "images"
    found = list(load("parquet", data_dir=str(images), split="train"))

    for row in found:
        del row["file_name"]
    assert_rows(found, runs.expected(image_format), set())


@pytest.mark.parametrize("container", ["tar", "tar+json"])
def test_the_container_tar_loads_as_webdataset(
    runs: Runs, image_format: ImageFormat, load: Any, container: Any
) -> None:
    images = runs.stored(container, image_format) / "images"
    found = list(load("webdataset", data_dir=str(images), split="train"))
    expected = runs.expected(image_format)

    assert_samples(found, expected, image_format)
    keys = [f"{each.row['example_index']:09d}" for each in expected]
    assert keys == [sample["__key__"].rpartition("/")[2] for sample in found]
    if container == "tar+json":
        for sample, each in zip(found, expected, strict=True):
            del sample["json"]["file_name"]
            assert each.row == sample["json"]


def test_the_container_files_loads_as_imagefolder(
    runs: Runs, image_format: ImageFormat, load: Any
) -> None:
    out = runs.stored("files", image_format)
    found = list(load("imagefolder", data_dir=str(out), split="train"))

    assert_rows(found, runs.expected(image_format), set())


@pytest.mark.parametrize("to", ["hf-parquet", "imagefolder"])
def test_an_export_loads_as_pictures_with_every_column(
    runs: Runs, image_format: ImageFormat, load: Any, to: str
) -> None:
    found = list(load(str(runs.exported(to, image_format)), split="train"))

    assert_rows(found, runs.expected(image_format), OF_FILES)


@pytest.mark.parametrize("to", ["hf-parquet", "imagefolder"])
def test_splits_load_by_their_names(
    runs: Runs, image_format: ImageFormat, load: Any, to: str
) -> None:
    dest = runs.exported(to, image_format, "--split", "train=0.75,validation=0.25")
    splits: Mapping[str, Any] = load(str(dest))
    expected = runs.expected(image_format)

    assert {"train", "validation"} == set(splits)
    found = {name: list(rows) for name, rows in splits.items()}
    texts = [row["text"] for rows in found.values() for row in rows]
    assert sorted(each.text for each in expected) == sorted(texts)
    for rows in found.values():
        of_split = list(by_text(expected, [row["text"] for row in rows]))
        assert_rows(rows, of_split, OF_FILES)


def test_exported_tar_files_load_as_webdataset(
    runs: Runs, image_format: ImageFormat, load: Any
) -> None:
    dest = runs.exported("webdataset", image_format)
    found = list(load("webdataset", data_dir=str(dest), split="train"))

    assert_samples(found, runs.expected(image_format), image_format)
