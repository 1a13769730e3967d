"""``python -m bench`` lists the questions; ``NAME`` after it asks one, ``all`` each of them."""

from __future__ import annotations

import time
from importlib import import_module
from pathlib import Path
from types import ModuleType

import click

from bench import asking
from shmtext.engine.libraries import adapt_libraries

QUESTIONS = (
    *("corpus-size", "stages", "scaling", "memory", "resume", "parts", "peers", "settings"),
    *("shaping", "first-use", "containers", "looks", "stream", "learn"),
)
"""In the order of the README; each is a module with ``QUESTION``, ``ask`` and ``command``."""


class Questions(click.Group):
    """Commands that are imported when they are asked for."""

    def list_commands(self, _context: click.Context) -> list[str]:
        """Name the questions in their own order."""
        return [*QUESTIONS, "all"]

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Import a question's module, or return ``all``."""
        if name in QUESTIONS:
            command: click.Command = _module(name).command
            return command
        return super().get_command(context, name)


def _module(name: str) -> ModuleType:
    return import_module(f"bench.{name.replace('-', '_')}")


@click.group(cls=Questions, invoke_without_command=True)
@click.pass_context
def main(context: click.Context) -> None:
    """Ask questions about speed, memory and what pictures teach."""
    if context.invoked_subcommand is None:
        width = max(map(len, QUESTIONS))
        for name in QUESTIONS:
            click.echo(f"{name:{width}}  {_module(name).QUESTION}")
        click.echo(
            "\nAsk one with: python -m bench NAME [--quick] [--help]; all: python -m bench all"
        )
    else:
        adapt_libraries()  # what is measured in this process is what a worker does


@main.command("all", help="Ask every question.")
@asking.options
def ask_all(out: Path, quick: bool) -> None:
    """Ask every question, one after another."""
    setting = asking.Setting(quick, out)
    for name in QUESTIONS:
        begin_s = time.monotonic()
        module = _module(name)
        click.echo(f"## {name}: {module.QUESTION}\n")
        try:
            asking.deliver(module.ask(setting), setting)
        except asking.LibraryMissing as error:
            click.echo(error.format_message())
        click.echo(f"took {time.monotonic() - begin_s:.0f} s\n")


if __name__ == "__main__":
    main(prog_name="python -m bench")
