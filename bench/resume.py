"""What does an interruption cost?

Two prices. Work lost: a run is killed with SIGKILL, the main process and with it the workers, at
moments spread over a shard's time; lost is every picture that was drawn and not committed. And
the time of a run that finds every shard committed, once finished and once with its labels still to
be merged, from texts and fonts to the summary; and what of it goes into looking through the folder.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import click
import numpy as np
import psutil

from bench import asking, plots, work
from bench.asking import Answer, Setting
from bench.measure import Spread, cost_of, number, spread
from bench.places import environment, scratch
from bench.rows import table
from shmtext import Output, RunConfig, Style, TextFile, render, run_status
from shmtext.config import config_from_options
from shmtext.dataset import plan as plans
from shmtext.dataset.check import check_run
from shmtext.dataset.folder import STAGE, OutputFolder
from shmtext.dataset.manifest import committed_shards
from shmtext.dataset.merge import SUCCESS
from shmtext.dataset.plan import Plan
from shmtext.dataset.record import require_record

NAME = "resume"
QUESTION = "What does an interruption cost?"

DEADLINE_S = 120.0
CONTAINERS = ("files", "tar")


@dataclass(frozen=True, slots=True)
class KillRow:
    """Runs that were killed, each at another moment."""

    num_workers: int
    num_images: int
    """Of the whole run."""
    examples_per_shard: int
    num_kills: int
    images_lost: Spread
    seconds_lost: Spread
    """For which all workers together had drawn them."""
    to_resume_s: Spread
    """From the start of the same command again to its end, less what rendering the rest takes."""
    same_digest: bool
    """Every resumed run came to what a run without interruption comes to."""


@dataclass(frozen=True, slots=True)
class Row:
    """A folder in which every shard is committed."""

    container: str
    num_shards: int
    images_per_shard: int
    manifests_s: Spread
    """Looked through by manifests alone."""
    checked_s: Spread
    """With fragments' bytes and the sizes of all pictures, as a resumed run does."""
    finished_s: Spread
    """The whole of ``render``, which finds the run finished."""
    resumed_s: Spread
    """The whole of ``render``, which finds every shard and has labels to merge."""


# -- work lost --------------------------------------------------------------------------------


def _kill_and_resume(setting: Setting, home: Path) -> KillRow:
    num_workers = min(2, len(os.sched_getaffinity(0)))
    options = work.twelve_faces(setting.num(100_000, 12_000))
    config_path = home / "config.toml"
    config_path.write_text(work.toml(options), encoding="utf-8")
    config = config_from_options(options)
    whole = render(config, home / "whole", num_workers, "processes")
    # From the first shard's begin to the last commit: start-up is not part of it.
    rate = run_status(home / "whole").images_per_s
    shutil.rmtree(home / "whole")
    num_examples = whole.num_images + whole.num_skipped
    per_shard = Plan(num_examples).examples_per_shard
    shard_s = per_shard / rate * num_workers
    num_kills = setting.num(8, 2)
    lost, lost_s, resume_s, same = [], [], [], True
    for kill in range(num_kills):
        out = home / f"killed{kill}"
        # Moments spread evenly over a shard's time, whatever the machine.
        _kill_in(config_path, out, num_workers, shard_s * (kill + 0.5) / num_kills)
        left_behind = list((out / STAGE).glob("*/images"))
        lost.append(sum(len(os.listdir(folder)) for folder in left_behind))
        lost_s.append(lost[-1] / rate)
        begin_s = time.perf_counter()
        again = render(config, out, num_workers, "processes", resume="must")
        elapsed_s = time.perf_counter() - begin_s
        resume_s.append(max(0.0, elapsed_s - again.num_rendered / rate))
        same &= again.digest == whole.digest
        shutil.rmtree(out)
    return KillRow(
        num_workers=num_workers,
        num_images=whole.num_images,
        examples_per_shard=per_shard,
        num_kills=num_kills,
        images_lost=spread(lost),
        seconds_lost=spread(lost_s),
        to_resume_s=spread(resume_s),
        same_digest=same,
    )


def _kill_in(config: Path, out: Path, num_workers: int, after_s: float) -> None:
    """Start a run; kill it so many seconds after its first commits; wait for its workers' end."""
    run = subprocess.Popen(
        [
            *(sys.executable, "-m", "shmtext", "render", str(out), "--config", str(config)),
            *("--engine", "processes", "--workers", str(num_workers)),
        ],
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline_s = time.monotonic() + DEADLINE_S
    kill_s = None
    while kill_s is None or time.monotonic() < kill_s:
        if run.poll() is not None or time.monotonic() > deadline_s:
            break  # over before its moment: nothing is lost then, and the row says so
        if kill_s is None and any((out / "fragments").glob("*.json")):
            kill_s = time.monotonic() + after_s
        time.sleep(0.001)
    children = psutil.Process(run.pid).children(recursive=True) if run.poll() is None else []
    run.send_signal(signal.SIGKILL)
    run.wait()
    psutil.wait_procs(children, timeout=DEADLINE_S)


# -- what is missing --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Size:
    """What a folder holds."""

    container: str
    num_shards: int
    per_shard: int


def _look_through(setting: Setting, home: Path, size: Size) -> Row:
    """Make a run of shards that are all alike, and time how it is looked through and resumed."""
    num_shards, per_shard = size.num_shards, size.per_shard
    # Real shards have up to 10,000 pictures: ten thousand of them would not fit in memory. What
    # a shard costs and what a picture costs can be told apart with small ones.
    with patch.object(plans, "shard_size", lambda _num_examples: per_shard):
        plan = Plan(num_shards * per_shard)
        texts = home / "texts.txt"
        texts.write_text("".join(f"text {i}\n" for i in range(plan.num_examples)))
        config = RunConfig(
            corpus=TextFile(texts),
            style=Style(font_sizes=(16,)),
            output=Output(image_format="png", container=size.container),
        )
        out = home / f"{size.container}{num_shards}x{per_shard}"

        def again() -> float:
            return cost_of(lambda: render(config, out, engine="serial", resume="must")).wall_s

        assert render(config, out, engine="serial").num_images == plan.num_examples
        repeats = range(setting.num(5, 2))
        finished_s = spread(again() for _ in repeats)
        resumed = []
        for _ in repeats:
            (out / SUCCESS).unlink()
            resumed.append(again())
        with OutputFolder.open(out, create=False) as folder:
            record = require_record(folder)
            fingerprint = record.fingerprint
            assert len(committed_shards(folder, plan, fingerprint)[0]) == num_shards
            manifests_s = spread(
                cost_of(lambda: committed_shards(folder, plan, fingerprint)).wall_s for _ in repeats
            )
            checked_s = spread(
                cost_of(lambda: check_run(folder, record, checksums=False)).wall_s for _ in repeats
            )
        shutil.rmtree(out)
    return Row(
        container=size.container,
        num_shards=num_shards,
        images_per_shard=per_shard,
        manifests_s=manifests_s,
        checked_s=checked_s,
        finished_s=finished_s,
        resumed_s=spread(resumed),
    )


# -- the answer -------------------------------------------------------------------------------


def ask(setting: Setting) -> Answer:
    """Kill runs, and look through folders."""
    sizes = [(10, 16), (200, 16), (10, 500)]
    if not setting.quick:
        sizes = [(10, 16), (1_000, 16), (10_000, 16), (10, 10_000)]
    with scratch() as home:
        killed = _kill_and_resume(setting, home)
        rows = [
            _look_through(setting, home, Size(container, *size))
            for container in CONTAINERS
            for size in sizes
        ]
    at_full_size = [
        _at_full_size([row for row in rows if row.container == container])
        for container in CONTAINERS
    ]
    return Answer(
        NAME,
        rows,
        [_of_kills(killed), _of_looks(rows), "\n".join(at_full_size)],
        lambda figure: _draw(figure, rows),
        {"-killed": [killed]},
    )


def _of_kills(row: KillRow) -> str:
    header = ["workers", "images", "shard", "kills", "images lost", "seconds lost", "to resume, s"]
    line = [
        *(row.num_workers, row.num_images, row.examples_per_shard, row.num_kills),
        *(row.images_lost, row.seconds_lost, row.to_resume_s),
    ]
    same = "all came" if row.same_digest else "NOT ALL CAME"
    return (
        "Killed by SIGKILL at moments spread over a shard's time, then resumed; resumed runs "
        f"{same} to the digest of a run without interruption. 'to resume' is start-up and search: "
        f"the time of the second start without that of its rendering.\n\n{table(header, [line])}"
    )


def _of_looks(rows: list[Row]) -> str:
    header = [
        *("container", "shards", "images/shard", "manifests alone, s", "folder checked, s"),
        *("whole, finished, s", "whole, labels to merge, s"),
    ]
    lines = [
        [
            *(row.container, row.num_shards, row.images_per_shard, row.manifests_s),
            *(row.checked_s, row.finished_s, row.resumed_s),
        ]
        for row in rows
    ]
    return (
        "Seconds that a run takes which finds every shard committed, and what of them goes into "
        "looking through the folder, by its manifests alone and as it is done. In memory; from a "
        f"disk that was not read before it takes longer.\n\n{table(header, lines)}"
    )


def _at_full_size(rows: list[Row]) -> str:
    """Extrapolate to shards as a run of that many has them, by what a shard and a picture cost."""

    # The smallest, the one of most shards, the one of large ones: they tell the three costs apart.
    telling = [rows[0], rows[-2], rows[-1]]
    known = [[1, row.num_shards, row.num_shards * row.images_per_shard] for row in telling]

    def seconds(of: Callable[[Row], Spread]) -> str:
        costs = np.linalg.solve(known, [of(row).median for row in telling]).clip(0)
        return number(float(costs @ [1, num_shards, num_shards * plans.MAX_SHARD_SIZE]))

    num_shards = 10_000
    num_images = num_shards * plans.MAX_SHARD_SIZE
    return (
        f"At these costs a finished run of {num_shards:,} full shards ({num_images / 1e6:.0f} "
        f"million pictures) in {rows[0].container} is started again, found whole and ended in "
        f"{seconds(lambda row: row.finished_s)} s by one process, in "
        f"{seconds(lambda row: row.resumed_s)} s with its labels to merge; "
        f"{seconds(lambda row: row.checked_s)} s of these look through the folder."
    )


def _draw(figure: Any, rows: list[Row]) -> None:
    fewest = min(row.images_per_shard for row in rows)
    of = {}
    for container in CONTAINERS:
        kept = [
            row for row in rows if row.images_per_shard == fewest and row.container == container
        ]
        for what, seconds in (
            ("looking through it, manifests alone", lambda row: row.manifests_s),
            ("looking through it", lambda row: row.checked_s),
            ("the whole, finished", lambda row: row.finished_s),
            ("the whole, labels to merge", lambda row: row.resumed_s),
        ):
            of[f"{container}: {what}"] = [
                (float(row.num_shards), seconds(row).median) for row in kept
            ]
    axes = figure.subplots()
    plots.lines(axes, of, (f"committed shards of {fewest} images", "seconds"), logs="xy")
    axes.legend()
    axes.set_title(QUESTION)


@click.command(NAME, help=QUESTION)
@asking.options
def command(out: Path, quick: bool) -> None:
    """Ask the question."""
    setting = Setting(quick, out)
    asking.deliver(ask(setting), setting)
