"""What shaping needs of each character of a font, read once for the whole font, in font units.

An ``Entry`` is eight bytes a character: glyph, advance, classes for kerning, flags. Sizes are not
known here, nor are lines.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import uharfbuzz as hb
from numpy.typing import NDArray

from shmtext.corpus.properties import NUM_CODE_POINTS
from shmtext.corpus.ranges import Ints
from shmtext.draw.faces import FontFile
from shmtext.draw.opened import open_tables
from shmtext.draw.shape.batch_scripts import COMMON, NUMBER_OF, SCRIPTS, is_simple, script_number
from shmtext.draw.shape.opentype import Lookup, Lookups, PairRecords, Table, pairs_of_kern
from shmtext.draw.shape.proof import agree
from shmtext.draw.shape.rules import FontTables, Rules, apply_ligatures, find_rules
from shmtext.draw.shape.shaper import advances_units
from shmtext.draw.tables import DAMAGED

Entries = NDArray[np.uint64]

GLYPH, ADVANCE, CLASSES, FLAGS = range(4)
"""Fields of an entry, 16 bits each. Classes: the left one in the high byte."""

READ, COMPLEX, BEGINS, GOES_ON, JOINS = (1 << place for place in range(5))
"""Flags: the entry is filled in; tables can't say what becomes of the character; it is the first
of a ligature; the second; any of its characters."""

FEATURES = frozenset(
    (
        *("rvrn", "ltra", "ltrm", "rand", "Harf", "HARF", "Buzz", "BUZZ"),
        *("abvm", "blwm", "ccmp", "locl", "mark", "mkmk", "rlig"),
        *("calt", "clig", "curs", "dist", "kern", "liga", "rclt"),
    )
)
"""What HarfBuzz applies to a horizontal line unasked."""

OTHER_RULES = frozenset(("morx", "mort", "kerx", "trak", "feat", "Silf"))
"""Tables with rules of other kinds than OpenType's."""

FIRST_BLOCK = 512
"""Code points whose characters are judged together when one of them is met first; four times as
many each time that more are met, as judging takes 3 ms, whether of 100 glyphs or 400."""

PUNCTUATION = 0x2010, 0x203A
"""Dashes and quotation marks that texts of most scripts come to sooner or later."""

FIRST_BLOCK_OF = {"Hani": 1, "Hang": 1, "Yiii": 1}
"""Texts hold but few of these scripts' thousands of characters."""

NO_KERN_TABLE = ("Hang",)
"""Scripts to which HarfBuzz does not apply it."""

NO_LOOKUPS = Lookups((), frozenset(), has_kern=False)


MOST_LIGATED = 4096
"""Sequences of glyphs of a font held with what ligatures make of them."""


def fields(entries: Entries) -> NDArray[np.uint16]:
    """View entries as their fields, ``(num_entries, 4)``."""
    return entries.view(np.uint16).reshape(-1, 4)


def complex_entries(count: int) -> Entries:
    """Return entries of characters of which nothing is known."""
    entries = np.zeros(count, np.uint64)
    fields(entries)[:, FLAGS] = READ | COMPLEX
    return entries


class SimpleFont:
    """A font's tables, and its characters under the rules of each script."""

    def __init__(self, font: FontFile) -> None:
        face = open_tables(font.stored)
        self.units_per_em: int = face.upem
        self.code_points = font.code_points
        self.font = hb.Font(face)
        """Scaled to font units."""
        tags = frozenset(face.table_tags)
        # Kerning that varies with axes is HarfBuzz's business.
        self._is_refused = bool(tags & OTHER_RULES) or not {"hmtx", "hhea"} <= tags
        self._is_refused |= bool(font.axes)

        def table(tag: str) -> bytes:
            return face.reference_table(tag).data if tag in tags else b""

        self.tables = FontTables(*(Table(table(tag)) for tag in ("GSUB", "GPOS", "GDEF")))
        self._kern = table("kern")
        self._advances = np.zeros(0, np.int64)
        if not self._is_refused:
            self._advances = advances_units(face)

    def characters(self, script: str) -> SimpleCharacters | None:
        """Return the characters under a script's rules, or ``None`` if these can't be read."""
        if self._is_refused:
            return None
        try:
            return SimpleCharacters(self, script)
        except DAMAGED:
            return None

    def has_kern_table(self) -> bool:
        """Whether there is a table to kern by where GPOS does not."""
        return len(self._kern) > 0

    def kern_pairs(self) -> list[PairRecords]:
        """Read the font's ``kern`` table; raises one of ``DAMAGED`` for forms that aren't held."""
        return pairs_of_kern(self._kern)

    def glyph(self, code: int) -> int:
        """Return the glyph of a character, 0 if the font has none."""
        return self.font.get_nominal_glyph(code) or 0

    def advance(self, glyphs: Ints) -> Ints:
        """Return glyphs' advances in font units."""
        return self._advances[np.minimum(glyphs, self._advances.size - 1)]


class SimpleCharacters:
    """The characters of a font under the rules of one script; judged when they are met.

    Raises one of ``DAMAGED`` where rules can't be read.
    """

    def __init__(self, font: SimpleFont, script: str) -> None:
        self._font = font
        self._script, self._hb_script = NUMBER_OF[script], script
        gsub, gpos = font.tables.gsub, font.tables.gpos
        substitutions = gsub.lookups(SCRIPTS[script], FEATURES) if len(gsub) else NO_LOOKUPS
        positionings = gpos.lookups(SCRIPTS[script], FEATURES) if len(gpos) else NO_LOOKUPS
        self._substitutions = _read(gsub, "GSUB", substitutions)
        self._positionings = _read(gpos, "GPOS", positionings)
        self.halves_kerning = (
            font.has_kern_table() and not positionings.has_kern and script not in NO_KERN_TABLE
        )
        """Whether kerning lies half before, half behind the seam of two glyphs."""
        self._kern = font.kern_pairs() if self.halves_kerning else []
        self._block = FIRST_BLOCK_OF.get(script, FIRST_BLOCK)
        self._glyph_of: dict[int, int] = {}
        self._glyphs = {0}
        self._is_refuted = False
        """HarfBuzz was seen to shape otherwise."""
        self._rules = _no_rules(np.zeros(0, np.int64))
        self._glyph_entries = np.zeros(0, np.uint64)
        self._ligated: dict[bytes, tuple[Entries, Ints]] = {}

    @property
    def kerning(self) -> NDArray[np.int16]:
        """Of all pairs of classes, in font units."""
        return self._rules.kerning

    def judge(self, codes: Ints) -> bool:
        """Take in new characters, and those around them.

        Returns whether entries given out before have changed.
        """
        new = [code for code in codes.tolist() if code not in self._glyph_of]
        if not self._take_in(new):
            return False
        blocks = np.unique(np.array(new, np.uint32) // np.uint32(self._block))
        mapped = self._font.code_points
        is_around = np.isin(mapped // np.uint32(self._block), blocks)
        is_around |= (mapped >= PUNCTUATION[0]) & (mapped <= PUNCTUATION[1])
        self._block = min(self._block * 4, NUM_CODE_POINTS)
        # No others stand in a run of this script, and a rule that needs them does not act there.
        around = mapped[is_around].tolist()
        self._take_in(code for code in around if script_number(code) in (COMMON, self._script))
        nominal = np.array(sorted(self._glyphs - {0}), np.int64)
        self._ligated.clear()
        self._rules = self._rules_of(nominal)
        self._glyph_entries = self._entries_of_glyphs(self._rules)
        return True

    def _take_in(self, codes: Iterable[int]) -> bool:
        """Look up glyphs of characters; tell whether any is new."""
        num_glyphs = len(self._glyphs)
        for code in codes:
            if code not in self._glyph_of:
                glyph = self._glyph_of[code] = self._font.glyph(code) if is_simple(code) else 0
                self._glyphs.add(glyph)
        return len(self._glyphs) > num_glyphs

    def _rules_of(self, nominal: Ints) -> Rules:
        if not self._is_refuted:
            try:
                rules = find_rules(
                    self._font.tables, self._substitutions, self._positionings, self._kern, nominal
                )
            except DAMAGED:
                return _no_rules(nominal)
            if agree(self._font.font, self._hb_script, self._glyph_of, rules):
                return rules
            self._is_refuted = True
        return _no_rules(nominal)

    def entries(self, codes: Ints) -> Entries:
        """Return the entries of characters that have been judged."""
        rules = self._rules
        glyphs = np.array([self._glyph_of[code] for code in codes.tolist()], np.int64)
        if not rules.glyphs.size:
            return complex_entries(codes.size)
        place = np.minimum(np.searchsorted(rules.glyphs, glyphs), rules.glyphs.size - 1)
        is_there = rules.glyphs[place] == glyphs
        own = self._glyph_entries[place]
        found = self._glyph_entries[rules.becomes[place]]
        fields(found)[:, FLAGS] |= fields(own)[:, FLAGS] & COMPLEX
        return np.where(is_there, found, complex_entries(codes.size))

    def ligate(self, glyphs: bytes) -> tuple[Entries, Ints]:
        """Return what becomes of glyphs (16 bits each): entries, and the first place of each.

        Only for glyphs that have been judged.
        """
        if glyphs not in self._ligated:
            if len(self._ligated) == MOST_LIGATED:
                self._ligated.clear()
            rules = self._rules
            left, met = apply_ligatures(
                rules.ligatures, tuple(np.frombuffer(glyphs, np.uint16).tolist())
            )
            glyph, place = np.array(left, np.int64).T
            entries = self._glyph_entries[np.searchsorted(rules.glyphs, glyph)]
            if rules.is_complex[np.searchsorted(rules.glyphs, sorted(met))].any():
                fields(entries)[:, FLAGS] |= COMPLEX
            self._ligated[glyphs] = entries, place
        return self._ligated[glyphs]

    def _entries_of_glyphs(self, rules: Rules) -> Entries:
        advance = self._font.advance(rules.glyphs)
        entries = np.zeros(rules.glyphs.size, np.uint64)
        of_glyph = fields(entries)
        of_glyph[:, GLYPH] = rules.glyphs
        of_glyph[:, ADVANCE] = advance
        of_glyph[:, CLASSES] = rules.left_class.astype(np.uint16) << 8 | rules.right_class
        flags = np.full(rules.glyphs.size, READ, np.uint16)
        flags[rules.is_complex] |= COMPLEX
        ligatures = [
            ((first, *others), made)
            for lookup in rules.ligatures
            for first, sets in lookup.items()
            for others, made in sets
            if others
        ]
        for flag, joined in (
            (BEGINS, [parts[0] for parts, _ in ligatures]),
            (GOES_ON, [parts[1] for parts, _ in ligatures]),
            (JOINS, [part for parts, _ in ligatures for part in parts]),
        ):
            flags[np.isin(rules.glyphs, joined)] |= flag
        of_glyph[:, FLAGS] = flags
        return entries


def _no_rules(glyphs: Ints) -> Rules:
    """Return what is known of glyphs of which nothing is."""
    is_complex, classes = np.ones(glyphs.size, np.bool_), np.zeros(glyphs.size, np.uint8)
    kerning = np.zeros((1, 1), np.int16)
    return Rules(glyphs, np.arange(glyphs.size), is_complex, (), classes, classes, kerning)


def _read(table: Table, tag: str, lookups: Lookups) -> list[Lookup]:
    return [
        table.lookup(number, tag, at_once=number in lookups.at_once) for number in lookups.in_order
    ]
