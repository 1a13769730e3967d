"""What fonts are, for a person who chooses among them: names, scripts, kerning, axes, duplicates.

What they have of given texts is counted here, too. How it is shown is ``cli/font_table.py``'s.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from unicodedata import bidirectional, category

import numpy as np
import uharfbuzz
from fontTools.unicodedata import Scripts, ot_tags_from_script, script_name
from numpy.typing import NDArray

from shmtext.config import Style
from shmtext.corpus.ragged import RaggedTexts
from shmtext.draw.characters import CharacterTable
from shmtext.draw.faces import FontFile
from shmtext.draw.opened import open_tables
from shmtext.draw.rules import needs_shaping
from shmtext.draw.texts import check_texts, decode_texts

NO_SCRIPTS = {"Zyyy", "Zinh", "Zzzz"}
"""Of characters that all scripts share, and of those that Unicode does not know."""

FEW = 10
"""Letters of a script, of which a font has some as signs: Ω, π, the Hebrew alef of mathematics."""

JOINED = 0.1
"""Share of a script's characters from which on it needs rules. Of Thai a sixth are marks, of
Cyrillic one in thirty."""

OUTLINE_TABLES = ("head", "cmap", "hmtx", "loca", "glyf", "CFF ", "CFF2", "fvar", "gvar")
"""By which fonts of other names are found to have equal glyphs."""

FAMILY_NAMES, STYLE_NAMES = (16, 1), (17, 2)
"""Numbers in the table ``name``, the best first."""

MOST_MISSING = 20
"""Missing characters that are kept of each font."""


@dataclass(frozen=True, slots=True)
class ScriptFacts:
    """What a font has of a script."""

    tag: str
    """ISO 15924."""
    name: str
    num_characters: int
    has_rules: bool
    """Whether it has rules for shaping it; scripts whose letters stand side by side need none."""
    needs_rules: bool
    """Whether many of its characters, of those that the font has, join, reorder or stand on others;
    a few do in nearly every script."""


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis of a variable font."""

    tag: str
    least: float
    default: float
    most: float


@dataclass(frozen=True, slots=True)
class FontFacts:
    """What is known of one font."""

    name: str
    """What labels call it."""
    path: str
    family: str
    style: str
    num_characters: int
    scripts: tuple[ScriptFacts, ...]
    """The one of which it has most first; without those of which it has fewer than ``FEW``."""
    kerning: str
    """``GPOS``, ``kern``, or empty: none."""
    axes: tuple[Axis, ...]
    equal_glyphs: tuple[str, ...]
    """Names of other fonts of those given that draw the same glyphs for the same characters."""


@dataclass(frozen=True, slots=True)
class Missing:
    """A character that a font lacks."""

    code_point: int
    num: int
    """How often texts have it."""


@dataclass(frozen=True, slots=True)
class FontCoverage:
    """What a font has of some texts."""

    num_covered: int
    """Texts that it draws."""
    missing: tuple[Missing, ...]
    """The commonest characters that it lacks, at most ``MOST_MISSING``."""
    num_missing: int
    """How many different ones it lacks."""


class Coverage:
    """Counts what fonts have of texts that come piece by piece."""

    def __init__(self, fonts: tuple[FontFile, ...]) -> None:
        self._fonts = fonts
        self._table = CharacterTable(fonts)
        self._num_covered = np.zeros(len(fonts), np.int64)
        self._occurrences = np.zeros(0, np.int64)
        self.num_texts = 0

    def add(self, texts: RaggedTexts) -> None:
        """Count further texts."""
        decoded = decode_texts(texts, None)
        checked = check_texts(decoded, Style(), self._table)
        is_drawable = checked.is_drawable
        if checked.support is None:
            self._num_covered += np.count_nonzero(is_drawable)
        else:
            self._num_covered += np.count_nonzero(checked.support[is_drawable], axis=0)
        occurrences = np.bincount(checked.characters, minlength=len(self._table))
        occurrences[: self._occurrences.size] += self._occurrences
        self._occurrences = occurrences
        self.num_texts += len(texts)

    def of_fonts(self) -> list[FontCoverage]:
        """What each font has of all that was counted."""
        # What no text may hold, or no table tells, is no font's fault.
        is_asked = (self._occurrences > 0) & ~self._table.is_hidden & ~self._table.is_selector
        has = self._table.drawn_alone()
        return [
            self._of_font(int(num_covered), is_asked & ~has[:, font_id])
            for font_id, num_covered in enumerate(self._num_covered.tolist())
        ]

    def _of_font(self, num_covered: int, lacks: NDArray[np.bool_]) -> FontCoverage:
        ids = np.flatnonzero(lacks) if num_covered < self.num_texts else np.zeros(0, np.int64)
        codes, counts = self._table.code_points[ids], self._occurrences[ids]
        commonest = np.lexsort((codes, -counts))[:MOST_MISSING]
        missing = zip(codes[commonest].tolist(), counts[commonest].tolist(), strict=True)
        return FontCoverage(num_covered, tuple(Missing(*each) for each in missing), ids.size)


def facts_of(fonts: Sequence[FontFile]) -> list[FontFacts]:
    """What is known of each. Raises ``OSError`` where a file can't be opened any more."""
    faces = [open_tables(font.stored) for font in fonts]
    names_by_glyphs: dict[str, list[str]] = defaultdict(list)
    glyphs = [_glyphs_digest(font, face) for font, face in zip(fonts, faces, strict=True)]
    for font, digest in zip(fonts, glyphs, strict=True):
        names_by_glyphs[digest].append(font.name)
    return [
        FontFacts(
            name=font.name,
            path=font.path,
            family=_name(face, FAMILY_NAMES),
            style=_name(face, STYLE_NAMES),
            num_characters=font.code_points.size,
            scripts=tuple(_scripts(font, face)),
            kerning=_kerning(font, face),
            axes=tuple(
                Axis(axis.tag, axis.min_value, axis.default_value, axis.max_value)
                for axis in face.axis_infos
            ),
            equal_glyphs=tuple(name for name in names_by_glyphs[digest] if name != font.name),
        )
        for font, face, digest in zip(fonts, faces, glyphs, strict=True)
    ]


def script_ids(code_points: NDArray[np.uint32]) -> tuple[NDArray[np.int64], list[str]]:
    """The script of each character, as a place in a list of tags, and that list.

    >>> ids, tags = script_ids(np.array([0x41, 0x634, 0x31], np.uint32))
    >>> [tags[each] for each in ids.tolist()]
    ['Latn', 'Arab', 'Zyyy']
    """
    starts, script, tags = _script_ranges()
    return script[np.searchsorted(starts, code_points, side="right") - 1], tags


@cache
def _script_ranges() -> tuple[NDArray[np.int64], NDArray[np.int64], list[str]]:
    tags = sorted(set(Scripts.VALUES))
    number = {tag: place for place, tag in enumerate(tags)}
    return np.array(Scripts.RANGES), np.array([number[tag] for tag in Scripts.VALUES]), tags


def _scripts(font: FontFile, face: uharfbuzz.Face) -> Iterator[ScriptFacts]:
    ids, tags = script_ids(font.code_points)
    counts = np.bincount(ids, minlength=len(tags))
    has = {tag for table in ("GSUB", "GPOS") for tag in face.get_table_script_tags(table)}
    for place in np.argsort(-counts, kind="stable").tolist():
        tag = tags[place]
        if counts[place] < FEW:
            return
        if tag in NO_SCRIPTS:
            continue
        yield ScriptFacts(
            tag=tag,
            name=script_name(tag, default=tag).replace("_", " "),
            num_characters=int(counts[place]),
            has_rules=not has.isdisjoint(ot_tags_from_script(tag)),
            needs_rules=_are_joined(font.code_points[ids == place].tolist()),
        )


def _are_joined(code_points: list[int]) -> bool:
    return sum(map(_joins, code_points)) >= JOINED * len(code_points)


@cache
def _joins(code_point: int) -> bool:
    """Whether a character is drawn wrong by itself, and not only from the wrong side."""
    character = chr(code_point)
    is_letter_alone = bidirectional(character) == "R" and category(character)[0] != "M"
    return needs_shaping(character) and not is_letter_alone


def _kerning(font: FontFile, face: uharfbuzz.Face) -> str:
    scripts = range(len(face.get_table_script_tags("GPOS")))
    if any("kern" in face.get_language_feature_tags("GPOS", script) for script in scripts):
        return "GPOS"
    return "kern" if font.kern_pairs.size or font.has_unread_kerning else ""


def _name(face: uharfbuzz.Face, numbers: Sequence[int]) -> str:
    names = (face.get_name(number) for number in numbers)
    return next((name for name in names if name), "")


def _glyphs_digest(font: FontFile, face: uharfbuzz.Face) -> str:
    digest = hashlib.sha256(repr(font.axes).encode())
    for tag in OUTLINE_TABLES:
        data = face.reference_table(tag).data
        # Of ``head`` what decides sizes alone: its dates and checksum are of the file.
        digest.update(data[18:20] if tag == "head" else hashlib.sha256(data).digest())
    return digest.hexdigest()
