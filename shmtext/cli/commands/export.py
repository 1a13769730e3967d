"""``shmtext export``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from shmtext.cli.libraries import check_address_space
from shmtext.cli.options import (
    FolderName,
    completing_paths,
    completing_words,
    json_option,
    out_argument,
    quiet_option,
)
from shmtext.cli.said import Manner, complain_of_no_export, print_export
from shmtext.cli.screen import Screen
from shmtext.errors import ExitCode


def _export_formats() -> Iterable[str]:
    from shmtext.dataset.export import FORMATS  # noqa: PLC0415 - takes long

    return FORMATS


@click.command()
@out_argument
@click.option(
    "--to",
    required=True,
    metavar="FORMAT",
    shell_complete=completing_words(_export_formats),
    help="lmdb, paddle, doctr, easyocr, mmocr, tesstrain, gt, imagefolder, hf-parquet, webdataset, "
    "mds, jsonl, trdg, synthtiger or coco.",
)
@click.argument("dest", type=FolderName(path_type=Path), shell_complete=completing_paths("dir"))
@click.option(
    "--split",
    metavar="NAME=SHARE,...",
    help="Split the pictures, as in train=0.98,val=0.02: by their examples' numbers and the seed.",
)
@click.option("--split-seed", type=int, default=0, metavar="N", help="Of splits. [default: 0]")
@click.option("--disjoint-texts", is_flag=True, help="Keep equal texts in one split.")
@click.option(
    "--unfit",
    metavar="skip|escape|refuse",
    shell_complete=completing_words(lambda: ("skip", "escape", "refuse")),
    default="skip",
    help="What to do with texts that the format can't hold: leave their pictures out and list them "
    "in left_out.jsonl, write the texts with backslashes, or export nothing. [default: skip]",
)
@click.option(
    "--easyocr-quote",
    metavar="either|never|csv",
    shell_complete=completing_words(lambda: ("either", "never", "csv")),
    default="either",
    help="For which of EasyOCR's readers: for both (texts with commas and quotes don't fit), that "
    "which cuts lines at the first comma, or that which reads CSV. [default: either]",
)
@click.option(
    "--workers", type=int, metavar="N", help="Processes. [default: as many as there are cores]"
)
@json_option
@quiet_option
def export(out: Path, to: str, dest: Path, *, as_json: bool, quiet: bool, **options: Any) -> int:
    """Export the finished run in OUT to a trainer's format, into the folder DEST.

    DEST must be new or empty, or hold an export that was interrupted, which is then finished.

    \b
    Exit codes: 0 done, 2 bad options or input, 3 stopped by storage, memory or damage (resumable),
    4 finished without a picture, 130 interrupted (resumable).
    """
    check_address_space()
    from shmtext.engine.export import export as export_run  # noqa: PLC0415 - takes long

    with Screen(quiet=quiet) as screen:
        summary = export_run(out, to, dest, **options, observer=screen)
    Manner(as_json, quiet).say(summary, print_export)
    complain_of_no_export(summary)
    return ExitCode.DONE if any(summary.num_images.values()) else ExitCode.FAILED_EXAMPLES
