"""Tables become settings: values by field's name, parts as tables within them.

Which names the command line and TOML files share is ``options.py``'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from shmtext.config.fields import settings_of
from shmtext.config.kinds import Part, part_of, refusal, unknown_option
from shmtext.errors import ConfigError

Table = dict[str, Any]


def build(kind: type, values: Mapping[str, Any], base: object = None, path: str = "") -> Any:
    """Make settings of a class from values by field, parts as instances or as tables of their own.

    What is left out is as in ``base``, or the default. Of a part that may be of several classes,
    ``kind`` names one; else it is that of the default, or the first. False in place of a part that
    may be missing takes it away. ``path`` leads to these settings, for messages. Raises
    ``ConfigError``.
    """
    settings = settings_of(kind)
    given: Table = {}
    for name, value in values.items():
        if name not in settings:
            raise unknown_option(path + name, [path + each for each in settings])
        part = part_of(settings[name].kind)
        if part is not None and isinstance(value, Mapping):
            default = settings[name].default if base is None else getattr(base, name)
            inner = path if settings[name].about.is_flat else f"{path}{name}."
            given[name] = _build_part(part, value, default, inner)
        else:
            is_taken_away = value is False and settings[name].is_optional_part
            given[name] = None if is_taken_away else value
    try:
        return kind(**given) if base is None else replace(base, **given)  # type: ignore[type-var]
    except ConfigError as error:
        if not path:
            raise
        raise ConfigError(f"[{path[:-1]}] {error}") from error


def _build_part(part: Part, table: Mapping[str, Any], default: object, path: str) -> Any:
    values = dict(table)
    kind: type | None = type(default) if isinstance(default, part.classes) else part.classes[0]
    if len(part.classes) > 1 and "kind" in values:
        kind = part.named(values.pop("kind"))
    if kind is None:
        words = ", ".join(each.__name__ for each in part.classes)
        raise refusal(f"{path}kind", f"one of {words}", table["kind"])
    return build(kind, values, default if type(default) is kind else None, path)
