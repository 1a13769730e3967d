"""What do looks cost?

Effects one by one: drawing texts with that effect alone, less drawing the same texts with a look
that has none. Presets: whole runs, over the floor of their own pictures (as in ``stages``) and over
a plain run of the same texts. What stands beside them is ``looks_beside.py``'s.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import click

from bench import asking, looks_beside, plots, work
from bench.asking import Answer, Setting
from bench.looked import Drawing, Drawn, only, with_look
from bench.looks_beside import Others
from bench.measure import Spread, interleave, ratios, spread
from bench.places import scratch
from bench.rows import table
from bench.stages import Bench
from shmtext.config.looks import CLEAN, look_names
from shmtext.engine.renderer import Renderer
from shmtext.looks.colors import Colors
from shmtext.looks.registry import BY_NAME

NAME = "looks"
QUESTION = "What do looks cost?"

MODES = ("gray", "rgb")
PLAIN = "plain"
"""A run without a look."""


@dataclass(frozen=True, slots=True)
class EffectRow:
    """One effect in one colour mode."""

    effect: str
    kind: str
    mode: str
    num_images: int
    width_px: float
    """Of pictures that have it, on average."""
    height_px: float
    us: Spread
    """CPU time per picture that it adds."""


@dataclass(frozen=True, slots=True)
class LookRow:
    """Whole runs of one preset in one colour mode, or plain ones."""

    look: str
    mode: str
    num_images: int
    cpu_us: Spread
    """Per picture."""
    floor_us: Spread
    """Of encoding and writing the same pictures."""
    over_floor: Spread
    over_plain: Spread
    """Over a plain run, round by round."""


def ask(setting: Setting, others: Others | None = None) -> Answer:
    """Measure all effects and presets that there are, and what stands beside them."""
    with scratch() as home:
        effects = [row for mode in MODES for row in _effects(setting, mode, home)]
        looks = [row for mode in MODES for row in _looks(setting, mode, home)]
        beside, missing = looks_beside.ask(setting, others or Others(), home)
    width, height = (fmean(getattr(row, side) for row in effects) for side in SIDES)
    text = [
        f"Effects at their defaults, always done, on pictures of {width:.0f} x {height:.0f} px on "
        "average: what each adds to drawing with colours, these to drawing plainly, CPU "
        "us/picture.",
        _effects_table(effects),
        f"Whole runs, serial, of {looks[0].num_images:,} texts in twelve faces, JPEG of quality "
        "95; floor: the encoding and writing of the same pictures.",
        _looks_table(looks),
        *looks_beside.text_of(beside),
        *missing,
    ]
    more: dict[str, Sequence[Any]] = {"-presets": looks} | ({"-beside": beside} if beside else {})
    return Answer(NAME, effects, text, lambda figure: _draw(figure, effects, looks), more)


SIDES = ("width_px", "height_px")


def _effects(setting: Setting, mode: str, home: Path) -> list[EffectRow]:
    options = work.looked_at(setting.num(1_000, 10), mode=mode)
    # Colours bring all that any effect needs: a sheet, and the check. They stand beside no effect.
    colors = Colors()
    plain, colored = (Drawing({**options, "look": only(each)}) for each in ([], [colors]))
    rows = []
    for name, effect in BY_NAME.items():
        is_colors = effect is Colors
        without = plain if is_colors else colored
        # Made when its turn comes: forty of them would take a gigabyte and more.
        effects = [colors] if is_colors else [colors, effect()]
        with_it = Drawing(with_look(options, only(effects), home))
        case = {name: partial(_pair, without, with_it)}
        pairs = interleave(case, setting.num(7, 1), setting.num(1, 0))
        rows.append(_effect_row(name, mode, pairs[name]))
    return rows


def _pair(without: Drawing, with_it: Drawing) -> tuple[Drawn, Drawn]:
    """Draw twice, one right after the other: what the machine does hardly changes in between."""
    return without.run(), with_it.run()


def _effect_row(name: str, mode: str, pairs: Sequence[tuple[Drawn, Drawn]]) -> EffectRow:
    _, last = pairs[-1]
    return EffectRow(
        effect=name,
        kind=BY_NAME[name].kind.value,
        mode=mode,
        num_images=last.num_images,
        width_px=last.width_px,
        height_px=last.height_px,
        us=spread(with_it.cpu_us - without.cpu_us for without, with_it in pairs),
    )


def _effects_table(rows: Sequence[EffectRow]) -> str:
    us = {(row.effect, row.mode): row.us for row in rows}
    lines = [
        [name, effect.kind.value, *(us[name, mode] for mode in MODES)]
        for name, effect in BY_NAME.items()
    ]
    return table(["effect", "done to", *(f"us, {mode}" for mode in MODES)], lines)


def _looks(setting: Setting, mode: str, home: Path) -> list[LookRow]:
    options = work.twelve_faces(setting.num(5_000, 20), mode=mode)
    names = (PLAIN, *(name for name in look_names() if name != CLEAN))
    cases: dict[str, Callable[[], tuple[float, float]]] = {}
    with ExitStack() as stack:
        for name in names:
            looked = options if name == PLAIN else with_look(options, name, home)
            bench = Bench.of(looked, home / f"{name}-{mode}")
            renderer = stack.enter_context(Renderer(bench.config, engine="serial"))
            cases[name] = partial(_run_and_floor_us, bench, renderer)
        results = interleave(cases, setting.num(5, 1), setting.num(1, 0))
        num_images = len(bench.texts)
    plain_us = [run_us for run_us, _ in results[PLAIN]]
    return [_look_row(name, mode, num_images, results[name], plain_us) for name in names]


def _run_and_floor_us(bench: Bench, renderer: Renderer) -> tuple[float, float]:
    return bench.run(renderer).cpu_us, bench.floor().cpu_us


def _look_row(
    look: str,
    mode: str,
    num_images: int,
    results: Sequence[tuple[float, float]],
    plain_us: Sequence[float],
) -> LookRow:
    run_us, floor_us = zip(*results, strict=True)
    return LookRow(
        look=look,
        mode=mode,
        num_images=num_images,
        cpu_us=spread(run_us),
        floor_us=spread(floor_us),
        over_floor=ratios(run_us, floor_us),
        over_plain=ratios(run_us, plain_us),
    )


def _looks_table(rows: Sequence[LookRow]) -> str:
    header = ["look", "mode", "run, CPU us/picture", "floor, us", "over the floor", "over plain"]
    lines = [
        [row.look, row.mode, row.cpu_us, row.floor_us, row.over_floor, row.over_plain]
        for row in rows
    ]
    return table(header, lines)


def _draw(figure: Any, effects: Sequence[EffectRow], looks: Sequence[LookRow]) -> None:
    left, right = figure.subplots(1, 2)
    figure.set_size_inches(10.0, max(4.2, 0.17 * len(BY_NAME)))
    us = {row.effect: row.us.median for row in effects if row.mode == MODES[0]}
    plots.bars(left, us, f"CPU us/picture that an effect adds, {MODES[0]}")
    left.tick_params(axis="y", labelsize=7)
    bars = {
        f"{row.look} {row.mode}": {
            "encode and write": row.floor_us.median,
            "all else": row.cpu_us.median - row.floor_us.median,
        }
        for row in looks
    }
    plots.stacked_bars(right, bars, "CPU us/picture of a whole run")
    right.legend()
    figure.suptitle(QUESTION)


def _folder_option(name: str, help_text: str) -> Callable[[Any], Any]:
    return click.option(
        name, type=click.Path(exists=True, file_okay=False, path_type=Path), help=help_text
    )


@click.command(NAME, help=QUESTION)
@asking.options
@click.option(
    "--peer-python",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Python that imports albumentations or synthtiger; may be repeated.",
)
@_folder_option("--synthtiger", "Checkout of SynthTIGER, with its examples and resources.")
@_folder_option("--before", "Older checkout of this project: its plain runs stand beside ours.")
def command(out: Path, quick: bool, **others: Any) -> None:
    """Ask the question."""
    setting = Setting(quick, out)
    asked = Others(others["peer_python"], others["synthtiger"], others["before"])
    asking.deliver(ask(setting, asked), setting)
