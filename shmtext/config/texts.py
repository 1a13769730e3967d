"""Texts from sources: which, how many of each, and what becomes of them on the way into a run.

    words.txt                a file, one text a line
    words.csv::word=3        a column of a table, three times as often as others
    data.jsonl::text         a field of objects, one a line

What balanced random text is stands in ``settings.py``. Nothing is opened here: the room ``corpus``
does that.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from shmtext.config.fields import About, check, metadata, setting
from shmtext.config.kinds import FilePath, Limits, ListOf, Number, Schema, Text, refusal

Normalize = Literal["none", "NFC", "NFKC"]

CORPUS = "Corpus"
"""Heading of ``--help``, of the README's table and of what ``shmtext config`` prints."""

WEIGHT = Number(Limits(0.001, 1_000_000))

EXPECTED = "PATH or PATH::COLUMN, perhaps with =WEIGHT behind"


@dataclass(frozen=True, slots=True)
class TextFile:
    """One text a line of a UTF-8 text file, a cell of a CSV, TSV or Parquet column, or an object
    of a JSONL file, whose field ``column`` names. All but Parquet may be packed (``.gz``).
    """

    path: Path = field(metadata=metadata(About(called="texts", is_option=False)))
    column: str | None = setting(
        None, About("Of a table.", CORPUS, called="the column of texts", is_option=False)
    )

    def __post_init__(self) -> None:
        check(self)

    @classmethod
    def parse(cls, texts: str) -> TextFile:
        """Read the command line's ``PATH`` or ``PATH::COLUMN``.

        A file whose own name has ``::`` in it is found by that, if it is there.

        >>> TextFile.parse("words.csv::word").column
        'word'
        """
        parts = Text().take("texts", texts).split("::")
        whole = FilePath().take("texts", texts)
        if len(parts) == 1 or os.path.exists(whole):
            return cls(whole)
        # The longest beginning that is there, in case a column's name has ``::`` in it, too.
        places = range(len(parts) - 1, 0, -1)
        there = (place for place in places if os.path.exists("::".join(parts[:place])))
        place = next(there, len(parts) - 1)
        path, column = "::".join(parts[:place]), "::".join(parts[place:])
        if not path or not column:
            raise refusal("texts", "PATH or PATH::COLUMN", texts)
        return cls(Path(path), column)

    def written(self) -> str:
        """As ``parse`` reads it, with an absolute path."""
        column = "" if self.column is None else f"::{self.column}"
        return f"{os.path.abspath(self.path)}{column}"


@dataclass(frozen=True, slots=True)
class Source:
    """Where some of a run's texts come from, and how often they do, compared with others."""

    origin: TextFile
    weight: float | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what a setting says: an origin, perhaps with ``=WEIGHT`` behind.

        A file whose own name looks so is found by that, if it is there. A mere ``=`` behind ends
        the name of a column that looks so. Raises ``ConfigError``.

        >>> Source.parse("words.csv::word=3").weight
        3
        """
        if os.path.exists(FilePath().take("texts", text)):
            return cls(TextFile.parse(text))
        origin, weight = _split_weight(text)
        return cls(TextFile.parse(origin), weight)

    def written(self) -> str:
        """As ``parse`` reads it, with an absolute path."""
        origin = self.origin.written()
        if self.weight is not None:
            return f"{origin}={self.weight}"
        return origin if _split_weight(origin) == (origin, None) else f"{origin}="


class SourceKind:
    """The kind of a source: a text, or what it stands for."""

    def take(self, name: str, value: object) -> Source:
        """The source."""
        match value:
            case Source():
                return value
            case TextFile():
                return Source(value)
            case Path():
                return Source(TextFile(value))
            case str():
                return Source.parse(value)
        raise refusal(name, EXPECTED, value)

    def schema(self) -> Schema:
        """A string; what it may hold stands in the description."""
        return FilePath().schema()

    def rebased(self, value: str, folder: Path) -> str:
        """Let the path of a file begin in a folder."""
        return str(folder / value)


class SourcesKind(ListOf):
    """The kind of several sources; one value stands for a list of one."""

    def take(self, name: str, value: object) -> tuple[Any, ...]:
        """A tuple of the sources."""
        is_one = isinstance(value, (Source, TextFile))
        return super().take(name, (value,) if is_one else value)


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts from one or several sources, and what is done with them before they are drawn.

    Of one source with nothing done, line (row, object) ``i`` is example ``i``. The texts of several
    come one source after the other; where weights are given (others then weigh 1), they come in
    turns, in proportion to these, until all sources are used up. The label is always what all this
    makes of a text.
    """

    sources: tuple[Source, ...] = field(
        metadata=metadata(
            About(
                "In place of random text: one example a line of a UTF-8 file (plain or .gz), a "
                "column of a CSV, TSV or Parquet file, or a field of JSONL. Of several, texts come "
                "one file after the other, or in turns, in proportion to weights.",
                *(CORPUS, "PATH[::COLUMN][=WEIGHT]"),
                called="texts",
                kind=SourcesKind(SourceKind(), may_be_empty=False),
            )
        )
    )
    """Or texts, paths, a ``TextFile``; likewise in a list of them."""
    normalize: Normalize = setting(
        "NFC",
        About(
            "Of texts: Unicode's normal form that they are brought to. NFC draws alike what it "
            "changes; NFKC also makes plain letters of ligatures, wide and other forms.",
            CORPUS,
        ),
    )

    def __post_init__(self) -> None:
        check(self)

    @classmethod
    def of(cls, corpus: Texts | TextFile) -> Texts:
        """A file by itself as the texts that it stands for."""
        return cls((Source(corpus),)) if isinstance(corpus, TextFile) else corpus


def _split_weight(text: str) -> tuple[str, float | None]:
    """An origin, and the weight that stands behind it.

    >>> _split_weight("a.txt=0.5"), _split_weight("a=b.txt"), _split_weight("a.csv::x=3=")
    (('a.txt', 0.5), ('a=b.txt', None), ('a.csv::x=3', None))
    """
    origin, sign, number = text.rpartition("=")
    if not sign or number.strip("0123456789."):
        return text, None
    if not number:
        return origin, None
    try:
        weight = float(number)
    except ValueError:
        return text, None
    return origin, WEIGHT.take(f"the weight of texts {origin}", weight)
