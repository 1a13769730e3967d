"""How a run goes, while it goes: a bar on a terminal, now and then a line elsewhere, or nothing."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from shmtext.cli.printing import shown, tell

if TYPE_CHECKING:
    from shmtext.cli.bar import Bar
    from shmtext.engine.progress import Progress

LINE_EVERY_S = 10
"""Between progress lines where there is no terminal: a night's log stays readable."""


class Screen:
    """Shows how a run goes: a bar on a terminal, now and then a line elsewhere."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._bar: Bar | None = None
        self._line_s = time.monotonic()

    def __enter__(self) -> Screen:
        if not self._quiet and sys.stderr is not None and sys.stderr.isatty():
            from shmtext.cli.bar import opened_bar  # noqa: PLC0415 - imports rich

            self._bar = opened_bar()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def note(self, line: str) -> None:
        """Show a line that stays."""
        if self._bar is not None:
            with suppress(OSError):  # as ``tell``
                self._bar.note(shown(line))
        elif not self._quiet:
            tell(shown(line))

    def progress(self, progress: Progress) -> None:
        """Show how far the run is."""
        if self._bar is not None:
            self._bar.step(progress)
            return
        now_s = time.monotonic()
        if now_s - self._line_s >= LINE_EVERY_S:
            self._line_s = now_s
            self.note(str(progress))
