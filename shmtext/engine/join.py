"""Parts become one run: shards brought together, checked, and the label table made of them.

What a run was made with is not needed, neither fonts nor texts: all that counts is committed.
How a shard is brought from another folder is ``dataset/gather.py``'s, the table ``merge.py``'s.
"""

from __future__ import annotations

import os
import time
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from shmtext.canonical import differences
from shmtext.config import Output, RunConfig
from shmtext.dataset.characters import CHARACTERS
from shmtext.dataset.damage import Damage
from shmtext.dataset.folder import OutputFolder
from shmtext.dataset.gather import bring_shard
from shmtext.dataset.locks import holders, lock, lock_note
from shmtext.dataset.manifest import Manifest, committed_shards
from shmtext.dataset.merge import CSV, LabelMerge, csv_header, read_success, remove_success
from shmtext.dataset.opening import open_folder
from shmtext.dataset.places import RunPlace, run_place
from shmtext.dataset.record import (
    RunRecord,
    read_record,
    refuse_files_in_bucket,
    refuse_foreign_files,
    require_record,
    write_record,
)
from shmtext.engine.identity import spelled_out
from shmtext.engine.progress import Observer, ShardDone, Silent, Tally
from shmtext.engine.resume import RunFolder, whole_shards
from shmtext.engine.run import RunSummary
from shmtext.engine.stop import StopRequest, stop_on_signals
from shmtext.errors import ConfigError, FolderError, MissingShardsError

BRINGING_THREADS = 8
"""Bring shards at once: each waits for the disk, or the network, most of the time."""

MAX_NAMED = 20
"""Missing shards, or ranges of them, that are named."""

PathLike = str | os.PathLike[str]


def join(
    *folders: PathLike,
    into: PathLike | None = None,
    csv: bool | None = None,
    csv_columns: str | None = None,
    observer: Observer | None = None,
) -> RunSummary:
    """Make the label table of a run of which all shards are committed, and declare it done.

    Of one folder, in which parts were rendered; or of several, whose shards are brought together in
    the folder ``into``: linked where they are on one file system, else copied. ``csv`` and
    ``csv_columns`` are as in ``Output``; where they are None, a finished run keeps what it has.

    Raises ``MissingShardsError``, which names shards, where some are not there, or are damaged;
    ``FolderError`` where folders hold different runs, or somebody writes to one of them;
    ``StorageError``; and ``InterruptedRunError`` after a signal. The same call continues then.
    """
    begin_s = time.monotonic()
    if into is None and len(folders) != 1:
        raise ConfigError(
            f"{len(folders)} folders to join: give the one that holds all parts, or a folder to "
            "bring them together in (into)"
        )
    if into is not None and not folders:
        raise ConfigError("no folder to join: give those that hold parts")
    if csv_columns is not None:
        Output(csv_columns=csv_columns)  # raises what is wrong with it
    out = run_place(folders[0] if into is None else into)
    with stop_on_signals() as stop, ExitStack() as stack:
        # Before a folder is made for them.
        sources = _opened_sources(folders, stack, stop) if into is not None else []
        folder = stack.enter_context(open_folder(out, create=into is not None))
        folder.heed(stop.check)
        lock(folder)
        observer = observer or Silent()
        if note := lock_note(folder):
            observer.note(note)
        joining = _Joining(folder, observer, stop)
        if sources:
            _bring_all(joining, sources)
        record = require_record(folder)
        run = RunFolder(folder, record, observer)
        manifests = whole_shards(run, stop)
        _refuse_missing(run, manifests)
        success, header = read_success(folder), csv_header(folder)
        wanted = _csv_header(csv, csv_columns, header if success is not None else "")
        if success is None or header != wanted:
            remove_success(folder)
            with LabelMerge(folder, record, wanted) as merge:
                tally = _Told(joining, record)
                for manifest in manifests.values():
                    merge.committed(manifest.shard)
                for manifest in manifests.values():
                    if not merge.advance():
                        break  # ``finish`` says why
                    tally.add(manifest)
                with stop.raising():
                    success = merge.finish()
        else:
            folder.end_stage()
        return RunSummary(
            folder=out,
            container=record.container.name,
            num_images=success.num_images,
            num_skipped=success.num_skipped,
            num_failed=success.num_failed,
            num_alone=sum(each.num_alone for each in manifests.values()),
            num_rendered=0,
            image_bytes=success.image_bytes,
            elapsed_s=time.monotonic() - begin_s,
            digest=success.digest,
            has_csv=CSV in success.files,
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Joining:
    """Where parts are joined, and who wants to know."""

    folder: OutputFolder
    observer: Observer
    stop: StopRequest


class _Told:
    """Tells how many examples are done, shard after shard, and heeds signals."""

    def __init__(self, joining: _Joining, record: RunRecord) -> None:
        self._joining = joining
        self._tally = Tally(record.plan.num_examples, begin_s=time.monotonic())

    def add(self, manifest: Manifest) -> None:
        """Count a shard. Raises ``InterruptedRunError`` once there is a signal."""
        self._joining.stop.check()
        self._tally.add(ShardDone.of(manifest))
        self._joining.observer.progress(self._tally.at(time.monotonic(), 0))


def _csv_header(csv: bool | None, columns: str | None, found: str | None) -> str | None:
    """The first line of ``labels.csv``. ``found`` is what a finished run has; empty: it is none."""
    if csv is None and columns is None and found != "":
        return found
    asked = Output(csv=csv is not False)
    return Output(csv=asked.csv, csv_columns=columns or asked.csv_columns).csv_header


def _refuse_missing(run: RunFolder, manifests: Mapping[int, Manifest]) -> None:
    missing = [shard for shard in range(run.record.plan.num_shards) if shard not in manifests]
    if missing:
        raise MissingShardsError(
            f"{len(missing):,} of {run.record.plan.num_shards:,} shards are missing in "
            f"{run.folder.path} ({_named(missing)}): render their parts again, or without a part "
            "whatever is missing"
        )


def _named(shards: Sequence[int]) -> str:
    """Shards in words, those that follow one another as a range: ``0-3, 7, 9-12``.

    >>> _named([0, 1, 2, 7, 9, 10])
    '0-2, 7, 9-10'
    """
    ranges: list[list[int]] = []
    for shard in shards:
        if ranges and ranges[-1][1] == shard - 1:
            ranges[-1][1] = shard
        else:
            ranges.append([shard, shard])
    named = [f"{first}-{last}" if last > first else f"{first}" for first, last in ranges]
    more = f" and {len(named) - MAX_NAMED:,} more ranges" if len(named) > MAX_NAMED else ""
    return ", ".join(named[:MAX_NAMED]) + more


# -- from folders of their own ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Source:
    """A folder that holds a part of the run."""

    folder: OutputFolder
    record: RunRecord
    manifests: Mapping[int, Manifest]


@contextmanager
def _opened(path: RunPlace, stop: StopRequest) -> Iterator[_Source]:
    with open_folder(path, create=False) as folder:
        folder.heed(stop.check)
        record = require_record(folder)
        if others := holders(folder):
            raise FolderError(
                f"{path} is being written to ({', '.join(others)}): wait until its parts have ended"
            )
        manifests, _ = committed_shards(folder, record.plan, record.fingerprint)
        yield _Source(folder, record, manifests)


def _opened_sources(
    paths: Iterable[PathLike], stack: ExitStack, stop: StopRequest
) -> list[_Source]:
    """Open folders until the stack is closed. Raises ``FolderError`` where their runs differ."""
    sources = [stack.enter_context(_opened(run_place(path), stop)) for path in paths]
    for source in sources[1:]:
        _refuse_other_run(sources[0], source.folder.path, source.record)
    return sources


def _bring_all(joining: _Joining, sources: Sequence[_Source]) -> None:
    """Bring what is committed in any of the folders, and is not yet in the one they come into."""
    folder, record = joining.folder, sources[0].record
    refuse_files_in_bucket(folder, record.container.name)
    refuse_foreign_files(folder)
    standing = read_record(folder)
    if standing is not None:
        _refuse_other_run(sources[0], folder.path, standing)
    write_record(folder, record)
    folder.begin_stage()
    there, _ = committed_shards(folder, record.plan, record.fingerprint)
    _Bringing(joining, record, _offers(sources, there)).run()
    lists = (source.folder.read_file(CHARACTERS) for source in sources)
    if data := next(filter(None, lists), None):
        folder.write_file(CHARACTERS, data, sync=False)
    folder.end_stage()


def _refuse_other_run(first: _Source, path: RunPlace, record: RunRecord) -> None:
    places = f"in {path}", f"in {first.folder.path}"
    lines = differences(first.record.identity, record.identity, spelled_out(RunConfig()), places)
    if lines:
        raise FolderError(
            f"the folders hold different runs ({'; '.join(lines)}): join parts of one run"
        )


def _offers(sources: Sequence[_Source], there: Container[int]) -> dict[int, list[_Source]]:
    """Who has each shard that is not there yet.

    Raises ``FolderError`` for one of which two sources have different bytes.
    """
    offers: dict[int, list[_Source]] = {}
    for source in sources:
        for shard, manifest in source.manifests.items():
            if shard in there:
                continue
            having = offers.setdefault(shard, [])
            if having and manifest.content != having[0].manifests[shard].content:
                raise FolderError(
                    f"{having[0].folder.path} and {source.folder.path} have different pictures or "
                    f"labels of shard {shard}, of one run: a machine is faulty; see what `shmtext "
                    "verify --checksums` says of both, and leave one out"
                )
            having.append(source)
    return offers


@dataclass(frozen=True, slots=True, eq=False)
class _Bringing:
    joining: _Joining
    record: RunRecord
    offers: Mapping[int, Sequence[_Source]]
    """Who has a shard that is to be brought."""

    def run(self) -> None:
        """Bring all shards; note what is damaged wherever it is."""
        told = _Told(self.joining, self.record)
        shards = sorted(self.offers)
        with ThreadPoolExecutor(BRINGING_THREADS) as pool:
            try:
                for shard, damages in zip(shards, pool.map(self._bring, shards), strict=True):
                    for damage in damages:
                        self.joining.observer.note(f"damaged, and not joined: {damage}")
                    told.add(self.offers[shard][0].manifests[shard])
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def _bring(self, shard: int) -> list[Damage]:
        """Bring a shard from the first that has it whole; what is wrong where none has."""
        damages: list[Damage] = []
        for source in self.offers[shard]:
            found = bring_shard(
                source.folder, self.joining.folder, self.record, source.manifests[shard]
            )
            if not found:
                return []
            damages += found
        return damages
