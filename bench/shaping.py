"""What does shaping cost?

Drawing alone, without files and encoding: CPU time from texts to pictures, by a maker that has
drawn the same words before, beside Pillow's own drawing of such texts by Raqm, one at a time. Words
are known, lines of several are new in each round.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from PIL import ImageFont, features

from bench import asking, plots, work
from bench.asking import Answer, Setting
from bench.measure import Spread, interleave, ratios, spread
from bench.places import ROOT
from bench.rows import table
from shmtext.config import BalancedText, RunConfig, Style
from shmtext.corpus.balanced import balanced_chunks
from shmtext.corpus.ragged import RaggedTexts, gather_chunks, pack_texts
from shmtext.draw.faces import bundled_fonts, find_font_files, read_fonts
from shmtext.draw.pictures import PictureMaker
from shmtext.draw.settings import RenderSettings

NAME = "shaping"
QUESTION = "What does shaping cost?"

US = 1e6
LATIN = "Latin, balanced"
BASIC = "Latin, balanced, layout basic"
SHARD = 1_500
"""Texts that are prepared at a time, as a run does."""
VOCABULARY = 2_000
"""Words that are taken from a dictionary; warm-up rounds draw nearly all of them."""

FRENCH = (
    "affiche coefficient difficile fleur flamme fille finir officiel souffle truffe œuvre naïve "
    "AVEC Toulouse Vaucluse Yvette l’été français garçon forêt août VOYAGE Tour Avignon efficace"
)
SENTENCE = ("CPU", "Wi-Fi", "(2024)", "42", "1,000.50", "[A4]", "50%", "12:30", "USB-C", "(HDMI 2)")


@dataclass(frozen=True, slots=True)
class Case:
    """Texts of one kind, and the fonts that draw them."""

    name: str
    fonts: Sequence[str]
    """Names of files, the first that this machine has is taken; none: those of the twelve faces."""
    words: Sequence[str] = ()
    """Dictionaries under ``/usr/share/hunspell``, then the name of a script in ``words.txt``."""
    is_line: bool = False
    """Lines of three to six words."""
    is_mixed: bool = False
    """Likewise, with Latin, digits and brackets between them."""


ARABIC = ("NotoNaskhArabic-Regular.ttf", "NotoSansArabic-Regular.ttf")
HEBREW = ("NotoSansHebrew-Regular.ttf", "FrankRuehlCLM-Medium.ttf")
WIDE = ("DejaVuSans.ttf",)
"""Has Latin and digits beside Arabic and Hebrew, as mixed sentences need."""

CASES = (
    Case(BASIC, ()),
    Case(LATIN, ()),
    Case("French lines", (), (FRENCH,), is_line=True),
    Case("Arabic words", ARABIC, ("ar.dic", "Arab")),
    Case("Arabic words, Amiri", ("Amiri-Regular.ttf",), ("ar.dic", "Arab")),
    Case(
        "Hindi words",
        ("NotoSansDevanagari-Regular.ttf", "Lohit-Devanagari.ttf"),
        ("hi_IN.dic", "Deva"),
    ),
    Case("Thai words", ("NotoSansThai-Regular.ttf", "Garuda.ttf"), ("th_TH.dic", "Thai")),
    Case("Arabic sentences, mixed", WIDE, ("ar.dic", "Arab"), is_mixed=True),
    Case("Hebrew sentences, mixed", WIDE, ("he_IL.dic", "Hebr"), is_mixed=True),
    Case("Chinese lines", ("NotoSansCJK-Regular.ttc", "wqy-microhei.ttc"), ("Hani",), is_line=True),
)


@dataclass(frozen=True, slots=True)
class Row:
    """What drawing one kind of text costs."""

    what: str
    font: str
    """Empty for the twelve faces; what is missing, where there is no row to speak of."""
    num_words: int
    """Distinct ones; 0 for random text."""
    num_images: int
    num_alone: int
    """Of them, drawn one at a time."""
    cpu_us: Spread
    """Per picture."""
    over_latin: Spread
    """Over that of Latin text in layout full, round by round."""
    raqm_us: Spread
    """Per text, of Pillow with Raqm."""
    raqm_over: Spread
    """That over ours."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One round of one case."""

    cpu_us: float
    num_images: int
    num_alone: int
    raqm_us: float


class Bench:
    """A maker and its texts, new ones each round."""

    def __init__(self, case: Case, num_texts: int, num_raqm: int) -> None:
        self.case = case
        paths = _paths(case)
        self.is_missing = not paths
        if self.is_missing:
            return
        layout = "basic" if case.name == BASIC else "full"
        config = RunConfig(style=Style(font_sizes=work.FACE_SIZES_PX, layout=layout))
        fonts = read_fonts(paths)
        self.font = paths[0].name if case.fonts else ""
        covered = set(map(chr, fonts[0].code_points))
        words = sorted({word for word in _words(case.words) if word and covered.issuperset(word)})
        self.words = random.Random(0).sample(words, min(len(words), VOCABULARY))
        self._maker = PictureMaker(RenderSettings.of(config, fonts))
        self._faces = [
            ImageFont.truetype(path, size_px, layout_engine=ImageFont.Layout.RAQM)
            for path in paths
            for size_px in work.FACE_SIZES_PX
        ]
        self._num_texts, self._num_raqm = num_texts, num_raqm
        self._round = 0

    def run(self) -> Measured:
        """Draw a round's texts, then some of them plainly."""
        self._round += 1
        texts = self._texts()
        drawn = alone = 0
        begin_s = time.process_time()
        for start in range(0, len(texts), SHARD):
            shard = self._maker.prepare(texts.slice(start, min(start + SHARD, len(texts))), start)
            for batch in self._maker.draw(shard, _no_mark):
                drawn += len(batch.pictures)
                alone += batch.is_alone
        cpu_us = (time.process_time() - begin_s) / drawn * US
        return Measured(cpu_us, drawn, alone, self._raqm_us(texts))

    def _raqm_us(self, texts: RaggedTexts) -> float:
        if not (features.check("raqm") and features.check("fribidi")):
            return float("nan")
        some = [texts[index] for index in range(min(self._num_raqm, len(texts)))]
        begin_s = time.process_time()
        for index, text in enumerate(some):
            face = self._faces[index % len(self._faces)]
            face.getlength(text)
            face.getmask2(text, mode="L")
        return (time.process_time() - begin_s) / len(some) * US

    def _texts(self) -> RaggedTexts:
        if not self.case.words:
            frequency = work.balanced(self._num_texts).character_frequency
            balanced = BalancedText(character_frequency=frequency)
            return gather_chunks(balanced_chunks(balanced, self._round, None))
        rng = random.Random(self._round)
        if not (self.case.is_line or self.case.is_mixed):
            return pack_texts(rng.choices(self.words, k=self._num_texts))
        lines = [rng.choices(self.words, k=rng.randint(3, 6)) for _ in range(self._num_texts)]
        if self.case.is_mixed:
            for line in lines:
                for _ in range(2):
                    line.insert(rng.randrange(len(line) + 1), rng.choice(SENTENCE))
        return pack_texts([" ".join(line) for line in lines])


def _no_mark(_position: int | None) -> None:
    pass


def _paths(case: Case) -> list[Path]:
    if not case.fonts:
        return [bundled_fonts() / name for name in work.FACE_FONTS]
    folders = [bundled_fonts(), *filter(Path.is_dir, [work.SYSTEM_FONTS])]
    known = {path.name: path for path in find_font_files(folders)}
    return [known[name] for name in case.fonts if name in known][:1]


def _words(sources: Sequence[str]) -> list[str]:
    """Words of the first source that is there."""
    for source in sources:
        if " " in source:
            return source.split()
        if source.endswith(".dic"):
            path = Path("/usr/share/hunspell", source)
            if path.exists():
                lines = path.read_text(encoding="utf-8").splitlines()[1:]
                return [line.split("/")[0].strip() for line in lines if line]
        else:
            for line in (ROOT / "tests/words.txt").read_text(encoding="utf-8").splitlines():
                if line.startswith(f"{source} "):
                    return line.split()[1:]
    return []


def ask(setting: Setting) -> Answer:
    """Measure every case whose font this machine has."""
    num_texts, num_raqm = setting.num(9_000, 300), setting.num(300, 30)
    benches = [Bench(case, num_texts, num_raqm) for case in CASES]
    cases: dict[str, Callable[[], Measured]] = {
        bench.case.name: bench.run for bench in benches if not bench.is_missing
    }
    results = interleave(cases, setting.num(7, 1), setting.num(2, 1))
    latin_us = [each.cpu_us for each in results[LATIN]]
    rows = [
        _row(each, results[each.case.name], latin_us) for each in benches if not each.is_missing
    ]
    missing = [
        f"not asked, for want of {' or '.join(bench.case.fonts)}: {bench.case.name}"
        for bench in benches
        if bench.is_missing
    ]
    return Answer(NAME, rows, [_table(rows), *missing], lambda figure: _draw(figure, rows))


def _row(bench: Bench, rounds: Sequence[Measured], latin_us: Sequence[float]) -> Row:
    cpu_us, raqm_us = [each.cpu_us for each in rounds], [each.raqm_us for each in rounds]
    return Row(
        what=bench.case.name,
        font=bench.font,
        num_words=len(bench.words),
        num_images=rounds[-1].num_images,
        num_alone=rounds[-1].num_alone,
        cpu_us=spread(cpu_us),
        over_latin=ratios(cpu_us, latin_us),
        raqm_us=spread(raqm_us),
        raqm_over=ratios(raqm_us, cpu_us),
    )


def _table(rows: Sequence[Row]) -> str:
    header = ["text", "font", "words", "alone", "us/picture", "over Latin", "Raqm us", "Raqm over"]
    lines = [
        [
            *(row.what, row.font or "twelve faces", row.num_words, row.num_alone),
            *(row.cpu_us, row.over_latin, row.raqm_us, row.raqm_over),
        ]
        for row in rows
    ]
    return table(header, lines)


def _draw(figure: Any, rows: Sequence[Row]) -> None:
    axes = figure.subplots()
    plots.bars(axes, {row.what: row.cpu_us.median for row in rows}, "CPU us a picture, drawing")
    axes.set_title(QUESTION)


@click.command(NAME, help=QUESTION)
@asking.options
def command(out: Path, quick: bool) -> None:
    """Ask the question."""
    setting = Setting(quick, out)
    asking.deliver(ask(setting), setting)
