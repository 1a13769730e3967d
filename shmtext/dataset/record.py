"""``run.json``: what the run in a folder is, written once and never changed.

It holds nothing that differs between equal runs, so no time, host or worker. What of the run is
done stands in the manifests.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from shmtext.canonical import canonical_json, differences, fingerprint
from shmtext.dataset.folder import STAGE, OutputFolder
from shmtext.dataset.sealed import check_types, seal, unseal
from shmtext.errors import DamageError, FolderError

RECORD = "run.json"
RECORD_VERSION = 1
_TYPES = {
    "version": int,
    "identity": dict,
    "fingerprint": str,
    "num_examples": int,
    "examples_per_shard": int,
}
_NOBODYS = {STAGE, "lost+found"}
"""What a run stopped before it wrote its record, and a new file system, leave behind."""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """Everything that decides a run's bytes, and how they are cut into shards."""

    identity: Mapping[str, Any]
    """Settings, digests of inputs and versions; JSON values only, tuples become lists."""
    fingerprint: str
    """Hash of the identity."""
    num_examples: int
    examples_per_shard: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "identity", _as_json(self.identity))


def write_record(folder: OutputFolder, record: RunRecord) -> None:
    """Write ``run.json``, durable when this returns."""
    value = {"version": RECORD_VERSION, **asdict(record)}
    folder.write_file(RECORD, seal(value, readable=True), sync=True)


def read_record(folder: OutputFolder) -> RunRecord | None:
    """Read ``run.json``; None where there is none, ``DamageError`` where it isn't as written."""
    data = folder.read_file(RECORD)
    if data is None:
        return None
    what = str(folder.path / RECORD)
    value = unseal(data, what, RECORD_VERSION)
    check_types(what, value, _TYPES)
    if fingerprint(value["identity"]) != value["fingerprint"]:
        raise DamageError(f"{what} is damaged: its fingerprint is not that of its settings")
    del value["version"]
    return RunRecord(**value)


def refuse_difference(
    record: RunRecord, identity: Mapping[str, Any], defaults: Mapping[str, Any] | None = None
) -> None:
    """Raise unless the folder's run is the one asked for, and say key by key how they differ.

    ``defaults`` are what keys stand for that an identity lacks.
    """
    lines = differences(_as_json(identity), record.identity, defaults)
    if lines:
        raise FolderError(
            f"the folder holds another run ({'; '.join(lines)}): give the same settings and "
            "versions to continue it, choose another folder, or delete this one to start afresh"
        )


def refuse_foreign_files(folder: OutputFolder) -> None:
    """Raise if a folder without ``run.json`` holds files that no run of ours left there.

    Fragments say that it was a run whose ``run.json`` was lost: its shards can still be used.
    """
    names = {name for name in folder.list_names() if name[0] != "."} - _NOBODYS
    if names and not names & {RECORD, "fragments"}:
        raise FolderError(
            f"{folder.path} is not empty and holds no run (it has {min(names)!r}): choose an "
            "empty or a new folder"
        )


def _as_json(value: Mapping[str, Any]) -> dict[str, Any]:
    as_read: dict[str, Any] = json.loads(canonical_json(value))
    return as_read
