"""Every script in ``examples/`` does what it says, by the command that it says.

Those that need PyTorch, ``first_recogniser.py`` and ``train_from_stream.py``, are run by
``test_recogniser.py``.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fault_runs import REPOSITORY, run_in

import shmtext

EXAMPLES = REPOSITORY / "examples"
TEXTS = ["one", "two words", "Größe", "null"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkout's, with the file of a user."""
    (tmp_path / "examples").symlink_to(EXAMPLES)
    (tmp_path / "words.txt").write_text("".join(f"{text}\n" for text in TEXTS), encoding="utf-8")
    return tmp_path


def run_as_it_says(name: str, folder: Path) -> str:
    """Run a script by the command in its first lines, and return what it printed."""
    script = (EXAMPLES / name).read_text(encoding="utf-8")
    (command,) = re.findall(rf"^    python (examples/{name} .*)$", script, re.M)
    done = run_in(folder, *command.split())
    assert 0 == done.returncode, done.stderr
    return done.stdout


def test_own_words_are_drawn_with_looks_and_read_back(folder: Path) -> None:
    printed = run_as_it_says("own_words.py", folder)

    assert printed.startswith("4 pictures; 0 texts can't be drawn\n")
    assert all(repr(text) in printed for text in TEXTS)
    with shmtext.open(folder / "out") as run:
        assert TEXTS == [row["text"] for _, row in run]
        assert {"photo", "scan"} >= {row["look"] for _, row in run}


def test_an_own_effect_is_on_the_pictures_that_it_is_said_of_and_on_no_others(folder: Path) -> None:
    run_as_it_says("own_effect.py", folder)
    shmtext.render(shmtext.RunConfig(max_images=1_000), folder / "plain", engine="serial")
    with shmtext.open(folder / "out") as run, shmtext.open(folder / "plain") as plain:
        pairs = list(zip(run, plain, strict=True))
    has_ring = [":ring" in one.row["effects"] for one, _ in pairs]
    differs = [(one.picture != other.picture).any() for one, other in pairs]

    assert 400 < sum(has_ring) < 600
    assert sum(differs) > 0.9 * sum(has_ring)
    assert all(has for has, differ in zip(has_ring, differs, strict=True) if differ)


def test_settings_in_a_file_come_to_the_lists_of_a_trainer(folder: Path) -> None:
    run_as_it_says("to_trainer.py", folder)
    with shmtext.open(folder / "receipts") as run:
        texts = [row["text"] for _, row in run]
    lists = [
        [line.split("\t")[1] for line in (folder / "paddle" / name).read_text().splitlines()]
        for name in ("rec_gt_train.txt", "rec_gt_val.txt")
    ]

    assert sorted(texts) == sorted(lists[0] + lists[1])
    assert not set(lists[0]) & set(lists[1])
    assert len(lists[0]) > 5 * len(lists[1]) > 0


def test_there_are_no_other_scripts() -> None:
    scripts = {path.name for path in EXAMPLES.glob("*.py")}

    assert scripts == {
        *("own_words.py", "own_effect.py", "to_trainer.py"),
        *("first_recogniser.py", "train_from_stream.py"),
    }
