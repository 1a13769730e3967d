"""The nodes of a Ray cluster, as an engine: tasks of a few shards each, and nodes that are lost.

Each node that lends CPUs has one actor (``ray_node.py``) with worker processes of its own. Nothing
travels but the config, numbers of shards and what they came to: nodes read fonts and texts, and
write to the run's folder, which all of them have. Whatever keeps an actor from answering, its
shards are given to others: to commit a shard twice comes to the same bytes.
"""

from __future__ import annotations

import os
import socket
import time
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from shmtext.config import RunConfig
from shmtext.dataset.check import check_shard, uncommit
from shmtext.dataset.manifest import committed_manifest
from shmtext.dataset.plan import Shard
from shmtext.engine.progress import Observer, ShardDone
from shmtext.engine.resume import RunFolder
from shmtext.engine.stop import StopRequest, handlers_kept
from shmtext.engine.task import ShardsOrder, SpareTime
from shmtext.errors import ConfigError, ShmtextError, WorkersError

SHARDS_PER_WORKER = 4
"""Of a task: so many, so that few workers wait for the last of them."""
MAX_SHARDS = 64
"""Of a task: what a lost node costs at most."""
POLL_S = 0.2
LOOK_S = 5.0
"""Between looks at which nodes there are."""
MAX_LOSSES = 10
"""With no shard done in between."""
ANSWER_S = 10.0
"""For the first answer of a cluster."""
PATIENCE_S = 60.0
"""Until it is said that no node has begun."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster, and what renders on each of its nodes."""

    address: str | None
    """See ``RayCluster``."""
    node: type
    """``ray_node.Node``, of which Ray makes actors."""


@dataclass(frozen=True, slots=True)
class NodesAsked:
    """What is asked of a cluster's nodes, for several runs."""

    cluster: Cluster
    config: RunConfig
    num_workers: int
    """Of a node, at most; and no more than the CPUs that it lends."""
    observer: Observer


@dataclass(slots=True, eq=False)
class _Node:
    """A node's actor, and what it was given."""

    address: str
    num_workers: int
    actor: Any
    shards: dict[int, Shard] = field(default_factory=dict)
    """That it has not told of, by number."""
    told: Any = None
    """Where it tells what is committed; None while it has no task."""


class _Work:
    """Shards that are to be rendered, and those that may have been rendered twice at once."""

    def __init__(self, run: RunFolder, shards: Iterable[Shard]) -> None:
        self._run = run
        self.waiting = deque(shards)
        self._doubtful: set[int] = set()
        """Given to another node when the first was lost, which may have been at work all the
        same: one that ended in the midst of its commit has left another's manifest without its
        pictures."""

    def take(self, num_shards: int) -> list[Shard]:
        """The next shards, at most so many."""
        return [self.waiting.popleft() for _ in range(min(num_shards, len(self.waiting)))]

    def put_back(self, shards: Iterable[Shard]) -> None:
        """Have shards rendered by others, first of all."""
        for shard in shards:
            self.waiting.appendleft(shard)
            self._doubtful.add(shard.index)

    def look_again(self) -> bool:
        """Look at doubtful shards; those that are not whole have to be rendered again."""
        folder, record = self._run.folder, self._run.record
        doubtful, self._doubtful = self._doubtful, set()
        for index in sorted(doubtful):
            shard = record.plan.shard(index)
            manifest = committed_manifest(folder, shard, record.fingerprint)
            if manifest is None or check_shard(folder, record, manifest, checksums=False):
                uncommit(folder, index)
                self.waiting.append(shard)
        return bool(self.waiting)


class RayNodes:
    """The actors of a cluster's nodes, which live until this is closed."""

    def __init__(self, asked: NodesAsked) -> None:
        """Join the cluster, or start one of this machine.

        Raises ``ConfigError`` where Ray is not installed, ``WorkersError`` where none answers.
        """
        self._ray = _import_ray()
        self._asked = asked
        self._is_ours = not self._ray.is_initialized()
        if self._is_ours:
            self._connect(asked.cluster.address)
        self._nodes: dict[str, _Node] = {}
        """By the identifiers of nodes."""
        self._num_losses = 0
        self._config = self._ray.put(asked.config)

    @property
    def num_images_under_way(self) -> int:
        """Nodes tell of shards that are committed, and of nothing before."""
        return 0

    def run(
        self, run: RunFolder, shards: Sequence[Shard], stop: StopRequest, spare: SpareTime
    ) -> Generator[ShardDone | None, None, None]:
        """Have shards rendered; yield each that is committed, and None now and then.

        When asked to stop, tasks end at once, and what is committed stays. Raises what a node
        raises, and ``WorkersError`` where nodes are lost without getting anywhere.
        """
        work, told_of = _Work(run, shards), set[int]()
        look_s, patience_s = 0.0, time.monotonic() + PATIENCE_S
        try:
            while not stop.asked:
                now_s = time.monotonic()
                if now_s >= look_s:
                    self._look_for_nodes()
                    look_s = now_s + LOOK_S
                self._hand_out(run, work)
                if not any(node.shards for node in self._nodes.values()) and not work.look_again():
                    break
                for done in self._poll(work, 0 if spare() else POLL_S):
                    patience_s = float("inf")
                    if done.shard not in told_of:
                        told_of.add(done.shard)
                        yield done
                if now_s > patience_s:
                    patience_s = float("inf")
                    self._asked.observer.note(self._why_nothing_is_done())
                yield None
        finally:
            self._drop([node for node in self._nodes.values() if node.shards])

    def close(self) -> None:
        """End all actors. May be called twice."""
        self._drop(list(self._nodes.values()))
        if self._is_ours:
            with handlers_kept():
                self._ray.shutdown()

    def _connect(self, address: str | None) -> None:
        with handlers_kept():
            try:
                _check_answers(address)
                self._ray.init(address=address, log_to_driver=False, logging_level="CRITICAL")
            except (OSError, RuntimeError, ValueError) as error:
                raise WorkersError(
                    f"no Ray cluster answers ({_line(error)}): give the address of its head, "
                    "HOST:PORT, or start one there (ray start --head)"
                ) from error

    def _look_for_nodes(self) -> None:
        """Have an actor on each node that lends CPUs."""
        from ray.util.scheduling_strategies import (  # noqa: PLC0415 - heavy, an extra
            NodeAffinitySchedulingStrategy,
        )

        for found in self._ray.nodes():
            number, num_cpus = found["NodeID"], int(found["Resources"].get("CPU", 0))
            if not found["Alive"] or not num_cpus or number in self._nodes:
                continue
            num_workers = min(num_cpus, self._asked.num_workers)
            actor = (
                self._ray.remote(self._asked.cluster.node)
                .options(
                    num_cpus=num_workers,
                    max_restarts=0,
                    scheduling_strategy=NodeAffinitySchedulingStrategy(number, soft=False),
                )
                .remote(self._config, num_workers, os.getcwd())
            )
            self._nodes[number] = _Node(found["NodeManagerAddress"], num_workers, actor)

    def _hand_out(self, run: RunFolder, work: _Work) -> None:
        for node in self._nodes.values():
            if node.shards or not work.waiting:
                continue
            shards = work.take(min(node.num_workers * SHARDS_PER_WORKER, MAX_SHARDS))
            order = ShardsOrder(
                out=run.folder.spec.url or run.folder.spec.path,
                num_examples=run.record.plan.num_examples,
                shards=tuple(shard.index for shard in shards),
            )
            node.shards = {shard.index: shard for shard in shards}
            node.told = node.actor.render.options(num_returns="streaming").remote(order)

    def _poll(self, work: _Work, wait_s: float) -> Generator[ShardDone, None, None]:
        """Wait so long for what nodes tell."""
        by_told = {node.told: node for node in self._nodes.values() if node.shards}
        if not by_told:
            time.sleep(wait_s)
            return
        ready, _ = self._ray.wait(list(by_told), timeout=wait_s)
        for told in ready:
            node = by_told[told]
            try:
                done = self._ray.get(next(told))
            except StopIteration:
                # What it was given is told of, or was no shard of its run.
                work.put_back(node.shards.values())
                node.shards = {}
            except self._ray.exceptions.RayTaskError as error:
                raise _raised_by(node, error) from error
            except self._ray.exceptions.RayError as error:
                self._lose(node, work, error)
            else:
                self._num_losses = 0
                node.shards.pop(done.shard, None)
                yield done

    def _lose(self, node: _Node, work: _Work, error: Exception) -> None:
        """Give a node's shards to others. It may be at work still, and be heard of again."""
        self._num_losses += 1
        if self._num_losses > MAX_LOSSES:
            raise WorkersError(
                f"{self._num_losses} nodes were lost in a row, the last {node.address} "
                f"({_line(error)}): see whether shmtext is installed there, and what Ray's logs say"
            ) from error
        self._asked.observer.note(
            f"node {node.address} was lost ({_line(error)}): its {len(node.shards)} shards are "
            "given to others"
        )
        work.put_back(node.shards.values())
        self._drop([node])

    def _drop(self, doomed: Iterable[_Node]) -> None:
        for node in doomed:
            self._ray.kill(node.actor)
        gone = {id(node) for node in doomed}
        self._nodes = {number: node for number, node in self._nodes.items() if id(node) not in gone}

    def _why_nothing_is_done(self) -> str:
        if not self._nodes:
            return "the Ray cluster has no node that lends CPUs: shards wait for one"
        most = max(node.num_workers for node in self._nodes.values())
        return (
            f"no shard is done after {PATIENCE_S:.0f} s: nodes read texts and fonts, or what else "
            f"runs in the Ray cluster leaves none of them {most} CPUs"
        )


def _check_answers(address: str | None) -> None:
    """Raise ``OSError`` if nobody answers: Ray itself ends the process after two minutes."""
    host, _, port = (address or "").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), ANSWER_S).close()


def _import_ray() -> Any:
    try:
        # Imported here: an extra, which takes a second.
        import ray  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ConfigError(
            "distributor ray needs its library: pip install 'shmtext[ray]'"
        ) from error
    return ray


def _raised_by(node: _Node, error: Any) -> Exception:
    """The error that a node raised, as if it had been raised here."""
    cause = error.cause
    if isinstance(cause, ShmtextError):
        return type(cause)(f"node {node.address}: {cause}")
    return RuntimeError(f"node {node.address} met a bug in shmtext: {error}")


def _line(error: Exception) -> str:
    """The first line of an error; Ray's have many."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), repr(error))
