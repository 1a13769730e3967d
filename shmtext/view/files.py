"""Where sheets and pages are written: whole or not at all, and in place of nothing of a run."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from shmtext.dataset.places import RunPlace
from shmtext.errors import ConfigError, StorageError


def refuse_output(path: Path, suffix: str, run: RunPlace | None = None) -> None:
    """Raise ``ConfigError`` unless a file may be written there: of that kind, and not in the run.

    A name that ends otherwise is that of something else, of texts perhaps.
    """
    if path.suffix.lower() != suffix:
        raise ConfigError(f"expected the name of a {suffix} file, got {str(path)!r}")
    if isinstance(run, Path):
        target, folder = Path(os.path.realpath(path)), Path(os.path.realpath(run))
        if target.is_relative_to(folder):
            raise ConfigError(
                f"{path} would be among the run's own files: choose another folder (--output)"
            )


def write_whole(path: Path, data: bytes, what: str) -> None:
    """Write a file. Raises ``StorageError``, which calls it ``what``."""
    target = Path(os.path.realpath(path))
    try:
        if target.exists() and not target.is_file():
            target.write_bytes(data)  # a pipe or a device: nothing stands in its place
        else:
            _replace(target, data)
    except OSError as error:
        raise StorageError(f"cannot write the {what} {path}: {error.strerror}") from error


def _replace(target: Path, data: bytes) -> None:
    under_way = target.with_name(f".shmtext-{os.getpid()}")
    try:
        under_way.write_bytes(data)
        under_way.replace(target)
    except OSError:
        with suppress(OSError):
            under_way.unlink()
        raise
