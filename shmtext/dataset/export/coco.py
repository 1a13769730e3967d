"""COCO-Text: one JSON file of pictures, of boxes with their texts, and which are whose.

As ``cocotext.v2.json`` has it (andreasveit/coco-text): ``imgs``, ``anns`` and ``imgToAnns``, by
number. A picture's number is its example's.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import ClassVar

from shmtext.dataset.export.boxes import bounds, boxed_texts, corners
from shmtext.dataset.export.joined import Listing, Section
from shmtext.dataset.export.picture_files import Picture, PictureFiles
from shmtext.errors import ConfigError

COCO_TEXT = "cocotext.v2.json"
BOXES_PER_PICTURE = 1_000_000
"""Numbers for the boxes of each; none has as many characters."""

_SECTIONS = (
    Section('{"info": {}, "cats": {},\n"imgs": {\n', ",\n", "\n},\n"),
    Section('"anns": {\n', ",\n", "\n},\n"),
    Section('"imgToAnns": {\n', ",\n", "\n}}\n"),
)


class CocoText(PictureFiles):
    """One file for all splits, each picture's ``set`` saying in which it is."""

    name: ClassVar[str] = "coco"

    def columns(self) -> Sequence[str]:
        """What annotations are made of."""
        return ("text", "example_index", "width_px", "height_px", "boxes", "box_characters")

    def check(self) -> None:
        """Raise ``ConfigError`` where there are no boxes."""
        if not self.asked.has_boxes:
            raise ConfigError(
                "coco is a format of boxes, and this run has none: render with --boxes characters"
            )
        super().check()

    def listings(self, split: str) -> Sequence[Listing]:
        """The same for all."""
        del split
        return (Listing(COCO_TEXT, _SECTIONS),)

    def entries(self, picture: Picture) -> Sequence[str]:
        """The picture, its annotations, and their numbers."""
        row = picture.row
        number = row["example_index"]
        image = {
            "id": number,
            "set": picture.split,
            "width": row["width_px"],
            "height": row["height_px"],
            "file_name": f"{self.folder_of(picture.split)}{picture.path}",
        }
        annotations = {}
        for k, (box, text) in enumerate(boxed_texts(row)):
            x0, y0, x1, y1 = bounds(box)
            annotation = {
                "id": number * BOXES_PER_PICTURE + k,
                "image_id": number,
                "bbox": [x0, y0, x1 - x0, y1 - y0],
                "area": (x1 - x0) * (y1 - y0),
                "mask": [value for point in corners(box) for value in point],
                "utf8_string": text,
                "class": "machine printed",
                "legibility": "legible",
            }
            annotations[annotation["id"]] = annotation
        objects = [
            f'"{k}": {json.dumps(each, ensure_ascii=False)}' for k, each in annotations.items()
        ]
        return (
            f'"{number}": {json.dumps(image)}',
            ",\n".join(objects),
            f'"{number}": {json.dumps(list(annotations))}',
        )

    def loading(self, dest: str) -> Sequence[str]:
        """Its API."""
        return (f"coco_text.COCO_Text('{dest}/{COCO_TEXT}')",)
