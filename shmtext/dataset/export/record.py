"""``.shmtext-export.json``: which run a folder is an export of, to what, and whether it is whole.

Written before anything else and again when all is done. A second start finds it, and another run,
format or option is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from shmtext.canonical import differences
from shmtext.dataset.export.base import WORK, Options
from shmtext.dataset.folder import STAGE, OutputFolder
from shmtext.dataset.reading import StoredRun
from shmtext.dataset.sealed import check_types, seal, unseal
from shmtext.errors import FolderError

RECORD = ".shmtext-export.json"
VERSION = 1
_NOBODYS = {STAGE, "lost+found"}
_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "version": int,
    "identity": dict,
    "counts": (dict, type(None)),
}


@dataclass(frozen=True, slots=True)
class Counts:
    """What a finished export holds; equal exports, equal values."""

    num_images: Mapping[str, int]
    """By split."""
    image_bytes: int
    left_out: Mapping[str, int]
    """Pictures that the format can't hold, by the reason."""
    num_escaped: int
    """Texts that stand there with backslashes."""


def identity_of(run: StoredRun, to: str, options: Options) -> dict[str, Any]:
    """All that decides an export's bytes."""
    return {"run": run.digest, "format": to, **options.as_json()}


def begin(folder: OutputFolder, identity: Mapping[str, Any]) -> Counts | None:
    """Take the folder for an export; what it holds where that is there already, and whole.

    Raises ``FolderError`` where something else is in it.
    """
    data = folder.read_file(RECORD)
    if data is None:
        _refuse_foreign_files(folder)
        remove_work(folder)  # of no export: the record comes first
        _write(folder, identity, None)
        return None
    what = str(folder.path / RECORD)
    value = unseal(data, what, VERSION)
    check_types(what, value, _TYPES)
    if lines := differences(identity, value["identity"]):
        raise FolderError(
            f"{folder.path} holds another export ({'; '.join(lines)}): give the same run and "
            "options to continue it, or choose another folder"
        )
    return None if value["counts"] is None else Counts(**value["counts"])


def finish(folder: OutputFolder, identity: Mapping[str, Any], counts: Counts) -> None:
    """Declare an export whole, durably."""
    _write(folder, identity, counts)


def remove_work(folder: OutputFolder) -> None:
    """Remove what an export has no more use for once it is whole."""
    folder.remove_tree(WORK)
    folder.remove_tree(STAGE)


def _write(folder: OutputFolder, identity: Mapping[str, Any], counts: Counts | None) -> None:
    told = None if counts is None else asdict(counts)
    value = {"version": VERSION, "identity": identity, "counts": told}
    folder.write_file(RECORD, seal(value, readable=True), sync=True)


def _refuse_foreign_files(folder: OutputFolder) -> None:
    names = {name for name in folder.list_names() if name[0] != "."} - _NOBODYS
    if names:
        raise FolderError(
            f"{folder.path} is not empty and holds no export (it has {min(names)!r}): choose an "
            "empty or a new folder"
        )
