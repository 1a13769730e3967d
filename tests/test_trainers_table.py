"""The table of trainers in ``docs/trainers.md``: commands do what they say, lines load it all.

Lines that need a trainer's own libraries are for ``-m readers``; settings of trainers that install
from nowhere are given to readers written from what these do.
"""

from __future__ import annotations

import glob
import importlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import export_readers
import pyarrow.parquet as pq
import pytest
from fault_runs import DONE, run
from pages import PAGES
from test_readme import do

import shmtext

ROWS = {
    name: (command, cell)
    for name, command, cell in re.findall(
        r"^\| ([^|]+) \| `(shmtext [^|]+?)` \| `(.*)` \|$", PAGES["docs/trainers.md"], re.M
    )
}
"""What stands in the table, by its first column."""

OF_LIBRARIES = {
    "PyTorch, as it is": ("torch",),
    "WebDataset": ("webdataset",),
    "Hugging Face datasets": ("datasets",),
    "the same, with splits, for the Hub": ("datasets",),
    "the same (3.4 on), at most 100,000": ("datasets",),
    "docTR": ("doctr", "torch"),
    "MosaicML Streaming": ("streaming",),
}
"""Rows that can't be read without what they are for."""


class Made:
    """A folder in which commands of the table are run as printed, each once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._done: set[str] = set()

    def by(self, command: str) -> str:
        """Run a command, and those before it; return the run that it is about."""
        for each in (ROWS["PyTorch, as it is"][0], command):
            if each not in self._done:
                do(["bash", "-ec", each], self._folder)
                self._done.add(each)
        words = command.split()
        return "out" if words[1] == "export" else words[2]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    folder = tmp_path_factory.mktemp("trainers")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield Made(folder)


def num_images(out: str) -> int:
    return int(pq.read_metadata(Path(out, "metadata.parquet")).num_rows)


def evaluated(cell: str, **names: Any) -> Any:
    modules = {"glob": glob.glob, "json": json, "shmtext": shmtext}
    return eval(cell, {**modules, **names})


def of_lmdb(cell: str) -> int:
    lmdb = pytest.importorskip("lmdb")
    with evaluated(cell, lmdb=lmdb) as opened, opened.begin() as transaction:
        return int(transaction.get(b"num-samples"))


def of_paddle(cell: str) -> int:
    folder, listing, characters = re.fullmatch(
        r"Train\.dataset\.data_dir=(\S+) Train\.dataset\.label_file_list=\['(\S+)'\] "
        r"Global\.character_dict_path=(\S+)",
        cell,
    ).groups()  # type: ignore[union-attr]
    assert (f"{folder}/rec_gt_train.txt", f"{folder}/dict.txt") == (listing, characters)
    return len(export_readers.paddle(Path(folder), None))


def of_easyocr(cell: str) -> int:
    folder, select = re.fullmatch(r"train_data: (\S+)`, `select_data: (\S+)", cell).groups()  # type: ignore[union-attr]
    assert select == "/"
    read = export_readers.easyocr_csv(Path(folder), None)
    assert export_readers.easyocr_cut(Path(folder), None) == read
    return len(read)


def of_mmocr(cell: str) -> int:
    dataset = evaluated(cell)
    listing = json.loads(Path(dataset["data_root"], dataset["ann_file"]).read_text("utf-8"))
    return len(export_readers.mmocr(Path(dataset["data_root"]), None)) and len(listing["data_list"])


def of_kraken(cell: str) -> int:
    pattern = cell.removeprefix("ketos train -f path ")
    pictures = [Path(name) for name in glob.glob(pattern)]
    texts = [each.with_suffix(".gt.txt").read_text("utf-8") for each in pictures]
    return sum(map(bool, texts))


def of_maker(cell: str) -> int:
    folder, listing = re.search(r"--inputPath (\S+) --gtFile (\S+)", cell).groups()  # type: ignore[union-attr]
    assert f"{folder}/gt.txt" == listing
    return len(export_readers.gt(Path(folder), None))


def of_pairs(cell: str) -> int:
    pairs = evaluated(cell)
    folder = cell.partition('open("')[2].partition("/")[0]
    return sum(Path(folder, path).is_file() and bool(text) for path, text in pairs)


def of_coco(cell: str) -> int:
    found = evaluated(cell)
    assert all(annotation["utf8_string"] for annotation in found["anns"].values())
    return sum(Path("coco", image["file_name"]).is_file() for image in found["imgs"].values())


READERS: dict[str, Callable[[str], int]] = {
    "PARSeq, DTRB, PaddleOCR (`LMDBDataSet`), MMOCR, OpenOCR": of_lmdb,
    "PaddleOCR, OpenOCR (`SimpleDataSet`)": of_paddle,
    "EasyOCR": of_easyocr,
    "MMOCR": of_mmocr,
    "tesstrain, kraken, Calamari": of_kraken,
    "makers of LMDB": of_maker,
    "TRDG's layout": of_pairs,
    "SynthTIGER's": of_pairs,
    "COCO-Text": of_coco,
    "whatever reads lines": lambda cell: len(evaluated(cell)),
}


# The lines of the page leave it to Python to close files.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_what_is_printed_makes_and_loads_every_picture(made: Made) -> None:
    for name, read in READERS.items():
        command, cell = ROWS[name]
        out = made.by(command)

        assert (name, num_images(out)) == (name, read(cell))
    assert not [*Path().rglob(".shmtext"), *Path().glob("*/_stage")]
    again = run("export", "out", "--to", "gt", "gt").expect(DONE)
    assert "is complete" in again.stdout


def test_every_row_is_read_here() -> None:
    assert set(ROWS) == {*READERS, *OF_LIBRARIES}


def prepare(example: shmtext.StoredExample) -> tuple[int, str]:
    """Something that a loader of PyTorch can put side by side."""
    return example.picture.shape[0], example.row["text"]


def samples(name: str, cell: str, modules: Mapping[str, Any]) -> Iterator[Any]:
    match name:
        case "PyTorch, as it is":
            loader = modules["torch"].utils.data.DataLoader
            batches = evaluated(cell, DataLoader=loader, prepare=prepare)
            return (text for _, texts in batches for text in texts)
        case "WebDataset":
            return iter(evaluated(cell, **modules))
        case "docTR":
            datasets = importlib.import_module("doctr.datasets")
            read = evaluated(cell, RecognitionDataset=datasets.RecognitionDataset)
            return (read[i] for i in range(len(read)))
        case "MosaicML Streaming":
            read = evaluated(cell, StreamingDataset=modules["streaming"].StreamingDataset)
            return (read[i] for i in range(len(read)))
        case _:
            return iter(evaluated(cell, load_dataset=modules["datasets"].load_dataset))


@pytest.mark.readers
@pytest.mark.parametrize("name", OF_LIBRARIES)
def test_what_is_printed_loads_every_picture_through_its_library(made: Made, name: str) -> None:
    command, cell = ROWS[name]
    modules = {library: pytest.importorskip(library) for library in OF_LIBRARIES[name]}
    out = made.by(command)
    found = sum(1 for _ in samples(name, cell, modules))
    if "--split" in command:
        found += sum(1 for _ in samples(name, cell.replace('"train"', '"test"'), modules))

    assert num_images(out) == found
