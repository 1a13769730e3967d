"""A config as TOML that reads back as it, and all settings that there are as JSON Schema.

What is printed where is ``cli.py``'s; how TOML is read, ``reading.py``'s.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import MISSING, is_dataclass
from pathlib import Path
from typing import Any

from shmtext.config.fields import Setting, settings_of
from shmtext.config.kinds import Kind, Part, part_of, scalar_of
from shmtext.config.options import Option, config_options, start_options
from shmtext.config.settings import RunConfig, Start, TextFile
from shmtext.errors import ConfigError

Schema = dict[str, Any]


def toml_of(
    config: RunConfig, start: Start | None = None, unknown: Mapping[str, str] | None = None
) -> str:
    """Write a config, and perhaps a start, as TOML; paths are absolute.

    Every setting has a line: those that are not given, or not taken as the corpus is another, are
    comments. ``unknown`` are options whose values are not known, with what to say of them.
    """
    options = config_options(type(config)).values()
    values = [(option, _value(option, config)) for option in options]
    if start is not None:
        values += [(each, getattr(start, each.name)) for each in start_options().values()]
    groups: dict[str, list[str]] = {}
    tables: list[str] = []
    for option, value in values:
        lines = groups.setdefault(option.setting.about.group, [])
        if option.part is not None and value is not None:
            tables += _tables(option.name, option.part, value)
        elif option.part is not None:
            lines.append(f"{option.name} = false")
        elif unknown and option.name in unknown:
            lines.append(f"# {option.name}: {unknown[option.name]}")
        else:
            lines.append(_line(option, value))
    blocks = ["\n".join([f"# {group}", *lines]) for group, lines in groups.items() if lines]
    return "\n\n".join([*blocks, *tables]) + "\n"


def _value(option: Option, config: RunConfig) -> object:
    """The value of an option; None, too, where the config's corpus is of another class."""
    settings = getattr(config, option.table) if option.table else config
    if isinstance(settings, TextFile):
        return settings if option.setting.name == "path" else None
    return getattr(settings, option.setting.name, None)


def _line(option: Option, value: object) -> str:
    about, default = option.setting.about, option.setting.default
    if value is None:
        said = f": {about.default_text}" if about.default_text else ""
        return f"# {option.name} = {option.metavar or '...'}{said}"
    said = f"  # {about.default_text}" if about.default_text and value == default else ""
    return f"{option.name} = {_toml_value(value)}{said}"


def _tables(path: str, part: Part, settings: object) -> list[str]:
    """Settings that have no name of their own, table after table."""
    kind = type(settings)
    lines = [f"[{path}]"]
    if len(part.classes) > 1:
        lines.append(f"kind = {_toml_value(kind.__name__)}")
    inner: list[str] = []
    for name, each in settings_of(kind).items():
        value, within = getattr(settings, name), part_of(each.kind)
        if within is not None and value is None:
            lines.append(f"{name} = false")
        elif within is not None:
            inner += _tables(f"{path}.{name}", within, value)
        elif value is None:
            lines.append(f"# {name} = {each.about.metavar or '...'}")
        else:
            lines.append(f"{name} = {_toml_value(value)}")
    return ["\n".join(lines), *inner]


def _toml_value(value: object) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml_value, value))}]"
    if isinstance(value, Path):
        return _toml_text(os.path.abspath(value))
    if isinstance(value, TextFile):
        column = "" if value.column is None else f"::{value.column}"
        return _toml_text(f"{os.path.abspath(value.path)}{column}")
    return _toml_text(value) if isinstance(value, str) else json.dumps(value)


def _toml_text(text: str) -> str:
    """A basic string: what does not print, or is a part of the notation, is escaped."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ConfigError(f"TOML can hold no name that is not UTF-8, got {text!r}: rename the file")
    return f'"{"".join(map(_toml_character, text))}"'


def _toml_character(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character.isprintable():
        return character
    return f"\\u{ord(character):04x}" if ord(character) < 2**16 else f"\\U{ord(character):08x}"


def json_schema(root: type[RunConfig] = RunConfig) -> Schema:
    """A JSON Schema (2020-12) of what a TOML file may hold, read as JSON.

    Options stand by themselves or in their part's table. Names with hyphens in place of
    underscores, which TOML may have, too, are not in it.
    """
    options = {**config_options(root), **start_options()}
    tables: dict[str, Schema] = {}
    for option in options.values():
        if option.table:
            table = tables.setdefault(option.table, _object_schema({}))
            table["properties"][option.name] = _schema(option.setting)
    flat = {name: _schema(option.setting) for name, option in options.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Settings of shmtext render, as in --config FILE.toml",
        **_object_schema({**flat, **tables}),
    }


def _object_schema(properties: Mapping[str, Schema]) -> Schema:
    return {
        "type": "object",
        "properties": dict(properties),
        "additionalProperties": False,
    }


def _schema(setting: Setting) -> Schema:
    """A setting's schema: what it takes, what it is, and its default."""
    about = setting.about
    schema = _kind_schema(setting.kind)
    if setting.is_optional_part:
        schema = {"anyOf": [schema, {"const": False}]}
    words = [about.help, f"Default: {about.default_text}." if about.default_text else ""]
    if any(words):
        schema = {"description": " ".join(filter(None, words)), **schema}
    default = setting.default
    if default is not MISSING and default is not None and not is_dataclass(default):
        schema["default"] = _plain(default)
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
        schema = _object_schema({name: _schema(s) for name, s in settings_of(each).items()})
        if len(part.classes) > 1:
            schema["properties"]["kind"] = {"const": each.__name__}
        schemas.append(schema)
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
