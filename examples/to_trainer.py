"""From settings in a file to the lists that a trainer reads.

    python examples/to_trainer.py examples/receipt.toml receipts paddle

The same on the command line: ``shmtext render receipts --config examples/receipt.toml``, then
``shmtext export receipts --to paddle paddle --split train=0.9,val=0.1 --disjoint-texts``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import shmtext
from shmtext.config import config_from_options, load_toml


def main(settings: str, out: str, dest: str) -> None:
    """Render, and export in two splits that have no text in common."""
    config = config_from_options(load_toml(Path(settings)))
    shmtext.render(config, out)
    split = {"train": 0.9, "val": 0.1}
    summary = shmtext.export(out, "paddle", dest, split=split, disjoint_texts=True)
    for name, number in summary.num_images.items():
        print(f"{name}: {number} pictures")
    print("\n".join(summary.loading))


if __name__ == "__main__":
    main(*sys.argv[1:])
