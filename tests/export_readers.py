"""Readers of every format that a run is exported to, written from what its own readers do.

Each gives the pictures of a split (None: of an export without splits) as (text, encoded picture),
in the order of the format.
"""

from __future__ import annotations

import csv
import io
import json
import re
import struct
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

Pairs = list[tuple[str, bytes]]
Reader = Callable[[Path, str | None], Pairs]


def folder_of(dest: Path, split: str | None) -> Path:
    return dest / split if split else dest


def lmdb(dest: Path, split: str | None) -> Pairs:
    """As PARSeq does: every key from 1 to ``num-samples`` is there, and no others."""
    import lmdb as library  # noqa: PLC0415

    path = str(folder_of(dest, split))
    with library.open(path, readonly=True, lock=False) as opened, opened.begin() as transaction:
        get = transaction.get
        numbers = range(1, int(get(b"num-samples")) + 1)
        pairs = [(get(b"label-%09d" % i).decode(), get(b"image-%09d" % i)) for i in numbers]
        sizes = [get(b"wh-%09d" % i) for i in numbers]
        assert transaction.stat()["entries"] == 3 * len(numbers) + 1
    for (_, data), size in zip(pairs, sizes, strict=True):
        assert "_".join(map(str, size_of(data))) == size.decode()
    return pairs


def size_of(data: bytes) -> tuple[int, int]:
    """Width and height."""
    from PIL import Image  # noqa: PLC0415

    with Image.open(io.BytesIO(data)) as picture:
        return picture.size


def paddle(dest: Path, split: str | None) -> Pairs:
    """Binary lines; the second field is the label."""
    pairs = []
    characters = set((dest / "dict.txt").read_bytes().decode().split("\n"))
    with (dest / f"rec_gt_{split or 'train'}.txt").open("rb") as file:
        for line in file:
            fields = line.decode().strip("\n").split("\t")
            assert not fields[0].startswith("[")
            pairs.append((fields[1], (dest / fields[0]).read_bytes()))
            assert set(fields[1]) <= characters | {" "}
    return pairs


def paddle_boxes(dest: Path, split: str | None) -> Iterator[tuple[bytes, Any]]:
    for line in (dest / f"det_gt_{split or 'train'}.txt").read_bytes().decode().split("\n")[:-1]:
        path, boxes = line.split("\t")
        yield (dest / path).read_bytes(), json.loads(boxes)


def doctr(dest: Path, split: str | None) -> Pairs:
    folder = dest / (split or "train")
    labels = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
    return [(text, (folder / "images" / name).read_bytes()) for name, text in labels.items()]


def easyocr_cut(dest: Path, split: str | None) -> Pairs:
    """The reader that cuts at the first comma; leaf folders alone."""
    return _easyocr(dest, split, _cut_lines)


def easyocr_csv(dest: Path, split: str | None) -> Pairs:
    """The reader of CSV."""
    return _easyocr(dest, split, lambda text: list(csv.reader(io.StringIO(text))))


def _cut_lines(text: str) -> list[list[str]]:
    lines = text.split("\n")[:-1]
    rows = [re.split("^([^,]+),", line.strip(), maxsplit=1)[1:] for line in lines]
    assert all(len(row) == 2 for row in rows)
    return rows


def _easyocr(dest: Path, split: str | None, parse: Callable[[str], list[list[str]]]) -> Pairs:
    pairs = []
    for folder in sorted(folder_of(dest, split).rglob("*")):
        if folder.is_dir() and not any(each.is_dir() for each in folder.iterdir()):
            rows = parse((folder / "labels.csv").read_text(encoding="utf-8"))
            assert rows[0] == ["filename", "words"]
            pairs += [(words, (folder / name).read_bytes()) for name, words in rows[1:]]
            assert len(rows) == len(list(folder.iterdir()))
    return pairs


def mmocr(dest: Path, split: str | None) -> Pairs:
    value = json.loads((dest / f"textrecog_{split or 'train'}.json").read_text(encoding="utf-8"))
    assert value["metainfo"] == {"dataset_type": "TextRecogDataset", "task_name": "textrecog"}
    pairs = []
    for entry in value["data_list"]:
        data = (dest / entry["img_path"]).read_bytes()
        assert (entry["width"], entry["height"]) == size_of(data)
        (instance,) = entry["instances"]
        pairs.append((instance["text"], data))
    return pairs


def tesstrain(dest: Path, split: str | None) -> Pairs:
    """``generate_line_box.py`` strips what it reads."""
    pairs = []
    for path in sorted(folder_of(dest, split).rglob("*.gt.txt")):
        (picture,) = path.parent.glob(f"{path.name.removesuffix('.gt.txt')}.[jp]*")
        pairs.append((path.read_text(encoding="utf-8").strip(), picture.read_bytes()))
    return pairs


def gt(dest: Path, split: str | None) -> Pairs:
    """``create_lmdb_dataset.py``: two fields, or it fails."""
    folder = folder_of(dest, split)
    pairs = []
    with (folder / "gt.txt").open(encoding="utf-8") as file:
        for line in file.readlines():
            path, label = line.strip("\n").split("\t")
            assert " " not in path
            pairs.append((label, (folder / path).read_bytes()))
    return pairs


def coords(dest: Path, split: str | None) -> Iterator[tuple[bytes, list[list[int]]]]:
    folder = folder_of(dest, split)
    for line in (folder / "coords.txt").read_text(encoding="utf-8").split("\n")[:-1]:
        path, *boxes = line.split("\t")
        yield (folder / path).read_bytes(), [list(map(int, box.split(","))) for box in boxes]


def trdg(dest: Path, split: str | None) -> Pairs:
    folder = folder_of(dest, split)
    with (folder / "labels.txt").open(encoding="utf-8") as file:
        cut = [line.strip("\n").split(" ", 1) for line in file]
    return [(label, (folder / path).read_bytes()) for path, label in cut]


def jsonl(dest: Path, split: str | None) -> Pairs:
    folder = folder_of(dest, split)
    with (folder / "labels.jsonl").open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    for row in rows:
        assert (row["width_px"], row["height_px"]) == size_of(
            (folder / row["file_name"]).read_bytes()
        )
    return [(row["text"], (folder / row["file_name"]).read_bytes()) for row in rows]


def imagefolder(dest: Path, split: str | None) -> Pairs:
    folder = dest / (split or "train")
    table = pq.read_table(folder / "metadata.parquet")
    assert table.column_names[:2] == ["file_name", "text"]
    return [
        (row["text"], (folder / row["file_name"]).read_bytes())
        for row in table.select(["file_name", "text"]).to_pylist()
    ]


def hf_parquet(dest: Path, split: str | None) -> Pairs:
    paths = sorted((dest / "data").glob(f"{split or 'train'}-*.parquet"))
    pairs = []
    for number, path in enumerate(paths):
        assert path.name.endswith(f"-{number:05d}-of-{len(paths):05d}.parquet")
        table = pq.read_table(path)
        features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
        assert features["image"] == {"_type": "Image"}
        pairs += [(row["text"], row["image"]["bytes"]) for row in table.to_pylist()]
    return pairs


def webdataset(dest: Path, split: str | None) -> Pairs:
    """Members of one key are side by side; a key ends at the first dot."""
    pairs = []
    for number, path in enumerate(sorted(dest.glob(f"{split or 'train'}-*.tar"))):
        assert path.name.endswith(f"-{number:06d}.tar")
        with tarfile.open(path) as file:
            members = [(each.name, file.extractfile(each).read()) for each in file]  # type: ignore[union-attr]
        for (name, data), (text_name, text) in zip(members[::2], members[1::2], strict=True):
            assert text_name == f"{name.split('.')[0]}.txt"
            pairs.append((text.decode(), data))
    return pairs


def mds(dest: Path, split: str | None) -> Pairs:
    """As ``MDSReader`` does."""
    folder = folder_of(dest, split)
    index = json.loads((folder / "index.json").read_text())
    assert index["version"] == 2
    pairs = []
    for shard in index["shards"]:
        assert (shard["version"], shard["format"], shard["zip_data"]) == (2, "mds", None)
        assert shard["column_names"] == ["image", "text"]
        data = (folder / shard["raw_data"]["basename"]).read_bytes()
        assert len(data) == shard["raw_data"]["bytes"]
        (number,) = struct.unpack_from("<I", data)
        assert number == shard["samples"] > 0
        for k in range(number):
            begin, end = struct.unpack_from("<II", data, 4 * (1 + k))
            image, text = struct.unpack_from("<II", data, begin)
            assert end - begin == 8 + image + text
            at = begin + 8
            pairs.append((data[at + image : end].decode(), data[at : at + image]))
    return pairs


def coco(dest: Path, split: str | None) -> Pairs:
    """Texts of boxes put together: those of characters come to the text."""
    value = json.loads((dest / "cocotext.v2.json").read_text(encoding="utf-8"))
    assert set(value["anns"]) == {str(k) for each in value["imgToAnns"].values() for k in each}
    pairs = []
    for key, image in value["imgs"].items():
        assert str(image["id"]) == key
        if image["set"] != (split or "train"):
            continue
        annotations = [value["anns"][str(k)] for k in value["imgToAnns"][key]]
        assert all(each["image_id"] == image["id"] for each in annotations)
        data = (dest / image["file_name"]).read_bytes()
        assert (image["width"], image["height"]) == size_of(data)
        pairs.append(("".join(each["utf8_string"] for each in annotations), data))
    return pairs


READERS: dict[str, Reader] = {
    "lmdb": lmdb,
    "paddle": paddle,
    "doctr": doctr,
    "easyocr": easyocr_cut,
    "mmocr": mmocr,
    "tesstrain": tesstrain,
    "gt": gt,
    "imagefolder": imagefolder,
    "hf-parquet": hf_parquet,
    "webdataset": webdataset,
    "mds": mds,
    "jsonl": jsonl,
    "trdg": trdg,
    "synthtiger": gt,
    "coco": coco,
}
