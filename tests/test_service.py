"""What a worker answers, message by message; here it is this very process that serves."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from dataset_runs import open_fds
from drawing import SANS, picture_maker
from records import record_of

from shmtext.corpus.ragged import TextChunk, pack_texts
from shmtext.corpus.shared import SharedCorpus
from shmtext.dataset.folder import OutputFolder
from shmtext.dataset.manifest import read_manifest
from shmtext.dataset.plan import Plan
from shmtext.engine.messages import Message, Release, Setup, Target
from shmtext.engine.progress import (
    EXAMPLE,
    HEARTBEAT,
    IMAGES,
    NO_EXAMPLE,
    ON_TRIAL,
    SLOTS_PER_WORKER,
    ShardDone,
    Slots,
)
from shmtext.engine.service import Service
from shmtext.engine.shards import COMMITTING
from shmtext.engine.task import Task
from shmtext.engine.to_check import CheckDestination
from shmtext.engine.to_dataset import DatasetDestination

TEXTS = [f"text {number}" for number in range(100)]
PLAN = Plan(len(TEXTS))
FIRST, SECOND = PLAN.shards()


@dataclass
class Worker:
    """A service, and the slots that the main process looks at."""

    row: Slots = field(default_factory=lambda: np.zeros(SLOTS_PER_WORKER, np.int64))

    def answers(
        self, *messages: object, ends_with: type[BaseException] = EOFError
    ) -> list[Message]:
        """Send messages; return what was said until it ended, in the way expected."""
        self.row[EXAMPLE] = NO_EXAMPLE
        coming = iter(messages)

        def receive() -> object:
            for message in coming:
                return message
            raise EOFError

        read_end, write_end = os.pipe()
        with os.fdopen(read_end, "rb") as said, os.fdopen(write_end, "wb"):
            service = Service(write_end, 3, self.row)
            with pytest.raises(ends_with):
                service.run(receive)
            service._release()
            os.set_blocking(read_end, False)
            return [Message.parse(line) for line in (said.read() or b"").splitlines()]


@pytest.fixture
def setup(tmp_path: Path) -> Iterator[Setup]:
    texts = pack_texts(TEXTS)
    chunk = TextChunk(texts.values, np.diff(texts.offsets).astype(np.int32))
    with SharedCorpus.create([chunk], tmp_path) as corpus:
        yield Setup(picture_maker([SANS]).settings, corpus.spec)


@pytest.fixture
def target(out: Path) -> Iterator[Target]:
    with OutputFolder.open(out, create=True) as folder:
        folder.make_folder("_stage")
        yield Target(7, DatasetDestination.of(folder, record_of(len(TEXTS), "png")))


def kinds(reports: list[Message]) -> list[str]:
    return [report.kind for report in reports]


def test_shards_are_done_and_told_in_numbers(out: Path, setup: Setup, target: Target) -> None:
    worker = Worker()
    tasks = [(shard.start, shard.stop) for shard in (FIRST, SECOND)]
    said = worker.answers(setup, target, *tasks, Release())

    assert ["ready", "set up", "done", "done", "released"] == kinds(said)
    assert [0, 0, 7, 7, 7] == [report.run for report in said]
    with OutputFolder.open(out, create=True) as folder:
        for report, shard in zip(said[2:4], (FIRST, SECOND), strict=True):
            manifest = read_manifest(folder, shard)
            assert manifest is not None
            assert ShardDone.of(manifest) == ShardDone(**report.numbers)
            assert manifest.num_rows == shard.num_examples
    assert (COMMITTING, SECOND.num_examples) == (worker.row[EXAMPLE], worker.row[IMAGES])
    assert worker.row[HEARTBEAT] >= 4


@pytest.mark.parametrize("with_checksums", [(), (0, 1)])
def test_a_shard_that_is_looked_at_is_told_like_one_that_is_done_where_it_is_whole(
    out: Path, setup: Setup, target: Target, with_checksums: tuple[int, ...]
) -> None:
    worker = Worker()
    tasks = [(shard.start, shard.stop) for shard in (FIRST, SECOND)]
    done = worker.answers(setup, target, *tasks)[2:4]
    with OutputFolder.open(out, create=True) as folder:
        record = record_of(len(TEXTS), "png")
        to_check = Target(8, CheckDestination.of(folder, record, frozenset(with_checksums)))
    before = open_fds()
    said = worker.answers(setup, to_check, *tasks, Release())
    nothing = dict.fromkeys(done[1].numbers, 0)

    assert ["ready", "set up", "done", "done", "released"] == kinds(said)
    assert [{**each.numbers, "file_us": 0} for each in done] == [each.numbers for each in said[2:4]]
    assert (COMMITTING, 0) == (worker.row[EXAMPLE], worker.row[IMAGES])
    picture = sorted((out / "images" / SECOND.name).iterdir())[0]
    picture.write_bytes(picture.read_bytes() + b"1")
    (out / "fragments" / "00000.json").unlink()
    said = worker.answers(setup, to_check, *tasks)
    assert [nothing, {**nothing, "shard": 1}] == [each.numbers for each in said[2:4]]
    assert before == open_fds()


def test_a_shard_is_redone_without_examples_and_after_its_suspect(
    setup: Setup, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker, seen = Worker(), []
    real = Service._render

    def render(service: Service, *arguments: object) -> None:
        seen.append((int(worker.row[EXAMPLE]), int(worker.row[ON_TRIAL])))
        real(service, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Service, "_render", render)
    redo = Task(SECOND, {70: "ended its worker 2 times"}, suspect=71)
    *_, done = worker.answers(setup, target, redo)

    assert [(NO_EXAMPLE, 0)] == seen
    assert (SECOND.num_examples - 1, 1) == (done.numbers["num_images"], done.numbers["num_failed"])


def test_while_a_suspect_is_drawn_the_slots_say_so(
    setup: Setup, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker, seen = Worker(), []

    def render_example(_maker: object, _corpus: object, suspect: int, _watch: object) -> None:
        seen.append((suspect, int(worker.row[ON_TRIAL])))

    monkeypatch.setattr("shmtext.engine.service.render_example", render_example)
    worker.answers(setup, target, Task(SECOND, suspect=71))

    assert [(71, 1)] == seen
    assert 0 == worker.row[ON_TRIAL]


def test_a_folder_that_is_not_the_one_stops_the_run_and_its_tasks_do_nothing(
    out: Path, setup: Setup, target: Target
) -> None:
    place = target.destination
    assert isinstance(place, DatasetDestination)
    gone = replace(place.spec, path=str(out / "elsewhere"))
    other = replace(place.spec, identity=place.spec.identity._replace(inode=1))
    for wrong in (gone, other):
        aim = replace(target, destination=replace(place, spec=wrong))
        said = Worker().answers(setup, aim, (FIRST.start, FIRST.stop), Release())

        assert ["ready", "set up", "stopped", "released"] == kinds(said)
        assert "removed or replaced" in said[2].error


def test_a_font_that_was_changed_makes_it_unfit(setup: Setup, tmp_path: Path) -> None:
    copy = tmp_path / "font.ttf"
    copy.write_bytes(SANS.read_bytes())
    (font,) = setup.settings.fonts
    fonts = (replace(font, path=str(copy)),)
    changed = replace(setup, settings=replace(setup.settings, fonts=fonts))
    assert ["ready", "set up"] == kinds(Worker().answers(changed))
    copy.write_bytes(b"another")
    said = Worker().answers(changed, ends_with=SystemExit)
    copy.unlink()
    missing = Worker().answers(changed, ends_with=SystemExit)

    assert ["ready", "unfit"] == kinds(said) == kinds(missing)
    assert "was changed during the run: put back" in said[1].error
    assert "is gone or damaged" in missing[1].error


@pytest.mark.parametrize(
    ("error", "example", "kind", "ends_with"),
    [
        (RuntimeError("boom"), 71, "failed", SystemExit),
        (RuntimeError("boom"), NO_EXAMPLE, "bug", RuntimeError),
        (RuntimeError("boom"), COMMITTING, "bug", RuntimeError),
        (MemoryError(), 71, "unfit", SystemExit),
    ],
)
def test_who_is_to_blame_for_what_is_raised_depends_on_what_it_was_about(
    setup: Setup,
    target: Target,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    example: int,
    kind: str,
    ends_with: type[BaseException],
) -> None:
    worker = Worker()

    def render_shard(*_arguments: object) -> None:
        worker.row[EXAMPLE] = example
        raise error

    monkeypatch.setattr("shmtext.engine.service.render_shard", render_shard)
    *_, last = worker.answers(setup, target, (FIRST.start, FIRST.stop), ends_with=ends_with)

    assert kind == last.kind
    assert ("a worker got no memory" if kind == "unfit" else "RuntimeError: boom") in last.error


@pytest.mark.parametrize(
    ("message", "ends_with", "said"),
    [((1, 17), ValueError, "1 to 17 is no shard"), ("hello", TypeError, "no message like 'hello'")],
)
def test_what_makes_no_sense_is_a_bug(
    setup: Setup, target: Target, message: object, ends_with: type[BaseException], said: str
) -> None:
    *_, last = Worker().answers(setup, target, message, ends_with=ends_with)

    assert "bug" == last.kind
    assert said in last.error
