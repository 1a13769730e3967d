"""The lines that ``render`` and ``export`` end with load what they made, pasted as they are."""

from __future__ import annotations

import glob
import importlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fault_runs import DONE, run
from torch_stubs import import_streaming, import_torchvision

from shmtext.dataset.containers import CONTAINERS

# Some libraries leave closing their files to the garbage collector.
pytestmark = [pytest.mark.readers, pytest.mark.filterwarnings("ignore::ResourceWarning")]

NUM_IMAGES = 100

LINES = {
    "datasets": lambda loaded: loaded["train"].num_rows,
    "doctr.datasets": len,
    "lmdb": lambda loaded: int(loaded.begin().get(b"num-samples")),
    "streaming": len,
    "webdataset": lambda loaded: sum(1 for _ in loaded),
}
"""How many pictures there are in what each library loads."""


def num_loaded(line: str, cache: Path, monkeypatch: pytest.MonkeyPatch) -> int | None:
    """How many pictures a line loads; None where it is no expression of these libraries."""
    called = re.match(r"(?:(\w+(?:\.\w+)*)\.)?\w+\(", line)
    if called is None or called[1] not in LINES:
        return None
    if called[1] == "doctr.datasets":
        import_torchvision()
    if called[1] == "streaming":
        import_streaming()
    library = pytest.importorskip(called[1])
    if called[1] == "datasets":
        monkeypatch.setattr(library.config, "HF_DATASETS_CACHE", str(cache))
    root = called[1].partition(".")[0]
    names = {root: importlib.import_module(root), "glob": glob}
    count: Callable[[Any], int] = LINES[called[1]]
    return count(eval(line.replace("batch_size=...", "batch_size=1"), names))


def loading(*arguments: object) -> list[str]:
    """What a command says that loads."""
    stdout = run(*arguments).expect(DONE).stdout
    return [line.removeprefix("load: ") for line in stdout.splitlines() if "load: " in line]


@pytest.mark.parametrize("container", CONTAINERS)
def test_what_render_says_loads_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, container: str
) -> None:
    out = tmp_path / "it's a run"
    lines = loading("render", out, "--max-images", NUM_IMAGES, "--container", container)
    found = [num_loaded(line, tmp_path / "cache", monkeypatch) for line in lines]

    assert [NUM_IMAGES] == found


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with boxes."""
    out = tmp_path_factory.mktemp("finished") / "out"
    run("render", out, "--max-images", NUM_IMAGES, "--boxes", "words").expect(DONE)
    return out


@pytest.mark.parametrize("split", [None, "train=1"], ids=["whole", "split"])
@pytest.mark.parametrize("to", ["doctr", "hf-parquet", "imagefolder", "lmdb", "mds", "webdataset"])
def test_what_export_says_loads_the_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, finished: Path, to: str, split: str | None
) -> None:
    dest = tmp_path / "it's an export"
    lines = loading("export", finished, "--to", to, dest, *(["--split", split] if split else []))
    found = [num_loaded(line, tmp_path / "cache", monkeypatch) for line in lines]

    assert {NUM_IMAGES} <= set(found) <= {NUM_IMAGES, None}
