"""Who may write to an output folder at once: whole runs, parts of one run, and their workers.

    .lock                    a whole run (or an export, or a join) alone; parts share it
    .lock.2-of-16            part 2/16 alone
    .lock.parts              a part that starts, for moments, one at a time
    .workers.lock            shared by the workers of a whole run
    .workers.lock.2-of-16    by those of part 2/16

The workers of a process that was killed may outlive it by a moment: whoever takes over their
shards waits until the last has let go of its lock. On file systems without locks nothing is held,
and ``lock_note`` tells so; commits can be repeated all the same. What a lock is, ``folder.py``
knows.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from shmtext.dataset.folder import FolderSpec, OutputFolder
from shmtext.dataset.opening import open_again
from shmtext.errors import FolderError
from shmtext.parts import Part, names_by_part

RUN_LOCK = ".lock"
WORKERS_LOCK = ".workers.lock"
_PARTS_LOCK = f"{RUN_LOCK}.parts"

ORPHANS_DEADLINE_S = 10.0
"""Workers notice the death of their main process at the next batch, far sooner than this."""
_DEADLINE_S = 0.2
"""Long enough to outlast the moment in which somebody asks who has a lock, or ends."""
_TURN_DEADLINE_S = 60.0
"""For a thousand parts that are started at once, one after the other."""


def lock(folder: OutputFolder) -> None:
    """Take for this process what is written through ``folder``, until that is closed or the process
    ends: the whole of it, or the shards of its part.

    Raises ``FolderError`` where others write there: to a part, where a whole run does, or the same
    part, or one of another number of parts, whose shards are partly the same.
    """
    if folder.is_durable:
        return  # in a bucket there are no locks: manifests are created once
    if folder.part is None:
        _lock_whole(folder)
    else:
        _lock_part(folder, folder.part)


def _lock_whole(folder: OutputFolder) -> None:
    lock = folder.hold_lock(RUN_LOCK, is_shared=False, deadline_s=_DEADLINE_S)
    if lock is None:
        others = ", ".join(holders(folder)) or "unknown process"
        raise FolderError(
            f"another run is writing to {folder.path} ({others}): wait for it or choose another "
            "folder"
        )
    lock.say(_this_process())
    _await_workers(folder, [WORKERS_LOCK, *_of_parts(folder, WORKERS_LOCK).values()])
    # Whoever makes one of these shares the lock that is held here.
    for prefix in (RUN_LOCK, WORKERS_LOCK):
        for name in _of_parts(folder, prefix).values():
            folder.remove_file(name)
    folder.remove_file(_PARTS_LOCK)


def _lock_part(folder: OutputFolder, part: Part) -> None:
    if folder.hold_lock(RUN_LOCK, is_shared=True, deadline_s=_DEADLINE_S) is None:
        whole = folder.lock_holder(RUN_LOCK) or "unknown process"
        raise FolderError(
            f"another run is writing to {folder.path}, and no part of one ({whole}): wait for it "
            "or choose another folder"
        )
    with turn(folder):
        _take_part(folder, part)
    orphans = [
        name
        for other, name in _of_parts(folder, WORKERS_LOCK).items()
        if other == part or other.num_parts != part.num_parts
    ]
    _await_workers(folder, [WORKERS_LOCK, *orphans])


def _take_part(folder: OutputFolder, part: Part) -> None:
    for other, other_lock in _of_parts(folder, RUN_LOCK).items():
        if other.num_parts == part.num_parts:
            continue
        if holder := folder.lock_holder(other_lock, _DEADLINE_S):
            raise FolderError(
                f"part {other} of the run in {folder.path} is being rendered ({holder}), which has "
                f"shards of {part}: wait until all parts of {other.num_parts} have ended, or "
                f"render a part of {other.num_parts}"
            )
    lock = folder.hold_lock(_name(RUN_LOCK, part), is_shared=False, deadline_s=_DEADLINE_S)
    if lock is None:
        holder = folder.lock_holder(_name(RUN_LOCK, part)) or "unknown process"
        raise FolderError(
            f"part {part} of the run in {folder.path} is being rendered ({holder}): wait for it"
        )
    lock.say(_this_process())


@contextmanager
def turn(folder: OutputFolder) -> Iterator[None]:
    """Have what is done to others' shards done by one part at a time; a whole run has no others."""
    if folder.part is None or folder.is_durable:
        yield
        return
    lock = folder.hold_lock(_PARTS_LOCK, is_shared=False, deadline_s=_TURN_DEADLINE_S)
    if lock is None:
        raise FolderError(
            f"{folder.path / _PARTS_LOCK} has been held for {_TURN_DEADLINE_S:.0f} s by another "
            "part that is started: see whether that one hangs, and start this one again"
        )
    try:
        yield
    finally:
        folder.let_go_of(lock)


def join(spec: FolderSpec) -> OutputFolder:
    """Open a folder that a worker's main process has open, and share its lock.

    Raises ``StorageError`` where it is not, or not any more, what it was.
    """
    with ExitStack() as undo:
        folder = open_again(spec)
        undo.callback(folder.close)
        share_worker_lock(folder)
        undo.pop_all()
    return folder


def share_worker_lock(folder: OutputFolder) -> None:
    """Say that a worker writes here, until the folder is closed or the process ends."""
    if folder.is_durable:
        return
    name = _name(WORKERS_LOCK, folder.part)
    if folder.hold_lock(name, is_shared=True, deadline_s=_DEADLINE_S) is None:
        raise FolderError(f"another run has taken {folder.path}: this worker came too late")


def holders(folder: OutputFolder) -> list[str]:
    """Who writes to the folder, such as ``process 17 on host``; of parts, in their order, such as
    ``part 2/16: process 4 on other``.
    """
    if folder.is_durable:
        return []
    whole = folder.lock_holder(RUN_LOCK)
    if whole is not None:
        return [whole]
    found = []
    for part, name in sorted(_of_parts(folder, RUN_LOCK).items()):
        holder = folder.lock_holder(name)
        if holder is not None:
            found.append(f"part {part}: {holder}")
    return found


def lock_note(folder: OutputFolder) -> str:
    """What is said of a folder in which nothing can be locked; empty elsewhere."""
    if not folder.lacks_locks:
        return ""
    return (
        f"the file system that holds {folder.path} has no locks ({folder.lacks_locks}): nothing "
        "keeps a second run from writing there; see to it that none does"
    )


def _this_process() -> str:
    return f"process {os.getpid()} on {socket.gethostname()}"


def _name(lock: str, part: Part | None) -> str:
    return lock if part is None else f"{lock}.{part.name}"


def _of_parts(folder: OutputFolder, lock: str) -> dict[Part, str]:
    """The locks of this kind that parts have, or had, by part."""
    return names_by_part(folder.list_names(), lock)


def _await_workers(folder: OutputFolder, names: list[str]) -> None:
    for name in names:
        lock = folder.hold_lock(name, is_shared=False, deadline_s=ORPHANS_DEADLINE_S)
        if lock is None:
            raise FolderError(
                f"workers of a run that was killed still write to {folder.path} after "
                f"{ORPHANS_DEADLINE_S:.0f} s: end them, then run the same command again"
            )
        folder.let_go_of(lock)
