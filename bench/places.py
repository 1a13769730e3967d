"""Where things are: the checkout, and a folder in memory to work in.

Imports nothing of what is measured: processes whose memory is looked at begin here.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]

FONT_FOLDER = ROOT / "fonts"
ONE_FONT = FONT_FOLDER / "DejaVuSans.ttf"
"""Where one font is asked for; at 32 px."""

MEMORY_FOLDER = Path("/dev/shm")


@contextmanager
def scratch() -> Iterator[Path]:
    """Lend a folder in memory, where there is one, and remove it with all that is in it."""
    home = MEMORY_FOLDER if MEMORY_FOLDER.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="shmtext-bench-", dir=home) as folder:
        yield Path(folder)


def environment() -> dict[str, str]:
    """Return this process's environment, with the checkout importable."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, "PYTHONPATH": path}
