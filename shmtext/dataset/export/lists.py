"""Formats whose lists are lines or JSON of a path and a text, and little else."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import ClassVar

from shmtext.dataset.export.base import Asked
from shmtext.dataset.export.boxes import bounds
from shmtext.dataset.export.joined import Listing, Section
from shmtext.dataset.export.picture_files import (
    Picture,
    PictureFiles,
    why_no_field,
    why_no_line,
    why_not_stripped,
)

SIZE = ("width_px", "height_px")

MISSING_VALUES = frozenset(
    (
        *("#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"),
        *("<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
    )
)
"""What ``pandas.read_csv`` takes for no value at all, unless it is told not to."""


class GroundTruth(PictureFiles):
    """``gt.txt``: path, tab, text, as the makers of LMDB environments read it.

    ``create_lmdb_dataset.py`` of clovaai/deep-text-recognition-benchmark cuts lines at their tabs.
    """

    name: ClassVar[str] = "gt"
    escapes: ClassVar[bool] = True

    def listings(self, split: str) -> Sequence[Listing]:
        """Beside the pictures' folder."""
        return (Listing(f"{self.folder_of(split)}gt.txt"),)

    def entries(self, picture: Picture) -> Sequence[str]:
        """One line."""
        return (f"{picture.path}\t{picture.label}\n",)

    def why_unfit(self, label: str) -> str:
        """Whatever cuts lines or fields."""
        return why_no_field(label)

    def loading(self, dest: str) -> Sequence[str]:
        """A maker of environments."""
        return (
            f"create_lmdb_dataset.py --inputPath {self.first_folder(dest)} "
            f"--gtFile {self.first_folder(dest)}/gt.txt --outputPath ...",
        )


class SynthTiger(GroundTruth):
    """SynthTIGER's: ``gt.txt``, and ``coords.txt`` where there are boxes.

    ``examples/synthtiger/template.py`` of clovaai/synthtiger: path, then x0,y0,x1,y1 of each
    character, tabs between.
    """

    name: ClassVar[str] = "synthtiger"

    def columns(self) -> Sequence[str]:
        """Boxes, where there are any."""
        return ("boxes",) if self.asked.has_boxes else ()

    def listings(self, split: str) -> Sequence[Listing]:
        """Beside the pictures' folder."""
        lists = super().listings(split)
        if not self.asked.has_boxes:
            return lists
        return (*lists, Listing(f"{self.folder_of(split)}coords.txt"))

    def entries(self, picture: Picture) -> Sequence[str]:
        """A line in each list."""
        lines = super().entries(picture)
        if not self.asked.has_boxes:
            return lines
        boxes = [",".join(map(str, bounds(box))) for box in picture.row["boxes"]]
        return (*lines, "\t".join((picture.path, *boxes)) + "\n")

    def loading(self, dest: str) -> Sequence[str]:
        """Whatever reads what SynthTIGER wrote."""
        return (f"as the output of synthtiger -o {self.first_folder(dest)}: gt.txt and images/",)


class Trdg(PictureFiles):
    """TRDG's with ``--name_format 2``: ``labels.txt``, path, space, text (``trdg/run.py``)."""

    name: ClassVar[str] = "trdg"
    escapes: ClassVar[bool] = True

    def listings(self, split: str) -> Sequence[Listing]:
        """Beside the pictures' folder."""
        return (Listing(f"{self.folder_of(split)}labels.txt"),)

    def entries(self, picture: Picture) -> Sequence[str]:
        """One line."""
        return (f"{picture.path} {picture.label}\n",)

    def why_unfit(self, label: str) -> str:
        """Whatever cuts lines."""
        return why_no_line(label)

    def loading(self, dest: str) -> Sequence[str]:
        """Plain Python."""
        path = f"{self.first_folder(dest)}/labels.txt"
        return (f"[line.rstrip('\\n').split(' ', 1) for line in open({path!r}, encoding='utf-8')]",)


class Tesstrain(PictureFiles):
    """``<name>.gt.txt`` beside each picture: tesstrain, kraken and Calamari.

    Their readers strip what stands at the ends of the one line there is.
    """

    name: ClassVar[str] = "tesstrain"
    escapes: ClassVar[bool] = True

    def beside(self, pictures: Sequence[Picture]) -> Mapping[str, bytes]:
        """A text a picture."""
        return {
            f"{picture.name.partition('.')[0]}.gt.txt": f"{picture.label}\n".encode()
            for picture in pictures
        }

    def why_unfit(self, label: str) -> str:
        """Whatever is no line, or less once it is stripped."""
        return why_not_stripped(label)

    def loading(self, dest: str) -> Sequence[str]:
        """Make, or kraken."""
        folder = self.first_folder(dest)
        tesstrain = f"make training MODEL_NAME=... GROUND_TRUTH_DIR={folder}"
        kraken = f"ketos train -f path {folder}/images/*/*.{self.asked.extension}"
        return (tesstrain, kraken) if self.asked.extension == "png" else (kraken,)

    def notes(self) -> Sequence[str]:
        """Tesstrain's makefile has rules for PNG and TIFF alone."""
        if self.asked.extension == "png":
            return ()
        return ("tesstrain reads .png and .tif alone: for it render with --image-format png",)


class EasyOcr(PictureFiles):
    """Folders of pictures with ``labels.csv``: ``trainer/dataset.py`` of JaidedAI/EasyOCR.

    It has had two readers, which agree unless a text holds a comma or a quote: one cuts each line
    at its first comma and knows no quotes, the other reads CSV, and takes some words for no value.
    """

    name: ClassVar[str] = "easyocr"
    escapes: ClassVar[bool] = True

    def entries(self, picture: Picture) -> Sequence[str]:
        """One line, of the folder's own list."""
        if self.asked.options.easyocr_quote != "csv":
            return (f"{picture.name},{picture.label}\n",)
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow((picture.name, picture.label))
        return (line.getvalue(),)

    def list_of_folder(self, entries: Sequence[Sequence[str]]) -> Mapping[str, bytes]:
        """Folders that hold no other are read, each with its list."""
        lines = "".join(line for (line,) in entries)
        return {"labels.csv": f"filename,words\n{lines}".encode()}

    def why_unfit(self, label: str) -> str:
        """What either reader, or that which was chosen, reads otherwise."""
        quote = self.asked.options.easyocr_quote
        if why := why_not_stripped(label):
            return why
        if quote == "either" and ("," in label or '"' in label):
            return "holds a comma or a quote, on which its readers differ: see --easyocr-quote"
        if quote != "never" and label in MISSING_VALUES:
            return "is a word that a reader of CSV takes for no value"
        return ""

    def loading(self, dest: str) -> Sequence[str]:
        """Settings of the trainer."""
        select = self.asked.splits[0] if self.asked.has_splits else "/"
        return (f"train_data: {dest}, select_data: {select}, batch_ratio: 1",)


class MmOcr(PictureFiles):
    """MMOCR 1.x: a JSON file a split (``docs/en/basic_concepts/datasets.md``)."""

    name: ClassVar[str] = "mmocr"

    def columns(self) -> Sequence[str]:
        """Pictures' sizes."""
        return SIZE

    def listings(self, split: str) -> Sequence[Listing]:
        """In the export's folder, which is their ``data_prefix``."""
        section = Section(
            '{"metainfo": {"dataset_type": "TextRecogDataset", "task_name": "textrecog"}, '
            '"data_list": [\n',
            ",\n",
            "\n]}\n",
        )
        return (Listing(f"textrecog_{split}.json", (section,)),)

    def entries(self, picture: Picture) -> Sequence[str]:
        """One object."""
        entry = {
            "img_path": f"{self.folder_of(picture.split)}{picture.path}",
            "height": picture.row["height_px"],
            "width": picture.row["width_px"],
            "instances": [{"text": picture.label}],
        }
        return (json.dumps(entry, ensure_ascii=False),)

    def loading(self, dest: str) -> Sequence[str]:
        """A configuration's dataset."""
        return (
            f"dict(type='OCRDataset', data_root={dest!r}, "
            f"ann_file='textrecog_{self.asked.splits[0]}.json')",
        )


class Jsonl(PictureFiles):
    """``labels.jsonl``: a label row a line, all columns, ``file_name`` from the list's folder."""

    name: ClassVar[str] = "jsonl"

    def __init__(self, asked: Asked) -> None:
        super().__init__(asked)
        left_out = ("file_name", "text", "num_bytes", "crc32")
        self._columns = [c.name for c in asked.schema.columns if c.name not in left_out]

    def columns(self) -> Sequence[str]:
        """All but the files' sums."""
        return self._columns

    def listings(self, split: str) -> Sequence[Listing]:
        """Beside the pictures' folder."""
        return (Listing(f"{self.folder_of(split)}labels.jsonl"),)

    def entries(self, picture: Picture) -> Sequence[str]:
        """One line."""
        row = {"file_name": picture.path, "text": picture.label, **picture.row}
        return (json.dumps(row, ensure_ascii=False) + "\n",)

    def loading(self, dest: str) -> Sequence[str]:
        """Plain Python."""
        path = f"{self.first_folder(dest)}/labels.jsonl"
        return (f"[json.loads(line) for line in open({path!r}, encoding='utf-8')]",)
