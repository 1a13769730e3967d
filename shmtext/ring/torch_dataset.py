"""A stream as PyTorch reads it: an iterable dataset of batches that are tensors.

In the loop's own process tensors are views of the ring, which is pinned where there is CUDA. In a
DataLoader's worker there is no ring: that process draws its share of the steps itself, and PyTorch
carries them over. PyTorch is imported here alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Self

from numpy.typing import NDArray

from shmtext.draw.batch import GlyphBoxes
from shmtext.errors import ConfigError, SharedMemoryError
from shmtext.ring.batch import StreamBatch
from shmtext.ring.joining import Joining
from shmtext.ring.slots import Ring

try:
    import torch
    from torch import Tensor
    from torch.utils.data import IterableDataset, get_worker_info
except ImportError as error:
    raise ConfigError(
        f"stream.torch() needs PyTorch, which can't be imported ({error}): "
        "pip install 'shmtext[torch]'; batches of numpy need nothing"
    ) from error

if TYPE_CHECKING:
    from shmtext.ring.elsewhere import StreamElsewhere
    from shmtext.ring.stream import Stream

KEY_BITS = 63


@dataclass(frozen=True, slots=True, eq=False)
class TorchBatch:
    """A batch of tensors, named and shaped as in ``StreamBatch``."""

    images: Tensor
    widths: Tensor
    heights: Tensor
    indices: Tensor
    positions: Tensor
    first_position: int
    boxes: tuple[Tensor, ...] | None
    """``seams``, ``cluster`` and ``corners`` of ``GlyphBoxes``; None unless the config asks."""
    _texts: list[str] | None = None
    _batch: StreamBatch | None = field(default=None, repr=False)
    """That tensors are views of, in the process that it is of."""

    @classmethod
    def of(cls, batch: StreamBatch) -> Self:
        """Tensors that share the batch's memory."""
        boxes = batch.boxes
        return cls(
            images=torch.from_numpy(batch.images),
            widths=torch.from_numpy(batch.widths),
            heights=torch.from_numpy(batch.heights),
            indices=torch.from_numpy(batch.indices),
            positions=torch.from_numpy(batch.positions),
            first_position=batch.first_position,
            boxes=None if boxes is None else tuple(map(torch.from_numpy, parts_of(boxes))),
            _batch=batch,
        )

    @property
    def texts(self) -> list[str]:
        """What is drawn in each, with newlines between lines."""
        if self._texts is not None:
            return self._texts
        assert self._batch is not None
        return self._batch.texts

    def __len__(self) -> int:
        return len(self.images)

    def to(self, device: Any, *, non_blocking: bool = False) -> TorchBatch:
        """The same on another device."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> TorchBatch:
        """The same in pinned memory, as a DataLoader asks for; itself where it is pinned."""
        if self.images.is_pinned():
            return self
        return self._each(lambda tensor: tensor.pin_memory())

    def __getstate__(self) -> dict[str, Any]:
        state = {each.name: getattr(self, each.name) for each in fields(self)}
        return {**state, "_texts": self.texts, "_batch": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            object.__setattr__(self, name, value)

    def _each(self, become: Callable[[Tensor], Tensor]) -> TorchBatch:
        names = ("images", "widths", "heights", "indices", "positions")
        tensors = {name: become(getattr(self, name)) for name in names}
        boxes = self.boxes and tuple(map(become, self.boxes))
        return replace(self, **tensors, boxes=boxes)


class TorchStream(IterableDataset):  # type: ignore[misc,type-arg,unused-ignore]
    """What ``Stream.torch`` returns: for ``DataLoader(dataset, batch_size=None)``."""

    def __init__(self, stream: Stream | None, elsewhere: StreamElsewhere) -> None:
        super().__init__()
        self._stream = stream
        """None in processes that this was pickled for."""
        self._elsewhere = elsewhere

    def __reduce__(self) -> tuple[type[TorchStream], tuple[None, StreamElsewhere]]:
        return type(self), (None, self._elsewhere)

    def __iter__(self) -> Iterator[TorchBatch]:
        worker = get_worker_info()
        if worker is not None:
            key = (worker.seed - worker.id) % 2**KEY_BITS
            who = Joining(worker.id, worker.num_workers, key)
            return map(TorchBatch.of, self._elsewhere.batches(who))
        if self._stream is None:
            raise SharedMemoryError(
                "this copy of a stream is for the workers of a DataLoader: iterate the stream "
                "itself, in the process that made it"
            )
        return self._batches(self._stream)

    def _batches(self, stream: Stream) -> Iterator[TorchBatch]:
        if torch.cuda.is_available() and (ring := stream.ring()) is not None:
            pin(ring)
        for batch in stream:
            yield TorchBatch.of(batch)


def pin(ring: Ring) -> None:
    """Register a ring's memory with CUDA, once, so that copies to a device need not wait.

    From then on a slot is used again when what was on the current CUDA stream, as the loop let go
    of it, is done: copies out of it among that. Raises ``SharedMemoryError`` where CUDA refuses.
    """
    if ring.fence is not None:
        return
    runtime, address = torch.cuda.cudart(), ring.memory.ctypes.data
    failure = int(runtime.cudaHostRegister(address, ring.memory.nbytes, 0))
    if failure:
        raise SharedMemoryError(
            f"CUDA does not pin the ring's {ring.memory.nbytes / 1e6:,.1f} MB (error {failure}): "
            "raise the limit on locked memory (ulimit -l), or take a smaller ring (ahead)"
        )

    def unpin() -> None:
        torch.cuda.synchronize()  # copies may still read it
        runtime.cudaHostUnregister(address)

    ring.fence = _fence
    ring.before_close = unpin


def _fence() -> Callable[[], bool]:
    event = torch.cuda.Event()
    event.record()
    return lambda: bool(event.query())


def parts_of(boxes: GlyphBoxes) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """The arrays of boxes, in the order in which batches of tensors have them."""
    return boxes.seams, boxes.cluster, boxes.corners
