"""How things are measured: wall and CPU time of a process and its children, memory, and repeats.

Clocks, counters and arithmetic; what is measured, and what is concluded, is each question's own.
"""

from __future__ import annotations

import gc
import os
import resource
import statistics
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeVar

import psutil

T = TypeVar("T")

_CPU_CLOCK_OF_PROCESS = 2
"""Linux: a process's clock is numbered ``~pid * 8 + 2`` (CPUCLOCK_SCHED); nanoseconds."""


@dataclass(frozen=True, slots=True)
class Spread:
    """What repeated measurements came to."""

    median: float
    low: float
    high: float
    num_repeats: int

    def __str__(self) -> str:
        if self.low == self.high:
            return number(self.median)
        return f"{number(self.median)} ({number(self.low)}-{number(self.high)})"

    def __mul__(self, factor: float) -> Spread:
        """Change the unit."""
        return Spread(self.median * factor, self.low * factor, self.high * factor, self.num_repeats)


def spread(values: Iterable[float]) -> Spread:
    """Summarise repeats.

    >>> spread([3.0, 1.0, 2.0])
    Spread(median=2.0, low=1.0, high=3.0, num_repeats=3)
    """
    held = list(values)
    return Spread(statistics.median(held), min(held), max(held), len(held))


def number(value: float) -> str:
    """Write a figure with about three digits that count.

    >>> number(12_345.6), number(12.345), number(0.01234), number(0.0)
    ('12,346', '12.3', '0.0123', '0')
    """
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.3g}"


@dataclass(frozen=True, slots=True)
class Cost:
    """Time that something took."""

    wall_s: float
    cpu_s: float
    """User and system time of this process and all its children, dead or alive."""


def tree_cpu_s() -> float:
    """CPU time that this process and its descendants have used so far, in seconds.

    Children that ended are counted when they have been waited for, the others while they live, so
    that the difference of two readings is right whichever of them ended in between.
    """
    reaped = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = time.process_time() + reaped.ru_utime + reaped.ru_stime
    return total + sum(_process_cpu_s(child) for child in psutil.Process().children(recursive=True))


def _process_cpu_s(process: psutil.Process) -> float:
    try:
        # psutil's own reading counts in clock ticks of 10 ms.
        return time.clock_gettime((~process.pid << 3) | _CPU_CLOCK_OF_PROCESS)
    except OSError:
        with suppress(psutil.Error):
            times = process.cpu_times()
            return float(times.user + times.system)
        return 0.0


class Watching:
    """The cost of a block so far; complete when the block has ended."""

    def __init__(self) -> None:
        self._wall_s, self._cpu_s = time.perf_counter(), tree_cpu_s()

    def cost(self) -> Cost:
        """From the beginning until now."""
        return Cost(time.perf_counter() - self._wall_s, tree_cpu_s() - self._cpu_s)


@dataclass(frozen=True, slots=True)
class CostApart:
    """Time that something took, in this process and in its children."""

    wall_s: float
    own_cpu_s: float
    children_cpu_s: float


class WatchingApart:
    """The cost of a block so far; children count that live when it begins and when it ends."""

    def __init__(self) -> None:
        # Looking for them takes milliseconds, reading their clocks microseconds.
        self._children = psutil.Process().children(recursive=True)
        self._wall_s, self._own_s, self._children_s = self._now()

    def cost(self) -> CostApart:
        """From the beginning until now."""
        wall_s, own_s, children_s = self._now()
        return CostApart(wall_s - self._wall_s, own_s - self._own_s, children_s - self._children_s)

    def _now(self) -> tuple[float, float, float]:
        children_s = sum(map(_process_cpu_s, self._children))
        return time.perf_counter(), time.process_time(), children_s


def cost_of(call: Callable[[], object]) -> Cost:
    """Measure one call; rubbish left by what went before is collected first."""
    gc.collect()
    watching = Watching()
    call()
    return watching.cost()


def interleave(
    cases: Mapping[str, Callable[[], T]], num_rounds: int, num_warm_ups: int = 1
) -> dict[str, list[T]]:
    """Call every case once a round, and collect what it returns; warm-up rounds are forgotten.

    A machine that grows slower over minutes slows all cases alike, and each round begins with
    another case, so that none has always the same predecessor.

    >>> interleave({"a": lambda: 1, "b": lambda: 2}, num_rounds=2)
    {'a': [1, 1], 'b': [2, 2]}
    """
    results: dict[str, list[T]] = {name: [] for name in cases}
    names = list(cases)
    for round_number in range(num_warm_ups + num_rounds):
        first = round_number % len(names)
        for name in names[first:] + names[:first]:
            result = cases[name]()
            if round_number >= num_warm_ups:
                results[name].append(result)
    return results


def ratios(over: Sequence[float], under: Sequence[float]) -> Spread:
    """Divide round by round: neighbours in time share what the machine was doing."""
    return spread(a / b for a, b in zip(over, under, strict=True))


@dataclass(frozen=True, slots=True)
class ProcessMemory:
    """Memory of one live process."""

    role: str
    """``main`` for this process, ``tracker`` for multiprocessing's, else ``worker``."""
    uss_bytes: int
    """Its own alone: what its end would free."""
    pss_bytes: int
    """Its own, and its share of what it has in common with others."""


def tree_memory() -> list[ProcessMemory]:
    """Memory of this process and of each live descendant."""
    this = psutil.Process()
    found = []
    for process in (this, *this.children(recursive=True)):
        with suppress(psutil.Error):
            memory = process.memory_full_info()
            is_tracker = "resource_tracker" in " ".join(process.cmdline())
            role = "main" if process == this else "tracker" if is_tracker else "worker"
            found.append(ProcessMemory(role, memory.uss, memory.pss))
    return found


@dataclass(slots=True)
class MemoryPeak:
    """The largest sum of PSS over all processes that was seen, and how often it was looked at."""

    pss_bytes: int = 0
    num_looks: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)

    def look(self) -> None:
        """Take one reading."""
        self.pss_bytes = max(self.pss_bytes, sum(each.pss_bytes for each in tree_memory()))
        self.num_looks += 1


@contextmanager
def memory_peak(interval_s: float = 0.01) -> Iterator[MemoryPeak]:
    """Look at memory again and again while the block runs. It slows the block: time another."""
    peak = MemoryPeak()

    def watch() -> None:
        while not peak._stop.wait(interval_s):
            peak.look()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peak
        peak.look()
    finally:
        peak._stop.set()
        thread.join()


def others_cpu_share(before: _Busy, after: _Busy) -> float:
    """Share of the machine's cores that processes other than ours took between two readings."""
    elapsed_s = (after.at_s - before.at_s) * (os.cpu_count() or 1)
    busy_s = (after.machine_s - before.machine_s) - (after.ours_s - before.ours_s)
    return max(0.0, busy_s / elapsed_s) if elapsed_s > 0 else 0.0


@dataclass(frozen=True, slots=True)
class _Busy:
    at_s: float
    machine_s: float
    ours_s: float


def busy_now() -> _Busy:
    """Read how much CPU time the machine as a whole, and this process's tree, have used."""
    times = psutil.cpu_times()
    machine_s = sum(times) - times.idle - getattr(times, "iowait", 0.0)
    # Guests' time is counted in that of their host's processes already.
    machine_s -= getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    return _Busy(time.perf_counter(), machine_s, tree_cpu_s())
