"""What all rows of a run say together: how often each character, length, size, font and look
occurs among its pictures, and why how many examples have none.

Counted a shard at a time by arrays: no row becomes a Python object, and memory does not grow with
rows. What is shown of it is ``view/statistics.py``'s.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shmtext.corpus.ragged import code_points
from shmtext.corpus.ranges import Ints
from shmtext.dataset.columns import texts_of
from shmtext.dataset.committed import CommittedRun
from shmtext.dataset.fragment import SkippedRow
from shmtext.dataset.skipped import SkipReason, counted_reasons, kind_of
from shmtext.errors import DamageError

_NUM_CODE_POINTS = 0x110000
EXAMPLES_OF_KIND = 3
"""That are kept of each kind of reason."""


@dataclass(frozen=True, slots=True)
class LostExamples:
    """Examples that have no picture for one kind of reason."""

    reason: SkipReason
    failed: bool
    """Drawing them was tried, as opposed to known beforehand to be impossible."""
    examples: tuple[SkippedRow, ...]
    """The first of them, at most ``EXAMPLES_OF_KIND``."""


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """Counts over every label row that could be read."""

    num_rows: int
    code_points: Ints
    """How often each code point is in texts, shape ``(0x110000,)``."""
    lengths: Mapping[int, int]
    """How many texts have so many characters, line breaks included."""
    numbers: Mapping[str, Mapping[int, int]]
    """Likewise of columns of numbers: by name, how many rows have a value."""
    words: Mapping[str, Mapping[str, int]]
    """Likewise of columns of strings; columns that the run does not have are in neither."""
    lost: tuple[LostExamples, ...]
    """Those that failed first, then the commonest."""
    damages: tuple[str, ...]
    """Of shards whose rows are not as committed, and are counted nowhere above."""


NUMBERS = ("width_px", "height_px", "font_size_px")
WORDS = ("font", "look")
"""Columns that are counted, beside texts."""


def survey(run: CommittedRun) -> Survey:
    """Count all rows of what is committed. Three microseconds a row."""
    names = {each.name for each in run.record.schema.columns}
    counts = _Counts(
        numbers={name: Counter() for name in NUMBERS if name in names},
        words={name: Counter() for name in WORDS if name in names},
    )
    lost = _Lost()
    damages: list[str] = []
    for manifest in run.manifests:
        try:
            counts.add(run.labels(manifest))
        except DamageError as error:
            damages.append(str(error))
        try:
            table = run.lost(manifest)
        except DamageError as error:
            damages.append(str(error))
        else:
            if table is not None:
                lost.add(table)
    return Survey(
        num_rows=counts.num_rows,
        code_points=counts.code_points,
        lengths=counts.lengths,
        numbers=counts.numbers,
        words=counts.words,
        lost=tuple(lost.kinds()),
        damages=tuple(damages),
    )


@dataclass(slots=True)
class _Counts:
    numbers: dict[str, Counter[int]]
    words: dict[str, Counter[str]]
    num_rows: int = 0
    code_points: Ints = field(default_factory=lambda: np.zeros(_NUM_CODE_POINTS, np.int64))
    lengths: Counter[int] = field(default_factory=Counter)

    def add(self, rows: pa.Table) -> None:
        self.num_rows += rows.num_rows
        codes, text_seams = code_points(texts_of(rows["text"]))
        of_codes = np.bincount(codes)
        self.code_points[: of_codes.size] += of_codes
        _count(self.lengths, np.diff(text_seams))
        for name, numbers in self.numbers.items():
            _count(numbers, rows[name].to_numpy())
        for name, words in self.words.items():
            for each in pc.value_counts(rows[name].combine_chunks()).to_pylist():
                words[each["values"]] += each["counts"]


def _count(counter: Counter[int], values: Ints) -> None:
    found, counts = np.unique(values, return_counts=True)
    counter.update(dict(zip(found.tolist(), counts.tolist(), strict=True)))


@dataclass(slots=True)
class _Lost:
    """Rows of examples without a picture, by kinds of reasons."""

    reasons: dict[bool, list[SkipReason]] = field(default_factory=lambda: {True: [], False: []})
    """Of those that failed, and of others: of each shard the kinds."""
    examples: dict[tuple[bool, str], list[SkippedRow]] = field(default_factory=dict)

    def add(self, table: pa.Table) -> None:
        for failed, reasons in self.reasons.items():
            rows = table.filter(pc.equal(table["failed"], failed))
            different = rows["reason"].combine_chunks().dictionary_encode()
            which = different.indices.to_numpy()
            texts = different.dictionary.to_pylist()
            nums = np.bincount(which, minlength=len(texts)).tolist()
            reasons += counted_reasons(zip(texts, nums, strict=True))
            kinds = [kind_of(text) for text in texts]
            for kind in dict.fromkeys(kinds):
                kept = self.examples.setdefault((failed, kind), [])
                num_wanted = EXAMPLES_OF_KIND - len(kept)
                if num_wanted:
                    is_of_kind = np.array([each == kind for each in kinds])
                    first = np.flatnonzero(is_of_kind[which])[:num_wanted]
                    kept += [SkippedRow(**row) for row in rows.take(pa.array(first)).to_pylist()]

    def kinds(self) -> Iterator[LostExamples]:
        for failed, reasons in self.reasons.items():
            differing = {kind_of(each.reason) for each in reasons if each.differs}
            for each in counted_reasons((each.reason, each.num_examples) for each in reasons):
                kind = kind_of(each.reason)
                differs = each.differs or kind in differing
                yield LostExamples(
                    SkipReason(each.reason, each.num_examples, differs),
                    failed,
                    tuple(self.examples[failed, kind]),
                )
