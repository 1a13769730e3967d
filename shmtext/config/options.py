"""The names that settings have among all others: those of the command line, and of TOML.

The settings of a flat part (corpus, style, page, output) and those of a start may stand in TOML by
themselves or in a table (``[style]``), and are options of the command line. Of deeper parts, with
dozens of settings perhaps, the part alone is named here: its settings stand in tables of TOML
(``[look.scan.blur]``), which ``reading.py`` knows how to read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, dataclass

from shmtext.config.fields import Setting, settings_of
from shmtext.config.kinds import Choice, Part, Switch, part_of, scalar_of
from shmtext.config.settings import RunConfig, Start

START = "start"
"""The table of the options of a start."""


@dataclass(frozen=True, slots=True)
class Option:
    """A setting, or a part with settings, that has a name of its own."""

    name: str
    table: str
    """In which it may stand in TOML; empty: in none."""
    setting: Setting

    @property
    def part(self) -> Part | None:
        """What it is made of, where it is no single setting."""
        return part_of(self.setting.kind)

    @property
    def switch(self) -> str:
        """As on the command line: ``--font-sizes``, ``--csv/--no-csv``."""
        words = self.name.replace("_", "-")
        is_switch = isinstance(self.setting.kind, Switch)
        return f"--{words}/--no-{words}" if is_switch else f"--{words}"

    @property
    def metavar(self) -> str:
        """What stands for its value: the words of a choice, else what its declaration says."""
        kind = scalar_of(self.setting.kind)
        return "|".join(kind.words) if isinstance(kind, Choice) else self.setting.about.metavar

    @property
    def default_text(self) -> str:
        """What is taken where nothing is given; empty where that is another option."""
        default = self.setting.default
        if self.setting.about.default_text or default is MISSING:
            return self.setting.about.default_text
        if isinstance(default, bool):
            return "yes" if default else "no"
        return ", ".join(map(str, default)) if isinstance(default, tuple) else str(default)


def config_options(root: type[RunConfig] = RunConfig) -> dict[str, Option]:
    """Options of a config by name: those of its flat parts, then its own."""
    own = settings_of(root).values()
    flat = [
        option
        for each in own
        if each.about.is_flat and (part := part_of(each.kind))
        for option in _options_in(each.name, part)
    ]
    rest = [Option(each.called, "", each) for each in own if not each.about.is_flat]
    return {option.name: option for option in (*flat, *rest)}


def start_options() -> dict[str, Option]:
    """Options of a start, which are no part of a config, by name."""
    return {option.name: option for option in _options_in(START, Part((Start,)))}


def _options_in(table: str, part: Part) -> Iterator[Option]:
    for kind in part.classes:
        for each in settings_of(kind).values():
            if each.about.is_option:
                yield Option(each.called, table, each)
