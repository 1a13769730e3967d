"""``report``: a page of a run, finished, at work or cut short, for people to look at."""

from __future__ import annotations

import os
from pathlib import Path

from shmtext.dataset.committed import open_committed
from shmtext.dataset.places import run_place
from shmtext.view.files import refuse_output, write_whole
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
    is_right_in_run = output is not None and os.path.realpath(path.parent) == os.path.realpath(out)
    refuse_output(path, ".html", None if is_right_in_run else place)
    with open_committed(place) as run:
        page = page_of(run, place, wanted.num_pictures)
    write_whole(path, html_of(page), "page")
    return path
