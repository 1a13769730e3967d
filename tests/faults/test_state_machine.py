"""Any order of runs, deaths, damage, checks and resumes comes to the uninterrupted run's bytes."""

from __future__ import annotations

import random
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import pytest
from fault_deeds import DAMAGEABLE, HARMS, STEPS, Victim, death_shim, num_rows_of
from fault_runs import (
    DONE,
    INTERRUPTED,
    SHM,
    digest,
    finish,
    is_at_work,
    kill_session,
    num_committed,
    session_of,
    start,
    tree,
    until,
    workers_of,
    write_texts,
)
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from shmtext import Output, Renderer, RunConfig, ShmtextError, TextFile, verify
from shmtext.config.settings import Container
from shmtext.engine.progress import Progress
from shmtext.errors import FolderError, InterruptedRunError

pytestmark = pytest.mark.usefixtures("no_segment_left", "attacked")

NUM_TEXTS = 420
"""Three shards, of 164, 164 and 92 examples."""
UNDRAWABLE = {7: "no font has \U0001f984", 400: "\U0001f984 again"}
SLOW_DEEDS_PER_EXAMPLE = 1
"""Those that start processes."""

# What sizes can't show, and a resume does not see by itself, comes more often.
KINDS = [*["picture"] * 8, *sorted(DAMAGEABLE)]
KINDS_OF_STEPS = sorted(STEPS["files"])
WAYS = [*["bit-flipped"] * 5, *sorted(HARMS)]
seeds = st.integers(0, 2**16)


class Interrupt:
    """An observer that presses Ctrl-C once a run has committed so many examples."""

    after: int | None = None

    def note(self, line: str) -> None: ...

    def progress(self, progress: Progress) -> None:
        if self.after is not None and progress.num_done - progress.num_resumed >= self.after:
            self.after = None
            signal.raise_signal(signal.SIGINT)


class Attacked:
    """What every example shares: the texts, renderers, and what an undisturbed run comes to."""

    def __init__(self, folder: Path, container: Container) -> None:
        output = Output(container=container)
        self.texts = write_texts(folder / "texts.txt", NUM_TEXTS, UNDRAWABLE)
        self.interrupt = Interrupt()
        config = RunConfig(corpus=TextFile(self.texts), output=output)
        self.renderers = {
            (engine, workers): Renderer(config, workers, engine, observer=self.interrupt)
            for engine, workers in (("serial", 1), ("threads", 2), ("threads", 3))
        }
        other = RunConfig(corpus=TextFile(self.texts), output=output, seed=1)
        self.other = Renderer(other, 1, "serial")
        self.renderers["serial", 1].render(folder / "undisturbed")
        self.expected = tree(folder / "undisturbed")
        self.digest = digest(folder / "undisturbed")
        self.num_rows = num_rows_of(folder / "undisturbed")

    def close(self) -> None:
        for renderer in (*self.renderers.values(), self.other):
            renderer.close()


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let machines be made: each finds what it shares with others of its container."""
    made: dict[Container, Attacked] = {}

    def attacked_in(container: Container) -> Attacked:
        if container not in made:
            made[container] = Attacked(tmp_path_factory.mktemp("attacked"), container)
        return made[container]

    RunsInOneFolder.attacked_in = attacked_in
    yield
    for each in made.values():
        each.close()


class RunsInOneFolder(RuleBasedStateMachine):
    """Runs of one config in one folder, and everything that may come between them."""

    container: ClassVar[Container] = "files"
    attacked_in: ClassVar[Callable[[Container], Attacked]]

    @initialize(after=st.sampled_from([0, 1, NUM_TEXTS // 2, None]))
    def begin(self, after: int | None) -> None:
        self.shared = type(self).attacked_in(self.container)
        self.folder = Path(tempfile.mkdtemp(prefix="shmtext-", dir=SHM))
        self.victim = Victim(self.folder / "out", self.shared.expected, self.shared.num_rows)
        self.num_slow_deeds = 0
        self.all_marked = False
        """Whether all damage was found and marked, so that one run mends it."""
        self.asked: set[str] = set()
        """What was asked since something changed: to ask twice would tell nothing new."""
        if after != 0:
            self.render(("serial", 1), after)

    @property
    def out(self) -> Path:
        return self.victim.out

    # -- runs ----------------------------------------------------------------------------------

    @rule(
        engine=st.sampled_from([("serial", 1), ("threads", 2), ("threads", 3)]),
        after=st.none() | st.integers(1, NUM_TEXTS),
    )
    def render(self, engine: tuple[str, int], after: int | None) -> None:
        sound = self.victim.sound()
        self.shared.interrupt.after = after
        try:
            summary = self.shared.renderers[engine].render(self.out)
        except InterruptedRunError:
            assert after is not None
        else:
            assert summary.num_images == self.victim.num_images()
            assert summary.digest == self.shared.digest
            if self.all_marked:
                assert summary.num_rendered == self.victim.num_images() - self.victim.num_images(
                    set(sound)
                )
                assert tree(self.out) == self.shared.expected
        finally:
            self.shared.interrupt.after = None
        self.assert_kept(sound)

    @precondition(lambda self: self.num_slow_deeds < SLOW_DEEDS_PER_EXAMPLE)
    @rule(step=st.sampled_from(KINDS_OF_STEPS), part=st.floats(0, 1))
    def kill_the_main_process(self, step: str, part: float) -> None:
        self.num_slow_deeds += 1
        sound = self.victim.sound()
        shim = death_shim(self.folder / "shim", "main", step, 1 + int(part * self.steps[step]))
        main = start("render", self.out, *self.options, "--engine", "serial", shims=[shim])
        assert finish(main).returncode in (DONE, -signal.SIGKILL)
        self.assert_kept(sound)

    @precondition(lambda self: self.num_slow_deeds < SLOW_DEEDS_PER_EXAMPLE)
    @rule(
        workers=st.integers(1, 3), step=st.sampled_from(KINDS_OF_STEPS), number=st.integers(1, 150)
    )
    def kill_a_worker(self, workers: int, step: str, number: int) -> None:
        self.num_slow_deeds += 1
        sound = self.victim.sound()
        shim = death_shim(self.folder / "shim", "worker", step, min(number, self.steps[step]))
        options = (*self.options, "--engine", "processes", "--workers", workers)
        finish(start("render", self.out, *options, shims=[shim])).expect(DONE)
        self.assert_kept(sound)

    @precondition(lambda self: self.num_slow_deeds < SLOW_DEEDS_PER_EXAMPLE)
    @rule(
        workers=st.integers(1, 3),
        deed=st.sampled_from(["interrupt", "terminate", "kill", "kill all"]),
        num_shards=st.integers(0, 2),
    )
    def end_a_run_with_workers(self, workers: int, deed: str, num_shards: int) -> None:
        self.num_slow_deeds += 1
        sound = self.victim.sound()
        num_before = num_committed(self.out)
        options = (*self.options, "--engine", "processes", "--workers", workers)
        main = start("render", self.out, *options)
        until(lambda: any(map(is_at_work, workers_of(main.pid))) or main.poll() is not None)
        until(lambda: num_committed(self.out) >= num_before + num_shards or main.poll() is not None)
        if deed == "kill all":
            kill_session(main)
        elif main.poll() is None:
            main.send_signal({"interrupt": 2, "terminate": 15, "kill": 9}[deed])
        assert finish(main).returncode in (DONE, INTERRUPTED, -signal.SIGKILL)
        until(lambda: not session_of(main))
        self.assert_kept(sound)

    @precondition(lambda self: "another run" not in self.asked)
    @precondition(lambda self: self.victim.has_record() or self.victim.sound())
    @rule()
    def ask_for_another_run(self) -> None:
        sound = self.victim.sound()
        files = tree(self.out)
        with pytest.raises(FolderError):
            self.shared.other.render(self.out)
        self.assert_kept(sound)
        self.asked.add("another run")
        after = tree(self.out)
        # Shards that are marked as damaged may be taken back, and the run with them.
        assert {name for name in files if files[name] != after.get(name)} <= {
            "_damaged.json",
            "_SUCCESS.json",
        }

    # -- damage --------------------------------------------------------------------------------

    @precondition(lambda self: self.victim.committed())
    @rule(
        deeds=st.lists(
            st.tuples(st.sampled_from(KINDS), st.sampled_from(WAYS), seeds),
            min_size=1,
            max_size=4,
        )
    )
    def damage(self, deeds: list[tuple[str, str, int]]) -> None:
        for kind, harm, seed in deeds:
            if self.victim.damage(kind, harm, random.Random(seed)):
                self.all_marked = False
        self.asked.clear()

    @precondition(lambda self: self.victim.committed())
    @rule(seed=seeds)
    def litter(self, seed: int) -> None:
        self.victim.litter(random.Random(seed))
        self.all_marked = False
        self.asked.clear()

    # -- checks --------------------------------------------------------------------------------

    @precondition(lambda self: self.out.exists() and "verify" not in self.asked)
    @rule()
    def verify(self) -> None:
        self.asked.add("verify")
        if not self.victim.has_record():
            with pytest.raises(ShmtextError, match=r"run\.json"):
                verify(self.out, checksums=True)
            return
        sound = set(self.victim.sound())
        report = verify(self.out, checksums=True)
        damaged = set(report.damaged_shards)
        assert report.num_whole == len(sound)
        assert not damaged & sound
        assert self.victim.committed() - sound <= damaged
        assert report.whole == self.victim.is_as_expected(), report
        self.all_marked = True

    def teardown(self) -> None:
        try:
            if not self.victim.has_record():
                self.render(("serial", 1), None)
            self.verify()
            self.render(("threads", 2), None)
            assert verify(self.out, checksums=True).whole
        finally:
            shutil.rmtree(self.folder)

    # -- helpers -------------------------------------------------------------------------------

    @property
    def options(self) -> tuple[object, ...]:
        return "--texts", self.shared.texts, "--container", self.container

    @property
    def steps(self) -> Mapping[str, int]:
        return STEPS[self.container]

    def assert_kept(self, sound: dict[int, bytes]) -> None:
        """Shards that were whole before are so now, and nobody has made them again."""
        self.asked.clear()
        after = self.victim.sound()
        assert {shard: after.get(shard) for shard in sound} == sound


class RunsInTarFiles(RunsInOneFolder):
    """A shard, a tar file."""

    container = "tar"


class RunsInParquetFiles(RunsInOneFolder):
    """A shard, a Parquet file."""

    container = "parquet"


for machine in (RunsInOneFolder, RunsInTarFiles, RunsInParquetFiles):
    machine.TestCase.settings = settings(
        max_examples=5,
        stateful_step_count=10,
        derandomize=True,
        # Steps take too long for a search of the shortest way to a failure.
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )


class TestRunsInOneFolder(RunsInOneFolder.TestCase):  # type: ignore[misc]
    pass


class TestRunsInTarFiles(RunsInTarFiles.TestCase):  # type: ignore[misc]
    pass


class TestRunsInParquetFiles(RunsInParquetFiles.TestCase):  # type: ignore[misc]
    pass
