"""How fast a run was made, by whom and when: from what its manifests say.

Times in which nobody was at work, between a run's starts, are cut out and told. Clocks of hosts
are taken as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.ranges import Ints
from shmtext.dataset.manifest import Manifest
from shmtext.view.charts import area_path

NUM_STEPS = 120
"""Of a chart, from the run's begin to its end."""
PAUSE_S = 10.0
"""Nobody at work for longer is a pause: a worker has its next shard in a moment."""
MOST_LANES = 32
"""Workers that have a chart of their own."""
MOST_PAUSES = 20
"""That are told one by one: the longest."""
_LEAST_S = 1e-3
"""A shard takes: what is told in milliseconds may be less."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pause:
    """A time in which nobody was at work."""

    begin_s: float
    """Unix time; likewise the next."""
    end_s: float
    step: float
    """Where in the chart it was cut out, 0 to ``NUM_STEPS``."""


@dataclass(frozen=True, slots=True)
class Lane:
    """What one worker did."""

    host: str
    worker: int
    num_shards: int
    num_images: int
    num_alone: int
    """Pictures drawn one at a time."""
    seconds: float
    """At work."""
    path: str
    """Its rate over time, against the fastest worker's fastest step."""

    @property
    def images_per_s(self) -> float:
        """While it was at work."""
        return self.num_images / self.seconds


@dataclass(frozen=True, slots=True)
class Timeline:
    """Throughput over a run."""

    begin_s: float
    """Unix time of the first shard's begin, and of the last commit."""
    end_s: float
    at_work_s: float
    """In between, but for pauses."""
    num_images: int
    num_alone: int
    highest_per_s: float
    """In a step, by all workers together."""
    path: str
    pauses: tuple[Pause, ...]
    """The longest ones, in order."""
    num_pauses: int
    paused_s: float
    """All of them."""
    lanes: tuple[Lane, ...]
    """Of workers by host and number."""
    num_lanes: int
    hosts: tuple[str, ...]

    @property
    def images_per_s(self) -> float:
        """But for pauses."""
        return self.num_images / self.at_work_s


def timeline_of(manifests: Sequence[Manifest]) -> Timeline | None:
    """Put together what manifests say; None where there are none."""
    if not manifests:
        return None
    work = _Work.of(manifests)
    begins, ends = work.pauses()
    by_length = np.argsort(ends - begins, kind="stable")[::-1]
    told = np.sort(by_length[:MOST_PAUSES])
    cut = work.cut(begins, ends)
    length_s = float(cut.ends.max())
    edges = np.linspace(0, length_s, NUM_STEPS + 1)
    step_s = length_s / NUM_STEPS
    per_s = cut.images_by(edges) / step_s
    of_workers: dict[tuple[str, int], list[Manifest]] = {}
    for each in manifests:
        of_workers.setdefault((each.host, each.worker), []).append(each)
    names = sorted(of_workers)
    number_of = {name: number for number, name in enumerate(names)}
    lane_of = np.array([number_of[each.host, each.worker] for each in manifests])
    steps_of_lanes = [
        cut.only(lane_of == lane).images_by(edges) / step_s
        for lane in range(min(len(names), MOST_LANES))
    ]
    highest = max(float(steps.max()) for steps in steps_of_lanes)
    paused_before = np.cumsum(ends - begins) - (ends - begins)
    at = (begins - work.begins.min() - paused_before) / step_s
    return Timeline(
        begin_s=float(work.begins.min()),
        end_s=float(work.ends.max()),
        at_work_s=length_s,
        num_images=int(work.num_images.sum()),
        num_alone=sum(each.num_alone for each in manifests),
        highest_per_s=float(per_s.max()),
        path=area_path(per_s.tolist(), float(per_s.max())),
        pauses=tuple(
            Pause(float(begins[each]), float(ends[each]), float(at[each])) for each in told
        ),
        num_pauses=begins.size,
        paused_s=float((ends - begins).sum()),
        lanes=tuple(
            _lane(of_workers[name], steps, highest)
            for name, steps in zip(names, steps_of_lanes, strict=False)
        ),
        num_lanes=len(names),
        hosts=tuple(dict.fromkeys(host for host, _ in names)),
    )


def _lane(manifests: Sequence[Manifest], steps: Floats, highest: float) -> Lane:
    return Lane(
        host=manifests[0].host,
        worker=manifests[0].worker,
        num_shards=len(manifests),
        num_images=sum(each.num_rows for each in manifests),
        num_alone=sum(each.num_alone for each in manifests),
        seconds=sum(max(each.seconds, _LEAST_S) for each in manifests),
        path=area_path(steps.tolist(), highest),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Work:
    """Shards as spans of time; arrays have one length."""

    begins: Floats
    ends: Floats
    num_images: Ints

    @classmethod
    def of(cls, manifests: Sequence[Manifest]) -> _Work:
        ends = np.array([each.finished_at for each in manifests], np.float64)
        seconds = np.array([each.seconds for each in manifests], np.float64)
        num_images = np.array([each.num_rows for each in manifests], np.int64)
        return cls(ends - np.maximum(seconds, _LEAST_S), ends, num_images)

    def pauses(self) -> tuple[Floats, Floats]:
        """When nobody was at work: begins and ends, in order."""
        order = np.argsort(self.begins, kind="stable")
        begins, so_far = self.begins[order], np.maximum.accumulate(self.ends[order])
        is_pause = begins[1:] - so_far[:-1] > PAUSE_S
        return so_far[:-1][is_pause], begins[1:][is_pause]

    def cut(self, begins: Floats, ends: Floats) -> _Work:
        """Without these pauses, and from 0 on."""
        paused = np.concatenate([[0.0], np.cumsum(ends - begins)])
        before = paused[np.searchsorted(begins, self.begins, side="right")]
        first = self.begins.min()
        return _Work(self.begins - before - first, self.ends - before - first, self.num_images)

    def only(self, chosen: NDArray[np.bool_]) -> _Work:
        return _Work(self.begins[chosen], self.ends[chosen], self.num_images[chosen])

    def images_by(self, edges: Floats) -> Floats:
        """Pictures between edges, as if a shard's came evenly over its time."""
        spans = self.ends - self.begins
        done = [np.clip((edge - self.begins) / spans, 0, 1) @ self.num_images for edge in edges]
        return np.diff(done)
