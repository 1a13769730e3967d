"""``shmtext verify``."""

from __future__ import annotations

from pathlib import Path

import click

from shmtext.cli.options import json_option, out_argument
from shmtext.cli.said import Manner, complain_of_report, print_report
from shmtext.errors import ExitCode


@click.command()
@out_argument
@click.option("--checksums", is_flag=True, help="Read every byte, not sizes alone.")
@json_option
def verify(out: Path, *, checksums: bool, as_json: bool) -> int:
    """Check that every picture in OUT is whole and every label row right.

    What is damaged is named, and rendered again by the next run of the same settings.
    """
    from shmtext.engine.inspect import verify as verify_run  # noqa: PLC0415

    report = verify_run(out, checksums=checksums)
    Manner(as_json).say(report, lambda each: print_report(each, out))
    complain_of_report(report, out)
    return ExitCode.DONE if report.whole else ExitCode.STOPPED
