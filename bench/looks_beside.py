"""What stands beside looks: albumentations, SynthTIGER's example, and an older checkout of this.

The first has the same pictures and, of a look's effects, those that it has the like of. The second
makes what it makes. The third makes plain pictures.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2

from bench import work
from bench.asking import Setting
from bench.looked import US, Drawing, only, with_look
from bench.measure import Spread, cost_of, interleave, ratios, spread
from bench.peers import call_peer
from bench.places import ROOT, environment
from bench.rows import table
from bench.stages import Bench
from shmtext.config.looks import Look, preset_of
from shmtext.config.ranges import Range
from shmtext.engine.inspect import run_status
from shmtext.engine.renderer import Renderer
from shmtext.looks.effect import Effect

ALIKE, TIGER = "scan", "photo"
"""The presets that albumentations and SynthTIGER's example stand beside."""

PADDED = {"keep_size": False, "fill": 255, "border_mode": cv2.BORDER_CONSTANT}
WHITE = {"fill": 255, "border_mode": cv2.BORDER_CONSTANT}

Transform = tuple[str, dict[str, Any]]
"""Of albumentations: its name and arguments."""


def ends(values: Range, factor: float = 1) -> tuple[float, float]:
    """Both ends of a range."""
    return values.low * factor, values.high * factor


def ends_px(values: Range) -> tuple[int, int]:
    """Both ends, in whole pixels."""
    return int(values.low), int(values.high)


def sides(margins: Any) -> tuple[Range, ...]:
    """Margins as albumentations lists them: from the top, clockwise."""
    return margins.top_px, margins.right_px, margins.bottom_px, margins.left_px


TRANSFORMS: dict[str, Callable[[Any], Transform]] = {
    "margins": lambda e: ("CropAndPad", {"px": [ends_px(each) for each in sides(e)], **PADDED}),
    "stretch": lambda e: ("Affine", {"scale": {"x": ends(e.factor), "y": 1}, **WHITE}),
    "slant": lambda e: ("Affine", {"shear": {"x": ends(e.degrees), "y": 0}, **WHITE}),
    "elastic": lambda e: ("ElasticTransform", {"alpha": 40, "sigma": e.length_px.low / 4, **WHITE}),
    "perspective": lambda e: ("Perspective", {"scale": ends(e.share), **WHITE}),
    "shear": lambda e: ("Affine", {"shear": {"x": 0, "y": ends(e.degrees)}, **WHITE}),
    "rotation": lambda e: ("Rotate", {"limit": ends(e.degrees), **WHITE}),
    "weight": lambda _: ("Morphological", {"scale": (2, 3), "operation": "erosion"}),
    "colors": lambda _: ("RandomBrightnessContrast", {}),
    "gradient": lambda e: ("Illumination", {"intensity_range": ends(e.levels, 1 / 255)}),
    "shading": lambda _: ("Illumination", {"mode": "corner", "intensity_range": (0.01, 0.2)}),
    "defocus": lambda e: ("Defocus", {"radius": ends_px(e.radius_px)}),
    "motion": lambda e: ("MotionBlur", {"blur_limit": (3, max(3, int(e.length_px.high) | 1))}),
    "blur": lambda e: ("GaussianBlur", {"blur_limit": 0, "sigma_limit": ends(e.sigma_px)}),
    "shot": lambda e: ("ShotNoise", {"scale_range": ends(e.sigma, 1 / 64)}),
    "speckle": lambda e: (
        "MultiplicativeNoise",
        {"multiplier": (1 - e.sigma.high, 1 + e.sigma.high), "elementwise": True},
    ),
    "noise": lambda e: ("GaussNoise", {"std_range": ends(e.sigma, 1 / 255)}),
    "salt_pepper": lambda e: ("SaltAndPepper", {"amount": ends(e.share)}),
    "tone": lambda _: ("RandomGamma", {"gamma_limit": (70, 140)}),
    "fringes": lambda _: ("ChromaticAberration", {}),
    "resample": lambda e: ("Downscale", {"scale_range": ends(e.share)}),
    "jpeg": lambda e: ("ImageCompression", {"quality_range": ends(e.quality)}),
}
"""Of effects by name. Where units differ, what costs as much is taken."""


@dataclass(frozen=True, slots=True)
class BesideRow:
    """Something else, beside what we do in its place."""

    what: str
    ours: str
    version: str
    num_images: int
    cpu_us: Spread
    """Per picture."""
    ours_us: Spread
    over_ours: Spread


@dataclass(frozen=True, slots=True)
class Others:
    """Where there is something to stand beside."""

    pythons: Sequence[Path] = ()
    synthtiger: Path | None = None
    """A checkout of it with its examples and resources: no package has these."""
    before: Path | None = None
    """An older checkout of this project."""


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Something else and ours, made ready; each call measures one of them once, us a picture."""

    what: str
    version: str
    num_images: int
    theirs: Callable[[], float]
    ours_what: str
    ours: Callable[[], float]

    def row(self, setting: Setting) -> BesideRow:
        """Measure both, interleaved."""
        cases = {"theirs": self.theirs, "ours": self.ours}
        results = interleave(cases, setting.num(5, 1))
        return BesideRow(
            what=self.what,
            ours=self.ours_what,
            version=self.version,
            num_images=self.num_images,
            cpu_us=spread(results["theirs"]),
            ours_us=spread(results["ours"]),
            over_ours=ratios(results["theirs"], results["ours"]),
        )


def ask(setting: Setting, others: Others, home: Path) -> tuple[list[BesideRow], list[str]]:
    """Measure what there is, and tell what is missing."""
    rows: list[BesideRow] = []
    with ExitStack() as stack:
        pair = _albumentations(setting, others.pythons, home)
        rows += [pair.row(setting)] if pair else []
        tiger = _synthtiger(setting, others, home, stack)
        rows += [tiger.row(setting)] if tiger else []
        rows += [_before(setting, others.before, home).row(setting)] if others.before else []
    return rows, [
        *([] if pair else ["albumentations is not there: see --peer-python"]),
        *([] if tiger else ["SynthTIGER is not there: see --peer-python and --synthtiger"]),
    ]


def text_of(rows: Sequence[BesideRow]) -> list[str]:
    """Write rows as a table."""
    header = ["beside", "version", "CPU us/picture", "ours", "ours, us", "over ours"]
    lines = [
        [row.what, row.version, row.cpu_us, row.ours, row.ours_us, row.over_ours] for row in rows
    ]
    return [table(header, lines)] if rows else []


def alike(look: Look) -> list[Effect]:
    """The effects of a look that have their like."""
    return [effect for effect in look.effects if effect.name() in TRANSFORMS]


def transform_of(effect: Effect) -> Transform:
    """A transform like an effect, as often done."""
    name, arguments = TRANSFORMS[effect.name()](effect)
    return name, {**arguments, "p": effect.probability}


def _albumentations(setting: Setting, pythons: Sequence[Path], home: Path) -> Pair | None:
    effects = alike(preset_of(ALIKE))
    options = work.looked_at(setting.num(2_000, 40), mode="gray")
    plain, looked = Drawing(options), Drawing({**options, "look": only(effects)})
    folder = home / "plain"
    num_images = plain.write(folder)
    job = {
        "peer": "albumentations",
        "mode": "gray",
        "pictures": str(folder),
        "transforms": [transform_of(effect) for effect in effects],
    }
    found = _find(pythons, job, home)
    if found is None:
        return None
    python, version = found
    return Pair(
        what=f"albumentations: {', '.join(effect.name() for effect in effects)}",
        version=version,
        num_images=num_images,
        theirs=partial(_peer_us, python, job, num_images, home),
        ours_what="drawing with these, less drawing plainly",
        ours=lambda: looked.run().cpu_us - plain.run().cpu_us,
    )


def _synthtiger(setting: Setting, others: Others, home: Path, stack: ExitStack) -> Pair | None:
    if others.synthtiger is None:
        return None
    num_images = setting.num(60, 3)
    checkout = str(others.synthtiger.resolve())
    job = {"peer": "synthtiger", "checkout": checkout, "num_images": num_images}
    found = _find(others.pythons, job, home)
    if found is None:
        return None
    python, version = found
    options = with_look(work.twelve_faces(setting.num(5_000, 60), mode="rgb"), TIGER, home)
    bench = Bench.of(options, home / "beside-tiger")
    renderer = stack.enter_context(Renderer(bench.config, engine="serial"))
    return Pair(
        what="SynthTIGER's example",
        version=version,
        num_images=num_images,
        theirs=partial(_peer_us, python, job, num_images, home),
        ours_what=f"a whole run, look {TIGER}, RGB",
        ours=lambda: bench.run(renderer).cpu_us,
    )


def _find(pythons: Sequence[Path], job: dict[str, Any], home: Path) -> tuple[Path, str] | None:
    """The first environment that can do a job, and the version of what does it."""
    for python in pythons:
        found = call_peer(python, job, home)
        if not found.missing:
            return python, found.version
    return None


def _peer_us(python: Path, job: dict[str, Any], num_images: int, home: Path) -> float:
    return call_peer(python, job, home).cpu_s / num_images * US


def _before(setting: Setting, before: Path, home: Path) -> Pair:
    num_images = setting.num(60_000, 200)
    config = home / "before.toml"
    config.write_text(work.toml(work.twelve_faces(num_images)), encoding="utf-8")
    return Pair(
        what="a plain run by the command line, older checkout",
        version=before.name,
        num_images=num_images,
        theirs=partial(_command_us, before.resolve(), config, home),
        ours_what="by this one",
        ours=partial(_command_us, ROOT, config, home),
    )


def _command_us(checkout: Path, config: Path, home: Path) -> float:
    """Render with one worker, start-up included."""
    out = home / "out"
    arguments = ["--config", str(config), "--engine", "processes", "--workers", "1"]
    path = os.pathsep.join([str(checkout), environment()["PYTHONPATH"]])
    cost = cost_of(
        lambda: subprocess.run(
            [sys.executable, "-m", "shmtext", "render", str(out), *arguments],
            cwd=home,
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            check=True,
        )
    )
    num_images = run_status(out).num_images
    shutil.rmtree(out)
    return cost.cpu_s / num_images * US
