"""The systems that ``corpus-size`` compares: ways to render some images of a large text.

A system has its texts made before the clock starts, and then renders images as a user's program
would from its start: pools are opened within the time. What a task's pickle holds is measured on
the very call that is submitted. Another system is a function here and a line in ``SYSTEMS``.

All pools of processes are forked, which is how the seed's program ran on Linux, but for
``initializer-spawn``: spawned workers are given the corpus as a pickle, forked ones inherit it.
"""

from __future__ import annotations

import multiprocessing
import pickle
import random
import string
import tempfile
from array import array
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any
from unittest.mock import patch

from bench.measure import cost_of, memory_peak
from bench.places import ONE_FONT, scratch
from bench.seed_program import Look, TextGenerator, TextPlan, save_picture


@dataclass(frozen=True, slots=True)
class Job:
    """What a system is asked for."""

    character_frequency: int
    num_workers: int
    home: Path
    """A folder in memory."""

    def fresh_folder(self) -> Path:
        """Make an empty folder for pictures."""
        return Path(tempfile.mkdtemp(dir=self.home))


@dataclass(frozen=True, slots=True)
class Ready:
    """A system whose texts are made."""

    render: Callable[[int], object]
    """Renders so many images into a fresh folder."""
    task_bytes: int
    """Pickled for each task that is submitted."""
    worker_bytes: int = 0
    """Pickled for each worker, once, when it starts."""


@dataclass(frozen=True, slots=True)
class System:
    """A way to render, and what to know of it."""

    open: Callable[[Job], Any]
    """A context manager that makes the texts and lends a ``Ready``."""
    note: str


def _look() -> Look:
    return Look(fonts=(str(ONE_FONT),))


def _forked(num_workers: int, **more: Any) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(num_workers, mp_context=multiprocessing.get_context("fork"), **more)


@contextmanager
def _seed_program(job: Job, executor: Callable[[int], Executor]) -> Iterator[Ready]:
    generator = TextGenerator(TextPlan(job.character_frequency), _look(), job.home, executor)
    generator.make_text()

    def render(num_images: int) -> int:
        generator.output_dir = job.fresh_folder()
        generator.labels.clear()
        return generator.generate(num_images, job.num_workers)

    num_bytes = 0
    if executor is not ThreadPoolExecutor:
        num_bytes = len(pickle.dumps((generator.render, (generator.examples[-1], 0))))
    yield Ready(render, num_bytes)


def _seed_texts(job: Job) -> list[str]:
    plan = TextPlan(job.character_frequency)
    generator = TextGenerator(plan, _look(), job.home, ThreadPoolExecutor)
    generator.make_text()
    return generator.examples


def _draw_and_save(text: str, number: int, out: Path) -> tuple[str, str] | None:
    return save_picture(text, number, _look(), out)


def _all(pool: Executor, tasks: Iterable[tuple[Any, ...]]) -> None:
    """Submit every task, function first, and wait for all."""
    with pool:
        for future in [pool.submit(*task) for task in tasks]:
            future.result()


# -- text made in the worker ------------------------------------------------------------------


def _make_and_draw(out: Path, number: int) -> object:
    size = random.randint(5, 20)
    characters = string.ascii_letters + string.digits + "  "
    return _draw_and_save("".join(random.choices(characters, k=size)), number, out)


@contextmanager
def _generate_in_worker(job: Job) -> Iterator[Ready]:
    def render(num_images: int) -> None:
        out = job.fresh_folder()
        _all(_forked(job.num_workers), ((_make_and_draw, out, i) for i in range(num_images)))

    yield Ready(render, len(pickle.dumps((_make_and_draw, (job.home, 0)))))


# -- texts in a file, positions sent ----------------------------------------------------------


def _read_and_draw(path: Path, position: tuple[int, int], number: int, out: Path) -> object:
    with path.open("rb") as file:
        file.seek(position[0])
        text = file.read(position[1] - position[0]).decode()
    return _draw_and_save(text, number, out)


@contextmanager
def _files(job: Job) -> Iterator[Ready]:
    texts = _seed_texts(job)
    path = job.home / "texts.txt"
    seams = array("q", [0])
    with path.open("wb") as file:
        for text in texts:
            seams.append(seams[-1] + file.write(f"{text}\n".encode()))
    del texts

    def render(num_images: int) -> None:
        out = job.fresh_folder()
        positions = ((seams[i], seams[i + 1]) for i in range(num_images))
        tasks = ((_read_and_draw, path, each, i, out) for i, each in enumerate(positions))
        _all(_forked(job.num_workers), tasks)

    task = (_read_and_draw, (path, (seams[-2], seams[-1]), 0, job.home))
    yield Ready(render, len(pickle.dumps(task)))
    path.unlink()


# -- the corpus handed to each worker at the pool's start --------------------------------------

_corpus: list[str] = []
"""A worker's copy."""


def _keep(texts: list[str]) -> None:
    global _corpus
    _corpus = texts


def _index_and_draw(out: Path, number: int) -> object:
    return _draw_and_save(_corpus[number], number, out)


@contextmanager
def _initializer(job: Job, method: str) -> Iterator[Ready]:
    texts = _seed_texts(job)
    context = multiprocessing.get_context(method)

    def render(num_images: int) -> None:
        out = job.fresh_folder()
        pool = ProcessPoolExecutor(
            job.num_workers, mp_context=context, initializer=_keep, initargs=(texts,)
        )
        _all(pool, ((_index_and_draw, out, number) for number in range(num_images)))

    worker_bytes = len(pickle.dumps((_keep, (texts,)))) if method == "spawn" else 0
    yield Ready(render, len(pickle.dumps((_index_and_draw, (job.home, 0)))), worker_bytes)


# -- shmtext -----------------------------------------------------------------------------------


@contextmanager
def _shmtext(job: Job, *, warm: bool) -> Iterator[Ready]:
    # Imported here: the others' memory is looked at without these.
    from shmtext.config import BalancedText, RunConfig, Style  # noqa: PLC0415
    from shmtext.corpus.reading import corpus_chunks  # noqa: PLC0415
    from shmtext.engine import texts  # noqa: PLC0415
    from shmtext.engine.renderer import Renderer  # noqa: PLC0415

    config = RunConfig(
        corpus=BalancedText(character_frequency=job.character_frequency),
        style=Style(fonts=(ONE_FONT,)),
    )
    # The texts are made before the clock starts, as they are for the others; that they are laid
    # into shared memory, and workers started, is part of a cold run.
    chunks = list(corpus_chunks(config.corpus, config.seed, None))
    task_bytes = len(ForkingPickler.dumps((0, 64)))

    def render(renderer: Renderer, num_images: int) -> None:
        renderer.render(job.fresh_folder(), max_images=num_images)

    def start() -> Renderer:
        return Renderer(config, job.num_workers, engine="processes")

    def cold(num_images: int) -> None:
        with start() as renderer:
            render(renderer, num_images)

    with patch.object(texts, "corpus_chunks", lambda *_: iter(chunks)):
        if not warm:
            yield Ready(cold, task_bytes)
        else:
            with start() as renderer:
                render(renderer, 300)  # both workers have drawn every glyph
                yield Ready(partial(render, renderer), task_bytes)


SYSTEMS = {
    "threads": System(
        partial(_seed_program, executor=ThreadPoolExecutor), "the question's program"
    ),
    "processes": System(
        partial(_seed_program, executor=_forked), "the same, each task pickles every text"
    ),
    "generate-in-worker": System(
        _generate_in_worker, "each task makes its own text: no corpus, and no balance"
    ),
    "files": System(_files, "texts in a file, workers are sent positions"),
    "initializer": System(partial(_initializer, method="fork"), "forked workers inherit the texts"),
    "initializer-spawn": System(
        partial(_initializer, method="spawn"), "spawned workers are sent the texts, once each"
    ),
    "shmtext cold": System(partial(_shmtext, warm=False), "start of workers within the time"),
    "shmtext warm": System(partial(_shmtext, warm=True), "workers there already"),
}


def _num_pictures(home: Path) -> int:
    return sum(1 for _ in home.rglob("*.jpg"))


def trial(
    system: str, frequency: int, images: list[int], num_memory_images: int, num_workers: int
) -> dict[str, Any]:
    """Time one system with each number of images, then look at its memory.

    Runs in a process of its own: the text is made once, pools and files each time.
    """
    timed = []
    with scratch() as home:
        job = Job(frequency, num_workers, home)
        with SYSTEMS[system].open(job) as ready:
            for num_images in images:
                before = _num_pictures(home)
                cost = cost_of(partial(ready.render, num_images))
                num_rendered = _num_pictures(home) - before
                timed.append(
                    {"wall_s": cost.wall_s, "cpu_s": cost.cpu_s, "num_images": num_rendered}
                )
            with memory_peak(interval_s=0.005) as peak:
                ready.render(num_memory_images)
        return {
            "timed": timed,
            "task_bytes": ready.task_bytes,
            "worker_bytes": ready.worker_bytes,
            "peak_pss_bytes": peak.pss_bytes,
        }
