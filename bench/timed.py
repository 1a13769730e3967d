"""Times functions from outside, by wrapping them while a block lasts: the code knows nothing of it.

A stage may call another: time counts for the innermost. Generators count while they are asked for
their next value, not while whoever asks is busy with it.
"""

from __future__ import annotations

import inspect
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any

OTHER = "other"
"""The stage of all time that is no other stage's."""

Place = tuple[Any, str]
"""A module or class, and the name of a function in it."""


class Stopwatch:
    """CPU and wall time of this thread by stage, from when it was made to ``stop``."""

    def __init__(self) -> None:
        self.cpu_s: defaultdict[str, float] = defaultdict(float)
        self.wall_s: defaultdict[str, float] = defaultdict(float)
        self.num_turns = 0
        """Of time from one stage to another."""
        self._running = [OTHER]
        self._cpu_s, self._wall_s = time.thread_time(), time.perf_counter()

    def begin(self, stage: str) -> None:
        """Count time for ``stage`` until its ``end``."""
        self._turn()
        self._running.append(stage)

    def end(self) -> None:
        """End the innermost stage."""
        self._turn()
        self._running.pop()

    def stop(self) -> None:
        """Count what has passed up to here."""
        self._turn()

    def _turn(self) -> None:
        cpu_s, wall_s = time.thread_time(), time.perf_counter()
        stage = self._running[-1]
        self.cpu_s[stage] += cpu_s - self._cpu_s
        self.wall_s[stage] += wall_s - self._wall_s
        self._cpu_s, self._wall_s = cpu_s, wall_s
        self.num_turns += 1


@contextmanager
def timing(stages: Mapping[str, Place]) -> Iterator[Stopwatch]:
    """Wrap the functions at ``stages``, by name; put them back in the end."""
    with ExitStack() as undo:
        stopwatch = Stopwatch()
        for stage, (owner, name) in stages.items():
            function = inspect.getattr_static(owner, name)
            undo.callback(setattr, owner, name, function)
            setattr(owner, name, _timed(function, stage, stopwatch))
        yield stopwatch
        stopwatch.stop()


def turn_us() -> float:
    """Time one turn from one stage to another, and the call through which it comes."""
    stopwatch, num_calls = Stopwatch(), 10_000
    nothing = _timed(lambda: None, "nothing", stopwatch)
    begin_s = time.thread_time()
    for _ in range(num_calls):
        nothing()
    return (time.thread_time() - begin_s) / stopwatch.num_turns * 1e6


def _timed(function: Callable[..., Any], stage: str, stopwatch: Stopwatch) -> Callable[..., Any]:
    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        stopwatch.begin(stage)
        try:
            return function(*args, **kwargs)
        finally:
            stopwatch.end()

    @wraps(function)
    def generate(*args: Any, **kwargs: Any) -> Iterator[Any]:
        values = function(*args, **kwargs)
        while True:
            stopwatch.begin(stage)
            try:
                value = next(values)
            except StopIteration:
                return
            finally:
                stopwatch.end()
            yield value

    return generate if inspect.isgeneratorfunction(function) else call
