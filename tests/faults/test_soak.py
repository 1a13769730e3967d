"""Half an hour of random faults: each run is resumed until it is done, and nothing may be lost.

Run with ``pytest -m soak -n0 -s tests/faults/test_soak.py``; SHMTEXT_SOAK_S and SHMTEXT_SOAK_SEED
say for how long and which faults. The figures of a whole one are kept in ``tests/README.md``.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from fault_deeds import DAMAGEABLE, HARMS, STEPS, Victim, death_shim, num_rows, num_rows_of
from fault_runs import (
    CONTAINERS,
    DONE,
    FAILED_EXAMPLES,
    INTERRUPTED,
    SHM,
    STOPPED,
    Finished,
    Tree,
    are_pictures_written,
    finish,
    is_at_work,
    is_root,
    kill_session,
    num_committed,
    orphaned_segments,
    poison_shim,
    run,
    session_of,
    skipped,
    start,
    tree,
    until,
    with_limits,
    workers_of,
    write_texts,
)
from stored import pictures

from shmtext import verify

DURATION_S = float(os.environ.get("SHMTEXT_SOAK_S", "1800"))
SEED = int(os.environ.get("SHMTEXT_SOAK_SEED", "5"))
MARKER = "ß"
POISONED = 1_234
MAX_FAULTY_RUNS = 6

pytestmark = [pytest.mark.soak, pytest.mark.timeout(0), is_root]

Process = subprocess.Popen[str]


@dataclass(slots=True)
class Score:
    """What a soak has done so far."""

    faults: Counter[str] = field(default_factory=Counter)
    num_runs: int = 0
    num_episodes: int = 0
    num_rendered: int = 0
    """Pictures committed, those that damage had made again included."""
    num_compared: int = 0
    """Pictures held against the uninterrupted run's at the end of an episode."""
    num_lost: int = 0
    """Of those, missing or different; and pictures of sound shards that were made again."""
    begin_s: float = field(default_factory=time.monotonic)

    def table(self) -> str:
        """The score as Markdown."""
        rows = [
            ("Minutes", f"{(time.monotonic() - self.begin_s) / 60:.1f}"),
            ("Folders, each resumed until done", f"{self.num_episodes:,}"),
            ("Runs", f"{self.num_runs:,}"),
            ("Pictures rendered and committed", f"{self.num_rendered:,}"),
            ("Pictures compared at the end", f"{self.num_compared:,}"),
            ("Faults injected", f"{self.faults.total():,}"),
            *((f"- {name}", f"{count:,}") for name, count in sorted(self.faults.items())),
            ("**Pictures lost**", f"**{self.num_lost:,}**"),
        ]
        return "\n".join(["| | |", "|---|---:|", *(f"| {name} | {n} |" for name, n in rows)])


@dataclass(slots=True)
class Undisturbed:
    """What a run comes to when nothing happens to it."""

    tree: Tree
    pictures: dict[str, bytes]
    num_rows: dict[int, int]

    @classmethod
    def of(cls, out: Path, options: tuple[object, ...]) -> Undisturbed:
        run("render", out, *options, "--engine", "serial").expect(DONE)
        found = cls(tree(out), pictures(out), num_rows_of(out))
        shutil.rmtree(out)
        return found


@dataclass(slots=True)
class Episode:
    """One folder, from its first run to the comparison with the uninterrupted one."""

    folder: Path
    options: tuple[object, ...]
    container: str
    undisturbed: Undisturbed
    victim: Victim
    choice: random.Random
    score: Score
    shims: list[Path] = field(default_factory=list)

    @property
    def out(self) -> Path:
        return self.victim.out

    def workers(self) -> tuple[object, ...]:
        """The engine of the next run: another number of workers each time."""
        return "--engine", "processes", "--workers", self.choice.randint(1, 4)

    def start(self, *, shim: Path | None = None, **settings: object) -> Process:
        shims = [shim] if shim else self.shims
        arguments = ("render", self.out, *self.options, *self.workers())
        return start(*arguments, shims=shims, **settings)  # type: ignore[arg-type]

    def end(self, main: Process, *codes: int) -> Finished:
        """Wait for a run's end, which must be one of these, without a process left over."""
        ended = finish(main)
        until(lambda: not session_of(main))
        if ended.returncode >= 0:  # else Python's resource tracker may have the last word
            ended.expect(ended.returncode)
        assert ended.returncode in (DONE, FAILED_EXAMPLES, *codes), ended
        return ended

    def wait_for_a_moment(self, main: Process) -> bool:
        """Let a run come to some moment of its life; False if it ended before."""
        num_before = num_committed(self.out)
        end_s = time.monotonic() + self.choice.uniform(0, 1.5)
        share = self.choice.random()
        moments: list[Callable[[], bool]] = [
            lambda: time.monotonic() >= end_s,
            lambda: any(map(is_at_work, workers_of(main.pid))),
            lambda: are_pictures_written(self.out),
            lambda: num_committed(self.out) > num_before + share * 6,
            lambda: any(self.out.glob("_stage/metadata*")),
        ]
        reached = self.choice.choice(moments)
        until(lambda: reached() or main.poll() is not None)
        return main.poll() is None

    def count(self, name: str, happened: bool = True) -> None:
        if happened:
            self.score.faults[name] += 1


# -- faults of a run -------------------------------------------------------------------------------


def signal_workers(episode: Episode, name: str, most: int) -> None:
    """Hit workers at work, one after the other; fewer times than an example is blamed for."""
    limits = with_limits(hang_s=4, commit_s=4) if name == "SIGSTOP" else ("-m", "shmtext")
    main = episode.start(program=limits)
    for _ in range(episode.choice.randint(1, most)):
        alive = episode.wait_for_a_moment(main)
        if victims := [each for each in workers_of(main.pid) if alive]:
            with suppress(psutil.NoSuchProcess):
                episode.choice.choice(victims).send_signal(getattr(signal, name))
                episode.count(f"worker: {name}")
    episode.end(main)


def kill_main(episode: Episode) -> None:
    main = episode.start()
    episode.count("main process: SIGKILL", episode.wait_for_a_moment(main))
    main.kill()
    episode.end(main, -signal.SIGKILL)


def kill_all(episode: Episode) -> None:
    main = episode.start()
    episode.count("whole group: SIGKILL", episode.wait_for_a_moment(main))
    kill_session(main)
    episode.end(main, -signal.SIGKILL)


def ask_to_stop(episode: Episode, name: str, times: int) -> None:
    main = episode.start()
    begin_s = time.monotonic()
    # Before its handlers are in place a signal is Python's own affair.
    until(lambda: workers_of(main.pid) or main.poll() is not None)
    if episode.wait_for_a_moment(main):
        begin_s = time.monotonic()
        for _ in range(times):
            with suppress(ProcessLookupError):
                os.killpg(main.pid, getattr(signal, name))
        episode.count(f"whole group: {name}" + (" twice" if times == 2 else ""))
    episode.end(main, INTERRUPTED)
    assert main.returncode == DONE or time.monotonic() - begin_s < 15


def die_at_a_step(episode: Episode, who: str) -> None:
    steps = STEPS[episode.container]
    step = episode.choice.choice(sorted(steps))
    # Early ones more often: what is left to do may be little.
    number = min(episode.choice.randint(1, steps[step]) for _ in range(3))
    shim = death_shim(episode.folder / f"shim-{time.monotonic_ns()}", who, step, number)
    if who == "worker":
        episode.end(episode.start(shim=shim))
        episode.count("worker: killed at a step of a commit", (shim / "died").exists())
        return
    arguments = ("render", episode.out, *episode.options, "--engine", "serial")
    ended = episode.end(start(*arguments, shims=[shim]), -signal.SIGKILL)
    episode.count("main process: killed at a step of a commit", ended.returncode < 0)


def limit_file_size(episode: Episode) -> None:
    limit = episode.choice.choice([1_000, 6_000, 20_000, 60_000])
    ended = episode.end(episode.start(prefix=("prlimit", f"--fsize={limit}")), STOPPED)
    assert_says_why(ended)
    episode.count("RLIMIT_FSIZE", ended.returncode == STOPPED)


def assert_says_why(ended: Finished) -> None:
    """One line on why a run stopped, beside notes on the damage it has met."""
    lines = [line for line in ended.stderr.splitlines() if line.startswith("shmtext: ")]
    assert len(lines) == (ended.returncode == STOPPED), ended.stderr


RUN_FAULTS: dict[str, Callable[[Episode], None]] = {
    "worker SIGKILL": lambda episode: signal_workers(episode, "SIGKILL", most=3),
    "worker SIGSEGV": lambda episode: signal_workers(episode, "SIGSEGV", most=1),
    "worker SIGSTOP": lambda episode: signal_workers(episode, "SIGSTOP", most=1),
    "main SIGKILL": kill_main,
    "group SIGKILL": kill_all,
    "SIGINT": lambda episode: ask_to_stop(episode, "SIGINT", times=1),
    "SIGTERM": lambda episode: ask_to_stop(episode, "SIGTERM", times=1),
    "SIGINT twice": lambda episode: ask_to_stop(episode, "SIGINT", times=2),
    "main dies at a step": lambda episode: die_at_a_step(episode, "main"),
    "worker dies at a step": lambda episode: die_at_a_step(episode, "worker"),
    "RLIMIT_FSIZE": limit_file_size,
}


# -- episodes --------------------------------------------------------------------------------------


def one_fault(episode: Episode, do: Callable[[Episode], None]) -> None:
    """Let a fault happen to a run; what was sound before it must be untouched after it."""
    before = episode.victim.sound()
    known = manifests(episode.out)
    do(episode)
    episode.score.num_runs += 1
    after = manifests(episode.out)
    new = {shard: data for shard, data in after.items() if known.get(shard) != data}
    episode.score.num_rendered += sum(map(num_rows, new.values()))
    still = episode.victim.sound()
    touched = {shard for shard in before if still.get(shard) != before[shard]}
    episode.score.num_lost += episode.victim.num_images(touched)
    assert not touched, f"sound shards {touched} were made again or lost"


def manifests(out: Path) -> dict[int, bytes]:
    return {int(path.stem): path.read_bytes() for path in out.glob("fragments/*.json")}


def some_damage(episode: Episode) -> None:
    """Harm none to three files, leave litter, and have all of it found, or not."""
    choice = episode.choice
    for _ in range(choice.choice([0, 1, 1, 2, 2, 3])):
        kind = choice.choice(["picture", "picture", *DAMAGEABLE])
        harm = choice.choice(sorted(HARMS))
        if episode.victim.damage(kind, harm, choice):
            episode.count(f"damage: {kind} {harm}")
    if choice.random() < 0.2 and episode.out.exists():
        episode.victim.litter(choice)
        episode.count("damage: litter")
    if choice.random() < 0.3 and episode.victim.has_record():
        assert_all_damage_is_named(episode)


def assert_all_damage_is_named(episode: Episode) -> None:
    sound = set(episode.victim.sound())
    damaged = set(verify(episode.out, checksums=True).damaged_shards)
    assert not damaged & sound
    assert episode.victim.committed() - sound <= damaged


def something_to_do(episode: Episode) -> None:
    """Damage shards until a fault of the next run has something to disturb."""
    sound = episode.victim.sound()
    if len(sound) < len(episode.victim.shards()):
        return
    for shard in episode.choice.sample(sorted(sound), episode.choice.randint(1, len(sound))):
        (episode.out / f"fragments/{shard:05d}.parquet").write_bytes(b"PAR1")
        episode.count("damage: label fragment overwritten")


def whole_run(episode: Episode, code: int = DONE) -> None:
    episode.end(episode.start()).expect(code)


def settle(episode: Episode) -> None:
    """Resume until done: with what sizes show mended, then with all that checksums show."""
    one_fault(episode, whole_run)
    assert_all_damage_is_named(episode)
    if not episode.victim.is_as_expected():
        one_fault(episode, whole_run)
    compare(episode, episode.undisturbed.pictures)
    assert verify(episode.out, checksums=True).whole
    assert tree(episode.out) == episode.victim.expected


def compare(episode: Episode, expected: dict[str, bytes]) -> None:
    found = pictures(episode.out)
    lost = {name for name in expected if found.get(name) != expected[name]}
    episode.score.num_compared += len(expected)
    episode.score.num_lost += len(lost)
    assert not lost


def disturbed(episode: Episode) -> None:
    """Faults of runs and damage, in any order."""
    for _ in range(episode.choice.randint(2, MAX_FAULTY_RUNS)):
        something_to_do(episode)
        one_fault(episode, RUN_FAULTS[episode.choice.choice(sorted(RUN_FAULTS))])
        some_damage(episode)
    settle(episode)


def on_a_small_device(episode: Episode) -> None:
    """The device fills up; it is made larger, and everything else may happen, too."""
    episode.out.mkdir()
    size_kb = episode.choice.randint(300, 8_000)
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size_kb}k", "none", episode.out], check=True
    )
    try:
        for _ in range(2):
            one_fault(episode, fill_up)
            size_kb += episode.choice.randint(100, 2_000)
            subprocess.run(["mount", "-o", f"remount,size={size_kb}k", episode.out], check=True)
        subprocess.run(["mount", "-o", "remount,size=200m", episode.out], check=True)
        disturbed(episode)
    finally:
        subprocess.run(["umount", "--lazy", episode.out], check=True)


def fill_up(episode: Episode) -> None:
    ended = episode.end(episode.start(), STOPPED)
    assert_says_why(ended)
    episode.count("device full", ended.returncode == STOPPED)


def poisoned(episode: Episode) -> None:
    """One text ends every worker that draws it: all others are there in the end."""
    deed = episode.choice.choice(["segv", "abort", "SIGKILL", "exit"])
    episode.shims = [poison_shim(episode.folder / "poison", MARKER, deed)]
    texts = write_texts(episode.folder / "poisoned.txt", 1_500, {POISONED: f"poison {MARKER}"})
    episode.options = ("--texts", texts, "--container", episode.container)
    expected = Undisturbed.of(episode.folder / "undisturbed", episode.options).pictures
    del expected[f"{POISONED:09d}.jpg"]
    kill_main(episode)
    whole_run(episode, FAILED_EXAMPLES)
    episode.score.num_runs += 2
    episode.count(f"poisoned example: {deed}")
    assert [row["example_index"] for row in skipped(episode.out)] == [POISONED]
    episode.score.num_rendered += len(expected)
    compare(episode, expected)
    assert verify(episode.out, checksums=True).whole


def test_random_faults_lose_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path(tempfile.mkdtemp(prefix="shmtext-soak-", dir=SHM))
    texts = write_texts(folder / "texts.txt", 2_000, {17: "no font has \U0001f984"})
    configs: list[tuple[object, ...]] = [
        ("--max-images", 1_000),
        ("--max-images", 2_500, "--image-format", "png", "--font-sizes", 24),
        ("--max-images", 4_000, "--seed", 3),
        ("--texts", texts, "--font-colors", "red", "--no-csv"),
    ]
    kinds = [disturbed] * 6 + [on_a_small_device, poisoned]
    known: dict[tuple[object, ...], Undisturbed] = {}
    score = Score()
    number = 0
    try:
        while time.monotonic() - score.begin_s < DURATION_S:
            number += 1
            choice = random.Random(SEED * 1_000_000 + number)
            container = choice.choice(CONTAINERS)
            options = (*choice.choice(configs), "--container", container)
            own = folder / f"episode-{number}"
            own.mkdir()
            if options not in known:
                known[options] = Undisturbed.of(folder / "undisturbed", options)
            whole = known[options]
            victim = Victim(own / "out", whole.tree, whole.num_rows)
            episode = Episode(own, options, container, whole, victim, choice, score)
            choice.choice(kinds)(episode)
            score.num_episodes += 1
            shutil.rmtree(own)
        run("render", folder / "last", "--max-images", 10, "--engine", "serial").expect(DONE)
        assert not orphaned_segments()
        shutil.rmtree(folder)
    finally:
        with capsys.disabled():
            print(f"\nSeed {SEED}, {number} episodes begun\n\n{score.table()}\n")
            if folder.exists():
                print(f"{folder} is kept: look at it, and remove it\n")
