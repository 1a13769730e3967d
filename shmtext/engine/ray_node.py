"""What renders on one node of a Ray cluster: a renderer of its own, task after task.

Fonts and texts are read, and workers started, with the first task; what a task commits is told
shard by shard. Who hands out tasks is ``ray_nodes.py``'s.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing

from shmtext.config import RunConfig
from shmtext.engine.held import Holding, Means
from shmtext.engine.progress import ShardDone, Silent
from shmtext.engine.run import render_shards_into
from shmtext.engine.task import ShardsOrder
from shmtext.errors import FolderError


class Node:
    """The renderer of a node, from its first task to its end; Ray makes an actor of it."""

    def __init__(self, config: RunConfig, num_workers: int, folder: str) -> None:
        """``folder`` is where the run was started: paths in its config may begin there."""
        self._folder = folder
        self._holding = Holding(Means(config, "processes", num_workers, None, Silent()))

    def render(self, order: ShardsOrder) -> Iterator[ShardDone]:
        """Render shards; yield each as it is committed."""
        try:
            os.chdir(self._folder)
        except OSError as error:
            raise FolderError(
                f"there is no folder {self._folder} ({error.strerror}): start the run in one that "
                "all nodes have"
            ) from error
        with closing(render_shards_into(order, self._holding)) as rendered:
            yield from rendered
