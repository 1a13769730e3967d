"""A real cluster of Ray, of nodes that are simulated on this machine, one of which is killed."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fault_runs import (
    BAD_INPUT,
    DONE,
    INTERRUPTED,
    STOPPED,
    Notes,
    finish,
    num_committed,
    run,
    session_of,
    start,
    tree,
    until,
)

from shmtext import BalancedText, Renderer, RunConfig, render
from shmtext.config import RayCluster
from shmtext.engine.progress import Progress

ray = pytest.importorskip("ray", reason="Ray is not installed")

pytestmark = [
    pytest.mark.readers,
    pytest.mark.filterwarnings("ignore"),  # Ray's own
]

OPTIONS = ("--character-frequency", 4_000)
CONFIG = RunConfig(corpus=BalancedText(character_frequency=4_000))
"""Some 20,000 examples in 18 shards."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Three nodes of one CPU each; the head lends none."""
    from ray.cluster_utils import Cluster  # noqa: PLC0415 - an extra

    # Actors import shmtext as this process does.
    os.environ["PYTHONPATH"] = str(Path(__file__).parents[2])
    # Else nodes agree on a token, which is left in the home folder.
    os.environ["RAY_AUTH_MODE"] = "disabled"
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    for _ in range(3):
        made.add_node(num_cpus=1, include_dashboard=False)
    yield made
    made.shutdown()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    out = tmp_path_factory.mktemp("whole") / "out"
    render(CONFIG, out, 2)
    return tree(out)


def test_a_cluster_renders_what_one_machine_does(
    cluster: Any, tmp_path: Path, whole: dict[str, str]
) -> None:
    out = tmp_path / "out"
    address = ("--distributor", "ray", "--ray-address", cluster.address)
    ended = run("render", out, *OPTIONS, *address).expect(DONE)

    assert "images/s" in ended.stdout
    assert tree(out) == whole


def test_ctrl_c_ends_tasks_and_keeps_what_is_committed(
    cluster: Any, tmp_path: Path, whole: dict[str, str]
) -> None:
    out = tmp_path / "out"
    address = ("--distributor", "ray", "--ray-address", cluster.address)
    main = start("render", out, *OPTIONS, *address)
    until(lambda: num_committed(out) >= 2 or main.poll() is not None)
    os.killpg(main.pid, signal.SIGINT)
    finish(main).expect(INTERRUPTED, "interrupted (SIGINT)")
    until(lambda: not session_of(main))
    before = {path: path.read_bytes() for path in out.glob("fragments/*.json")}
    run("render", out, *OPTIONS, "--resume", "must").expect(DONE)

    assert before.items() <= {p: p.read_bytes() for p in out.glob("fragments/*.json")}.items()
    assert tree(out) == whole


def test_no_cluster_at_an_address_is_one_line(tmp_path: Path) -> None:
    address = ("--distributor", "ray", "--ray-address", "127.0.0.1:1")
    ended = run("render", tmp_path / "out", "--max-images", 9, *address)

    assert ended.returncode == STOPPED, ended.stderr
    assert "no Ray cluster answers" in ended.stderr
    ended = run("render", tmp_path / "out", "--max-images", 9, "--ray-address", "a:1")
    ended.expect(BAD_INPUT, "ask for it, by distributor 'ray'")


def test_a_node_that_is_killed_costs_nothing_but_time(
    cluster: Any, tmp_path: Path, whole: dict[str, str]
) -> None:
    """Last: the cluster has a node less afterwards."""
    out = tmp_path / "out"
    killers: list[threading.Thread] = []

    class Killing(Notes):
        def progress(self, progress: Progress) -> None:
            if progress.num_done and not killers:
                node = cluster.list_all_nodes()[1]  # the head is the first
                kill = threading.Thread(
                    target=cluster.remove_node, args=(node,), kwargs={"allow_graceful": False}
                )
                killers.append(kill)
                kill.start()

    notes = Killing()
    with Renderer(CONFIG, observer=notes, cluster=RayCluster(cluster.address)) as renderer:
        summary = renderer.render(out)
    killers[0].join()

    assert len([line for line in notes.lines if "was lost" in line]) == 1
    assert summary.num_rendered == summary.num_images
    assert tree(out) == whole
