"""A small run for the tests of ``dataset``: made-up pictures, awkward texts, some skipped."""

from __future__ import annotations

import errno
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shmtext.corpus.ragged import pack_texts
from shmtext.dataset.containers import FilesShard
from shmtext.dataset.folder import OutputFolder
from shmtext.dataset.fragment import Fragment, LabelColumns, SkippedRow, build_fragment
from shmtext.dataset.manifest import Manifest, Origin, commit_shard, committed_shards
from shmtext.dataset.merge import MergeResult, merge_labels
from shmtext.dataset.plan import Plan, Shard

FINGERPRINT = "f" * 64
ORIGIN = Origin(FINGERPRINT, worker=0, host="host", boot_id=None, seconds=0.5, finished_at=1e9)
PLAN = Plan(400, "jpg")
"""Three shards: 160, 160 and 80 examples."""
TEXTS = ("plain", 'a,"b"', "two\nlines", "Größe: 42 €", "日本語", " spaces ", "c\r", "😀")
SWEPT = ("open", "write", "fsync", "rename", "close")


def picture(index: int) -> bytes:
    return f"<picture {index}>".encode() * (1 + index % 3)


def text(index: int) -> str:
    return f"{TEXTS[index % len(TEXTS)]}{index}"


def is_skipped(index: int) -> bool:
    return index % 37 == 5


def rows_of(plan: Plan, shard: Shard) -> Fragment:
    examples = range(shard.start, shard.stop)
    drawn = np.array([i for i in examples if not is_skipped(i)], np.int64)
    pictures = [picture(i) for i in drawn.tolist()]
    columns = LabelColumns(
        example_index=drawn,
        texts=pack_texts(text(i) for i in drawn.tolist()),
        width_px=(drawn % 300 + 1).astype(np.int32),
        height_px=np.full(drawn.size, 36, np.int32),
        font_id=drawn % 2,
        font_names=("Sans.ttf", "Mono.ttf"),
        font_size_px=np.full(drawn.size, 32, np.int32),
        color_pair_id=drawn % 2,
        color_pairs=(("#000000", "#ffffff"), ("#ff0000", "#eeeeee")),
        num_bytes=np.array([len(p) for p in pictures], np.int32),
        crc32=np.array([zlib.crc32(p) for p in pictures], np.uint32),
    )
    skipped = [
        SkippedRow(i, text(i), None, None, "no font covers it", failed=i % 2 == 0)
        for i in examples
        if is_skipped(i)
    ]
    return build_fragment(plan, shard, columns, skipped)


def render_shard(folder: OutputFolder, index: int, plan: Plan = PLAN) -> Manifest:
    shard = plan.shard(index)
    drawn = [i for i in range(shard.start, shard.stop) if not is_skipped(i)]
    with FilesShard(folder, plan, shard) as sink:
        for name, i in zip(plan.image_names(shard, np.array(drawn)), drawn, strict=True):
            sink.add(name, picture(i))
        return commit_shard(folder, sink, rows_of(plan, shard), ORIGIN)


def merge(folder: OutputFolder, plan: Plan = PLAN) -> MergeResult:
    manifests, damages = committed_shards(folder, plan, FINGERPRINT)
    assert damages == []
    return merge_labels(folder, plan, manifests, csv=True)


def render_run(folder: OutputFolder, plan: Plan = PLAN) -> MergeResult:
    for shard in plan.shards():
        render_shard(folder, shard.index, plan)
    return merge(folder, plan)


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
        for function in ("open", "write", "fsync", "rename", "mkdir", "unlink", "rmdir"):
            patch.setattr(os, function, dying(function))
        yield calls


def open_fds() -> set[str]:
    return set(os.listdir("/proc/self/fd"))
