"""Texts for measuring equality: real words of every script that a font has, and what hurts.

Words come from wherever a machine has them: translations of the iso-codes package, spelling
dictionaries, word lists, and Babel's locale data if it is installed. Tests have ``words.txt``
instead, which needs nothing.
"""

from __future__ import annotations

import gettext
import random
import struct
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fontTools import unicodedata as scripts

WORDS = Path(__file__).parent / "words.txt"
NO_SCRIPT = frozenset(("Zyyy", "Zinh", "Zzzz"))
LONGEST = 60
"""Characters of a piece of real text."""
MAX_SCRIPTS = 6
"""Of a font, those with most characters."""
EVERY = 17
"""Which words of a dictionary are taken."""

TATWEEL, JOINERS = "\u0640", "\u200c\u200d"
BETWEEN = (" ", " ", "  ", ", ", ". ", ": ", "; ", "-", " - ", " / ", "! ", "? ", " & ", "\u00a0")
BRACKETS = ("()", "[]", "{}", "\u00ab\u00bb", "\u201c\u201d", "<>", "\u2039\u203a", '""')
AMOUNTS = ("7", "42", "1,000.50", "12:30", "2024-11-05", "50%", "$3.99", "+1 (555) 010-99", "#8")
LATIN = ("CPU", "To", "AVATAR", "office", "Wi-Fi", "e-mail", "fjord", "Ya", "(Tel.)", "LTE/5G")

Words = Mapping[str, Sequence[str]]
"""By script."""


@dataclass(frozen=True, slots=True)
class Alphabet:
    """One script's share of a font."""

    script: str
    words: Sequence[str]
    letters: Sequence[str]
    marks: Sequence[str]


def words_of_tests() -> dict[str, list[str]]:
    """Read ``words.txt``: a line a script, its name first."""
    lines = WORDS.read_text(encoding="utf-8").splitlines()
    return {line.split()[0]: line.split()[1:] for line in lines if line and line[0] != "#"}


def words_of_machine() -> dict[str, list[str]]:
    """Gather real words, by script, in an order that depends on them alone."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for text in (*_translations(), *_dictionaries(), *_locale_names()):
        of_text = set(map(scripts.script, text)) - NO_SCRIPT
        if 0 < len(text) <= LONGEST and len(of_text) == 1 and text.isprintable():
            found[of_text.pop()].add(text)
    return {script: sorted(words) for script, words in sorted(found.items())}


def _translations() -> Iterator[str]:
    for path in sorted(Path("/usr/share/locale").glob("*/LC_MESSAGES/iso_*.mo")):
        with suppress(OSError, UnicodeDecodeError, struct.error), path.open("rb") as file:
            catalogue: dict[Any, Any] = vars(gettext.GNUTranslations(file))["_catalog"]
            for text in catalogue.values():
                if isinstance(text, str):
                    yield from text.splitlines()


def _dictionaries() -> Iterator[str]:
    share = Path("/usr/share")
    for path in sorted((*share.glob("hunspell/*.dic"), *share.glob("dict/*"))):
        with suppress(OSError, UnicodeDecodeError):
            for line in path.read_text(encoding="utf-8").split("\n")[1::EVERY]:
                yield line.split("/")[0].strip()


def _locale_names() -> Iterator[str]:
    if find_spec("babel") is None:
        return
    data = import_module("babel.localedata")
    for name in sorted(data.locale_identifiers()):
        known = data.load(name, merge_inherited=False)
        for key in ("territories", "languages", "months", "days", "currency_names"):
            yield from _strings(known.get(key))


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _strings(each)


def alphabets(code_points: Iterable[int], words: Words) -> list[Alphabet]:
    """Find a font's scripts, those with most characters first, and real words that it covers."""
    characters = sorted(map(chr, code_points))
    of_script: defaultdict[str, list[str]] = defaultdict(list)
    for character in characters:
        of_script[scripts.script(character)].append(character)
    shared = [each for each in of_script["Zinh"] if unicodedata.category(each) == "Mn"]
    covered = set(characters) | set(JOINERS)
    sizes = Counter({script: len(own) for script, own in of_script.items()})
    found = []
    for script, _ in sizes.most_common():
        own = of_script[script]
        letters = [each for each in own if unicodedata.category(each)[0] in "LN"]
        marks = [each for each in own if unicodedata.category(each)[0] == "M"]
        if script not in NO_SCRIPT and letters:
            real = [word for word in words.get(script, ()) if covered.issuperset(word)]
            found.append(Alphabet(script, real, letters, marks + shared))
    if not found:
        found = [Alphabet("Zyyy", [], [each for each in characters if each > " "], [])]
    return found[:MAX_SCRIPTS]


def texts_for(
    code_points: Sequence[int], words: Words, rng: random.Random, num: int
) -> list[tuple[str, str]]:
    """Make ``num`` texts for a font, each with its kind."""
    own = alphabets(code_points, words)
    covered = set(map(chr, code_points)) | set(JOINERS) | {"\n"}
    # The first script is the one the font was made for, more often than not.
    weights = [len(own), *[1] * (len(own) - 1)]
    made = []
    for number in range(num):
        alphabet = rng.choices(own, weights)[0]
        # Of the long ones one: they take as much time as hundreds of others.
        kind = KINDS[number % len(KINDS)] if number else "long"
        text = _without(_MAKERS[kind](alphabet, rng), covered)
        if kind == "soup":
            text = "".join(rng.choices(sorted(covered - {"\n"}), k=rng.randint(1, 12)))
        made.append((kind, text))
    return made


def _without(text: str, covered: set[str]) -> str:
    """Leave out what a font lacks; a space or line too many does no harm."""
    return "".join(each for each in text if each in covered)


def _word(alphabet: Alphabet, rng: random.Random) -> str:
    return rng.choice(alphabet.words) if alphabet.words else _clusters(alphabet, rng)


def _clusters(alphabet: Alphabet, rng: random.Random) -> str:
    """Make letters with marks in any order, some with joiners or a tatweel between them."""
    text = ""
    for _ in range(rng.randint(1, 8)):
        text += rng.choice(alphabet.letters)
        if alphabet.marks and rng.random() < 0.4:
            text += "".join(rng.choices(alphabet.marks, k=rng.choice((1, 1, 1, 2, 2, 4))))
        if rng.random() < 0.1:
            text += rng.choice(JOINERS + TATWEEL * (alphabet.script == "Arab"))
    return text


def _words(alphabet: Alphabet, rng: random.Random) -> str:
    return " ".join(_word(alphabet, rng) for _ in range(rng.choice((1, 1, 2, 3))))


def _mixed(alphabet: Alphabet, rng: random.Random) -> str:
    text = ""
    for _ in range(rng.randint(2, 7)):
        kind = rng.random()
        part = _word(alphabet, rng)
        if kind < 0.2:
            part = rng.choice(AMOUNTS)
        elif kind < 0.4:
            part = rng.choice(LATIN)
        elif kind < 0.55:
            opening, closing = rng.choice(BRACKETS)
            part = f"{opening}{rng.choice((part, part, *AMOUNTS, *LATIN))}{closing}"
        elif kind < 0.6:
            part = rng.choice("()[]<>") + part
        text += part + rng.choice(BETWEEN)
    return text if rng.random() < 0.3 else text.rstrip()


def _lines(alphabet: Alphabet, rng: random.Random) -> str:
    lines = [rng.choice((_words, _mixed))(alphabet, rng) for _ in range(rng.randint(2, 4))]
    if rng.random() < 0.3:
        lines.insert(rng.randrange(len(lines)), rng.choice(("", " ", "   ")))
    return "\n".join(lines)


def _spaced(alphabet: Alphabet, rng: random.Random) -> str:
    """Put spaces where they are seldom: at both ends, and between letters."""
    word = _word(alphabet, rng)
    return "  " * rng.randrange(2) + rng.choice((" ", "  ")).join(word) + " " * rng.randrange(4)


def _long(alphabet: Alphabet, rng: random.Random) -> str:
    text = ""
    target = rng.choice((300, 300, 1_000, 5_000))
    while len(text) < target:
        text += _mixed(alphabet, rng) + " "
    return text


KINDS = ("words", "mixed", "clusters", "words", "lines", "mixed", "words", "soup", "spaced")
_MAKERS = {
    "words": _words,
    "mixed": _mixed,
    "clusters": _clusters,
    "lines": _lines,
    "spaced": _spaced,
    "soup": _words,
    "long": _long,
}
