"""``report``: a page of a run, finished, at work or cut short, for people to look at."""

from __future__ import annotations

import os
from pathlib import Path

from shmtext.dataset.committed import open_committed
from shmtext.dataset.places import RunPlace, run_place
from shmtext.errors import ConfigError, StorageError
from shmtext.view.html import html_of
from shmtext.view.page import page_of
from shmtext.view.samples import Wanted

OUTPUT = Path("report.html")
NUM_PICTURES = 400


def report(
    out: str | os.PathLike[str],
    output: str | os.PathLike[str] | None = None,
    *,
    num_images: int = NUM_PICTURES,
) -> Path:
    """Write a page of the run in ``out``, one HTML file that needs no network; return its path.

    ``output`` is ``report.html`` in the current folder unless given; what is there is replaced.
    Counts are of all rows that are committed; ``num_images`` pictures (1 to 1,000) are shown. With
    up to 400 the page is under 2 MB, whatever their sizes: the largest are recoded. Raises
    ``FolderError`` where there is no run, ``ConfigError`` where Jinja is not installed or a file of
    the run would be replaced, and ``StorageError`` where the page can't be written.
    """
    wanted = Wanted(num_images, 0)
    place = run_place(out)
    path = OUTPUT if output is None else Path(output)
    _refuse_in_run(path, place, is_asked=output is not None)
    with open_committed(place) as run:
        page = page_of(run, place, wanted.num_pictures)
    _write(path, html_of(page))
    return path


def _refuse_in_run(path: Path, place: RunPlace, *, is_asked: bool) -> None:
    """Raise where a page would be, or might be taken for, a run's own file."""
    if not isinstance(place, Path):
        return
    target, folder = Path(os.path.realpath(path)), Path(os.path.realpath(place))
    if not target.is_relative_to(folder):
        return
    if not is_asked:
        raise ConfigError(
            f"{path} would be among the run's own files: say where the page is to be (--output, "
            "which may be an .html file right in that folder, too)"
        )
    if target.parent != folder or target.suffix != ".html":
        raise ConfigError(
            f"the page can't be {path}, which is the run's: choose another folder, or an .html "
            "file right in the run's"
        )


def _write(path: Path, data: bytes) -> None:
    """Replace a file at once, by one that is whole."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(data)
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise StorageError(f"cannot write the page {path}: {error.strerror}") from error
