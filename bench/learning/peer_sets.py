"""Pictures of other tools, made in an environment that has one of them, for ``learn`` to train on.

    PYTHON bench/learning/peer_sets.py trdg       TEXTS OUT [--fonts FOLDER]
    PYTHON bench/learning/peer_sets.py synthtiger TEXTS OUT --checkout FOLDER --fonts FOLDER

``bench/make_peers.sh`` makes such environments. One picture for each line of TEXTS, in files beside
a ``gt.txt`` that names each with its text; the CPU time that it took is printed. A script without
this project: what is installed there is the tool alone. What is learnt of them is not known here.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import time
from pathlib import Path
from typing import Any

TRDG_SIZE_PX = 48
"""Of whole lines; its default of 32 leaves letters no larger than 20 px."""


def draw_trdg(texts: list[str], given: argparse.Namespace) -> None:
    """TextRecognitionDataGenerator with what its users commonly ask for.

    Each text once: skewed by up to 5 degrees and blurred by up to 1 at random, bent by one of its
    distortions or none, dark gray of any level on one of its papers, at any of its sizes.
    """
    import trdg  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415
    from trdg.generators import GeneratorFromStrings  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415

    own = Path(trdg.__file__).parent / "fonts" / "latin"
    fonts = [str(path) for path in fonts_in(given.fonts or own)]
    draw = random.Random(0)
    random.seed(0)  # its own draws
    (given.out / "images").mkdir(parents=True)
    with open(given.out / "gt.txt", "w", encoding="utf-8") as labels:
        for number, text in enumerate(texts):
            pictures = GeneratorFromStrings(
                [text],
                count=1,
                fonts=[draw.choice(fonts)],  # of several, it takes the first for a first picture
                size=TRDG_SIZE_PX,
                skewing_angle=5,
                random_skew=True,
                blur=1,
                random_blur=True,
                background_type=draw.randrange(3),
                distorsion_type=draw.choice((0, 0, 1, 2)),
                distorsion_orientation=draw.randrange(3),
                text_color="#000000,#888888",
                margins=tuple(draw.randrange(6) for _ in range(4)),
                fit=True,
            )
            picture, label = next(pictures)
            name = f"images/{number:06d}.jpg"
            picture.convert("RGB").save(given.out / name, quality=draw.randint(50, 95))
            labels.write(f"{name}\t{label}\n")


def draw_synthtiger(texts: list[str], given: argparse.Namespace) -> None:
    """The template of its own examples with the settings beside it, but for texts and fonts.

    It draws from the texts with its own changes of case and its own mixtures, as the settings say.
    """
    import synthtiger  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415

    out, given_texts, fonts = (path.resolve() for path in (given.out, given.texts, given.fonts))
    with_characters(fonts, out / "fonts")
    os.chdir(given.checkout)  # its settings name resources from there
    script = "examples/synthtiger/template.py"
    config = synthtiger.read_config("examples/synthtiger/config_horizontal.yaml")
    config["corpus"]["args"][0].update(paths=[str(given_texts)], weights=[1])
    config["font"]["paths"] = [str(out / "fonts")]
    synthtiger.set_global_random_seed(0)
    template = synthtiger.read_template(script, "SynthTiger", config)
    template.init_save(str(out))
    made = synthtiger.generator(
        script, "SynthTiger", config, count=len(texts), worker=given.workers, seed=0
    )
    for number, (_, data) in enumerate(made):
        template.save(str(out), data, number)
    template.end_save(str(out))
    for worker in multiprocessing.active_children():  # they wait for more; then their time counts
        worker.terminate()
        worker.join()


def with_characters(fonts: Path, folder: Path) -> None:
    """Link fonts into a folder, each beside a list of its characters: it draws no others."""
    from fontTools.ttLib import TTFont  # noqa: PLC0415 - it needs this itself

    folder.mkdir(parents=True)
    for number, path in enumerate(fonts_in(fonts)):
        characters = "".join(map(chr, sorted(TTFont(path).getBestCmap())))
        (folder / f"{number}{path.suffix}").symlink_to(path)
        (folder / f"{number}.txt").write_text(characters, encoding="utf-8", errors="ignore")


def fonts_in(folder: Path) -> list[Path]:
    """Font files of a folder and of those in it."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".ttf", ".otf"))


PEERS: dict[str, Any] = {"trdg": draw_trdg, "synthtiger": draw_synthtiger}


def main() -> None:
    """Make one set."""
    parser = argparse.ArgumentParser(description="Make a set of pictures with another tool.")
    parser.add_argument("peer", choices=list(PEERS))
    parser.add_argument("texts", type=Path, help="UTF-8, one a line")
    parser.add_argument("out", type=Path, help="folder to be made")
    parser.add_argument("--fonts", type=Path, help="folder of fonts (TRDG has some of its own)")
    parser.add_argument("--checkout", type=Path, help="SynthTIGER with its examples and resources")
    parser.add_argument("--workers", type=int, default=1, help="processes, of SynthTIGER alone")
    given = parser.parse_args()
    if given.peer == "synthtiger" and not (given.checkout and given.fonts):
        parser.error("synthtiger needs --checkout and --fonts: no package has its examples")
    if given.out.exists():
        parser.error(f"{given.out} is there: name a folder that is not")
    begin_s = time.monotonic()
    PEERS[given.peer](given.texts.read_text(encoding="utf-8").splitlines(), given)
    used = os.times()
    cpu_s = used.user + used.system + used.children_user + used.children_system
    print(f"{given.out}: {cpu_s:.0f} s of CPU, {time.monotonic() - begin_s:.0f} s in all")


if __name__ == "__main__":
    main()
