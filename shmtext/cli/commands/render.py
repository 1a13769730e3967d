"""``shmtext render``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from shmtext.cli.libraries import check_address_space
from shmtext.cli.options import (
    GroupedCommand,
    config_file_option,
    out_argument,
    settings_given,
    settings_options,
)
from shmtext.cli.said import exit_code, print_part, print_summary
from shmtext.cli.screen import Screen
from shmtext.errors import ExitCode


@click.command(cls=GroupedCommand)
@out_argument
@settings_options
@config_file_option
def render(out: Path, config: Path | None, **given: Any) -> int:
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
    with Screen() as screen, Renderer(run_config, **held, observer=screen) as renderer:
        if part is not None:
            of_part = renderer.render_part(out, part, **started)
            print_part(of_part)
            return ExitCode.FAILED_EXAMPLES if of_part.num_failed else ExitCode.DONE
        summary = renderer.render(out, **started)
    print_summary(summary)
    return exit_code(summary)
