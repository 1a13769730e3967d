"""``characters.csv``: how often each character occurs, where texts were taken again for rare ones.

Beside the label table, for people: no reader needs it, and every start of a run writes it anew.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from shmtext.dataset.folder import OutputFolder

CHARACTERS = "characters.csv"
COLUMNS = ("character", "code_point", "without_repeats", "with_repeats")


def write_characters(folder: OutputFolder, rows: Iterable[tuple[str, int, int]]) -> None:
    """Write a line for each character, with how often it occurs without repeats and with them."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((character, f"U+{ord(character):04X}", *counts) for character, *counts in rows)
    folder.write_file(CHARACTERS, text.getvalue().encode(), sync=False)
