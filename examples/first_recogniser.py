"""From nothing to a trained recogniser: letters and digits, as a scanner sees them.

    pip install 'shmtext[torch]'
    python examples/first_recogniser.py

It draws 25,600 pictures while it learns, none twice: four minutes on two cores.
"""

import sys
from itertools import groupby, islice

import torch
from torch import nn

import shmtext

LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz"
texts = shmtext.BalancedText(letters=LETTERS[10:], space_freq=0, max_example_size=8)
config = shmtext.RunConfig(corpus=texts, look=["scan"])  # digits come with the letters
layers = []
for before, after, pool in ((1, 32, 2), (32, 64, 2), (64, 96, (2, 1)), (96, 128, (4, 1))):
    layers += [nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after)]
    layers += [nn.ReLU(), nn.MaxPool2d(pool)]  # 32 px become one row
net = nn.Sequential(*layers, nn.Flatten(1, 2), nn.Conv1d(128, 1 + len(LETTERS), 5, padding=2))
optimizer = torch.optim.AdamW(net.parameters(), 2e-3)
num_steps = int(sys.argv[1]) if len(sys.argv) > 1 else 800
with shmtext.stream(config, batch_size=32, size=(32, 160), channels=1, workers=1) as stream:
    for step, batch in enumerate(islice(stream, num_steps), start=1):
        images = torch.from_numpy(batch.images)[:, None] / 127.5 - 1
        scores = net(images).log_softmax(1).permute(2, 0, 1)  # places, pictures, letters
        codes = [torch.tensor([1 + LETTERS.index(each) for each in text]) for text in batch.texts]
        places, lengths = [len(scores)] * len(codes), [len(each) for each in codes]
        loss = nn.functional.ctc_loss(scores, torch.cat(codes), places, lengths)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 50 == 0 or step == num_steps:
            best = scores.argmax(2).T.tolist()
            read = ["".join(LETTERS[c - 1] for c, _ in groupby(row) if c) for row in best]
            right = sum(map(str.__eq__, read, batch.texts)) / len(read)
            print(f"step {step}: {batch.texts[0]} is read as {read[0]!r}; {right:.0%} are right")
