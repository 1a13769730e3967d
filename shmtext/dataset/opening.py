"""Opens the place of a run, whichever it is.

What is done there is the folder's: ``folder.py``, and ``bucket.py`` for buckets.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from shmtext.dataset.folder import FolderSpec, OutputFolder, gone
from shmtext.dataset.places import RunPlace, StoreUrl
from shmtext.errors import FolderError
from shmtext.parts import Part

if TYPE_CHECKING:
    from shmtext.dataset.bucket import BucketFolder


def open_folder(place: RunPlace, *, create: bool, part: Part | None = None) -> OutputFolder:
    """Open the place of a run, whichever it is; the folder itself must not be a link."""
    if isinstance(place, StoreUrl):
        return _buckets().begin(place, part)
    return OutputFolder.open(place, create, part)


def open_again(spec: FolderSpec) -> OutputFolder:
    """Open a folder that another process of this machine has open.

    Raises ``StorageError`` where it is not, or not any more, what it was.
    """
    try:
        if spec.url is not None:
            folder: OutputFolder = _buckets()(spec.url, Path(spec.path), spec.part)
        else:
            folder = OutputFolder.open(Path(spec.path), create=False, part=spec.part)
    except FolderError as error:
        # The main process holds the folder open: a worker that does not find it is told too late.
        raise gone(spec.path) from error
    with ExitStack() as undo:
        undo.callback(folder.close)
        folder.check_is(spec)
        undo.pop_all()
    return folder


def _buckets() -> type[BucketFolder]:
    # Imported here: ``asyncio`` alone takes 30 ms, of commands and of workers as they start.
    from shmtext.dataset.bucket import BucketFolder  # noqa: PLC0415

    return BucketFolder
