"""The sink that makes a dataset: pictures encoded into a container, label rows, the commit.

Per image there is encoding, one file and a checksum; all else is done once for a shard or a batch.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from shmtext.checksums import crc32
from shmtext.dataset import locks
from shmtext.dataset.folder import FileBytes, FolderSpec, OutputFolder
from shmtext.dataset.fragment import Fragment, PictureRows, build_fragment
from shmtext.dataset.manifest import Origin, commit_shard, current_boot_id
from shmtext.dataset.plan import Shard
from shmtext.dataset.record import RunRecord
from shmtext.draw.batch import Batch
from shmtext.draw.encode import encoder
from shmtext.draw.settings import RenderSettings
from shmtext.draw.texts import ShardTexts
from shmtext.engine.gathered import Gathering
from shmtext.engine.progress import NO_EXAMPLE, ShardDone
from shmtext.engine.shards import InOrder, Order, Watch
from shmtext.engine.task import Task


@dataclass(frozen=True, slots=True)
class DatasetDestination:
    """A run's folder."""

    spec: FolderSpec
    record: RunRecord

    @classmethod
    def of(cls, folder: OutputFolder, record: RunRecord) -> Self:
        """Describe a folder that this process has open."""
        return cls(folder.spec, record)

    def sink(self, settings: RenderSettings, worker: int) -> DatasetSink:
        """Open the folder for a worker, sharing its lock.

        Raises ``StorageError`` where it is not, or not any more, what it was.
        """
        return DatasetSink(locks.join(self.spec), self.record, settings, worker)


@dataclass(frozen=True, slots=True, eq=False)
class DatasetSink:
    """A run's folder, and what the manifests of its shards say."""

    folder: OutputFolder
    record: RunRecord
    settings: RenderSettings
    worker: int

    order: Order = field(default_factory=InOrder)

    def shard(self, start: int, stop: int) -> Shard:
        """The shard of these examples. Raises ``ValueError`` where they are none."""
        return self.record.plan.shard_of(start, stop)

    def close(self) -> None:
        """Let go of the folder."""
        self.folder.close()

    def open(self, task: Task, texts: ShardTexts, watch: Watch) -> DatasetShard:
        """Begin a shard."""
        return DatasetShard(self, task.shard, texts, watch)


class DatasetShard:
    """One shard on its way to its commit."""

    def __init__(self, sink: DatasetSink, shard: Shard, texts: ShardTexts, watch: Watch) -> None:
        self._sink, self._shard, self._texts, self._watch = sink, shard, texts, watch
        self._begin_s = time.monotonic()
        self._undo = ExitStack()
        self._container = sink.record.container
        self._names = self._container.image_names(shard, np.arange(shard.start, shard.stop))
        self._gathering = Gathering(sink.settings, texts)
        self._encode = encoder(sink.settings.output)
        self._num_images = self._num_alone = 0
        # Of each text; 0 where there is no picture.
        self._num_bytes = np.zeros(shard.num_examples, np.int32)
        self._crc32 = np.zeros(shard.num_examples, np.uint32)

    def __enter__(self) -> Self:
        staged = self._container.stage(self._sink.folder, self._shard)
        self._staged = self._undo.enter_context(staged)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._undo.__exit__(kind, error, trace)

    def take(self, batch: Batch) -> None:
        """Encode a batch and write its files."""
        positions, encoded = self._gathering.encoded(batch, self._encode, self._mark)
        self._watch.about_to_draw(NO_EXAMPLE)
        self._write(positions, encoded)
        self._num_bytes[positions] = [len(data) for data in encoded]
        self._crc32[positions] = _checksums(encoded)
        self._gathering.take(batch)
        self._num_images += len(positions)
        self._num_alone += batch.is_alone * len(batch.pictures)
        self._watch.batch_done(self._num_images)

    def commit(self) -> ShardDone:
        """Write the label rows, and publish all of it."""
        sink = self._sink
        # A store may take long to answer: this worker has not hung.
        sink.folder.heed(lambda: self._watch.batch_done(self._num_images))
        fragment = self._fragment()
        sink.folder.check_in_place()
        origin = Origin(
            fingerprint=sink.record.fingerprint,
            worker=sink.worker,
            host=socket.gethostname(),
            boot_id=current_boot_id(),
            num_alone=self._num_alone,
            seconds=time.monotonic() - self._begin_s,
            finished_at=time.time(),
        )
        manifest = commit_shard(sink.folder, self._staged, fragment, origin)
        return replace(ShardDone.of(manifest), file_us=self._staged.file_us)

    def _mark(self, position: int) -> None:
        self._watch.about_to_draw(self._shard.start + position)

    def _write(self, positions: Sequence[int], encoded: Sequence[FileBytes]) -> None:
        self._staged.take([self._names[position] for position in positions], encoded)

    def _fragment(self) -> Fragment:
        """Gather the label rows of what was written, and the rows of what was not."""
        written = np.flatnonzero(self._num_bytes)
        example_index = written + self._shard.start
        rows = PictureRows(
            file_names=self._container.file_names(self._shard, example_index),
            texts=self._gathering.labels(written),
            example_index=example_index,
            num_bytes=self._num_bytes[written],
            crc32=self._crc32[written],
        )
        columns = self._gathering.columns(written)
        return build_fragment(self._shard, rows, columns, self._gathering.skipped())


def _checksums(encoded: Sequence[FileBytes]) -> NDArray[np.uint32]:
    return np.array([crc32(data) for data in encoded], np.uint32)
