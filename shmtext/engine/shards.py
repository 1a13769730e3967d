"""One shard, from its texts to its commit: what every engine does, in whatever process.

Nothing here knows who runs it. Per image there is encoding, one file and a checksum; all else is
done once for a shard or a batch.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from shmtext.columns import Column, ColumnSpec
from shmtext.corpus.ragged import RaggedTexts
from shmtext.dataset.containers.base import Container, ShardSink
from shmtext.dataset.folder import FileBytes, OutputFolder
from shmtext.dataset.fragment import Fragment, PictureRows, SkippedRow, build_fragment
from shmtext.dataset.manifest import Manifest, Origin, commit_shard, current_boot_id
from shmtext.dataset.plan import Plan, Shard
from shmtext.draw.encode import Encoder, crc32, encoder
from shmtext.draw.pictures import PictureBatch, PictureMaker
from shmtext.draw.texts import ShardTexts, Skip
from shmtext.engine.progress import NO_EXAMPLE

COMMITTING = NO_EXAMPLE - 1
"""Stands in for the example once all pictures are written."""

WIDTH = ColumnSpec("width_px", "int32", "width of the picture")
HEIGHT = ColumnSpec("height_px", "int32", "height of the picture", repeats=True)
FONT = ColumnSpec("font", "string", "file name of the font", repeats=True)
FONT_SIZE = ColumnSpec("font_size_px", "int32", "size of the font", repeats=True)
FONT_COLOR = ColumnSpec("font_color", "string", "colour of the ink, #rrggbb", repeats=True)
BACKGROUND_COLOR = ColumnSpec(
    "background_color", "string", "colour of the paper, #rrggbb", repeats=True
)
DRAWN_COLUMNS = (WIDTH, HEIGHT, FONT, FONT_SIZE, FONT_COLOR, BACKGROUND_COLOR)
"""What the label rows say of how a picture was drawn."""


@dataclass(frozen=True, slots=True, eq=False)
class RunTarget:
    """Where a run's shards go, and what their manifests say of it."""

    folder: OutputFolder
    plan: Plan
    container: Container
    fingerprint: str
    worker: int


@dataclass(frozen=True, slots=True, eq=False)
class Watch:
    """Who looks on while a shard is rendered. The defaults look away."""

    about_to_draw: Callable[[int], None] = lambda _example_index: None
    """Told an example before anything is done that could crash on it."""
    batch_done: Callable[[int], None] = lambda _num_images: None
    """Told how many images the shard has so far; may raise to abandon it."""
    lap: Callable[[str], None] = lambda _stage: None
    """Told the name of a stage as it ends."""


def render_shard(
    maker: PictureMaker,
    corpus: RaggedTexts,
    target: RunTarget,
    shard: Shard,
    excluded: Mapping[int, str],
    watch: Watch = Watch(),
) -> Manifest:
    """Render and commit examples ``[shard.start, shard.stop)``.

    ``excluded`` examples are not drawn but recorded as failed, for the reason given.
    """
    begin_s = time.monotonic()
    texts = maker.prepare(corpus.slice(shard.start, shard.stop), shard.start, watch.lap)
    texts = _exclude(texts, {index - shard.start: why for index, why in excluded.items()})
    with target.container.stage(target.folder, shard) as sink:
        files = _draw_files(maker, texts, target.container, sink, watch)
        watch.about_to_draw(COMMITTING)
        fragment = _fragment(maker, texts, target.container, shard, files)
        watch.lap("label")
        target.folder.check_in_place()
        origin = Origin(
            fingerprint=target.fingerprint,
            worker=target.worker,
            host=socket.gethostname(),
            boot_id=current_boot_id(),
            seconds=time.monotonic() - begin_s,
            finished_at=time.time(),
        )
        manifest = commit_shard(target.folder, sink, fragment, origin)
    watch.lap("commit")
    return manifest


def draw_alone(maker: PictureMaker, corpus: RaggedTexts, example: int, watch: Watch) -> None:
    """Draw and encode one example, for no other purpose than to see whether that goes well."""
    texts = maker.prepare(corpus.slice(example, example + 1), example, watch.lap)
    encode = encoder(maker.settings.output)

    def mark(_position: int) -> None:
        watch.about_to_draw(example)

    for batch in maker.draw(texts, mark, watch.lap):
        _encode(batch, encode, texts, mark)


def _exclude(texts: ShardTexts, reasons: Mapping[int, str]) -> ShardTexts:
    if not reasons:
        return texts
    is_drawable = texts.is_drawable.copy()
    is_drawable[list(reasons)] = False
    skips = [Skip(position, reason, failed=True) for position, reason in reasons.items()]
    return replace(texts, is_drawable=is_drawable, skips=[*texts.skips, *skips])


@dataclass(frozen=True, slots=True, eq=False)
class _Files:
    """What was written for each text of a shard; 0 where there is no picture."""

    width_px: NDArray[np.int32]
    height_px: NDArray[np.int32]
    num_bytes: NDArray[np.int32]
    crc32: NDArray[np.uint32]

    @classmethod
    def empty(cls, num_texts: int) -> _Files:
        width_px, height_px, num_bytes = np.zeros((3, num_texts), np.int32)
        return cls(width_px, height_px, num_bytes, np.zeros(num_texts, np.uint32))


def _draw_files(
    maker: PictureMaker, texts: ShardTexts, container: Container, sink: ShardSink, watch: Watch
) -> _Files:
    num_texts, start = len(texts.texts), sink.shard.start
    names = container.image_names(sink.shard, np.arange(start, sink.shard.stop))
    labels = texts.labels(np.arange(num_texts))
    files = _Files.empty(num_texts)
    encode = encoder(maker.settings.output)
    num_images = 0

    def mark(position: int) -> None:
        watch.about_to_draw(start + position)

    def lap(stage: str) -> None:
        # Only while it is drawn or encoded is an example to blame for what happens.
        watch.about_to_draw(NO_EXAMPLE)
        watch.lap(stage)

    for batch in maker.draw(texts, mark, lap):
        positions, encoded = _encode(batch, encode, texts, mark)
        lap("encode")
        drawn = labels.take(np.array(positions, np.int64))
        sink.take([names[position] for position in positions], drawn, encoded)
        lap("write")
        files.num_bytes[positions] = [len(data) for data in encoded]
        files.crc32[positions] = [crc32(data) for data in encoded]
        files.width_px[batch.positions] = [picture.shape[1] for picture in batch.pictures]
        files.height_px[batch.positions] = [picture.shape[0] for picture in batch.pictures]
        lap("checksum")
        num_images += len(positions)
        watch.batch_done(num_images)
    return files


def _encode(
    batch: PictureBatch, encode: Encoder, texts: ShardTexts, mark: Callable[[int], None]
) -> tuple[list[int], list[FileBytes]]:
    """Encode a batch; return the positions that could be, and their bytes."""
    positions, encoded = [], []
    for position, picture in zip(batch.positions, batch.pictures, strict=True):
        mark(position)
        try:
            encoded.append(encode(picture))
        except cv2.error as error:
            texts.skips.append(Skip(position, f"cannot be encoded: {error}", failed=True))
        else:
            positions.append(position)
    return positions, encoded


def _fragment(
    maker: PictureMaker, texts: ShardTexts, container: Container, shard: Shard, files: _Files
) -> Fragment:
    """Gather the label rows of what was written, and the rows of what was not."""
    settings = maker.settings
    written = np.flatnonzero(files.num_bytes)
    sizes_px = np.array(settings.style.font_sizes, np.int32)
    example_index = written + shard.start
    rows = PictureRows(
        file_names=container.file_names(shard, example_index),
        texts=texts.labels(written),
        example_index=example_index,
        num_bytes=files.num_bytes[written],
        crc32=files.crc32[written],
    )
    styles, pairs = texts.styles, tuple(zip(*settings.color_pairs, strict=True))
    contributed = [
        Column(WIDTH, files.width_px[written]),
        Column(HEIGHT, files.height_px[written]),
        Column(FONT, styles.font_id[written], choices=tuple(font.name for font in settings.fonts)),
        Column(FONT_SIZE, sizes_px[styles.size_id[written]]),
        Column(FONT_COLOR, styles.pair_id[written], choices=pairs[0]),
        Column(BACKGROUND_COLOR, styles.pair_id[written], choices=pairs[1]),
    ]
    skipped = [
        SkippedRow(
            example_index=skip.position + shard.start,
            text=texts.texts[skip.position],
            font=settings.fonts[texts.styles.font_id[skip.position]].name if skip.failed else None,
            font_size_px=int(sizes_px[texts.styles.size_id[skip.position]])
            if skip.failed
            else None,
            reason=skip.reason,
            failed=skip.failed,
        )
        for skip in texts.skips
    ]
    return build_fragment(shard, rows, contributed, skipped)
