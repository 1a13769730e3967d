"""Fonts looked at before a run: what they are, what they have of a corpus, a sheet of specimens."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from shmtext.config import RunConfig, Style, TextFile
from shmtext.corpus.ragged import gather_chunks
from shmtext.draw.faces import FontFile, bundled_fonts, find_font_files
from shmtext.draw.font_facts import Coverage, FontCoverage, FontFacts, facts_of
from shmtext.draw.instances import split_asked
from shmtext.draw.specimens import specimen_sheet
from shmtext.engine.fonts import fonts_of
from shmtext.engine.progress import Silent
from shmtext.engine.stop import StopRequest
from shmtext.engine.texts import texts_in_chunks
from shmtext.errors import FontError
from shmtext.view.captions import caption_fonts
from shmtext.view.png import write_png


@dataclass(frozen=True, slots=True)
class FontsReport:
    """What is known of some fonts."""

    fonts: tuple[FontFacts, ...]
    copies: tuple[tuple[str, ...], ...]
    """Of each, paths of other files with its content: these are not counted as fonts."""
    coverage: tuple[FontCoverage, ...]
    """Of each, where there are texts."""
    num_texts: int
    left_out: str
    """A line that names what can't be used as a font; empty: nothing."""


def report_fonts(
    paths: Sequence[Path], texts: str | None = None, sheet: Path | None = None
) -> FontsReport:
    """Look at fonts (files and folders; none: those of the package), and write a sheet of them.

    ``texts`` is ``PATH`` or ``PATH::COLUMN``, ``sheet`` a PNG file. Raises ``FontError`` where no
    font is left, ``InputError`` and ``ConfigError`` for texts, ``StorageError`` for the sheet.
    """
    config = RunConfig(style=Style(fonts=tuple(paths)))
    fonts, left_out = fonts_of(paths, config.style.font_sizes, skips_bad=True)
    try:
        facts = facts_of(fonts)
    except OSError as error:
        raise FontError(f"a font is gone ({error}): start again") from error
    coverage = Coverage(fonts)
    if texts is not None:
        of_texts = RunConfig(corpus=TextFile.parse(texts))
        for chunk in texts_in_chunks(of_texts, StopRequest(), Silent()):
            coverage.add(gather_chunks([chunk]))
    if sheet is not None:
        _write_sheet(sheet, fonts, facts)
    return FontsReport(
        fonts=tuple(facts),
        copies=_copies(paths or [bundled_fonts()], fonts),
        coverage=tuple(coverage.of_fonts()) if texts is not None else (),
        num_texts=coverage.num_texts,
        left_out=left_out,
    )


def _write_sheet(path: Path, fonts: Sequence[FontFile], facts: Sequence[FontFacts]) -> None:
    label_font, *_ = caption_fonts()
    write_png(path, specimen_sheet(fonts, facts, label_font))


def _copies(paths: Sequence[Path], fonts: Sequence[FontFile]) -> tuple[tuple[str, ...], ...]:
    """Paths of files that hold just what one of the fonts' files does."""
    of_size: dict[int, set[str]] = {}
    for path in {font.path for font in fonts}:
        of_size.setdefault(os.stat(path).st_size, set()).add(path)
    copies: dict[str, list[str]] = {}
    for asked in find_font_files(paths, lambda _fault: None):
        path = os.path.realpath(split_asked(asked).path)
        alike = of_size.get(os.stat(path).st_size, set()) if os.path.isfile(path) else set()
        if alike and path not in alike:
            copies.setdefault(sha256(Path(path).read_bytes()).hexdigest(), []).append(path)
    return tuple(tuple(copies.get(font.sha256, ())) for font in fonts)
