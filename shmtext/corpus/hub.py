"""A column of a dataset of Hugging Face's ``datasets``: of the Hub, or of a folder it was saved to.

Rows are streamed, and of each the one column alone is looked at: no picture beside it is decoded.
What a source is called is said in ``config/texts.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from shmtext.config.texts import DatasetColumn
from shmtext.corpus.ragged import TextChunk
from shmtext.corpus.sources import arrow_chunk, check_is_text, column_index
from shmtext.errors import ConfigError, InputError

_ROWS_AT_ONCE = 10_000
_SPLIT = "train"
"""Where none is asked for."""


def dataset_chunks(source: DatasetColumn) -> Iterator[TextChunk]:
    """Texts of a dataset's column, row by row.

    Raises ``ConfigError`` where ``datasets`` is not installed, ``InputError`` for a dataset that is
    not there, a column that is not in it or holds no strings, and, in reading, for what is no text.
    """
    try:
        # Imported here: it takes a second, and few corpora need it.
        import datasets  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"to read {source.name}, install its library: pip install 'shmtext[datasets]'"
        ) from error
    datasets.disable_progress_bars()
    with _input_errors(source, datasets):
        if source.is_local:
            found = datasets.load_from_disk(source.place)
            dataset = _split_of(found, source) if isinstance(found, dict) else found
        else:
            split = source.split or _SPLIT
            dataset = datasets.load_dataset(
                source.place, source.config, split=split, streaming=True
            )
    return _chunks(dataset, source, datasets)


@contextmanager
def _input_errors(source: DatasetColumn, datasets: Any) -> Iterator[None]:
    """Turn what the library and the network raise into one line about the dataset."""
    try:
        yield
    except (OSError, ValueError, KeyError, datasets.exceptions.DatasetsError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"cannot read {source.name} ({reason}): check its name, config and split"
        ) from error


def _split_of(splits: dict[str, Any], source: DatasetColumn) -> Any:
    split = source.split or _SPLIT
    if split not in splits:
        raise InputError(
            f"{source.name}: expected a split {split!r}, found {', '.join(map(str, splits))}"
        )
    return splits[split]


def _chunks(dataset: Any, source: DatasetColumn, datasets: Any) -> Iterator[TextChunk]:
    if dataset.column_names is not None:  # some streams tell none
        column_index(source.name, source.column, list(dataset.column_names))
    rows = dataset.select_columns([source.column]).with_format("arrow")
    num_rows = 0
    with _input_errors(source, datasets):
        for table in rows.iter(_ROWS_AT_ONCE):
            check_is_text(source.name, table.schema.field(source.column))
            for array in table.column(source.column).chunks:
                chunk = arrow_chunk(source.name, array, num_rows)
                num_rows += chunk.lengths_bytes.size
                yield chunk
    if num_rows == 0:
        raise InputError(f"{source.name} holds no text: expected at least one row")
