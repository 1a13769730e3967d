"""The conductor: corpus, plan, engine, merge.

A ``Renderer`` holds what serves several runs: the encoded corpus, the fonts, the workers. Which
folder, how many images and whether to resume belong to each run. What a run is stands in
``identity.py``, what of it is there already in ``resume.py``.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from multiprocessing.util import Finalize
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, assert_never, get_args

from shmtext import config as settings
from shmtext.config import MAX_WORKERS, BalancedText, Engine, Resume, RunConfig, TextFile
from shmtext.corpus.ragged import RaggedTexts, TextChunk, gather_chunks, take_texts
from shmtext.corpus.shared import SharedCorpus, sweep_orphans
from shmtext.corpus.sources import corpus_chunks
from shmtext.dataset.folder import STAGE, OutputFolder, folder_path
from shmtext.dataset.manifest import (
    Manifest,
    committed_shards,
)
from shmtext.dataset.merge import CSV, SUCCESS, merge_labels, read_success, remove_success
from shmtext.dataset.plan import Plan, Shard, shard_size
from shmtext.dataset.record import (
    RunRecord,
    refuse_difference,
    write_record,
)
from shmtext.draw.faces import bundled_fonts, choose_fonts, trust
from shmtext.draw.settings import RenderSettings
from shmtext.engine.identity import corpus_digest, identity_of, spelled_out
from shmtext.engine.inprocess import InProcess
from shmtext.engine.machine import default_num_workers
from shmtext.engine.probe import try_out
from shmtext.engine.progress import Observer, ShardDone, Silent, Tally
from shmtext.engine.resume import OpenRun, existing_record, whole_shards
from shmtext.engine.shards import RunTarget
from shmtext.engine.stop import StopRequest, stop_on_signals
from shmtext.engine.supervisor import Limits, Workers
from shmtext.engine.worker import Setup, Target
from shmtext.errors import ConfigError, InputError, RendererError, StorageError

IN_PROCESS_EXAMPLES = 5_000
"""A run of fewer examples is done, in-process, before workers have imported their libraries."""

BYTES_PER_EXAMPLE = 20
"""Guess for a text file whose lines have not been counted yet."""

MOST_BYTES_PER_EXAMPLE = 200
"""Likewise, on the safe side: a worker too many costs seconds of CPU."""

BLOCK_BYTES = 4_096
"""What the smallest file takes on most file systems."""

LABEL_BYTES = 200
"""Of a picture's row in fragment, label table and CSV; an estimate on the safe side."""


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What a run came to."""

    folder: Path
    num_images: int
    """In the label table."""
    num_skipped: int
    """Examples that can't be drawn: rows of ``skipped.parquet``."""
    num_failed: int
    """Examples whose drawing went wrong: rows of ``skipped.parquet``, too."""
    num_rendered: int
    """Images rendered by this call; the others were there."""
    image_bytes: int
    elapsed_s: float
    digest: str
    """Over every picture and label row; equal runs have equal digests."""

    @property
    def images_per_s(self) -> float:
        """Of this call."""
        return self.num_rendered / self.elapsed_s if self.elapsed_s > 0 else 0.0


class Renderer:
    """Renders a config into folders. A context manager: workers and corpus stay until its end.

    ``workers`` None means what cores, CPU quota and memory allow. ``engine`` ``auto`` renders
    small runs in this process, unless they were cut short before. ``observer`` is told of progress
    and of anything unusual.
    """

    def __init__(
        self,
        config: RunConfig,
        workers: int | None = None,
        engine: Engine = "auto",
        *,
        observer: Observer | None = None,
        limits: Limits | None = None,
    ) -> None:
        if not isinstance(config, RunConfig):
            raise ConfigError(f"config must be a RunConfig, got {config!r}")
        settings.check_choice("engine", engine, get_args(Engine))
        self.config = config
        self.num_workers = (
            default_num_workers()
            if workers is None
            else settings.count("workers", workers, MAX_WORKERS)
        )
        self._engine = engine
        self._observer = observer or Silent()
        self._limits = limits
        self._resources = ExitStack()
        self._belong_here()
        self._run_numbers = count(1)
        self._settings: RenderSettings | None = None
        self._texts: RaggedTexts | None = None
        self._processes: Workers | None = None
        self._in_process: InProcess | None = None
        self._is_spilled = False
        self._corpus_digests: dict[int, str] = {}
        """By the number of texts that a run takes."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the workers and let go of the corpus, after the run under way in another thread."""
        if self._owner_pid != os.getpid():
            self._let_go()  # of the copies that a forked child has
            return
        with self._my_turn():
            self._let_go()

    def _let_go(self) -> None:
        self._is_spilled = False
        self._texts = self._in_process = self._processes = None
        self._resources.close()

    def _belong_here(self) -> None:
        """Belong to this process, and leave nothing behind it: not even without ``close``."""
        self._owner_pid = os.getpid()
        # A forked child's copy may have been held, by a thread that is not there.
        self._turn = threading.Lock()
        self._thread_id: int | None = None
        """Of the thread whose turn it is."""
        # Of multiprocessing, whose own children run no other finalizers as they end.
        Finalize(self, self._resources.close, exitpriority=0)

    @contextmanager
    def _my_turn(self) -> Iterator[None]:
        """Wait until no other thread renders. Raises ``RendererError`` where that can't help."""
        if self._owner_pid != os.getpid():
            if self._processes is not None:
                raise RendererError(
                    f"the workers of this Renderer belong to process {self._owner_pid}, of which "
                    "this one is a fork: make a Renderer here"
                )
            self._belong_here()
        if self._thread_id == threading.get_ident():
            raise RendererError(
                "this Renderer is rendering, and was called by its own observer: call it when "
                "the run has ended"
            )
        with self._turn:
            self._thread_id = threading.get_ident()
            try:
                yield
            finally:
                self._thread_id = None

    def render(
        self, out: str | os.PathLike[str], max_images: int | None = None, resume: Resume = "auto"
    ) -> RunSummary:
        """Render into the folder ``out``, or finish what an interrupted run left there.

        ``max_images`` takes the first so many of what the config comes to. ``resume`` ``never``
        refuses a folder that holds a run, ``must`` one that holds none. Raises ``ShmtextError``.
        """
        settings.check_choice("resume", resume, get_args(Resume))
        if max_images is not None:
            max_images = settings.count("max_images", max_images)
        with self._my_turn():
            if self._processes is not None and self._processes.is_closed:
                raise RendererError("this Renderer was closed, as Python ends: render before that")
            try:
                return self._render_into(folder_path(out), max_images, resume)
            finally:
                if self._is_spilled:
                    # What took shared memory's place lies in the run's stage, and goes with it.
                    self._let_go()

    def _render_into(self, out: Path, max_images: int | None, resume: Resume) -> RunSummary:
        begin_s = time.monotonic()
        with (
            stop_on_signals() as stop,
            OutputFolder.open(out, create=resume != "must") as folder,
        ):
            if self._processes is not None:
                self._processes.settle()
            folder.lock()
            record = existing_record(folder, resume, self._observer)
            folder.remove_tree(STAGE)
            folder.make_folder(STAGE)
            was_cut_short = record is not None and SUCCESS not in folder.list_names()
            texts = self._prepare(Path(os.path.abspath(out)) / STAGE, stop, was_cut_short)
            if max_images is not None:
                texts = texts.slice(0, min(max_images, len(texts)))
            identity = self._identity(texts)
            if record is not None:
                refuse_difference(record, identity, spelled_out(type(self.config)()))
            plan = Plan(len(texts), self.config.output.image_format)
            run = OpenRun(folder, plan, settings.fingerprint(identity), self._observer)
            manifests = whole_shards(run, trusts_manifests=record is not None, stop=stop)
            if record is None:
                size = plan.examples_per_shard
                write_record(folder, RunRecord(identity, run.fingerprint, len(texts), size))
            success = read_success(folder)
            num_rendered = 0
            has_csv = success is not None and CSV in success.files
            is_as_asked = has_csv == self.config.output.csv
            if success is None or not is_as_asked or len(manifests) < run.plan.num_shards:
                remove_success(folder)
                num_rendered = self._render(run, manifests, stop)
                with stop.raising():
                    done, _ = committed_shards(folder, run.plan, run.fingerprint)
                    success = merge_labels(folder, run.plan, done, self.config.output.csv)
            else:
                folder.remove_tree(STAGE)
            return RunSummary(
                folder=out,
                num_images=success.num_images,
                num_skipped=success.num_skipped,
                num_failed=success.num_failed,
                num_rendered=num_rendered,
                image_bytes=success.image_bytes,
                elapsed_s=time.monotonic() - begin_s,
                digest=success.digest,
            )

    def _identity(self, texts: RaggedTexts) -> dict[str, Any]:
        assert self._settings is not None
        if len(texts) not in self._corpus_digests:
            self._corpus_digests[len(texts)] = corpus_digest(texts)
        fonts = {font.name: font.sha256 for font in self._settings.fonts}
        return identity_of(self.config, fonts, self._corpus_digests[len(texts)], len(texts))

    # -- what serves several runs --------------------------------------------------------------

    def _prepare(self, spill_folder: Path, stop: StopRequest, was_cut_short: bool) -> RaggedTexts:
        """Encode the corpus, read the fonts and start the workers, unless that is done already."""
        if self._texts is None:
            try:
                self._texts = self._encode(spill_folder, stop, was_cut_short)
            except BaseException:
                self._let_go()
                raise
        return self._texts

    def _encode(self, spill_folder: Path, stop: StopRequest, was_cut_short: bool) -> RaggedTexts:
        sweep_orphans()
        engine = self._chosen_engine(was_cut_short)
        if engine == "processes":
            # Workers import their libraries while this process makes the corpus.
            self._processes = self._resources.enter_context(
                closing(Workers(self.num_workers, spill_folder, self._limits))
            )
            self._is_spilled = self._processes.note is not None
            self._processes.start(_least_num_shards(self.config))
        self._settings = _render_settings(self.config, self._observer)
        stop.check()
        chunks = _checked(
            corpus_chunks(
                self.config.corpus, self.config.seed, self.config.style.max_chars_per_line
            ),
            stop,
        )
        chunks = take_texts(chunks, self.config.max_images)
        if self._processes is None:
            texts = gather_chunks(chunks)
            num_threads = self.num_workers if engine == "threads" else 1
            self._in_process = InProcess(self._settings, texts, num_threads)
        else:
            corpus = self._resources.enter_context(SharedCorpus.create(chunks, spill_folder))
            texts = corpus.texts
            self._processes.set_up(Setup(self._settings, corpus.spec))
            if corpus.note is not None:
                self._observer.note(corpus.note)
                # The file goes with the run's stage: another run has to make its own.
                self._is_spilled = True
        if len(texts) == 0:
            raise InputError(
                "the corpus comes to no example: raise character_frequency or lower "
                "min_example_size"
            )
        return texts

    def _chosen_engine(self, was_cut_short: bool) -> Literal["processes", "threads", "serial"]:
        """What the engine asked for comes to."""
        match self._engine:
            case "auto":
                # An example that crashes, perhaps: it would end this process again.
                is_large = _estimate_num_examples(self.config) > IN_PROCESS_EXAMPLES
                return "processes" if was_cut_short or is_large else "serial"
            case "processes" | "threads" | "serial":
                return self._engine
            case _:
                assert_never(self._engine)

    # -- one run -------------------------------------------------------------------------------

    def _render(self, run: OpenRun, manifests: Mapping[int, Manifest], stop: StopRequest) -> int:
        """Render the shards that have no manifest; return how many images that were."""
        todo = [shard for shard in run.plan.shards() if shard.index not in manifests]
        tally = Tally(run.plan.num_examples, begin_s=time.monotonic())
        for manifest in manifests.values():
            tally.add(ShardDone.of(manifest))
        tally.num_resumed = tally.num_done
        num_left = sum(shard.num_examples for shard in todo)
        _check_room(run, num_left, bytes_per_image=0)
        num_rendered = 0
        # Closed at once if the observer raises: workers would go on as long as its traceback lives.
        with closing(self._shards_done(run, todo, stop)) as shards_done:
            for done in shards_done:
                if done is not None:
                    if num_rendered == 0 and done.num_images:
                        _check_room(
                            run, num_left - done.num_images, done.image_bytes // done.num_images
                        )
                    tally.add(done)
                    num_rendered += done.num_images
                self._observer.progress(tally.at(time.monotonic(), self._num_under_way))
        stop.check()
        return num_rendered

    def _shards_done(
        self, run: OpenRun, todo: list[Shard], stop: StopRequest
    ) -> Generator[ShardDone | None, None, None]:
        if not todo:
            return
        if self._in_process is not None:
            here = RunTarget(run.folder, run.plan, run.fingerprint, worker=0)
            yield from self._in_process.run(here, todo, stop)
            return
        assert self._processes is not None
        target = Target(
            run=next(self._run_numbers),
            path=os.path.abspath(run.folder.path),
            identity=run.folder.identity,
            num_examples=run.plan.num_examples,
            image_format=run.plan.image_format,
            fingerprint=run.fingerprint,
        )
        yield from self._processes.run(target, todo, run.plan.num_examples, stop)

    @property
    def _num_under_way(self) -> int:
        engine = self._in_process or self._processes
        return engine.num_images_under_way if engine else 0


def render(
    config: RunConfig,
    out: str | os.PathLike[str],
    workers: int | None = None,
    engine: Engine = "auto",
    *,
    resume: Resume = "auto",
) -> RunSummary:
    """Render ``config`` into the folder ``out``, or finish what an interrupted run left there.

    The same as ``Renderer(config, workers, engine).render(out)``, for a single run.
    """
    with Renderer(config, workers, engine) as renderer:
        return renderer.render(out, resume=resume)


def _check_room(run: OpenRun, num_images: int, bytes_per_image: int) -> None:
    """Raise ``StorageError`` if the device can't hold so many more images."""
    free = run.folder.free_space()
    if free.num_inodes < num_images:
        raise StorageError(
            f"{num_images:,} more files do not fit on the device that holds "
            f"{run.folder.path}: it has {free.num_inodes:,} inodes left; free some and run "
            "the same command again; everything committed is kept"
        )
    blocks = -(-bytes_per_image // BLOCK_BYTES) if bytes_per_image else 0
    needed = num_images * (blocks * BLOCK_BYTES + LABEL_BYTES)
    if free.num_bytes < needed:
        raise StorageError(
            f"about {needed / 1e6:,.0f} MB more are needed for {num_images:,} images, "
            f"{free.num_bytes / 1e6:,.0f} MB are free on the device that holds "
            f"{run.folder.path}: free some and run the same command again; everything "
            "committed is kept"
        )


def _render_settings(config: RunConfig, observer: Observer) -> RenderSettings:
    style = config.style
    fonts, left_out = choose_fonts(
        style.fonts or [bundled_fonts()],
        partial(try_out, sizes_px=style.font_sizes) if style.fonts else trust,
        skips_bad=style.skip_bad_fonts,
    )
    if left_out:
        observer.note(left_out)
    return RenderSettings(
        fonts=fonts,
        style=style,
        output=config.output,
        mode=config.picture_mode,
        color_pairs=config.color_pairs,
        seed=config.seed,
    )


def _checked(chunks: Iterable[TextChunk], stop: StopRequest) -> Iterator[TextChunk]:
    for chunk in chunks:
        stop.check()
        yield chunk


def _estimate_num_examples(config: RunConfig) -> int:
    """How many examples a config comes to, more or less, before texts have been made or read."""
    corpus = config.corpus
    if isinstance(corpus, BalancedText):
        sizes = corpus.min_example_size + corpus.max_example_size
        return min(2 * corpus.num_characters // sizes, config.max_images or sys.maxsize)
    return min(_num_bytes(corpus) // BYTES_PER_EXAMPLE, config.max_images or sys.maxsize)


def _least_num_shards(config: RunConfig) -> int:
    """A number of shards that a config is hardly below: so many workers will be needed."""
    corpus = config.corpus
    if isinstance(corpus, BalancedText):
        num_examples = corpus.num_characters // corpus.max_example_size
    else:
        num_examples = _num_bytes(corpus) // MOST_BYTES_PER_EXAMPLE
    num_examples = max(1, min(num_examples, config.max_images or sys.maxsize))
    return -(-num_examples // shard_size(num_examples))


def _num_bytes(corpus: TextFile) -> int:
    try:
        return corpus.path.stat().st_size
    except OSError:
        return 0  # what is wrong with it is said when it is read
