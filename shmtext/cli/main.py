"""The command line's front: its commands, and errors → one line and an exit code."""

from __future__ import annotations

import os
import sys

import click
from click.shell_completion import shell_complete

from shmtext import __version__
from shmtext.cli.commands.config import show_config
from shmtext.cli.commands.export import export
from shmtext.cli.commands.fonts import fonts
from shmtext.cli.commands.join import join_parts
from shmtext.cli.commands.looks import looks
from shmtext.cli.commands.preview import preview
from shmtext.cli.commands.render import render
from shmtext.cli.commands.report import report
from shmtext.cli.commands.status import status
from shmtext.cli.commands.verify import verify
from shmtext.cli.libraries import NO_MEMORY, complain_of_library
from shmtext.cli.printing import OutputError, close_full_log, close_output, complain, shown, tell
from shmtext.errors import ExitCode, ShmtextError

COMPLETION = "_SHMTEXT_COMPLETE"
"""Environment variable in which a shell asks what could stand at the cursor."""


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__)
def cli() -> None:
    """Labelled text pictures by the million, for training text recognisers."""


for _command in (
    *(preview, render, join_parts, status, verify, report, export),
    *(show_config, looks, fonts),
):
    cli.add_command(_command)


def main() -> None:
    """Run the command line; every foreseeable error is one line and its own exit code."""
    code: int | None
    try:
        # Not ``cli.main``: it answers a closed pipe with exit code 1.
        if completion := os.environ.get(COMPLETION):
            code = shell_complete(cli, {}, "shmtext", COMPLETION, completion)
        else:
            with cli.make_context("shmtext", sys.argv[1:]) as context:
                code = cli.invoke(context)
        if sys.stdout is not None:
            sys.stdout.flush()
    except click.exceptions.Exit as ending:
        code = ending.exit_code
    except ShmtextError as error:
        complain(str(error))
        code = error.exit_code
    except click.ClickException as error:
        _complain_of_usage(error)
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        code = ExitCode.INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has seen enough (``shmtext status out | head -1``).
        close_output()
        code = ExitCode.DONE
    except OutputError as error:
        close_output()
        complain(f"cannot write to standard output: {error}: all else is done")
        code = ExitCode.STOPPED
    except MemoryError:
        complain(NO_MEMORY)
        code = ExitCode.STOPPED
    except ImportError as error:
        code = complain_of_library(error)
    close_full_log()
    sys.exit(int(code or 0))


def _complain_of_usage(error: click.ClickException) -> None:
    context = getattr(error, "ctx", None)
    usage = (
        f"{context.get_usage()}\nTry '{context.command_path} --help' for help.\n\n"
        if context
        else ""
    )
    tell(f"{usage}Error: {shown(error.format_message())}")
