"""The destination whose shards are there already: a worker looks at each, and draws nothing.

It answers whether a shard is whole. What is wrong with one that is not, the main process finds out
and tells: a message has no room for the names of many pictures.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self

from shmtext.dataset import locks
from shmtext.dataset.check import checking
from shmtext.dataset.damage import Damage
from shmtext.dataset.folder import FolderSpec, OutputFolder
from shmtext.dataset.manifest import Manifest, committed_manifest
from shmtext.dataset.plan import Shard
from shmtext.dataset.record import RunRecord
from shmtext.draw.settings import RenderSettings
from shmtext.engine.progress import ShardDone


@dataclass(frozen=True, slots=True)
class CheckDestination:
    """A run's folder, and which of its shards are looked at byte by byte."""

    spec: FolderSpec
    record: RunRecord
    with_checksums: frozenset[int]

    @classmethod
    def of(cls, folder: OutputFolder, record: RunRecord, with_checksums: frozenset[int]) -> Self:
        """Describe a folder that this process has open."""
        return cls(folder.spec, record, with_checksums)

    def sink(self, _settings: RenderSettings, _worker: int) -> CheckSink:
        """Open the folder for a worker, sharing its lock.

        Raises ``StorageError`` where it is not, or not any more, what it was.
        """
        with ExitStack() as stack:
            folder = stack.enter_context(locks.join(self.spec))
            check = stack.enter_context(checking(folder, self.record))
            return CheckSink(self, folder, check, stack.pop_all())


@dataclass(frozen=True, slots=True, eq=False)
class CheckSink:
    """A run's folder, held open to look at shards."""

    destination: CheckDestination
    folder: OutputFolder
    damages: Callable[[Manifest, bool], list[Damage]]
    opened: ExitStack

    def shard(self, start: int, stop: int) -> Shard:
        """The shard of these examples. Raises ``ValueError`` where they are none."""
        return self.destination.record.plan.shard_of(start, stop)

    def close(self) -> None:
        """Let go of the folder."""
        self.opened.close()

    def check(self, shard: Shard) -> ShardDone:
        """Look at a shard; say what it comes to, which is nothing where it is not whole."""
        record = self.destination.record
        manifest = committed_manifest(self.folder, shard, record.fingerprint)
        checksums = shard.index in self.destination.with_checksums
        if manifest is None or self.damages(manifest, checksums):
            return ShardDone(shard.index, 0, 0, 0, 0, 0)
        return ShardDone.of(manifest)
