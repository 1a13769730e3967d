"""Records of runs whose identity nobody asks for, with the columns that drawing contributes."""

from __future__ import annotations

from shmtext.dataset.columns import LabelSchema
from shmtext.dataset.containers import open_container
from shmtext.dataset.plan import Plan
from shmtext.dataset.record import RunRecord
from shmtext.draw.labels import LABELS


def record_of(num_examples: int, extension: str) -> RunRecord:
    container = open_container("files", num_examples, extension)
    schema = LabelSchema.of([label.spec for label in LABELS])
    return RunRecord({}, Plan(num_examples), container, schema)
