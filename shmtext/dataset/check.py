"""Whether what was committed is still there, whole; and the marks that have it redone.

Sizes alone cost a ``stat`` a picture; checksums read every byte. A shard that a glance finds whole
(``glance.py``) is not looked at more closely; all others are, here. Nothing is mended, and
nothing is trusted: pictures and fragments are held against the manifest, the label table against
``_SUCCESS.json``. What is found names its shard, and marked shards are redone by the next run.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from shmtext.dataset.containers.base import CommittedPictures
from shmtext.dataset.damage import Damage
from shmtext.dataset.folder import OutputFolder
from shmtext.dataset.fragment import images_digest
from shmtext.dataset.glance import glancing
from shmtext.dataset.manifest import (
    Manifest,
    committed_shards,
    labels_name,
    manifest_name,
    read_labels,
    read_skipped,
    skipped_name,
    uncommit,
)
from shmtext.dataset.many import look_at_all
from shmtext.dataset.merge import (
    CSV,
    METADATA,
    SKIPPED_TABLE,
    SUCCESS,
    FileSum,
    MergeResult,
    read_success,
    remove_success,
    run_digest,
)
from shmtext.dataset.record import RunRecord
from shmtext.dataset.sealed import check_types, seal, unseal
from shmtext.errors import DamageError, StorageError

__all__ = [
    "DAMAGED",
    "Damage",
    "Report",
    "check_closely",
    "check_run",
    "check_shard",
    "check_shards",
    "check_tables",
    "mark_damaged",
    "marked_shards",
    "take_damaged_marks",
    "uncommit",
]

DAMAGED = "_damaged.json"
DAMAGED_VERSION = 1
_MAX_NAMED = 10
"""Damaged pictures listed one by one for a shard; the rest are counted."""
_HASH_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Report:
    """What a check found."""

    num_shards: int
    """In the plan."""
    num_whole: int
    """Committed and without damage."""
    missing: tuple[int, ...]
    """Shards not committed, and not known to have been."""
    damages: tuple[Damage, ...]
    finished: bool
    """The run declared itself done, and says so intact."""

    @property
    def damaged_shards(self) -> tuple[int, ...]:
        """To be marked with ``mark_damaged``."""
        return tuple(sorted({d.shard for d in self.damages if d.shard is not None}))

    @property
    def whole(self) -> bool:
        """Finished, every picture whole, every label row right."""
        return self.finished and not self.missing and not self.damages


def check_run(folder: OutputFolder, record: RunRecord, checksums: bool) -> Report:
    """Check every committed shard, and the label table of a finished run."""
    plan = record.plan
    manifests, damages = committed_shards(folder, plan, record.fingerprint)
    with_checksums = set(manifests) if checksums else ()
    found = check_closely(folder, record, manifests.values(), with_checksums)
    damages += found
    num_whole = len(manifests) - len({damage.shard for damage in found})
    missing = {shard.index for shard in plan.shards()} - set(manifests)
    missing -= {damage.shard for damage in damages if damage.shard is not None}
    finished = False
    try:
        success = read_success(folder)
    except DamageError as error:
        damages.append(Damage(None, SUCCESS, str(error)))
    else:
        finished = success is not None
        if success is not None:
            damages += [
                Damage(index, manifest_name(index), "is missing") for index in sorted(missing)
            ]
            missing = set()
            damages += _check_tables(folder, success, checksums)
            damages += _check_success(record, manifests, success)
    return Report(plan.num_shards, num_whole, tuple(sorted(missing)), tuple(damages), finished)


def check_shard(
    folder: OutputFolder, record: RunRecord, manifest: Manifest, checksums: bool
) -> list[Damage]:
    """Hold a shard's files against its manifest; with ``checksums`` every picture's bytes too."""
    shard, container = record.plan.shard(manifest.shard), record.container
    damages: list[Damage] = []
    name = skipped_name(shard.index)
    try:
        skipped = read_skipped(folder, shard, manifest)
        if skipped is None and folder.read_file(name) is not None:
            damages.append(Damage(shard.index, name, "is there, none was committed"))
    except DamageError as error:
        damages.append(Damage(shard.index, name, str(error)))
    name = labels_name(shard.index)
    try:
        table = read_labels(folder, shard, manifest, record.schema)
    except DamageError as error:
        # Without its rows nothing can be said about the pictures.
        return [*damages, Damage(shard.index, name, str(error))]
    columns = (table[column].to_numpy() for column in ("example_index", "num_bytes", "crc32"))
    if images_digest(*columns) != manifest.images_digest:
        damages.append(Damage(shard.index, name, "is not of the pictures that were committed"))
    committed = CommittedPictures(table, manifest.stored, checksums)
    found = list(container.check(folder, shard, committed))
    damages += found[:_MAX_NAMED]
    if len(found) > _MAX_NAMED:
        more = f"{len(found) - _MAX_NAMED:,} more of its pictures are damaged"
        damages.append(Damage(shard.index, container.shard_path(shard), more))
    return damages


def check_shards(
    folder: OutputFolder,
    record: RunRecord,
    manifests: Iterable[Manifest],
    with_checksums: Collection[int],
    between: Callable[[], None] = lambda: None,
) -> list[Damage]:
    """Hold many shards' files against their manifests, some ``with_checksums``; as ``check_shard``.

    ``between`` is called before each, maybe by other threads, and may raise to end it all.
    """
    with checking(folder, record) as check:
        return _check_each(check, manifests, with_checksums, between)


def check_closely(
    folder: OutputFolder,
    record: RunRecord,
    manifests: Iterable[Manifest],
    with_checksums: Collection[int] = (),
    between: Callable[[], None] = lambda: None,
) -> list[Damage]:
    """Likewise, and read the label rows of all: whether they are what a manifest says of them, its
    own sums apart, a glance does not ask.
    """
    return _check_each(partial(check_shard, folder, record), manifests, with_checksums, between)


def _check_each(
    check: Callable[[Manifest, bool], list[Damage]],
    manifests: Iterable[Manifest],
    with_checksums: Collection[int],
    between: Callable[[], None],
) -> list[Damage]:
    def look(chunk: Sequence[Manifest]) -> list[Damage]:
        damages: list[Damage] = []
        for manifest in chunk:
            between()
            damages += check(manifest, manifest.shard in with_checksums)
        return damages

    return [damage for found in look_at_all(list(manifests), look) for damage in found]


@contextmanager
def checking(
    folder: OutputFolder, record: RunRecord
) -> Iterator[Callable[[Manifest, bool], list[Damage]]]:
    """Lend ``check_shard`` for many shards of a run: a glance comes before it."""
    with glancing(folder, record) as glance:

        def check(manifest: Manifest, checksums: bool) -> list[Damage]:
            if not checksums and glance is not None and glance.is_whole(manifest):
                return []
            return check_shard(folder, record, manifest, checksums)

        yield check


def check_tables(
    folder: OutputFolder, record: RunRecord, manifests: Mapping[int, Manifest]
) -> list[Damage]:
    """Check what belongs to a finished run as a whole, by size; nothing of an unfinished one."""
    try:
        success = read_success(folder)
    except DamageError as error:
        return [Damage(None, SUCCESS, str(error))]
    if success is None:
        return []
    return [
        *_check_tables(folder, success, checksums=False),
        *_check_success(record, manifests, success),
    ]


def mark_damaged(folder: OutputFolder, shards: Collection[int]) -> bool:
    """Have the next run redo ``shards`` and the label table; False where that can't be noted.

    Without any shard, the label table alone is redone. Earlier marks are kept.
    """
    try:
        try:
            shards = {*shards, *(_read_marks(folder) or ())}
        except DamageError:
            shards = set(shards)
        value = {"version": DAMAGED_VERSION, "shards": sorted(shards)}
        folder.write_file(DAMAGED, seal(value, readable=True), sync=True)
    except StorageError:
        return False  # a read-only copy can be checked all the same
    return True


def take_damaged_marks(
    folder: OutputFolder, among: Collection[int] | None = None
) -> frozenset[int]:
    """Take back what was marked: shards are uncommitted, and the run no longer counts as finished.

    Of shards that are not ``among`` those given, the marks stay; None: all are. The marks go last,
    so that a run killed in here finds them again.
    """
    marks = _read_marks(folder)
    if marks is None:
        return frozenset()
    remove_success(folder)
    taken = frozenset(shard for shard in marks if among is None or shard in among)
    for shard in taken:
        uncommit(folder, shard)
    left = set(marks) - taken
    if not left:
        folder.remove_file(DAMAGED)
    elif taken:
        value = {"version": DAMAGED_VERSION, "shards": sorted(left)}
        folder.write_file(DAMAGED, seal(value, readable=True), sync=True)
    folder.sync_folder()
    return taken


def marked_shards(folder: OutputFolder) -> frozenset[int]:
    """Shards that ``mark_damaged`` has the next run redo. Raises ``DamageError``."""
    return frozenset(_read_marks(folder) or ())


def _read_marks(folder: OutputFolder) -> list[int] | None:
    data = folder.read_file(DAMAGED)
    if data is None:
        return None
    what = str(folder.path / DAMAGED)
    value = unseal(data, what, DAMAGED_VERSION)
    check_types(what, value, {"version": int, "shards": list})
    shards: list[int] = value["shards"]
    if not all(type(shard) is int and shard >= 0 for shard in shards):
        raise DamageError(f"{what} is damaged: shards are {shards}")
    return shards


def _check_tables(folder: OutputFolder, success: MergeResult, checksums: bool) -> Iterator[Damage]:
    """Hold the files of the whole run against what was written."""
    for name in (METADATA, CSV, SKIPPED_TABLE):
        wanted = success.files.get(name)
        try:
            found = _file_sum(folder, name, checksums)
        except FileNotFoundError:
            if wanted is not None:
                yield Damage(None, name, "is missing")
        except DamageError as error:
            yield Damage(None, name, str(error))
        except OSError as error:
            raise folder.storage_error(f"read {folder.path / name}", error) from error
        else:
            if wanted is None:
                yield Damage(None, name, "is there, none was written")
            elif found.num_bytes != wanted.num_bytes:
                sizes = f"has {found.num_bytes:,} bytes, {wanted.num_bytes:,} were written"
                yield Damage(None, name, sizes)
            elif checksums and found.sha256 != wanted.sha256:
                yield Damage(None, name, "has other bytes than were written")


def _file_sum(folder: OutputFolder, name: str, checksums: bool) -> FileSum:
    if not checksums:
        return FileSum(folder.num_bytes(name), "")
    digest = hashlib.sha256()
    with folder.opened_file(name) as (fd, num_bytes):
        while piece := os.read(fd, _HASH_BYTES):
            digest.update(piece)
    return FileSum(num_bytes, digest.hexdigest())


def _check_success(
    record: RunRecord, manifests: Mapping[int, Manifest], success: MergeResult
) -> Iterator[Damage]:
    """Hold ``_SUCCESS.json`` against the manifests, where all are there to be asked."""
    if success.fingerprint != record.fingerprint:
        yield Damage(None, SUCCESS, "is of a run with other settings")
        return
    all_there = len(manifests) == record.plan.num_shards
    if all_there and run_digest(list(manifests.values())) != success.digest:
        yield Damage(None, SUCCESS, "is not of the shards that are committed")
