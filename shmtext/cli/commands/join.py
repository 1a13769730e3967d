"""``shmtext join``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from shmtext.cli.libraries import check_address_space
from shmtext.cli.options import FolderName, completing_paths, json_option, quiet_option
from shmtext.cli.said import Manner, complain_of_nothing, exit_code, print_joined
from shmtext.cli.screen import Screen


@click.command(name="join")
@click.argument(
    "folders",
    nargs=-1,
    required=True,
    metavar="OUT...",
    type=FolderName(path_type=Path),
    shell_complete=completing_paths("dir"),
)
@click.option(
    "--into",
    type=FolderName(path_type=Path),
    metavar="OUT",
    shell_complete=completing_paths("dir"),
    help="Bring together here what parts left in several folders: linked, or else copied.",
)
@click.option(
    "--csv/--no-csv",
    default=None,
    help="Write labels.csv beside metadata.parquet. [default: yes]",
)
@click.option(
    "--csv-columns",
    metavar="NAME,NAME",
    help="What its two columns are called. [default: filename,label]",
)
@json_option
@quiet_option
def join_parts(folders: tuple[Path, ...], *, as_json: bool, quiet: bool, **options: Any) -> int:
    """Join the parts that render --part left in OUT: check all shards, and make the label table.

    Neither fonts nor texts are needed. Parts that lie in several folders, of machines without a
    common disk, are brought together in another one: join A B C --into OUT.

    \b
    Exit codes: 0 done, 2 bad options or folders of different runs, 3 shards are missing, which are
    named, or storage failed, 4 finished but some examples failed or nothing could be drawn, 130
    interrupted (the same command continues).
    """
    check_address_space()
    from shmtext.engine.join import join  # noqa: PLC0415 - takes long

    with Screen(quiet=quiet) as screen:
        summary = join(*folders, **options, observer=screen)
    Manner(as_json, quiet).say(summary, print_joined)
    complain_of_nothing(summary)
    return exit_code(summary)
