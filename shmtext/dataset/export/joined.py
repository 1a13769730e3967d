"""Files that are joined of parts: each shard writes its own, and they are put end to end.

A list has sections, each of them a head, entries with something between them, and a tail. A part
holds the entries of one shard and split.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from shmtext.dataset.export.base import Part, removed, work
from shmtext.dataset.folder import OutputFolder
from shmtext.dataset.plan import Shard


@dataclass(frozen=True, slots=True)
class Section:
    """What stands around entries, and between them."""

    head: str = ""
    between: str = ""
    tail: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """A list of pictures: where it is, and how its entries are put together."""

    path: str
    """From the folder of the export."""
    sections: tuple[Section, ...] = (Section(),)


def part_path(listing: Listing, section: int, shard: Shard, split: str) -> str:
    """Where the entries of one shard and split wait."""
    return work(f"lists/{listing.path}/{section}/{shard.name}.{split}")


def write_part(
    folder: OutputFolder, listing: Listing, which: tuple[Shard, str], entries: Sequence[list[str]]
) -> None:
    """Write the entries of one shard and split, a sequence for each section."""
    for number, (section, each) in enumerate(zip(listing.sections, entries, strict=True)):
        path = part_path(listing, number, *which)
        keep(folder, path, section.between.join(filter(None, each)).encode())


def join(
    folder: OutputFolder, listing: Listing, parts: Sequence[Part], splits: Sequence[str]
) -> None:
    """Put the parts of a list together, in the order of shards, then of ``splits``."""
    above = listing.path.rpartition("/")[0]
    if above:
        folder.make_folder(above)
    with folder.replace_file(listing.path, sync=True) as file:
        for number, section in enumerate(listing.sections):
            file.write(section.head.encode())
            is_first = True
            for data in _parts(folder, listing, number, parts, splits):
                file.write(data if is_first else section.between.encode() + data)
                is_first = False
            file.write(section.tail.encode())


def _parts(
    folder: OutputFolder,
    listing: Listing,
    section: int,
    parts: Sequence[Part],
    splits: Sequence[str],
) -> Iterator[bytes]:
    """All parts with something in them."""
    for part in parts:
        for split in splits:
            if data := read_part(folder, part_path(listing, section, part.shard, split)):
                yield data


def keep(folder: OutputFolder, path: str, data: bytes) -> None:
    """Write a file that waits until all is finished, at a path from ``work``."""
    folder.make_folder(path.rpartition("/")[0])
    folder.write_file(path, data, sync=False)


def read_part(folder: OutputFolder, path: str) -> bytes:
    """A part as it was written. Raises ``StorageError`` where it is gone."""
    data = folder.read_file(path)
    if data is None:
        raise removed(folder, path)
    return data
