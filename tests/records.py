"""Records of runs whose identity nobody asks for, with the columns that drawing contributes."""

from __future__ import annotations

from shmtext import RunConfig
from shmtext.dataset.columns import LabelSchema
from shmtext.dataset.containers import open_container
from shmtext.dataset.plan import Plan
from shmtext.dataset.record import RunRecord
from shmtext.draw.labels import labels_of
from shmtext.draw.settings import RenderSettings


def record_of(num_examples: int, extension: str) -> RunRecord:
    container = open_container("files", num_examples, extension)
    settings = RenderSettings.of(RunConfig(), ())
    schema = LabelSchema.of([label.spec for label in labels_of(settings)])
    return RunRecord({}, Plan(num_examples), container, schema)
