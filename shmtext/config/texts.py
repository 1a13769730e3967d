"""Texts from sources: which, how many of each, and what becomes of them on the way into a run.

    words.txt                a file, one text a line
    words.csv::word=3        a column of a table, three times as often as others
    data.jsonl::text         a field of objects, one a line
    hf:user/name:test::text  a column of a dataset of the Hub, or of a folder: hf:./folder::text
    template:500:€ <1..99>   so many texts of a template

What balanced random text is stands in ``settings.py``. Nothing is opened here: the room ``corpus``
does that.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from shmtext.config.fields import About, check, metadata, setting
from shmtext.config.kinds import FilePath, Limits, ListOf, Number, Schema, Text, count, refusal
from shmtext.config.templates import parse_pattern
from shmtext.errors import ConfigError

Normalize = Literal["none", "NFC", "NFKC"]

CORPUS = "Corpus"
"""Heading of ``--help``, of the table of options and of what ``shmtext config`` prints."""

WEIGHT = Number(Limits(0.001, 1_000_000))
SHARE = Number(Limits(0, 1_000_000))
MAX_SAMPLE = 2**31
"""A sample is held in memory, some sixty bytes a text."""
CASES = ("keep", "lower", "upper", "title")

TEMPLATE = "template:"
DATASET = "hf:"
DATASET_EXPECTED = "hf:NAME[@CONFIG][:SPLIT]::COLUMN, or hf:./FOLDER[:SPLIT]::COLUMN"
EXPECTED = (
    "PATH or PATH::COLUMN, perhaps with =WEIGHT behind, hf:NAME::COLUMN or template:N:PATTERN"
)


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
class Template:
    """So many texts drawn from a pattern, whose notation is told in ``templates.py``."""

    pattern: str
    num_texts: int

    def __post_init__(self) -> None:
        parse_pattern(Text().take("the pattern of a template", self.pattern))
        count("the number of texts of a template", self.num_texts, MAX_SAMPLE)


@dataclass(frozen=True, slots=True)
class DatasetColumn:
    """One text a row of a column of a dataset that Hugging Face's ``datasets`` reads."""

    place: str
    """Its name on the Hub, or a folder that it was saved to, which begins with ``/`` or ``.``."""
    column: str
    split: str | None = None
    """None: ``train``, or all of a dataset that has none."""
    config: str | None = None

    def __post_init__(self) -> None:
        check(self)
        if not self.place or not self.column or self.split == "" or self.config == "":
            raise refusal("texts", DATASET_EXPECTED, self.written())

    @property
    def is_local(self) -> bool:
        """Whether it is in a folder."""
        return self.place.startswith(("/", "."))

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"{DATASET}{self.place}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``hf:PLACE[@CONFIG][:SPLIT]::COLUMN``.

        >>> DatasetColumn.parse("hf:user/name@en:test::text").split
        'test'
        """
        what, _, column = text.removeprefix(DATASET).partition("::")
        rest, colon, split = what.rpartition(":")
        if not colon or "/" in split:
            rest, split = what, ""
        place, at, config = rest.rpartition("@")
        if not at or "/" in config:
            place, config = rest, ""
        return cls(place, column, split or None, config or None)

    def written(self) -> str:
        """As ``parse`` reads it, with an absolute path."""
        place = os.path.abspath(self.place) if self.is_local else self.place
        config = "" if self.config is None else f"@{self.config}"
        split = "" if self.split is None else f":{self.split}"
        return f"{DATASET}{place}{config}{split}::{self.column}"


@dataclass(frozen=True, slots=True)
class Source:
    """Where some of a run's texts come from, and how often they do, compared with others."""

    origin: TextFile | Template | DatasetColumn
    weight: float | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what a setting says: an origin, perhaps with ``=WEIGHT`` behind.

        ``hf:NAME::COLUMN`` is a dataset's column, ``template:N:PATTERN`` N texts of a template, and
        ``template:N=WEIGHT:PATTERN`` has a weight.
        A file whose own name looks so is found by that, if it is there. A mere ``=`` behind ends
        the name of a column that looks so. Raises ``ConfigError``.

        >>> Source.parse("words.csv::word=3").weight
        3
        """
        if os.path.exists(FilePath().take("texts", text)):
            return cls(TextFile.parse(text))
        if text.startswith(TEMPLATE):
            return cls(*_parse_template(text))
        origin, weight = _split_weight(text)
        kind = DatasetColumn if text.startswith(DATASET) else TextFile
        return cls(kind.parse(origin), weight)

    def written(self) -> str:
        """As ``parse`` reads it, with an absolute path."""
        if isinstance(self.origin, Template):
            weight = "" if self.weight is None else f"={self.weight}"
            return f"{TEMPLATE}{self.origin.num_texts}{weight}:{self.origin.pattern}"
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
            case TextFile() | Template() | DatasetColumn():
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
        is_file = os.path.exists(folder / value) or not value.startswith((TEMPLATE, DATASET))
        if is_file:
            return str(folder / value)
        place = value.removeprefix(DATASET)
        return f"{DATASET}{folder / place}" if place.startswith(".") else value


class SourcesKind(ListOf):
    """The kind of several sources; one value stands for a list of one."""

    def take(self, name: str, value: object) -> tuple[Any, ...]:
        """A tuple of the sources."""
        is_one = isinstance(value, (Source, TextFile, Template, DatasetColumn))
        return super().take(name, (value,) if is_one else value)


@dataclass(frozen=True, slots=True)
class CaseMix:
    """Which share of texts is brought to which case; shares need not add up to 1."""

    shares: Mapping[str, float]

    @classmethod
    def parse(cls, text: object) -> Self:
        """Read what a setting says: a case, or several with their shares. Raises ``ConfigError``.

        >>> CaseMix.parse("upper=0.1, keep=0.9").written()
        'keep=0.9,upper=0.1'
        """
        wrong = ConfigError(
            f"expected CASE or CASE=SHARE,..., each once of {', '.join(CASES)}, got {text!r}"
        )
        given: dict[str, float] = {}
        for part in Text().take("case", text).split(","):
            name, sign, number = (each.strip() for each in part.partition("="))
            try:
                share = float(number) if sign else 1
            except ValueError:
                raise wrong from None
            if name not in CASES or name in given:
                raise wrong
            given[name] = SHARE.take(f"the share of {name}", share)
        shares = {name: given[name] for name in CASES if given.get(name)}
        if not shares:
            raise ConfigError(f"expected a share above 0, got {text!r}")
        return cls(shares)

    def written(self) -> str:
        """As ``parse`` reads it, in its one form."""
        if len(self.shares) == 1:
            return next(iter(self.shares))
        return ",".join(f"{name}={share}" for name, share in self.shares.items())


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
                "one file after the other, or in turns, in proportion to weights. Numbers, prices, "
                "dates and codes are drawn from template:N:PATTERN. Of Hugging Face's datasets: "
                "hf:NAME[@CONFIG][:SPLIT]::COLUMN.",
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

    case: str = setting(
        "keep",
        About(
            "Of texts: as they are (keep), or lower, upper or title, drawn for each text, as in "
            "keep=0.7,upper=0.2,title=0.1.",
            *(CORPUS, "CASE[=SHARE],..."),
            parse=lambda text: CaseMix.parse(text).written(),
        ),
    )
    min_text_chars: int | None = setting(
        None,
        About(
            "Leave out texts of fewer code points.",
            *(CORPUS, "N"),
            default_text="none is left out",
            at_least=1,
        ),
    )
    max_text_chars: int | None = setting(
        None,
        About("Or of more.", CORPUS, "N", default_text="none is left out", at_least=1),
    )

    shuffle_words: str | None = setting(
        None,
        About(
            "Make new lines of each source's words, of so many words each: 2-5, or 3. Each word is "
            "used once; words are what spaces part.",
            *(CORPUS, "MIN-MAX"),
            default_text="texts as they are",
            parse=lambda text: "-".join(map(str, _span(text))),
        ),
    )
    sample: int | None = setting(
        None,
        About(
            "Draw so many texts at random, each at most once. Of sources with weights, in "
            "proportion to these.",
            *(CORPUS, "N"),
            default_text="all texts, in order",
            at_least=1,
            at_most=MAX_SAMPLE,
        ),
    )
    replace: bool = setting(False, About("Let a text be drawn again in a sample.", CORPUS))
    min_character_count: int | None = setting(
        None,
        About(
            "Take texts with rare characters again, behind all others, until each character that "
            "fonts cover occurs so often.",
            *(CORPUS, "N"),
            default_text="each text once",
            at_least=1,
        ),
    )
    max_repeats: int = setting(
        20,
        About("But have no text more often than this, in all.", CORPUS, "N", at_least=1),
    )

    def __post_init__(self) -> None:
        check(self)
        if self.replace and self.sample is None:
            raise ConfigError("replace is for a sample: say of how many texts (sample)")
        if (
            self.min_text_chars
            and self.max_text_chars
            and self.min_text_chars > self.max_text_chars
        ):
            raise ConfigError(
                f"min_text_chars ({self.min_text_chars}) must be at most max_text_chars "
                f"({self.max_text_chars})"
            )

    @property
    def case_mix(self) -> CaseMix:
        """What ``case`` says."""
        return CaseMix.parse(self.case)

    @property
    def words_per_line(self) -> tuple[int, int] | None:
        """The fewest and the most words of a line that is made of shuffled words."""
        return None if self.shuffle_words is None else _span(self.shuffle_words)

    @classmethod
    def of(cls, corpus: Texts | TextFile) -> Texts:
        """A file by itself as the texts that it stands for."""
        return cls((Source(corpus),)) if isinstance(corpus, TextFile) else corpus


def _parse_template(text: str) -> tuple[Template, float | None]:
    """``template:N:PATTERN``, or ``template:N=WEIGHT:PATTERN``.

    >>> _parse_template("template:9=2:a:b=3")
    (Template(pattern='a:b=3', num_texts=9), 2)
    """
    count_and_weight, colon, pattern = text.removeprefix(TEMPLATE).partition(":")
    num_texts, weight = _split_weight(count_and_weight)
    if not colon or not num_texts.isascii() or not num_texts.isdigit() or len(num_texts) > 10:
        raise refusal("texts", "template:N:PATTERN, with the number N of texts", text)
    return Template(pattern, int(num_texts)), weight


def _span(text: object) -> tuple[int, int]:
    """Two ends, or one number that is both.

    >>> _span("2-5"), _span("3")
    ((2, 5), (3, 3))
    """
    first, sign, last = Text().take("shuffle_words", text).partition("-")
    ends = (first.strip(), (last if sign else first).strip())
    if not all(each.isascii() and each.isdigit() and len(each) <= 4 for each in ends):
        raise ConfigError(f"expected MIN-MAX or one number, 1 to 9,999, got {text!r}")
    least, most = map(int, ends)
    if not 1 <= least <= most:
        raise ConfigError(
            f"expected MIN-MAX with 1 or more words and MIN at most MAX, got {text!r}"
        )
    return least, most


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
