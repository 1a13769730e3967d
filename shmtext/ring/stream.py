"""The public front: ``stream`` and ``Stream``, batches without end, and where they are to go on.

Whose turn it is and how it ends is decided here, who draws in ``by_workers.py`` and
``here.py``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

import numpy as np

from shmtext.canonical import fingerprint
from shmtext.config import Output, RunConfig
from shmtext.corpus.shared import Segment
from shmtext.draw.fit import Fit, How, Pad
from shmtext.draw.labels import needs_boxes
from shmtext.engine.backgrounds import attach_photos
from shmtext.engine.held import leave_nothing
from shmtext.engine.identity import beside_settings, corpus_digest, drawing_versions, identity_of
from shmtext.engine.logged import LoggingObserver
from shmtext.engine.machine import default_num_workers
from shmtext.engine.progress import Observer
from shmtext.engine.stop import interrupts_held
from shmtext.errors import ConfigError, RendererError
from shmtext.ring.batch import Empties, LeftOut, StreamBatch, TextsOf, batch_of
from shmtext.ring.by_workers import Order, RingSize, StepsByWorkers
from shmtext.ring.elsewhere import StreamElsewhere
from shmtext.ring.here import StepsHere
from shmtext.ring.joining import NUM_SLOTS, has_begun, set_out
from shmtext.ring.layout import Slot, SlotLayout
from shmtext.ring.loaded import load_all, spill_folder
from shmtext.ring.options import StreamOptions
from shmtext.ring.order import OrderSpec, Turns
from shmtext.ring.sink import StreamSpec
from shmtext.ring.slots import Ring

if TYPE_CHECKING:
    from shmtext.ring.torch_dataset import TorchStream

PLAIN_AT_ONCE = 2_048
"""About, of pictures drawn together: of 256 each takes a third longer, of 64 four times as long."""

LOOKED_AT_ONCE = 512
"""Looks take so long that company hardly matters, and a loop would wait half a second for more."""

STATE_FORMAT = 1
"""Goes up when the same settings come to other batches: a state of before is then refused."""


def stream(
    config: RunConfig,
    batch_size: int = 256,
    size: tuple[int, int] = (32, 128),
    *,
    fit: How = "pad",
    channels: Literal[1, 3] | None = None,
    pad: Pad = "background",
    workers: int | None = None,
    ahead: int | None = None,
    shuffle: bool = True,
    rank: int | None = None,
    world_size: int | None = None,
    bucket: int | None = None,
    observer: Observer | None = None,
) -> Stream:
    """Draw batches of ``config``'s texts straight into a training loop, without end.

    ``batch_size``: pictures of a batch. A picture that turns out not to be drawable is left out of
    its batch, which is then shorter; texts that can't be drawn at all are left out beforehand.

    ``size``: ``(height, width)`` of all, in pixels. ``fit`` says how pictures come to it: ``pad``
    scales them to the height and fills up on the right (those that would be too wide are squeezed),
    ``stretch`` scales both ways, ``keep`` takes pixels as they are drawn and fills up on the right
    and below (those that are too large are made smaller, in their shape). ``pad`` is what is filled
    up with on the right: the paper's colour, or the picture's last column again and again.

    ``channels``: 1 gray, 3 red, green, blue; None: what the config's ``mode`` comes to. Of its
    other settings of output, ``boxes`` alone means anything here.

    ``workers``: processes that draw; None: what cores, CPU quota and memory allow; 0: the loop's
    own draws. ``ahead``: batches drawn before they are asked for; None: about two thousand pictures
    a worker, twice.

    ``shuffle``: every epoch in an order of its own; otherwise in the corpus's.

    ``rank``, ``world_size``: which of several loops this is, who take turns at batches; None:
    what ``torch.distributed`` says where it is up, else there is one loop.

    ``bucket``: pictures come in runs of so many of like width (of like number of characters), and a
    batch's array is as wide as its widest picture, in steps of 8 px: best ``batch_size`` times
    ``world_size``. None: as the order has them, all as wide as ``size`` says.

    ``observer``: told of anything unusual; None: ``logging`` is, at level WARNING.

    Order and pictures depend on ``config``, ``size``, ``fit``, ``pad``, ``channels``, ``shuffle``
    and ``bucket`` alone. Raises ``ShmtextError``.
    """
    options = StreamOptions(
        batch_size=batch_size,
        size=size,
        fit=fit,
        channels=channels,
        pad=pad,
        workers=workers,
        ahead=ahead,
        shuffle=shuffle,
        rank=rank,
        world_size=world_size,
        bucket=bucket,
    )
    return Stream(config, options, observer or LoggingObserver())


class Stream:
    """Batches without end; made by ``stream``. A context manager, and its own iterator.

    Whoever goes on iterating goes on where it was. What it holds (shared memory, workers) goes with
    ``close``, or when it is collected, or when Python ends.
    """

    def __init__(self, config: RunConfig, options: StreamOptions, observer: Observer) -> None:
        if not isinstance(config, RunConfig):
            raise ConfigError(f"config must be a RunConfig, got {config!r}")
        self._options, self._observer = options, observer
        self._config = _in_channels(config, options.channels)
        channels = options.channels or (1 if self._config.picture_mode == "gray" else 3)
        self._fit = Fit(*options.size, how=options.fit, channels=channels, pad=options.pad)
        num = options.workers
        self._num_workers = default_num_workers() if num is None else num
        self._owner_pid = os.getpid()
        self._resources = ExitStack()
        leave_nothing(self, self._resources)
        with ExitStack() as on_failure:
            on_failure.callback(self._resources.close)
            self._loaded = load_all(self._config, self._ring_bytes(), observer, self._resources)
            on_failure.pop_all()
        self._layout = replace(_layout(options, self._fit), num_boxes=self._num_boxes())
        self._texts_of = TextsOf(
            self._loaded.examples,
            self._loaded.setup.settings,
            # Whose turn it is decides no text.
            self._spec(Turns(options.batch_size)),
        )
        self._position = 0
        """Of the next step of all ranks."""
        self._rank_of: Ranks | None = None
        self._steps: StepsByWorkers | StepsHere | None = None
        self._has_begun = False
        self._at_hand: tuple[StreamBatch, int] | None = None
        """What the loop gets next, and the position behind it."""
        self._is_closed = False
        self._fingerprint: str | None = None
        self._found: dict[int, str] = {}
        self._turns: Segment | None = None
        """Where a DataLoader's workers agree on where they begin."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[StreamBatch]:
        return self

    def __next__(self) -> StreamBatch:
        """The next batch.

        Raises ``RendererError`` where the loop holds all batches of the ring, or the stream is
        closed or another process's; ``WorkersError`` where workers die without getting anywhere.
        """
        steps = self._drawing()
        empties = Empties(self._loaded.num_drawable)
        while self._at_hand is None:
            # Ctrl-C comes before or after, where nothing is half done: a loop may go on after it.
            with interrupts_held():
                self._look_for_next(steps, empties)
        # Nothing is called from here on, or Ctrl-C could come, and the batch be nobody's.
        (batch, self._position), self._at_hand = self._at_hand, None
        return batch

    @property
    def left_out(self) -> list[LeftOut]:
        """Examples that are never drawn, and those of which a picture could not be drawn so far."""
        reasons = self._loaded.reasons | {
            index: why for index, why in self._found.items() if index not in self._loaded.reasons
        }
        texts = self._loaded.examples
        return [LeftOut(index, texts[index], why) for index, why in sorted(reasons.items())]

    @property
    def num_examples(self) -> int:
        """Of an epoch: a run's, but for those that can't be drawn."""
        return self._loaded.num_drawable

    def state_dict(self, after: Step | None = None) -> dict[str, Any]:
        """Where the stream is to go on: behind the batch given last, or behind ``after``.

        It is the same in all ranks that have taken as many batches. ``after`` is for loops that
        fetch batches before they use them, such as a DataLoader with workers.
        """
        position = self._position
        if after is not None:
            position = self._after(after.first_position, self._ranks())
        elif self._turns is not None and has_begun(self._turns.array()):
            raise RendererError(
                "a DataLoader's workers have drawn of this stream, and fetch batches before they "
                "are used: say after which batch to go on, state_dict(after=batch)"
            )
        return {"position": position, "fingerprint": self._own_fingerprint()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where ``state_dict`` says: with other workers, ranks or batch size, too.

        Raises ``ConfigError`` for the state of another stream.
        """
        position = state.get("position") if isinstance(state, Mapping) else None
        if not isinstance(position, int) or position < 0:
            raise ConfigError(f"a stream's state has a position and a fingerprint, got {state!r}")
        if state.get("fingerprint") != self._own_fingerprint():
            raise ConfigError(
                "this state is of a stream with other texts, fonts, settings, versions of "
                "libraries, size, fit, pad, channels, shuffle or bucket: make it as it was then"
            )
        self._position = position
        if isinstance(self._steps, StepsByWorkers):
            self._steps.end()
        self._has_begun, self._at_hand = False, None
        self._set_out()

    def torch(self) -> TorchStream:
        """The stream as a dataset of PyTorch's, for ``DataLoader(..., batch_size=None)``.

        Its batches hold tensors under the same names. Workers of the loader draw themselves, in the
        same order; with none, the stream's own do, into memory that the tensors share. Raises
        ``ConfigError`` where PyTorch is missing.
        """
        try:
            from shmtext.ring.torch_dataset import TorchStream  # noqa: PLC0415 - heavy, an extra
        except ImportError as error:
            raise ConfigError(
                f"stream.torch() needs PyTorch, which can't be imported ({error}): pip install "
                "'shmtext[torch]'; batches of numpy arrays need nothing"
            ) from error

        if self._turns is None:
            content = "where a DataLoader's workers begin"
            segment = Segment.create(NUM_SLOTS * 8, spill_folder(), content=content)
            self._turns = self._resources.enter_context(segment)
            self._set_out()
        elsewhere = StreamElsewhere(
            config=self._config,
            setup=self._loaded.setup,
            stream=self._spec(self._own_turns()),
            layout=self._layout,
            rank=self._ranks().rank,
            num_drawable=self._loaded.num_drawable,
            turns=self._turns.spec,
        )
        return TorchStream(self, elsewhere)

    def ring(self) -> Ring | None:
        """The slots that batches are views of; None where there are none (``workers=0``)."""
        steps = self._drawing()
        return steps.ring if isinstance(steps, StepsByWorkers) else None

    def close(self) -> None:
        """End the workers and let go of what is shared. Batches that are held stay valid."""
        self._is_closed, self._at_hand = True, None
        with interrupts_held():
            self._resources.close()

    def _set_out(self) -> None:
        """Have workers of a DataLoader begin here."""
        if self._turns is not None:
            set_out(self._turns.array(), self._position)

    def _drawing(self) -> StepsByWorkers | StepsHere:
        """What draws, made when it is first asked for."""
        if self._is_closed:
            raise RendererError("this stream is closed: make another")
        if self._owner_pid != os.getpid():
            raise RendererError(
                f"this stream is of process {self._owner_pid}, of which this one is a fork: make "
                "one here, or give a DataLoader stream.torch()"
            )
        if self._steps is None:
            setup, corpus = self._loaded.setup, self._loaded.examples.texts
            spec = self._spec(self._own_turns())
            if self._num_workers:
                order = Order(setup, spec, self._layout, self._num_workers, self._options.ahead)
                with interrupts_held():
                    self._steps = steps = StepsByWorkers(order, spill_folder(), self._observer)
                    self._resources.callback(steps.close)
            else:
                photos = None if setup.photos is None else attach_photos(setup.photos)
                settings = replace(setup.settings, photos=photos)
                self._steps = StepsHere(settings, corpus, spec, self._layout)
        return self._steps

    def _look_for_next(self, steps: StepsByWorkers | StepsHere, empties: Empties) -> None:
        """Have the next batch at hand, if it comes within a moment."""
        ranks = self._ranks()
        try:
            if not self._has_begun:
                steps.begin(self._position + ranks.rank * self._options.batch_size)
                self._has_begun = True
            slot = steps.next()
            if slot is None:
                return
            batch = self._batch(slot)
            after = self._after(batch.first_position, ranks)
            if empties.count(batch):
                self._position = after
            else:
                self._at_hand = batch, after
        except BaseException:
            self._has_begun = False  # what is under way is not to be trusted
            raise

    def _ranks(self) -> Ranks:
        """Fixed when the first batch is asked for: a process group may come up before."""
        if self._rank_of is None:
            self._rank_of = Ranks.of(self._options)
        return self._rank_of

    def _own_turns(self) -> Turns:
        return Turns(self._options.batch_size, self._ranks().world_size)

    def _spec(self, turns: Turns) -> StreamSpec:
        order = OrderSpec(
            seed=self._config.seed,
            num_examples=len(self._loaded.examples),
            is_shuffled=self._options.shuffle,
            bucket=self._options.bucket,
            turns=turns,
        )
        return StreamSpec(order, self._loaded.drawable, self._fit, self._pictures_at_once)

    def _after(self, first_position: int, ranks: Ranks) -> int:
        """Where all ranks go on after the step that begins at a position, of this rank."""
        return first_position + (ranks.world_size - ranks.rank) * self._options.batch_size

    def _batch(self, slot: Slot) -> StreamBatch:
        has_boxes = self._layout.num_boxes > 0
        batch = batch_of(slot, self._texts_of, has_boxes=has_boxes)
        for _, example, why in batch.missing:
            self._found.setdefault(example, why)
        return batch

    @property
    def _pictures_at_once(self) -> int:
        has_look = self._config.look.looks or self._config.effect
        return LOOKED_AT_ONCE if has_look else PLAIN_AT_ONCE

    def _ring_bytes(self) -> int:
        if not self._num_workers:
            return 0
        layout = _layout(self._options, self._fit)
        ahead = self._options.ahead
        size = RingSize.of(layout, self._pictures_at_once, self._num_workers, ahead)
        return size.num_slots * layout.num_bytes

    def _num_boxes(self) -> int:
        """No batch has more: as many as the characters of its texts, if these are the longest."""
        if not needs_boxes(self._loaded.setup.settings):
            return 0
        examples = self._loaded.examples
        lengths = np.diff(examples.texts.offsets)
        num, size = lengths.size, self._options.batch_size
        longest = np.partition(lengths, num - min(size, num))[-size:]
        # A text may be that of several examples, one after the other.
        longest = np.sort(np.repeat(longest, min(examples.num_per_text, size)))[-size:]
        # A batch of few texts has some of them again: of every epoch it reaches into, once.
        times = -(-size // self._loaded.num_drawable) + 1
        return max(1, int(longest.sum()) * times)

    def _own_fingerprint(self) -> str:
        if self._fingerprint is None:
            self._fingerprint = fingerprint(self._identity())
        return self._fingerprint

    def _identity(self) -> dict[str, Any]:
        settings, options = self._loaded.setup.settings, self._options
        fonts = {font.name: font.digest for font in sorted(settings.fonts, key=lambda f: f.rank)}
        corpus, num = self._loaded.examples.texts, len(self._loaded.examples)
        if settings.photos is None and self._loaded.setup.photos is not None:
            settings = replace(settings, photos=attach_photos(self._loaded.setup.photos))
        # Of what is said of files, nothing matters here.
        config = replace(self._config, output=Output(mode=self._config.output.mode))
        beside = beside_settings(settings)
        of_run = identity_of(config, fonts, corpus_digest(corpus), num, beside)
        return of_run | {
            "versions": drawing_versions(config),
            "stream": STATE_FORMAT,
            "size": list(options.size),
            "fit": options.fit,
            "pad": options.pad,
            "channels": self._fit.channels,
            "shuffle": options.shuffle,
            "bucket": options.bucket,
        }


class Step(Protocol):
    """A batch that knows where its step begins, whatever its arrays are."""

    @property
    def first_position(self) -> int:
        """Position of its first picture."""


@dataclass(frozen=True, slots=True)
class Ranks:
    """Which of several loops this is."""

    rank: int
    world_size: int

    @classmethod
    def of(cls, options: StreamOptions) -> Self:
        """As the options say, else as ``torch.distributed`` does, where that is up."""
        if options.rank is not None and options.world_size is not None:
            return cls(options.rank, options.world_size)
        distributed = sys.modules.get("torch.distributed")
        if distributed is None or not distributed.is_available():
            return cls(0, 1)
        if not distributed.is_initialized():
            return cls(0, 1)
        return cls(distributed.get_rank(), distributed.get_world_size())


def _layout(options: StreamOptions, fit: Fit) -> SlotLayout:
    return SlotLayout(options.batch_size, fit.height_px, fit.width_px, fit.channels)


def _in_channels(config: RunConfig, channels: int | None) -> RunConfig:
    """A config of which pictures are drawn in as many channels, unless it says otherwise itself."""
    if channels is None or config.output.mode != "auto":
        return config
    mode: Literal["gray", "rgb"] = "gray" if channels == 1 else "rgb"
    return replace(config, output=replace(config.output, mode=mode))
