"""What a worker does: set up once, aim at a run's folder, then shard after shard, until its end.
Shards are drawn, or, where the destination is ``to_check.py``'s, looked at.

Every answer is a ``Message``. A shard that can't be committed is one, and the worker waits for what
comes next; after an example that raised, or a failure that no other worker would be spared, the
worker ends. How it started is ``worker.py``'s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace

from shmtext.corpus.ragged import RaggedTexts
from shmtext.corpus.shared import attach_corpus, attach_slots
from shmtext.draw.pictures import PictureMaker
from shmtext.engine.backgrounds import attach_photos
from shmtext.engine.example import render_example
from shmtext.engine.libraries import adapt_libraries
from shmtext.engine.messages import Message, MessageKind, Place, Release, Setup, Target
from shmtext.engine.progress import (
    EXAMPLE,
    HEARTBEAT,
    IMAGES,
    NO_EXAMPLE,
    ON_TRIAL,
    Slots,
    marker,
    rows,
)
from shmtext.engine.shards import COMMITTING, Sink, Watch, maker_of, render_shard
from shmtext.engine.task import Task
from shmtext.engine.to_check import CheckSink
from shmtext.errors import ShmtextError

NO_MEMORY = "a worker got no memory: free some, raise its limit (ulimit -v), or use fewer workers"


def start_service(fd: int, place: Place) -> Service:
    """Make this process fit for service. Messages are written to the descriptor ``fd``."""
    adapt_libraries()
    row = rows(attach_slots(place.slots), place.num_workers)[place.worker]
    return Service(fd, place.worker, row)


class Service:
    """A worker's state between messages, from the first, a ``Setup``, on."""

    def __init__(self, fd: int, worker: int, row: Slots) -> None:
        self._fd = fd
        self._worker = worker
        self._row = row
        self._watch = Watch(about_to_draw=marker(row), batch_done=self._batch_done)
        self._maker: PictureMaker
        self._corpus: RaggedTexts
        self._run = 0
        self._sink: Sink | CheckSink | None = None
        """Of the run under way; None between runs, and in one whose destination is out of reach."""

    def run(self, receive: Callable[[], object]) -> None:
        """Answer messages, until ``receive`` raises ``EOFError`` or ``ConnectionError``."""
        self._say("ready")
        try:
            while True:
                self._answer(receive())
        except (EOFError, ConnectionError):
            raise
        except (ShmtextError, MemoryError) as error:
            self._say("unfit", str(error) or NO_MEMORY)
            raise SystemExit(1) from None
        except Exception as error:
            # The process boundary: a bug's traceback is for stderr, one line for the pipe.
            line = f"{type(error).__name__}: {error}"
            if self._row[EXAMPLE] >= 0:
                # An example's doing, as far as can be told: it is treated as a crash would be.
                self._say("failed", line)
                raise SystemExit(1) from None
            self._say("bug", line)
            raise

    def _answer(self, message: object) -> None:
        match message:
            case Setup():
                self._set_up(message)
            case Target():
                self._release()
                self._aim(message)
            case Release():
                self._release()
                self._say("released")
            case Task():
                self._render(message)
            case (int(start), int(stop)):
                if self._sink is not None:
                    self._render(Task(self._sink.shard(start, stop)))
            case _:
                raise TypeError(f"a worker knows no message like {message!r}")

    def _set_up(self, setup: Setup) -> None:
        photos = None if setup.photos is None else attach_photos(setup.photos)
        self._maker = maker_of(replace(setup.settings, photos=photos))
        self._corpus = attach_corpus(setup.corpus)
        self._say("set up")

    def _aim(self, target: Target) -> None:
        self._run = target.run
        try:
            self._sink = target.destination.sink(self._maker.settings, self._worker)
        except ShmtextError as error:
            self._say("stopped", str(error))

    def _release(self) -> None:
        if self._sink is not None:
            self._sink.close()
            self._sink = None

    def _render(self, task: Task) -> None:
        if self._sink is None:
            return  # this task was on its way when the destination was found to be out of reach
        if task.suspect is not None:
            self._try(task, task.suspect)
        self._batch_done(0)
        try:
            if isinstance(self._sink, CheckSink):
                self._watch.about_to_draw(COMMITTING)
                done = self._sink.check(task.shard)
            else:
                done = render_shard(self._maker, self._corpus, task, self._sink, self._watch)
        except ShmtextError as error:
            self._say("stopped", str(error))
        else:
            self._say("done", numbers=asdict(done))

    def _try(self, task: Task, suspect: int) -> None:
        """Draw one example of a task alone: does it end this worker?"""
        assert self._sink is not None
        assert not isinstance(self._sink, CheckSink)  # no example is to blame in a check
        self._row[ON_TRIAL] = 1
        # Which it is is known of the whole task alone: a stream's positions have gaps.
        of_all = self._maker.examples_of(self._corpus)
        examples, numbers = self._sink.order.examples(of_all, task.shard)
        at = suspect - task.shard.start
        texts = self._maker.prepare_examples(of_all, examples[at : at + 1], numbers[at : at + 1])
        texts = self._maker.wrapped(texts, lambda _: self._watch.about_to_draw(suspect))
        render_example(self._maker, texts, suspect, self._watch)
        self._watch.about_to_draw(NO_EXAMPLE)
        self._row[ON_TRIAL] = 0

    def _batch_done(self, num_images: int) -> None:
        self._row[HEARTBEAT] += 1
        self._row[IMAGES] = num_images

    def _say(
        self, kind: MessageKind, error: str = "", numbers: Mapping[str, int] | None = None
    ) -> None:
        Message(kind, self._run, error, numbers or {}).write(self._fd)
