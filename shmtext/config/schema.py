"""What may be said of settings, as JSON Schema (2020-12).

The schema of a whole TOML file is ``writing.py``'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING
from pathlib import Path

from shmtext.config.fields import Setting, settings_of
from shmtext.config.kinds import Kind, Schema, part_of, plain, scalar_of


def object_schema(properties: Mapping[str, Schema]) -> Schema:
    """A table of these names and no others."""
    return {
        "type": "object",
        "properties": dict(properties),
        "additionalProperties": False,
    }


def setting_schema(setting: Setting) -> Schema:
    """A setting's schema: what it takes, what it is, and its default."""
    about = setting.about
    schema = _kind_schema(setting.kind)
    if setting.is_optional_part:
        schema = {"anyOf": [schema, {"const": False}]}
    words = [about.help, f"Default: {about.default_text}." if about.default_text else ""]
    if any(words):
        schema = {"description": " ".join(filter(None, words)), **schema}
    default = setting.default
    if default is not MISSING and default is not None and part_of(setting.kind) is None:
        schema["default"] = _plain(plain(default))
    return schema


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return str(value) if isinstance(value, Path) else value


def _kind_schema(kind: Kind) -> Schema:
    part = part_of(scalar_of(kind))
    if part is None:
        return kind.schema()
    schemas = []
    for each in part.classes:
        schema = object_schema({name: setting_schema(s) for name, s in settings_of(each).items()})
        if len(part.classes) > 1:
            schema["properties"]["kind"] = {"const": each.__name__}
        schemas.append(schema)
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
