"""What was staged is put where readers look, whatever stands there."""

from __future__ import annotations

import errno

from shmtext.dataset.folder import OutputFolder

BESIDE = "."
"""Begins the name of a copy that is not whole yet, beside what it will be."""

_IN_THE_WAY = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR, errno.EISDIR)


def put_in_place(folder: OutputFolder, source: str, target: str) -> None:
    """Rename a file or a folder to ``target``, a name in a folder. Raises ``StorageError``.

    What a shard left there that was never committed goes.
    """
    above, _, name = target.rpartition("/")
    with folder.errors_of("rename to", target):
        folder.make_folder(above)
        try:
            _move(folder, source, target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            # ``images`` is a mount of its own: from the stage nothing can be renamed to there.
            near = f"{above}/{BESIDE}{name}"
            folder.copy(source, near)
            _move(folder, near, target)


def _move(folder: OutputFolder, source: str, target: str) -> None:
    try:
        folder.rename(source, target)
    except OSError as error:
        if error.errno not in _IN_THE_WAY:
            raise
        # Not renamed out of the way: overlayfs can't do that with a folder of a lower layer.
        folder.remove_tree(target)
        folder.rename(source, target)
