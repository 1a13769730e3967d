"""Train a recogniser on pictures that no file ever held, none of them drawn twice.

    pip install -e '.[learn]'
    python -m bench.learning.texts both 100000 > texts.txt     # or any file with a text a line
    python -m examples.train_from_stream texts.txt trained --steps 100

Workers draw on the cores that the training leaves them. ``trained/state.pt`` is written every few
steps: after whatever end, the same command goes on from there, as if there had been none. In the
end ``trained/weights.pt`` is what ``bench.learning.recogniser.Reader`` reads with.
"""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path
from typing import Any

import click
import torch

import shmtext
from bench.learning.recogniser import BATCH, Reader
from bench.learning.sets import STREAMED, Pictures
from shmtext.config import config_from_options


def keep(state: dict[str, Any], path: Path) -> None:
    """Write a state so that the file always holds a whole one."""
    torch.save(state, path.with_suffix(".part"))
    os.replace(path.with_suffix(".part"), path)


@click.command()
@click.argument("texts", type=click.Path(exists=True, dir_okay=False))
@click.argument("out", type=click.Path(file_okay=False, path_type=Path))
@click.option("--steps", type=click.IntRange(min=1), default=1_250, show_default=True)
@click.option("--every", type=click.IntRange(min=1), default=50, help="Steps between states.")
@click.option("--look", default="mixed", show_default=True, help="A preset.")
def main(texts: str, out: Path, steps: int, every: int, look: str) -> None:
    """Train on pictures of the lines of TEXTS; keep what was learnt in OUT."""
    out.mkdir(exist_ok=True)
    kept = out / "state.pt"
    reader = Reader()
    learning = reader.learning(steps)
    config = config_from_options({"texts": texts, "look": [look]})
    # Pictures of like width together: short words wait for no long lines.
    with shmtext.stream(config, **STREAMED, batch_size=BATCH, bucket=BATCH) as stream:
        if kept.exists():
            state = torch.load(kept, weights_only=True)
            learning.load_state_dict(state["learning"])
            stream.load_state_dict(state["stream"])
        for batch in islice(stream, max(0, steps - learning.num_done)):
            learning.step(Pictures.of(batch.images, batch.widths, batch.texts))
            if learning.num_done % every == 0 or learning.num_done == steps:
                state = {"learning": learning.state_dict(), "stream": stream.state_dict()}
                keep(state, kept)
                click.echo(f"step {learning.num_done:,}: loss {learning.loss:.3f}")
    reader.save(out / "weights.pt")


if __name__ == "__main__":
    main()
