"""``shmtext fonts``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from shmtext.cli.libraries import check_address_space
from shmtext.cli.options import completing_paths, json_option
from shmtext.cli.printing import complain, say, say_utf_8
from shmtext.errors import ExitCode


@click.command()
@click.argument(
    "paths", nargs=-1, type=click.Path(path_type=Path), shell_complete=completing_paths("file")
)
@click.option(
    "--texts",
    metavar="PATH[::COLUMN]",
    shell_complete=completing_paths("file"),
    help="Tell of each font how many of these texts it covers, and what it lacks.",
)
@json_option
@click.option(
    "--sheet",
    type=click.Path(path_type=Path),
    metavar="FILE.png",
    shell_complete=completing_paths("file"),
    help="Draw specimens of each font on a sheet.",
)
@click.option("--skip-bad-fonts", is_flag=True, help="End well though some can't be used.")
def fonts(
    paths: tuple[Path, ...],
    texts: str | None,
    *,
    as_json: bool,
    sheet: Path | None,
    skip_bad_fonts: bool,
) -> int:
    """Tell what fonts are: of the files and folders PATHS, or those that come along.

    Characters that leave ink, scripts (no rules: the font does not say how to join or stack its
    letters), kerning, axes, and files that are the same. Fonts that can't be used are named at the
    end, and the exit code is then 2.
    """
    check_address_space()
    from shmtext.cli.font_table import as_json as json_of  # noqa: PLC0415
    from shmtext.cli.font_table import table_lines  # noqa: PLC0415
    from shmtext.view.font_report import report_fonts  # noqa: PLC0415 - takes long

    report = report_fonts(paths, texts, sheet)
    if as_json:
        say_utf_8(f"{json_of(report)}\n")
    else:
        is_terminal = sys.stdout is not None and sys.stdout.isatty()
        width = os.get_terminal_size().columns if is_terminal else None
        for line in table_lines(report, width):
            say(line)
    if report.left_out:
        complain(report.left_out)
    return ExitCode.BAD_INPUT if report.left_out and not skip_bad_fonts else ExitCode.DONE
