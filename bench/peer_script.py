"""One peer, in its own environment: run as a script by whatever Python has it installed.

``python peer_script.py job.json`` draws and saves texts with one library, its augmentation off,
and prints one line of JSON: times, and bytes of what was saved; or why the peer can't be asked. It
knows nothing of this project, which is not installed where it runs. Imports and preparations are
not timed.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

Job = dict[str, Any]
Times = tuple[float, float]


def pillow_loop(job: Job) -> tuple[Times, str]:
    """The ten lines that anybody would write."""
    from PIL import Image, ImageDraw, ImageFont  # noqa: PLC0415

    font = ImageFont.truetype(job["font"], job["size_px"], layout_engine=ImageFont.Layout.BASIC)
    mode, white, black = ("L", 255, 0) if job["mode"] == "gray" else ("RGB", "white", "black")

    def draw(text: str, path: str) -> None:
        left, top, right, bottom = (int(side) for side in font.getbbox(text))
        picture = Image.new(mode, (right - left, bottom - top), white)
        ImageDraw.Draw(picture).text((-left, -top), text, font=font, fill=black)
        picture.save(f"{path}.jpg", quality=job["jpeg_quality"])

    return one_by_one(job, draw), version("pillow")


def text_image_generator(job: Job) -> tuple[Times, str]:
    """Rust, by its Python binding; it draws, Pillow saves."""
    from PIL import Image  # noqa: PLC0415
    from text_image_generator import Generator  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415

    home = Path(job["home"])
    (home / "font").mkdir()
    shutil.copy(job["font"], home / "font")
    (home / "backgrounds").mkdir()
    Image.new("L", (64, 64), 255).save(home / "backgrounds" / "white.png")
    characters = sorted(set("".join(job["texts"])) - {" "})
    (home / "characters.txt").write_text("".join(f"{each}\t1\n" for each in characters))
    (home / "family.txt").write_text(f"{job['family']}\n")
    nothing = '[0.0, 1.0, "u"]'
    lines = {
        "FONT": {
            "font_dir": home / "font",
            "chinese_ch_file_path": home / "characters.txt",
            "main_font_list_file_path": home / "family.txt",
            "font_size": job["size_px"],
            "line_height": job["line_px"],
            "font_img_width": 4000,
            "font_img_height": job["line_px"],
        },
        "CV": {
            **dict.fromkeys(("box_prob", "perspective_prob", "blur_prob", "filter_prob"), 0.0),
            **dict.fromkeys(("emboss_prob", "sharp_prob"), 0.0),
            **{f"perspective_{axis}": nothing for axis in "xyz"},
            "blur_sigma": nothing,
        },
        "MERGE": {
            "bg_dir": home / "backgrounds",
            "bg_height": 64,
            "bg_width": 64,
            "height_diff": 10,
            **dict.fromkeys(("bg_alpha", "bg_beta", "font_alpha"), nothing),
            "reverse_prob": 0.0,
        },
    }
    config = home / "config.yaml"
    config.write_text(
        "".join(
            f"{section}:\n" + "".join(f"  {key}: {value}\n" for key, value in values.items())
            for section, values in lines.items()
        )
    )
    generator = Generator(str(config))
    # Name, upright, weight and width: of the fonts it knows, the one that is asked for.
    font = [(job["family"], 0, 400, 5)]

    def draw(text: str, path: str) -> None:
        picture = generator.gen_image_from_text_with_font_list(
            [(character, font) for character in text], (0, 0, 0), (255, 255, 255), False
        )
        Image.fromarray(picture).save(f"{path}.jpg", quality=job["jpeg_quality"])

    return one_by_one(job, draw), version("text-image-generator")


def neots(job: Job) -> tuple[Times, str]:
    """C++; one call a text, saved by itself."""
    generator = _neots_generator(job)

    def draw(text: str, path: str) -> None:
        generator.generate_instance(text, type="file", path=f"{path}.png")

    return one_by_one(job, draw), version("neots")


def neots_own_loop(job: Job) -> tuple[Times, str]:
    """The same library by its own loop: random texts of its own, of the same kind."""
    generator = _neots_generator(job)
    number = len(job["texts"])

    def draw_all() -> None:
        generator.generate(number, workers=1, show_progress=False)

    return timed(draw_all), version("neots")


def _neots_generator(job: Job) -> Any:
    from neots import SingleLineTextGenerator  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415

    home = Path(job["home"])
    characters = "".join(sorted(set("".join(job["texts"]))))
    lengths = [len(text) for text in job["texts"]]
    return SingleLineTextGenerator.from_config(
        {
            "text_sampler": {
                "min_targets": min(lengths),
                "max_targets": max(lengths),
                "font_size": job["size_px"],
                "vertical_prob": 0.0,
                "sample_strategy": "font-first",
                "font_list": [job["font"]],
            },
            "random_config": [{"type": "random", "prob": 1.0, "from_string": characters}],
            "bg_sampler": {
                "bg_image_prob": 0.0,
                "gray_bg_prob": 1.0,
                "text_color": "#000000",
                "bg_color": "#FFFFFF",
                "bg_list": [],
            },
            "post_process": {
                "text_effects": {"effect_prob": 0.0, "partial_effect_prob": 0.0},
                "text_paste": {
                    "scale_range": [1.0, 1.0],
                    "margin_range": [0, 0],
                    "offset_prob": 0.0,
                    "h_offset_range": [0, 0],
                    "v_offset_range": [0, 0],
                },
                "transforms": {
                    "rotation_prob": 0.0,
                    "rotation_range": [0, 0],
                    "distortion_prob": 0.0,
                    "distortion_level": 0.0,
                },
            },
            "generate": {
                "output_height": job["line_px"],
                "retry_on_error": False,
                "out_jsonl": str(home / "labels.jsonl"),
                "out_dir": job["out"],
                "batchsize": 1000,
                "hierarchical_structure": [100, 625],
            },
        }
    )


def trdg(job: Job) -> tuple[Times, str]:
    """TextRecognitionDataGenerator from strings, plain white background, nothing skewed."""
    from trdg.generators import GeneratorFromStrings  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415

    texts = job["texts"]
    pictures = GeneratorFromStrings(
        texts,
        count=2 * len(texts),
        fonts=[job["font"]],
        size=job["size_px"],
        background_type=1,
        text_color="#000000",
        margins=(0, 0, 0, 0),
        fit=True,
    )

    def draw(_text: str, path: str) -> None:
        picture, _label = next(pictures)
        picture.save(f"{path}.jpg", quality=job["jpeg_quality"])

    return one_by_one(job, draw), version("trdg")


def albumentations(job: Job) -> tuple[Times, str]:
    """A chain of its transforms, by name and arguments, over a folder's pictures; saves none."""
    os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # it asks the network for its latest version
    import albumentations  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415
    import cv2  # noqa: PLC0415

    cv2.setNumThreads(1)
    flag = cv2.IMREAD_GRAYSCALE if job["mode"] == "gray" else cv2.IMREAD_COLOR
    paths = sorted(Path(job["pictures"]).iterdir())
    pictures = [cv2.imread(str(path), flag) for path in paths]
    chain = albumentations.Compose(
        [getattr(albumentations, name)(**arguments) for name, arguments in job["transforms"]]
    )
    for picture in pictures[:50]:
        chain(image=picture)

    def change_all() -> None:
        for picture in pictures:
            chain(image=picture)

    return timed(change_all), version("albumentations")


def synthtiger(job: Job) -> tuple[Times, str]:
    """The template of its own examples, with the settings that lie beside it."""
    import synthtiger as tiger  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415

    os.chdir(job["checkout"])  # its settings name resources from there
    script = "examples/synthtiger/template.py"
    config = tiger.read_config("examples/synthtiger/config_horizontal.yaml")
    tiger.set_global_random_seed(0)
    template = tiger.read_template(script, "SynthTiger", config)
    template.init_save(job["out"])

    def draw_all() -> None:
        made = tiger.generator(script, "SynthTiger", config, count=job["num_images"], seed=0)
        for number, data in made:
            template.save(job["out"], data, number)

    times = timed(draw_all)
    template.end_save(job["out"])
    return times, version("synthtiger")


def one_by_one(job: Job, draw: Callable[[str, str], None]) -> Times:
    """Warm up, then time one call a text."""
    out = Path(job["out"])
    warm = out.parent / "warm"
    warm.mkdir(exist_ok=True)
    for number, text in enumerate(job["texts"][:50]):
        draw(text, str(warm / str(number)))

    def draw_all() -> None:
        for number, text in enumerate(job["texts"]):
            draw(text, f"{out}/{number:06d}")

    return timed(draw_all)


def timed(call: Callable[[], None]) -> Times:
    """Wall and CPU time of this process, all its threads included."""
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - wall_s, time.process_time() - cpu_s


PEERS = {
    "pillow": pillow_loop,
    "text_image_generator": text_image_generator,
    "neots": neots,
    "neots, own loop": neots_own_loop,
    "trdg": trdg,
    "albumentations": albumentations,
    "synthtiger": synthtiger,
}


def main() -> None:
    """Do one job."""
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    Path(job["out"]).mkdir()
    # Some peers greet on standard output: the answer must be alone there.
    answer_fd = os.dup(1)
    os.dup2(2, 1)
    with contextlib.redirect_stdout(sys.stderr):
        try:
            (wall_s, cpu_s), peer_version = PEERS[job["peer"]](job)
        except ImportError as error:
            answer: dict[str, Any] = {"missing": f"not importable: {error}"}
        except (TypeError, ValueError, AttributeError, OSError) as error:
            # A peer of another version, or one that today's Pillow has left behind.
            answer = {"missing": f"failed: {type(error).__name__}: {error}"}
        else:
            files = [path for path in Path(job["out"]).rglob("*") if path.is_file()]
            answer = {
                "wall_s": wall_s,
                "cpu_s": cpu_s,
                "version": peer_version,
                "num_files": len(files),
                "num_bytes": sum(path.stat().st_size for path in files),
            }
    os.write(answer_fd, f"{json.dumps(answer)}\n".encode())


if __name__ == "__main__":
    main()
