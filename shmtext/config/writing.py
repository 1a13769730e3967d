"""A config as TOML that reads back as it, and all settings that there are as JSON Schema.

What is printed where is ``cli/``'s; how TOML is read, ``reading.py``'s; how a value is
written, ``notation.py``'s.
"""

from __future__ import annotations

from collections.abc import Mapping

from shmtext.config.fields import settings_of
from shmtext.config.kinds import Part, Schema, part_of
from shmtext.config.looks import Looks
from shmtext.config.looks_text import look_tables
from shmtext.config.notation import toml_value
from shmtext.config.options import Option, config_options, start_options
from shmtext.config.schema import object_schema, setting_schema
from shmtext.config.settings import RunConfig, Start
from shmtext.config.texts import Texts


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
        if isinstance(value, Looks) and value.looks:
            tables += [table for look in value.looks for table in look_tables(look)]
        elif isinstance(value, Looks):
            lines.append(_line(option, None))
        elif option.part is not None and value is not None:
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
    value = getattr(settings, option.setting.name, None)
    if (
        isinstance(settings, Texts)
        and option.setting.name == "sources"
        and len(settings.sources) == 1
    ):
        return settings.sources[0]
    return value


def _line(option: Option, value: object) -> str:
    about, default = option.setting.about, option.setting.default
    if value is None:
        said = f": {about.default_text}" if about.default_text else ""
        return f"# {option.name} = {option.metavar or '...'}{said}"
    said = f"  # {about.default_text}" if about.default_text and value == default else ""
    return f"{option.name} = {toml_value(value)}{said}"


def _tables(path: str, part: Part, settings: object) -> list[str]:
    """Settings that have no name of their own, table after table."""
    kind = type(settings)
    lines = [f"[{path}]"]
    if len(part.classes) > 1:
        lines.append(f"kind = {toml_value(kind.__name__)}")
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
            lines.append(f"{name} = {toml_value(value)}")
    return ["\n".join(lines), *inner]


def json_schema(root: type[RunConfig] = RunConfig) -> Schema:
    """A JSON Schema (2020-12) of what a TOML file may hold, read as JSON.

    Options stand by themselves or in their part's table. Names with hyphens in place of
    underscores, which TOML may have, too, are not in it.
    """
    options = {**config_options(root), **start_options()}
    tables: dict[str, Schema] = {}
    for option in options.values():
        if option.table:
            table = tables.setdefault(option.table, object_schema({}))
            table["properties"][option.name] = setting_schema(option.setting)
    flat = {name: setting_schema(option.setting) for name, option in options.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Settings of shmtext render, as in --config FILE.toml",
        **object_schema({**flat, **tables}),
    }
