"""Pictures of your own words as photographs show them, read back beside their labels.

    python examples/own_words.py words.txt out

A line of ``words.txt`` is a text. What is interrupted goes on when it is called again; settings
that differ from those in the folder are refused.
"""

from __future__ import annotations

import sys

import shmtext


def main(words: str, out: str) -> None:
    """Render the lines of a file, and show a few of the pictures."""
    config = shmtext.RunConfig(
        corpus=shmtext.TextFile(words),
        style=shmtext.Style(font_sizes=(24, 32, 48)),
        look=["photo", "scan=0.5"],  # a photograph twice as often as a scan
        seed=1,
    )
    summary = shmtext.render(config, out)
    print(f"{summary.num_images} pictures; {summary.num_skipped} texts can't be drawn")
    with shmtext.open(out) as run:
        for picture, row in run.shuffled(seed=1)[:5]:
            print(picture.shape, row["look"], row["font"], repr(row["text"]))


if __name__ == "__main__":
    main(*sys.argv[1:])
