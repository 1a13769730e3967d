"""Names and values become a config: those of the command line, of a TOML file, of ``run.json``.

What names there are is ``options.py``'s; what a value may be, the settings' own.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shmtext.config.building import build
from shmtext.config.fields import settings_of
from shmtext.config.kinds import FilePath, Kind, part_of, refusal, scalar_of, unknown_option
from shmtext.config.options import Option, config_options, start_options
from shmtext.config.own import OwnKind
from shmtext.config.settings import BalancedText, RunConfig
from shmtext.config.texts import SourceKind, Texts
from shmtext.errors import ConfigError

Table = dict[str, Any]


def config_from_options(options: Mapping[str, Any], root: type[RunConfig] = RunConfig) -> RunConfig:
    """Build a config from the names that the command line and TOML files share.

    Names left out take their defaults. Options of texts and of balanced text exclude each other.
    ``root`` is the config's class. Raises ``ConfigError``.
    """
    known = config_options(root)
    values: Table = {}
    for name, value in flat_options(options, root).items():
        if name not in known:
            raise unknown_option(name, [*known, *start_options()])
        table = known[name].table
        (values.setdefault(table, {}) if table else values)[name] = value
    if "corpus" in values:
        values["corpus"] = _corpus(values["corpus"])
    made: RunConfig = build(root, values)
    return made


def _corpus(options: Table) -> Texts | Table:
    """The texts that options ask for; what is said of balanced text is left as it is."""
    of_texts = {each.called: name for name, each in settings_of(Texts).items()}
    others = [name for name in options if name in settings_of(BalancedText)]
    if "texts" in options and others:
        raise ConfigError(
            f"texts and {others[0]} exclude each other: the first reads texts from a file, "
            "the second makes balanced random text"
        )
    if "texts" in options:
        return Texts(**{of_texts[name]: value for name, value in options.items()})
    for name in options:
        if name in of_texts:
            raise ConfigError(f"{name} is of texts that are read: give them, as texts = PATH")
    return options


def load_toml(path: Path, root: type[RunConfig] = RunConfig) -> Table:
    """Read a TOML file of option names (underscores or hyphens) and values, tables or none.

    Paths are taken relative to the file's own folder, so that a config works from wherever it is
    called. Returns the options by name; settings without a name of their own stay in tables.
    Raises ``ConfigError``.
    """
    import tomllib  # noqa: PLC0415 - a tenth of the time that --help takes

    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        options = flat_options(table, root, str(path))
    except OSError as error:
        raise ConfigError(
            f"cannot read the config {path}: {error.strerror}: check the path"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not a TOML file: {error}") from error
    except RecursionError as error:  # the parser's, or ours: dotted keys are no nesting to it
        raise ConfigError(f"{path} is nested too deeply: expected names and values") from error
    except ValueError as error:
        raise ConfigError(f"{path} holds a number that is too large ({error})") from error
    known = {**config_options(root), **start_options()}
    return {
        name: _rebased(value, known[name].setting.kind, path.parent) if name in known else value
        for name, value in options.items()
    }


def flat_options(
    options: Mapping[str, Any], root: type[RunConfig] = RunConfig, source: str = "this call"
) -> Table:
    """Take options out of the tables of flat parts, and write names with underscores.

    Raises ``ConfigError``, which names the ``source``, for what is given twice, and for a name in a
    table that is not known there.
    """
    known = {**config_options(root), **start_options()}
    tables = {option.table for option in known.values() if option.table}
    flat: Table = {}
    for name, value in _underscored(options, source).items():
        if name not in tables:
            inner = {name: value}
        elif isinstance(value, Mapping):
            inner = dict(value)
        else:
            raise refusal(name, "a table", value)
        for key, each in inner.items():
            if key in flat:
                raise ConfigError(
                    f"{source} sets {key} twice, in a table and outside: keep one of them"
                )
            if name in tables and (key not in known or known[key].table != name):
                elsewhere = _path_of(known[key]) if key in known else ""
                here = [f"{name}.{each}" for each, option in known.items() if option.table == name]
                there = [_path_of(option) for option in known.values()]
                raise unknown_option(f"{name}.{key}", here, there, elsewhere)
            flat[key] = each
    return flat


def _path_of(option: Option) -> str:
    return f"{option.table}.{option.name}" if option.table else option.name


def _underscored(table: Mapping[str, Any], source: str, path: str = "") -> Table:
    """Write names with underscores, in tables within it, too."""
    named: Table = {}
    for name, value in table.items():
        key = name.replace("-", "_")
        if key in named:
            raise ConfigError(
                f"{source} sets {path}{key} twice, with _ and with -: keep one of them"
            )
        is_table = isinstance(value, Mapping)
        named[key] = _underscored(value, source, f"{path}{key}.") if is_table else value
    return named


def _rebased(value: object, kind: Kind, folder: Path) -> object:
    """Let paths begin in a folder; what is no path is left to be refused, or as it is."""
    part = part_of(kind)
    if part is not None and isinstance(value, Mapping):
        kinds = {
            each.name: each.kind for inner in part.classes for each in settings_of(inner).values()
        }
        return {
            name: _rebased(each, kinds[name], folder) if name in kinds else each
            for name, each in value.items()
        }
    scalar = scalar_of(kind)
    if not isinstance(scalar, (FilePath, OwnKind, SourceKind)):
        return value
    if isinstance(value, list):
        return [_rebased(each, kind, folder) for each in value]
    return scalar.rebased(value, folder) if value and isinstance(value, str) else value
