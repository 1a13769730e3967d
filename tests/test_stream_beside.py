"""What others load with, beside the stream in ``bench stream``: with PyTorch and WebDataset."""

from __future__ import annotations

import multiprocessing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import shmtext
from bench import work
from bench.stream_beside import (
    BATCH,
    FILES,
    PILLOW,
    PILLOW_BASIC,
    SIZE_PX,
    TAR,
    batches_of,
    held,
    loaders,
)
from shmtext.config import RunConfig, config_from_options

NUM_IMAGES = 30

pytestmark = [
    # The library leaves closing its files to the garbage collector, PyTorch forks beside threads.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]


def config_of(**more: Any) -> RunConfig:
    return config_from_options(work.one_face(NUM_IMAGES * 2, max_images=NUM_IMAGES, **more))


def test_pictures_are_held_as_they_are_and_larger_ones_made_smaller() -> None:
    small, large = np.zeros((38, 100), np.uint8), np.zeros((160, 200), np.uint8)

    assert SIZE_PX == held(small).shape == held(large).shape
    assert (held(small)[:38, :100] == 0).all()
    assert 38 * 100 == (held(small) == 0).sum()
    assert 40 * 50 == (held(large) == 0).sum()


@pytest.mark.parametrize("way", [FILES, TAR, PILLOW, PILLOW_BASIC])
def test_each_loader_delivers_its_pictures_again_and_again(way: str, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="the extra loaders is not installed")
    pytest.importorskip("webdataset", reason="the extra loaders is not installed")
    config = config_of()
    made = loaders(config, tmp_path)
    if way in {FILES, TAR}:
        with shmtext.open(tmp_path / "run") as run:
            expected = {held(example.picture).tobytes() for example in run}
    else:
        (font,) = work.open_faces([(work.ONE_FONT, 32)], is_basic=way == PILLOW_BASIC)
        pictures = (work.plain_picture(text, font) for text in work.texts_of(config))
        expected = {held(np.asarray(picture)).tobytes() for picture in pictures}

    def delivered() -> set[bytes]:
        with batches_of(made[way]) as batches:
            images = [next(batches).numpy() for _ in range(3)]
        assert [(BATCH, *SIZE_PX)] * 3 == [each.shape for each in images]
        return {image.tobytes() for each in images for image in each}

    assert delivered() == expected
    assert not multiprocessing.active_children()


def test_nobody_else_draws_pictures_with_a_look(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="the extra loaders is not installed")

    assert [FILES, TAR] == [*loaders(config_of(look=["scan"]), tmp_path)]
