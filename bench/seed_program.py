"""The program it began with, written anew for current Pillow: same parameters, same dispatch.

``TextGenerator`` makes balanced random text as Python strings, and renders them in rounds of
``workers`` tasks on an executor; each task is a bound method with one text. With threads that costs
nothing. With processes each task pickles the method, with it the object, and with that every text.
It is a baseline: what is wrong with it is the question, and is kept.
"""

from __future__ import annotations

import csv
import random
import string
import textwrap
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, as_completed
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

Color = tuple[int, int, int]

NUM_DIGITS = 7


@dataclass(frozen=True, slots=True)
class Look:
    """What may be drawn; of each list one is chosen for each picture."""

    fonts: tuple[str, ...]
    font_sizes: tuple[int, ...] = (32,)
    font_colors: tuple[Color, ...] = ((0, 0, 0),)
    background_colors: tuple[Color, ...] = ((255, 255, 255),)
    max_chars_per_line: int = 80


@dataclass(frozen=True, slots=True)
class TextPlan:
    """How much text is made, and how it is cut."""

    character_frequency: int
    min_example_size: int = 5
    max_example_size: int = 20
    split_letters: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.min_example_size <= self.max_example_size:
            raise ValueError("example sizes must be positive, the smaller one first")


class TextGenerator:
    """Makes texts, renders them, keeps a table of labels."""

    def __init__(
        self, plan: TextPlan, look: Look, output_dir: Path, executor: Callable[[int], Executor]
    ) -> None:
        self.plan = plan
        self.look = look
        self.output_dir = output_dir
        self.executor = executor
        self.examples: list[str] = []
        self.labels: list[tuple[str, str]] = []

    def make_text(
        self,
        letters: str = string.ascii_letters,
        numbers: str = string.digits,
        space_freq: float = 1,
    ) -> None:
        """Fill ``examples``: every character equally often, shuffled, cut at random."""
        plan = self.plan
        characters: list[str] = []
        for group in (letters, numbers):
            characters += list(group) * plan.character_frequency
            characters += [" "] * int(space_freq * plan.character_frequency)
        random.shuffle(characters)
        text = "".join(characters)
        start = 0
        while len(text) - start >= plan.min_example_size:
            size = random.randint(plan.min_example_size, plan.max_example_size)
            example = text[start : start + size]
            self.examples.append(example)
            if plan.split_letters:
                self.examples += self._spelled_out(example)
            start += size

    def generate(self, max_images: int, workers: int) -> int:
        """Render ``max_images`` texts from the end of the list, write labels; return how many."""
        num_submitted = 0
        with self.executor(workers) as pool:
            while num_submitted < max_images and self.examples:
                texts = [self.examples.pop() for _ in range(min(workers, len(self.examples)))]
                texts = texts[: max_images - num_submitted]
                futures = [
                    pool.submit(self.render, text, num_submitted + number)
                    for number, text in enumerate(texts)
                ]
                num_submitted += len(texts)
                self.labels += [
                    label for future in as_completed(futures) if (label := future.result())
                ]
        self.write_labels()
        return num_submitted

    def render(self, text: str, number: int) -> tuple[str, str] | None:
        """Draw one text and save it; return its row of labels. Runs in the pool."""
        return save_picture(text, number, self.look, self.output_dir)

    def write_labels(self) -> None:
        """Write ``labels.csv``."""
        with (self.output_dir / "labels.csv").open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(("filename", "label"))
            rows.writerows(sorted(self.labels))

    def _spelled_out(self, example: str) -> list[str]:
        width = min(self.plan.max_example_size, self.look.max_chars_per_line)
        lines = textwrap.wrap(" ".join(example), width)
        return [line for line in lines if len(line) >= self.plan.min_example_size]


def save_picture(text: str, number: int, look: Look, output_dir: Path) -> tuple[str, str] | None:
    """Draw one text as the program did, font opened for each picture; None if it is blank."""
    lines = textwrap.wrap(text, look.max_chars_per_line)
    if not lines:
        return None
    font = ImageFont.truetype(random.choice(look.fonts), random.choice(look.font_sizes))
    background = random.choice(look.background_colors)
    color = random.choice(look.font_colors)
    picture = _draw(lines, font, background, color)
    name = f"{number:0{NUM_DIGITS}d}.jpg"
    cv2.imwrite(str(output_dir / name), picture)
    return name, "\n".join(lines)


def _draw(
    lines: Sequence[str], font: ImageFont.FreeTypeFont, background: Color, color: Color
) -> np.ndarray:
    # ``getsize``, which the program used, is gone from Pillow; the box's far corner is what it was.
    sizes = [font.getbbox(line)[2:] for line in lines]
    width = max(int(width) for width, _ in sizes)
    picture = Image.new("RGB", (width, sum(int(height) for _, height in sizes)), background)
    canvas = ImageDraw.Draw(picture)
    top = 0
    for line, (_, height) in zip(lines, sizes, strict=True):
        canvas.text((0, top), line, fill=color, font=font)
        top += int(height)
    return np.array(picture)
