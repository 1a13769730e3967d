"""A sheet of specimens: of each font some of the characters that it has, beside its name.

Specimens are drawn as pictures of a run are. Which fonts there are, and where the sheet goes, is
other people's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from shmtext.config import RunConfig, Style
from shmtext.corpus.ragged import pack_texts
from shmtext.draw.batch import Pixels
from shmtext.draw.coverage import is_space
from shmtext.draw.faces import FontFile
from shmtext.draw.font_facts import FontFacts, script_ids
from shmtext.draw.pictures import PictureMaker
from shmtext.draw.settings import RenderSettings

SPECIMEN_PX, LABEL_PX = 36, 14
WIDTH_PX, MARGIN_PX = 760, 24
"""Of a column's specimens, and around them."""
GAP_PX, LABEL_GAP_PX = 22, 6
"""Below a font, and below its label."""
RULE_LEVEL = 225
"""Of the thin line above each font."""
LABEL_COLOR = "#5a5a5a"
FONTS_PER_COLUMN = 24
"""Before there is a second column; of more fonts, columns are as many as make a sheet that is about
as wide as it is high."""

LATIN = "Sphinx of black quartz, judge my vow 0123456789"
MOST_SCRIPTS = 3
"""Beside Latin: the best known, then those of which a font has most."""
MOST_LETTERS = 20
"""Of all scripts in a line."""
FIRST_LETTERS = {
    "Latn": 0x41,
    "Grek": 0x391,
    "Cyrl": 0x410,
    "Arab": 0x627,
    "Hani": 0x4E00,
    "Hang": 0xAC00,
}
"""Of the best known scripts, where the letters begin that everybody knows them by; before these
stand rarer ones."""
STEPS = {"Hang": 588}
"""From one such letter to the next, where they don't follow one another: syllables of Hangul are
sorted by their first consonant."""


def specimen_sheet(
    fonts: Sequence[FontFile], facts: Sequence[FontFacts], label_font: FontFile
) -> Pixels:
    """Draw a sheet, gray, ``(height, width)``: ``facts`` are of ``fonts``, names in ``label_font``.

    What of a name ``label_font`` lacks is drawn as a question mark.
    """
    cells = [_cell(font, each, label_font) for font, each in zip(fonts, facts, strict=True)]
    columns = _columns(cells)
    height = max(sum(map(len, column)) for column in columns) + 2 * MARGIN_PX
    step = WIDTH_PX + 2 * MARGIN_PX
    sheet = np.full((height, step * len(columns)), 255, np.uint8)
    for number, column in enumerate(columns):
        top, left = MARGIN_PX, number * step + MARGIN_PX
        for cell in column:
            sheet[top : top + len(cell), left : left + WIDTH_PX] = cell
            top += len(cell)
    return sheet


def specimen_texts(font: FontFile, facts: FontFacts) -> list[str]:
    """Lines of characters that a font has: its Latin ones, and of other scripts some letters."""
    has = set(font.code_points.tolist())
    lines = []
    latin = next((each for each in (LATIN, LATIN.upper()) if _has_letters(has, each)), "")
    if latin:
        lines.append("".join(c for c in latin if ord(c) in has or c == " "))
    others = [script.tag for script in facts.scripts if script.tag != "Latn" or not latin]
    others.sort(key=lambda tag: tag not in FIRST_LETTERS)
    letters = list(filter(None, (_letters(font, tag) for tag in others[:MOST_SCRIPTS])))
    if letters:
        lines.append("  ".join(each[: MOST_LETTERS // len(letters)] for each in letters))
    if not lines:
        signs = [code for code in font.code_points.tolist() if not is_space(code)]
        step = max(len(signs) // MOST_LETTERS, 1)
        lines.append("".join(map(chr, signs[::step][:MOST_LETTERS])))
    return lines


def _letters(font: FontFile, tag: str) -> str:
    """Letters of a script that a font has, those that are best known first."""
    ids, tags = script_ids(font.code_points)
    letters = [
        code
        for code in font.code_points[ids == tags.index(tag)].tolist()
        if chr(code).isalpha() and chr(code).isprintable()
    ]
    first, step = FIRST_LETTERS.get(tag, 0), STEPS.get(tag, 1)
    known = [code for code in letters if code >= first and (code - first) % step == 0]
    return "".join(map(chr, (known or letters)[:MOST_LETTERS]))


def _has_letters(has: set[int], text: str) -> bool:
    return all(ord(character) in has for character in text if character.isalpha())


def _cell(font: FontFile, facts: FontFacts, label_font: FontFile) -> Pixels:
    """A font's label over its specimens, ``WIDTH_PX`` wide."""
    name = " ".join(filter(None, (facts.family, facts.style)))
    label = f"{font.name}   {name}   {facts.num_characters:,} characters"
    known = set(label_font.code_points.tolist())
    label = "".join(c if ord(c) in known else "?" for c in label)
    rows = [np.full((1, WIDTH_PX), RULE_LEVEL, np.uint8), _paper(LABEL_GAP_PX)]
    rows += [_drawn(label, label_font, LABEL_PX, LABEL_COLOR), _paper(LABEL_GAP_PX)]
    rows += [_drawn(text, font, SPECIMEN_PX, "#000000") for text in specimen_texts(font, facts)]
    return np.concatenate([*rows, _paper(GAP_PX)])


def _drawn(text: str, font: FontFile, size_px: int, color: str) -> Pixels:
    """A line as wide as a column: of a text that is wider, its beginning."""
    config = RunConfig(style=Style(font_sizes=(size_px,), font_colors=(color,)))
    maker = PictureMaker(RenderSettings.of(config, (font,)))
    while text:
        picture = next(_pictures(maker, text), None)
        if picture is None:
            break  # its shaping leaves nothing to be seen
        height, width = picture.shape
        if width <= WIDTH_PX:
            line = _paper(height)
            line[:, :width] = picture
            return line
        text = text[: min(len(text) - 1, len(text) * WIDTH_PX // width)].rstrip()
    return _paper(0)


def _pictures(maker: PictureMaker, text: str) -> Iterator[Pixels]:
    for batch in maker.draw(maker.prepare(pack_texts([text]), 0), lambda _position: None):
        yield from batch.pictures


def _paper(height_px: int) -> Pixels:
    return np.full((height_px, WIDTH_PX), 255, np.uint8)


def _columns(cells: Sequence[Pixels]) -> list[list[Pixels]]:
    """Part cells, in their order, into columns of about one height."""
    total = sum(map(len, cells))
    num = 1
    if len(cells) > FONTS_PER_COLUMN:
        num = max(round((total / WIDTH_PX) ** 0.5), 2)
    columns: list[list[Pixels]] = [[]]
    top = 0
    for cell in cells:
        if columns[-1] and top >= total * len(columns) / num:
            columns.append([])
        columns[-1].append(cell)
        top += len(cell)
    return columns
