"""All of a run's committed shards checked: by this process, or by its workers where that is much.

Workers hand back which shards are whole; all others are looked at here, where what is wrong is
told. What a check is stands in ``dataset/check.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass

from shmtext.dataset.check import check_shards
from shmtext.dataset.damage import Damage
from shmtext.dataset.folder import OutputFolder
from shmtext.dataset.manifest import Manifest
from shmtext.dataset.record import RunRecord
from shmtext.engine.stop import StopRequest
from shmtext.engine.supervisor import Workers
from shmtext.engine.task import ShardQueue
from shmtext.engine.to_check import CheckDestination

MANY_PICTURES = 200_000
"""To be looked at: about what one process does while workers import their libraries."""


@dataclass(frozen=True, slots=True, eq=False)
class Committed:
    """What a folder holds, as its manifests say."""

    folder: OutputFolder
    record: RunRecord
    manifests: Mapping[int, Manifest]
    with_checksums: frozenset[int]
    """Shards of which every byte is to be looked at."""

    @property
    def num_pictures(self) -> int:
        """Pictures to be looked at one by one."""
        are_files = self.record.container.name == "files"
        return sum(
            manifest.num_rows
            for index, manifest in self.manifests.items()
            if are_files or index in self.with_checksums
        )


def check_all(committed: Committed, workers: Workers | None, stop: StopRequest) -> list[Damage]:
    """Hold all shards' files against their manifests.

    Raises ``InterruptedRunError`` when asked to stop, ``StorageError`` where something can't be
    looked at, and ``WorkersError``.
    """
    folder, record, manifests = committed.folder, committed.record, committed.manifests
    left = dict(manifests)
    if workers is not None and committed.num_pictures > MANY_PICTURES:
        shards = (record.plan.shard(index) for index in manifests)
        work = ShardQueue(shards, record.plan.num_examples)
        to_check = CheckDestination.of(folder, record, committed.with_checksums)
        with closing(workers.run(to_check, work, stop, lambda: False)) as reports:
            for done in reports:
                # Of a shard that is not whole nothing is said.
                if done is not None and done.num_images + done.num_skipped + done.num_failed:
                    left.pop(done.shard, None)
        stop.check()
    return check_shards(folder, record, left.values(), committed.with_checksums, stop.check)
