"""Being asked to stop: Ctrl-C, SIGTERM, SIGHUP, and how much time that leaves.

The first signal asks a run to finish what is under way, commit it and end; the second ends it at
once. Handlers can be set from the main thread only; elsewhere a run is stopped by its process.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import parent_process
from types import FrameType

from shmtext.errors import InterruptedRunError

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

DRAIN_S = 4.0
"""Given to shards under way; what follows must fit into the 10 s that container runtimes give."""


class _Signalled(BaseException):
    """Raised by the handler, wherever the run is. No ``Exception``: nobody may take it for a
    failure of what they were about (a font's parser would call its font damaged)."""


class StopRequest:
    """Whether a run was asked to stop, and since when."""

    def __init__(self) -> None:
        self._asked_s: float | None = None
        self._asked_twice = False
        self.signal = signal.SIGINT
        """The last one."""
        self._raise_at_once = False

    @property
    def asked(self) -> bool:
        """Whether there was a signal."""
        return self._asked_s is not None

    @property
    def overdue(self) -> bool:
        """Whether the time to finish what is under way is over: by the clock or a second signal."""
        if self._asked_s is None:
            return False
        return self._asked_twice or time.monotonic() - self._asked_s > DRAIN_S

    def check(self) -> None:
        """Raise ``InterruptedRunError`` if asked to stop."""
        if self.asked:
            raise self.error()

    def check_overdue(self) -> None:
        """Raise ``InterruptedRunError`` if the time to finish what is under way is over."""
        if self.overdue:
            raise self.error()

    def error(self) -> InterruptedRunError:
        """What a run that was asked to stop ends with."""
        return InterruptedRunError(
            f"interrupted ({self.signal.name}): everything committed is kept, run the same command "
            "again to continue"
        )

    @contextmanager
    def raising(self) -> Iterator[None]:
        """Within the block a signal raises at once: what runs there can be abandoned anywhere."""
        self.check()
        self._raise_at_once = True
        try:
            yield
        finally:
            self._raise_at_once = False

    def receive(self, number: int, _frame: FrameType | None) -> None:
        """Take a signal; the handler."""
        self._asked_twice = self.asked
        self.signal = signal.Signals(number)
        if self._asked_s is None:
            self._asked_s = time.monotonic()
        if self._asked_twice or self._raise_at_once:
            self._raise_at_once = False
            raise _Signalled


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Listen to the signals that end a run; put back what was there before.

    Raises ``InterruptedRunError`` where a signal ended the block at once.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.signal(number, request.receive) for number in SIGNALS}
    try:
        yield request
    except (_Signalled, InterruptedRunError):
        if parent_process() is not None and before[request.signal] == signal.SIG_DFL:
            # ``multiprocessing`` ends its children so, and its pools wait until they have ended.
            raise SystemExit(128 + request.signal) from None
        raise request.error() from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Have Ctrl-C wait until the block has ended, of which it leaves nothing half done.

    Blocking the signal would not do: another thread would get it, and its handler runs in the main
    thread all the same. In other threads than that nothing is raised anyway.
    """
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield
        return
    held: list[tuple[int, FrameType | None]] = []
    signal.signal(signal.SIGINT, lambda number, frame: held.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        for received in held:
            handler(*received)


@contextmanager
def handlers_kept() -> Iterator[None]:
    """Put back handlers that a library sets in the block."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def signals_blocked() -> Iterator[None]:
    """Hold signals back while a process is started: it inherits that, and ignores them for good.

    They are not lost, as they would be if they were ignored, but delivered here afterwards.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
