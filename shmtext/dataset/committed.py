"""What a run has committed so far, read back shard by shard: finished, under way or cut short.

A look at one moment: shards that are committed later are not in it. What a finished run's label
table says is ``reading.py``'s.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from shmtext.corpus.ranges import Ints, seams
from shmtext.dataset.containers.base import PictureReader
from shmtext.dataset.damage import Damage
from shmtext.dataset.folder import OutputFolder
from shmtext.dataset.fragment import SkippedRow
from shmtext.dataset.manifest import Manifest, committed_shards, read_labels, read_skipped
from shmtext.dataset.merge import read_success
from shmtext.dataset.opening import open_folder
from shmtext.dataset.places import RunPlace
from shmtext.dataset.reading import LabelRow, whole
from shmtext.dataset.record import RunRecord, require_record
from shmtext.errors import DamageError


@dataclass(frozen=True, slots=True, eq=False)
class StoredPicture:
    """A label row, and the encoded picture that it names."""

    row: LabelRow
    data: bytes


@dataclass(frozen=True, slots=True, eq=False)
class CommittedRun:
    """A run's committed shards. Reading raises ``DamageError`` for what is not as committed."""

    folder: OutputFolder
    record: RunRecord
    manifests: tuple[Manifest, ...]
    """In the order of shards."""
    damages: tuple[Damage, ...]
    """Manifests that are not valid."""

    @property
    def is_finished(self) -> bool:
        """Whether there is a label table of all shards, as far as its record can be read."""
        try:
            return read_success(self.folder) is not None
        except DamageError:
            return False

    @property
    def num_images(self) -> int:
        """In all of them; likewise the next two."""
        return sum(each.num_rows for each in self.manifests)

    @property
    def num_skipped(self) -> int:
        """Known not to be drawable."""
        return sum(each.num_skipped for each in self.manifests)

    @property
    def num_failed(self) -> int:
        """Tried, and went wrong."""
        return sum(each.num_failed for each in self.manifests)

    @property
    def image_bytes(self) -> int:
        """Sizes of all pictures together."""
        return sum(each.image_bytes for each in self.manifests)

    def labels(self, manifest: Manifest) -> pa.Table:
        """A shard's label rows."""
        shard = self.record.plan.shard(manifest.shard)
        return read_labels(self.folder, shard, manifest, self.record.schema)

    def pictures(
        self, manifest: Manifest, rows: Ints
    ) -> tuple[list[StoredPicture], list[SkippedRow]]:
        """Some of a shard's pictures, by the numbers of their rows in the shard.

        Those that are not what was committed are told beside them, with what is wrong.
        """
        pictures: list[StoredPicture] = []
        damaged: list[SkippedRow] = []
        with ExitStack() as stack:
            reader: PictureReader | None = None
            for row in self.labels(manifest).take(pa.array(rows)).to_pylist():
                try:
                    if reader is None:
                        shard = self.record.plan.shard(manifest.shard)
                        opened = self.record.container.opened(self.folder, shard)
                        reader = stack.enter_context(opened)
                    pictures.append(StoredPicture(row, whole(reader, row)))
                except DamageError as error:
                    damaged.append(_damaged(row, error))
        return pictures, damaged

    def at(self, pictures: Ints) -> Iterator[tuple[Manifest, Ints]]:
        """In which shard some pictures are, and which of its rows they have.

        ``pictures`` are numbers among all that are committed, ascending.
        """
        starts = seams(np.array([each.num_rows for each in self.manifests], np.int64))
        shards = np.searchsorted(starts, pictures, side="right") - 1
        for shard in np.unique(shards).tolist():
            yield self.manifests[shard], pictures[shards == shard] - starts[shard]

    def lost(self, manifest: Manifest) -> pa.Table | None:
        """The rows of a shard's examples that have no picture; None where all have one."""
        shard = self.record.plan.shard(manifest.shard)
        return read_skipped(self.folder, shard, manifest)

    def without_picture(self, manifest: Manifest) -> list[SkippedRow]:
        """A shard's examples that have no picture, in order."""
        table = self.lost(manifest)
        return [] if table is None else [SkippedRow(**row) for row in table.to_pylist()]


def _damaged(row: LabelRow, error: DamageError) -> SkippedRow:
    return SkippedRow(
        example_index=row["example_index"],
        text=row["text"],
        font=row.get("font"),
        font_size_px=row.get("font_size_px"),
        reason=str(error),
        failed=True,
    )


@contextmanager
def open_committed(place: RunPlace) -> Iterator[CommittedRun]:
    """Open what is committed of the run in ``place``. Raises ``FolderError`` where none is."""
    with open_folder(place, create=False) as folder:
        record = require_record(folder)
        manifests, damages = committed_shards(folder, record.plan, record.fingerprint)
        yield CommittedRun(folder, record, tuple(manifests.values()), tuple(damages))
