"""``shmtext status``."""

from __future__ import annotations

from pathlib import Path

import click

from shmtext.cli.options import json_option, out_argument
from shmtext.cli.said import Manner, print_status
from shmtext.errors import ExitCode


@click.command()
@out_argument
@json_option
def status(out: Path, *, as_json: bool) -> int:
    """Tell how far the run in OUT is, whether it is running, interrupted or finished."""
    from shmtext.engine.inspect import run_status  # noqa: PLC0415

    Manner(as_json).say(run_status(out), print_status)
    return ExitCode.DONE
