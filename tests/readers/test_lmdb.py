"""LMDB exports hold what five trainers look for, under the keys and options they look with.

None of the five installs from the registry: each reader here follows the rules of one of them, as
its project's file has them, but for what is a setting there (which labels are dropped or altered).
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest
from fault_runs import DONE, run
from numpy.typing import NDArray
from PIL import Image
from reader_runs import Expected, ImageFormat, Runs, by_text

from shmtext import BalancedText, Output, RunConfig, Style, render

pytestmark = pytest.mark.readers

DEFAULT_MAP_BYTES = 10 << 20
"""The size of the map that readers open with: none of them gives one."""


class Sample(NamedTuple):
    """What a trainer gets."""

    pixels: NDArray[np.uint8]
    """Red, green, blue."""
    label: str


@pytest.fixture(autouse=True)
def library() -> None:
    """The library, which this program can do without until it is asked to write LMDB."""
    pytest.importorskip("lmdb")


@contextmanager
def environment(folder: Path | str, **options: Any) -> Iterator[Any]:
    """Open as all of them do; an environment is closed before its folder may go."""
    lmdb = pytest.importorskip("lmdb")
    opened = lmdb.open(
        str(folder), readonly=True, lock=False, readahead=False, meminit=False, **options
    )
    with opened, opened.begin(write=False) as transaction:
        yield transaction


def leaves(root: Path) -> list[str]:
    """Folders without folders: each must be an environment, whatever it is called."""
    return [folder for folder, below, _ in os.walk(f"{root}/") if not below]


def decoded(data: bytes) -> NDArray[np.uint8]:
    """As Pillow does it, in three channels."""
    with Image.open(io.BytesIO(data)) as picture:
        return np.array(picture.convert("RGB"))


def parseq(root: Path) -> Iterator[Sample]:
    """``baudm/parseq``, ``strhub/data/dataset.py``: every ``data.mdb`` below a folder."""
    for file in sorted(root.absolute().glob("**/data.mdb")):
        with environment(file.parent, max_readers=1, create=False) as transaction:
            for index in range(1, int(transaction.get(b"num-samples")) + 1):
                label = transaction.get(f"label-{index:09d}".encode()).decode()
                yield Sample(decoded(transaction.get(f"image-{index:09d}".encode())), label)


def deep_text_recognition(root: Path) -> Iterator[Sample]:
    """``clovaai/deep-text-recognition-benchmark``, ``dataset.py``: every folder without folders."""
    for folder in leaves(root):
        with environment(folder, max_readers=32) as transaction:
            for index in range(1, int(transaction.get(b"num-samples")) + 1):
                label = transaction.get(b"label-%09d" % index).decode("utf-8")
                yield Sample(decoded(transaction.get(b"image-%09d" % index)), label)


def paddle(root: Path) -> Iterator[Sample]:
    """``PaddlePaddle/PaddleOCR``, ``ppocr/data/lmdb_dataset.py``: the same folders, and OpenCV; in
    place of a sample without a label another is taken at random.
    """
    for folder in leaves(root):
        with environment(folder, max_readers=32) as transaction:
            for index in range(1, int(transaction.get(b"num-samples")) + 1):
                label = transaction.get(b"label-%09d" % index)
                assert label is not None
                data = np.frombuffer(transaction.get(b"image-%09d" % index), np.uint8)
                picture = cv2.imdecode(data, cv2.IMREAD_COLOR)
                yield Sample(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), label.decode("utf-8"))


def mmocr(root: Path) -> Iterator[Sample]:
    """``open-mmlab/mmocr``, ``mmocr/datasets/recog_lmdb_dataset.py``: one environment, all labels
    read first; pictures are asked for by their keys afterwards.
    """
    with environment(root, max_readers=1) as transaction:
        total = int(transaction.get(b"num-samples").decode("utf-8"))
        names = [f"{number:09d}" for number in range(1, total + 1)]
        labels = [transaction.get(f"label-{name}".encode()).decode("utf-8") for name in names]
    with environment(root) as transaction:
        for name, label in zip(names, labels, strict=True):
            yield Sample(decoded(transaction.get(f"image-{name}".encode())), label)


def open_ocr(root: Path) -> Iterator[Sample]:
    """``Topdu/OpenOCR``, ``tools/data/ratio_dataset.py``: pictures are sorted by the ratio of their
    sides beforehand, which stands in a key of its own.
    """
    with environment(root, max_readers=32) as transaction:
        for index in range(1, int(transaction.get(b"num-samples")) + 1):
            label = transaction.get(b"label-%09d" % index)
            pixels = decoded(transaction.get(b"image-%09d" % index))
            width, height = transaction.get(b"wh-%09d" % index).decode("utf-8").split("_")
            assert (float(width), float(height)) == (pixels.shape[1], pixels.shape[0])
            yield Sample(pixels, label.decode("utf-8"))


Reader = Callable[[Path], Iterator[Sample]]
OF_A_TREE: tuple[Reader, ...] = (parseq, deep_text_recognition, paddle)
OF_ONE: tuple[Reader, ...] = (mmocr, open_ocr)


def assert_samples(found: list[Sample], expected: list[Expected]) -> None:
    """Assert that pictures and labels are these; decoders of JPEG may round differently."""
    assert [each.text for each in expected] == [sample.label for sample in found]
    for sample, each in zip(found, expected, strict=True):
        pixels = each.pixels("RGB").astype(int)
        assert pixels.shape == sample.pixels.shape
        assert np.abs(pixels - sample.pixels).max() <= (3 if each.data[:2] == b"\xff\xd8" else 0)


@pytest.mark.parametrize("reader", OF_A_TREE + OF_ONE)
def test_a_trainer_reads_every_picture_and_its_text(
    runs: Runs, image_format: ImageFormat, reader: Reader
) -> None:
    dest = runs.exported("lmdb", image_format)

    assert_samples(list(reader(dest)), runs.expected(image_format))


@pytest.mark.parametrize("reader", OF_A_TREE)
def test_given_the_folder_above_a_trainer_reads_all_splits(
    runs: Runs, image_format: ImageFormat, reader: Reader
) -> None:
    dest = runs.exported("lmdb", image_format, "--split", "train=0.75,val=0.25")
    found = list(reader(dest))
    expected = runs.expected(image_format)

    assert sorted(each.text for each in expected) == sorted(sample.label for sample in found)
    assert_samples(found, list(by_text(expected, (sample.label for sample in found))))


@pytest.mark.parametrize("reader", OF_ONE)
def test_given_a_split_a_trainer_reads_it(
    runs: Runs, image_format: ImageFormat, reader: Reader
) -> None:
    dest = runs.exported("lmdb", image_format, "--split", "train=0.75,val=0.25")
    expected, num_read = runs.expected(image_format), 0
    for split in ("train", "val"):
        found = list(reader(dest / split))
        num_read += len(found)
        assert_samples(found, list(by_text(expected, (sample.label for sample in found))))

    assert len(expected) == num_read


def test_there_are_no_keys_but_theirs(runs: Runs, image_format: ImageFormat) -> None:
    expected = runs.expected(image_format)
    numbers = [f"{number:09d}" for number in range(1, len(expected) + 1)]
    keys = [f"{kind}-{number}" for kind in ("image", "label", "wh") for number in numbers]
    with environment(runs.exported("lmdb", image_format)) as transaction:
        found = dict(transaction.cursor())

    assert {key.encode() for key in keys} | {b"num-samples"} == set(found)
    for number, each in zip(numbers, expected, strict=True):
        assert each.data == found[f"image-{number}".encode()]


def test_an_environment_larger_than_the_map_they_open_with_is_read(tmp_path: Path) -> None:
    config = RunConfig(
        corpus=BalancedText(character_frequency=30),
        style=Style(font_sizes=(64,)),
        output=Output(image_format="png", container="tar"),
        look="photo",
    )
    render(config, tmp_path / "out", engine="serial")
    run("export", tmp_path / "out", "--to", "lmdb", tmp_path / "lmdb").expect(DONE)
    assert (tmp_path / "lmdb/data.mdb").stat().st_size > DEFAULT_MAP_BYTES
    run("export", tmp_path / "out", "--to", "gt", tmp_path / "files").expect(DONE)
    pictures = sorted((tmp_path / "files").rglob("*.png"))

    with environment(tmp_path / "lmdb", max_readers=1) as transaction:
        assert len(pictures) == int(transaction.get(b"num-samples"))
        for number, picture in enumerate(pictures, start=1):
            assert picture.read_bytes() == transaction.get(b"image-%09d" % number)
