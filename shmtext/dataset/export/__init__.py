"""Formats that a run can be exported to, by name.

A format is one class in a module here and one line in ``FORMATS``. What each of them is asked
stands in ``base.py``; who asks is ``engine/export.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from shmtext.dataset.export.base import Asked, Format
from shmtext.dataset.export.coco import CocoText
from shmtext.dataset.export.doctr import DocTr
from shmtext.dataset.export.huggingface import HuggingFaceParquet, ImageFolder
from shmtext.dataset.export.lists import (
    EasyOcr,
    GroundTruth,
    Jsonl,
    MmOcr,
    SynthTiger,
    Tesstrain,
    Trdg,
)
from shmtext.dataset.export.lmdb import Lmdb
from shmtext.dataset.export.mds import Mds
from shmtext.dataset.export.paddle import Paddle
from shmtext.dataset.export.webdataset import WebDataset
from shmtext.errors import ConfigError

FORMATS: Mapping[str, Callable[[Asked], Format]] = {
    "lmdb": Lmdb,
    "paddle": Paddle,
    "doctr": DocTr,
    "easyocr": EasyOcr,
    "mmocr": MmOcr,
    "tesstrain": Tesstrain,
    "gt": GroundTruth,
    "imagefolder": ImageFolder,
    "hf-parquet": HuggingFaceParquet,
    "webdataset": WebDataset,
    "mds": Mds,
    "jsonl": Jsonl,
    "trdg": Trdg,
    "synthtiger": SynthTiger,
    "coco": CocoText,
}


def require_format(name: str) -> None:
    """Raise ``ConfigError`` unless there is a format of this name."""
    if name not in FORMATS:
        known = ", ".join(FORMATS)
        raise ConfigError(f"the format of an export must be one of {known}, got {name!r}")
