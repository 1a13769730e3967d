"""How a run looks on a terminal: a bar, and lines that pass above it.

Imported where there is a terminal only, as rich takes 40 ms to import. What is said elsewhere, and
all words, are ``screen.py``'s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

if TYPE_CHECKING:
    from shmtext.engine import progress


def opened_bar() -> Bar | None:
    """A bar on standard error; None where the terminal can't take back what it shows."""
    console = Console(stderr=True, highlight=False)
    return None if console.is_dumb_terminal else Bar(console)


class Bar:
    """A bar, from the first step on until it is stopped."""

    def __init__(self, console: Console) -> None:
        self._console = console
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

    def step(self, at: progress.Progress) -> None:
        """Show how many images are done, how fast, and what went wrong so far."""
        fields: dict[str, Any] = {"rate": at.images_per_s, "trouble": at.trouble}
        if self._task is None:
            self._task = self._bar.add_task("", total=at.num_examples, **fields)
        self._bar.update(self._task, completed=at.num_done, refresh=True, **fields)
