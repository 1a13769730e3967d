"""Hugging Face's: Parquet with pictures inside, and a folder of pictures with a table beside it.

Parquet is what its hub and viewer read best (``datasets/features/image.py`` for the column
``image``); ``imagefolder`` suits sets of some thousands, as it looks at every file first
(``datasets/packaged_modules/folder_based_builder``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from shmtext.dataset.columns import LabelSchema
from shmtext.dataset.containers.base import IMAGES
from shmtext.dataset.containers.one_file import Scratch
from shmtext.dataset.containers.parquet import image_array, parquet_writer, with_image
from shmtext.dataset.export.base import Part, Portion, work
from shmtext.dataset.export.joined import keep, read_part
from shmtext.dataset.export.packed import Packed
from shmtext.dataset.export.picture_files import PictureFiles
from shmtext.dataset.folder import OutputFolder
from shmtext.dataset.fragment import fragment_bytes, read_fragment, write_options
from shmtext.dataset.merge import METADATA
from shmtext.dataset.summed import SummedFile

_OF_FILES = ("file_name", "num_bytes", "crc32")
"""Columns of label rows that tell of the run's files."""


def _columns(schema: LabelSchema) -> list[str]:
    return [column.name for column in schema.columns if column.name not in _OF_FILES]


class HuggingFaceParquet(Packed):
    """``data/train-00000-of-00010.parquet``: pictures, and all that labels say of them."""

    name: ClassVar[str] = "hf-parquet"

    def file_name(self, split: str, number: int, num_files: int) -> str:
        """As ``push_to_hub`` names them, from which the split is known."""
        return f"data/{split}-{number:05d}-of-{num_files:05d}.parquet"

    def write_file(self, file: SummedFile, portion: Portion) -> None:
        """Write a row group for each piece."""
        columns = _columns(self.asked.schema)
        schema = with_image(self.asked.schema.arrow.empty_table().select(columns).schema)
        scratch = Scratch()
        with parquet_writer(file, schema) as writer:
            for pictures in portion.pictures():
                names = [name.encode() for name in pictures.names]
                image = image_array(names, pictures.data, scratch)
                rows = pictures.rows.select(columns)
                group = pa.Table.from_arrays([image, *rows.columns], schema=schema)
                writer.write_table(group, row_group_size=group.num_rows)

    def loading(self, dest: str) -> Sequence[str]:
        """Its loader, whichever splits there are."""
        return (f"datasets.load_dataset('parquet', data_dir={dest!r})",)


class ImageFolder(PictureFiles):
    """``train/metadata.parquet`` and the pictures that its ``file_name`` leads to."""

    name: ClassVar[str] = "imagefolder"
    needs_split: ClassVar[bool] = True

    def write(self, folder: OutputFolder, portion: Portion) -> int:
        """Write pictures, and a part of the table."""
        file_us = super().write(folder, portion)
        shard = portion.shard
        names = [name.rpartition("/")[2] for name in portion.rows["file_name"].to_pylist()]
        paths = pa.array([f"{IMAGES}/{shard.name}/{name}" for name in names], pa.string())
        rows = portion.rows.select(_columns(self.asked.schema)).add_column(0, "file_name", paths)
        path = _part_path(shard.name, portion.split)
        keep(folder, path, fragment_bytes(rows, self._repeating))
        return file_us

    def finish(self, folder: OutputFolder, parts: Sequence[Part]) -> None:
        """Join the parts of each split's table."""
        for split in self.asked.splits:
            folder.make_folder(split)
            with folder.replace_file(f"{split}/{METADATA}", sync=True) as file:
                summed = SummedFile(file, lambda _: None)
                with pq.ParquetWriter(
                    pa.PythonFile(summed, "w"), self._schema, **write_options(self._repeating)
                ) as writer:
                    for part in parts:
                        path = _part_path(part.shard.name, split)
                        rows = read_fragment(read_part(folder, path), self._schema, path)
                        if rows.num_rows:
                            writer.write_table(rows, row_group_size=rows.num_rows)

    def loading(self, dest: str) -> Sequence[str]:
        """Its loader."""
        return (f"datasets.load_dataset('imagefolder', data_dir={dest!r})",)

    @property
    def _schema(self) -> pa.Schema:
        schema = self.asked.schema.arrow
        names = ["file_name", *_columns(self.asked.schema)]
        return pa.schema([schema.field(name) for name in names])

    @property
    def _repeating(self) -> list[str]:
        return self.asked.schema.repeating


def _part_path(shard_name: str, split: str) -> str:
    return work(f"table/{shard_name}.{split}")
