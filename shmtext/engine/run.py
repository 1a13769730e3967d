"""The conductor: corpus, plan, engine, merge.

A ``Renderer`` holds what serves several runs: the encoded corpus, the fonts, the workers. Which
folder, how many images and whether to resume belong to each run. What a run is stands in
``identity.py``, what of it is there already in ``resume.py``.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from shmtext import config as settings
from shmtext.config import BalancedText, Engine, Resume, RunConfig, TextFile
from shmtext.corpus.ragged import RaggedTexts, TextChunk, gather_chunks, take_texts
from shmtext.corpus.shared import SharedCorpus, sweep_orphans
from shmtext.corpus.sources import corpus_chunks
from shmtext.dataset.folder import STAGE, OutputFolder
from shmtext.dataset.manifest import (
    Manifest,
    committed_shards,
)
from shmtext.dataset.merge import SUCCESS, merge_labels, read_success, remove_success
from shmtext.dataset.plan import Plan, Shard
from shmtext.dataset.record import (
    RunRecord,
    refuse_difference,
    write_record,
)
from shmtext.engine.identity import corpus_digest, identity_of
from shmtext.engine.inprocess import InProcess
from shmtext.engine.machine import default_num_workers
from shmtext.engine.probe import try_out
from shmtext.engine.progress import Observer, ShardDone, Silent, Tally
from shmtext.engine.resume import OpenRun, existing_record, whole_shards
from shmtext.engine.shards import RunTarget
from shmtext.engine.stop import StopRequest, stop_on_signals
from shmtext.engine.supervisor import Limits, Workers
from shmtext.engine.worker import Setup, Target
from shmtext.errors import ConfigError, InputError, StorageError
from shmtext.render.faces import bundled_fonts, choose_fonts, trust
from shmtext.render.settings import RenderSettings

IN_PROCESS_EXAMPLES = 5_000
"""A run of fewer examples is done, in-process, before workers have imported their libraries."""

BYTES_PER_EXAMPLE = 20
"""Guess for a text file whose lines have not been counted yet."""

MAX_WORKERS = 1_000

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
        if engine not in ("auto", "processes", "threads", "serial"):
            raise ConfigError(
                f"engine must be one of auto, processes, threads, serial, got {engine!r}"
            )
        if workers is not None:
            settings.check_count("workers", workers, MAX_WORKERS)
        self.config = config
        self.num_workers = workers or default_num_workers()
        self._engine = engine
        self._observer = observer or Silent()
        self._limits = limits
        self._resources = ExitStack()
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
        """End the workers and let go of the corpus."""
        self._texts = self._in_process = self._processes = None
        self._resources.close()

    def render(
        self, out: str | os.PathLike[str], max_images: int | None = None, resume: Resume = "auto"
    ) -> RunSummary:
        """Render into the folder ``out``, or finish what an interrupted run left there.

        ``max_images`` takes the first so many of what the config comes to. ``resume`` ``never``
        refuses a folder that holds a run, ``must`` one that holds none. Raises ``ShmtextError``.
        """
        if resume not in ("auto", "never", "must"):
            raise ConfigError(f"resume must be one of auto, never, must, got {resume!r}")
        if max_images is not None:
            settings.check_count("max_images", max_images)
        begin_s = time.monotonic()
        with (
            stop_on_signals() as stop,
            OutputFolder.open(Path(out), create=resume != "must") as folder,
        ):
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
                refuse_difference(record, identity)
            plan = Plan(len(texts), self.config.output.image_format)
            run = OpenRun(folder, plan, settings.fingerprint(identity), self._observer)
            manifests = whole_shards(run, trusts_manifests=record is not None, stop=stop)
            if record is None:
                size = plan.examples_per_shard
                write_record(folder, RunRecord(identity, run.fingerprint, len(texts), size))
            success = read_success(folder)
            num_rendered = 0
            if success is None or len(manifests) < run.plan.num_shards:
                remove_success(folder)
                num_rendered = self._render(run, manifests, stop)
                with stop.raising():
                    done, _ = committed_shards(folder, run.plan, run.fingerprint)
                    success = merge_labels(folder, run.plan, done, self.config.output.csv)
            else:
                folder.remove_tree(STAGE)
            if self._is_spilled:
                self.close()
            return RunSummary(
                folder=Path(out),
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
                self.close()
                raise
        return self._texts

    def _encode(self, spill_folder: Path, stop: StopRequest, was_cut_short: bool) -> RaggedTexts:
        sweep_orphans()
        if self._takes_processes(was_cut_short):
            # Workers import their libraries while this process makes the corpus.
            self._processes = self._resources.enter_context(
                closing(Workers(self.num_workers, spill_folder, self._limits))
            )
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
            num_threads = 1 if self._engine in ("auto", "serial") else self.num_workers
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

    def _takes_processes(self, was_cut_short: bool) -> bool:
        if self._engine != "auto":
            return self._engine == "processes"
        if was_cut_short:
            return True  # by an example that crashes, perhaps: it would end this process again
        most = self.config.max_images or _estimate_num_examples(self.config.corpus)
        return min(most, _estimate_num_examples(self.config.corpus)) > IN_PROCESS_EXAMPLES

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
        for done in self._shards_done(run, todo, stop):
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
    ) -> Iterator[ShardDone | None]:
        if not todo:
            return iter(())
        if self._in_process is not None:
            target = RunTarget(run.folder, run.plan, run.fingerprint, worker=0)
            return self._in_process.run(target, todo, stop)
        assert self._processes is not None
        return self._processes.run(
            Target(
                path=os.path.abspath(run.folder.path),
                identity=run.folder.identity,
                num_examples=run.plan.num_examples,
                image_format=run.plan.image_format,
                fingerprint=run.fingerprint,
            ),
            todo,
            run.plan.num_examples,
            stop,
        )

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


def _estimate_num_examples(corpus: BalancedText | TextFile) -> int:
    if isinstance(corpus, BalancedText):
        return 2 * corpus.num_characters // (corpus.min_example_size + corpus.max_example_size)
    try:
        return corpus.path.stat().st_size // BYTES_PER_EXAMPLE
    except OSError:
        return 0  # what is wrong with it is said when it is read
