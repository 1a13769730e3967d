"""How a run looks on a terminal: a bar, and lines that pass above it.

Imported where there is a terminal only, as rich takes 40 ms to import. What is said elsewhere, and
all words, are ``screen.py``'s.
"""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)


class Bar:
    """A bar on standard error, from the first step on until it is stopped."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._bar = Progress(
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]:,.0f} images/s"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[trouble]}"),
            console=self._console,
            transient=True,
            auto_refresh=False,  # no thread: there may be none to be had
        )
        self._task: TaskID | None = None
        self._bar.start()

    def stop(self) -> None:
        """Take the bar away."""
        self._bar.stop()

    def note(self, line: str) -> None:
        """Print a line above the bar. Raises ``OSError`` where nothing can be written."""
        self._console.print(line, soft_wrap=True, markup=False, emoji=False)

    def step(self, done: int, total: int, *, images_per_s: float, trouble: str) -> None:
        """Show how many images are done, how fast, and what went wrong so far."""
        fields: dict[str, Any] = {"rate": images_per_s, "trouble": trouble}
        if self._task is None:
            self._task = self._bar.add_task("", total=total, **fields)
        self._bar.update(self._task, completed=done, refresh=True, **fields)
