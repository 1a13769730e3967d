"""How a shard's pictures are stored: containers by name.

A container is one module here and one line in ``CONTAINERS``. What each of them does, and what it
is asked, stands in ``base.py``; labels are ``fragment.py``'s, and what counts as done is
``manifest.py``'s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from shmtext.dataset.containers.base import Container
from shmtext.dataset.containers.files import Files
from shmtext.dataset.containers.names import PictureNames
from shmtext.dataset.containers.parquet import ParquetFiles
from shmtext.dataset.containers.tar import Tar
from shmtext.errors import ConfigError

CONTAINERS: Mapping[str, Callable[[PictureNames], Container]] = {
    "files": Files,
    "tar": Tar,
    "tar+json": partial(Tar, with_json=True),
    "parquet": ParquetFiles,
}


def open_container(name: str, num_examples: int, extension: str) -> Container:
    """The container called ``name``, for a run of so many examples.

    ``extension`` is that of the pictures' names, without its dot. Raises ``ConfigError``.

    >>> open_container("files", 99, "jpg").name
    'files'
    """
    if name not in CONTAINERS:
        known = ", ".join(CONTAINERS)
        raise ConfigError(f"container must be one of {known}, got {name!r}")
    return CONTAINERS[name](PictureNames(num_examples, extension))
