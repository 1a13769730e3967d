"""How a run goes, while it goes: a bar on a terminal, now and then a line elsewhere."""

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

    def __init__(self) -> None:
        self._bar: Bar | None = None
        self._line_s = time.monotonic()

    def __enter__(self) -> Screen:
        if sys.stderr is not None and sys.stderr.isatty():
            from shmtext.cli.bar import Bar  # noqa: PLC0415 - imports rich

            self._bar = Bar()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def note(self, line: str) -> None:
        """Show a line that stays."""
        if self._bar is None:
            tell(shown(line))
            return
        with suppress(OSError):  # as ``tell``
            self._bar.note(shown(line))

    def progress(self, progress: Progress) -> None:
        """Show how far the run is."""
        trouble = _trouble(progress)
        if self._bar is not None:
            done, total = progress.num_done, progress.num_examples
            self._bar.step(done, total, images_per_s=progress.images_per_s, trouble=trouble)
            return
        now_s = time.monotonic()
        if now_s - self._line_s >= LINE_EVERY_S:
            self._line_s = now_s
            left = f", {progress.left_s:,.0f} s left" if progress.left_s is not None else ""
            self.note(
                f"{progress.num_done:,} of {progress.num_examples:,}, "
                f"{progress.images_per_s:,.0f} images/s{left}{trouble}"
            )


def _trouble(progress: Progress) -> str:
    skipped = f", {progress.num_skipped:,} skipped" if progress.num_skipped else ""
    return skipped + (f", {progress.num_failed:,} failed" if progress.num_failed else "")
