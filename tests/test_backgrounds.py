"""Runs with backgrounds: the same bytes in every engine, drawn again from the same folder alone."""

from __future__ import annotations

import pickle
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fault_runs import tree
from photographs import write_scenes

import shmtext
from shmtext import BalancedText, Output, Renderer, RunConfig
from shmtext.config.looks import LooksKind
from shmtext.config.writing import toml_of
from shmtext.corpus import shared
from shmtext.corpus.shared import Segment
from shmtext.engine.backgrounds import PHOTOS_CONTENT, attach_photos, fill_segment
from shmtext.engine.progress import Silent
from shmtext.engine.recorded import recorded_settings
from shmtext.engine.stop import StopRequest
from shmtext.errors import FolderError, InputError
from shmtext.looks.photos import PhotoReader, gather_photos

LOOK = LooksKind().take(
    "look", {"print": {"base": "clean", "colors": {}, "photograph": {"probability": 0.7}}}
)

pytestmark = pytest.mark.usefixtures("no_segment_left")


class Notes(Silent):
    """An observer that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, line: str) -> None:
        self.lines.append(line)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scenes(tmp_path_factory.mktemp("scenes"))


def config_of(folder: Path | None, **more: Any) -> RunConfig:
    return RunConfig(
        corpus=BalancedText(character_frequency=30),
        look=LOOK,
        backgrounds=folder,
        **{"output": Output(image_format="png", mode="gray"), **more},
    )


@pytest.mark.parametrize("mode", ["gray", "rgb"])
def test_every_engine_and_number_of_workers_comes_to_the_same(
    tmp_path: Path, scenes: Path, mode: Any
) -> None:
    config = config_of(scenes, output=Output(mode=mode))
    ways = [("serial", 1), ("threads", 2), ("processes", 1), ("processes", 2)]
    for engine, workers in ways:
        shmtext.render(config, tmp_path / f"{engine}{workers}", workers, engine)  # type: ignore[arg-type]
    trees = [tree(tmp_path / f"{engine}{workers}") for engine, workers in ways]

    assert all(trees[0] == each for each in trees[1:])


def test_photographs_are_in_the_pictures(tmp_path: Path, scenes: Path) -> None:
    shmtext.render(config_of(scenes), tmp_path / "with", engine="serial")
    shmtext.render(config_of(None), tmp_path / "without", engine="serial")
    with shmtext.open(tmp_path / "with") as one, shmtext.open(tmp_path / "without") as other:
        pairs = [(a.picture, b.picture) for a, b in zip(one, other, strict=True)]
    share = sum(not np.array_equal(a, b) for a, b in pairs) / len(pairs)

    assert 0.5 < share < 0.9


def test_the_folder_may_move_but_not_change(tmp_path: Path, scenes: Path) -> None:
    out, moved = tmp_path / "out", tmp_path / "moved"
    summary = shmtext.render(config_of(scenes), out, engine="serial")
    shutil.copytree(scenes, moved)
    assert summary.digest == shmtext.render(config_of(moved), out, engine="serial").digest
    (moved / "blank.png").unlink()
    with pytest.raises(
        FolderError, match=r"photographs\.num_pictures: 7 in the folder, 6 asked"
    ) as e:
        shmtext.render(config_of(moved), out, engine="serial")
    assert 1 == len(str(e.value).splitlines())
    shutil.copy(scenes / "wall.png", moved / "blank.png")
    with pytest.raises(FolderError, match=r'photographs\.sha256: "\w{64}" in the folder, "\w{64}"'):
        shmtext.render(config_of(moved), out, engine="serial")
    with pytest.raises(FolderError, match=r"photographs: \{.*\} in the folder, null asked for"):
        shmtext.render(config_of(None), out, engine="serial")


def test_an_example_is_drawn_again_once_the_folder_is_given(tmp_path: Path, scenes: Path) -> None:
    out, other = tmp_path / "out", tmp_path / "other"
    shmtext.render(config_of(scenes), out, engine="serial")
    with shmtext.open(out, backgrounds=scenes) as run:
        again = pickle.loads(pickle.dumps(run))
        for index in range(0, len(run), 7):
            assert np.array_equal(run[index].picture, run.render(index))
        assert np.array_equal(run[1].picture, again.render(1))
    with (
        shmtext.open(out) as run,
        pytest.raises(InputError, match=r"made with backgrounds \(7 pictures\): give their folder"),
    ):
        run.render(0)
    shutil.copytree(scenes, other)
    (other / "wall.png").unlink()
    with (
        shmtext.open(out, backgrounds=other) as run,
        pytest.raises(
            InputError, match=r"\(6\) are not the backgrounds that the run was made with"
        ),
    ):
        run.render(0)


def test_what_is_left_out_is_one_note(tmp_path: Path, scenes: Path) -> None:
    shutil.copytree(scenes, tmp_path / "photos")
    (tmp_path / "photos" / "bad.jpg").write_bytes(b"bad")
    for engine in ("serial", "processes"):
        notes = Notes()
        with Renderer(config_of(tmp_path / "photos"), 1, engine, observer=notes) as renderer:  # type: ignore[arg-type]
            renderer.render(tmp_path / engine)
            renderer.render(tmp_path / f"{engine} again")

        assert ["left out 1 of 8 backgrounds: bad.jpg (not a picture)"] == notes.lines


@pytest.mark.parametrize("engine", ["serial", "threads", "processes"])
def test_a_folder_without_pictures_ends_the_run_before_it_begins(
    tmp_path: Path, engine: Any
) -> None:
    (tmp_path / "photos").mkdir()
    for folder in (tmp_path / "photos", tmp_path / "missing", Path(__file__)):
        with pytest.raises(InputError):
            shmtext.render(config_of(folder), tmp_path / "out", 1, engine)

        assert not (tmp_path / "out" / "run.json").exists()
    shmtext.render(config_of(write_scenes(tmp_path / "photos")), tmp_path / "out", 1, engine)


def test_a_run_tells_that_it_had_backgrounds(tmp_path: Path, scenes: Path) -> None:
    shmtext.render(config_of(scenes), tmp_path, engine="serial")
    recorded = recorded_settings(tmp_path)

    assert recorded.config.backgrounds is None
    assert "give the folder that held 7 pictures" in recorded.unknown["backgrounds"]
    assert "# backgrounds: no path is recorded" in toml_of(
        recorded.config, unknown=recorded.unknown
    )


def test_a_config_with_backgrounds_is_written_with_an_absolute_path(scenes: Path) -> None:
    assert f'backgrounds = "{scenes}"' in toml_of(config_of(scenes))


# -- in memory once ----------------------------------------------------------------------


def filled(folder: Path, stage: Path, **more: Any) -> tuple[Segment, Any]:
    segment = Segment(stage, PHOTOS_CONTENT)
    config = config_of(folder, **more)
    return segment, fill_segment(segment, config, StopRequest(), Silent())


@pytest.mark.parametrize("in_file", [False, True])
def test_workers_see_what_one_process_has_decoded(
    tmp_path: Path, scenes: Path, monkeypatch: pytest.MonkeyPatch, in_file: bool
) -> None:
    if in_file:
        monkeypatch.setattr(shared, "SEGMENT_FOLDER", tmp_path / "missing")
    segment, spec = filled(scenes, tmp_path)
    with segment:
        found = attach_photos(pickle.loads(pickle.dumps(spec)))
        own = gather_photos(PhotoReader(scenes, is_colored=False))

        assert in_file == (segment.note is not None)
        assert own.table.identity == found.table.identity
        for mine, theirs in zip(own.levels, found.levels, strict=True):
            for one, other in zip(mine, theirs, strict=True):
                assert np.array_equal(one, other)
                assert other.base is not None
                with pytest.raises(ValueError, match="read-only"):
                    other[...] = 0
        assert (
            sum(level.size for levels in own.levels for level in levels) == spec.segment.num_bytes
        )
    assert not Path(spec.segment.path).exists()


def test_what_travels_to_workers_is_small(tmp_path: Path, scenes: Path) -> None:
    segment, spec = filled(scenes, tmp_path)
    with segment:
        assert len(pickle.dumps(spec)) < 3_000
        assert spec.segment.num_bytes > 1_000_000


def test_a_folder_that_fails_on_its_way_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"bad")
    segment = Segment(tmp_path, PHOTOS_CONTENT)
    with pytest.raises(InputError), segment:
        fill_segment(segment, config_of(tmp_path), StopRequest(), Silent())
    assert not Path(segment.spec.path).exists()


def test_settings_without_a_folder_have_no_photographs(tmp_path: Path) -> None:
    """A look that could use some is drawn all the same, and its runs are other runs."""
    config = config_of(None)
    summary = shmtext.render(config, tmp_path / "a", 1, "processes")

    assert summary.digest == shmtext.render(config, tmp_path / "b", engine="serial").digest
    assert replace(config, backgrounds=tmp_path) != config
