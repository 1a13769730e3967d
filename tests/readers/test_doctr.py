"""docTR's datasets read its export: texts for recognition, and boxes for detection."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from reader_runs import Expected, ImageFormat, Runs, by_text
from torch_stubs import import_torchvision

pytestmark = pytest.mark.readers


@pytest.fixture
def datasets() -> Any:
    """The library's datasets."""
    import_torchvision()
    return pytest.importorskip("doctr.datasets")


def pixels_of(sample: Any) -> NDArray[np.uint8]:
    """A tensor of three channels, from 0 to 1, as a picture."""
    return np.rint(sample.image.numpy().transpose(1, 2, 0) * 255).astype(np.uint8)


def assert_texts(dataset: Any, expected: list[Expected]) -> None:
    """Assert that a dataset's pictures and targets are these."""
    assert len(expected) == len(dataset)
    for position, each in enumerate(expected):
        sample = dataset[position]
        assert np.array_equal(each.pixels("RGB"), pixels_of(sample))
        assert each.text == sample.target


def recognition(datasets: Any, folder: Path) -> Any:
    """A split's pictures and texts."""
    return datasets.RecognitionDataset(str(folder / "images"), str(folder / "labels.json"))


def test_texts_are_read_for_recognition(
    runs: Runs, image_format: ImageFormat, datasets: Any
) -> None:
    dest = runs.exported("doctr", image_format)

    assert_texts(recognition(datasets, dest / "train"), runs.expected(image_format))


def test_a_split_is_in_the_folder_of_its_name(
    runs: Runs, image_format: ImageFormat, datasets: Any
) -> None:
    dest = runs.exported("doctr", image_format, "--split", "train=0.75,val=0.25")
    expected, num_read = runs.expected(image_format), 0
    for split in ("train", "val"):
        dataset = recognition(datasets, dest / split)
        num_read += len(dataset)
        assert_texts(dataset, list(by_text(expected, (label for _, label in dataset.data))))

    assert len(expected) == num_read


def polygons_of(expected: Expected) -> NDArray[np.float64]:
    """A picture's boxes as docTR has them: corners clockwise, in parts of its width and height."""
    boxes = np.array(expected.row["boxes"])
    if boxes.shape[1] == 4:
        boxes = boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]]
    size = expected.row["width_px"], expected.row["height_px"]
    return boxes.reshape(-1, 4, 2) / np.array(size)


@pytest.mark.parametrize("as_polygons", [False, True], ids=["upright", "polygons"])
def test_boxes_are_read_for_detection(
    runs: Runs, image_format: ImageFormat, datasets: Any, as_polygons: bool
) -> None:
    folder = runs.exported("doctr", image_format) / "train"
    dataset = datasets.DetectionDataset(
        str(folder / "images"), str(folder / "det_labels.json"), use_polygons=as_polygons
    )
    expected = runs.expected(image_format)

    assert len(expected) == len(dataset)
    for position, each in enumerate(expected):
        sample, polygons = dataset[position], polygons_of(each)
        if not as_polygons:
            polygons = np.concatenate([polygons.min(axis=1), polygons.max(axis=1)], axis=1)
        assert np.array_equal(each.pixels("RGB"), pixels_of(sample))
        assert np.allclose(polygons, sample.target["words"], rtol=0, atol=1e-6)
