"""What is known of fonts as lines of a table, and as JSON for programs. Nothing is printed here."""

from __future__ import annotations

import io
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from shmtext.view.font_report import FontsReport

WIDE = 1_000
"""Columns where there is no terminal: nothing is wrapped, for those who search it."""

MOST_SCRIPTS, MOST_MISSING = 4, 5
"""Named in a cell; the rest are counted."""


def table_lines(report: FontsReport, width: int | None) -> list[str]:
    """The table, as wide as a terminal of ``width`` columns has it; None: as wide as it is."""
    rows = [_row(report, number) for number in range(len(report.fonts))]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    # A column of which no font has anything would only take room.
    names = [name for name in rows[0] if name == "font" or any(row[name] for row in rows)]
    for name in names:
        is_number = name in ("characters", "covered")
        table.add_column(name, justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(row[name]) for name in names))
    file = io.StringIO()
    Console(file=file, width=width or WIDE, color_system=None, highlight=False).print(table)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def as_json(report: FontsReport) -> str:
    """All that is known, a font an object."""
    fonts: list[dict[str, Any]] = []
    for number, facts in enumerate(report.fonts):
        font = {**asdict(facts), "copies": list(report.copies[number])}
        if report.coverage:
            coverage = report.coverage[number]
            missing = {chr(each.code_point): each.num for each in coverage.missing}
            font |= {"num_covered": coverage.num_covered, "num_missing": coverage.num_missing}
            font["missing"] = missing
        fonts.append(font)
    said: dict[str, Any] = {"fonts": fonts, "left_out": report.left_out}
    if report.coverage:
        said["num_texts"] = report.num_texts
    return json.dumps(said, indent=2)


def _row(report: FontsReport, number: int) -> dict[str, str]:
    facts = report.fonts[number]
    scripts = [
        f"{script.name} (no rules)" if script.needs_rules and not script.has_rules else script.name
        for script in facts.scripts
    ]
    axes = (f"{axis.tag} {axis.least:g}..{axis.most:g}" for axis in facts.axes)
    row = {
        "font": facts.name,
        "family": facts.family,
        "style": facts.style,
        "characters": f"{facts.num_characters:,}",
        "covered": "",
        "missing": "",
        "scripts": _some(scripts, MOST_SCRIPTS, len(scripts)),
        "kerning": facts.kerning or "none",
        "axes": ", ".join(axes),
        "same as": ", ".join((*report.copies[number], *facts.equal_glyphs)),
    }
    if report.coverage:
        coverage = report.coverage[number]
        share = coverage.num_covered / max(report.num_texts, 1)
        # 100 % is said of no font that lacks a text.
        is_whole = coverage.num_covered == report.num_texts
        row["covered"] = "100 %" if is_whole else f"{min(100 * share, 99.99):.2f} %"
        missing = [_shown(each.code_point) for each in coverage.missing]
        row["missing"] = _some(missing, MOST_MISSING, coverage.num_missing)
    return row


def _some(words: list[str], most: int, num: int) -> str:
    more = num - min(most, len(words))
    return ", ".join(words[:most]) + (f" +{more:,}" if more > 0 else "")


def _shown(code_point: int) -> str:
    character = chr(code_point)
    return (
        character if character.isprintable() and not character.isspace() else f"U+{code_point:04X}"
    )
