"""``mosaicml-streaming`` reads MDS exports, by number and as a stream."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from reader_runs import Expected, ImageFormat, Runs, assert_pixels, by_text
from torch_stubs import import_streaming

# The library leaves closing its files to the garbage collector.
pytestmark = [pytest.mark.readers, pytest.mark.filterwarnings("ignore::ResourceWarning")]


@pytest.fixture
def streaming() -> Any:
    """The library."""
    return import_streaming()


def assert_samples(found: list[dict[str, Any]], expected: list[Expected]) -> None:
    """Assert that samples are these, and nothing but picture and text."""
    assert_pixels((sample["image"] for sample in found), (each.pixels() for each in expected))
    assert [each.text for each in expected] == [sample["text"] for sample in found]
    assert all({"image", "text"} == set(sample) for sample in found)


def samples(streaming: Any, folder: Path, split: str | None = None) -> list[dict[str, Any]]:
    """All samples by number."""
    dataset = streaming.LocalDataset(local=str(folder), split=split)
    return [dataset[number] for number in range(len(dataset))]


def test_samples_by_number_are_the_runs(
    runs: Runs, image_format: ImageFormat, streaming: Any
) -> None:
    found = samples(streaming, runs.exported("mds", image_format))

    assert_samples(found, runs.expected(image_format))


def test_a_split_is_in_the_folder_of_its_name(
    runs: Runs, image_format: ImageFormat, streaming: Any
) -> None:
    dest = runs.exported("mds", image_format, "--split", "train=0.75,val=0.25")
    expected, num_read = runs.expected(image_format), 0
    for split in ("train", "val"):
        found = samples(streaming, dest, split)
        num_read += len(found)
        assert_samples(found, list(by_text(expected, (sample["text"] for sample in found))))

    assert len(expected) == num_read


@pytest.mark.parametrize("shuffle", [False, True], ids=["in order", "shuffled"])
def test_a_stream_has_every_sample_once(
    runs: Runs, image_format: ImageFormat, streaming: Any, shuffle: bool
) -> None:
    dest = runs.exported("mds", image_format)
    dataset = streaming.StreamingDataset(local=str(dest), shuffle=shuffle, batch_size=1)
    found = list(dataset)
    expected = runs.expected(image_format)

    texts = [sample["text"] for sample in found]
    assert sorted(each.text for each in expected) == sorted(texts)
    assert_samples(found, list(by_text(expected, texts)) if shuffle else expected)
