"""Formats that are files of many pictures: a file for what each shard has in each split.

Which number a file has is known when all are written: until then they wait under ``WORK``, and
``finish`` gives them their names. Shards without pictures in a split have no file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import ClassVar

from shmtext.dataset.export.base import Asked, Part, Portion, Write, is_there, removed, work
from shmtext.dataset.folder import OutputFolder
from shmtext.dataset.summed import SummedFile


class Packed:
    """A file a shard and split. What differs from format to format is overridden."""

    name: ClassVar[str]
    in_order: ClassVar[bool] = False
    escapes: ClassVar[bool] = False
    file_a_picture: ClassVar[bool] = False

    def __init__(self, asked: Asked) -> None:
        self.asked = asked

    # -- what a format overrides -----------------------------------------------------------------

    def file_name(self, split: str, number: int, num_files: int) -> str:
        """Where file ``number`` of a split's will be."""
        raise NotImplementedError

    def write_file(self, file: SummedFile, portion: Portion) -> None:
        """Write the file of a portion with pictures. Raises bare ``OSError``."""
        raise NotImplementedError

    def loading(self, dest: str) -> Sequence[str]:
        """What loads the folder."""
        raise NotImplementedError

    def notes(self) -> Sequence[str]:
        """Nothing to say."""
        return ()

    def why_unfit(self, label: str) -> str:
        """Nothing is: texts are stored as they are."""
        del label
        return ""

    def check(self) -> None:
        """Every run will do."""

    # -- what all do alike -----------------------------------------------------------------------

    @contextmanager
    def writing(self, folder: OutputFolder) -> Iterator[Write]:
        """Lend what writes portions."""
        yield partial(self.write, folder)

    def write(self, folder: OutputFolder, portion: Portion) -> int:
        """Write a portion's file, to wait for its name."""
        if not portion.rows.num_rows:
            return 0
        path = _waiting_path(portion.shard.name, portion.split)
        folder.make_folder(path.rpartition("/")[0])
        with folder.replace_file(path, sync=False) as file:
            self.write_file(SummedFile(file, lambda _: None), portion)
        return 0

    def finish(self, folder: OutputFolder, parts: Sequence[Part]) -> None:
        """Give all files their names."""
        for number, split in enumerate(self.asked.splits):
            shards = [part.shard for part in parts if part.num_images[number]]
            for k, shard in enumerate(shards):
                target = self.file_name(split, k, len(shards))
                _put_in_place(folder, _waiting_path(shard.name, split), target)


def _waiting_path(shard_name: str, split: str) -> str:
    return work(f"files/{split}/{shard_name}")


def _put_in_place(folder: OutputFolder, path: str, target: str) -> None:
    above = target.rpartition("/")[0]
    if above:
        folder.make_folder(above)
    with folder.errors_of("rename to", target):
        try:
            folder.rename(path, target)
        except FileNotFoundError as error:
            # An earlier start, which ended here, has put it in place.
            if not is_there(folder, target):
                raise removed(folder, path) from error
