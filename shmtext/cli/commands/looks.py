"""``shmtext looks``."""

from __future__ import annotations

from collections.abc import Iterable

import click

from shmtext.cli.as_json import say_json
from shmtext.cli.libraries import check_address_space
from shmtext.cli.options import completing_words, json_option
from shmtext.cli.printing import say, say_utf_8
from shmtext.errors import ConfigError, ExitCode


def _pages_of_looks() -> Iterable[str]:
    from shmtext.config.looks_text import page_names  # noqa: PLC0415 - takes long

    return page_names()


@click.command()
@click.argument(
    "name",
    metavar="[LOOK|EFFECT]",
    required=False,
    shell_complete=completing_words(_pages_of_looks),
)
@click.option("--effects", is_flag=True, help="List effects, of which looks are made.")
@json_option
def looks(name: str | None, *, effects: bool, as_json: bool) -> int:
    """List the looks that render --look takes, or print one as TOML that render --config takes.

    Of an effect its settings are printed, with their defaults. To change a look, set what is to
    differ in a TOML file (under [look.scan.blur], sigma_px = [0.4, 1]), or copy it under a name of
    its own.
    """
    check_address_space()
    from shmtext.config import looks_text as texts  # noqa: PLC0415 - takes long

    if name is not None and effects:
        raise ConfigError("--effects lists them all: leave out the name, or the option")
    if as_json:
        if name is not None:
            say_json(texts.page_values(name))
        else:
            say_json({"effects": texts.all_effects()} if effects else {"looks": texts.all_looks()})
    elif name is not None:
        say_utf_8(texts.page(name))
    else:
        for line in texts.effects_list() if effects else texts.looks_list():
            say(line)
    return ExitCode.DONE
