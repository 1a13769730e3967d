"""Whether a font has rules that reach across spaces: then words can't be shaped by themselves.

Read from the bytes of GSUB and GPOS (fontTools takes a second for some fonts). Rules are looked at
that HarfBuzz applies unasked, in any script and language. What can't be read counts as a rule.

Words are shaped with the spaces behind them. So what matters are rules about several glyphs of
which one is, or may become, a space, and rules that see no spaces at all.
"""

from __future__ import annotations

import struct
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import uharfbuzz as hb
from numpy.typing import NDArray

from shmtext.corpus.ranges import spell_out
from shmtext.draw.kern import read_kern
from shmtext.draw.shape.scripts import script_of
from shmtext.draw.tables import DAMAGED

ASKED_FOR = (
    "aalt afrc c2pc c2sc case cpsp cswh dlig expt falt fwid halt hist hkna hlig hngl hojo hwid"
    " ital jp04 jp78 jp83 jp90 lnum mgrk nalt nlck onum opbd ordn ornm palt pcap pkna pnum pwid"
    " qwid ruby salt sinf size smcp smpl ss01 ss02 ss03 ss04 ss05 ss06 ss07 ss08 ss09 ss10 ss11"
    " ss12 ss13 ss14 ss15 ss16 ss17 ss18 ss19 ss20 subs sups swsh titl tnam tnum trad twid unic"
    " valt vhal vkna vkrn vpal zero"
)
"""Features that HarfBuzz applies only where a caller names them; ``cv01`` and on are others."""

TABLES_OF_STATES = "morx", "mort", "kerx", "trak"
"""Apple's: machines that read whole runs."""

IGNORED_BY_FLAG = {1: 2, 2: 4, 3: 0xFF18}
"""Bits of a lookup's flag, by the class of a glyph (base, ligature, mark) that it then may not see.
"""

UNREAD = (*DAMAGED, KeyError)
"""What reading a damaged table raises, or one with a rule of a kind that is not known."""

MAX_ROUNDS = 4
"""How often glyphs that spaces become are looked for in further rules."""


IN_SYLLABLES = "nukt akhn rphf rkrf pref blwf abvf half pstf vatu cjct pres abvs blws psts haln"
"""Features that HarfBuzz applies within a syllable of the scripts below, and of no other simple
script: a space is never of one with letters."""
SYLLABIC = "Deva", "Beng", "Guru", "Gujr", "Orya", "Taml", "Telu", "Knda", "Mlym"

LETTERS_IN_ORDER = "Arab", "Armn", "Cyrl", "Geor", "Grek", "Hebr", "Latn"
"""Scripts in which a word's first glyph comes of its first letter."""


class AtSpaces:
    """Where words of a font can be cut from each other at a space."""

    def __init__(self, face: hb.Face) -> None:
        self._face = face
        self._beginners: NDArray[np.int64] | None = None
        self.is_free = not has_rules_at_spaces(face)
        """Before every word."""
        self.is_free_in_syllabic = not self.is_free and not _has_rules_beyond_syllables(face)
        """Likewise, in the scripts of ``SYLLABIC``."""

    def are_free(self, codes: NDArray[Any]) -> NDArray[np.bool_]:
        """Whether no rule reaches across a space to words that begin with these characters."""
        if self.is_free:
            return np.ones(codes.size, np.bool_)
        if self._beginners is None:
            self._beginners = free_beginners(self._face)
        place = np.searchsorted(self._beginners, codes)
        found: NDArray[np.bool_] = np.append(self._beginners, -1)[place] == codes
        return found


def free_beginners(face: hb.Face) -> NDArray[np.int64]:
    """Letters that no rule about a space comes to where a word begins with them, ascending.

    Only those of ``LETTERS_IN_ORDER``.
    """
    none = np.empty(0, np.int64)
    space = hb.Font(face).get_nominal_glyph(0x20)
    tags = set(face.table_tags)
    if not space or tags.intersection(TABLES_OF_STATES):
        return none
    tables = _tables(face)
    try:
        beyond = _beyond_spaces(tables, space)
        if beyond is None:
            return none
        touched = np.zeros(1 << 16, np.bool_)
        touched[list(beyond)] = True
        # A mark may be passed over, so that a rule reaches what is behind it.
        touched |= _are_marks(tables["GDEF"])
        _spread_back(tables["GSUB"], touched)
    except UNREAD:
        return none
    nominal = hb.Font(face).get_nominal_glyph
    codes = sorted(face.unicodes)
    unfree = {code for code in codes if touched[nominal(code) or 0]}
    # What a letter may be composed to, and the other way round; and forms of Arabic letters.
    for code in codes:
        first = ord(unicodedata.normalize("NFKD", chr(code))[0])
        if first != code and (code in unfree or first in unfree):
            unfree |= {code, first}
    return np.array([code for code in codes if code not in unfree and _may_begin(code)], np.int64)


def _may_begin(code: int) -> bool:
    character = chr(code)
    return unicodedata.category(character)[0] == "L" and script_of(character) in LETTERS_IN_ORDER


def _are_marks(table: bytes) -> NDArray[np.bool_]:
    """Which glyphs, of all numbers that there are, GDEF takes for marks."""
    result = np.zeros(1 << 16, np.bool_)
    definitions = _Part(table, 0)
    if table and definitions.number(4):
        result[_glyphs_of_class(definitions.part(4), np.array([3]))] = True
    return result


def _glyphs_of_class(definition: _Part, classes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Glyphs of the classes sought, of those that are named."""
    if definition.number(0) == 1:
        named = definition.numbers(6, definition.number(4))
        return definition.number(2) + np.flatnonzero(np.isin(named, classes))
    first, last, named = definition.numbers(4, 3 * definition.number(2)).reshape(-1, 3).T
    sought = np.isin(named, classes) & (last >= first)
    return spell_out(first[sought], (last - first + 1)[sought])


def _covered(coverage: _Part) -> NDArray[np.int64]:
    """Glyphs of a coverage table, by their number in it."""
    if coverage.number(0) == 1:
        return coverage.listed(2)
    first, last, _ = coverage.numbers(4, 3 * coverage.number(2)).reshape(-1, 3).T
    return spell_out(first, np.maximum(last - first + 1, 0))


def _beyond_spaces(tables: dict[str, bytes], space: int) -> set[int] | None:
    """Glyphs that a rule about a space asks for right behind it; None where that can't be said."""
    found: set[int] = set()
    for tag, extension, kinds in (("GSUB", 7, SUBSTITUTIONS), ("GPOS", 9, POSITIONS)):
        for kind, flag, part in _subtables(tables[tag], extension=extension):
            if tag == "GSUB" and kind <= 3:
                if space in _covered(part.part(2)):
                    return None
                continue
            if kind not in kinds:
                continue
            ignored_by = IGNORED_BY_FLAG.get(_glyph_class(tables["GDEF"], space), 0)
            ignores = flag & ignored_by and not (tag == "GPOS" and kind in (4, 5, 6))
            if not ignores and not kinds[kind](part, space):
                continue
            # Only marks may be passed over between the space and what is behind it.
            beyond = BEYOND.get((tag, kind))
            glyphs = None if ignores or flag & 6 or beyond is None else beyond(part, space)
            if glyphs is None:
                return None
            found |= glyphs
    return found | _beyond_in_kern(tables["kern"], space)


def _beyond_in_ligatures(part: _Part, space: int) -> set[int]:
    found = set()
    first = _covered(part.part(2)).tolist()
    for glyph, ligatures in zip(first, part.parts(4), strict=True):
        for ligature in ligatures.parts(0):
            glyphs = [glyph, *ligature.numbers(4, ligature.number(2) - 1).tolist()]
            found |= {right for left, right in pairwise(glyphs) if left == space}
    return found


def _beyond_in_context(part: _Part, space: int) -> set[int] | None:
    if part.number(0) != 3:
        return None
    return _behind_in(part, part.numbers(6, part.number(2)).tolist(), space)


def _beyond_in_chain(part: _Part, space: int) -> set[int] | None:
    if part.number(0) == 2:
        return _beyond_in_classes(part, space)
    if part.number(0) != 3:
        return None
    lists = []
    offset = 2
    for _ in range(3):
        lists.append(part.listed(offset).tolist())
        offset += 2 + 2 * part.number(offset)
    return _behind_in(part, [*lists[0][::-1], *lists[1], *lists[2]], space)


def _beyond_in_classes(part: _Part, space: int) -> set[int] | None:
    definitions = [part.part(at) for at in (4, 6, 8)]
    of_space = [_class_of(definition, space) for definition in definitions]
    is_first = _covers(part.part(2), space)
    sought: set[tuple[int, int]] = set()
    for number, offset in enumerate(part.listed(10).tolist()):
        for rule in _Part(part.data, part.at + offset).parts(0) if offset else ():
            asked: list[tuple[int, int]] = []
            at = 0
            for place in range(3):
                # The first glyph of the middle part is the coverage's, and not named again.
                count = rule.number(at) - (place == 1)
                named = rule.numbers(at + 2, count).tolist()
                at += 2 + 2 * count
                named = [named[::-1], [number, *named], named][place]
                asked += [(place, each) for each in named]
            first = rule.number(0)
            for left, right in pairwise(range(len(asked))):
                place, each = asked[left]
                if each == of_space[place] and (left != first or is_first):
                    sought.add(asked[right])
    if any(each == 0 for _, each in sought):
        return None  # it reaches glyphs that no class names
    found: set[int] = set()
    for place in range(3):
        classes = [each for where, each in sought if where == place]
        if classes:
            found.update(_glyphs_of_class(definitions[place], np.array(classes)).tolist())
    return found


def _behind_in(part: _Part, coverages: list[int], space: int) -> set[int]:
    found: set[int] = set()
    for left, right in pairwise([_Part(part.data, part.at + at) for at in coverages]):
        if _covers(left, space):
            found.update(_covered(right).tolist())
    return found


def _beyond_in_pairs(part: _Part, space: int) -> set[int] | None:
    width = part.number(4).bit_count() + part.number(6).bit_count()
    index = _coverage_index(part.part(2), space)
    if index is None:
        return set()
    if part.number(0) == 1:
        pairs = part.part(10 + 2 * index)
        return set(pairs.numbers(2, pairs.number(0) * (1 + width))[:: 1 + width].tolist())
    row_size = part.number(14) * width
    row = _class_of(part.part(8), space)
    values = part.numbers(16 + 2 * row * row_size, row_size).reshape(part.number(14), width)
    moved = np.flatnonzero(values.any(axis=1))
    if part.number(6) or 0 in moved:
        return None  # it reaches glyphs that no class names
    return set(_glyphs_of_class(part.part(10), moved).tolist())


def _beyond_in_kern(table: bytes, space: int) -> set[int]:
    """Either glyph of a pair: lines from right to left are kerned as they are drawn."""
    left, right, value = _kern_pairs(table)
    moves = value != 0
    return {*right[(left == space) & moves].tolist(), *left[(right == space) & moves].tolist()}


def _spread_back(table: bytes, touched: NDArray[np.bool_]) -> None:
    """Touch glyphs of which others that are touched may come to be the first."""
    if not table:
        return
    before, after = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for kind, _flag, part in _subtables(table, extension=7, by_name=True):
        if kind not in (1, 2, 3, 4, 8):
            continue
        glyphs = _covered(part.part(2))
        if kind == 1 and part.number(0) == 1:
            made = (glyphs + part.number(4)) & 0xFFFF
        elif kind == 1:
            made = part.numbers(6, part.number(4))
        elif kind == 8:
            behind = 6 + 2 * part.number(4)
            made = part.listed(behind + 2 + 2 * part.number(behind))
        else:
            of_each = [
                [each.number(0) for each in one.parts(0)] if kind == 4 else one.listed(0).tolist()
                for one in part.parts(4)
            ]
            if kind == 2:
                # Of a glyph that goes away, the next one becomes the first.
                touched[glyphs[[not one for one in of_each]]] = True
                of_each = [one[:1] for one in of_each]
            counts = np.array([len(one) for one in of_each], np.int64)
            made = np.array([glyph for one in of_each for glyph in one], np.int64)
            glyphs = np.repeat(glyphs[: counts.size], counts)
        if made.size != glyphs.size:
            raise ValueError("a rule that says not of all glyphs what they become")
        before.append(glyphs)
        after.append(made)
    left, right = np.concatenate(before), np.concatenate(after)
    num_touched = -1
    while num_touched != (num_touched := int(touched.sum())):
        touched[left[touched[right]]] = True


def _has_rules_beyond_syllables(face: hb.Face) -> bool:
    """Whether there are rules across spaces in scripts of ``SYLLABIC``; if in doubt, there are."""
    tables = _tables(face)
    space = hb.Font(face).get_nominal_glyph(0x20)
    if not space or set(face.table_tags).intersection(TABLES_OF_STATES):
        return True
    try:
        others = _subtables(tables["GSUB"], extension=7, left_out=IN_SYLLABLES)
        # One of another feature might apply those that are left out; and those of fonts for the
        # universal engine are not held within syllables.
        is_doubtful = any(kind in (5, 6) for kind, _, _ in others) or _is_for_use(tables["GSUB"])
        return (
            is_doubtful
            or _kern_names(tables["kern"], space)
            or _has_rules(tables, space, left_out=IN_SYLLABLES)
        )
    except UNREAD:
        return True


def _is_for_use(table: bytes) -> bool:
    """Whether a table has scripts such as ``dev3``."""
    if not table:
        return False
    scripts = _Part(table, 0).part(4)
    places = [scripts.at + 2 + 6 * number for number in range(scripts.number(0))]
    return any(table[at + 3 : at + 4] == b"3" for at in places)


def has_rules_at_spaces(face: hb.Face) -> bool:
    """Whether what a font makes of a word may depend on what is beyond the spaces around it."""
    space = hb.Font(face).get_nominal_glyph(0x20)
    tags = set(face.table_tags)
    if not space or tags.intersection(TABLES_OF_STATES):
        return True
    tables = _tables(face)
    try:
        return _kern_names(tables["kern"], space) or _has_rules(tables, space)
    except UNREAD:
        return True  # a damaged table: HarfBuzz may make something of it all the same


def _tables(face: hb.Face) -> dict[str, bytes]:
    tags = set(face.table_tags)
    return {
        tag: bytes(face.reference_table(tag).data) if tag in tags else b""
        for tag in ("GSUB", "GPOS", "GDEF", "kern")
    }


def _has_rules(tables: dict[str, bytes], space: int, *, left_out: str = "") -> bool:
    substitutions = _subtables(tables["GSUB"], extension=7, left_out=left_out)
    positions = _subtables(tables["GPOS"], extension=9)
    spaces = {space}
    for _ in range(MAX_ROUNDS):
        for kind, _flag, part in substitutions:
            if kind <= 3:
                spaces |= {made for glyph in spaces for made in _made_of(kind, part, glyph)}
    for glyph in spaces:
        ignored_by = IGNORED_BY_FLAG.get(_glyph_class(tables["GDEF"], glyph), 0)
        for kind, flag, part in substitutions:
            if kind > 3 and (flag & ignored_by or SUBSTITUTIONS[kind](part, glyph)):
                return True
        for kind, flag, part in positions:
            # Marks find what they stand on by a rule that no flag changes.
            ignores = kind not in (1, 4, 5, 6) and flag & ignored_by
            if kind > 1 and (ignores or POSITIONS[kind](part, glyph)):
                return True
    return False


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a table: where it begins, from which its own offsets count."""

    data: bytes
    at: int

    def number(self, offset: int) -> int:
        return int(struct.unpack_from(">H", self.data, self.at + offset)[0])

    def numbers(self, offset: int, count: int) -> NDArray[np.int64]:
        return np.frombuffer(self.data, ">u2", count, self.at + offset).astype(np.int64)

    def listed(self, offset: int) -> NDArray[np.int64]:
        """Return the numbers of a list, which its length precedes."""
        return self.numbers(offset + 2, self.number(offset))

    def part(self, offset: int) -> _Part:
        """Return the part to which the number at ``offset`` leads."""
        return _Part(self.data, self.at + self.number(offset))

    def parts(self, offset: int) -> list[_Part]:
        """Return those to which a list of numbers leads."""
        return [
            _Part(self.data, self.at + start) for start in self.listed(offset).tolist() if start
        ]


def _subtables(
    table: bytes, *, extension: int, by_name: bool = False, left_out: str = ""
) -> list[tuple[int, int, _Part]]:
    """Kind, flag and place of all subtables that HarfBuzz may apply unasked.

    ``by_name``: and those of features that a caller names. ``left_out``: features that don't count.
    """
    if not table:
        return []
    top = _Part(table, 0)
    features = top.part(6)
    asked_for: set[int] = set()
    unasked: set[int] = set()
    for number in range(features.number(0)):
        record = 2 + 6 * number
        tag = table[features.at + record :][:4].decode("latin-1")
        lookups = _Part(table, features.at + features.number(record + 4)).listed(2)
        is_asked_for = tag in ASKED_FOR or tag[:2] == "cv" or tag in left_out.split()
        (asked_for if is_asked_for else unasked).update(lookups.tolist())
    # A lookup that no feature names is applied by others.
    found = []
    for number, lookup in enumerate(top.part(8).parts(0)):
        if not by_name and number in asked_for - unasked:
            continue
        kind, flag = lookup.number(0), lookup.number(2)
        for part in lookup.parts(4):
            if kind == extension:
                far = int(struct.unpack_from(">I", table, part.at + 4)[0])
                found.append((part.number(2), flag, _Part(table, part.at + far)))
            else:
                found.append((kind, flag, part))
    return found


def _coverage_index(coverage: _Part, glyph: int) -> int | None:
    if coverage.number(0) == 1:
        found = np.flatnonzero(coverage.listed(2) == glyph)
        return int(found[0]) if found.size else None
    first, last, index = coverage.numbers(4, 3 * coverage.number(2)).reshape(-1, 3).T
    found = np.flatnonzero((first <= glyph) & (glyph <= last))
    return int((index - first)[found[0]]) + glyph if found.size else None


def _covers(coverage: _Part, glyph: int) -> bool:
    return _coverage_index(coverage, glyph) is not None


def _class_of(definition: _Part, glyph: int) -> int:
    """Return a glyph's class, 0 where it is not named."""
    if definition.number(0) == 1:
        number = glyph - definition.number(2)
        return definition.number(6 + 2 * number) if 0 <= number < definition.number(4) else 0
    first, last, named = definition.numbers(4, 3 * definition.number(2)).reshape(-1, 3).T
    found = np.flatnonzero((first <= glyph) & (glyph <= last))
    return int(named[found[0]]) if found.size else 0


def _glyph_class(table: bytes, glyph: int) -> int:
    definitions = _Part(table, 0)
    return _class_of(definitions.part(4), glyph) if table and definitions.number(4) else 0


def _made_of(kind: int, part: _Part, glyph: int) -> list[int]:
    """Glyphs that a rule about one glyph may put in its place."""
    index = _coverage_index(part.part(2), glyph)
    if index is None:
        return []
    if kind == 1:
        return [
            (glyph + part.number(4)) & 0xFFFF if part.number(0) == 1 else part.number(6 + 2 * index)
        ]
    return list(part.part(6 + 2 * index).listed(0))


def _ligature_joins(part: _Part, glyph: int) -> bool:
    if _covers(part.part(2), glyph):
        return True
    return any(
        glyph in ligature.numbers(4, ligature.number(2) - 1)
        for ligatures in part.parts(4)
        for ligature in ligatures.parts(0)
    )


def _context_joins(part: _Part, glyph: int) -> bool:
    if part.number(0) == 3:
        return _any_covers(part, part.numbers(6, part.number(2)), glyph)
    if _covers(part.part(2), glyph):
        return True
    by_class = part.number(0) == 2
    sought = _class_of(part.part(4), glyph) if by_class else glyph
    return any(
        sought in rule.numbers(4, rule.number(0) - 1)
        for rules in part.parts(6 if by_class else 4)
        for rule in rules.parts(0)
    )


def _chain_joins(part: _Part, glyph: int) -> bool:
    if part.number(0) == 3:
        offset = 2
        for _ in range(3):
            if _any_covers(part, part.listed(offset), glyph):
                return True
            offset += 2 + 2 * part.number(offset)
        return False
    if _covers(part.part(2), glyph):
        return True
    by_class = part.number(0) == 2
    sought = [_class_of(part.part(at), glyph) for at in (4, 6, 8)] if by_class else [glyph] * 3
    for rules in part.parts(10 if by_class else 4):
        for rule in rules.parts(0):
            offset = 0
            for place, number in enumerate(sought):
                # The first glyph of the middle part is the coverage's, and not named again.
                count = rule.number(offset) - (place == 1)
                if number in rule.numbers(offset + 2, count):
                    return True
                offset += 2 + 2 * count
    return False


def _reverse_joins(part: _Part, glyph: int) -> bool:
    behind = 6 + 2 * part.number(4)
    return (
        _covers(part.part(2), glyph)
        or _any_covers(part, part.listed(4), glyph)
        or _any_covers(part, part.listed(behind), glyph)
    )


def _any_covers(part: _Part, offsets: NDArray[np.int64], glyph: int) -> bool:
    return any(_covers(_Part(part.data, part.at + at), glyph) for at in offsets.tolist())


def _pair_joins(part: _Part, glyph: int) -> bool:
    """Whether anything moves behind the glyph; what moves before it is within a word's piece."""
    index = _coverage_index(part.part(2), glyph)
    if index is None:
        return False
    if part.number(6):
        return True  # the second glyph is then not the first of another pair, be the values 0
    width = part.number(4).bit_count()
    if part.number(0) == 1:
        pairs = part.part(10 + 2 * index)
        moved = pairs.numbers(2, pairs.number(0) * (1 + width)).reshape(-1, 1 + width)[:, 1:]
    else:
        row_size = part.number(14) * width
        row = _class_of(part.part(8), glyph)
        moved = part.numbers(16 + 2 * row * row_size, row_size)
    return bool(moved.any())


def _first_covers(part: _Part, glyph: int) -> bool:
    return _covers(part.part(2), glyph)


SUBSTITUTIONS = {4: _ligature_joins, 5: _context_joins, 6: _chain_joins, 8: _reverse_joins}
POSITIONS = {
    2: _pair_joins,
    3: _first_covers,
    4: _first_covers,
    5: _first_covers,
    6: _first_covers,
    7: _context_joins,
    8: _chain_joins,
}
"""What says whether a subtable of a kind has a rule about a glyph and others. Of marks only those
count that are spaces: words are not cut before a mark."""


Beyond = Callable[[_Part, int], set[int] | None]
BEYOND: dict[tuple[str, int], Beyond] = {
    ("GSUB", 4): _beyond_in_ligatures,
    ("GSUB", 5): _beyond_in_context,
    ("GSUB", 6): _beyond_in_chain,
    ("GPOS", 2): _beyond_in_pairs,
    ("GPOS", 7): _beyond_in_context,
    ("GPOS", 8): _beyond_in_chain,
}


def _kern_names(table: bytes, glyph: int) -> bool:
    """Whether ``kern`` moves a pair with the glyph. Raises as ``_kern_pairs``."""
    left, right, value = _kern_pairs(table)
    return bool((((left == glyph) | (right == glyph)) & (value != 0)).any())


def _kern_pairs(table: bytes) -> NDArray[np.int64]:
    """Left and right glyphs and values of all pairs in ``kern``, ``(3, num_pairs)``.

    Raises one of ``UNREAD`` for a table or subtable that is not of pairs.
    """
    subtables = read_kern(table)
    if not all(each.has_pairs for each in subtables):
        raise ValueError("a kern subtable of another form")
    return np.concatenate([np.empty((0, 3), np.int64), *(each.pairs for each in subtables)]).T
