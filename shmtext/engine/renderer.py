"""The public front of the engine: ``Renderer``, for several runs of one config, and ``render``.

Whose it is, whose turn it is and how it ends is decided here; what it holds is ``held.py``'s, what
a run is ``run.py``'s.
"""

from __future__ import annotations

import os
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self, get_args

from shmtext.config import (
    MAX_WORKERS,
    Engine,
    RayCluster,
    Resume,
    RunConfig,
    check_choice,
    count,
)
from shmtext.dataset.places import run_place
from shmtext.engine.deaths import Limits
from shmtext.engine.held import Holding, Means
from shmtext.engine.machine import default_num_workers
from shmtext.engine.progress import Observer, Silent
from shmtext.engine.ray_node import Node
from shmtext.engine.ray_nodes import Cluster
from shmtext.engine.run import (
    PartSummary,
    RunOrder,
    RunSummary,
    render_into,
    render_part_into,
)
from shmtext.errors import ConfigError, RendererError, ShmtextError
from shmtext.parts import Part

if TYPE_CHECKING:
    from shmtext.engine.dry_run import DryRun

NO_THREAD = 0
"""No thread has this identifier (Python's ``threading.get_ident``)."""


class Renderer:
    """Renders a config into folders. A context manager: workers and corpus stay until its end.

    ``workers`` None means what cores, CPU quota and memory allow. ``engine`` ``auto`` renders
    small runs in this process, unless they were cut short before. ``observer`` is told of progress
    and of anything unusual. With ``cluster`` its nodes render, each with as many workers as it
    lends CPUs, at most ``workers``.
    """

    def __init__(
        self,
        config: RunConfig,
        workers: int | None = None,
        engine: Engine = "auto",
        *,
        observer: Observer | None = None,
        limits: Limits | None = None,
        cluster: RayCluster | None = None,
    ) -> None:
        if not isinstance(config, RunConfig):
            raise ConfigError(f"config must be a RunConfig, got {config!r}")
        check_choice("engine", engine, get_args(Engine))
        self.config = config
        if cluster is not None and engine in ("threads", "serial"):
            raise ConfigError(
                f"engine {engine!r} is of one machine: leave it out for a Ray cluster"
            )
        if workers is None:
            # Nodes lend what they have.
            workers = MAX_WORKERS if cluster is not None else default_num_workers()
        self.num_workers = count("workers", workers, MAX_WORKERS)
        nodes = None if cluster is None else Cluster(cluster.address, Node)
        means = Means(config, engine, self.num_workers, limits, observer or Silent(), nodes)
        self._holding = Holding(means)
        self._turns = _Turns()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the workers and let go of the corpus, after the run under way in another thread."""
        if self._turns.are_of_a_parent:
            self._holding.let_go()  # of the copies that a forked child has
            return
        with self._turns.take():
            self._holding.let_go()

    def render(
        self, out: str | os.PathLike[str], max_images: int | None = None, resume: Resume = "auto"
    ) -> RunSummary:
        """Render into the folder ``out``, or finish what an interrupted run left there.

        ``max_images`` takes the first so many of what the config comes to. ``resume`` ``never``
        refuses a folder that holds a run, ``must`` one that holds none. Raises ``ShmtextError``.
        """
        order = _order(out, max_images, resume)
        with self._turn():
            return render_into(order, self._holding)

    def render_part(
        self,
        out: str | os.PathLike[str],
        part: str,
        max_images: int | None = None,
        resume: Resume = "auto",
    ) -> PartSummary:
        """Render every n-th shard from the i-th on into the folder ``out``, where ``part`` is i/n.

        Parts of one n may be rendered at the same time, by any machine that has the folder; n may
        be another in the next attempt. ``join`` makes the label table when all shards are there,
        and so does ``render``, which renders what is missing. The rest is as for ``render``.
        """
        order = _order(out, max_images, resume, Part.parse(part))
        with self._turn():
            return render_part_into(order, self._holding)

    def dry_run(
        self,
        out: str | os.PathLike[str],
        part: str | None = None,
        max_images: int | None = None,
        resume: Resume = "auto",
    ) -> DryRun:
        """Find out what ``render``, or ``render_part`` where there is a ``part``, would come to in
        the folder ``out``: by a trial of a second or two. Nothing is made there.

        Raises what these would before they draw anything; not that the folder is in use.
        """
        from shmtext.engine.dry_run import dry_run  # noqa: PLC0415 - a start of others goes without

        order = _order(out, max_images, resume, None if part is None else Part.parse(part))
        with self._turn():
            return dry_run(order, self._holding.means)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Lend what is held to one run, when it is this thread's turn."""
        self._refuse_workers_of_a_parent()
        with self._turns.take():
            workers = self._holding.workers
            if workers is not None and workers.is_closed:
                raise RendererError("this Renderer was closed, as Python ends: render before that")
            callers_own = sys.exception()
            try:
                yield
            except ShmtextError as error:
                _let_go_of_locals(error, callers_own)
                raise
            finally:
                self._holding.let_go_of_spilled()

    def _refuse_workers_of_a_parent(self) -> None:
        """In a forked child: make this renderer the child's own, if it has no workers."""
        if not self._turns.are_of_a_parent:
            return
        if self._holding.workers is not None:
            raise RendererError(
                f"the workers of this Renderer belong to process {self._turns.owner_pid}, of which "
                "this one is a fork: make a Renderer here"
            )
        # A forked child's copy of the lock may have been held, by a thread that is not there.
        self._turns = _Turns()
        self._holding.belong_here()


class _Turns:
    """Which process a renderer is of, and which of its threads may render."""

    def __init__(self) -> None:
        self.owner_pid = os.getpid()
        self._lock = threading.Lock()
        self._thread_id = NO_THREAD

    @property
    def are_of_a_parent(self) -> bool:
        """Whether this process was forked from the one they are of."""
        return self.owner_pid != os.getpid()

    @contextmanager
    def take(self) -> Iterator[None]:
        """Wait until no other thread has its turn; ``RendererError`` where that can't help."""
        if self._thread_id == threading.get_ident():
            raise RendererError(
                "this Renderer is rendering, and was called by its own observer: call it when "
                "the run has ended"
            )
        with self._lock:
            self._thread_id = threading.get_ident()
            try:
                yield
            finally:
                self._thread_id = NO_THREAD


def _let_go_of_locals(error: BaseException, callers_own: BaseException | None) -> None:
    """Let go of what was held by the functions that an error, and what led to it, went through.

    An error that a generator-based context manager made of another is in a cycle with its callers'
    frames from Python 3.12 on: the corpus that they hold would stay in memory until Python looks
    for cycles. What the caller is handling meanwhile is left alone.
    """
    led_to: BaseException | None = error
    while led_to is not None and led_to is not callers_own:
        traceback.clear_frames(led_to.__traceback__)
        led_to = led_to.__cause__ or led_to.__context__


def _order(
    out: str | os.PathLike[str], max_images: int | None, resume: Resume, part: Part | None = None
) -> RunOrder:
    check_choice("resume", resume, get_args(Resume))
    if max_images is not None:
        max_images = count("max_images", max_images)
    return RunOrder(run_place(out), max_images, resume, part)


def render(
    config: RunConfig,
    out: str | os.PathLike[str],
    workers: int | None = None,
    engine: Engine = "auto",
    *,
    resume: Resume = "auto",
    observer: Observer | None = None,
) -> RunSummary:
    """Render ``config`` into the folder ``out``, or finish what an interrupted run left there.

    The same as ``Renderer(config, workers, engine).render(out)``, for a single run.
    """
    with Renderer(config, workers, engine, observer=observer) as renderer:
        return renderer.render(out, resume=resume)


def render_part(
    config: RunConfig,
    out: str | os.PathLike[str],
    part: str,
    workers: int | None = None,
    engine: Engine = "auto",
    *,
    observer: Observer | None = None,
) -> PartSummary:
    """Render a part of ``config``, such as ``0/16``, into the folder ``out``; see ``Renderer``.

    The same as ``Renderer(config, workers, engine).render_part(out, part)``, for a single part.
    """
    with Renderer(config, workers, engine, observer=observer) as renderer:
        return renderer.render_part(out, part)
