"""``webdataset`` reads tar shards as they are stored, and as they are exported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from reader_runs import Expected, ImageFormat, Runs, assert_pixels

# The library leaves closing its files to the garbage collector.
pytestmark = [pytest.mark.readers, pytest.mark.filterwarnings("ignore::ResourceWarning")]


@pytest.fixture
def wds() -> Any:
    """The library."""
    return pytest.importorskip("webdataset")


def samples(wds: Any, shards: Path) -> list[dict[str, Any]]:
    """All samples of a folder's shards in order, pictures decoded to three channels."""
    names = [str(shard) for shard in sorted(shards.glob("*.tar"))]
    assert names
    return list(wds.WebDataset(names, shardshuffle=False).decode("pil"))


def assert_samples(
    found: list[dict[str, Any]], expected: list[Expected], image_format: ImageFormat
) -> None:
    """Assert that keys, pictures and texts are these."""
    assert [f"{each.row['example_index']:09d}" for each in expected] == [
        sample["__key__"].rpartition("/")[2] for sample in found
    ]
    pixels = (each.pixels("RGB") for each in expected)
    assert_pixels((sample[image_format] for sample in found), pixels)
    assert [each.text for each in expected] == [sample["txt"] for sample in found]


@pytest.mark.parametrize("container", ["tar", "tar+json"])
def test_a_container_is_read_as_it_stands(
    runs: Runs, image_format: ImageFormat, wds: Any, container: Any
) -> None:
    found = samples(wds, runs.stored(container, image_format) / "images")
    expected = runs.expected(image_format)

    assert_samples(found, expected, image_format)
    fields = {image_format, "txt", *(["json"] if container == "tar+json" else [])}
    for sample, each in zip(found, expected, strict=True):
        assert fields == {name for name in sample if not name.startswith("__")}
        if container == "tar+json":
            del sample["json"]["file_name"]
            assert each.row == sample["json"]


def test_an_export_is_read(runs: Runs, image_format: ImageFormat, wds: Any) -> None:
    found = samples(wds, runs.exported("webdataset", image_format))

    assert_samples(found, runs.expected(image_format), image_format)


def test_splits_are_told_apart_by_names(runs: Runs, image_format: ImageFormat, wds: Any) -> None:
    dest = runs.exported("webdataset", image_format, "--split", "train=0.75,val=0.25")
    expected = {f"{each.row['example_index']:09d}": each for each in runs.expected(image_format)}
    num_read = 0
    for split in ("train", "val"):
        shards = [str(shard) for shard in sorted(dest.rglob(f"{split}-*.tar"))]
        found = list(wds.WebDataset(shards, shardshuffle=False).decode("pil"))
        num_read += len(found)
        of_split = [expected.pop(sample["__key__"].rpartition("/")[2]) for sample in found]
        assert_samples(found, of_split, image_format)

    assert {} == expected
    assert num_read == len(runs.expected(image_format))


@pytest.mark.parametrize("num_workers", [0, 2])
def test_workers_of_its_loader_share_the_shards(
    runs: Runs, image_format: ImageFormat, wds: Any, num_workers: int
) -> None:
    pytest.importorskip("torch")
    images = runs.stored("tar", image_format) / "images"
    shards = [str(shard) for shard in sorted(images.glob("*.tar"))]
    dataset = wds.WebDataset(shards, shardshuffle=10, seed=1).decode("pil")
    found = list(wds.WebLoader(dataset, batch_size=None, num_workers=num_workers))
    found.sort(key=lambda sample: str(sample["__key__"]))

    assert_samples(found, runs.expected(image_format), image_format)
