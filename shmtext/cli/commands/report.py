"""``shmtext report``."""

from __future__ import annotations

from pathlib import Path

import click

from shmtext.cli.libraries import check_address_space
from shmtext.cli.options import completing_paths, out_argument
from shmtext.cli.printing import say
from shmtext.errors import ExitCode


@click.command()
@out_argument
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE.html",
    shell_complete=completing_paths("file"),
    help="Where the page is to be. [default: report.html]",
)
@click.option(
    "--images",
    "num_images",
    type=int,
    default=400,
    metavar="N",
    help="Pictures shown. [default: 400]",
)
def report(out: Path, output: Path | None, num_images: int) -> int:
    """Write a page of the run in OUT, finished or not: one HTML file that needs no network.

    Pictures with filters, counts of characters, lengths, widths, fonts and looks over all rows,
    throughput by worker, what has no picture and why, settings. With up to 400 pictures it is under
    2 MB.
    """
    check_address_space()
    from shmtext.view.report import report as write_report  # noqa: PLC0415 - takes long

    path = write_report(out, output, num_images=num_images)
    say(f"{path}: {path.stat().st_size / 1e6:,.1f} MB")
    return ExitCode.DONE
