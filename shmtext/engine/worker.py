"""What a worker process does: attach once, then for each pair of numbers a shard, until its end.

From the main process come Python objects (``Place`` and ``Setup``, for each run a ``Target``, then
tasks of two integers). Back go lines of JSON, each written at once, so that a worker stopped at any
moment never leaves half a message for the main process to wait on. What is said of a run bears its
number: a worker may be late, and the main process at the next run already.

This module is imported by a bare interpreter; what takes long to import, or may fail to, is
imported where that can be reported.
"""

from __future__ import annotations

import hashlib
import json
import os
import select
import threading
from contextlib import suppress
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shmtext.errors import FolderError, FontError, ShmtextError, StorageError, WorkersError

if TYPE_CHECKING:
    from shmtext.corpus.shared import CorpusSpec, SegmentSpec
    from shmtext.dataset.folder import FolderIdentity
    from shmtext.draw.pictures import PictureMaker
    from shmtext.draw.settings import RenderSettings

MAX_MESSAGE_BYTES = 4_000
"""Below 4,096: Linux writes so much to a pipe whole or not at all."""

NO_MEMORY = "a worker got no memory: free some, raise its limit (ulimit -v), or use fewer workers"
FONTS_ADVICE = "put back what was there, or start anew in another folder"

ORPHANED = 3
"""Exit code of a worker whose main process died."""


@dataclass(frozen=True, slots=True)
class Place:
    """A worker's own row among the slots; the first thing it is sent."""

    slots: SegmentSpec
    worker: int
    num_workers: int


@dataclass(frozen=True, slots=True, eq=False)
class Setup:
    """What stays for a worker's life."""

    settings: RenderSettings
    corpus: CorpusSpec


@dataclass(frozen=True, slots=True)
class Target:
    """Where the tasks that follow go."""

    run: int
    """Number of the run among those of its renderer."""
    path: str
    identity: FolderIdentity
    num_examples: int
    container: str
    extension: str
    """Of the pictures' names."""
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Release:
    """Nothing more is written to the target: others may take its folder. Is answered."""


@dataclass(frozen=True, slots=True)
class Redo:
    """A task whose shard has killed workers."""

    start: int
    stop: int
    excluded: dict[int, str]
    """Examples not to draw this time, and why."""
    suspect: int | None
    """An example to draw once before the shard, alone: does it end its worker?"""


def serve(pipe: Connection) -> None:
    """Serve until the pipe closes. Runs in the worker; its only way to speak is the pipe."""
    try:
        _watch_main(pipe)
        adapt_libraries()
        server = _Server(pipe, pipe.recv())
    except (EOFError, ConnectionError):
        os._exit(0)  # the main process is done before this one was ready
    except Exception as error:
        # The process boundary: imports fail in many ways, each of them must be told.
        kind = "" if isinstance(error, ShmtextError) else f"{type(error).__name__}: "
        _send(pipe, kind="start-up", error=f"{kind}{error}")
        raise SystemExit(1) from None
    _send(pipe, kind="ready")
    try:
        while True:
            server.serve(pipe.recv())
    except (EOFError, ConnectionError):
        # The main process is done. Views of the corpus are alive: leave without closing it.
        os._exit(0)
    except (ShmtextError, MemoryError) as error:
        _send(pipe, kind="unfit", error=str(error) or NO_MEMORY)
        raise SystemExit(1) from None
    except Exception as error:
        # The process boundary again: a bug's traceback is for stderr, one line for the pipe.
        line = f"{type(error).__name__}: {error}"
        if server.is_drawing:
            # An example's doing, as far as can be told: it is treated as a crash would be.
            _send(pipe, kind="failed", error=line)
            raise SystemExit(1) from None
        _send(pipe, kind="bug", error=line)
        raise


class _Server:
    """A worker's state between messages."""

    def __init__(self, pipe: Connection, place: Place) -> None:
        # Imported here: see the module's first lines.
        from shmtext.corpus.shared import attach_corpus, attach_slots  # noqa: PLC0415
        from shmtext.draw.pictures import PictureMaker  # noqa: PLC0415
        from shmtext.engine import progress, shards  # noqa: PLC0415

        self._attach_corpus = attach_corpus
        self._make_maker = PictureMaker
        self._shard_done = progress.ShardDone.of
        self._shards = shards
        self._example_slot = progress.EXAMPLE
        self._pipe = pipe
        self._worker = place.worker
        self._row = progress.rows(attach_slots(place.slots), place.num_workers)[place.worker]
        self._watch = shards.Watch(
            about_to_draw=progress.marker(self._row), batch_done=self._batch_done
        )
        self._maker: PictureMaker
        self._run = 0
        self._target: Any = None

    @property
    def is_drawing(self) -> bool:
        """Whether it was last busy with one certain example."""
        return int(self._row[self._example_slot]) >= 0

    def serve(self, message: object) -> None:
        match message:
            case Setup():
                self._set_up(message)
            case Target():
                self._release()
                self._aim(message)
            case Release():
                self._release()
                self._say(kind="released")
            case Redo():
                if message.suspect is not None:
                    self._try(message.suspect)
                self._render(message.start, message.stop, message.excluded)
            case (int(start), int(stop)):
                self._render(start, stop, {})
            case _:
                raise TypeError(f"a worker knows no message like {message!r}")

    def _set_up(self, setup: Setup) -> None:
        try:
            for font in setup.settings.fonts:
                if hashlib.sha256(Path(font.path).read_bytes()).hexdigest() != font.sha256:
                    raise FontError(f"{font.path} was changed during the run: {FONTS_ADVICE}")
            self._maker = self._make_maker(setup.settings)
        except OSError as error:
            raise FontError(f"a font is gone or damaged ({error}): {FONTS_ADVICE}") from error
        self._corpus = self._attach_corpus(setup.corpus)
        self._say(kind="set up")

    def _aim(self, target: Target) -> None:
        from shmtext.dataset.containers import open_container  # noqa: PLC0415
        from shmtext.dataset.folder import OutputFolder  # noqa: PLC0415
        from shmtext.dataset.plan import Plan  # noqa: PLC0415

        self._run = target.run
        # The main process holds the folder open: a worker that does not find it is told too late.
        gone = StorageError(
            f"{target.path} was removed or replaced during the run: put it back, or choose "
            "another folder"
        )
        try:
            folder = OutputFolder.open(Path(target.path), create=False)
        except FolderError:
            self._report_stopped(gone)
            return
        try:
            if folder.identity != target.identity:
                raise gone
            folder.share_worker_lock()
        except ShmtextError as error:
            self._report_stopped(error)
            return
        self._target = self._shards.RunTarget(
            folder=folder,
            plan=Plan(target.num_examples),
            container=open_container(target.container, target.num_examples, target.extension),
            fingerprint=target.fingerprint,
            worker=self._worker,
        )

    def _release(self) -> None:
        if self._target is not None:
            self._target.folder.close()
            self._target = None

    def _render(self, start: int, stop: int, excluded: dict[int, str]) -> None:
        if self._target is None:
            return  # this task was on its way when the folder was found to be out of reach
        plan = self._target.plan
        shard = plan.shard(start // plan.examples_per_shard)
        if (shard.start, shard.stop) != (start, stop):
            raise ValueError(f"{start} to {stop} is no shard of this run")
        self._batch_done(0)
        try:
            manifest = self._shards.render_shard(
                self._maker, self._corpus, self._target, shard, excluded, self._watch
            )
        except ShmtextError as error:
            self._report_stopped(error)
        else:
            self._say(kind="done", **asdict(self._shard_done(manifest)))

    def _try(self, suspect: int) -> None:
        from shmtext.engine.progress import NO_EXAMPLE, ON_TRIAL  # noqa: PLC0415

        self._row[ON_TRIAL] = 1
        self._shards.draw_alone(self._maker, self._corpus, suspect, self._watch)
        self._watch.about_to_draw(NO_EXAMPLE)
        self._row[ON_TRIAL] = 0

    def _batch_done(self, num_images: int) -> None:
        from shmtext.engine.progress import HEARTBEAT, IMAGES  # noqa: PLC0415

        self._row[HEARTBEAT] += 1
        self._row[IMAGES] = num_images

    def _report_stopped(self, error: ShmtextError) -> None:
        self._say(kind="stopped", error=str(error))

    def _say(self, **message: object) -> None:
        _send(self._pipe, run=self._run, **message)


def _send(pipe: Connection, **message: object) -> None:
    if isinstance(message.get("error"), str):
        message["error"] = str(message["error"])[:1_000]
    line = json.dumps(message).encode() + b"\n"
    if len(line) > MAX_MESSAGE_BYTES:
        line = json.dumps({**message, "error": "(too long)"}).encode() + b"\n"
    with suppress(ConnectionError):  # nobody is left to be told: the pipe's end is read next
        os.write(pipe.fileno(), line)


def _watch_main(pipe: Connection) -> None:
    """From now on end this process, whatever it is about, as soon as the main process has died."""
    poll = select.poll()
    poll.register(pipe.fileno(), select.POLLRDHUP)

    def end_with_main() -> None:
        poll.poll()
        os._exit(ORPHANED)

    try:
        threading.Thread(target=end_with_main, daemon=True).start()
    except RuntimeError as error:  # what threading makes of EAGAIN
        raise WorkersError.cannot_start("a thread", error) from error


def adapt_libraries() -> None:
    """Turn off the libraries' own pools of threads, and keep the memory that batches free.

    Workers are the parallelism; pools within them would only compete.
    """
    import cv2  # noqa: PLC0415
    import pyarrow as pa  # noqa: PLC0415

    from shmtext.engine.machine import keep_freed_memory  # noqa: PLC0415

    keep_freed_memory()

    cv2.setNumThreads(0)
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
