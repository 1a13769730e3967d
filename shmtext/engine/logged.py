"""An observer that tells ``logging``: how runs go where nobody sits at a terminal.

Handlers, formats and where lines go are whoever's program it is.
"""

from __future__ import annotations

import logging

from shmtext.engine.progress import Progress
from shmtext.errors import ConfigError

LOGGER = "shmtext"
"""Name of the logger where none is given."""


class LoggingObserver:
    """Logs notes as warnings, and progress now and then at level INFO.

    ``logger`` None is the one called ``shmtext``. Between lines of progress are ``every_s`` seconds
    or more; the last says that all is done. One observer may see several runs, one after the other.
    Raises ``ConfigError`` for seconds below zero.
    """

    def __init__(self, logger: logging.Logger | None = None, every_s: float = 10) -> None:
        if not every_s >= 0:
            raise ConfigError(f"every_s must be 0 seconds or more, got {every_s!r}")
        self._logger = logging.getLogger(LOGGER) if logger is None else logger
        self._every_s = every_s
        self._told_s = self._seen_s = 0.0  # of the run that is under way
        self._is_over = False

    def note(self, line: str) -> None:
        """Log it: without a handler it is printed, as one line on standard error."""
        self._logger.warning("%s", line)

    def progress(self, progress: Progress) -> None:
        """Log it, if it is due."""
        now_s = progress.elapsed_s
        if now_s < self._seen_s:
            self._told_s, self._is_over = 0.0, False  # another run has begun
        self._seen_s = now_s
        is_done = progress.num_done == progress.num_examples
        if not self._is_over and (is_done or now_s - self._told_s >= self._every_s):
            self._told_s, self._is_over = now_s, is_done
            self._logger.info("%s", progress)
