"""``shmtext config``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from shmtext.cli.libraries import check_address_space
from shmtext.cli.options import FolderName, completing_paths, settings_in
from shmtext.cli.printing import say_utf_8
from shmtext.errors import ExitCode


@click.command(name="config")
@click.argument(
    "source",
    metavar="[OUT|FILE]",
    required=False,
    type=FolderName(path_type=Path),
    shell_complete=completing_paths("file"),
)
@click.option("--schema", is_flag=True, help="Print a JSON Schema of what such a file may hold.")
def show_config(source: Path | None, schema: bool) -> int:
    """Print what a run's settings come to, as TOML that render --config takes.

    Of the run in the folder OUT, of the TOML file FILE with all that it leaves out, or, without
    either, the defaults. Where a run keeps no paths, of fonts and texts, a comment says so.
    """
    check_address_space()
    from shmtext.config import RunConfig, Start, load_toml  # noqa: PLC0415
    from shmtext.config.writing import json_schema, toml_of  # noqa: PLC0415

    if schema:
        say_utf_8(f"{json.dumps(json_schema(), indent=2)}\n")
    elif source is None:
        say_utf_8(toml_of(RunConfig(), Start()))
    elif isinstance(source, str) or source.is_dir():
        from shmtext.engine.recorded import recorded_settings  # noqa: PLC0415 - takes long

        recorded = recorded_settings(source)
        say_utf_8(toml_of(recorded.config, unknown=recorded.unknown))
    else:
        say_utf_8(toml_of(*settings_in(load_toml(source))))
    return ExitCode.DONE
