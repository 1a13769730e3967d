"""``run.json``: what the run in a folder is, written once and never changed.

It holds all that readers must know to find pictures and labels, and nothing that differs between
equal runs, so no time, host or worker. What of the run is done stands in the manifests.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shmtext.canonical import canonical_json, differences, fingerprint
from shmtext.dataset.columns import LabelSchema
from shmtext.dataset.containers import open_container
from shmtext.dataset.containers.base import Container
from shmtext.dataset.folder import STAGE, OutputFolder
from shmtext.dataset.plan import Plan
from shmtext.dataset.sealed import check_types, seal, unseal
from shmtext.errors import ConfigError, DamageError, FolderError, VersionError

RECORD = "run.json"
RECORD_VERSION = 2
_TYPES = {
    "version": int,
    "identity": dict,
    "fingerprint": str,
    "num_examples": int,
    "examples_per_shard": int,
    "container": str,
    "extension": str,
    "columns": list,
}
_NOBODYS = {STAGE, "lost+found"}
"""What a run stopped before it wrote its record, and a new file system, leave behind."""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """Everything that decides a run's bytes, and how they lie in its folder."""

    identity: Mapping[str, Any]
    """Settings, digests of inputs and versions; JSON values only, tuples become lists."""
    plan: Plan
    container: Container
    schema: LabelSchema
    """Of the label table."""
    fingerprint: str = field(init=False)
    """Hash of the identity."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "identity", _as_json(self.identity))
        object.__setattr__(self, "fingerprint", fingerprint(self.identity))


def write_record(
    folder: OutputFolder, record: RunRecord, defaults: Mapping[str, Any] | None = None
) -> None:
    """Write ``run.json``, durable when this returns, unless it is there already, as another part of
    the run began earlier; one that is damaged is replaced.

    Raises ``FolderError``, as ``refuse_difference`` does, where another run began earlier.
    """
    value = {
        "version": RECORD_VERSION,
        "identity": record.identity,
        "fingerprint": record.fingerprint,
        "num_examples": record.plan.num_examples,
        "examples_per_shard": record.plan.examples_per_shard,
        "container": record.container.name,
        "extension": record.container.extension,
        "columns": record.schema.as_json(),
    }
    data = seal(value, readable=True)
    if not folder.write_new_file(RECORD, data) and standing_record(folder) is None:
        folder.write_file(RECORD, data, sync=True)
    refuse_difference(require_record(folder), record, defaults)


def refuse_files_in_bucket(folder: OutputFolder, container: str) -> None:
    """Raise ``ConfigError`` where each picture would be an object of its own."""
    if folder.is_durable and container == "files":
        raise ConfigError(
            f"{folder.path} would get an object for each picture, which takes long and costs much: "
            "choose container tar or parquet"
        )


def standing_record(folder: OutputFolder) -> RunRecord | None:
    """Read ``run.json``; None where there is none, or one that is damaged."""
    try:
        return read_record(folder)
    except VersionError:
        raise
    except DamageError:
        return None


def read_record(folder: OutputFolder) -> RunRecord | None:
    """Read ``run.json``; None where there is none, ``DamageError`` where it isn't as written."""
    data = folder.read_file(RECORD)
    if data is None:
        return None
    what = str(folder.path / RECORD)
    value = unseal(data, what, RECORD_VERSION)
    check_types(what, value, _TYPES)
    try:
        num_examples, identity = value["num_examples"], value["identity"]
        container = open_container(value["container"], num_examples, value["extension"])
        schema = LabelSchema.from_json(value["columns"])
        record = RunRecord(identity, Plan(num_examples), container, schema)
    except (ConfigError, TypeError, AttributeError) as error:
        raise DamageError(f"{what} is damaged: {error}") from error
    if record.fingerprint != value["fingerprint"]:
        raise DamageError(f"{what} is damaged: its fingerprint is not that of its settings")
    if record.plan.examples_per_shard != value["examples_per_shard"]:
        raise DamageError(
            f"{what} tells of shards of {value['examples_per_shard']} examples, this shmtext makes "
            f"them of {record.plan.examples_per_shard}: use the version that wrote it"
        )
    return record


def require_record(folder: OutputFolder) -> RunRecord:
    """Read ``run.json``; ``FolderError`` where there is none."""
    record = read_record(folder)
    if record is None:
        raise FolderError(f"{folder.path} holds no run: it has no {RECORD}")
    return record


def refuse_difference(
    record: RunRecord, wanted: RunRecord, defaults: Mapping[str, Any] | None = None
) -> None:
    """Raise unless the folder's run is the one asked for, and say key by key how they differ.

    ``defaults`` are what keys stand for that an identity lacks.
    """
    lines = differences(wanted.identity, record.identity, defaults)
    if not record.schema.is_like(wanted.schema):
        lines = [*lines, "its label table has other columns"]
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
