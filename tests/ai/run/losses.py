"""PyTorch's losses of the small network in test_losses.c, for losses.txt beside this file.

usage: python3 losses.py >losses.txt         with PyTorch from PyPI (made with 2.15.0)

Ten steps each of four optimisers, in float64. Weights and images are sines, which both sides compute alike.
"""

import math

import torch

BATCH, SIZE, CHANNELS, CLASSES, STEPS = 4, 6, 3, 5, 10


def sines(first, *shape):
    count = math.prod(shape)
    return torch.tensor([math.sin(0.7 * i + first) for i in range(count)], dtype=torch.float64).reshape(shape)


def losses(name, make, rates, norm=0.0):
    images = sines(0.1, BATCH, SIZE, SIZE, 1).permute(0, 3, 1, 2)
    labels = torch.tensor([i % CLASSES for i in range(BATCH)])
    w1, b1 = sines(0.2, CHANNELS, 3, 3, 1) * 0.5, sines(0.3, CHANNELS) * 0.1
    w2, b2 = sines(0.4, CLASSES, CHANNELS * SIZE * SIZE // 4) * 0.2, sines(0.5, CLASSES) * 0.1
    parameters = [p.requires_grad_() for p in (w1, b1, w2, b2)]
    optimiser = make(parameters)
    for step in range(STEPS):
        for group in optimiser.param_groups:
            group["lr"] = rates[step]
        x = torch.nn.functional.conv2d(images, w1.permute(0, 3, 1, 2), b1, padding=1)
        x = torch.nn.functional.max_pool2d(torch.relu(x), 2)
        logits = x.permute(0, 2, 3, 1).flatten(1) @ w2.T + b2
        loss = torch.nn.functional.cross_entropy(logits, labels)
        optimiser.zero_grad()
        loss.backward()
        if norm:
            torch.nn.utils.clip_grad_norm_(parameters, norm)
        print(name, step, repr(loss.item()))
        optimiser.step()


flat = [0.1] * STEPS
small = [0.01] * STEPS
warm = [0.05 * ((t + 1) / 3 if t < 3 else 0.5 * (1 + math.cos(math.pi * (t - 3) / 7))) for t in range(STEPS)]
losses("sgd", lambda p: torch.optim.SGD(p, lr=1), flat)
losses("nesterov", lambda p: torch.optim.SGD(p, lr=1, momentum=0.9, nesterov=True, weight_decay=5e-2), small)
losses("adam", lambda p: torch.optim.Adam(p, lr=1, weight_decay=1e-2), small)
losses("adamw", lambda p: torch.optim.AdamW(p, lr=1, weight_decay=0.1), warm, norm=0.5)
