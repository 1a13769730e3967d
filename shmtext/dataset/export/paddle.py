"""PaddleOCR and OpenOCR: lists of path and text, a dictionary, and boxes for detection.

Lists stand in the export's folder, their ``data_dir``; readers take binary lines, cut them at tabs
and take the second field (``ppocr/data/simple_dataset.py``). A path that begins with ``[`` would be
read as a list of several: none of ours does.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import ClassVar

from shmtext.dataset.export.base import LABEL, Part, Portion, work
from shmtext.dataset.export.boxes import boxed_texts, corners
from shmtext.dataset.export.joined import Listing, keep, read_part
from shmtext.dataset.export.picture_files import Picture, PictureFiles, why_no_field
from shmtext.dataset.folder import OutputFolder
from shmtext.dataset.plan import Shard

DICTIONARY = "dict.txt"


class Paddle(PictureFiles):
    """``rec_gt_train.txt``, ``dict.txt``; ``det_gt_train.txt`` where there are boxes."""

    name: ClassVar[str] = "paddle"
    escapes: ClassVar[bool] = True

    def columns(self) -> Sequence[str]:
        """What boxes are made of, where there are any."""
        return ("text", "boxes", "box_characters") if self.asked.has_boxes else ()

    def listings(self, split: str) -> Sequence[Listing]:
        """One for recognition, one for detection."""
        recognition = Listing(f"rec_gt_{split}.txt")
        if not self.asked.has_boxes:
            return (recognition,)
        return recognition, Listing(f"det_gt_{split}.txt")

    def entries(self, picture: Picture) -> Sequence[str]:
        """A line in each."""
        path = f"{self.folder_of(picture.split)}{picture.path}"
        line = f"{path}\t{picture.label}\n"
        if not self.asked.has_boxes:
            return (line,)
        boxes = [
            {"transcription": text, "points": corners(box)}
            for box, text in boxed_texts(picture.row)
        ]
        return line, f"{path}\t{json.dumps(boxes, ensure_ascii=False)}\n"

    def why_unfit(self, label: str) -> str:
        """Whatever cuts lines or fields."""
        return why_no_field(label)

    def write(self, folder: OutputFolder, portion: Portion) -> int:
        """Likewise, and which characters the texts hold."""
        file_us = super().write(folder, portion)
        characters = {*"".join(portion.rows[LABEL].to_pylist())}
        path = _characters_path(portion.shard, portion.split)
        keep(folder, path, "".join(sorted(characters)).encode())
        return file_us

    def finish(self, folder: OutputFolder, parts: Sequence[Part]) -> None:
        """Join the lists; write the dictionary, a character a line."""
        super().finish(folder, parts)
        characters: set[str] = set()
        for part in parts:
            for split in self.asked.splits:
                path = _characters_path(part.shard, split)
                characters.update(read_part(folder, path).decode())
        # The space is what the setting use_space_char adds.
        lines = "".join(f"{character}\n" for character in sorted(characters - {" "}))
        folder.write_file(DICTIONARY, lines.encode(), sync=True)

    def loading(self, dest: str) -> Sequence[str]:
        """Settings of its configuration."""
        return (
            f"Global.character_dict_path={dest}/{DICTIONARY} Global.use_space_char=True "
            f"Train.dataset.data_dir={dest} "
            f"Train.dataset.label_file_list=['{dest}/rec_gt_{self.asked.splits[0]}.txt']",
        )

    def notes(self) -> Sequence[str]:
        """What a list of detection lacks."""
        if not self.asked.has_boxes or self.asked.options.unfit == "escape":
            return ()
        return ("pictures of several lines are in neither list: --unfit escape has them in both",)


def _characters_path(shard: Shard, split: str) -> str:
    return work(f"characters/{shard.name}.{split}")
