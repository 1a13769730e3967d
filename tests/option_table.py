"""The table of options in ``docs/command-line.md``, made of what stands with the settings.

``python tests/option_table.py`` writes it into the page, between its two marks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from shmtext.config.fields import Setting, settings_of
from shmtext.config.kinds import Part, part_of
from shmtext.config.options import Option, config_options, start_options

PAGE = Path(__file__).parents[1] / "docs/command-line.md"
BETWEEN = re.compile(r"(?<=<!-- options -->\n).*?(?=<!-- end of options -->)", re.DOTALL)


def table() -> str:
    """Markdown, a row an option."""
    rows = ["| option | default | meaning |", "|---|---|---|"]
    for option in (*config_options().values(), *start_options().values()):
        if option.part is None:
            rows.append(row(f"{option.switch} {option.metavar}".strip(), option))
        else:
            rows += rows_within(f"{option.name}.", option.part)
    return "".join(f"{each}\n" for each in rows)


def rows_within(path: str, part: Part) -> Iterator[str]:
    """Rows of settings that TOML alone has a name for: that of their table and their own."""
    for setting in (each for kind in part.classes for each in settings_of(kind).values()):
        inner = part_of(setting.kind)
        if inner is None:
            yield row(f"{path}{setting.name}", Option(setting.name, "", setting))
        else:
            yield from rows_within(f"{path}{setting.name}.", inner)


def row(name: str, option: Option) -> str:
    setting: Setting = option.setting
    return f"| `{escaped(name)}` | {escaped(option.default_text)} | {escaped(setting.about.help)} |"


def escaped(text: str) -> str:
    return text.replace("|", r"\|")


if __name__ == "__main__":
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(BETWEEN.sub(lambda _: table(), page), encoding="utf-8")
