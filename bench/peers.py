"""What would a user pick instead?

A plain Pillow loop always; other libraries where an environment that the user names has them. All
draw the same texts in the same font at the same size, black on white, augmentation off, files in
memory. Pictures differ in their margins and formats, so that every peer stands beside a run of
shmtext of its own format and colour mode.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import click
from PIL import ImageFont

from bench import asking, peer_script, plots, work
from bench.asking import Answer, Setting
from bench.measure import Spread, Watching, interleave, ratios, spread
from bench.places import ONE_FONT, scratch
from bench.rows import table
from shmtext.config import config_from_options
from shmtext.engine.renderer import Renderer

NAME = "peers"
QUESTION = "What would a user pick instead?"

SIZE_PX = 32
JPEG_QUALITY = 95
TIMEOUT_S = 900

STYLES = {"jpg gray": ("jpg", "gray"), "jpg rgb": ("jpg", "rgb"), "png rgb": ("png", "rgb")}
PEER_STYLES = {
    "pillow": ("jpg gray", "jpg rgb"),
    "text_image_generator": ("jpg rgb",),
    "neots": ("png rgb",),
    "neots, own loop": ("png rgb",),
    "trdg": ("jpg rgb",),
}
"""What each can make; another peer is a line here and a function in ``peer_script``."""

SLOW_PEERS = {"trdg": 24}
"""Given one in so many of the texts: a hundred times slower than the others."""


@dataclass(frozen=True, slots=True)
class Row:
    """One tool in one format."""

    tool: str
    version: str
    style: str
    """Format and colour mode."""
    num_images: int
    images_per_cpu_s: Spread
    cpu_us: Spread
    """Per image; imports and preparations are not counted, for nobody."""
    bytes_per_image: float
    shmtext_over_it: Spread
    """Images per CPU-second of shmtext over its, in the same style, round by round."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of one tool; ``missing`` says why there is none."""

    cpu_s: float = 0.0
    num_images: int = 0
    num_bytes: int = 0
    version: str = ""
    missing: str = ""


def ask(setting: Setting, peer_pythons: Sequence[Path] = ()) -> Answer:
    """Measure shmtext, the Pillow loop, and whatever else is importable."""
    num_images = setting.num(12_000, 500)
    with scratch() as home, ExitStack() as stack:
        cases: dict[str, Callable[[], Measured]] = {}
        texts: list[str] = []
        folders = count()
        for style, (image_format, mode) in STYLES.items():
            options = work.one_face(
                num_images * 2,
                image_format=image_format,
                mode=mode,
                jpeg_quality=JPEG_QUALITY,
                max_images=num_images,
            )
            config = config_from_options(options)
            texts = texts or list(work.texts_of(config))
            renderer = stack.enter_context(Renderer(config, workers=1, engine="processes"))
            cases[f"shmtext/{style}"] = partial(_shmtext, renderer, home, folders)
        absent: dict[str, str] = {}
        for peer, styles in PEER_STYLES.items():
            absent[peer] = "not importable: name an environment that has it with --peer-python"
            given = texts[:: SLOW_PEERS.get(peer, 1)]
            for python in [Path(sys.executable)] if peer == "pillow" else peer_pythons:
                found = {
                    style: partial(_peer, python, peer, style, given, home) for style in styles
                }
                absent[peer] = next(iter(found.values()))().missing
                if not absent[peer]:
                    cases |= {f"{peer}/{style}": case for style, case in found.items()}
                    break
        results = interleave(cases, setting.num(5, 1))
    rows = _rows(results)
    text = [
        f"{num_images:,} texts of 5 to 20 letters and digits, DejaVu Sans at {SIZE_PX} px, JPEG of "
        f"quality {JPEG_QUALITY} or PNG. shmtext is a whole run by one worker, labels, checksums "
        "and commits included; the others draw and save.",
        _table(rows),
        *(f"{peer}: {reason}" for peer, reason in absent.items() if reason),
    ]
    return Answer(NAME, rows, text, lambda figure: _draw(figure, rows))


def _shmtext(renderer: Renderer, home: Path, folders: count[int]) -> Measured:
    out = home / f"shmtext{next(folders)}"
    watching = Watching()
    summary = renderer.render(out)
    cpu_s = watching.cost().cpu_s
    shutil.rmtree(out)
    return Measured(cpu_s, summary.num_images, summary.image_bytes)


def _peer(python: Path, peer: str, style: str, texts: list[str], home: Path) -> Measured:
    face = ImageFont.truetype(ONE_FONT, SIZE_PX, layout_engine=ImageFont.Layout.BASIC)
    job = {
        "peer": peer,
        "texts": texts,
        "font": str(ONE_FONT),
        "family": face.getname()[0],
        "size_px": SIZE_PX,
        "line_px": sum(face.getmetrics()),
        "mode": STYLES[style][1],
        "jpeg_quality": JPEG_QUALITY,
    }
    return call_peer(python, job, home)


def call_peer(python: Path, job: dict[str, Any], home: Path) -> Measured:
    """Let an environment's Python do a job of ``peer_script``, in a folder that is removed."""
    place = home / "peer"
    place.mkdir()
    path = place / "job.json"
    path.write_text(
        json.dumps({**job, "home": str(place), "out": str(place / "out")}), encoding="utf-8"
    )
    done = subprocess.run(
        [str(python), peer_script.__file__, str(path)],
        cwd=place,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    shutil.rmtree(place)
    if done.returncode != 0:
        last_line = (done.stderr.strip().splitlines() or ["no word"])[-1]
        return Measured(missing=f"ended with exit code {done.returncode}: {last_line}")
    answer = json.loads(done.stdout.splitlines()[-1])
    if "missing" in answer:
        return Measured(missing=answer["missing"])
    return Measured(answer["cpu_s"], answer["num_files"], answer["num_bytes"], answer["version"])


def _rows(results: dict[str, list[Measured]]) -> list[Row]:
    rates = {
        name: [each.num_images / each.cpu_s for each in found] for name, found in results.items()
    }
    rows = []
    for name, found in results.items():
        tool, _, style = name.rpartition("/")
        rows.append(
            Row(
                tool=tool,
                version=found[0].version,
                style=style,
                num_images=found[0].num_images,
                images_per_cpu_s=spread(rates[name]),
                cpu_us=spread(each.cpu_s / each.num_images * 1e6 for each in found),
                bytes_per_image=found[0].num_bytes / found[0].num_images,
                shmtext_over_it=ratios(rates[f"shmtext/{style}"], rates[name]),
            )
        )
    return rows


def _table(rows: list[Row]) -> str:
    header = [
        *("tool", "version", "format", "images per CPU-second", "CPU us/image", "bytes/image"),
        "shmtext over it",
    ]
    lines = [
        [
            *(row.tool, row.version, row.style, row.images_per_cpu_s, row.cpu_us),
            *(row.bytes_per_image, row.shmtext_over_it),
        ]
        for row in rows
    ]
    return table(header, lines)


def _draw(figure: Any, rows: list[Row]) -> None:
    axes = figure.subplots()
    of = {f"{row.tool}, {row.style}": row.images_per_cpu_s.median for row in rows}
    plots.bars(axes, of, "images per CPU-second")
    axes.set_title(QUESTION)


@click.command(NAME, help=QUESTION)
@asking.options
@click.option(
    "--peer-python",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Python that imports text_image_generator, neots or trdg; may be repeated.",
)
def command(out: Path, quick: bool, peer_python: tuple[Path, ...]) -> None:
    """Ask the question."""
    setting = Setting(quick, out)
    asking.deliver(ask(setting, peer_python), setting)
