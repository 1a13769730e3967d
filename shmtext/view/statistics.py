"""What a run's counts come to for those who read them: bars, histograms, tables of characters."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from shmtext.dataset.survey import LostExamples, Survey
from shmtext.view.charts import Bars, Histogram, bars_of, characters_of, histogram_of

MOST_BARS = 24
MOST_COMMON, MOST_RARE = 200, 100
"""Characters that are listed, from either end."""
RARE_BELOW = 10
"""A character that occurs less often will hardly be learnt."""
MOST_KINDS = 30
"""Of reasons, that are told one by one."""
MOST_CHARACTERS = 200
"""Of a text, that are shown."""


@dataclass(frozen=True, slots=True)
class Character:
    """One code point, and how often it occurs."""

    shown: str
    code: str
    """Such as ``U+00DF``."""
    name: str
    """Unicode's; empty where it has none."""
    count: int

    @classmethod
    def of(cls, code_point: int, count: int) -> Character:
        """That of a code point."""
        text = chr(code_point)
        code = f"U+{code_point:04X}"
        category = unicodedata.category(text)
        if category[0] == "M":
            shown = f"\N{DOTTED CIRCLE}{text}"
        elif category[0] in "ZC" and category != "Co":
            shown = "space" if text == " " else code  # nothing would be seen
        else:
            shown = text
        return cls(shown, code, unicodedata.name(text, ""), count)


@dataclass(frozen=True, slots=True)
class Characters:
    """How often characters occur."""

    num: int
    """Different ones."""
    count: int
    """Of all of them."""
    num_rare: int
    rare_below: int
    bars: Bars
    commonest: tuple[Character, ...]
    num_between: int
    rarest: tuple[Character, ...]
    """Those that are not among the commonest."""


@dataclass(frozen=True, slots=True)
class Example:
    """A text without a picture."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class LostKind:
    """A kind of reason, for which examples have no picture."""

    reason: str
    failed: bool
    num_examples: int
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class Statistics:
    """Of all rows of a run."""

    num_rows: int
    characters: Characters
    lengths: Histogram | None
    widths: Histogram | None
    heights: Histogram | None
    fonts: Bars | None
    looks: Bars | None
    """None in a run without looks."""
    sizes: Bars | None
    lost: tuple[LostKind, ...]
    num_other_kinds: int


def statistics_of(survey: Survey) -> Statistics:
    """What counts come to."""
    sizes = survey.numbers.get("font_size_px", {})
    return Statistics(
        num_rows=survey.num_rows,
        characters=_characters(survey),
        lengths=histogram_of(survey.lengths),
        widths=histogram_of(survey.numbers.get("width_px", {})),
        heights=histogram_of(survey.numbers.get("height_px", {})),
        fonts=_bars(list(survey.words.get("font", {}).items())),
        looks=_bars(list(survey.words.get("look", {}).items())),
        sizes=_bars([(f"{size} px", count) for size, count in sizes.items()]),
        lost=tuple(_kind(each) for each in survey.lost[:MOST_KINDS]),
        num_other_kinds=max(len(survey.lost) - MOST_KINDS, 0),
    )


def _bars(counts: Sequence[tuple[str, int]]) -> Bars | None:
    return bars_of(counts, MOST_BARS) if counts else None


def _characters(survey: Survey) -> Characters:
    ordered = characters_of(survey.code_points)
    commonest, others = ordered[:MOST_COMMON], ordered[MOST_COMMON:]
    rarest = others[-MOST_RARE:]
    return Characters(
        num=len(ordered),
        count=sum(count for _, count in ordered),
        num_rare=sum(count < RARE_BELOW for _, count in ordered),
        rare_below=RARE_BELOW,
        bars=bars_of(_named(ordered), MOST_BARS),
        commonest=tuple(Character.of(*each) for each in commonest),
        num_between=len(others) - len(rarest),
        rarest=tuple(Character.of(*each) for each in rarest),
    )


def _named(ordered: Sequence[tuple[int, int]]) -> list[tuple[str, int]]:
    return [(Character.of(*each).shown, each[1]) for each in ordered]


def _kind(lost: LostExamples) -> LostKind:
    return LostKind(
        reason=str(lost.reason),
        failed=lost.failed,
        num_examples=lost.reason.num_examples,
        examples=tuple(Example(each.example_index, cut(each.text)) for each in lost.examples),
    )


def cut(text: str) -> str:
    """The beginning of a long text.

    >>> cut("short"), len(cut("long" * 99))
    ('short', 201)
    """
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}…"
