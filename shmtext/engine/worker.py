"""A worker's first and last moments: whatever ends them, the main process is told.

This module is imported by a bare interpreter, and imports itself only what can't fail: libraries
take long, and how they fail is reported from here. What a worker does once it has them is
``service.py``'s, and ``export_service.py``'s.
"""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Protocol

from shmtext.engine.messages import Message, Place
from shmtext.errors import ShmtextError, WorkersError

ORPHANED = 3
"""Exit code of a worker whose main process died."""


class Service(Protocol):
    """What a worker does once it has its libraries."""

    def run(self, receive: Callable[[], object]) -> None:
        """Answer messages, until ``receive`` raises ``EOFError`` or ``ConnectionError``."""


def serve(pipe: Connection) -> None:
    """Serve until the pipe closes. Runs in the worker; its only way to speak is the pipe."""
    try:
        _start(pipe).run(pipe.recv)
    except (EOFError, ConnectionError):
        # The main process is done. Views of the corpus are alive: leave without closing it.
        os._exit(0)


def _start(pipe: Connection) -> Service:
    try:
        _watch_main(pipe)
        # What it is sent first says what it is for; imports are the point of this module.
        first = pipe.recv()
        if isinstance(first, Place):
            from shmtext.engine.service import start_service  # noqa: PLC0415

            return start_service(pipe.fileno(), first)
        from shmtext.engine.export_service import ExportService  # noqa: PLC0415

        return ExportService(pipe.fileno(), first)
    except (EOFError, ConnectionError):
        raise
    except Exception as error:
        # The process boundary: imports fail in many ways, each of them must be told.
        kind = "" if isinstance(error, ShmtextError) else f"{type(error).__name__}: "
        Message("start-up", error=f"{kind}{error}").write(pipe.fileno())
        raise SystemExit(1) from None


def _watch_main(pipe: Connection) -> None:
    """From now on end this process, whatever it is about, as soon as the main process has died."""
    poll = select.poll()
    poll.register(pipe.fileno(), select.POLLRDHUP)

    def end_with_main() -> None:
        poll.poll()
        os._exit(ORPHANED)

    try:
        threading.Thread(target=end_with_main, daemon=True).start()
    except RuntimeError as error:  # what threading makes of EAGAIN
        raise WorkersError.cannot_start("a thread", error) from error
