"""A dry run says what a run comes to, and makes nothing."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawing import ITALIC, SANS
from fault_runs import BAD_INPUT, DONE, FAILED_EXAMPLES, STOPPED, run, run_here

from shmtext import BalancedText, Output, Renderer, RunConfig, Style, Texts
from shmtext.config import RayCluster
from shmtext.dataset import folder as dataset_folder
from shmtext.dataset.folder import FreeSpace
from shmtext.dataset.plan import Plan, Shard
from shmtext.dataset.room import taken
from shmtext.engine import dry_run as engine_dry_run
from shmtext.engine.dry_run import DryRun
from shmtext.engine.inspect import verify
from shmtext.errors import ConfigError, ExitCode, FolderError

SMALL = RunConfig(corpus=BalancedText(character_frequency=200), style=Style(fonts=(SANS,)), seed=3)
"""Some thousand examples: a trial draws all of them, or most."""


def dry(config: RunConfig, out: Path, **order: Any) -> DryRun:
    with Renderer(config, 1, "serial") as renderer:
        return renderer.dry_run(out, **order)


def rendered(config: RunConfig, out: Path) -> Any:
    with Renderer(config, 1, "serial") as renderer:
        return renderer.render(out)


def contents(out: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path.relative_to(out)): (path.lstat().st_mtime_ns, path.lstat().st_size)
        for path in sorted(out.rglob("*"))
    }


@pytest.mark.parametrize("container", ["files", "tar", "parquet"])
def test_it_expects_what_a_run_then_comes_to(tmp_path: Path, container: Any) -> None:
    config = replace(SMALL, output=Output(container=container), max_images=400)
    found = dry(config, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    summary = rendered(config, tmp_path / "out")
    there = taken(tmp_path / "out")

    assert (400, 0, 400) == (found.num_tried, found.num_skipped, found.num_images)
    assert (summary.num_images, summary.image_bytes) == (found.num_images, found.image_bytes)
    assert found.container == summary.container
    assert Plan(400).num_shards == found.num_shards
    # Beside them are the label table and what says that all is done.
    assert 0 <= there.num_inodes - found.num_files <= 10
    assert found.device_bytes == pytest.approx(there.num_bytes, rel=0.15)
    assert found.fits
    assert 0 < found.expected_s
    assert 0 < found.trial_s


def test_nothing_is_made_where_the_run_would_be(tmp_path: Path) -> None:
    before = contents(tmp_path)
    dry(SMALL, tmp_path / "a" / "b" / "out")
    (tmp_path / "empty").mkdir()
    dry(SMALL, tmp_path / "empty")

    assert {} == before
    assert ["empty"] == list(contents(tmp_path))


def test_what_cannot_be_drawn_is_counted_with_its_reasons(tmp_path: Path) -> None:
    texts = tmp_path / "texts.txt"
    texts.write_text("good\n\u4e2d\nfine\n\u6587\n\u200b\n", encoding="utf-8")
    config = RunConfig(corpus=Texts(texts), style=Style(fonts=(SANS,)))
    found, summary = dry(config, tmp_path / "out"), rendered(config, tmp_path / "out")

    assert (5, 3, 2) == (found.num_examples, found.num_skipped, found.num_images)
    assert [2, 1] == [each.num_examples for each in found.skip_reasons]
    assert "no font covers U+4E2D" in found.skip_reasons[0].reason
    assert (summary.num_skipped, summary.num_images) == (found.num_skipped, found.num_images)


def test_what_is_there_is_not_expected_again(tmp_path: Path) -> None:
    summary = rendered(SMALL, tmp_path)
    finished = dry(SMALL, tmp_path)
    (tmp_path / "_SUCCESS.json").unlink()
    (tmp_path / "fragments" / "00001.json").unlink()
    before = contents(tmp_path)
    interrupted = dry(SMALL, tmp_path)
    size = Plan(finished.num_examples).examples_per_shard

    assert (0, 0, 0.0) == (finished.num_missing, finished.num_tried, finished.expected_s)
    assert finished.num_shards == finished.num_committed_shards
    assert 0.0 == finished.images_per_s
    assert (size, size) == (interrupted.num_missing, interrupted.num_tried)
    assert interrupted.num_shards - 1 == interrupted.num_committed_shards
    assert before == contents(tmp_path)
    assert summary.num_images == interrupted.num_examples


def test_shards_that_were_found_damaged_are_expected_again(tmp_path: Path) -> None:
    rendered(SMALL, tmp_path)
    next((tmp_path / "images" / "00000").iterdir()).unlink()
    assert not verify(tmp_path).whole

    assert 1 == (found := dry(SMALL, tmp_path)).num_shards - found.num_committed_shards


def test_a_part_has_its_share(tmp_path: Path) -> None:
    whole = dry(SMALL, tmp_path / "out")
    parts = [dry(SMALL, tmp_path / "out", part=f"{index}/2") for index in range(2)]

    assert ["0/2", "1/2"] == [str(part.part) for part in parts]
    assert whole.num_shards == sum(part.num_shards for part in parts)
    assert whole.num_examples == sum(part.num_examples for part in parts)
    # The last shard, which is shorter, is the other's.
    size = Plan(whole.num_examples).examples_per_shard
    assert size * parts[1].num_shards == parts[1].num_examples


def test_a_folder_that_rendering_would_refuse_is_refused(tmp_path: Path) -> None:
    rendered(replace(SMALL, max_images=5), tmp_path / "run")
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "file").touch()
    before = contents(tmp_path)
    other = replace(SMALL, max_images=5, style=Style(fonts=(ITALIC,)))

    with pytest.raises(FolderError, match="holds another run"):
        dry(other, tmp_path / "run")
    with pytest.raises(FolderError, match="resume is 'never'"):
        dry(SMALL, tmp_path / "run", resume="never")
    with pytest.raises(FolderError, match="there is no folder"):
        dry(SMALL, tmp_path / "none", resume="must")
    with pytest.raises(FolderError, match="holds no run"):
        dry(SMALL, tmp_path / "foreign")
    with pytest.raises(FolderError, match="is not a folder"):
        dry(SMALL, tmp_path / "foreign" / "file" / "out")
    assert before == contents(tmp_path)


def test_of_a_cluster_nothing_is_said(tmp_path: Path) -> None:
    with (
        Renderer(SMALL, cluster=RayCluster(None)) as renderer,
        pytest.raises(ConfigError, match="a dry run is of one machine"),
    ):
        renderer.dry_run(tmp_path / "out")


@pytest.mark.parametrize("num_missing", [1, 2, 97, 5_000])
def test_a_trial_is_of_examples_from_all_over_the_shards_that_are_missing(num_missing: int) -> None:
    shards = [Shard(each, each * 100, each * 100 + 50) for each in range(3, 3 + num_missing)]
    numbers = engine_dry_run._spread(shards)
    wanted = np.concatenate([np.arange(shard.start, shard.stop) for shard in shards])

    if wanted.size <= engine_dry_run.MOST_TRIED:
        assert wanted.tolist() == np.sort(numbers).tolist()
    assert set(numbers.tolist()) <= set(wanted.tolist())
    assert len(set(numbers.tolist())) == min(wanted.size, engine_dry_run.MOST_TRIED)
    first = np.sort(np.searchsorted(wanted, numbers[:50]))
    assert np.diff(first).max(initial=0) <= 4 * wanted.size / first.size


def test_a_trial_ends_although_there_is_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_dry_run, "TRIAL_S", 0.0)
    corpus = BalancedText(character_frequency=400)
    config = replace(SMALL, corpus=corpus, output=Output(container="tar"))
    found = dry(config, tmp_path / "out")

    assert 2 * 16 == found.num_tried
    assert found.num_tried < found.num_images == found.num_examples
    summary = rendered(config, tmp_path / "out")
    assert found.image_bytes == pytest.approx(summary.image_bytes, rel=0.3)


def test_bytes_are_expected_within_a_few_percent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_dry_run, "TRIAL_S", 600.0)  # whatever the machine
    monkeypatch.setattr(engine_dry_run, "MOST_TRIED", 1_104)
    corpus = BalancedText(character_frequency=400)
    config = replace(SMALL, corpus=corpus, output=Output(container="tar"))
    found = dry(config, tmp_path / "out")

    assert 1_104 == found.num_tried < found.num_examples
    summary = rendered(config, tmp_path / "out")
    assert found.image_bytes == pytest.approx(summary.image_bytes, rel=0.05)


def test_what_is_found_undrawable_by_the_trial_alone_is_told_with_its_reason(
    tmp_path: Path,
) -> None:
    (tmp_path / "texts.txt").write_text(f"{'W' * 9_000}\n")
    arguments = ("render", tmp_path / "out", "--texts", tmp_path / "texts.txt", "--dry-run")
    said = run(*arguments).expect(FAILED_EXAMPLES, "nothing can be drawn: see the reasons").stdout

    assert "1 of them: makes a picture of" in said
    assert not (tmp_path / "out").exists()


def test_a_trial_without_a_temporary_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    shim = tmp_path / "shim"
    shim.mkdir()
    (shim / "sitecustomize.py").write_text(
        "import tempfile\n"
        "def refuse(*_, **__):\n"
        "    raise FileNotFoundError(2, 'No usable temporary directory found')\n"
        "tempfile.TemporaryDirectory = refuse\n"
    )
    run("render", tmp_path / "out", "--max-images", 5, "--dry-run", shims=[shim]).expect(
        STOPPED, "a dry run needs a temporary folder", "set TMPDIR", num_lines=1
    )


def test_nothing_of_a_trial_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    dry(replace(SMALL, max_images=30), tmp_path / "out")

    assert [] == os.listdir(tmp_path / "temporary")


# -- the command ---------------------------------------------------------------------------------

TINY = (
    *("--letters", "abcdefgh", "--numbers", "0123", "--character-frequency", "20"),
    *("--fonts", SANS, "--engine", "serial"),
)


def test_the_command_tells_people(tmp_path: Path) -> None:
    out = tmp_path / "out"
    said = run_here("render", out, *TINY, "--dry-run").expect(DONE, num_lines=0).stdout
    part = run_here("render", out, *TINY, "--dry-run", "--part", "0/1").expect(DONE).stdout

    lines = said.splitlines()
    assert f"dry run, nothing is made in {out}" == lines[0]
    heads = ["run:", "skipped:", "pictures:", "room:", "free:", "time:"]
    assert heads == [line.split()[0] for line in lines[1:]]
    assert "run:       part 0/1 of it: " in part
    assert not out.exists()
    run_here("render", out, *TINY).expect(DONE)
    done = run_here("render", out, *TINY, "--dry-run").expect(DONE).stdout
    assert "there:     1 shards, 0 examples are missing" == done.splitlines()[-1]


def test_the_command_tells_programs(tmp_path: Path) -> None:
    asked = ("render", tmp_path / "out", *TINY, "--dry-run", "--json")
    said = json.loads(run_here(*asked).expect(DONE).stdout)

    assert {
        *("folder", "part", "container", "holders", "num_examples", "num_shards"),
        *("num_committed_shards", "num_missing", "num_skipped", "skip_reasons", "num_images"),
        *("image_bytes", "device_bytes", "num_files", "free_bytes", "free_files", "num_workers"),
        *("expected_s", "num_tried", "trial_reasons", "trial_s", "images_per_s", "fits"),
    } == set(said)
    quiet = run_here("render", tmp_path / "out", *TINY, "--dry-run", "--quiet").expect(DONE)
    assert ("", "") == (quiet.stdout, quiet.stderr)


def test_the_command_ends_as_rendering_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "texts.txt").write_text("\u4e2d\n", encoding="utf-8")
    asked = ("render", tmp_path / "out", "--fonts", SANS, "--dry-run")

    none = run_here(*asked, "--texts", tmp_path / "texts.txt")
    none.expect(ExitCode.FAILED_EXAMPLES, "nothing can be drawn", num_lines=1)
    run_here(*asked, "--texts", tmp_path / "none").expect(BAD_INPUT, num_lines=1)
    full = FreeSpace(1_000, 10)
    monkeypatch.setattr(dataset_folder.OutputFolder, "free_space", lambda _: full)
    run_here("render", tmp_path / "out", *TINY, "--dry-run").expect(
        STOPPED, "shmtext: the device has no room for that", num_lines=1
    )
