"""Small finished runs for the tests of exports: real pictures, awkward texts, boxes."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from shmtext.columns import Column, ColumnSpec
from shmtext.corpus.ragged import pack_texts
from shmtext.dataset.columns import LabelSchema
from shmtext.dataset.containers import open_container
from shmtext.dataset.folder import OutputFolder
from shmtext.dataset.fragment import PictureRows, SkippedRow, build_fragment
from shmtext.dataset.manifest import Origin, commit_shard
from shmtext.dataset.merge import merge_labels
from shmtext.dataset.plan import Plan, Shard
from shmtext.dataset.record import RunRecord, write_record

PLAIN = (
    "plain",
    "Größe: 42 €",
    "日本語",
    "😀 smile",
    "שלום",
    "مرحبا",
    "it's",
    "a b  c",
    "[a]",
    "{}",
)
"""Texts that every format holds."""
AWKWARD = (
    *("tab\there", "two\nlines", "cr\r", "\\", "back\\slash", 'a,"b"', "comma,", '"', "NA", "null"),
    *(" edge", "edge ", "\u2028", "a\u00a0b", '["x.jpg"]', "'", "\\n", "\x0b", "=1+1", "#"),
)
ORIGIN = {"worker": 0, "host": "host", "boot_id": None, "num_alone": 0, "seconds": 0.5}

SCHEMA = (
    ColumnSpec("width_px", "int32", "width"),
    ColumnSpec("height_px", "int32", "height"),
    ColumnSpec("font", "string", "file name of the font", repeats=True),
)
BOXES = (
    ColumnSpec("boxes", "list<int16[4]>", "boxes", repeats=True),
    ColumnSpec("box_characters", "list<int32[2]>", "characters", repeats=True),
)


@dataclass(frozen=True)
class Example:
    """What every export of it must give back."""

    index: int
    text: str
    data: bytes
    width_px: int
    height_px: int
    boxes: list[list[int]]


@dataclass(frozen=True)
class Made:
    """A run on disk, and what is in it."""

    out: Path
    examples: tuple[Example, ...]
    extension: str

    @property
    def by_text(self) -> dict[str, Example]:
        return {each.text: each for each in self.examples}


def picture(index: int, extension: str) -> bytes:
    pixels = np.random.default_rng(index).integers(0, 255, (8 + index % 5, 10 + index % 7))
    return bytes(cv2.imencode(f".{extension}", pixels.astype(np.uint8))[1])


def make_run(
    out: Path,
    texts: Sequence[str],
    *,
    container: str = "files",
    extension: str = "png",
    with_boxes: bool = False,
    skipped: range = range(0),
    padding: bytes = b"",
) -> Made:
    """A finished run of these texts; those whose numbers are in ``skipped`` have no picture.

    ``padding`` is at the end of each picture, where no decoder minds it.
    """
    schema = (*SCHEMA, *(BOXES if with_boxes else ()))
    record = RunRecord(
        {"texts": list(texts), "extension": extension},
        Plan(len(texts)),
        open_container(container, len(texts), extension),
        LabelSchema.of(schema),
    )
    examples = [
        Example(
            i,
            text,
            picture(i, extension) + padding,
            10 + i % 7,
            8 + i % 5,
            [[k, 1, k + 2, 5] for k in range(len(text))],
        )
        for i, text in enumerate(texts)
        if i not in skipped
    ]
    with OutputFolder.open(out, create=True) as folder:
        write_record(folder, record)
        for shard in record.plan.shards():
            drawn = [each for each in examples if shard.start <= each.index < shard.stop]
            _commit(folder, record, shard, drawn, texts)
        merge_labels(folder, record, csv_header="filename,label")
    return Made(out, tuple(examples), extension)


def _commit(
    folder: OutputFolder,
    record: RunRecord,
    shard: Shard,
    drawn: Sequence[Example],
    texts: Sequence[str],
) -> None:
    numbers = np.array([each.index for each in drawn], np.int64)
    rows = PictureRows(
        file_names=record.container.file_names(shard, numbers),
        texts=pack_texts(each.text for each in drawn),
        example_index=numbers,
        num_bytes=np.array([len(each.data) for each in drawn], np.int32),
        crc32=np.array([zlib.crc32(each.data) for each in drawn], np.uint32),
    )
    lengths = np.array([len(each.boxes) for each in drawn], np.int64)
    seams = np.concatenate([[0], np.cumsum(lengths)])
    boxes = np.array([box for each in drawn for box in each.boxes], np.int16).reshape(-1, 4)
    which = np.array([[k, k + 1] for n in lengths.tolist() for k in range(n)], np.int32)
    columns: dict[str, Any] = {
        "width_px": [np.array([each.width_px for each in drawn], np.int32)],
        "height_px": [np.array([each.height_px for each in drawn], np.int32)],
        "boxes": [boxes, seams],
        "box_characters": [which.reshape(-1, 2), seams],
    }
    contributed = [
        Column(spec, numbers % 2, choices=("Sans.ttf", "Mono.ttf"))
        if spec.name == "font"
        else Column(spec, *columns[spec.name])
        for spec in record.schema.columns[3:-2]
    ]
    there = {each.index for each in drawn}
    skipped = [
        SkippedRow(i, texts[i], None, None, "no font covers it", failed=False)
        for i in range(shard.start, shard.stop)
        if i not in there
    ]
    fragment = build_fragment(shard, rows, contributed, skipped)
    with record.container.stage(folder, shard) as stage:
        stage.take(record.container.image_names(shard, numbers), [each.data for each in drawn])
        origin = Origin(fingerprint=record.fingerprint, finished_at=1e9, **ORIGIN)  # type: ignore[arg-type]
        commit_shard(folder, stage, fragment, origin)


def texts_of(num: int, words: Sequence[str] = PLAIN) -> list[str]:
    """So many different texts made of these words; equal ones a few times."""
    return [f"{words[i % len(words)]}{i // len(words) % 40}" for i in range(num)]
