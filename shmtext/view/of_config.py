"""Samples of a config, drawn before anything is made: the examples that a run of it would have.

They are drawn in this process and encoded as a run encodes them, to the same bytes. Of a large
corpus only the beginning is read.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from shmtext.columns import Column
from shmtext.config import RunConfig
from shmtext.corpus.ragged import TextChunk, gather_chunks
from shmtext.dataset.columns import EXAMPLE_INDEX, TEXT, label_rows
from shmtext.dataset.committed import StoredPicture
from shmtext.draw.draws import MOST_BETWEEN
from shmtext.draw.encode import encoder
from shmtext.draw.pictures import PictureMaker
from shmtext.draw.texts import ShardTexts
from shmtext.engine.backgrounds import photos_of
from shmtext.engine.gathered import Gathering
from shmtext.engine.held import render_settings
from shmtext.engine.libraries import without_ipp
from shmtext.engine.progress import Observer
from shmtext.engine.shards import maker_of
from shmtext.engine.stop import StopRequest
from shmtext.engine.texts import needed_texts, refuse_no_text
from shmtext.view.samples import Samples, Wanted, spread, worst_first

MOST_TEXTS = 100_000
"""That are read: some 50 ms of a file's."""
IN_A_ROW = 8
"""Examples that follow one another where they are far from others: setting out anew at each, to
draw its random words, would take half of a preview's time."""
MOST_READING_S = 0.6
"""For sources that take longer: a preview is there in two seconds."""


def samples_of_config(config: RunConfig, wanted: Wanted, observer: Observer) -> Samples:
    """Draw pictures of examples from all over the beginning of a config's corpus.

    Raises what reading fonts, photographs and texts raises, and ``InputError`` for no text.
    """
    stop = StopRequest()  # a signal ends this process
    settings = render_settings(config, observer)
    settings = replace(settings, photos=photos_of(config, stop, observer))
    beginning = _Beginning(needed_texts(settings, stop, observer))
    texts = gather_chunks(beginning.chunks())
    refuse_no_text(texts, config)
    with without_ipp():
        maker = maker_of(settings)
        examples = maker.examples_of(texts)
        is_far = len(examples) >= MOST_BETWEEN * wanted.num_pictures
        numbers = spread(len(examples), wanted.num_pictures, IN_A_ROW if is_far else 1)
        of_these = maker.wrapped(maker.prepare_examples(examples, numbers, numbers))
        gathering, pictures = _drawn(maker, of_these)
    failures = gathering.skipped()
    of_all = "" if beginning.is_whole else "the first "
    title = f"{len(pictures):,} of {of_all}{len(examples):,} examples"
    return Samples(
        title=title,
        pictures=tuple(pictures),
        failures=worst_first(failures, wanted.most_failures),
        num_without=len(failures),
        fonts=settings.fonts,
    )


@dataclass(slots=True)
class _Beginning:
    """Texts, until there are many or it takes long."""

    texts: Iterator[TextChunk]
    is_whole: bool = False
    """They are all there are."""

    def chunks(self) -> Iterator[TextChunk]:
        end_s, num_texts = time.monotonic() + MOST_READING_S, 0
        for chunk in self.texts:
            yield chunk
            num_texts += chunk.lengths_bytes.size
            if num_texts >= MOST_TEXTS or (num_texts and time.monotonic() > end_s):
                return
        self.is_whole = True


def _drawn(maker: PictureMaker, texts: ShardTexts) -> tuple[Gathering, list[StoredPicture]]:
    """Draw texts and encode their pictures."""
    gathering, encode = Gathering(maker.settings, texts), encoder(maker.settings.output)
    data: dict[int, bytes] = {}
    for batch in maker.draw(texts, lambda _position: None):
        gathering.take(batch)
        encoded = gathering.encoded(batch, encode, lambda _position: None)
        data.update(zip(encoded[0], map(bytes, encoded[1]), strict=True))
    positions = np.array(sorted(data), np.int64)
    labels = gathering.labels(positions)
    rows = label_rows(
        [
            Column(TEXT, labels.values, labels.offsets),
            Column(EXAMPLE_INDEX, texts.examples[positions]),
            *gathering.columns(positions),
        ]
    )
    return gathering, [
        StoredPicture(row, data[position])
        for row, position in zip(rows, positions.tolist(), strict=True)
    ]
