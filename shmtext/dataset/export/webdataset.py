"""WebDataset: ``train-000000.tar``, of each picture itself and its text.

The same blocks as the container ``tar`` is made of, so the same bytes for the same rows. A key is a
member's name up to its first dot (``webdataset/src/webdataset/tariterators.py``): ours have one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from shmtext.dataset.columns import texts_of
from shmtext.dataset.containers.one_file import Scratch
from shmtext.dataset.containers.tar import END, sample_blocks
from shmtext.dataset.export.base import LABEL, Portion
from shmtext.dataset.export.packed import Packed
from shmtext.dataset.summed import SummedFile


class WebDataset(Packed):
    """A tar file a shard."""

    name: ClassVar[str] = "webdataset"

    def file_name(self, split: str, number: int, num_files: int) -> str:
        """Numbered from 0, as brace expansion has them."""
        del num_files
        return f"{split}-{number:06d}.tar"

    def write_file(self, file: SummedFile, portion: Portion) -> None:
        """Write samples, then the end of a tar file."""
        scratch = Scratch()
        for pictures in portion.pictures():
            names = [name.encode() for name in pictures.names]
            texts = [name[: name.index(b".")] + b".txt" for name in names]
            labels = texts_of(pictures.rows[LABEL])
            file.write(sample_blocks([names, texts], pictures.data, [labels], scratch))
        file.write(END)

    def loading(self, dest: str) -> Sequence[str]:
        """Hugging Face's loader, and its own."""
        files = f"{dest}/{self.asked.splits[0]}-*.tar"
        return (
            f"datasets.load_dataset('webdataset', data_dir={dest!r})",
            f"webdataset.WebDataset(sorted(glob.glob({files!r})), shardshuffle=False)"
            f".decode('pil').to_tuple('{self.asked.extension}', 'txt')",
        )
