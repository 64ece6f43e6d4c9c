"""Images a second of the demonstration's training, ours and PyTorch's in turns: one run, one machine, the same work.

usage: fashion.py TUTTI [THREADS]

Both begin from 8-bit pixels, run the optimiser, and take denormal numbers for zero; PyTorch is the better of the orders
of axes (NCHW, channels_last) and modes (eager, compiled where g++ is there). Medians of the slices, and their spread.
"""

import gzip
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import numpy
import torch

BATCH, SLICES, IMAGES = 64, 5, 12800
FOLDER = "/usr/share/datasets/fashion-mnist"  # Debian's package dataset-fashion-mnist


def read(name, skip):
    with gzip.open(os.path.join(FOLDER, name + ".gz"), "rb") as file:
        return numpy.frombuffer(file.read(), numpy.uint8)[skip:].copy()


class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        conv, self.pool = torch.nn.Conv2d, torch.nn.MaxPool2d(2)
        self.conv = torch.nn.ModuleList([conv(1, 12, 3, padding=1), conv(12, 24, 3, padding=1), conv(24, 32, 3, padding=1)])
        self.dense = torch.nn.ModuleList([torch.nn.Linear(1568, 32), torch.nn.Linear(32, 10)])

    def forward(self, x):
        x = self.pool(torch.relu(self.conv[0](x)))
        x = self.pool(torch.relu(self.conv[1](x)))
        x = torch.relu(self.conv[2](x)).flatten(1)
        return self.dense[1](torch.relu(self.dense[0](x)))


class Peer:
    def __init__(self, images, labels, last, compiled):
        self.images, self.labels, self.last = images, labels, last
        self.network = Network()
        if last:
            self.network = self.network.to(memory_format=torch.channels_last)
        self.optimiser = torch.optim.SGD(self.network.parameters(), lr=0.01, momentum=0.9, nesterov=True, weight_decay=5e-4)
        self.step = torch.compile(self.forward) if compiled else self.forward
        self.name = ("channels_last" if last else "NCHW") + (", compiled" if compiled else ", eager")

    def forward(self, x, y):
        return torch.nn.functional.cross_entropy(self.network(x), y)

    def slice(self, images):
        begin = time.monotonic()
        for at in range(0, images, BATCH):
            x = self.images[at : at + BATCH].to(torch.float32) / 255
            if self.last:
                x = x.contiguous(memory_format=torch.channels_last)
            self.optimiser.zero_grad(set_to_none=True)
            self.step(x, self.labels[at : at + BATCH]).backward()
            self.optimiser.step()
        return images / (time.monotonic() - begin)


def ours(tutti, threads, folder):
    said = subprocess.run([tutti, "train", "--threads", str(threads), "--images", str(IMAGES), "--epochs", "2", "--out", folder + "/m"],
                          capture_output=True, text=True, check=True)
    return float(re.search(r"([0-9]+) images/s", said.stdout + said.stderr).group(1))


def main():
    tutti, threads = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    images = torch.from_numpy(read("train-images-idx3-ubyte", 16)).reshape(-1, 1, 28, 28)
    labels = torch.from_numpy(read("train-labels-idx1-ubyte", 8)).to(torch.int64)
    peers = [Peer(images, labels, last, compiled) for last in (False, True)
             for compiled in ((False, True) if shutil.which("g++") else (False,))]
    for peer in peers:
        peer.slice(20 * BATCH)  # warms up, compiles
    best = max(peers, key=lambda peer: peer.slice(IMAGES // 4))
    mine, theirs = [], []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(SLICES):
            mine.append(ours(tutti, threads, folder))
            theirs.append(best.slice(IMAGES))
    name = "ai.train.fashion" + ("" if threads == 1 else f".threads{threads}")
    print(f"bench {name} {statistics.median(mine):.0f} images/s")
    print(f"bench {name}.pytorch {statistics.median(theirs):.0f} images/s")
    print(f"{threads} threads, PyTorch {torch.__version__} {best.name}, {SLICES} slices each: ours {min(mine):.0f} to {max(mine):.0f}, "
          f"theirs {min(theirs):.0f} to {max(theirs):.0f}", file=sys.stderr)


main()
