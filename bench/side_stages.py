"""Beside the stages: what a hundred faces cost over one, and our corpus over a plain shuffle."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from bench import work
from bench.asking import Setting
from bench.measure import Spread, cost_of, interleave, ratios, spread
from bench.rows import table
from shmtext.config import BalancedText, RunConfig, Style
from shmtext.corpus.ragged import RaggedTexts
from shmtext.corpus.reading import corpus_chunks
from shmtext.corpus.shared import SharedCorpus
from shmtext.dataset.plan import Plan
from shmtext.draw.encode import encoder
from shmtext.draw.pictures import PictureMaker

NUM_FACES = 300
"""A hundred fonts at three sizes."""
US = 1e6


@dataclass(frozen=True, slots=True)
class SideRow:
    """One side of a comparison."""

    what: str
    unit: str
    value: Spread
    over_first: Spread
    """Over the first side of the same comparison, round by round."""


def ask(setting: Setting, home: Path) -> list[SideRow]:
    """Make both comparisons."""
    return [*_faces(setting), *_corpus(setting, home)]


def text_of(rows: list[SideRow]) -> list[str]:
    """Write the comparisons as a table."""
    if not rows:
        return []
    lines = [[row.what, row.value, row.unit, row.over_first] for row in rows]
    return [table(["beside", "CPU", "unit", "over the first"], lines)]


def _faces(setting: Setting) -> list[SideRow]:
    """Draw the same texts in one face, and in as many as there are fonts and sizes for."""
    fonts = work.usable_fonts(limit=100)
    num_sizes = max(3, math.ceil(NUM_FACES / len(fonts)))
    # Around the single face's size, so that pictures are about as large.
    sizes = tuple(range(32 - num_sizes // 2, 32 - num_sizes // 2 + num_sizes))
    corpus = work.balanced(setting.num(20_000, 2_000))
    one = RunConfig(corpus=corpus, style=Style(fonts=(fonts[0],), font_sizes=(32,)))
    many = RunConfig(corpus=corpus, style=Style(fonts=tuple(fonts), font_sizes=sizes))
    names = ("one face", f"{len(fonts)} fonts x {num_sizes} sizes")
    texts = work.texts_of(one)
    makers = [PictureMaker(work.settings_of(config)) for config in (one, many)]
    draws = interleave(
        {name: partial(_draw, maker, texts) for name, maker in zip(names, makers, strict=True)},
        setting.num(5, 1),
    )
    rows = []
    for part, label in enumerate(("drawn", "drawn and encoded")):
        costs = {name: [each[part] for each in draws[name]] for name in names}
        rows += _rows({f"{name}, {label}": costs[name] for name in names}, "us/image")
    return rows


def _draw(maker: PictureMaker, texts: RaggedTexts) -> tuple[float, float]:
    """Draw and encode all texts, shard by shard; CPU time per image, drawn and both."""
    encode = encoder(maker.settings.output)
    draw_s = encode_s = 0.0
    begin_s = time.thread_time()

    def no_mark(_position: int | None) -> None:
        pass

    for shard in Plan(len(texts)).shards():
        prepared = maker.prepare(texts.slice(shard.start, shard.stop), shard.start)
        for batch in maker.draw(prepared, no_mark):
            drawn_s = time.thread_time()
            for picture in batch.pictures:
                encode(picture)
            draw_s += drawn_s - begin_s
            begin_s = time.thread_time()
            encode_s += begin_s - drawn_s
    return draw_s / len(texts) * US, (draw_s + encode_s) / len(texts) * US


def _corpus(setting: Setting, home: Path) -> list[SideRow]:
    """Make the balanced corpus in shared memory, and shuffle as many characters plainly."""
    text = BalancedText(character_frequency=setting.num(1_000_000, 100_000))
    characters = np.frombuffer((text.letters + text.numbers + " " * 2).encode(), np.uint8)

    def plain() -> float:
        def shuffle() -> None:
            whole = np.repeat(characters, text.character_frequency)
            np.random.default_rng(0).shuffle(whole)

        return cost_of(shuffle).cpu_s

    def ours() -> float:
        return cost_of(
            lambda: SharedCorpus.create(corpus_chunks(text, 0, None), home).close()
        ).cpu_s

    size = f"{text.num_characters / 1e6:.1f} M characters"
    names = (f"np.repeat and shuffle, {size}", "shmtext: made, cut, in shared memory")
    costs = interleave(dict(zip(names, (plain, ours), strict=True)), setting.num(3, 1))
    return _rows(costs, "s")


def _rows(costs: dict[str, list[float]], unit: str) -> list[SideRow]:
    first = next(iter(costs.values()))
    return [
        SideRow(name, unit, spread(values), ratios(values, first)) for name, values in costs.items()
    ]
