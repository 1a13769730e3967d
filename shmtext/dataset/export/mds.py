"""MosaicML's MDS: ``shard.00000.mds`` and an index, a folder a split (mosaicml/streaming).

A file is a number of samples, the seams between them from the file's first byte, its configuration
as JSON, and the samples: sizes of its columns, then their bytes, columns in the order of names, all
numbers unsigned, of four bytes, little-endian (``streaming/base/format/mds/writer.py``). The index
tells of each file what ``reader.py`` asks for.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from shmtext.dataset.columns import texts_of
from shmtext.dataset.export.base import LABEL, Part, Portion
from shmtext.dataset.export.packed import Packed
from shmtext.dataset.folder import OutputFolder, opened_at
from shmtext.dataset.summed import SummedFile
from shmtext.errors import ConfigError

VERSION = 2
SIZE_LIMIT_BYTES = 1 << 26
"""What files say that they are cut at: as the library's own writer does; no reader minds."""
MAX_BYTES = 2**32 - 1
ENCODINGS = {"jpg": "jpeg", "png": "png"}


class Mds(Packed):
    """Samples of ``image`` and ``text``, without compression."""

    name: ClassVar[str] = "mds"

    def check(self) -> None:
        """Raise ``ConfigError`` for pictures that the format has no encoding for."""
        if self.asked.extension not in ENCODINGS:
            raise ConfigError(
                f"mds holds jpg and png, the run's pictures are {self.asked.extension}"
            )

    def file_name(self, split: str, number: int, num_files: int) -> str:
        """As its writer names them."""
        del num_files
        return f"{self.asked.folder_of(split)}shard.{number:05d}.mds"

    def write_file(self, file: SummedFile, portion: Portion) -> None:
        """Write the seams, which follow from label rows, then samples piece by piece."""
        labels = np.diff(texts_of(portion.rows[LABEL]).offsets)
        num_bytes = portion.rows["num_bytes"].to_numpy().astype(np.int64) + labels + 2 * 4
        config = json.dumps(self._config(), sort_keys=True).encode()
        begin = 4 + 4 * (num_bytes.size + 1) + len(config)
        seams = begin + np.concatenate([[0], np.cumsum(num_bytes)])
        if seams[-1] > MAX_BYTES:
            raise ConfigError(
                f"mds has files of at most 4 GiB, shard {portion.shard.index} comes to "
                f"{int(seams[-1]):,} bytes: export to another format"
            )
        file.write(np.array([num_bytes.size, *seams], "<u4").tobytes() + config)
        for pictures in portion.pictures():
            samples = []
            for data, label in zip(pictures.data, texts_of(pictures.rows[LABEL]), strict=True):
                text = label.encode()
                samples += [np.array([len(data), len(text)], "<u4").tobytes(), data, text]
            file.write(b"".join(samples))

    def finish(self, folder: OutputFolder, parts: Sequence[Part]) -> None:
        """Give files their names; write each split's index."""
        super().finish(folder, parts)
        for number, split in enumerate(self.asked.splits):
            counts = [part.num_images[number] for part in parts if part.num_images[number]]
            above = self.asked.folder_of(split)
            if above:
                folder.make_folder(above.removesuffix("/"))
            shards = []
            for k, num_images in enumerate(counts):
                path = self.file_name(split, k, len(counts))
                shards.append(self._shard(folder, path, num_images))
            index = json.dumps({"version": VERSION, "shards": shards}, sort_keys=True)
            folder.write_file(f"{above}index.json", index.encode(), sync=True)

    def loading(self, dest: str) -> Sequence[str]:
        """Its dataset."""
        split = f", split={self.asked.splits[0]!r}" if self.asked.has_splits else ""
        return (f"streaming.StreamingDataset(local={dest!r}{split}, batch_size=...)",)

    def _config(self) -> dict[str, Any]:
        return {
            "version": VERSION,
            "format": "mds",
            "compression": None,
            "hashes": [],
            "size_limit": SIZE_LIMIT_BYTES,
            "column_names": ["image", "text"],
            "column_encodings": [ENCODINGS[self.asked.extension], "str"],
            "column_sizes": [None, None],
        }

    def _shard(self, folder: OutputFolder, path: str, num_images: int) -> dict[str, Any]:
        above, _, base = path.rpartition("/")
        with (
            folder.errors_of("look at", path),
            folder.opened(above) as fd,
            opened_at(fd, base) as (_, num_bytes),
        ):
            raw = {"basename": base, "bytes": num_bytes, "hashes": {}}
        return {**self._config(), "raw_data": raw, "samples": num_images, "zip_data": None}
