r"""Where texts come from: balanced random text, lines of a file, a column of CSV or Parquet.

Every source is a stream of chunks in which line (row) ``i`` of the file, counted from 0, is
example ``i``: blank lines stay, as empty texts. A fault in a file is an ``InputError`` that
names the file and the line, raised while the stream is read; whoever reads it to its end before
rendering renders nothing from a faulty file.

Nothing is stripped from a text but its ``\n`` or ``\r\n``. This module knows nothing of memory
beyond the chunk in hand.
"""

from __future__ import annotations

import csv
import gzip
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from shmtext.config import BalancedText, TextFile
from shmtext.corpus.balanced import balanced_chunks
from shmtext.corpus.ragged import TextChunk
from shmtext.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

_READ_BYTES = 4 * 2**20
"""Large enough for numpy, small enough that the copies of a block in hand do not matter."""

_MAX_TEXT_BYTES = 2**31 - 1
_ROWS_PER_BATCH = 65_536
_BOM = b"\xef\xbb\xbf"
_NEWLINE, _RETURN = ord("\n"), ord("\r")


def corpus_chunks(
    corpus: BalancedText | TextFile, seed: int, max_chars_per_line: int | None
) -> Iterator[TextChunk]:
    """Make or read the examples of a corpus, whatever it is."""
    if isinstance(corpus, BalancedText):
        return balanced_chunks(corpus, seed, max_chars_per_line)
    return text_file_chunks(corpus)


def text_file_chunks(source: TextFile) -> Iterator[TextChunk]:
    """Read a file of texts from its beginning to its end, a few megabytes at a time."""
    path, column = source.path, source.column
    _check_regular_file(path)
    suffix = Path(path.stem if path.suffix.lower() == ".gz" else path.name).suffix.lower()
    if column is None:
        if suffix in (".csv", ".parquet"):
            raise InputError(
                f"{path} holds columns: name the one with the texts, as {path}::COLUMN"
            )
        chunks = _line_chunks(path)
    elif path.suffix.lower() == ".parquet":
        chunks = _parquet_chunks(path, column)
    else:
        chunks = _csv_chunks(path, column)
    return _require_text(path, chunks)


def _require_text(path: Path, chunks: Iterator[TextChunk]) -> Iterator[TextChunk]:
    """Pass chunks on; complain at the end if all of their texts were blank."""
    has_text = False
    for chunk in chunks:
        # Only until the first text: as a rule, for the first chunk alone.
        has_text = has_text or not _is_blank(chunk.values)
        yield chunk
    if not has_text:
        raise InputError(f"{path} holds no text: expected at least one line that is not blank")


def _is_blank(values: NDArray[np.uint8]) -> bool:
    text = values.tobytes().decode()
    return not text or text.isspace()


def _check_regular_file(path: Path) -> None:
    """Refuse what is not a file before it is opened: opening a FIFO waits for its writer."""
    with _input_errors(path):
        mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "no regular file"
        raise InputError(f"{path} is {kind}: expected a text, CSV or Parquet file")


@contextmanager
def _input_errors(path: Path) -> Iterator[None]:
    """Turn what can go wrong while a file is read into one line about that file."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path} is no whole gzip file ({error}): get it anew") from error
    except OSError as error:
        reason = error.strerror or error
        raise InputError(
            f"cannot read {path}: {reason}: check the path and who may read it"
        ) from error


def _open_binary(path: Path) -> IO[bytes]:
    if path.suffix.lower() == ".gz":
        return cast("IO[bytes]", gzip.open(path, "rb"))
    return path.open("rb")


# Lines of a text file


def _line_chunks(path: Path) -> Iterator[TextChunk]:
    num_lines = 0
    for block in _whole_lines(path):
        _check_lines(path, block, num_lines)
        chunk = _split_block(path, block, num_lines)
        num_lines += chunk.lengths_bytes.size
        yield chunk


def _whole_lines(path: Path) -> Iterator[bytes]:
    """Read a file in blocks that end where a line does."""
    held: list[bytes] = []
    with _input_errors(path), _open_binary(path) as file:
        head = file.read(len(_BOM))
        held = [head] if head != _BOM else []
        while block := file.read(_READ_BYTES):
            stop = block.rfind(b"\n") + 1
            # A very long line is collected in pieces, and joined once.
            if stop:
                held.append(block[:stop])
                yield b"".join(held)
                held = []
            if stop < len(block):
                held.append(block[stop:])
    if rest := b"".join(held):
        yield rest


def _check_lines(path: Path, block: bytes, num_lines_before: int) -> None:
    """Raise for the first byte that is NUL or no UTF-8."""
    fault, position = _find_fault(block)
    if fault:
        line = num_lines_before + block.count(b"\n", 0, position) + 1
        raise _bad_text(path, f"line {line:,}", fault)


def _find_fault(block: bytes) -> tuple[str, int]:
    """Say what is wrong first in a block of UTF-8, and at which byte; an empty text if nothing."""
    nul = block.find(b"\0")
    try:
        if not block.isascii():
            block.decode()
    except UnicodeDecodeError as error:
        if nul < 0 or error.start < nul:
            return f"no UTF-8 (byte 0x{block[error.start]:02x})", error.start
    return ("a NUL character", nul) if nul >= 0 else ("", 0)


def _bad_text(path: Path, place: str, fault: str) -> InputError:
    return InputError(f"{path}, {place}: expected UTF-8 text, found {fault}: correct the file")


def _split_block(path: Path, block: bytes, num_lines_before: int) -> TextChunk:
    """Take the line ends out of some whole lines."""
    codes = np.frombuffer(block, np.uint8)
    newlines = np.flatnonzero(codes == _NEWLINE)
    has_return = (newlines > 0) & (codes[newlines - 1] == _RETURN)
    is_kept = np.ones(codes.size, np.bool_)
    is_kept[newlines] = False
    is_kept[newlines[has_return] - 1] = False
    if block.endswith(b"\n"):
        lengths = np.diff(newlines, prepend=-1) - 1
    else:
        lengths = np.diff(newlines, prepend=-1, append=codes.size) - 1
    lengths[: newlines.size] -= has_return
    _check_lengths(path, lengths, num_lines_before, "line")
    return TextChunk(codes[is_kept], lengths.astype(np.int32))


def _check_lengths(path: Path, lengths: NDArray[np.int64], num_before: int, noun: str) -> None:
    if lengths.size and int(lengths.max()) > _MAX_TEXT_BYTES:
        number = num_before + int(lengths.argmax()) + 1
        raise InputError(
            f"{path}, {noun} {number:,}: expected at most {_MAX_TEXT_BYTES:,} bytes, found "
            f"{int(lengths.max()):,}: does the file have line ends?"
        )


# A column of a CSV file


def _csv_chunks(path: Path, column: str) -> Iterator[TextChunk]:
    held: list[bytes] = []
    num_held_bytes = 0
    for cell in _csv_cells(path, column):
        held.append(cell)
        num_held_bytes += len(cell)
        if len(held) == _ROWS_PER_BATCH or num_held_bytes >= _READ_BYTES:
            yield _pack_cells(held)
            held, num_held_bytes = [], 0
    if held:
        yield _pack_cells(held)


def _pack_cells(cells: list[bytes]) -> TextChunk:
    lengths = np.fromiter(map(len, cells), np.int32, len(cells))
    return TextChunk(np.frombuffer(b"".join(cells), np.uint8), lengths)


def _csv_cells(path: Path, column: str) -> Iterator[bytes]:
    """Read one column's cells, as UTF-8. Blank lines count as rows: they are empty texts."""
    # The module's limit of 128 KiB a cell is global; a longer text is none of its business.
    limit = csv.field_size_limit(_MAX_TEXT_BYTES)
    try:
        with _input_errors(path), _open_binary(path) as file:
            # Strict: a quote that is never closed would silently swallow the rest of the file.
            rows = csv.reader(_decoded_lines(path, file), strict=True)
            index = _column_index(path, column, next(rows, []))
            for row in rows:
                if row and index >= len(row):
                    raise InputError(
                        f"{path}, line {rows.line_num:,}: expected a cell for column {column!r} "
                        f"(number {index + 1}), found {len(row)} cells: complete the row"
                    )
                yield row[index].encode() if row else b""
    except csv.Error as error:
        raise InputError(f"{path}, line {rows.line_num:,}: no CSV ({error}): correct it") from error
    finally:
        csv.field_size_limit(limit)


def _decoded_lines(path: Path, file: IO[bytes]) -> Iterator[str]:
    """Decode line by line, so that a fault is known by its line."""
    for number, line in enumerate(file):
        text = line.removeprefix(_BOM) if number == 0 else line
        _check_lines(path, text, number)
        yield text.decode()


def _column_index(path: Path, column: str, names: list[str]) -> int:
    if not names:
        raise InputError(f"{path} holds no text: expected a first line with the columns' names")
    if names.count(column) != 1:
        found = "several" if column in names else "none"
        raise InputError(
            f"{path}: expected one column {column!r}, found {found} among {', '.join(names)}"
        )
    return names.index(column)


# A column of a Parquet file


def _parquet_chunks(path: Path, column: str) -> Iterator[TextChunk]:
    # Imported here: it takes a tenth of a second, and most corpora are no Parquet files.
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    if path.stat().st_size == 0:
        raise InputError(f"{path} is empty: expected a Parquet file")
    num_rows = 0
    try:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            _column_index(path, column, list(schema.names))
            _check_is_text(path, schema.field(column))
            for batch in file.iter_batches(_ROWS_PER_BATCH, columns=[column], use_threads=False):
                chunk = _arrow_chunk(path, batch.column(0), num_rows)
                num_rows += chunk.lengths_bytes.size
                yield chunk
    except (pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} is no whole Parquet file ({reason}): get it anew") from error


def _check_is_text(path: Path, field: pa.Field) -> None:
    import pyarrow as pa  # noqa: PLC0415

    kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    is_text = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    if not any(holds(kind) for holds in is_text):
        raise InputError(f"{path}: expected column {field.name!r} to hold strings, found {kind}")


def _arrow_chunk(path: Path, array: pa.Array, num_rows_before: int) -> TextChunk:
    """Take the two buffers out of an Arrow array of strings, whose layout is ours."""
    import pyarrow as pa  # noqa: PLC0415

    texts = array.cast(pa.large_string())
    if texts.null_count:
        row = num_rows_before + int(texts.is_null().to_numpy(zero_copy_only=False).argmax()) + 1
        raise InputError(f"{path}, row {row:,}: expected a text, found null: fill or drop the row")
    texts.validate()
    _, offset_buffer, value_buffer = texts.buffers()
    if len(texts) == 0:
        return TextChunk(np.empty(0, np.uint8), np.empty(0, np.int32))
    offsets = np.frombuffer(offset_buffer, np.int64, len(texts) + 1, 8 * texts.offset)
    stored = b"" if value_buffer is None else value_buffer
    values = np.frombuffer(stored, np.uint8)[offsets[0] : offsets[-1]].copy()
    seams = offsets - offsets[0]
    _check_rows(path, values, seams, num_rows_before)
    lengths = np.diff(seams)
    _check_lengths(path, lengths, num_rows_before, "row")
    return TextChunk(values, lengths.astype(np.int32))


def _check_rows(
    path: Path, values: NDArray[np.uint8], seams: NDArray[np.int64], num_rows_before: int
) -> None:
    """Raise for the first row with a byte that is NUL or no UTF-8."""
    fault, position = _find_fault(values.tobytes())
    starts = seams[:-1][seams[:-1] < values.size]
    # Two halves of a character in neighbouring rows make one that is whole only end to end.
    torn = starts[(values[starts] & 0xC0) == 0x80]
    if torn.size and (not fault or int(torn[0]) < position):
        position = int(torn[0]) - 1
        fault = f"no UTF-8 (byte 0x{values[position]:02x})"
    if fault:
        row = int(np.searchsorted(seams, position, side="right"))
        raise _bad_text(path, f"row {num_rows_before + row:,}", fault)
