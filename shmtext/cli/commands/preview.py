"""``shmtext preview``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from shmtext.cli.libraries import check_address_space
from shmtext.cli.options import (
    FolderName,
    GroupedCommand,
    GroupedOption,
    completing_paths,
    config_file_option,
    config_settings_options,
    settings_given,
)
from shmtext.cli.pictures import picture_protocol, terminal_width_px
from shmtext.cli.printing import complain, say, say_utf_8
from shmtext.cli.screen import Screen
from shmtext.errors import ConfigError, ExitCode

SHEET = Path("preview.png")
GROUP = "Preview"


@click.command(cls=GroupedCommand)
@click.argument(
    "out",
    required=False,
    type=FolderName(path_type=Path),
    shell_complete=completing_paths("dir"),
)
@click.option(
    "--images",
    "num_images",
    cls=GroupedOption,
    group=GROUP,
    type=int,
    metavar="N",
    default=32,
    help="How many pictures. [default: 32]",
)
@click.option(
    "--output",
    cls=GroupedOption,
    group=GROUP,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.png",
    shell_complete=completing_paths("file"),
    help="Write the sheet here. [default: shown in the terminal if that shows pictures, else "
    f"{SHEET}]",
)
@config_settings_options
@config_file_option
def preview(
    out: Path | str | None,
    config: Path | None,
    *,
    num_images: int,
    output: Path | None,
    **given: Any,
) -> int:
    """Draw a contact sheet: of a config, before anything is made, or of the run in OUT.

    Without OUT, settings are those of render, and the pictures are those that it would make: some
    from all over the corpus, or its beginning where it is large. A run may be finished, interrupted
    or at work; of it, --fonts alone is asked for, for labels that the bundled fonts lack. Examples
    without a picture stand last, with the reason.

    \b
    Exit codes: 0 done, 2 bad settings or input, 3 the sheet can't be written, 4 there is no picture
    to be shown, 130 interrupted.
    """
    check_address_space()
    protocol = picture_protocol() if output is None else None
    output = output or SHEET
    with Screen() as screen:
        from shmtext.dataset.places import run_place  # noqa: PLC0415 - takes long
        from shmtext.view.files import refuse_output  # noqa: PLC0415

        if protocol is None:
            refuse_output(output, ".png", None if out is None else run_place(out))
        from shmtext.view.preview import samples_of, sheet_of  # noqa: PLC0415 - takes long

        if out is None:
            samples = samples_of(settings_given(config, given)[0], num_images, screen)
            fonts: tuple[Path, ...] = ()
        else:
            fonts = given.pop("fonts")
            _refuse_settings({"config": config, **given})
            samples = samples_of(out, num_images, screen)
    if protocol is not None:
        from shmtext.view.inline import inline  # noqa: PLC0415 - takes long
        from shmtext.view.sheet import MIN_WIDTH_PX, WIDTH_PX  # noqa: PLC0415

        width_px = min(max(terminal_width_px() or WIDTH_PX, MIN_WIDTH_PX), WIDTH_PX)
        say_utf_8(inline(sheet_of(samples, fonts, width_px), protocol))
    else:
        from shmtext.view.png import write_png  # noqa: PLC0415 - takes long

        write_png(output, sheet_of(samples, fonts))
        say(f"{output}: {samples.title}")
    if not samples.pictures:
        complain("there is no picture to be shown")
        return ExitCode.FAILED_EXAMPLES
    return ExitCode.DONE


def _refuse_settings(given: dict[str, Any]) -> None:
    names = [name for name, value in given.items() if value not in (None, ())]
    if names:
        name = names[0].replace("_", "-")
        raise ConfigError(
            f"--{name} is of a config, and a run has its settings: leave it out, or OUT"
        )
