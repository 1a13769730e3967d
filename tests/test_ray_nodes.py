"""Nodes of a cluster as an engine: whatever becomes of them, the run is that of one machine.

Ray itself is stood in for by a few lines that do what it does, one after the other, and lose actors
when they are told to. ``readers/test_ray.py`` has the real one.
"""

from __future__ import annotations

import itertools
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from fault_runs import Notes, tree
from hypothesis import given, settings
from hypothesis import strategies as st

from shmtext import Output, Renderer, RunConfig, Style, TextFile
from shmtext.config import RayCluster, Start
from shmtext.engine import ray_nodes
from shmtext.engine.held import Holding, Means
from shmtext.engine.progress import Progress, Silent
from shmtext.engine.ray_node import Node
from shmtext.errors import ConfigError, FolderError, WorkersError


class RayError(Exception):
    pass


class ActorDiedError(RayError):
    pass


class RayTaskError(RayError):
    def __init__(self, cause: Exception) -> None:
        super().__init__(f"ray::Node.render()\n{cause}")
        self.cause = cause


class Ray(ModuleType):
    """A cluster in this process."""

    def __init__(self, lives: list[int | None], harm: Callable[[Node], None]) -> None:
        super().__init__("ray")
        self.exceptions = ModuleType("ray.exceptions")
        self.exceptions.__dict__.update(RayError=RayError, RayTaskError=RayTaskError)
        self.lives = iter(lives)
        """Of each actor: how many shards it tells of before it is lost; None: all."""
        self.harm = harm
        self.num_nodes = 3
        self.killed: list[Actor] = []
        self.is_up = False

    def is_initialized(self) -> bool:
        return False

    def init(self, address: str | None, **_: object) -> None:
        if address == "nowhere":
            raise ConnectionError("Could not find any running Ray instance.\nMore of it.")
        self.is_up = True

    def shutdown(self) -> None:
        self.is_up = False

    def nodes(self) -> list[dict[str, Any]]:
        head = {"NodeID": "head", "Alive": True, "Resources": {"CPU": 0}}
        lost = {"NodeID": "lost", "Alive": False, "Resources": {"CPU": 8.0}}
        return [
            *({**each, "NodeManagerAddress": "10.0.0.1"} for each in (head, lost)),
            *(
                {"NodeID": f"n{i}", "NodeManagerAddress": f"10.0.0.{i + 2}", "Alive": True}
                | {"Resources": {"CPU": 1.0}}
                for i in range(self.num_nodes)
            ),
        ]

    def put(self, value: object) -> object:
        return value

    def get(self, ref: object) -> object:
        if isinstance(ref, Exception):
            raise ref
        return ref

    def wait(self, refs: list[Told], **_: object) -> tuple[list[Told], list[Told]]:
        return refs[:1], refs[1:]

    def kill(self, actor: Actor) -> None:
        self.killed.append(actor)

    def remote(self, kind: type[Node]) -> Actor:
        return Actor(self, kind)


class Actor:
    """What stands for an actor: its class, then its options, then the actor, then its method."""

    def __init__(self, ray: Ray, kind: type[Node]) -> None:
        self._ray, self._kind = ray, kind
        self._node: Node | None = None

    def options(self, **_: object) -> Actor:
        return self

    def remote(self, *arguments: Any) -> Any:
        if self._node is None:
            config, _, folder = arguments
            self._lives = next(self._ray.lives, None)
            self._node = self._kind(config, 1, folder)
            # In this process, which has the libraries already.
            self._node._holding = Holding(Means(config, "serial", 1, None, Silent()))
            self._ray.harm(self._node)
            return self
        return Told(self._told(self._node.render(*arguments)))

    @property
    def render(self) -> Actor:
        return self

    def _told(self, done: Iterator[object]) -> Iterator[object]:
        try:
            for each in done:
                if self._lives == 0:
                    break  # what it has committed is never told of
                if self._lives is not None:
                    self._lives -= 1
                yield each
            else:
                if self._lives != 0:
                    return
        except Exception as error:
            yield RayTaskError(error)
            return
        while True:
            yield ActorDiedError("The actor died unexpectedly.\n\tclass_name: Node")


class Told:
    """What ``num_returns="streaming"`` gives: to be waited for, and a reference for each result."""

    def __init__(self, refs: Iterator[object]) -> None:
        self._refs = refs

    def __next__(self) -> object:
        return next(self._refs)


Cluster = Callable[..., Ray]


def stand_in(
    patch: pytest.MonkeyPatch, lives: list[int | None], harm: Callable[[Node], None]
) -> Ray:
    ray = Ray(lives, harm)
    strategies = ModuleType("ray.util.scheduling_strategies")
    strategies.__dict__["NodeAffinitySchedulingStrategy"] = lambda *_, **__: None
    patch.setitem(sys.modules, "ray", ray)
    patch.setitem(sys.modules, "ray.util", ModuleType("ray.util"))
    patch.setitem(sys.modules, strategies.__name__, strategies)
    patch.setattr(ray_nodes, "POLL_S", 0)
    patch.setattr(ray_nodes, "LOOK_S", 0)
    return ray


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    return lambda lives=(), harm=lambda _: None: stand_in(monkeypatch, list(lives), harm)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunConfig]:
    """A run of nine shards."""
    texts = tmp_path_factory.mktemp("texts") / "texts.txt"
    texts.write_text("".join(f"text {i}\n" for i in range(64 * 9 - 5)), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("shmtext.dataset.plan.shard_size", lambda _: 64)
        yield RunConfig(
            corpus=TextFile(texts), style=Style(font_sizes=(12,)), output=Output(container="tar")
        )


@pytest.fixture(scope="module")
def whole(config: RunConfig, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    out = tmp_path_factory.mktemp("whole") / "out"
    with Renderer(config, engine="serial") as renderer:
        renderer.render(out)
    return tree(out)


@given(st.lists(st.none() | st.integers(0, 5), max_size=8))
@settings(max_examples=15)
def test_whatever_nodes_are_lost_the_run_is_that_of_one_machine(
    config: RunConfig, whole: dict[str, str], lives: list[int | None]
) -> None:
    notes = Notes()
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        ray = stand_in(patch, lives, lambda _: None)
        patch.setattr(ray_nodes, "SHARDS_PER_WORKER", 2)
        with Renderer(config, observer=notes, cluster=RayCluster()) as renderer:
            summary = renderer.render(Path(folder, "out"))
            assert ray.is_up
        assert not ray.is_up
        assert tree(Path(folder, "out")) == whole
        assert summary.num_rendered == summary.num_images == 64 * 9 - 5
        assert len(ray.killed) == len(notes.lines) + ray.num_nodes
    assert all("was lost (The actor died unexpectedly.)" in line for line in notes.lines)


def test_a_second_run_goes_to_the_same_actors(
    config: RunConfig, whole: dict[str, str], cluster: Cluster, tmp_path: Path
) -> None:
    ray = cluster()
    with Renderer(config, cluster=RayCluster()) as renderer:
        renderer.render(tmp_path / "a")
        renderer.render(tmp_path / "b")

    assert tree(tmp_path / "a") == tree(tmp_path / "b") == whole
    assert len(ray.killed) == ray.num_nodes


def test_a_shard_that_a_lost_node_harmed_is_rendered_again(
    config: RunConfig, whole: dict[str, str], cluster: Cluster, tmp_path: Path
) -> None:
    """A node that is lost and at work all the same may leave a manifest without its pictures."""
    out = tmp_path / "out"

    class Harming:
        """Who, when all are done, undoes what the first node had been given."""

        def __init__(self) -> None:
            self.has_harmed = False

        def note(self, line: str) -> None:
            pass

        def progress(self, progress: Progress) -> None:
            if progress.num_done == progress.num_examples and not self.has_harmed:
                self.has_harmed = True
                (out / "images/00000.tar").unlink()

    cluster([0])
    with Renderer(config, observer=Harming(), cluster=RayCluster()) as renderer:
        renderer.render(out)

    assert tree(out) == whole


def test_nodes_that_are_lost_without_getting_anywhere_end_the_run(
    config: RunConfig, cluster: Cluster, tmp_path: Path
) -> None:
    cluster(itertools.repeat(0, 99))
    with (
        Renderer(config, cluster=RayCluster()) as renderer,
        pytest.raises(WorkersError, match=r"11 nodes were lost in a row.*shmtext is installed"),
    ):
        renderer.render(tmp_path / "out")


def test_what_a_node_raises_is_raised_here_and_names_it(
    config: RunConfig, cluster: Cluster, tmp_path: Path
) -> None:
    def harm(node: Node) -> None:
        node._folder = str(tmp_path / "nowhere")

    cluster(harm=harm)
    with (
        Renderer(config, cluster=RayCluster()) as renderer,
        pytest.raises(FolderError, match=r"node 10\.0\.0\.\d: there is no folder .*nowhere"),
    ):
        renderer.render(tmp_path / "out")


def test_a_node_that_would_come_to_other_bytes_is_refused_with_the_difference(
    config: RunConfig, cluster: Cluster, tmp_path: Path
) -> None:
    other = RunConfig(corpus=config.corpus, style=Style(font_sizes=(13,)), output=config.output)

    def harm(node: Node) -> None:
        node._holding = Holding(Means(other, "serial", 1, None, Silent()))

    cluster(harm=harm)
    with (
        Renderer(config, cluster=RayCluster()) as renderer,
        pytest.raises(FolderError, match=r"node 10.*font_sizes: \[12\] in the folder, \[13\]"),
    ):
        renderer.render(tmp_path / "out")


def test_without_ray_and_without_a_cluster_one_line_says_so(
    config: RunConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with Renderer(config, cluster=RayCluster("nowhere")) as renderer:
        stand_in(monkeypatch, [], lambda _: None)
        with pytest.raises(
            WorkersError, match=r"no Ray cluster answers \(Could not find any .*\):"
        ):
            renderer.render(tmp_path / "out")
        monkeypatch.setitem(sys.modules, "ray", None)
        with pytest.raises(ConfigError, match=r"pip install 'shmtext\[ray\]'"):
            renderer.render(tmp_path / "out")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"ray_address": "a:1"}, "ask for it, by distributor 'ray'"),
        ({"distributor": "ray", "part": "0/2"}, "part and distributor 'ray' exclude each other"),
        ({"distributor": "dask"}, "distributor must be one of ray"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        Start(**options)


@pytest.mark.parametrize("engine", ["serial", "threads"])
def test_engines_of_one_machine_are_none_of_a_cluster(config: RunConfig, engine: Any) -> None:
    with pytest.raises(ConfigError, match="is of one machine"):
        Renderer(config, engine=engine, cluster=RayCluster())
