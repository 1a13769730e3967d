"""``shmtext status``."""

from __future__ import annotations

from pathlib import Path

import click

from shmtext.cli.options import out_argument
from shmtext.cli.said import print_status
from shmtext.errors import ExitCode


@click.command()
@out_argument
def status(out: Path) -> int:
    """Tell how far the run in OUT is, whether it is running, interrupted or finished."""
    from shmtext.engine.inspect import run_status  # noqa: PLC0415

    print_status(run_status(out))
    return ExitCode.DONE
