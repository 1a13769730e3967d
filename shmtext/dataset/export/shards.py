"""One shard of a run exported: which of its pictures go where, which can't, and that it is done.

A shard's mark is written when all its portions are: what has none is written again.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
import pyarrow as pa

from shmtext.dataset.export.base import LABEL, Format, Options, Part, Portion, Write, escaped, work
from shmtext.dataset.export.joined import Listing, keep, write_part
from shmtext.dataset.folder import OutputFolder
from shmtext.dataset.plan import Shard
from shmtext.dataset.reading import StoredRun
from shmtext.dataset.sealed import check_types, seal, unseal

LEFT_OUT = Listing("left_out.jsonl")
"""Pictures that the format can't hold, with their texts and why; only where there are any."""
EVERY_SPLIT = "all"

_VERSION = 1
_TYPES = {
    **dict.fromkeys(("version", "shard", "image_bytes", "num_escaped", "file_us"), int),
    "num_images": list,
    "left_out": dict,
}


@dataclass(frozen=True, slots=True)
class ShardExported:
    """A shard that is written, in numbers."""

    shard: int
    num_images: Sequence[int]
    """In each split, in their order."""
    image_bytes: int
    left_out: Mapping[str, int]
    """Pictures left out, by the reason."""
    num_escaped: int
    file_us: int = field(default=0, compare=False)
    """Microseconds that a picture's file took to make, the least of all splits."""

    @property
    def num_done(self) -> int:
        """Pictures that were looked at."""
        return sum(self.num_images) + sum(self.left_out.values())

    def part(self, run: StoredRun) -> Part:
        """As formats ask for it."""
        return Part(run.record.plan.shard(self.shard), tuple(self.num_images))


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A run on its way into a folder, in a format."""

    run: StoredRun
    folder: OutputFolder
    format: Format
    options: Options

    def write(self, shard: Shard, write: Write) -> ShardExported:
        """Write a shard's portions with ``write``, then its mark."""
        fitting = fitting_rows(self.run.shard_rows(shard.index), self.format, self.options)
        splits = self.options.splits
        which, num_images, file_us = splits.which(fitting.rows), [], []
        for number, split in enumerate(splits.names):
            rows = fitting.rows.filter(pa.array(which == number))
            file_us.append(write(Portion(self.run, shard, split, rows)))
            num_images.append(rows.num_rows)
        write_part(self.folder, LEFT_OUT, (shard, EVERY_SPLIT), [list(fitting.left_out)])
        done = ShardExported(
            shard=shard.index,
            num_images=num_images,
            image_bytes=int(fitting.rows["num_bytes"].to_numpy().sum(dtype=np.int64)),
            left_out=fitting.reasons,
            num_escaped=fitting.num_escaped,
            file_us=min(filter(None, file_us), default=0),
        )
        value = {"version": _VERSION, **asdict(done)}
        keep(self.folder, _mark_path(shard), seal(value, readable=False))
        return done

    def done(self, shard: Shard) -> ShardExported | None:
        """What was written of a shard; None where it is not, or not all of it."""
        path = _mark_path(shard)
        data = self.folder.read_file(path)
        if data is None:
            return None
        what = str(self.folder.path / path)
        value = unseal(data, what, _VERSION)
        check_types(what, value, _TYPES)
        del value["version"]
        return ShardExported(**value)


@dataclass(frozen=True, slots=True, eq=False)
class Fitting:
    """What of some label rows a format can hold."""

    rows: pa.Table
    """These, with the column ``LABEL``."""
    left_out: Sequence[str]
    """The others, a line of JSON each."""
    reasons: Mapping[str, int]
    """How often which reason was met."""
    num_escaped: int


def fitting_rows(rows: pa.Table, format: Format, options: Options) -> Fitting:
    """Tell the rows that a format can hold from those that it can't."""
    texts: list[str] = rows["text"].to_pylist()
    labels = texts
    if format.escapes and options.unfit == "escape":
        labels = [escaped(text) for text in texts]
    reasons = [format.why_unfit(label) for label in labels]
    fits = [not reason for reason in reasons]
    left_out = [
        json.dumps({"example_index": index, "text": text, "reason": reason}, ensure_ascii=False)
        for index, text, reason in zip(
            rows["example_index"].to_pylist(), texts, reasons, strict=True
        )
        if reason
    ]
    pairs = zip(texts, labels, fits, strict=True)
    return Fitting(
        rows.append_column(LABEL, pa.array(labels, pa.string())).filter(pa.array(fits, pa.bool_())),
        [f"{line}\n" for line in left_out],
        dict(sorted(Counter(filter(None, reasons)).items())),
        sum(fit and text != label for text, label, fit in pairs),
    )


def _mark_path(shard: Shard) -> str:
    return work(f"done/{shard.name}.json")
