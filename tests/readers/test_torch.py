"""What ``shmtext.open`` gives is a map-style dataset to PyTorch's ``DataLoader``."""

from __future__ import annotations

from operator import itemgetter
from typing import Any

import numpy as np
import pytest
from dataset_runs import open_fds
from fault_runs import until
from reader_runs import Expected, ImageFormat, Runs

import shmtext
from shmtext.dataset.containers import CONTAINERS
from shmtext.engine.opened import StoredExample

pytestmark = pytest.mark.readers

BATCH = 16


@pytest.fixture
def data() -> Any:
    """The library's loaders."""
    return pytest.importorskip("torch.utils.data")


def assert_examples(found: list[StoredExample], expected: list[Expected]) -> None:
    """Assert that pictures and rows are these; decoders of JPEG may round differently."""
    for example, each in zip(found, expected, strict=True):
        pixels = each.pixels().astype(int)
        assert pixels.shape == example.picture.shape
        assert np.abs(pixels - example.picture).max() <= (3 if each.data[:2] == b"\xff\xd8" else 0)
        assert each.row == {name: example.row[name] for name in each.row}


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("num_workers", [0, 2], ids=["without workers", "forked workers"])
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_every_picture_comes_through_in_order(
    runs: Runs, image_format: ImageFormat, data: Any, container: Any, num_workers: int
) -> None:
    with shmtext.open(runs.stored(container, image_format)) as run:
        run[0]  # what is open before workers are forked must not disturb them
        loader = data.DataLoader(
            run,
            batch_size=BATCH,
            collate_fn=list,
            num_workers=num_workers,
            multiprocessing_context="fork" if num_workers else None,
        )
        found = [example for batch in loader for example in batch]

    assert_examples(found, runs.expected(image_format))


def test_workers_that_are_started_anew_open_the_runs_themselves(runs: Runs, data: Any) -> None:
    opened = [shmtext.open(runs.stored(container, "png")) for container in CONTAINERS]
    loader = data.DataLoader(
        data.ConcatDataset(opened),
        batch_size=BATCH,
        collate_fn=list,
        num_workers=2,
        multiprocessing_context="spawn",
    )
    found = [example for batch in loader for example in batch]
    for run in opened:
        run.close()

    assert_examples(found, runs.expected("png") * len(opened))


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_epochs_of_a_loader_that_shuffles_have_every_picture_once(
    runs: Runs, data: Any, container: Any
) -> None:
    expected = {each.text: each for each in runs.expected("png")}
    with shmtext.open(runs.stored(container, "png")) as run:
        loader = data.DataLoader(
            run,
            batch_size=BATCH,
            shuffle=True,
            collate_fn=list,
            num_workers=2,
            persistent_workers=True,
            multiprocessing_context="fork",
        )
        for _ in range(2):
            found = [example for batch in loader for example in batch]
            texts = [example.row["text"] for example in found]
            assert list(expected) != texts
            assert sorted(expected) == sorted(texts)
            assert_examples(found, [expected[text] for text in texts])
        del loader


@pytest.mark.parametrize("start", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_shuffled_order_and_what_is_made_of_pictures_go_to_workers(
    runs: Runs, data: Any, start: str
) -> None:
    with shmtext.open(runs.stored("tar", "png")) as run:
        order = [example.row["text"] for example in run.shuffled(seed=5)]
        loader = data.DataLoader(
            run.shuffled(seed=5).map(itemgetter(1)).map(itemgetter("text")),
            batch_size=BATCH,
            num_workers=2,
            multiprocessing_context=start,
        )
        found = [text for batch in loader for text in batch]

    assert order == found
    assert sorted(each.text for each in runs.expected("png")) == sorted(found)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_nothing_stays_open(runs: Runs, data: Any) -> None:
    out = runs.stored("parquet", "png")
    before = open_fds()
    with shmtext.open(out) as run:
        for start in ("fork", None):
            loader = data.DataLoader(
                run,
                collate_fn=list,
                num_workers=2 if start else 0,
                multiprocessing_context=start,
            )
            assert len(run) == sum(len(batch) for batch in loader)
            del loader

    until(lambda: open_fds() <= before)
