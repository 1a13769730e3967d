"""Equality with Pillow's Raqm over many fonts: ``python tests/exact_run.py OUT.jsonl FONT...``.

FONT is a file or a folder. A line of JSON a font is appended to OUT.jsonl; fonts that it has are
left out, so that a run can go on. Differences are told at once, with all that repeats them.
``python tests/exact_run.py --table OUT.jsonl`` sums up.
"""

from __future__ import annotations

import json
import random
import sys
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from drawing import draw, font_file, picture_maker, plain_face, plain_picture
from exact_texts import Words, texts_for, words_of_machine

from shmtext.corpus.ragged import pack_texts
from shmtext.draw.faces import find_font_files
from shmtext.draw.pictures import PictureMaker
from shmtext.errors import FontError

TEXTS_A_FONT = 100
SIZES_PX = (range(3, 9), range(9, 21), range(21, 41), range(41, 101))
"""A font is drawn at a size out of each."""
LARGE_PX = range(200, 501)
"""And a few texts at one of these."""
NUM_LARGE = 4
COLORS = ("#000000", "#ffffff")
"""The defaults."""

Row = dict[str, Any]


def compare(path: Path, words: Words, seed: int, num_texts: int = TEXTS_A_FONT) -> Row:
    """Draw texts for a font both ways; say how many are equal, and which are not."""
    row: Row = {"font": str(path), "texts": 0, "equal": 0, "alone": 0, "skipped": {}, "differ": []}
    try:
        font = font_file(path)
    except FontError as error:
        return row | {"refused": str(error).removeprefix(f"{path} ")}
    # Not by the path: a font is drawn with the same texts wherever it lies.
    rng = random.Random(zlib.crc32(font.sha256.encode()) + seed)
    texts = texts_for(font.code_points.tolist(), words, rng, num_texts)
    short = [(kind, text) for kind, text in texts if kind != "long"][:NUM_LARGE]
    runs = [(tuple(map(rng.choice, SIZES_PX)), texts), ((rng.choice(LARGE_PX),), short)]
    kinds: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for sizes_px, some in runs:
        maker = picture_maker([path], font_sizes=sizes_px)
        to_draw = [text for _, text in some]
        for position, fault in _without_crashes(maker, to_draw).items():
            what = {"size_px": sizes_px, "lines": [some[position][1]], "fault": fault}
            row["differ"].append(what | {"kind": some[position][0]})
        drawing = draw(maker, to_draw)
        row["texts"] += len(drawing.pictures)
        row["alone"] += drawing.num_alone
        for reason in drawing.reasons.values():
            short_reason = _kind_of_reason(reason)
            row["skipped"][short_reason] = row["skipped"].get(short_reason, 0) + 1
        for position, picture in drawing.pictures.items():
            face = plain_face(drawing, position)
            lines = drawing.shard.lines_of(position)
            direction = "rtl" if drawing.shard.is_rtl[position] else "ltr"
            fault = ""
            try:
                plain = plain_picture(lines, face, COLORS, "gray", direction)
            except AssertionError as error:
                fault = str(error)[:200]
            else:
                if plain.shape != picture.shape:
                    fault = f"{picture.shape} instead of {plain.shape}"
                elif not np.array_equal(plain, picture):
                    fault = f"{np.count_nonzero(plain != picture)} pixels"
            kinds[some[position][0]][fault == ""] += 1
            row["equal"] += fault == ""
            if fault:
                what = {"size_px": face.size, "lines": lines, "direction": direction}
                row["differ"].append(what | {"fault": fault, "kind": some[position][0]})
    return row | {"kinds": {kind: [count[True], count[False]] for kind, count in kinds.items()}}


def _without_crashes(maker: PictureMaker, texts: list[str]) -> dict[int, str]:
    """Blank the texts whose drawing raises what nobody has thought of; return them and why."""
    crashes: dict[int, str] = {}
    marks: list[int | None] = [None]
    while True:
        shard = maker.prepare(pack_texts(texts), 0)
        try:
            for _ in maker.draw(shard, marks.append):
                pass
        except Exception as error:
            position = marks[-1]
            if position is None:
                raise
            crashes[position] = f"{texts[position]!r}: {error!r}"
            texts[position] = ""
        else:
            return crashes


def _kind_of_reason(reason: str) -> str:
    """A reason without the characters and faces that it names."""
    for part in ("leaves no ink", "leave no ink", "no font covers", "a mark in it", "blank"):
        if part in reason:
            return part.replace("leaves", "leave")
    return reason[:60]


def table(rows: Iterable[Row]) -> str:
    """Sum up: Markdown, a row a family of fonts (the folder that they lie in)."""
    families: defaultdict[str, Counter[str]] = defaultdict(Counter)
    skipped: Counter[str] = Counter()
    for row in rows:
        path = Path(row["font"])
        for family in (path.parent.name, "all"):
            counts = families[family]
            counts["fonts"] += 1
            counts["refused"] += "refused" in row
            for name in ("texts", "equal", "alone"):
                counts[name] += row[name]
            counts["skipped"] += sum(row["skipped"].values())
        skipped.update(row["skipped"])
    names = ("fonts", "refused", "texts", "equal", "alone", "skipped")
    lines = [f"| folder | {' | '.join(names)} |", "|---|" + "---:|" * len(names)]
    for family, counts in sorted(families.items(), key=lambda each: each[1]["texts"]):
        lines.append(f"| {family} | " + " | ".join(f"{counts[name]:,}" for name in names) + " |")
    return "\n".join([*lines, "", *(f"{num:,} skipped: {why}" for why, num in skipped.items())])


def read(path: Path) -> Iterator[Row]:
    """Read the rows of a run."""
    if path.exists():
        yield from map(json.loads, path.read_text(encoding="utf-8").splitlines())


def main(arguments: list[str]) -> None:
    """Compare every font, or sum up."""
    if arguments[0] == "--table":
        print(table(row for name in arguments[1:] for row in read(Path(name))))
        return
    out = Path(arguments[0])
    done = {row["font"] for row in read(out)}
    words = words_of_machine()
    paths = find_font_files([Path(each) for each in arguments[1:]])
    for path in paths:
        if str(path) in done:
            continue
        row = compare(path, words, 0)
        with out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        for each in row["differ"][:3]:
            print(path.name, each, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
