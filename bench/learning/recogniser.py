"""A small recogniser, always the same: convolutions, a recurrent layer and CTC, on PyTorch.

A CRNN as Shi, Bai and Yao have it (An End-to-End Trainable Neural Network for Image-based Sequence
Recognition, 2015), with half a million weights in place of eight, and batch normalisation. It
changes no picture on its own: what it knows it has of the pictures. Imported by processes that
train alone, as PyTorch takes seconds and memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bench.learning.sets import CODE, LETTERS, WIDTH_PX, Pictures

CHANNELS = (16, 32, 64, 128, 192)
HIDDEN = 112
"""Of the recurrent layer, each way."""

BATCH = 64
SORTED_BATCHES = 16
"""Pictures of so many batches are put together by width: short words wait for no long lines."""

WIDTH_STEP_PX = 8
RATE = 3e-3
WARM_UP = 0.15
"""Share of the steps in which the rate grows to ``RATE``, to fall towards zero afterwards."""
WEIGHT_DECAY = 0.01
LARGEST_GRADIENT = 5.0
SMOOTHED_STEPS = 50
READ_AT_ONCE = 128


class Reader:
    """The recogniser and its weights; reads with one thread."""

    def __init__(self, start: Path | None = None, seed: int = 0) -> None:
        torch.set_num_threads(1)  # two under load cost five times the CPU
        torch.manual_seed(seed)
        self._network = _Network()
        if start is not None:
            self._network.load_state_dict(torch.load(start, weights_only=True))

    def save(self, path: Path) -> None:
        """Keep the weights."""
        torch.save(self._network.state_dict(), path)

    def learn(
        self, pictures: Pictures, num_steps: int, seed: int, stepped: Callable[[], None]
    ) -> float:
        """Train for a number of steps; return the loss at their end, smoothed.

        Epoch after epoch, each picture once in each but for those of a batch that is not full.
        """
        learning = self.learning(num_steps)
        batches = _batches(pictures.widths_px, np.random.default_rng(seed))
        for batch in islice(batches, num_steps):
            learning.step(pictures.take(batch))
            stepped()
        return learning.loss

    def learning(self, num_steps: int) -> Learning:
        """Begin to train on batches of whoever has some."""
        return Learning(self._network, num_steps)

    def read(self, pictures: Pictures) -> list[str]:
        """Read pictures: of each place the likeliest letter, repeats and blanks left out."""
        said = [""] * len(pictures)
        order = np.argsort(pictures.widths_px, kind="stable")
        self._network.eval()
        with torch.inference_mode():
            for begin in range(0, len(order), READ_AT_ONCE):
                batch = order[begin : begin + READ_AT_ONCE]
                likeliest = self._network(_tensor(pictures.take(batch))).argmax(2).numpy()
                for number, classes in zip(batch, likeliest, strict=True):
                    is_new = np.diff(classes, prepend=0) != 0
                    said[number] = "".join(LETTERS[each - 1] for each in classes[is_new] if each)
        return said


class Learning:
    """A recogniser's way through a number of steps: at a rate that grows, then falls to zero."""

    def __init__(self, network: nn.Module, num_steps: int) -> None:
        self.num_done = 0
        """Steps so far."""
        self.loss = 0.0
        """Of the last steps, smoothed."""
        self._network, self._num_steps = network, num_steps
        self._optimizer = torch.optim.AdamW(network.parameters(), RATE, weight_decay=WEIGHT_DECAY)
        self._schedule = self._rates()

    def step(self, pictures: Pictures) -> None:
        """Learn from a batch."""
        self._network.train()
        loss = self._loss_of(pictures)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call,unused-ignore]
        nn.utils.clip_grad_norm_(self._network.parameters(), LARGEST_GRADIENT)
        self._optimizer.step()
        self._schedule.step()
        self.num_done += 1
        self.loss += (loss.item() - self.loss) / min(self.num_done, SMOOTHED_STEPS)

    def state_dict(self) -> dict[str, Any]:
        """All that a later start needs to go on as if there had been no end."""
        return {
            "num_done": self.num_done,
            "loss": self.loss,
            "network": self._network.state_dict(),
            "optimizer": self._optimizer.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there; with another number of steps, at the rate that is theirs."""
        self.num_done, self.loss = state["num_done"], state["loss"]
        self._network.load_state_dict(state["network"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._schedule = self._rates()

    def _rates(self) -> torch.optim.lr_scheduler.OneCycleLR:
        return torch.optim.lr_scheduler.OneCycleLR(
            self._optimizer,
            RATE,
            total_steps=max(self._num_steps, self.num_done),
            pct_start=WARM_UP,
            last_epoch=self.num_done - 1,
        )

    def _loss_of(self, pictures: Pictures) -> Tensor:
        likelihoods = self._network(_tensor(pictures)).log_softmax(2).transpose(0, 1)
        letters = [CODE[letter] for text in pictures.texts for letter in text]
        return nn.functional.ctc_loss(
            likelihoods,
            torch.tensor(letters),
            torch.full((len(pictures),), likelihoods.shape[0]),
            torch.tensor([len(text) for text in pictures.texts]),
            zero_infinity=True,  # texts with more letters than places teach nothing
        )


def num_weights() -> int:
    """How many the recogniser has."""
    return sum(each.numel() for each in _Network().parameters())


class _Network(nn.Module):
    """``(num, 1, 32, width)`` → ``(num, width / 4 - 1, 1 + len(LETTERS))``, not normalised."""

    def __init__(self) -> None:
        super().__init__()
        one, two, three, four, five = CHANNELS
        self.look = nn.Sequential(
            *_convolved(1, one, stride=2),
            *_convolved(one, two),
            nn.MaxPool2d(2),
            *_convolved(two, three),
            nn.MaxPool2d((2, 1)),
            *_convolved(three, four),
            nn.MaxPool2d((2, 1)),
            nn.Conv2d(four, five, (2, 3), padding=(0, 1), bias=False),
            nn.BatchNorm2d(five),
            nn.ReLU(inplace=True),
        )
        self.along = nn.GRU(five, HIDDEN, bidirectional=True, batch_first=True)
        self.say = nn.Linear(2 * HIDDEN, 1 + len(LETTERS))
        self.to(memory_format=torch.channels_last)

    def forward(self, pictures: Tensor) -> Tensor:
        columns = self.look(pictures).squeeze(2).transpose(1, 2)
        said: Tensor = self.say(self.along(columns)[0])
        return said


def _convolved(channels: int, to: int, stride: int = 1) -> tuple[nn.Module, ...]:
    convolution = nn.Conv2d(channels, to, 3, stride, padding=1, bias=False)
    return convolution, nn.BatchNorm2d(to), nn.ReLU(inplace=True)


def _tensor(pictures: Pictures) -> Tensor:
    """A batch a little wider than its widest picture, its levels from -1 to 1."""
    widest_px = int(pictures.widths_px.max())
    width_px = min((widest_px // WIDTH_STEP_PX + 2) * WIDTH_STEP_PX, WIDTH_PX)
    data = pictures.data[:, None, :, :width_px]
    missing_px = width_px - data.shape[3]
    if missing_px > 0:  # of those whose array ends where the widest does
        data = np.pad(data, ((0, 0), (0, 0), (0, 0), (0, missing_px)), "edge")
    levels = torch.from_numpy(np.ascontiguousarray(data)).float() / 127.5 - 1
    return levels.contiguous(memory_format=torch.channels_last)


def _batches(
    widths_px: NDArray[np.int16], random: np.random.Generator
) -> Iterator[NDArray[np.intp]]:
    """Numbers of pictures for one step after the other, without end."""
    num = len(widths_px)
    window = max(BATCH, min(BATCH * SORTED_BATCHES, num // BATCH * BATCH))
    while True:
        order = random.permutation(num)
        if num < BATCH:  # a set for trying out
            yield order
            continue
        batches: list[NDArray[np.intp]] = []
        for begin in range(0, num - BATCH + 1, window):
            near = order[begin : begin + window]
            near = near[np.argsort(widths_px[near], kind="stable")]
            batches += [near[at : at + BATCH] for at in range(0, len(near) - BATCH + 1, BATCH)]
        for number in random.permutation(len(batches)):
            yield batches[number]
