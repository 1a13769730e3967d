"""Why examples have no picture: reasons, those in a run's ``skipped.parquet`` too, counted by kind.

What the reasons are is not known here, but that they name characters and numbers.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from shmtext.dataset.folder import OutputFolder
from shmtext.dataset.merge import METADATA, SKIPPED_TABLE
from shmtext.errors import DamageError

_CHARACTER = r"U\+[0-9A-F]{4,6}(?: \S(?![^,\s]))?"
_CHARACTERS = rf"{_CHARACTER}(?:, {_CHARACTER})*(?: and [\d,]+ more)?"
_NUMBER = r"\d[\d,.]*"

MOST_REASONS = 5
"""That are told one by one."""


@dataclass(frozen=True, slots=True)
class SkipReason:
    """Why some examples have no picture."""

    reason: str
    """As it stands in ``skipped.parquet`` for the first of them."""
    num_examples: int
    differs: bool
    """Others' reasons are the same but for characters or numbers."""

    def __str__(self) -> str:
        return self.reason + (" (or the like)" if self.differs else "")


@dataclass(frozen=True, slots=True)
class SkippedTexts:
    """What the examples without a picture say."""

    table: pa.Table

    def text(self, example: int) -> str:
        """The text of one. Raises ``DamageError`` where it is not among them."""
        index = self.table["example_index"].index(example).as_py()
        if index < 0:
            raise DamageError(f"example {example} is neither in {METADATA} nor in {SKIPPED_TABLE}")
        text: str = self.table["text"][index].as_py()
        return text


def kind_of(reason: str) -> str:
    """A reason without what differs from text to text.

    >>> kind_of("no font covers U+4E2D 中, U+6587 文 and 3 more")
    'no font covers U+'
    >>> kind_of("makes a picture of 70,000 x 38 px")
    'makes a picture of # x # px'
    """
    return re.sub(_NUMBER, "#", re.sub(_CHARACTERS, "U+", reason))


def counted_reasons(reasons: Iterable[tuple[str, int]]) -> list[SkipReason]:
    """The kinds of reasons, each given with how many examples it is of; the commonest first."""
    num_of_kind: Counter[str] = Counter()
    first_of_kind: dict[str, str] = {}
    differing: set[str] = set()
    for reason, num_examples in reasons:
        kind = kind_of(reason)
        num_of_kind[kind] += num_examples
        if first_of_kind.setdefault(kind, reason) != reason:
            differing.add(kind)
    return [
        SkipReason(first_of_kind[kind], count, kind in differing)
        for kind, count in num_of_kind.most_common()
    ]


def commonest(reasons: Sequence[SkipReason]) -> list[str]:
    """The first reasons with their counts, and how many others there are, for people to read."""
    lines = [f"{reason.num_examples:,} of them: {reason}" for reason in reasons[:MOST_REASONS]]
    others = reasons[MOST_REASONS:]
    if others:
        num_examples = sum(reason.num_examples for reason in others)
        lines.append(f"{num_examples:,} of them: {len(others):,} other reasons")
    return lines


def read_skip_reasons(folder: OutputFolder) -> list[SkipReason]:
    """Count what kept examples from having a picture, the commonest first; empty if nothing did."""
    if SKIPPED_TABLE not in folder.list_names():
        return []
    try:
        with (
            folder.errors_of("read", SKIPPED_TABLE),
            # No file of Python's: Arrow's threads may let go of it as Python ends, which aborts it.
            pa.memory_map(str(folder.local_path(SKIPPED_TABLE))) as file,
            pq.ParquetFile(file) as table,
        ):
            return counted_reasons(
                (each["values"], each["counts"])
                for batch in table.iter_batches(columns=["reason"], use_threads=False)
                for each in batch.column(0).value_counts().to_pylist()
            )
    except pa.ArrowException as error:
        raise DamageError(f"{folder.path / SKIPPED_TABLE} is damaged: {error}") from error


def read_skipped_texts(folder: OutputFolder) -> SkippedTexts:
    """Read what the examples without a picture say; nothing where all have one."""
    columns = ["example_index", "text"]
    if SKIPPED_TABLE not in folder.list_names():
        return SkippedTexts(pa.table({"example_index": pa.array([], pa.int64()), "text": []}))
    try:
        with (
            folder.errors_of("read", SKIPPED_TABLE),
            pa.memory_map(str(folder.local_path(SKIPPED_TABLE))) as file,
            pq.ParquetFile(file) as table,
        ):
            return SkippedTexts(table.read(columns, use_threads=False))
    except pa.ArrowException as error:
        raise DamageError(f"{folder.path / SKIPPED_TABLE} is damaged: {error}") from error
