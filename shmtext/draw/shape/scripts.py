"""Which script each character of a line is shaped in: Raqm's rules.

Signs and marks that scripts share take the script of what they stand with; brackets are paired, so
that both take the script around them. Directions and glyphs are not known here.
"""

from __future__ import annotations

import unicodedata
from functools import cache

import uharfbuzz as hb

COMMON, INHERITED = "Zyyy", "Zinh"
SHARED = COMMON, INHERITED
UNKNOWN = "Zzzz"

PAIRS = "()<>[]{}«»‘’“”‹›〈〉《》「」『』【】〔〕〖〗〘〙〚〛"
"""Opening and closing brackets and quotes that Raqm pairs, in turn."""
_CLOSED_BY = dict(zip(PAIRS[::2], PAIRS[1::2], strict=True))
_OPENED_BY = {closing: opening for opening, closing in _CLOSED_BY.items()}
_BRACKETS = frozenset(PAIRS)


def resolved_scripts(text: str) -> list[str]:
    """Return each character's script, by its ISO 15924 tag.

    >>> resolved_scripts("a (א)b")
    ['Latn', 'Latn', 'Latn', 'Hebr', 'Latn', 'Latn']
    """
    scripts = list(map(script_of, text))
    if not text or scripts[0] in SHARED:
        # The first character counts as a script of its own even where it is shared.
        return _ended(_taken_over(text, scripts))
    return _taken_over(text, scripts)


def _taken_over(text: str, scripts: list[str]) -> list[str]:
    """Give what is shared the script before it, and both brackets of a pair the same."""
    open_brackets: list[tuple[str, str]] = []
    last = scripts[0] if scripts else COMMON
    for place, script in enumerate(scripts):
        if script not in SHARED:
            last = script
            continue
        character = text[place]
        if place and character in _BRACKETS:
            if character in _CLOSED_BY:
                open_brackets.append((character, last))
            else:
                while open_brackets and open_brackets[-1][0] != _OPENED_BY[character]:
                    open_brackets.pop()
                # The pair stays open, so that a second closing bracket takes its script, too.
                if open_brackets:
                    last = open_brackets[-1][1]
        scripts[place] = last
    return scripts


def _ended(scripts: list[str]) -> list[str]:
    """Give what is still shared the script of what follows it."""
    for place in range(len(scripts) - 2, -1, -1):
        if scripts[place] in SHARED:
            scripts[place] = scripts[place + 1]
    return scripts


@cache
def script_of(character: str) -> str:
    """Return a character's own script; marks that take no room have none, whatever their letters.

    >>> [script_of(character) for character in "aא1\\u05b0\\ue000"]
    ['Latn', 'Hebr', 'Zyyy', 'Zinh', 'Zzzz']
    """
    if unicodedata.category(character) == "Mn":
        return INHERITED
    buffer = hb.Buffer()
    buffer.add_str(character)
    buffer.guess_segment_properties()
    if buffer.script:
        return str(buffer.script)
    # HarfBuzz has no guess for what is shared or private. What this Python does not know counts as
    # shared, as it would where Python is newer.
    return UNKNOWN if unicodedata.category(character) == "Co" else COMMON
