"""The trainings of networks.c by PyTorch, in both orders of axes, eager and compiled.

Weights come in our order and layout, images as bytes in ours; each work turns them into its own once.
"""

import shutil
import time

import numpy
import torch
import torch.nn.functional as F

BATCH, CHECK_STEPS, MEMORY_STEPS = 64, 10, 100


def conv(out, window, inside, bias=True):
    return [(out, window, window, inside)] + ([(out,)] if bias else [])


def conv_norm(out, inside):
    return conv(out, 3, inside, False) + [(out,), (out,)]


LENET5 = conv(6, 5, 1) + conv(16, 5, 6) + [(120, 400), (120,), (84, 120), (84,), (10, 84), (10,)]
RESNET8 = (conv_norm(16, 3) + conv_norm(16, 16) * 2 + conv_norm(32, 16) + conv_norm(32, 32) + conv(32, 1, 16)
           + conv_norm(64, 32) + conv_norm(64, 64) + conv(64, 1, 32) + [(10, 64), (10,)])
FASHION = conv(12, 3, 1) + conv(24, 3, 12) + conv(32, 3, 24) + [(32, 1568), (32,), (10, 32), (10,)]


def lenet5(p, x):
    x = F.max_pool2d(F.relu(F.conv2d(x, p[0], p[1], padding=2)), 2)
    x = F.max_pool2d(F.relu(F.conv2d(x, p[2], p[3])), 2).flatten(1)
    x = F.relu(F.linear(F.relu(F.linear(x, p[4], p[5])), p[6], p[7]))
    return F.linear(x, p[8], p[9])


def norm(x, scale, shift):
    return F.batch_norm(x, None, None, scale, shift, training=True, eps=0.001)


def block(p, x, stride):
    y = F.relu(norm(F.conv2d(x, p[0], None, stride, 1), p[1], p[2]))
    y = norm(F.conv2d(y, p[3], None, 1, 1), p[4], p[5])
    if stride != 1:
        x = F.conv2d(x, p[6], p[7], stride)
    return F.relu(x + y)


def resnet8(p, x):
    x = F.relu(norm(F.conv2d(x, p[0], None, 1, 1), p[1], p[2]))
    x = block(p[3:9], x, 1)
    x = block(p[9:17], x, 2)
    x = block(p[17:25], x, 2)
    return F.linear(x.mean((2, 3)), p[25], p[26])


def fashion(p, x):
    x = F.max_pool2d(F.relu(F.conv2d(x, p[0], p[1], padding=1)), 2)
    x = F.max_pool2d(F.relu(F.conv2d(x, p[2], p[3], padding=1)), 2)
    x = F.relu(F.conv2d(x, p[4], p[5], padding=1)).flatten(1)
    return F.linear(F.relu(F.linear(x, p[6], p[7])), p[8], p[9])


# name: network, shapes of weights, size and channels of images, channels where they become one row, optimiser
NETWORKS = {
    "ai.train.lenet5": (lenet5, LENET5, 28, 1, 16, {}),
    "ai.train.resnet8": (resnet8, RESNET8, 32, 3, 64, {"momentum": 0.9}),
    "ai.train.fashion": (fashion, FASHION, 28, 1, 32, {"momentum": 0.9, "nesterov": True, "weight_decay": 5e-4}),
}


def weights(numbers, shapes, channels):
    """Ours as PyTorch has them: (out, in, rows, columns), and a row of channels before pixels."""
    at, made, flat = 0, [], True
    for shape in shapes:
        count = int(numpy.prod(shape))
        w = numbers[at : at + count].reshape(shape)
        at += count
        if w.ndim == 4:
            w = w.transpose(0, 3, 1, 2)
        elif w.ndim == 2 and flat:  # the first behind the images
            w, flat = w.reshape(shape[0], -1, channels).transpose(0, 2, 1).reshape(shape), False
        made.append(torch.from_numpy(numpy.ascontiguousarray(w)))
    assert at == numbers.size
    return made


class Training:
    def __init__(self, name, data, images, labels, rate, last, compiled):
        network, shapes, _, _, channels, options = NETWORKS[name]
        self.order = torch.channels_last if last else torch.contiguous_format
        numbers = numpy.fromfile(data, numpy.float32) if isinstance(data, str) else data
        self.begin = weights(numbers, shapes, channels)
        self.parameters = [self.ordered(w.clone()).requires_grad_() for w in self.begin]
        self.images, self.labels, self.at = self.ordered(images), labels, 0
        self.optimiser = torch.optim.SGD(self.parameters, lr=float(rate), fused=True, **options)
        forward = lambda p, x, y: F.cross_entropy(network(p, x.float() * (1 / 255)), y)
        self.forward = torch.compile(forward, dynamic=False) if compiled else forward
        self.mode = f"PyTorch {torch.__version__} ({'channels_last' if last else 'NCHW'}, {'compiled' if compiled else 'eager'})"

    def ordered(self, tensor):
        return tensor.contiguous(memory_format=self.order) if tensor.ndim == 4 else tensor

    def step(self, x, y):
        loss = self.forward(self.parameters, x, y)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        return loss

    def run(self):
        here = slice(self.at, self.at + BATCH)
        self.at = (self.at + BATCH) % len(self.labels)
        return self.step(self.images[here], self.labels[here])

    def check(self):
        with torch.no_grad():
            for parameter, begin in zip(self.parameters, self.begin):
                parameter.copy_(begin)
        self.optimiser.state.clear()
        self.at = 0
        return numpy.array([self.run().item() for _ in range(CHECK_STEPS)], numpy.float32)


def works(name, data, file, count, rate):
    size, channels, count = NETWORKS[name][2], NETWORKS[name][3], int(count)
    pixels = count * size * size * channels
    images = numpy.fromfile(file, numpy.uint8, pixels).reshape(count, size, size, channels)
    images = torch.from_numpy(images).permute(0, 3, 1, 2)
    labels = torch.from_numpy(numpy.fromfile(file, numpy.int32, count, offset=pixels)).long()
    compilers = (False, True) if shutil.which("g++") else (False,)
    return [Training(name, data, images, labels, rate, last, compiled) for last in (False, True) for compiled in compilers]


def first(name):
    """Seconds to the end of the first step, compiled, in NCHW; imports do not count."""
    begin = time.perf_counter()
    size, channels = NETWORKS[name][2], NETWORKS[name][3]
    numbers = numpy.zeros(sum(int(numpy.prod(shape)) for shape in NETWORKS[name][1]), numpy.float32)
    images, labels = torch.zeros(BATCH, channels, size, size, dtype=torch.uint8), torch.zeros(BATCH, dtype=torch.long)
    Training(name, numbers, images, labels, 0.01, False, True).run().item()
    return time.perf_counter() - begin


def stream(name, data, file, count, rate):
    """Some steps, each of a batch that is read from the file then."""
    size, channels, count = NETWORKS[name][2], NETWORKS[name][3], int(count)
    bytes_each = size * size * channels
    empty = torch.zeros(0, channels, size, size, dtype=torch.uint8)
    training = Training(name, data, empty, torch.zeros(0), rate, False, False)
    for step in range(MEMORY_STEPS):
        at = step * BATCH % count
        x = numpy.fromfile(file, numpy.uint8, BATCH * bytes_each, offset=at * bytes_each)
        y = numpy.fromfile(file, numpy.int32, BATCH, offset=count * bytes_each + at * 4)
        x = torch.from_numpy(x.reshape(BATCH, size, size, channels)).permute(0, 3, 1, 2).contiguous()
        training.step(x, torch.from_numpy(y).long())
