"""Whether the terminal shows pictures, and in which protocol.

kitty and iTerm2 say who they are in the environment, where their programs and others with the same
protocols do; other terminals are asked. What is sent to them stands in ``view/inline.py``.
"""

from __future__ import annotations

import fcntl
import os
import re
import select
import struct
import sys
import termios
import tty
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shmtext.view.inline import Protocol

KITTY_TERMS = {"xterm-kitty", "xterm-ghostty"}
"""Values of ``TERM``."""
KITTY_PROGRAMS = {"ghostty"}
ITERM2_PROGRAMS = {"iTerm.app", "iTerm2", "WezTerm"}
"""Values of ``TERM_PROGRAM`` and, over SSH, ``LC_TERMINAL``."""

ASK_ATTRIBUTES = b"\x1b[c"
"""Primary device attributes (ECMA-48, DA): terminals answer with what they can do."""
ATTRIBUTES = rb"\x1b\[\?([\d;]*)c"
SIXEL_ATTRIBUTE = b"4"
ANSWER_S = 1.0
"""A terminal far away is asked over SSH: between one byte of its answer and the next."""

CELL_PX = 8
"""Guess at the width of a column, where the terminal tells none."""


def picture_protocol() -> Protocol | None:
    """How the terminal shows pictures; None where it does not, or standard output is none."""
    environ = os.environ
    if sys.stdout is None or not sys.stdout.isatty() or environ.get("TERM", "") in ("", "dumb"):
        return None
    # A multiplexer hands on the environment of the terminal it was started in, and no picture.
    if not environ.get("TMUX") and not environ.get("STY"):
        programs = {environ.get("TERM_PROGRAM", ""), environ.get("LC_TERMINAL", "")}
        if (
            environ["TERM"] in KITTY_TERMS
            or environ.get("KITTY_WINDOW_ID")
            or programs & KITTY_PROGRAMS
        ):
            return "kitty"
        if programs & ITERM2_PROGRAMS:
            return "iterm2"
    return "sixel" if _shows_sixels() else None


def terminal_width_px() -> int:
    """Of standard output, a terminal; 0 where it tells nothing."""
    size = fcntl.ioctl(sys.stdout.fileno(), termios.TIOCGWINSZ, bytes(8))
    _, columns, width_px, _ = struct.unpack("HHHH", size)
    return int(width_px or columns * CELL_PX)


def _shows_sixels() -> bool:
    if sys.stdin is None or not sys.stdin.isatty():
        return False  # who would read the answer?
    keyboard = sys.stdin.fileno()
    if _is_in_background(keyboard):
        return False
    before = termios.tcgetattr(keyboard)
    try:
        tty.setcbreak(keyboard)
        sys.stdout.flush()
        os.write(sys.stdout.fileno(), ASK_ATTRIBUTES)
        answer = b""
        while (found := re.search(ATTRIBUTES, answer)) is None:
            if not select.select([keyboard], [], [], ANSWER_S)[0]:
                break
            piece = os.read(keyboard, 1)
            if not piece:
                break
            answer += piece
    finally:
        termios.tcsetattr(keyboard, termios.TCSAFLUSH, before)
    return found is not None and SIXEL_ATTRIBUTE in found[1].split(b";")


def _is_in_background(keyboard: int) -> bool:
    """Whether the shell has put this process there: a terminal stops those that change it."""
    try:
        return os.tcgetpgrp(keyboard) != os.getpgrp()
    except OSError:  # it is not the terminal of this session, which stops nobody
        return False
