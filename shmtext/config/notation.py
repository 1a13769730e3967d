"""Values of settings as TOML has them.

What is written into which table is ``writing.py``'s and ``looks_text.py``'s.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from shmtext.config.ranges import Range
from shmtext.config.texts import Source
from shmtext.errors import ConfigError


def toml_value(value: object) -> str:
    """Write a setting's value; paths are absolute."""
    if isinstance(value, Range):
        return toml_value(value.plain())
    if isinstance(value, list):
        return toml_value(tuple(value))
    if isinstance(value, dict):
        inner = (f"{name} = {toml_value(each)}" for name, each in value.items())
        return f"{{ {', '.join(inner)} }}"
    if isinstance(value, tuple):
        return f"[{', '.join(map(toml_value, value))}]"
    if isinstance(value, Path):
        return _text(os.path.abspath(value))
    if isinstance(value, Source):
        return _text(value.written())
    return _text(value) if isinstance(value, str) else json.dumps(value)


def _text(text: str) -> str:
    """A basic string: what does not print, or is a part of the notation, is escaped."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ConfigError(f"TOML can hold no name that is not UTF-8, got {text!r}: rename the file")
    return f'"{"".join(map(_character, text))}"'


def _character(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character.isprintable():
        return character
    return f"\\u{ord(character):04x}" if ord(character) < 2**16 else f"\\U{ord(character):08x}"
