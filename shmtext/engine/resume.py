"""What a folder holds of a run already, and what of it can be kept.

Everything that is found damaged is taken back here, so that it is rendered again; everything that
is not is trusted from then on. Looking without touching is ``inspect.py``'s.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from shmtext.config import Resume
from shmtext.dataset.boots import Boots, Here
from shmtext.dataset.check import (
    DAMAGED,
    check_closely,
    check_tables,
    take_damaged_marks,
    uncommit,
)
from shmtext.dataset.damage import Damage
from shmtext.dataset.folder import OutputFolder
from shmtext.dataset.locks import turn
from shmtext.dataset.manifest import (
    OTHER_SETTINGS,
    Manifest,
    committed_shards,
    current_boot_id,
)
from shmtext.dataset.merge import SUCCESS, remove_success
from shmtext.dataset.plan import Shard
from shmtext.dataset.record import (
    RunRecord,
    read_record,
    refuse_difference,
    refuse_foreign_files,
    standing_record,
    write_record,
)
from shmtext.engine.checking import Committed, check_all
from shmtext.engine.machine import is_local
from shmtext.engine.progress import Observer
from shmtext.engine.stop import StopRequest
from shmtext.engine.supervisor import Workers
from shmtext.errors import DamageError, FolderError, VersionError

MAX_NOTES = 10


@dataclass(frozen=True, slots=True, eq=False)
class RunFolder:
    """One run's folder, and what the run is."""

    folder: OutputFolder
    record: RunRecord
    observer: Observer

    def shards(self) -> Iterator[Shard]:
        """Those that are to be rendered: of a part, its own."""
        plan, part = self.record.plan, self.folder.part
        return plan.shards() if part is None else map(plan.shard, part.shards(plan.num_shards))

    @property
    def num_examples(self) -> int:
        """Of these shards."""
        return sum(shard.num_examples for shard in self.shards())


def existing_record(folder: OutputFolder, resume: Resume, observer: Observer) -> RunRecord | None:
    """Read ``run.json`` and refuse what ``resume`` does not allow."""
    refuse_foreign_files(folder)
    try:
        record = read_record(folder)
    except VersionError:
        raise
    except DamageError as error:
        if folder.part is not None:
            raise DamageError(
                f"{error}: render without a part, which writes it again and what is missing"
            ) from error
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


def claim(run: RunFolder, defaults: Mapping[str, Any]) -> None:
    """Have ``run.json`` say that this run is in the folder.

    Raises ``FolderError`` where another is, or began a moment before this one; a folder of which a
    run is refused is left as it was.
    """
    if not refuse_other_run(run.folder, run.record, defaults):
        write_record(run.folder, run.record, defaults)


def refuse_other_run(folder: OutputFolder, record: RunRecord, defaults: Mapping[str, Any]) -> bool:
    """Raise ``FolderError`` where another run is in the folder; say whether its ``run.json`` is."""
    found = standing_record(folder)
    if found is not None:
        refuse_difference(found, record, defaults)
        return True
    _, damages = committed_shards(folder, record.plan, record.fingerprint)
    if any(damage.what == OTHER_SETTINGS for damage in damages):
        raise FolderError(
            f"run.json of {folder.path} is damaged or missing, and its shards are of a "
            "run with other settings: give the settings they were made with, or choose "
            "another folder"
        )
    return False


def whole_shards(
    run: RunFolder, stop: StopRequest, workers: Workers | None = None
) -> dict[int, Manifest]:
    """Return the manifests of all shards that are committed and whole; take back the others.

    Of a part these are its own. Sizes are checked always, bytes once after the machine that wrote
    them was started anew: it may have lost what it had not written yet. ``workers`` help to look
    where that is much.
    """
    folder, record = run.folder, run.record
    num_shards = record.plan.num_shards
    asked = None if folder.part is None else folder.part.shards(num_shards)
    # Else a part that is slow at it would take back what another has rendered again by then.
    with turn(folder):
        marked = _take_marks(folder, run.observer, asked if folder.is_durable else None)
    manifests, damages = committed_shards(folder, record.plan, record.fingerprint, asked)
    # Of what is durable no power cut has taken anything.
    boots = Boots(_here(folder), () if folder.is_durable else manifests.values())
    unchecked = set(manifests) if marked is None else boots.unchecked(folder)
    committed = Committed(folder, record, manifests, frozenset(unchecked))
    damages += check_all(committed, workers, stop)
    if folder.part is None:
        of_tables = check_tables(folder, record, manifests)
        if any(damage.path == SUCCESS for damage in of_tables):
            # Manifests that are not those of the run that was finished: which, rows tell.
            damages += check_closely(folder, record, manifests.values(), between=stop.check)
        damages += of_tables
    _take_back(run, damages)
    if not folder.is_durable:
        boots.note(folder)
    damaged = {damage.shard for damage in damages}
    return {index: each for index, each in manifests.items() if index not in damaged}


def _here(folder: OutputFolder) -> Here:
    return Here(
        host=socket.gethostname(),
        boot_id=current_boot_id(),
        booted_s=time.time() - time.clock_gettime(time.CLOCK_BOOTTIME),
        has_folder_alone=is_local(folder.absolute_path),
    )


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


def _take_marks(
    folder: OutputFolder, observer: Observer, among: Collection[int] | None
) -> frozenset[int] | None:
    """Take back shards that ``verify`` marked, and return them; None if that can't be read."""
    try:
        return take_damaged_marks(folder, among)
    except DamageError as error:
        observer.note(f"{error}: every picture is checked instead")
        if folder.part is None:  # others' shards are still to be checked
            folder.remove_file(DAMAGED)
        return None
