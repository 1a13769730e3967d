"""What a folder holds of a run already, and what of it can be kept.

Everything that is found damaged is taken back here, so that it is rendered again; everything that
is not is trusted from then on. Looking without touching is ``inspect.py``'s.
"""

from __future__ import annotations

from dataclasses import dataclass

from shmtext.config import Resume
from shmtext.dataset.check import (
    DAMAGED,
    check_tables,
    take_damaged_marks,
    uncommit,
)
from shmtext.dataset.damage import Damage
from shmtext.dataset.folder import OutputFolder
from shmtext.dataset.manifest import (
    OTHER_SETTINGS,
    Manifest,
    committed_shards,
    current_boot_id,
)
from shmtext.dataset.merge import remove_success
from shmtext.dataset.record import RunRecord, read_record, refuse_foreign_files
from shmtext.engine.checking import Committed, check_all
from shmtext.engine.inprocess import InProcess
from shmtext.engine.progress import Observer
from shmtext.engine.stop import StopRequest
from shmtext.engine.supervisor import Workers
from shmtext.errors import DamageError, FolderError, VersionError

BOOT_CHECKED = ".boot_checked"
"""Holds the boot id under which files of earlier boots were found whole."""

MAX_NOTES = 10


@dataclass(frozen=True, slots=True, eq=False)
class RunFolder:
    """One run's folder, and what the run is."""

    folder: OutputFolder
    record: RunRecord
    observer: Observer


def existing_record(folder: OutputFolder, resume: Resume, observer: Observer) -> RunRecord | None:
    """Read ``run.json`` and refuse what ``resume`` does not allow."""
    refuse_foreign_files(folder)
    try:
        record = read_record(folder)
    except VersionError:
        raise
    except DamageError as error:
        observer.note(f"{error}; it is written again if its shards are of this run")
        record = None
    holds_run = record is not None or bool(folder.list_names("fragments"))
    if resume == "never" and holds_run:
        raise FolderError(
            f"{folder.path} holds a run, and resume is 'never': choose another folder, or delete "
            "this one"
        )
    if resume == "must" and not holds_run:
        raise FolderError(
            f"{folder.path} holds no run to resume: check the folder, or leave out resume"
        )
    return record


def whole_shards(
    run: RunFolder, engine: InProcess | Workers, *, trusts_manifests: bool, stop: StopRequest
) -> dict[int, Manifest]:
    """Return the manifests of all shards that are committed and whole; take back the others.

    Sizes are checked always, bytes once after the machine was started anew: it may have lost
    what it had not written yet. ``trusts_manifests`` tells that ``run.json`` vouches for them.
    """
    manifests, damages = committed_shards(run.folder, run.record.plan, run.record.fingerprint)
    foreign = [damage for damage in damages if damage.what == OTHER_SETTINGS]
    # Before anything is taken back: a run that is refused leaves the folder as it was.
    if foreign and not trusts_manifests:
        raise FolderError(
            f"run.json of {run.folder.path} is damaged or missing, and its shards are of a "
            "run with other settings: give the settings they were made with, or choose "
            "another folder"
        )
    marked = _take_marks(run.folder, run.observer)
    if marked:
        manifests, damages = committed_shards(run.folder, run.record.plan, run.record.fingerprint)
    boot_id = current_boot_id()
    is_checked = _is_checked_since_boot(run.folder, boot_id)
    older = {
        index
        for index, manifest in manifests.items()
        if manifest.boot_id != boot_id and not is_checked
    }
    with_checksums = set(manifests) if marked is None else older
    committed = Committed(run.folder, run.record, manifests, frozenset(with_checksums))
    damages += check_all(committed, engine, stop)
    damages += check_tables(run.folder, run.record, manifests)
    _take_back(run, damages)
    if older:
        run.folder.write_file(BOOT_CHECKED, (boot_id or "").encode(), sync=False)
    damaged = {damage.shard for damage in damages}
    return {index: each for index, each in manifests.items() if index not in damaged}


def _take_back(run: RunFolder, damages: list[Damage]) -> None:
    if not damages:
        return
    remove_success(run.folder)
    for damage in damages[:MAX_NOTES]:
        run.observer.note(f"damaged, and made again: {damage}")
    if len(damages) > MAX_NOTES:
        run.observer.note(f"{len(damages) - MAX_NOTES:,} more are damaged and made again")
    for damage in damages:
        if damage.shard is not None:
            uncommit(run.folder, damage.shard)
        elif damage.path.startswith("fragments/"):
            run.folder.remove_file(damage.path)


def _is_checked_since_boot(folder: OutputFolder, boot_id: str | None) -> bool:
    """Whether every byte was found whole under this boot; a note that can't be read says no."""
    try:
        return folder.read_file(BOOT_CHECKED) == (boot_id or "").encode()
    except DamageError:
        return False


def _take_marks(folder: OutputFolder, observer: Observer) -> frozenset[int] | None:
    """Take back shards that ``verify`` marked, and return them; None if that can't be read."""
    try:
        return take_damaged_marks(folder)
    except DamageError as error:
        observer.note(f"{error}: every picture is checked instead")
        folder.remove_file(DAMAGED)
        return None
