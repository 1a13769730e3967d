"""Rows: what was measured, kept as Parquet beside the conditions it was measured under.

Every question has a frozen dataclass of its own as row. Here they become columns, and tables to
read; what they mean is not known.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pyarrow.parquet as pq

import shmtext
from bench.measure import Spread, number
from bench.places import ROOT

LIBRARIES = (
    *("numpy", "pillow", "opencv-python-headless", "pyarrow", "isal", "fonttools"),
    *("torch", "webdataset", "wordfreq"),  # of one or two questions alone
)


@dataclass(frozen=True, slots=True)
class Conditions:
    """Under which a question was asked; columns of every row."""

    host: str
    commit: str
    versions: str
    """JSON, name to version."""
    command: str


def conditions(command: str) -> Conditions:
    """Describe this machine, this checkout and these libraries."""
    return Conditions(_host(), _commit(), json.dumps(_versions()), command)


def columns_of(row: Any) -> dict[str, Any]:
    """Flatten one row; a ``Spread`` becomes four columns.

    >>> columns_of(Conditions("h", "c", "{}", "x"))["host"]
    'h'
    """
    columns: dict[str, Any] = {}
    for each in fields(row):
        value = getattr(row, each.name)
        if isinstance(value, Spread):
            columns[each.name] = value.median
            columns[f"{each.name}_min"] = value.low
            columns[f"{each.name}_max"] = value.high
            columns[f"{each.name}_repeats"] = value.num_repeats
        else:
            columns[each.name] = value
    return columns


def write_rows(path: Path, rows: Sequence[Any], under: Conditions) -> None:
    """Keep rows of one kind as Parquet."""
    common = asdict(under)
    pq.write_table(pa.Table.from_pylist([columns_of(row) | common for row in rows]), path)


def table(header: Sequence[str], lines: Sequence[Sequence[object]]) -> str:
    """Write a Markdown table, its columns lined up for reading as they are.

    >>> print(table(["what", "us"], [["raster", 4.2]]))
    | what   |   us |
    |--------|-----:|
    | raster | 4.20 |
    """
    cells = [[_cell(value) for value in line] for line in lines]
    widths = [
        max(3, len(name), *(len(line[column]) for line in cells)) if cells else max(3, len(name))
        for column, name in enumerate(header)
    ]
    is_text = [
        all(isinstance(line[column], str) for line in lines) for column in range(len(header))
    ]

    def joined(values: Sequence[str]) -> str:
        padded = (
            value.ljust(width) if text else value.rjust(width)
            for value, width, text in zip(values, widths, is_text, strict=True)
        )
        return f"| {' | '.join(padded)} |"

    rule = "|".join(
        "-" * (width + 2) if text else "-" * (width + 1) + ":"
        for width, text in zip(widths, is_text, strict=True)
    )
    return "\n".join([joined(header), f"|{rule}|", *map(joined, cells)])


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return number(value) if isinstance(value, float) else str(value)


def _host() -> str:
    model = platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    except OSError:
        pass
    cores = len(os.sched_getaffinity(0))
    memory_gb = psutil.virtual_memory().total / 2**30
    return f"{model}, {cores} cores, {memory_gb:.0f} GB, {platform.system()} {platform.release()}"


def _commit() -> str:
    """The checkout's commit, with a ``+`` where files differ from it; empty outside of one."""
    try:
        head = _git("rev-parse", "--short=12", "HEAD")
        changed = _git("status", "--porcelain", "--untracked-files=no", "--", "shmtext", "bench")
    except (OSError, subprocess.CalledProcessError):
        return ""
    return head + ("+" if changed else "")


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "shmtext": shmtext.__version__}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
