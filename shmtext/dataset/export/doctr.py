"""docTR: a split a folder, with ``labels.json``; ``det_labels.json`` where there are boxes.

``doctr/datasets/recognition.py`` joins each name to the images' folder and asks for every file as
it starts; ``detection.py`` reads polygons in pixels.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import ClassVar

from shmtext.dataset.containers.base import IMAGES
from shmtext.dataset.export.boxes import corners
from shmtext.dataset.export.joined import Listing, Section
from shmtext.dataset.export.picture_files import Picture, PictureFiles

_OBJECT = Section("{\n", ",\n", "\n}\n")


class DocTr(PictureFiles):
    """Flat objects by the pictures' names, from ``images/``."""

    name: ClassVar[str] = "doctr"
    needs_split: ClassVar[bool] = True

    def columns(self) -> Sequence[str]:
        """What polygons are made of, where there are boxes."""
        return ("boxes", "width_px", "height_px") if self.asked.has_boxes else ()

    def listings(self, split: str) -> Sequence[Listing]:
        """One for recognition, one for detection."""
        folder = self.folder_of(split)
        recognition = Listing(f"{folder}labels.json", (_OBJECT,))
        if not self.asked.has_boxes:
            return (recognition,)
        return recognition, Listing(f"{folder}det_labels.json", (_OBJECT,))

    def entries(self, picture: Picture) -> Sequence[str]:
        """A key and its value in each."""
        key = json.dumps(picture.path.removeprefix(f"{IMAGES}/"))
        entry = f"{key}: {json.dumps(picture.label, ensure_ascii=False)}"
        if not self.asked.has_boxes:
            return (entry,)
        polygons = {
            "img_dimensions": [picture.row["height_px"], picture.row["width_px"]],
            "img_hash": hashlib.sha256(picture.data).hexdigest(),
            "polygons": [corners(box) for box in picture.row["boxes"]],
        }
        return entry, f"{key}: {json.dumps(polygons)}"

    def loading(self, dest: str) -> Sequence[str]:
        """Its datasets."""
        folder = f"{dest}/{self.asked.splits[0]}"
        images, texts, boxes = (
            repr(f"{folder}/{name}") for name in ("images", "labels.json", "det_labels.json")
        )
        lines = [f"doctr.datasets.RecognitionDataset({images}, {texts})"]
        if self.asked.has_boxes:
            lines.append(f"doctr.datasets.DetectionDataset({images}, {boxes})")
        return lines

    def notes(self) -> Sequence[str]:
        """What its vocabularies lack."""
        return ("docTR's vocabs hold no space: train with one that has all characters of yours",)
