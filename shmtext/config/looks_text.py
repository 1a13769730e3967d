"""Looks and effects in words: TOML that reads back as them, with what each setting is behind it.

What they are is ``looks.py``'s, and the effects' own.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from inspect import cleandoc
from typing import TYPE_CHECKING, Any

from shmtext.config.fields import Setting, settings_of
from shmtext.config.kinds import unknown_option
from shmtext.config.looks import CLEAN, Look, look_comment, look_names, mix_of, preset_of
from shmtext.config.notation import toml_value

if TYPE_CHECKING:
    from shmtext.looks.effect import Effect

COMMENTS_FROM = 40
"""Column at which comments begin, where values leave room."""

OWN_TEXTS = {
    "base": "what it is made from",
    "share": "how often it is drawn, in proportion to other looks",
    "budget": "how much effects may take away; 1: all that eyes make up for",
}

Lines = list[str]


@dataclass(frozen=True, slots=True)
class AboutLook:
    """A preset, in short."""

    name: str
    about: str
    effects: tuple[str, ...]
    """That it has, in order; none where it is made of other looks."""
    shares: Mapping[str, float]
    """Of the looks that it is made of; none where it has effects."""

    @classmethod
    def of(cls, name: str) -> AboutLook:
        """Say what the preset of that name is."""
        about, mix = look_comment(name).splitlines()[0], mix_of(name)
        if name not in mix:
            return cls(name, about, (), mix)
        return cls(name, about, tuple(effect.name() for effect in preset_of(name).effects), {})


@dataclass(frozen=True, slots=True)
class AboutEffect:
    """An effect, in short."""

    name: str
    kind: str
    """What it is done to."""
    about: str
    degrades: bool
    """It makes text harder to read, and counts in a look's budget."""


def all_looks() -> list[AboutLook]:
    """The presets."""
    return [AboutLook.of(name) for name in look_names()]


def all_effects() -> list[AboutEffect]:
    """Every effect, in the order in which they are done."""
    from shmtext.looks.registry import BY_NAME  # noqa: PLC0415 - imports OpenCV

    return [
        AboutEffect(name, effect.kind.value, effect_title(effect), effect.degrades)
        for name, effect in BY_NAME.items()
    ]


def looks_list() -> Lines:
    """The presets, each with what it is and the effects or looks that it is made of."""
    looks = all_looks()
    width = max(len(look.name) for look in looks)
    lines: Lines = []
    for look in looks:
        parts = [*look.effects, *(f"{part} {share:g}" for part, share in look.shares.items())]
        lines.append(f"{look.name:{width}}  {look.about}")
        lines += [f"{'':{width}}  {line}" for line in _filled(parts, 98 - width)]
    return lines


def effects_list() -> Lines:
    """Every effect, in the order in which they are done, with what it is done to and what it is."""
    effects = all_effects()
    width = max(len(effect.name) for effect in effects)
    kind_width = max(len(effect.kind) for effect in effects)
    return [
        f"{effect.name:{width}}  {effect.kind:{kind_width}}  {effect.about}" for effect in effects
    ]


def page_names() -> tuple[str, ...]:
    """What there are pages of: the presets, then the effects."""
    from shmtext.looks.registry import BY_NAME  # noqa: PLC0415 - imports OpenCV

    return (*look_names(), *BY_NAME)


def page(name: str) -> str:
    """A preset or an effect, as TOML that ``--config`` takes. Raises ``ConfigError``."""
    from shmtext.looks.registry import BY_NAME  # noqa: PLC0415 - imports OpenCV

    known = name.strip().replace("-", "_")
    if known in BY_NAME:
        return effect_page(BY_NAME[known])
    if known not in look_names():
        raise unknown_option(name, page_names(), what="look or effect")
    about = "\n".join(f"# {line}".rstrip() for line in look_comment(known).splitlines())
    mix = mix_of(known)
    if known not in mix:
        shares = [f"{part} = {toml_value(share)}" for part, share in mix.items()]
        return "\n".join([about, "", "[look]", *shares, ""])
    return "\n\n".join([about, *look_tables(preset_of(known))]) + "\n"


def page_values(name: str) -> dict[str, Any]:
    """What a page says, as a program reads it: the same options in the same tables."""
    return tomllib.loads(page(name))


def look_tables(look: Look) -> list[str]:
    """A look with all settings of all its effects, table after table."""
    own = {"base": CLEAN, "share": look.share, "budget": look.budget}
    lines = [_commented(f"{name} = {toml_value(own[name])}", OWN_TEXTS[name]) for name in own]
    tables = ["\n".join([f"[look.{look.name}]", *lines])]
    for effect in look.effects:
        kind = type(effect)
        head = _commented(f"[look.{look.name}.{kind.name()}]", effect_title(kind))
        values = {each: getattr(effect, each.name) for each in settings_of(kind).values()}
        tables.append("\n".join([head, *_setting_lines(values)]))
    return tables


def effect_page(effect: type[Effect]) -> str:
    """An effect's settings at their defaults, in a look that has nothing else."""
    from shmtext.looks.effect import REFERENCE_EM_PX  # noqa: PLC0415 - imports OpenCV

    settings = list(settings_of(effect).values())
    about = [*cleandoc(effect.__doc__ or "").splitlines(), f"Done to: {effect.kind.value}."]
    if effect.degrades:
        about.append("Makes text harder to read: counts in a look's budget.")
    if any(each.name.endswith("_px") for each in settings):
        about.append(f"Lengths in px are for fonts of {REFERENCE_EM_PX} px, others in proportion.")
    lines = _setting_lines({each: each.default for each in settings})
    return "\n".join(
        [
            *(f"# {line}".rstrip() for line in about),
            *("", "[look.mine]", f'base = "{CLEAN}"'),
            *("", f"[look.mine.{effect.name()}]", *lines, ""),
        ]
    )


def effect_title(effect: type[Effect]) -> str:
    """What an effect is, in a line."""
    return (effect.__doc__ or "").splitlines()[0].replace("``", "")


def _setting_lines(values: dict[Setting, object]) -> Lines:
    return [
        _commented(f"{each.name} = {toml_value(value)}", _said(each))
        for each, value in values.items()
    ]


def _said(setting: Setting) -> str:
    about = setting.about
    limits = getattr(setting.kind, "limits", "")
    unit = about.metavar.lower() if about.metavar.isalpha() and len(about.metavar) > 1 else ""
    bounds = f"{limits} {unit}".strip()
    return f"{about.help.rstrip('.')}; {bounds}" if bounds else about.help.rstrip(".")


def _commented(line: str, comment: str) -> str:
    return f"{line:{COMMENTS_FROM - 2}}  # {comment}"


def _filled(words: Lines, width: int) -> Iterator[str]:
    """Lists of words with commas, in lines of that width at most."""
    line = ""
    for number, word in enumerate(words):
        piece = word if number == len(words) - 1 else f"{word},"
        if line and len(line) + 1 + len(piece) > width:
            yield line
            line = ""
        line = f"{line} {piece}".strip()
    if line:
        yield line
