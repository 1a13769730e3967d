"""One export from its start to its summary: what is there already, what is missing, the end of it.

What lies where is the formats' (``dataset/export``); who writes shards when several processes do is
``export_workers.py``'s.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from shmtext.dataset.containers import open_container
from shmtext.dataset.export import FORMATS, require_format
from shmtext.dataset.export.base import Asked, CsvQuote, Format, Options, Unfit
from shmtext.dataset.export.joined import join
from shmtext.dataset.export.record import Counts, begin, finish, identity_of, remove_work
from shmtext.dataset.export.shards import (
    EVERY_SPLIT,
    LEFT_OUT,
    Job,
    ShardExported,
    fitting_rows,
)
from shmtext.dataset.export.splits import Splits
from shmtext.dataset.folder import OutputFolder
from shmtext.dataset.locks import lock, lock_note
from shmtext.dataset.places import folder_path
from shmtext.dataset.plan import Shard
from shmtext.dataset.reading import StoredRun
from shmtext.dataset.room import check_room
from shmtext.engine.export_workers import Refused, export_by_workers
from shmtext.engine.machine import default_num_workers
from shmtext.engine.messages import ExportOrder
from shmtext.engine.progress import Observer, Progress, Silent
from shmtext.engine.slow_files import slow_files_note
from shmtext.engine.stop import StopRequest, stop_on_signals
from shmtext.errors import ConfigError

AnyPath = str | os.PathLike[str]

FEW_IMAGES = 100_000
"""Take this process two seconds; workers take one to have their libraries."""
INSTEAD = "webdataset, hf-parquet, mds and lmdb are some files in all"
NAMED = 3
"""Of the pictures left out, in the summary."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A picture that the format can't hold."""

    example_index: int
    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class ExportSummary:
    """What an export came to."""

    folder: Path
    to: str
    """The format."""
    num_images: Mapping[str, int]
    """By split."""
    image_bytes: int
    left_out: Mapping[str, int]
    """Pictures that the format can't hold, by the reason: all of them are in ``left_out.jsonl``."""
    first_left_out: tuple[LeftOut, ...]
    num_escaped: int
    """Texts that stand there with backslashes."""
    num_written: int
    """Pictures written by this call; the others were there."""
    elapsed_s: float
    loading: tuple[str, ...]
    """What loads the folder in what reads the format."""
    notes: tuple[str, ...]
    """What else to know of this export."""


def export(
    out: AnyPath,
    to: str,
    dest: AnyPath,
    *,
    split: Mapping[str, Any] | str | None = None,
    split_seed: int = 0,
    disjoint_texts: bool = False,
    unfit: Unfit = "skip",
    easyocr_quote: CsvQuote = "either",
    workers: int | None = None,
    observer: Observer | None = None,
) -> ExportSummary:
    """Export the finished run in ``out`` to the format ``to``, into ``dest``, or finish doing so.

    ``split`` names splits and their shares, ``{"train": 0.98, "val": 0.02}``, which come to 1; with
    ``disjoint_texts`` equal texts are in one of them. ``unfit`` says what becomes of pictures whose
    texts the format can't hold: they are left out and listed, or their texts escaped with
    backslashes, or the export is refused. ``workers`` is the number of processes; as many as there
    are cores by default, none for small runs.

    Raises ``ConfigError`` for options that don't fit, ``FolderError`` where no finished run is in
    ``out`` or something else in ``dest``, ``DamageError`` for a picture that is not what was
    committed, ``StorageError``, and ``InterruptedRunError`` after a signal: the same call continues
    after these.
    """
    begin_s = time.monotonic()
    require_format(to)
    _require_word("unfit", unfit, get_args(Unfit))
    _require_word("easyocr_quote", easyocr_quote, get_args(CsvQuote))
    if workers is not None and workers < 1:
        raise ConfigError(f"workers must be at least 1, got {workers}")
    splits = Splits.of(split, split_seed, disjoint_texts=disjoint_texts)
    options = Options(splits, unfit, easyocr_quote)
    with stop_on_signals() as stop, ExitStack() as stack:
        with stop.raising():
            run = stack.enter_context(StoredRun(out))
        asked = Asked(options, run.record.container.extension, run.record.schema)
        form = FORMATS[to](asked)
        form.check()
        if unfit == "refuse":
            with stop.raising():
                _refuse_unfit(run, form, options)
        folder = stack.enter_context(OutputFolder.open(folder_path(dest), create=True))
        lock(folder)
        observer = observer or Silent()
        if note := lock_note(folder):
            observer.note(note)
        job = Job(run, folder, form, options)
        identity = identity_of(run, to, options)
        counts, num_written = begin(folder, identity), 0
        if counts is None:
            folder.begin_stage()
            num_workers = default_num_workers() if workers is None else workers
            if workers is None and len(run) < FEW_IMAGES:
                num_workers = 1
            under_way = _UnderWay(job, to, num_workers, stop, observer, begin_s)
            all_done, num_written = _write_missing(under_way)
            with stop.raising():
                counts = _finish(job, all_done)
                finish(folder, identity, counts)
        remove_work(folder)
        return ExportSummary(
            folder=folder_path(dest),
            to=to,
            num_images=counts.num_images,
            image_bytes=counts.image_bytes,
            left_out=counts.left_out,
            first_left_out=_first_left_out(folder) if counts.left_out else (),
            num_escaped=counts.num_escaped,
            num_written=num_written,
            elapsed_s=time.monotonic() - begin_s,
            loading=tuple(form.loading(str(folder.path))),
            notes=tuple(form.notes()),
        )


def _require_word(name: str, word: str, words: Sequence[str]) -> None:
    if word not in words:
        raise ConfigError(f"{name} must be one of {', '.join(words)}, got {word!r}")


@dataclass(frozen=True, slots=True, eq=False)
class _UnderWay:
    job: Job
    to: str
    num_workers: int
    stop: StopRequest
    observer: Observer
    begin_s: float


def _write_missing(under_way: _UnderWay) -> tuple[list[ShardExported], int]:
    """Write the shards that are not; say what each came to, in order, and count pictures."""
    job, observer = under_way.job, under_way.observer
    plan = job.run.record.plan
    num_written = num_left_out = 0
    is_told = False
    found = (job.done(shard) for shard in plan.shards())
    done = {each.shard: each for each in found if each is not None}
    _check_room(job, len(job.run) - sum(each.num_done for each in done.values()))
    if job.format.in_order:
        done = {}
    num_resumed = num_done = sum(each.num_done for each in done.values())
    missing = [shard for shard in plan.shards() if shard.index not in done]
    if missing:
        with closing(_written(under_way, missing)) as written:
            for each in written:
                if each is not None:
                    done[each.shard] = each
                    num_done += each.num_done
                    num_written += sum(each.num_images)
                    num_left_out += sum(each.left_out.values())
                    note = slow_files_note(each.file_us, len(job.run) - num_done, INSTEAD)
                    if note and not is_told:
                        observer.note(note)
                        is_told = True
                observer.progress(
                    Progress(
                        num_examples=len(job.run),
                        num_done=num_done,
                        num_resumed=num_resumed,
                        num_skipped=num_left_out,
                        num_failed=0,
                        elapsed_s=time.monotonic() - under_way.begin_s,
                    )
                )
    under_way.stop.check()
    return [done[index] for index in sorted(done)], num_written


def _check_room(job: Job, num_left: int) -> None:
    """Raise ``StorageError`` if the device can't hold so many pictures more."""
    if num_left:
        run = job.run
        # What other files of many pictures take is about as much as tar's, or less.
        name = "files" if job.format.file_a_picture else "tar"
        container = open_container(
            name, run.record.plan.num_examples, run.record.container.extension
        )
        check_room(job.folder, container, num_left, run.image_bytes // len(run))


def _written(
    under_way: _UnderWay, missing: Sequence[Shard]
) -> Generator[ShardExported | None, None, None]:
    """Write shards, here or in workers; yield each, and None now and then while there is none."""
    job, stop = under_way.job, under_way.stop
    num_workers = 1 if job.format.in_order else min(under_way.num_workers, len(missing))
    if num_workers == 1:
        yield from _written_here(job, missing, stop)
        return
    order = ExportOrder(job.run.path, job.folder.spec, under_way.to, job.options)
    # Closed at once if anything raises: workers would go on as long as its traceback lives.
    with closing(export_by_workers(order, missing, num_workers, stop)) as ends:
        for end in ends:
            if isinstance(end, Refused):
                # Once more in this process, which meets the error itself, if it is still there.
                yield from _written_here(job, [end.shard], stop)
            else:
                yield None if end is None else job.done(end)


def _written_here(
    job: Job, shards: Iterable[Shard], stop: StopRequest
) -> Generator[ShardExported, None, None]:
    with job.format.writing(job.folder) as write:
        for shard in shards:
            with stop.raising():
                done = job.write(shard, write)
            yield done


def _finish(job: Job, all_done: Sequence[ShardExported]) -> Counts:
    parts = [done.part(job.run) for done in all_done]
    job.format.finish(job.folder, parts)
    left_out: Counter[str] = Counter()
    for done in all_done:
        left_out.update(done.left_out)
    if left_out:
        join(job.folder, LEFT_OUT, parts, [EVERY_SPLIT])
    names = job.options.splits.names
    sums = [sum(done.num_images[k] for done in all_done) for k in range(len(names))]
    return Counts(
        num_images=dict(zip(names, sums, strict=True)),
        image_bytes=sum(done.image_bytes for done in all_done),
        left_out=dict(sorted(left_out.items())),
        num_escaped=sum(done.num_escaped for done in all_done),
    )


def _refuse_unfit(run: StoredRun, form: Format, options: Options) -> None:
    """Raise ``ConfigError`` if the format can't hold every text of the run."""
    reasons: Counter[str] = Counter()
    first = ""
    for shard in run.record.plan.shards():
        fitting = fitting_rows(run.shard_rows(shard.index), form, options)
        reasons.update(fitting.reasons)
        first = first or next(iter(fitting.left_out), "")
    if first:
        named = json.loads(first)
        raise ConfigError(
            f"{form.name} can't hold the texts of {sum(reasons.values()):,} pictures: that of "
            f"example {named['example_index']}, {named['text']!r}, {named['reason']}; give --unfit "
            "skip to leave them out, or --unfit escape"
        )


def _first_left_out(folder: OutputFolder) -> tuple[LeftOut, ...]:
    lines = (folder.read_file(LEFT_OUT.path) or b"").split(b"\n", NAMED)[:NAMED]
    return tuple(LeftOut(**json.loads(line)) for line in lines if line)
