"""What a format is asked: what it can't hold, to write portions of a run, and to finish.

A portion is what one shard has in one split. Portions are written in any order and by any process,
each with its part of every list under ``WORK``; once all are there, ``finish`` puts the parts
together. Formats know label rows, bytes and their folder; which portions are missing, and who
writes them, is ``engine/export.py``'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import pyarrow as pa

from shmtext.dataset.columns import LabelSchema
from shmtext.dataset.export.splits import Splits
from shmtext.dataset.folder import OutputFolder
from shmtext.dataset.manifest import current_boot_id
from shmtext.dataset.plan import Shard
from shmtext.dataset.reading import StoredPictures, StoredRun
from shmtext.errors import ConfigError, StorageError

WORK = ".shmtext"
"""Folder of what is not finished; gone when all is."""

LABEL = "label"
"""Column of what a format writes: the text, or the text escaped."""

Unfit = Literal["skip", "escape", "refuse"]
CsvQuote = Literal["either", "never", "csv"]

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


@dataclass(frozen=True, slots=True)
class Options:
    """How a run is exported: with the run and the format, all that decides the bytes."""

    splits: Splits = field(default_factory=Splits)
    unfit: Unfit = "skip"
    """What becomes of pictures whose texts the format can't hold."""
    easyocr_quote: CsvQuote = "either"
    """For which of EasyOCR's readers texts are written: for both, for that which knows no quotes,
    for that which reads CSV."""

    def as_json(self) -> dict[str, Any]:
        """As it stands in the record."""
        return {
            "splits": self.splits.as_json(),
            "unfit": self.unfit,
            "easyocr_quote": self.easyocr_quote,
        }


@dataclass(frozen=True, slots=True)
class Asked:
    """What a format is made from: what is asked of it, and what it will be given."""

    options: Options
    extension: str
    """Of the pictures' names, without its dot."""
    schema: LabelSchema

    @property
    def splits(self) -> tuple[str, ...]:
        """Their names; one at least."""
        return self.options.splits.names

    @property
    def has_splits(self) -> bool:
        """Whether the names were given, or one stands for all there is."""
        return bool(self.options.splits.shares)

    @property
    def has_boxes(self) -> bool:
        """Whether label rows tell where which characters are."""
        names = {column.name for column in self.schema.columns}
        return {"boxes", "box_characters"} <= names

    def folder_of(self, split: str) -> str:
        """The folder of a split, with a slash; nothing where it is that of the export."""
        return f"{split}/" if self.has_splits else ""

    def require_columns(self, name: str, columns: Iterable[str]) -> None:
        """Raise ``ConfigError`` where the run lacks a column that the format ``name`` needs."""
        missing = {*columns} - {column.name for column in self.schema.columns}
        if missing:
            raise ConfigError(
                f"{name} needs the run's column {min(missing)}, which it does not have"
            )


@dataclass(frozen=True, slots=True, eq=False)
class Portion:
    """What a shard has in a split."""

    run: StoredRun
    shard: Shard
    split: str
    rows: pa.Table
    """Label rows that the format can hold, with the column ``LABEL``; there may be none."""

    def pictures(self) -> Iterator[StoredPictures]:
        """Rows and their encoded pictures, some megabytes at a time; ``DamageError``."""
        return self.run.pictures(self.shard.index, self.rows)


@dataclass(frozen=True, slots=True)
class Part:
    """How many pictures a shard has in each split, in the order of splits."""

    shard: Shard
    num_images: tuple[int, ...]


Write = Callable[[Portion], int]
"""Returns microseconds that a picture's file took to make, as ``StagedShard.file_us``."""


class Format(Protocol):
    """One of the formats that a run can be exported to."""

    @property
    def name(self) -> str:
        """By which it is chosen."""

    @property
    def in_order(self) -> bool:
        """All portions are to be handed to one process, from the first on, at every start: the
        format knows which it has."""

    @property
    def file_a_picture(self) -> bool:
        """Whether each picture is a file of its own, which takes an inode and whole blocks."""

    @property
    def escapes(self) -> bool:
        """Whether what it can't hold as it is may be written with backslashes."""

    def check(self) -> None:
        """Raise ``ConfigError`` where this run can't be exported so, or a library is missing."""

    def why_unfit(self, label: str) -> str:
        """Say what of a label can't be held, the same words for all alike; empty if nothing."""

    def writing(self, folder: OutputFolder) -> AbstractContextManager[Write]:
        """Lend what writes portions."""

    def finish(self, folder: OutputFolder, parts: Sequence[Part]) -> None:
        """Put all in place, given every shard in order. Is asked again where it was cut short."""

    def loading(self, dest: str) -> Sequence[str]:
        """What loads the folder ``dest`` in whatever reads the format, a line each."""

    def notes(self) -> Sequence[str]:
        """What a user should know of this export, a line each."""


def work(path: str) -> str:
    """Where something waits until all is finished.

    What was written before the machine was started anew may have been lost with the page cache: it
    lies elsewhere, and is written again.
    """
    return f"{WORK}/{current_boot_id() or 'boot'}/{path}"


def is_there(folder: OutputFolder, path: str) -> bool:
    """Whether the folder holds something called so."""
    above, _, base = path.rpartition("/")
    return base in folder.list_names(above)


def removed(folder: OutputFolder, path: str) -> StorageError:
    """The error for what an export wrote, and does not find any more."""
    return StorageError(
        f"{folder.path / path} was removed during the export: remove {folder.path}, then start "
        "again"
    )


def escaped(text: str) -> str:
    r"""The text in one line, with a backslash before ``\``, ``t``, ``n`` and ``r``.

    >>> escaped("a\tb\n\\")
    'a\\tb\\n\\\\'
    """
    return text.translate(_ESCAPES)
