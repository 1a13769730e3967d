"""What does an interruption cost?

Two prices. Work lost: a run is killed with SIGKILL, the main process and with it the workers, at
moments spread over a shard's time; lost is every picture that was drawn and not committed. And
time to find what is missing: a folder of so many committed shards is looked through, once by its
manifests alone, once with the size of every picture, which is what a resumed run does.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
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
from shmtext.config import config_from_options
from shmtext.corpus.ragged import pack_texts
from shmtext.dataset import plan as plans
from shmtext.dataset.check import check_run
from shmtext.dataset.containers import FilesShard
from shmtext.dataset.folder import STAGE, OutputFolder
from shmtext.dataset.fragment import LabelColumns, build_fragment
from shmtext.dataset.manifest import Origin, commit_shard, committed_shards, current_boot_id
from shmtext.dataset.plan import Plan, Shard
from shmtext.engine.inspect import run_status
from shmtext.engine.run import render
from shmtext.render.encode import crc32

NAME = "resume"
QUESTION = "What does an interruption cost?"

FINGERPRINT = "b" * 64
PICTURE = b"a picture"
DEADLINE_S = 120.0


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
    """A folder of committed shards, looked through."""

    num_shards: int
    images_per_shard: int
    manifests_s: Spread
    """By manifests alone."""
    checked_s: Spread
    """With fragments read and the size of every picture, as a resumed run does."""
    us_per_shard: float
    us_per_image: float
    """Of what checking takes beyond the manifests; shards of few pictures make it high."""


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
    per_shard = Plan(num_examples, "jpg").examples_per_shard
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


def _look_through(setting: Setting, home: Path, num_shards: int, per_shard: int) -> Row:
    """Make a folder of committed shards, all small and alike, and time how it is looked through."""
    # Real shards have up to 10,000 pictures: ten thousand of them would not fit in memory. What
    # a shard costs and what a picture costs can be told apart with small ones.
    with patch.object(plans, "shard_size", lambda _num_examples: per_shard):
        plan = Plan(num_shards * per_shard, "jpg")
        out = home / f"shards{num_shards}x{per_shard}"
        with OutputFolder.open(out, create=True) as folder:
            folder.make_folder(STAGE)
            for shard in plan.shards():
                _commit(folder, plan, shard)
            assert len(committed_shards(folder, plan, FINGERPRINT)[0]) == num_shards
            repeats = range(setting.num(5, 2))
            manifests_s = spread(
                cost_of(lambda: committed_shards(folder, plan, FINGERPRINT)).wall_s for _ in repeats
            )
            checked_s = spread(
                cost_of(lambda: check_run(folder, plan, FINGERPRINT, checksums=False)).wall_s
                for _ in repeats
            )
        shutil.rmtree(out)
    return Row(
        num_shards=num_shards,
        images_per_shard=per_shard,
        manifests_s=manifests_s,
        checked_s=checked_s,
        us_per_shard=manifests_s.median / num_shards * 1e6,
        us_per_image=(checked_s.median - manifests_s.median) / (num_shards * per_shard) * 1e6,
    )


def _commit(folder: OutputFolder, plan: Plan, shard: Shard) -> None:
    """Commit a shard of made-up pictures."""
    index = np.arange(shard.start, shard.stop)
    zeros = np.zeros(index.size, np.int64)
    columns = LabelColumns(
        example_index=index,
        texts=pack_texts(["text"] * index.size),
        width_px=np.full(index.size, 100, np.int32),
        height_px=np.full(index.size, 36, np.int32),
        font_id=zeros,
        font_names=("font.ttf",),
        font_size_px=np.full(index.size, 32, np.int32),
        color_pair_id=zeros,
        color_pairs=(("#000000", "#ffffff"),),
        num_bytes=np.full(index.size, len(PICTURE), np.int32),
        crc32=np.full(index.size, crc32(PICTURE), np.uint32),
    )
    origin = Origin(FINGERPRINT, 0, "host", current_boot_id(), seconds=1.0, finished_at=1e9)
    with FilesShard(folder, plan, shard) as sink:
        for name in plan.image_names(shard, index):
            sink.add(name, PICTURE)
        commit_shard(folder, sink, build_fragment(plan, shard, columns), origin)


# -- the answer -------------------------------------------------------------------------------


def ask(setting: Setting) -> Answer:
    """Kill runs, and look through folders."""
    sizes = [(10, 16), (200, 16), (10, 500)]
    if not setting.quick:
        sizes = [(10, 16), (1_000, 16), (10_000, 16), (10, 10_000)]
    with scratch() as home:
        killed = _kill_and_resume(setting, home)
        rows = [_look_through(setting, home, *size) for size in sizes]
    return Answer(
        NAME,
        rows,
        [_of_kills(killed), _of_looks(rows), _at_full_size(rows[-1], rows[-2])],
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
        *("shards", "images/shard", "manifests alone, s", "as resumed, s", "us/shard"),
        "us/image",
    ]
    lines = [
        [
            *(row.num_shards, row.images_per_shard, row.manifests_s, row.checked_s),
            *(row.us_per_shard, row.us_per_image),
        ]
        for row in rows
    ]
    return (
        "Seconds to find what is missing in a folder of committed shards, in memory; from a disk "
        f"that was not read before it takes longer.\n\n{table(header, lines)}"
    )


def _at_full_size(large: Row, many: Row) -> str:
    """Extrapolate to shards as a run of that many has them."""
    num_images = 10_000 * plans.MAX_SHARD_SIZE
    seconds = (10_000 * many.us_per_shard + num_images * large.us_per_image) / 1e6
    return (
        f"At these costs a run of 10,000 full shards ({num_images / 1e6:.0f} million pictures) is "
        f"looked through in {number(seconds)} s, its manifests alone in "
        f"{number(10_000 * many.us_per_shard / 1e6)} s."
    )


def _draw(figure: Any, rows: list[Row]) -> None:
    fewest = min(row.images_per_shard for row in rows)
    kept = [row for row in rows if row.images_per_shard == fewest]
    of = {
        "manifests alone": [(float(r.num_shards), r.manifests_s.median) for r in kept],
        f"as resumed, {fewest} images a shard": [
            (float(r.num_shards), r.checked_s.median) for r in kept
        ],
    }
    axes = figure.subplots()
    plots.lines(axes, of, ("committed shards", "seconds to find what is missing"), logs="xy")
    axes.legend()
    axes.set_title(QUESTION)


@click.command(NAME, help=QUESTION)
@asking.options
def command(out: Path, quick: bool) -> None:
    """Ask the question."""
    setting = Setting(quick, out)
    asking.deliver(ask(setting), setting)
