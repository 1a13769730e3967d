"""Which marks may stand on which letters in random text, so that no font draws a dotted circle.

Known from Unicode's names and categories alone, as fonts differ. Measured with HarfBuzz over the
scripts of Noto: one mark on a letter of its script that is no vowel letter needs no circle, but
for a dozen musical and number signs. Two marks can do without one where ``_TWO_OF_ANY`` or
``_TWO_VOWELS`` has the script. How marks are dealt out is ``corpus/balanced.py``'s.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from shmtext.errors import ConfigError

INVISIBLE_RANGES = (
    (0x00AD, 0x00AD),  # soft hyphen, which shaping hides wherever it stands
    (0x034F, 0x034F),  # combining grapheme joiner
    (0x061C, 0x061C),  # Arabic letter mark
    (0x115F, 0x1160),  # fillers of Hangul
    (0x17B4, 0x17B5),  # inherent vowels of Khmer
    (0x180B, 0x180F),  # selectors of Mongolian
    (0x200B, 0x200B),  # zero-width space
    (0x200C, 0x200D),  # zero-width non-joiner and joiner
    (0x200E, 0x200F),  # direction marks
    (0x202A, 0x202E),  # embeddings and overrides
    (0x2060, 0x206F),  # word joiner, invisible operators, isolates
    (0x3164, 0x3164),  # filler of Hangul
    (0xFE00, 0xFE0F),  # variation selectors
    (0xFEFF, 0xFEFF),  # zero-width no-break space, a byte order mark
    (0xFFA0, 0xFFA0),  # filler of Hangul, half as wide
    (0x1D173, 0x1D17A),  # musical beams and slurs
    (0xE0000, 0xE00FF),  # tags
    (0xE0100, 0xE01EF),  # further variation selectors
    (0xE01F0, 0xE0FFF),  # not assigned so far
)
"""Unicode's default ignorables that shaping hides (or fonts do, for Hangul's). Controls (tabs
without wrapping, U+0085) and U+2028 and U+2029 are not among them: no font covers those."""

MARKS_PER_LETTER = 2
"""At most, and only where there are more marks than letters to stand on."""

_TWO_OF_ANY = {"COMBINING", "ARABIC", "HEBREW", "LAO", "NKO", "SYRIAC", "THAANA", "THAI"}
_TWO_VOWELS = {
    *("BENGALI", "DEVANAGARI", "GUJARATI", "GURMUKHI", "KANNADA"),
    *("MALAYALAM", "ORIYA", "TAMIL", "TELUGU"),
}
_OF_NO_SCRIPT = {"COMBINING", "VEDIC", "IDEOGRAPHIC"}

_VOWELS = frozenset("AEIOUY")
_BESIDE_VOWELS = {"CANDRA", "SHORT", "LONG", "ARCHAIC"}


@dataclass(frozen=True, slots=True)
class MarkGroup:
    """Marks, and the letters that each of them may stand on. No character is in two groups."""

    letters: str
    marks: str


def is_mark(character: str) -> bool:
    """Whether a character stands on the one before it: Unicode's category M."""
    return unicodedata.category(character).startswith("M")


def is_invisible(character: str) -> bool:
    """Whether a character leaves no ink by itself: see ``INVISIBLE_RANGES``."""
    return any(first <= ord(character) <= last for first, last in INVISIBLE_RANGES)


def mark_groups(characters: str) -> tuple[MarkGroup, ...]:
    """Group marks with the letters they may stand on; ConfigError where there are too few.

    Marks of a script stand on its letters, without vowel letters. Marks of none (U+0301) stand on
    the letters of all scripts that have no marks here, or else on those of the first that has.

    >>> mark_groups("कखिab")
    (MarkGroup(letters='कख', marks='ि'),)
    """
    marks: dict[str, str] = {}
    for mark in filter(is_mark, characters):
        script = _script(mark)
        script = "COMBINING" if script in _OF_NO_SCRIPT else script
        marks[script] = marks.get(script, "") + mark
    of_script: dict[str, str] = {}
    for letter in characters:
        if unicodedata.category(letter).startswith("L"):
            of_script[_script(letter)] = of_script.get(_script(letter), "") + letter
    letters = {
        script: "".join(filter(_carries, of_script.get(script, "")))
        for script in marks
        if script != "COMBINING"
    }
    if "COMBINING" in marks:
        left = "".join(some for script, some in of_script.items() if script not in letters)
        if left or not letters:
            letters["COMBINING"] = left
        else:
            marks[next(iter(letters))] += marks.pop("COMBINING")
    for script, group in marks.items():
        _check(script, group, letters[script])
    return tuple(MarkGroup(letters[script], marks[script]) for script in marks)


def _check(script: str, marks: str, letters: str) -> None:
    if not letters:
        of_script = "" if script == "COMBINING" else f" of {script.title()} that is no vowel letter"
        raise ConfigError(
            f"each mark in letters needs a letter to stand on: {_list(marks)} "
            f"{'has' if len(marks) == 1 else 'have'} none; give at least one letter{of_script}"
        )
    may_be_two = script in _TWO_OF_ANY or (
        script in _TWO_VOWELS and all("VOWEL SIGN" in unicodedata.name(mark) for mark in marks)
    )
    most = len(letters) * (MARKS_PER_LETTER if may_be_two else 1)
    if len(marks) > most:
        raise ConfigError(
            f"{len(marks)} marks ({_list(marks)}) can't stand equally often on {len(letters)} "
            f"letters ({_list(letters)}), which carry at most {most // len(letters)} each: "
            f"give more such letters, or at most {most} of the marks"
        )


def _list(characters: str) -> str:
    return ", ".join(f"U+{ord(character):04X}" for character in characters)


def _script(character: str) -> str:
    return unicodedata.name(character, "").split(" ")[0]


def _carries(letter: str) -> bool:
    """Whether a letter carries marks of its script: vowel letters don't carry vowel signs."""
    words = unicodedata.name(letter).split(" ")
    kinds = {"LETTER", "SYLLABLE", "CHARACTER"} & {*words}
    if not kinds or {"VOWEL", "VOCALIC", "SARA", "REPH", "INITIAL"} & {*words}:
        return False
    name = words[max(words.index(kind) for kind in kinds) + 1 :]
    if len(name) == 1 and name[0].endswith("YANNA") and name[0][0] in _VOWELS:
        return False  # Sinhala's vowel letters
    return not all(_VOWELS.issuperset(word) or word in _BESIDE_VOWELS for word in name)
