"""``shmtext render``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from shmtext.cli.libraries import check_address_space
from shmtext.cli.options import (
    GroupedCommand,
    GroupedOption,
    config_file_option,
    json_option,
    out_argument,
    quiet_option,
    settings_given,
    settings_options,
)
from shmtext.cli.said import (
    Manner,
    complain_of_dry_run,
    complain_of_nothing,
    exit_code,
    print_dry_run,
    print_part,
    print_summary,
)
from shmtext.cli.screen import Screen
from shmtext.errors import ExitCode


@click.command(cls=GroupedCommand)
@out_argument
@settings_options
@config_file_option
@click.option(
    "--dry-run",
    cls=GroupedOption,
    group="Run",
    is_flag=True,
    help="Make nothing: tell how many pictures there would be, what can't be drawn, and by a short "
    "trial what room and time it takes.",
)
@json_option
@quiet_option
def render(
    out: Path, config: Path | None, *, dry_run: bool, as_json: bool, quiet: bool, **given: Any
) -> int:
    """Render labelled pictures into the folder OUT, or finish what was interrupted there.

    Options that may be given several times (fonts, sizes, colours) are repeated: of each, one is
    drawn per picture. OUT gets images/, metadata.parquet (one row a picture, read by Hugging
    Face's imagefolder), labels.csv and, while it runs, what it takes to resume.

    \b
    Exit codes: 0 done, 2 bad settings or input, 3 stopped by storage, memory or dying workers
    (resumable), 4 finished but some examples failed or nothing could be drawn, 130 interrupted
    (resumable).
    """
    check_address_space()
    run_config, start = settings_given(config, given)

    from shmtext.engine.renderer import Renderer  # noqa: PLC0415 - takes long

    started = asdict(start)
    held = {name: started.pop(name) for name in ("workers", "engine")}
    held["cluster"] = start.cluster
    part, _, _ = (started.pop(name) for name in ("part", "distributor", "ray_address"))
    manner = Manner(as_json, quiet)
    with Screen(quiet=quiet) as screen, Renderer(run_config, **held, observer=screen) as renderer:
        if dry_run:
            trial = renderer.dry_run(out, part, **started)
            manner.say(trial, print_dry_run)
            return complain_of_dry_run(trial)
        if part is not None:
            of_part = renderer.render_part(out, part, **started)
            manner.say(of_part, print_part)
            return ExitCode.FAILED_EXAMPLES if of_part.num_failed else ExitCode.DONE
        summary = renderer.render(out, **started)
    manner.say(summary, print_summary)
    complain_of_nothing(summary)
    return exit_code(summary)
