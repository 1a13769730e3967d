"""Standard output and standard error: all that is printed passes here, and what may not be is made
harmless. What is said stands elsewhere.
"""

from __future__ import annotations

import sys
from contextlib import suppress

import click


class OutputError(Exception):
    """Standard output takes nothing, for the reason given."""


def say(line: str) -> None:
    """Print a line for people."""
    _write(f"{shown(line)}\n")


def say_utf_8(text: str) -> None:
    """Print lines that programs read back, in which nothing needs to be made harmless."""
    _write(text.encode())


def _write(text: str | bytes) -> None:
    try:
        click.echo(text, nl=False)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(error.strerror) from error


def shown(line: str) -> str:
    """One line, whatever a file is called and a text says: nothing in it moves the cursor."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)


def close_output() -> None:
    """Drop what standard output holds back: Python would try again as it ends."""
    with suppress(OSError):
        sys.stdout.close()


def close_full_log() -> None:
    """Drop what standard error did not take: Python would try again as it ends, and put an exit
    code of its own (120) in place of ours.
    """
    try:
        if sys.stderr is not None:
            sys.stderr.flush()
    except OSError:
        with suppress(OSError):
            sys.stderr.close()


def complain(line: str) -> None:
    """Print a line about what is wrong, on standard error."""
    tell(f"shmtext: {shown(line)}")


def tell(text: str) -> None:
    """Print on standard error, if it takes that: what is wrong the exit code says, too, and a full
    disk that takes no log must not end a run.
    """
    with suppress(OSError):
        click.echo(text, err=True)
