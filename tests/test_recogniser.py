"""The recogniser of ``bench learn``, and trainings in processes: with PyTorch, the extra learn."""

from __future__ import annotations

import json
import multiprocessing
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from fault_runs import run_in, until
from pages import PAGES

from bench.__main__ import main
from bench.learning.scores import score
from bench.learning.sets import Pictures, make_set
from bench.learning.trainings import Job, Training, train_all
from bench.places import ROOT, environment
from shmtext import render
from shmtext.config import config_from_options

torch = pytest.importorskip("torch", reason="the extra learn is not installed")

NUM_STEPS = 120


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Pictures:
    """Short numbers, which a few steps are enough for."""
    home = tmp_path_factory.mktemp("numbers")
    lines = "".join(f"{number * 37 % 100:02}\n" for number in range(128))
    (home / "texts.txt").write_text(lines, encoding="utf-8")
    options = {"texts": str(home / "texts.txt"), "font_sizes": [24], "seed": 1}
    return make_set(config_from_options(options)).pictures


@pytest.fixture(scope="module")
def saved(pictures: Pictures, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("saved") / "numbers.npz"
    pictures.save(path)
    return path


def no_process_is_left() -> bool:
    return not multiprocessing.active_children()


def test_it_learns_what_it_is_shown_and_again_the_same(
    pictures: Pictures, saved: Path, tmp_path: Path
) -> None:
    training = Training(saved, NUM_STEPS, seed=0)
    read = {"numbers": saved}
    jobs = [Job(training, read, tmp_path / "a.pt"), Job(training, read)]
    one, other = train_all(jobs, 2, "test")

    assert one.said == other.said
    assert one.loss == other.loss
    assert 90 < score(one.said["numbers"], pictures.texts).word
    # From there, one more step forgets nothing; from elsewhere it has learnt nothing.
    more = Training(saved, 1, seed=1, start=tmp_path / "a.pt")
    further, fresh = train_all([Job(more, read), Job(replace(more, start=None), read)], 1, "test")
    assert further.loss < 1 < fresh.loss
    assert no_process_is_left()


def test_seeds_differ(saved: Path) -> None:
    jobs = [Job(Training(saved, 2, seed), {}) for seed in range(2)]
    one, other = train_all(jobs, 1, "test")

    assert one.loss != other.loss


def test_a_training_that_fails_ends_the_others(saved: Path, tmp_path: Path) -> None:
    jobs = [
        Job(Training(tmp_path / "missing.npz", 1, seed=0), {}),
        Job(Training(saved, 1_000_000, seed=0), {}),
    ]
    with pytest.raises(FileNotFoundError):
        train_all(jobs, 2, "test")

    assert no_process_is_left()


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    path = tmp_path / "texts.txt"
    path.write_text("".join(f"Exit {number}\n" for number in range(200)), encoding="utf-8")
    return path


def test_the_tutorial_is_a_script_that_runs(tmp_path: Path) -> None:
    script = ROOT / "examples/first_recogniser.py"
    (block,) = re.findall(r"^```py\n(.*?)^```$", PAGES["docs/tutorial.md"], re.M | re.S)
    assert script.read_text(encoding="utf-8").endswith(f'"""\n\n{block}')
    done = run_in(tmp_path, script, "3")

    assert (0, "") == (done.returncode, done.stderr)
    assert re.fullmatch(r"step 3: [a-z0-9]+ is read as '.*'; \d+% are right\n", done.stdout)


def test_the_example_goes_on_where_it_ended_as_if_it_had_not(
    lines: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = ["--steps", "5", "--every", "2"]
    command = ["-m", "examples.train_from_stream", str(lines), str(tmp_path / "whole"), *steps]
    done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True)
    assert 0 == done.returncode, done.stderr
    assert ["step 2:", "step 4:", "step 5:"] == [line[:7] for line in done.stdout.splitlines()]

    from bench.learning.recogniser import Learning, Reader  # noqa: PLC0415 - imports PyTorch
    from examples import train_from_stream  # noqa: PLC0415 - imports PyTorch

    class Ending(Learning):
        def step(self, pictures: Pictures) -> None:
            super().step(pictures)
            if self.num_done == 3:
                raise KeyboardInterrupt

    def train() -> int:
        arguments = [str(lines), str(tmp_path / "cut"), *steps]
        return CliRunner().invoke(train_from_stream.main, arguments).exit_code

    monkeypatch.setattr("bench.learning.recogniser.Learning", Ending)
    assert 0 != train()
    assert not (tmp_path / "cut" / "weights.pt").exists()
    monkeypatch.undo()
    assert 0 == train()

    whole, cut = (torch.load(tmp_path / each / "state.pt") for each in ("whole", "cut"))
    assert whole["stream"] == cut["stream"]
    assert whole["learning"]["loss"] == cut["learning"]["loss"]
    for name, weights in whole["learning"]["network"].items():
        assert torch.equal(weights, cut["learning"]["network"][name])
    Reader(tmp_path / "cut" / "weights.pt")
    assert no_process_is_left()


def test_less_steps_than_were_done_change_nothing(lines: Path, tmp_path: Path) -> None:
    from examples import train_from_stream  # noqa: PLC0415 - imports PyTorch

    def train(steps: int) -> None:
        arguments = [str(lines), str(tmp_path / "kept"), "--steps", str(steps)]
        assert 0 == CliRunner().invoke(train_from_stream.main, arguments).exit_code

    train(2)
    once = (tmp_path / "kept" / "state.pt").read_bytes()
    train(1)
    assert once == (tmp_path / "kept" / "state.pt").read_bytes()


TRAIN_FOR_EVER = """
from pathlib import Path
import sys
from bench.learning.trainings import Job, Training, train_all
if __name__ == "__main__":
    endless = Job(Training(Path(sys.argv[1]), 10**9, seed=0), {})
    train_all([endless, Job(Training(Path(sys.argv[1]), 1, seed=0), {})], 2, "test")
"""


@pytest.mark.timeout(120)
def test_trainings_end_with_whoever_waits_for_them_even_if_that_is_killed(
    saved: Path, tmp_path: Path
) -> None:
    (tmp_path / "train.py").write_text(TRAIN_FOR_EVER, encoding="utf-8")
    command = [sys.executable, tmp_path / "train.py", saved]
    with subprocess.Popen(command, env=environment(), start_new_session=True) as main_process:
        waiting = psutil.Process(main_process.pid)

        def all_of_them() -> list[psutil.Process]:
            assert main_process.poll() is None
            children = waiting.children()
            # Two trainings, and what counts their semaphores.
            return children if len(children) >= 3 else []

        children = until(all_of_them)
        main_process.kill()

    _, left = psutil.wait_procs(children, timeout=60)
    for process in left:
        process.kill()
    assert [] == left


def test_rows_tell_what_was_read_of_each_set_after_which(tmp_path: Path) -> None:
    pytest.importorskip("wordfreq", reason="the extra learn is not installed")
    real = tmp_path / "real"
    render(config_from_options({"max_images": 20}), real)
    (tmp_path / "mine.toml").write_text('max_images = 70\nlook = ["scan"]\n', encoding="utf-8")
    arguments = [
        *("--real", f"a={real}", "--set", f"given={real}", "--minus", "geometry,jpeg"),
        *("--config", str(tmp_path / "mine.toml"), "--start", str(tmp_path / "start.pt")),
        *("--out", str(tmp_path / "out"), "--seeds", "2", "--quick"),
    ]

    result = CliRunner().invoke(main, ["learn", *arguments])
    assert result.exception is None, result.output

    rows = pq.read_table(tmp_path / "out" / "learn.parquet").to_pylist()
    assert [(row["trained_on"], row["num_pictures"], row["read"]) for row in rows] == [
        (name, num, read)
        for name, num in (("given", 20), ("mine", 70), ("mine - geometry,jpeg", 70))
        for read in ("a", "own")
    ]
    for row in rows:
        assert 2 == row["word_repeats"]
        assert 0 <= row["word_min"] <= row["word"] <= row["word_max"] <= 100
        assert (0 == row["making_us"]) == (row["trained_on"] == "given")
        assert {"torch", "wordfreq"} <= {*json.loads(row["versions"])}
    misread = pq.read_table(tmp_path / "out" / "learn-misread.parquet").to_pylist()
    assert {*range(20)} == {row["number"] for row in misread}  # of four steps nothing is learnt
    assert (tmp_path / "out" / "learn-misread-a.png").exists()

    begun = (tmp_path / "start.pt").read_bytes()
    assert 0 == CliRunner().invoke(main, ["learn", *arguments]).exit_code
    assert begun == (tmp_path / "start.pt").read_bytes()
    assert no_process_is_left()
