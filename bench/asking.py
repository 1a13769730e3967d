"""What every question has in common: its options, and how answers are delivered."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import click
from PIL import Image

from bench import plots
from bench.rows import conditions, write_rows

Command = TypeVar("Command", bound=Callable[..., Any])

LATEST = Path(__file__).parent / "results" / "latest"
"""Ignored by git; what is to be kept goes one folder up."""


class LibraryMissing(click.ClickException):
    """A question can't be asked: it needs libraries that are not installed."""


def need(extra: str, modules: Sequence[str]) -> None:
    """Raise ``LibraryMissing`` if one of the modules of an extra can't be imported."""
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise LibraryMissing(
            f"this needs {', '.join(missing)}: pip install -e '.[{extra}]' brings what is missing"
        )


@dataclass(frozen=True, slots=True)
class Setting:
    """How a question is asked."""

    quick: bool
    """Few images and repeats: shows that the script works, not how fast anything is."""
    out: Path
    """Where rows and pictures go."""

    def num(self, full: int, quick: int) -> int:
        """Choose a number of images or repeats."""
        return quick if self.quick else full


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What a question came to."""

    name: str
    rows: Sequence[Any]
    """Frozen dataclasses of one kind."""
    text: Sequence[str]
    """Paragraphs and tables to print."""
    draw: plots.Draw
    more_rows: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    """Rows of other kinds, by the end of their file's name."""
    more_pictures: Mapping[str, Image.Image] = field(default_factory=dict)
    """Beside what is drawn of the rows, likewise."""


def options(command: Command) -> Command:
    """Give a command the options of every question."""
    for option in (
        click.option(
            "--out",
            type=click.Path(file_okay=False, path_type=Path),
            default=LATEST,
            help="Folder for rows and pictures. [default: bench/results/latest]",
        ),
        click.option("--quick", is_flag=True, help="Few images and repeats."),
    ):
        command = option(command)
    return command


def deliver(answer: Answer, setting: Setting) -> None:
    """Print an answer, keep its rows and draw its picture."""
    if setting.quick:
        click.echo("(--quick: few images and repeats; these figures are no measurement)\n")
    for paragraph in answer.text:
        click.echo(f"{paragraph}\n")
    setting.out.mkdir(parents=True, exist_ok=True)
    # Rows are kept: where on this machine something lies is nobody's business.
    told = [Path(each).name if each.startswith("/") else each for each in sys.argv[1:]]
    under = conditions(shlex.join(["python", "-m", "bench", *told]))
    kept = []
    for ending, rows in {"": answer.rows, **answer.more_rows}.items():
        path = setting.out / f"{answer.name}{ending}.parquet"
        write_rows(path, rows, under)
        kept.append(path.name)
    if plots.save(answer.draw, setting.out / f"{answer.name}.png"):
        kept.append(f"{answer.name}.png")
    else:
        click.echo("(no picture: install the extra 'bench' for matplotlib)")
    for ending, picture in answer.more_pictures.items():
        picture.save(setting.out / f"{answer.name}{ending}.png", optimize=True)
        kept.append(f"{answer.name}{ending}.png")
    click.echo(f"{under.host}; commit {under.commit or 'unknown'}")
    click.echo(f"kept in {setting.out}: {', '.join(kept)}")
