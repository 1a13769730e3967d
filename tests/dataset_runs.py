"""A small run for the tests of ``dataset``: made-up pictures, awkward texts, some skipped."""

from __future__ import annotations

import errno
import gc
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from shmtext.columns import Column, ColumnSpec
from shmtext.corpus.ragged import pack_texts
from shmtext.dataset.columns import LabelSchema
from shmtext.dataset.containers import open_container
from shmtext.dataset.folder import OutputFolder
from shmtext.dataset.fragment import Fragment, PictureRows, SkippedRow, build_fragment
from shmtext.dataset.manifest import Manifest, Origin, commit_shard
from shmtext.dataset.merge import MergeResult, merge_labels
from shmtext.dataset.plan import Plan, Shard
from shmtext.dataset.record import RunRecord
from shmtext.errors import DamageError

WIDTH = ColumnSpec("width_px", "int32", "width")
FONT = ColumnSpec("font", "string", "file name of the font", repeats=True)
BOXES = ColumnSpec("boxes", "list<int16[4]>", "one a line")


def record_of(num_examples: int, container_name: str = "files") -> RunRecord:
    """What a run of so many examples is."""
    container = open_container(container_name, num_examples, "jpg")
    schema = LabelSchema.of([WIDTH, FONT, BOXES])
    return RunRecord({"num_examples": num_examples}, Plan(num_examples), container, schema)


RECORD = record_of(400)
"""Three shards: 160, 160 and 80 examples."""
PLAN, FINGERPRINT = RECORD.plan, RECORD.fingerprint
ORIGIN = Origin(
    fingerprint=FINGERPRINT,
    worker=0,
    host="host",
    boot_id=None,
    num_alone=0,
    seconds=0.5,
    finished_at=1e9,
)
TEXTS = ("plain", 'a,"b"', "two\nlines", "Größe: 42 €", "日本語", " spaces ", "c\r", "😀")
SWEPT = ("open", "write", "fsync", "rename", "close")


def picture(index: int) -> bytes:
    return f"<picture {index}>".encode() * (1 + index % 3)


def text(index: int) -> str:
    return f"{TEXTS[index % len(TEXTS)]}{index}"


def boxes_of(example_index: NDArray[np.int64]) -> NDArray[np.int16]:
    """Two boxes for each example."""
    corners = np.repeat(example_index % 300, 2)[:, None] + np.arange(4)
    return corners.astype(np.int16)


def is_skipped(index: int) -> bool:
    return index % 37 == 5


def drawn_of(shard: Shard) -> list[int]:
    """Examples of a shard that have a picture."""
    return [i for i in range(shard.start, shard.stop) if not is_skipped(i)]


def fragment_of(shard: Shard, record: RunRecord = RECORD) -> Fragment:
    examples = range(shard.start, shard.stop)
    drawn = np.array(drawn_of(shard), np.int64)
    pictures = [picture(i) for i in drawn.tolist()]
    rows = PictureRows(
        file_names=record.container.file_names(shard, drawn),
        texts=pack_texts(text(i) for i in drawn.tolist()),
        example_index=drawn,
        num_bytes=np.array([len(p) for p in pictures], np.int32),
        crc32=np.array([zlib.crc32(p) for p in pictures], np.uint32),
    )
    contributed = [
        Column(WIDTH, (drawn % 300 + 1).astype(np.int32)),
        Column(FONT, drawn % 2, choices=("Sans.ttf", "Mono.ttf")),
        Column(BOXES, boxes_of(drawn), np.arange(drawn.size + 1) * 2),
    ]
    skipped = [
        SkippedRow(i, text(i), None, None, "no font covers it", failed=i % 2 == 0)
        for i in examples
        if is_skipped(i)
    ]
    return build_fragment(shard, rows, contributed, skipped)


def render_shard(folder: OutputFolder, index: int, record: RunRecord = RECORD) -> Manifest:
    shard = record.plan.shard(index)
    drawn = drawn_of(shard)
    with record.container.stage(folder, shard) as sink:
        # In two batches, the later examples first, as a picture's width may have it.
        for batch in (drawn[len(drawn) // 2 :], drawn[: len(drawn) // 2]):
            names = record.container.image_names(shard, np.array(batch, np.int64))
            sink.take(names, [picture(i) for i in batch])
        origin = replace(ORIGIN, fingerprint=record.fingerprint)
        return commit_shard(folder, sink, fragment_of(shard, record), origin)


def merge(folder: OutputFolder, record: RunRecord = RECORD) -> MergeResult:
    return merge_labels(folder, record, csv_header="filename,label")


def render_run(folder: OutputFolder, record: RunRecord = RECORD) -> MergeResult:
    for shard in record.plan.shards():
        render_shard(folder, shard.index, record)
    return merge(folder, record)


def output_bytes(out: Path) -> dict[str, bytes]:
    """Every file of a run by its path, without locks and work in progress."""
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name[0] != "." and "_stage" not in path.parts
    }


@contextmanager
def failing(function: str, at: int, code: int = errno.ENOSPC) -> Iterator[list[int]]:
    """Let the ``at``-th call of ``os.<function>`` fail; lends the number of calls so far."""
    real, calls = getattr(os, function), [0]

    def shim(*args: Any, **kwargs: Any) -> Any:
        calls[0] += 1
        if calls[0] == at:
            if function == "close":  # a failed close has closed all the same
                real(*args)
            raise OSError(code, os.strerror(code))
        return real(*args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, function, shim)
        yield calls


class PowerCut(BaseException):
    """Stands for the process's end: nothing on disk changes after it was raised."""


@contextmanager
def power_cut(at: int) -> Iterator[list[int]]:
    """End the block at its ``at``-th change of the disk, such that no clean-up can touch it."""
    calls = [0]

    def dying(function: str) -> Any:
        real = getattr(os, function)

        def shim(*args: Any, **kwargs: Any) -> Any:
            calls[0] += 1
            if calls[0] >= at:
                raise PowerCut
            return real(*args, **kwargs)

        return shim

    with pytest.MonkeyPatch.context() as patch:
        for function in ("open", "write", "fsync", "rename", "link", "mkdir", "unlink", "rmdir"):
            patch.setattr(os, function, dying(function))
        yield calls


def open_fds() -> set[str]:
    gc.collect()  # of what other tests left: it would be closed at any moment
    gc.freeze()  # What is left is looked at once: a worker's million objects take 0.1 s each time.
    return set(os.listdir("/proc/self/fd"))


def read_shard_of(record: RunRecord, data: bytes, out: Path) -> list[bytes | None]:
    """Pictures of shard 1, whose one file has these bytes; None for one said to be damaged."""
    shard = record.plan.shard(1)
    path = record.container.shard_path(shard)
    (out / path).parent.mkdir(parents=True, exist_ok=True)
    (out / path).write_bytes(data)
    drawn = drawn_of(shard)
    found: list[bytes | None] = []
    with OutputFolder.open(out, create=False) as folder:
        try:
            with record.container.opened(folder, shard) as read:
                for i in drawn:
                    try:
                        found += read([f"{path}/{i:09d}.jpg"])
                    except DamageError:
                        found.append(None)
        except DamageError:
            found = [None] * len(drawn)
    return found
