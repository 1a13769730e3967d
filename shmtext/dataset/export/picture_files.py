"""Formats that are a file a picture and lists of these: what all of them have in common.

    images/00042/000420007.jpg     without splits
    train/images/00042/...         with them, and where a format asks for a split's name

A shard's folder is written under the stage and renamed into place, as a run's is. What lists say is
the formats' own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import ClassVar, NamedTuple

from shmtext.dataset.containers.base import IMAGES
from shmtext.dataset.containers.files import FilesShard
from shmtext.dataset.export.base import LABEL, Asked, Part, Portion, Write
from shmtext.dataset.export.joined import Listing, join, write_part
from shmtext.dataset.folder import FileBytes, OutputFolder
from shmtext.dataset.reading import LabelRow, StoredPictures

EMPTY = "is empty"
SEVERAL_LINES = "holds a line break"
HAS_TAB = "holds a tab"
EDGE_SPACES = "begins or ends with white space"

_LINE_BREAKS = "\n\r\0"
"""Characters that end a line, or a text, in one reader or another."""


class Picture(NamedTuple):
    """A picture, as lists tell of it."""

    split: str
    path: str
    """From the folder of its split: ``images/00042/000420007.jpg``."""
    label: str
    row: LabelRow
    """The columns that the format asks for."""
    data: FileBytes
    """The encoded picture."""

    @property
    def name(self) -> str:
        """Without a folder."""
        return self.path.rpartition("/")[2]


class PictureFiles:
    """A file a picture. What differs from format to format is overridden."""

    name: ClassVar[str]
    in_order: ClassVar[bool] = False
    escapes: ClassVar[bool] = False
    file_a_picture: ClassVar[bool] = True
    needs_split: ClassVar[bool] = False
    """Its readers ask for a split's folder, whether there are several or not."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked

    # -- what a format overrides -----------------------------------------------------------------

    def columns(self) -> Sequence[str]:
        """Columns of label rows that entries are made of, beside the label."""
        return ()

    def listings(self, split: str) -> Sequence[Listing]:  # noqa: ARG002
        """Lists that tell of a split's pictures; those of two splits may be the same."""
        return ()

    def entries(self, picture: Picture) -> Sequence[str]:  # noqa: ARG002
        """What stands of a picture in each section of these lists, end to end."""
        return ()

    def beside(self, pictures: Sequence[Picture]) -> Mapping[str, bytes]:  # noqa: ARG002
        """Files that lie beside these pictures."""
        return {}

    def list_of_folder(
        self,
        entries: Sequence[Sequence[str]],  # noqa: ARG002
    ) -> Mapping[str, bytes]:
        """The list that a folder of pictures has of its own: its name, and what is in it."""
        return {}

    def why_unfit(self, label: str) -> str:
        """Nothing is."""
        del label
        return ""

    def loading(self, dest: str) -> Sequence[str]:
        """What loads the folder."""
        raise NotImplementedError

    def notes(self) -> Sequence[str]:
        """Nothing to say."""
        return ()

    # -- what all do alike -----------------------------------------------------------------------

    def check(self) -> None:
        """Raise ``ConfigError`` where the run lacks a column."""
        self.asked.require_columns(self.name, self.columns())

    def folder_of(self, split: str) -> str:
        """The folder of a split, with a slash; nothing where it is that of the export."""
        return f"{split}/" if self.needs_split else self.asked.folder_of(split)

    def first_folder(self, dest: str) -> str:
        """The folder of the first split, as users name it."""
        return f"{dest}/{self.folder_of(self.asked.splits[0])}".removesuffix("/")

    @contextmanager
    def writing(self, folder: OutputFolder) -> Iterator[Write]:
        """Lend what writes portions."""
        yield partial(self.write, folder)

    def write(self, folder: OutputFolder, portion: Portion) -> int:
        """Write a portion's pictures, and its part of all lists."""
        shard, split = portion.shard, portion.split
        target = f"{self.folder_of(split)}{IMAGES}/{shard.name}"
        entries: list[Sequence[str]] = []
        file_us = 0
        if portion.rows.num_rows:
            with FilesShard(folder, shard, target) as files:
                for stored in portion.pictures():
                    pictures = self._pictures(portion, stored)
                    files.take([each.name.encode() for each in pictures], stored.data)
                    _take_all(files, self.beside(pictures))
                    entries += [self.entries(picture) for picture in pictures]
                _take_all(files, self.list_of_folder(entries))
                file_us = files.file_us
                files.publish(portion.rows)
        sections = [list(each) for each in zip(*entries, strict=True)]
        for listing in self.listings(split):
            num_sections = len(listing.sections)
            of_list, sections = sections[:num_sections], sections[num_sections:]
            write_part(folder, listing, (shard, split), of_list or [[]] * num_sections)
        return file_us

    def _pictures(self, portion: Portion, stored: StoredPictures) -> list[Picture]:
        folder = f"{IMAGES}/{portion.shard.name}"
        labels = stored.rows[LABEL].to_pylist()
        columns = [*self.columns()]
        rows = stored.rows.select(columns).to_pylist() if columns else [{}] * len(labels)
        return [
            Picture(portion.split, f"{folder}/{name}", label, row, data)
            for name, label, row, data in zip(stored.names, labels, rows, stored.data, strict=True)
        ]

    def finish(self, folder: OutputFolder, parts: Sequence[Part]) -> None:
        """Join the lists."""
        splits_of: dict[Listing, list[str]] = {}
        for split in self.asked.splits:
            for listing in self.listings(split):
                splits_of.setdefault(listing, []).append(split)
        for listing, splits in splits_of.items():
            join(folder, listing, parts, splits)


def _take_all(files: FilesShard, contents: Mapping[str, bytes]) -> None:
    files.take([name.encode() for name in contents], list(contents.values()))


def why_no_line(label: str) -> str:
    """Say why a label is not what a line of a file may hold."""
    if not label:
        return EMPTY
    return SEVERAL_LINES if any(each in label for each in _LINE_BREAKS) else ""


def why_no_field(label: str) -> str:
    """Say why a label can't stand behind a tab, in a line."""
    return HAS_TAB if "\t" in label else why_no_line(label)


def why_not_stripped(label: str) -> str:
    """Say why a label is not the same once a reader has stripped its line."""
    return why_no_line(label) or (EDGE_SPACES if label.strip() != label else "")
