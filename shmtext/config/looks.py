"""Looks: sets of effects with shares, of which one is drawn for each example.

    look = ["scan", "photo=0.5"]        which, and how often

    [look.scan.blur]                    a preset with something changed
    sigma_px = [0.4, 1.0]

    [look.mine]                         one's own, made from a preset
    base = "scan"
    noise = false

Effects declare their settings themselves, as ``looks/registry.py`` lists them; presets are files in
``looks/presets``. Both are read when a look is asked for. What effects do is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from shmtext.config.building import build
from shmtext.config.fields import settings_of
from shmtext.config.kinds import Limits, Number, Schema, Text, plain, refusal, unknown_option
from shmtext.config.schema import object_schema, setting_schema
from shmtext.errors import ConfigError

if TYPE_CHECKING:
    from shmtext.looks.effect import Effect

CLEAN = "clean"
"""The look without effects: what is drawn without a look."""

MIX = "mix"
"""Stands in a preset that is made of others, with their shares."""

OWN_KEYS = ("base", "share", "budget")
"""Of a look's table; all others are effects."""

NAME_PATTERN = "^[A-Za-z0-9_]+$"
"""Of looks: keys of TOML that need no quotes."""

SHARE = Number(Limits(0, 1_000_000))
BUDGET = Number(Limits(0, 100))

Table = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Look:
    """Effects that belong together."""

    name: str
    share: float = 1
    """How often it is drawn, in proportion to those of a run's other looks."""
    budget: float = 1
    """How much its effects together may take from a text's legibility; 1 is all that an eye can
    make up for."""
    effects: tuple[Effect, ...] = ()
    """In the registry's order, none twice."""

    def effect(self, kind: type[Effect]) -> Effect | None:
        """Its settings of an effect; None where it has none."""
        return next((each for each in self.effects if type(each) is kind), None)

    def plain(self) -> dict[str, Any]:
        """As TOML and JSON have it, with every setting that is not at its class's default."""
        effects = {effect.name(): _plain_effect(effect) for effect in self.effects}
        return {"base": CLEAN, "share": self.share, "budget": self.budget, **effects}


@dataclass(frozen=True, slots=True)
class Looks:
    """The looks of a run; none: every picture is plain."""

    looks: tuple[Look, ...] = ()

    @property
    def is_colored(self) -> bool:
        """Whether pictures may have colours that no setting names."""
        return any(effect.makes_color() for look in self.looks for effect in look.effects)

    @property
    def chooses_colors(self) -> bool:
        """Whether no picture has a pair of colours that settings name, unless they name both."""
        return bool(self.looks) and all(
            any(effect.chooses_colors() for effect in look.effects) for look in self.looks
        )

    def check_given(self, papers: Sequence[str], inks: Sequence[str]) -> None:
        """Raise ``ConfigError`` for colours that a user gave, ``#rrggbb``, and a look can't use.

        None of them: that side is free.
        """
        for look in self.looks:
            for effect in look.effects:
                try:
                    effect.check_given(papers, inks)
                except ConfigError as error:
                    raise ConfigError(f"[look.{look.name}.{effect.name()}] {error}") from error

    @property
    def needs_photos(self) -> bool:
        """Whether pictures may have photographs in them, if there are any."""
        return any(effect.needs_photos for look in self.looks for effect in look.effects)

    def plain(self) -> dict[str, Any]:
        """As TOML and JSON have it."""
        return {look.name: look.plain() for look in self.looks}


class LooksKind:
    """The kind of ``Looks``: names, perhaps with shares, or a table of looks."""

    def take(self, name: str, value: object) -> Looks:
        """The looks that names and tables come to; presets made of others in their place.

        They are sorted by name: their order decides which one an example draws, and neither JSON
        nor the order of tables in TOML is to have a say in that.
        """
        if isinstance(value, Looks):
            return value
        tables = asked_looks(name, value)
        shares = _shares(tables)
        if shares and not any(shares.values()):
            raise ConfigError(f"{name}: the shares of all looks are 0: give one that is not")
        looks = [_build(look, tables.get(look, {}), shares[look]) for look in sorted(shares)]
        looks = [look for look in looks if look.share]
        if all(look.name == CLEAN for look in looks):
            return Looks()
        return Looks((replace(looks[0], share=1),) if len(looks) == 1 else tuple(looks))

    def schema(self) -> Schema:
        """Names, or a table of tables."""
        name = {"type": "string", "minLength": 1}
        names = {"type": "array", "items": name}
        tables = {
            "type": "object",
            "propertyNames": {"pattern": NAME_PATTERN},
            "additionalProperties": {"anyOf": [SHARE.schema(), _look_schema()]},
        }
        return {"anyOf": [name, names, tables]}


def asked_looks(name: str, value: object) -> dict[str, Table]:
    """Looks by name, each with the table that is given for it; ``NAME=SHARE`` is one, too."""
    asked: dict[str, Table] = {}
    for each, given in _pairs(name, value):
        look = each.strip().replace("-", "_")
        if look in asked:
            raise ConfigError(f"{name}: {look} is given twice: give it once, with one share")
        if isinstance(given, (int, float)) and not isinstance(given, bool):
            asked[look] = {"share": given}
        elif isinstance(given, Mapping):
            asked[look] = given
        else:
            raise refusal(f"[{name}] {look}", "a table, or a share", given)
    return asked


def _pairs(name: str, value: object) -> Iterable[tuple[str, object]]:
    if isinstance(value, Mapping):
        return value.items()
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, Iterable):
        raise refusal(name, "names of looks, or a table of them", value)
    return [_named(name, each) for each in names]


def _named(name: str, value: object) -> tuple[str, object]:
    if not isinstance(value, str):
        raise refusal(name, "a look's name, or NAME=SHARE", value)
    look, is_shared, share = value.partition("=")
    try:
        return look, {"share": float(share)} if is_shared else {}
    except ValueError:
        raise refusal(name, "NAME=SHARE with a number behind =", value) from None


def chosen_looks(chosen: Iterable[str], tables: object) -> dict[str, Table]:
    """Looks chosen by name, with what tables from elsewhere say of them.

    Other looks of these tables have no share, but may be parts of one that is made of several.
    """
    asked = asked_looks("look", chosen)
    known = asked_looks("look", tables) if isinstance(tables, Mapping) else {}
    others = {look: {**table, "share": 0} for look, table in known.items() if look not in asked}
    return others | {look: {**known.get(look, {}), **own} for look, own in asked.items()}


def look_names() -> tuple[str, ...]:
    """The presets: plain, then those of effects, then those made of others."""
    return tuple(
        sorted(_presets(), key=lambda name: (name != CLEAN, MIX in _presets()[name], name))
    )


def look_comment(name: str) -> str:
    """What the file of a preset says of it, at its top; its first line says it all in short."""
    lines = _texts()[name].splitlines()
    end = next((number for number, line in enumerate(lines) if line[:1] != "#"), len(lines))
    return "\n".join(line[1:].strip() for line in lines[:end])


def mix_of(name: str) -> dict[str, float]:
    """The looks that a preset is made of, with their shares; itself, where it has effects."""
    mix: dict[str, float] = _presets()[name].get(MIX, {name: 1})
    return mix


def preset_of(name: str) -> Look:
    """A preset that is not made of others."""
    return _build(name, {}, 1)


def _build(name: str, table: Table, share: float) -> Look:
    """Make a look of the preset that is its base, and of what a table changes."""
    from shmtext.looks.registry import BY_NAME  # noqa: PLC0415 - imports OpenCV

    base = _presets()[_base(name, table)]
    known = [f"look.{name}.{key}" for key in (*OWN_KEYS, *BY_NAME)]
    for key in (*base, *table):
        if f"look.{name}.{key}" not in known:
            raise unknown_option(f"look.{name}.{key}", known)
    made = (_effect(effect, base.get(key), table.get(key), name) for key, effect in BY_NAME.items())
    return Look(
        name=name,
        share=SHARE.take(f"[look.{name}] share", share),
        budget=BUDGET.take(f"[look.{name}] budget", table.get("budget", base.get("budget", 1))),
        effects=tuple(effect for effect in made if effect is not None),
    )


def _base(name: str, table: Table) -> str:
    """The name of the preset that a look is made from."""
    given = Text().take(f"[look.{name}] base", table.get("base", name))
    base = given.replace("-", "_")
    known = [each for each in look_names() if MIX not in _presets()[each]]
    if base not in known and "base" in table:
        raise unknown_option(base, known, what=f"[look.{name}] base")
    if base not in known:
        error = unknown_option(base, look_names(), what="look")
        hint = '; your own says what it is made from, such as base = "clean"' if table else ""
        raise ConfigError(f"{error}{hint}")
    if name == CLEAN and (base != CLEAN or set(table) - {*OWN_KEYS}):
        raise ConfigError(
            "[look.clean] is what is drawn without effects: give yours another name, as in "
            '[look.mine] base = "clean"'
        )
    if not (name.isascii() and name.replace("_", "a").isalnum()):
        raise refusal("look", "names of letters, digits and _", name)
    return base


def _effect(kind: type[Effect], preset: Table | None, own: object, name: str) -> Effect | None:
    """Make an effect's settings of those of a preset, and of what a look's table changes."""
    path = f"look.{name}.{kind.name()}."
    made: Effect | None = None if preset is None else build(kind, preset, None, path)
    if own is None:
        return made
    if own is False:
        return None
    if not isinstance(own, Mapping):
        raise refusal(f"[look.{name}] {kind.name()}", "a table of its settings, or false", own)
    changed: Effect = build(kind, own, made, path)
    return changed


def _shares(tables: Mapping[str, Table]) -> dict[str, float]:
    """How often each look is drawn, those that others are made of in their place."""
    shares: dict[str, float] = {}
    for look, table in sorted(tables.items()):
        parts = mix_of(look) if look in _presets() else {look: 1}
        if look not in parts and set(table) - {"share"}:
            key = min(set(table) - {"share"})
            raise ConfigError(
                f"[look.{look}] is made of {', '.join(parts)}: set {key} of one of these"
            )
        share = SHARE.take(f"[look.{look}] share", table.get("share", 1))
        for part, own in parts.items():
            shares[part] = shares.get(part, 0) + share * own / sum(parts.values())
    return shares


def _plain_effect(effect: Effect) -> dict[str, Any]:
    values = {}
    for name, each in settings_of(type(effect)).items():
        value = getattr(effect, name)
        if value != each.default:
            values[name] = plain(value)
    return values


@cache
def _texts() -> dict[str, str]:
    """Files of presets, by their names."""
    folder = files("shmtext.looks").joinpath("presets")
    found = {file.name: file for file in folder.iterdir() if file.name.endswith(".toml")}
    return {name[:-5]: found[name].read_text(encoding="utf-8") for name in sorted(found)}


@cache
def _presets() -> dict[str, dict[str, Any]]:
    import tomllib  # noqa: PLC0415 - a tenth of the time that --help takes

    return {name: tomllib.loads(text) for name, text in _texts().items()}


def _look_schema() -> Schema:
    from shmtext.looks.registry import BY_NAME  # noqa: PLC0415 - imports OpenCV

    effects = {
        name: {
            "description": (effect.__doc__ or "").splitlines()[0],
            "anyOf": [
                object_schema({k: setting_schema(s) for k, s in settings_of(effect).items()}),
                {"const": False},
            ],
        }
        for name, effect in BY_NAME.items()
    }
    own = {"base": {"type": "string"}, "share": SHARE.schema(), "budget": BUDGET.schema()}
    return object_schema({**own, **effects})
