"""The commit of a shard, and finding out what is committed.

*A shard is committed if and only if its manifest exists and is valid.* The manifest is therefore
the last thing written and the first removed, each made durable before anything that relies on it:

    commit      images/00042/  ->  fragments/00042.parquet  ->  fragments/00042.json
    uncommit    fragments/00042.json, then whatever

A manifest also says who rendered the shard, where and how fast: the only part of a run's output
that differs between equal runs. Rows are read back only as the manifest vouches for them; whether
the pictures are still what was committed is ``check.py``'s.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from shmtext.dataset.columns import LabelSchema
from shmtext.dataset.containers.base import StagedShard, StoredSum
from shmtext.dataset.damage import Damage
from shmtext.dataset.folder import ManyReader, OutputFolder
from shmtext.dataset.fragment import SKIPPED, Fragment, read_fragment
from shmtext.dataset.many import look_at_all
from shmtext.dataset.plan import Plan, Shard, shard_name
from shmtext.dataset.sealed import check_types, seal, unseal, unseal_many
from shmtext.errors import DamageError, StorageError

FRAGMENTS = "fragments"

Content: TypeAlias = tuple[str, int, int | None]
"""Sums of a shard's pictures, label rows and skipped rows."""
_END_OF_TIME_S = 1e12
"""No time is so late; infinity, NaN and integers that no float holds fail the comparison, too."""
MANIFEST_VERSION = 2
OTHER_SETTINGS = "is of a run with other settings"
NOBODYS = "is the manifest of no shard of this run: remove it"


@dataclass(frozen=True, slots=True)
class Origin:
    """Who rendered a shard of which run, and how; its last three change with each shard."""

    fingerprint: str
    worker: int
    host: str
    boot_id: str | None
    """See ``current_boot_id``."""
    num_alone: int
    """Pictures that were drawn one at a time, as no batch could be sure of them."""
    seconds: float
    """From the shard's first example to its commit."""
    finished_at: float
    """Unix time."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """One shard's commit record."""

    version: int
    shard: int
    start: int
    stop: int
    num_rows: int
    num_skipped: int
    num_failed: int
    image_bytes: int
    fingerprint: str
    images_digest: str
    fragment_bytes: int
    fragment_crc32: int
    skipped_bytes: int | None
    """None, as ``skipped_crc32``, where every example of the shard has a picture."""
    skipped_crc32: int | None
    worker: int
    host: str
    boot_id: str | None
    num_alone: int
    seconds: float
    finished_at: float
    stored_bytes: int | None = None
    """See ``StoredSum``. None, as ``stored_crc32``, where one file would hold all pictures, and
    there are none; in older manifests also where each is a file. Then neither stands in the JSON.
    """
    stored_crc32: int | None = None

    def __post_init__(self) -> None:
        num_examples = self.stop - self.start
        if (
            self.num_rows + self.num_skipped + self.num_failed != num_examples
            or min(self.num_rows, self.num_skipped, self.num_failed, self.num_alone) < 0
            or self.num_alone > num_examples
            or (self.num_rows == num_examples) != (self.skipped_bytes is None)
            or (self.skipped_bytes is None) != (self.skipped_crc32 is None)
            or (self.stored_bytes is None) != (self.stored_crc32 is None)
            or not (abs(self.seconds) < _END_OF_TIME_S and abs(self.finished_at) < _END_OF_TIME_S)
        ):
            raise DamageError(f"the manifest of shard {self.shard} contradicts itself")

    @property
    def stored(self) -> StoredSum | None:
        """What is committed of all pictures together."""
        if self.stored_bytes is None or self.stored_crc32 is None:
            return None
        return StoredSum(self.stored_bytes, self.stored_crc32)

    @property
    def content(self) -> Content:
        """Sums of all pictures and rows: whoever rendered the shard, they are the same."""
        return self.images_digest, self.fragment_crc32, self.skipped_crc32

    def as_json(self) -> dict[str, Any]:
        """As it stands in its file."""
        values = asdict(self)
        if self.stored is None:
            for key in _STORED:
                del values[key]
        return values


_TYPES: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("version", "shard", "start", "stop"), int),
    **dict.fromkeys(("num_rows", "num_skipped", "num_failed", "image_bytes"), int),
    **dict.fromkeys(("fingerprint", "images_digest", "host"), str),
    **dict.fromkeys(("fragment_bytes", "fragment_crc32", "worker", "num_alone"), int),
    **dict.fromkeys(("skipped_bytes", "skipped_crc32"), (int, type(None))),
    "boot_id": (str, type(None)),
    **dict.fromkeys(("seconds", "finished_at"), (int, float)),
}
_STORED: dict[str, type] = dict.fromkeys(("stored_bytes", "stored_crc32"), int)
_TYPES_WITH_SUM = _TYPES | _STORED
_FIELDS = tuple(field.name for field in fields(Manifest))


def labels_name(shard: int) -> str:
    """Where a shard's label rows are."""
    return f"{FRAGMENTS}/{shard_name(shard)}.parquet"


def skipped_name(shard: int) -> str:
    """Where a shard's skipped rows are, if it has any."""
    return f"{FRAGMENTS}/{shard_name(shard)}.skipped.parquet"


def manifest_name(shard: int) -> str:
    """Where a shard's manifest is."""
    return f"{FRAGMENTS}/{shard_name(shard)}.json"


def commit_shard(
    folder: OutputFolder, sink: StagedShard, fragment: Fragment, origin: Origin
) -> Manifest:
    """Publish a rendered shard. Returns once that would survive a power cut of the manifest."""
    shard = fragment.shard
    if sink.shard != shard:
        raise ValueError(f"pictures of shard {sink.shard.index}, labels of shard {shard.index}")
    folder.make_folder(FRAGMENTS)
    # A shard may be rendered twice (its first worker was taken for dead).
    there = make_way(folder, shard, origin.fingerprint)
    if there is not None:
        return equal_manifest(there, _content_of(fragment))
    stored = sink.publish(fragment.rows)
    manifest = Manifest(
        version=MANIFEST_VERSION,
        shard=shard.index,
        start=shard.start,
        stop=shard.stop,
        num_rows=fragment.num_rows,
        num_skipped=fragment.num_skipped,
        num_failed=fragment.num_failed,
        image_bytes=fragment.image_bytes,
        images_digest=fragment.images_digest,
        fragment_bytes=len(fragment.labels),
        fragment_crc32=zlib.crc32(fragment.labels),
        skipped_bytes=None if fragment.skipped is None else len(fragment.skipped),
        skipped_crc32=None if fragment.skipped is None else zlib.crc32(fragment.skipped),
        **asdict(origin),
        stored_bytes=None if stored is None else stored.num_bytes,
        stored_crc32=None if stored is None else stored.crc32,
    )
    folder.write_file(labels_name(shard.index), fragment.labels, sync=False)
    if fragment.skipped is None:
        folder.remove_file(skipped_name(shard.index))
    else:
        folder.write_file(skipped_name(shard.index), fragment.skipped, sync=False)
    return write_manifest(folder, manifest)


def make_way(folder: OutputFolder, shard: Shard, fingerprint: str) -> Manifest | None:
    """Before a shard's files are written: have no manifest vouch for them.

    Where files are replaced one by one, they are neither the old ones nor the new until the end.
    Objects are whole at any time, and others may be at work: a valid manifest stays, and is
    returned, as nothing that it stands for may be replaced.
    """
    if folder.is_durable:
        try:
            there = read_manifest(folder, shard)
        except DamageError:
            there = None
        else:
            if there is None or not _why_not_of(there, shard, fingerprint):
                return there
    uncommit(folder, shard.index)
    return None


def write_manifest(folder: OutputFolder, manifest: Manifest) -> Manifest:
    """Commit a shard whose files are in place, and return the manifest that stands.

    That is an equal one, where another machine came first. Raises ``StorageError`` where that one's
    differs: as its objects may have been replaced by ours, the shard is taken back.
    """
    name = manifest_name(manifest.shard)
    data = seal(manifest.as_json(), readable=False)
    there = folder.commit_file(name, data)
    if there == data:
        return manifest
    theirs = parse_manifest(there, name)
    if theirs.content != manifest.content:
        uncommit(folder, manifest.shard)
    return equal_manifest(theirs, manifest.content)


def equal_manifest(theirs: Manifest, content: Content) -> Manifest:
    """The manifest of whoever committed a shard before; ``StorageError`` if that differs."""
    if theirs.content != content:
        raise StorageError(
            f"shard {theirs.shard} was committed by {theirs.host} meanwhile, with other pictures "
            "or labels: a worker of one of them could not draw what the other could, or a machine "
            "is faulty; run the same command again, and see what `shmtext verify --checksums` says"
        )
    return theirs


def _content_of(fragment: Fragment) -> Content:
    skipped_crc32 = None if fragment.skipped is None else zlib.crc32(fragment.skipped)
    return fragment.images_digest, zlib.crc32(fragment.labels), skipped_crc32


def uncommit(folder: OutputFolder, shard: int) -> None:
    """Take back a shard's commit, if there is one; its other files stay until overwritten."""
    if folder.remove_file(manifest_name(shard)):
        folder.sync_folder(FRAGMENTS)


def read_manifest(folder: OutputFolder, shard: Shard | int) -> Manifest | None:
    """A shard's manifest; None where it is not committed, ``DamageError`` where it isn't valid."""
    name = manifest_name(shard if isinstance(shard, int) else shard.index)
    data = folder.read_file(name)
    return None if data is None else parse_manifest(data, name)


def parse_manifest(data: bytes, what: str) -> Manifest:
    """Read a manifest's bytes strictly: version, keys, types, checksum."""
    return _manifest(unseal(data, what, MANIFEST_VERSION), what)


def committed_manifest(folder: OutputFolder, shard: Shard, fingerprint: str) -> Manifest | None:
    """A shard's manifest; None where there is none that is valid and of this run."""
    try:
        manifest = read_manifest(folder, shard)
    except DamageError:
        return None
    if manifest is None or _why_not_of(manifest, shard, fingerprint):
        return None
    return manifest


def committed_shards(
    folder: OutputFolder, plan: Plan, fingerprint: str, shards: Collection[int] | None = None
) -> tuple[dict[int, Manifest], list[Damage]]:
    """Every valid manifest of this run, in shard order, and those that are not valid.

    Looks at manifests alone, a twentieth of a millisecond each: those of ``shards``, and of all
    where that is None. A damaged one counts as none.
    """
    names = sorted(
        (name for name in folder.list_names(FRAGMENTS) if name.endswith(".json")),
        key=lambda name: (len(name), name),
    )
    if shards is not None:
        names = [name for name in names if _is_among(shards, _shard_called(name, plan))]
    if not names:
        return {}, []
    with folder.errors_of("read", FRAGMENTS), folder.reading_in(FRAGMENTS) as read:
        chunks = look_at_all(names, partial(_manifests_called, read))
    found = {name: each for chunk in chunks for name, each in chunk.items()}
    manifests: dict[int, Manifest] = {}
    damages: list[Damage] = []
    for name in names:
        path, shard, manifest = f"{FRAGMENTS}/{name}", _shard_called(name, plan), found.get(name)
        if manifest is None:
            continue
        if isinstance(manifest, DamageError):
            wrong = NOBODYS if shard is None else str(manifest).removeprefix(f"{path} ")
        else:
            wrong = _why_not_of(manifest, shard, fingerprint)
            if not wrong:
                manifests[manifest.shard] = manifest
        if wrong:
            damages.append(Damage(None if shard is None else shard.index, path, wrong))
    return manifests, damages


def read_labels(
    folder: OutputFolder, shard: Shard, manifest: Manifest, schema: LabelSchema
) -> pa.Table:
    """A shard's label rows, if they are exactly those it committed; else ``DamageError``."""
    wanted = _FragmentSum(manifest.fragment_bytes, manifest.fragment_crc32, manifest.num_rows)
    return _read_rows(folder, labels_name(shard.index), shard, wanted, schema.arrow)


def read_skipped(folder: OutputFolder, shard: Shard, manifest: Manifest) -> pa.Table | None:
    """A shard's skipped rows, checked like its label rows; None where it has none."""
    if manifest.skipped_bytes is None or manifest.skipped_crc32 is None:
        return None
    num_rows = manifest.num_skipped + manifest.num_failed
    wanted = _FragmentSum(manifest.skipped_bytes, manifest.skipped_crc32, num_rows)
    return _read_rows(folder, skipped_name(shard.index), shard, wanted, SKIPPED)


@cache
def current_boot_id() -> str | None:
    """Which start of the kernel this is; None where that can't be told.

    Files written under another one may have lost what was still in the page cache.
    """
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None


@dataclass(frozen=True, slots=True)
class _FragmentSum:
    """What a manifest says of a fragment."""

    num_bytes: int
    crc32: int
    num_rows: int


def _read_rows(
    folder: OutputFolder, name: str, shard: Shard, wanted: _FragmentSum, schema: pa.Schema
) -> pa.Table:
    prefix = f"shard {shard.index} is damaged: {name}"
    data = folder.read_file(name)
    if data is None:
        raise DamageError(f"{prefix} is missing")
    # Before Parquet's reader sees them: it is not made for bytes that it did not write.
    if len(data) != wanted.num_bytes:
        raise DamageError(f"{prefix} has {len(data):,} bytes, {wanted.num_bytes:,} were committed")
    if zlib.crc32(data) != wanted.crc32:
        raise DamageError(f"{prefix} has another checksum than was committed")
    table = read_fragment(data, schema, name)
    example_index = table["example_index"].to_numpy()
    if (
        len(example_index) != wanted.num_rows
        or np.any(example_index[1:] <= example_index[:-1])
        or np.any((example_index < shard.start) | (example_index >= shard.stop))
    ):
        raise DamageError(f"{prefix} does not hold the rows its manifest says")
    return table


def _manifest(value: dict[str, Any], what: str) -> Manifest:
    has_sum = not _STORED.keys().isdisjoint(value)
    check_types(what, value, _TYPES_WITH_SUM if has_sum else _TYPES)
    # By place: by name, Python would compare each key with half of the fields.
    values: list[Any] = [value.get(name) for name in _FIELDS]
    return Manifest(*values)


def _manifests_called(read: ManyReader, names: Sequence[str]) -> dict[str, Manifest | DamageError]:
    """Read manifests by their names: each, or what is wrong with it. Raises bare ``OSError``."""
    texts: dict[str, bytes] = {}
    found: dict[str, Manifest | DamageError] = {}
    for name, data in zip(names, read(names), strict=True):
        if isinstance(data, DamageError):
            found[name] = data
        elif data is not None:  # else a live run is redoing this shard
            texts[name] = data
    values = unseal_many(list(texts.values()), MANIFEST_VERSION)
    for (name, text), value in zip(texts.items(), values, strict=True):
        path = f"{FRAGMENTS}/{name}"
        try:
            found[name] = parse_manifest(text, path) if value is None else _manifest(value, path)
        except DamageError as error:
            found[name] = error
    return found


def _is_among(shards: Collection[int], shard: Shard | None) -> bool:
    return shard is not None and shard.index in shards


def _shard_called(name: str, plan: Plan) -> Shard | None:
    """The shard whose manifest has this file name; None where no shard's has."""
    stem = name.removesuffix(".json")
    if not (stem.isascii() and stem.isdecimal()) or shard_name(int(stem)) != stem:
        return None
    return plan.shard(int(stem)) if int(stem) < plan.num_shards else None


def _why_not_of(manifest: Manifest, shard: Shard | None, fingerprint: str) -> str:
    """Say what keeps a manifest from being that of ``shard`` (None: of no shard); empty if nothing.

    Another run's is known as such whatever shard of that run it may be.
    """
    if manifest.fingerprint != fingerprint:
        return OTHER_SETTINGS
    if shard is None:
        return NOBODYS
    found = (manifest.shard, manifest.start, manifest.stop)
    wanted = (shard.index, shard.start, shard.stop)
    if found != wanted:
        return f"is of shard {found[0]} ({found[1]} to {found[2]}), expected {wanted}"
    return ""
