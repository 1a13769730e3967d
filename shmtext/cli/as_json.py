"""What the engine returns as JSON for programs: one document, keys are fields and properties.

Only ASCII is printed: bytes of a path that are no UTF-8 are there as Python escapes them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from shmtext.cli.printing import say_utf_8
from shmtext.parts import Part


def say_json(value: object) -> None:
    """Print a value as one document."""
    say_utf_8(f"{json.dumps(plain(value), indent=2)}\n")


def plain(value: Any) -> Any:
    """The same of objects, lists, texts and numbers; places and parts are texts."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case os.PathLike() | Part():
            return str(value)
        case Mapping():
            return {str(key): plain(each) for key, each in value.items()}
        case tuple() | list():
            return [plain(each) for each in value]
    return {name: plain(getattr(value, name)) for name in names_of(type(value))}


def names_of(kind: type) -> Iterable[str]:
    """Keys of a dataclass: its fields, then its properties. ``TypeError`` for any other class."""
    if not is_dataclass(kind):
        raise TypeError(f"there is no JSON of {kind}")
    own = (name for name, each in vars(kind).items() if isinstance(each, property))
    return (*(field.name for field in fields(kind)), *own)
