"""A run's backgrounds: a folder's photographs, in memory once for all processes of the run.

How they are decoded and laid out is ``looks/photos.py``'s, where they lie ``corpus/shared.py``'s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shmtext.canonical import canonical_json
from shmtext.config import RunConfig
from shmtext.corpus.shared import Segment, SegmentSpec, attach_bytes
from shmtext.engine.libraries import without_ipp
from shmtext.engine.progress import Observer
from shmtext.engine.stop import StopRequest
from shmtext.errors import InputError
from shmtext.looks.photos import PhotoReader, Photos, PhotoTable, gather_photos

PHOTOS_CONTENT = "the bank of photographs"
"""What their segment is called in notes and errors."""


@dataclass(frozen=True, slots=True, eq=False)
class PhotosSpec:
    """All that a worker needs to attach photographs."""

    segment: SegmentSpec
    table: PhotoTable


def photos_of(config: RunConfig, stop: StopRequest, observer: Observer) -> Photos | None:
    """Read a run's photographs into this process's memory; None where it has no backgrounds.

    Raises ``InputError`` where they can't be read.
    """
    if config.backgrounds is None:
        return None
    with without_ipp():
        reader = _reader(config.backgrounds, config, stop.check)
        photos = gather_photos(reader)
    if reader.note:
        observer.note(reader.note)
    return photos


def fill_segment(
    segment: Segment, config: RunConfig, stop: StopRequest, observer: Observer
) -> PhotosSpec:
    """Read the photographs of a run that has backgrounds into a new segment, likewise."""
    assert config.backgrounds is not None
    num_bytes = 0
    with without_ipp():
        reader = _reader(config.backgrounds, config, stop.check)
        for piece in reader.pieces():
            segment.grow_to(num_bytes + piece.size)
            segment.write(num_bytes, piece)
            num_bytes += piece.size
    segment.flush()
    for note in (reader.note, segment.note):
        if note:
            observer.note(note)
    return PhotosSpec(segment.spec, reader.table())


def attach_photos(spec: PhotosSpec) -> Photos:
    """Map photographs for reading, in a worker."""
    return Photos.of(spec.table, attach_bytes(spec.segment))


def photos_again(
    recorded: Mapping[str, Any] | None, folder: Path | None, config: RunConfig
) -> Photos | None:
    """Read the photographs of a recorded run again, of which it knows their ``identity`` alone.

    Raises ``InputError`` where they are not in ``folder``; None where the run has none.
    """
    if recorded is None:
        return None
    num_pictures = recorded["num_pictures"]
    if folder is None:
        raise InputError(
            f"the run was made with backgrounds ({num_pictures:,} pictures): give their folder to "
            "draw its examples again (backgrounds=...)"
        )
    with without_ipp():
        photos = gather_photos(_reader(folder, config))
    if canonical_json(photos.table.identity) != canonical_json(recorded):
        raise InputError(
            f"the pictures in {folder} ({len(photos):,}) are not the backgrounds that the run was "
            f"made with ({num_pictures:,}): give the folder as it was then"
        )
    return photos


def _reader(
    folder: Path, config: RunConfig, check: Callable[[], None] = lambda: None
) -> PhotoReader:
    return PhotoReader(folder, is_colored=config.picture_mode == "rgb", check=check)
