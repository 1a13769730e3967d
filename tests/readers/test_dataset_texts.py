"""Texts come of a column of a dataset that Hugging Face's library saved, and of that alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shmtext.config import DatasetColumn, Texts
from shmtext.corpus.ragged import gather_chunks
from shmtext.corpus.reading import corpus_chunks
from shmtext.errors import InputError

pytestmark = [
    pytest.mark.readers,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # the library's own
]

TEXTS = ["e\u0301", "ß", "", "日本"] * 9


@pytest.fixture(scope="module")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The library, which is told when it is imported where it may keep things."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HOME", str(tmp_path_factory.mktemp("hub")))
        yield pytest.importorskip("datasets")


@pytest.fixture
def folder(datasets: Any, tmp_path: Path) -> Path:
    """A dataset with a column of pictures that can't be decoded."""
    pictures = [{"bytes": b"no picture", "path": None}] * len(TEXTS)
    columns = {"image": pictures, "text": TEXTS, "number": list(range(len(TEXTS)))}
    features = datasets.Features(
        {
            "image": datasets.Image(),
            "text": datasets.Value("string"),
            "number": datasets.Value("int64"),
        }
    )
    dataset = datasets.Dataset.from_dict(columns, features)
    dataset.save_to_disk(tmp_path / "one")
    splits = {"train": dataset, "test": dataset.select(range(3))}
    datasets.DatasetDict(splits).save_to_disk(tmp_path / "splits")
    dataset.select_columns(["text", "number"]).to_parquet(tmp_path / "hub" / "train.parquet")
    return tmp_path


def read(place: Path, column: str = "text", split: str | None = None) -> list[str]:
    texts = Texts(DatasetColumn(str(place), column, split), normalize="none")  # type: ignore[arg-type]
    return list(gather_chunks(corpus_chunks(texts, 0, None)))


def test_a_saved_dataset_is_read_row_by_row(folder: Path) -> None:
    assert TEXTS == read(folder / "one")
    assert TEXTS == read(folder / "splits")
    assert TEXTS[:3] == read(folder / "splits", split="test")


def test_a_dataset_is_streamed_as_those_of_the_hub_are(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of Parquet files by a name that is no path to us, as a dataset of the Hub has."""
    monkeypatch.chdir(folder)

    assert TEXTS == read(Path("hub"))
    with pytest.raises(InputError, match="expected column 'number' to hold strings, found int64"):
        read(Path("hub"), "number")


@pytest.mark.parametrize(
    ("name", "column", "split", "message"),
    [
        ("one", "number", None, "expected column 'number' to hold strings, found int64"),
        ("one", "word", None, "expected one column 'word', found none among image, text, number"),
        ("splits", "text", "val", "expected a split 'val', found train, test"),
        ("nowhere", "text", None, "cannot read hf:.*nowhere"),
    ],
)
def test_what_is_not_there_is_said(
    folder: Path, name: str, column: str, split: str | None, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        read(folder / name, column, split)


def test_a_null_is_named_by_its_row(datasets: Any, tmp_path: Path) -> None:
    datasets.Dataset.from_dict({"text": ["a", None]}).save_to_disk(tmp_path / "null")

    with pytest.raises(InputError, match="row 2: expected a text, found null"):
        read(tmp_path / "null")
