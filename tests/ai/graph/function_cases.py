"""Random cases of the functions that are made of several rows, against what NumPy says of the whole.

Each function takes a Source and gives the line for make_function, the tensors that its graph is given, and
its expectation, as in row_cases. A function's rows round one after the other: bounds are those roundings.
"""

import math
import struct
import subprocess

import numpy as np

from graph_cases import DTYPE, FLOATS, NUMBERS, PRECISION, INTEGERS, round_to, to_bytes, type_text
from row_cases import ADDING, exactly, magnitude, philox, some_axes, wide, within, integer_dtype
from window_cases import Windows

FUNCTIONS = {}
WITHOUT_FLOATS = {"one_hot", "random_uniform", "random_normal"}


class Maker:
    """A make_function that lives through all cases."""

    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def text(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()
        (length,) = struct.unpack("<I", self.process.stdout.read(4))
        return self.process.stdout.read(length).decode()

    def close(self):
        self.process.stdin.close()
        return self.process.wait()


def function(*names):
    def keep(make):
        for name in names:
            FUNCTIONS[name] = lambda source, name=name: make(source, name)
        return make
    return keep


def line(name, element, shape, *numbers):
    return " ".join([name, type_text(element, shape), *(str(n) for n in numbers)])


def unit(element):
    """Half a unit in the last place, relative: what one rounding may add."""
    return 2.0 ** -PRECISION[element]


def known(array):
    """Magnitudes of what is a number, else 0; float64."""
    size = np.abs(np.asarray(array, np.float64))
    return np.where(np.isfinite(size), size, 0)


@function("relu")
def relu(s, name):
    element = s.pick(FLOATS if s.force is not None else NUMBERS)
    a = s.values(element, s.shape())
    return line(name, element, a.shape), [(element, a)], exactly(element, np.maximum(a, a.dtype.type(0)), signs=False)


@function("scale")
def scale(s, name):
    element = s.pick(FLOATS)
    a, factor = s.values(element, s.shape()), s.pick([0.0, -2.5, 1.0, 0.1, 1e-3, 3.0])
    with np.errstate(all="ignore"):
        want = round_to(element, wide(a) * wide(round_to(element, np.float64(factor))))
    return line(name, element, a.shape, factor), [(element, a)], exactly(element, want)


@function("sigmoid")
def sigmoid(s, name):
    element = s.pick(FLOATS)
    a = s.values(element, s.shape())
    with np.errstate(all="ignore"):
        want = 1 / (1 + np.exp(-wide(a)))
    return line(name, element, a.shape), [(element, a)], within(element, want, 2 * unit(element))


@function("gelu")
def gelu(s, name):
    element = s.pick(FLOATS)
    a = s.values(element, s.shape())
    erf = np.vectorize(math.erf, otypes=[np.float64])
    with np.errstate(all="ignore"):
        want = wide(a) * (1 + wide(erf(np.asarray(a, np.float64) / math.sqrt(2)) if a.size else a)) / 2
        bound = 3 * unit(element) * np.minimum(known(a), 2 * known(want) + 8)
    return line(name, element, a.shape), [(element, a)], within(element, want, bound)


def log_sums(a, axis):
    with np.errstate(all="ignore"):
        top = np.max(wide(a), axis, keepdims=True, initial=-np.inf)
        finite = np.where(np.isfinite(top), top, 0)
        return np.log(np.sum(np.exp(wide(a) - finite), axis, keepdims=True)) + finite


@function("softmax", "log_softmax")
def softmax(s, name):
    element = s.pick(FLOATS)
    a = s.values(element, s.shape(least=1, empty=False), special=s.below(2) == 0, scale=3)
    axis = s.below(a.ndim)
    sums = log_sums(a, axis)
    with np.errstate(all="ignore"):
        want = wide(a) - sums
        bound = 2 * unit(element) * (known(sums) + known(want))
        if name == "softmax":
            want, bound = np.exp(want), known(np.exp(want)) * (bound + 2 * unit(element))
            bound = np.where(known(wide(a) - sums) > 1e4, 0, bound)  # flat there
    return line(name, element, a.shape, axis - a.ndim * s.below(2)), [(element, a)], within(element, want, bound)


@function("sum_all", "sum_to")
def sums(s, name):
    element = s.pick(FLOATS if s.force is not None else NUMBERS)
    a = s.values(element, s.shape(), special=element in INTEGERS, scale=3)
    to = () if name == "sum_all" else s.operand(a.shape)
    axes = tuple(i for i in range(a.ndim) if i < a.ndim - len(to) or to[i - a.ndim + len(to)] != a.shape[i])
    with np.errstate(all="ignore"):
        if element in INTEGERS:
            want = np.sum(a.astype(integer_dtype(element)), axes, keepdims=True, dtype=integer_dtype(element))
            want = exactly(element, want.astype(DTYPE[element]).reshape(to))
        else:
            total = np.sum(wide(a), axes, keepdims=True).reshape(to)
            want = within(element, total, magnitude(a, axes).reshape(to) * ADDING)
    return line(name, element, a.shape, *([] if name == "sum_all" else to)), [(element, a)], want


@function("mean", "mean_all")
def mean(s, name):
    element = s.pick(FLOATS)
    shape = (s.between(257, 400), 1) if s.below(5) == 0 else s.shape(empty=False)  # a count that bf16 has not
    a = s.values(element, shape, special=False, scale=3)
    axes = tuple(range(a.ndim)) if name == "mean_all" else some_axes(s, a.ndim)
    with np.errstate(all="ignore"):
        want = np.mean(wide(a), axes, keepdims=name == "mean")
    inner = unit("f64" if element == "f64" else "f32")  # narrow ones are added in f32
    bound = 2 * inner * known(want) + magnitude(a, axes).reshape(want.shape) * ADDING
    numbers = [] if name == "mean_all" else [axis - a.ndim * s.below(2) for axis in axes]
    return line(name, element, a.shape, *numbers), [(element, a)], within(element, want, bound)


@function("one_hot")
def one_hot(s, name):
    kind, element, classes = s.pick(["i32", "i64"]), s.pick(NUMBERS), s.between(1, 6)
    shape = s.shape(most=7, elements=40)
    indices = s.rng.integers(-1, classes + 1, shape).astype(DTYPE[kind])  # outside: none of them
    want = (indices[..., None] == np.arange(classes)).astype(DTYPE[element])
    return line(name, kind, shape, classes, element), [(kind, indices)], exactly(element, want)


@function("cross_entropy")
def cross_entropy(s, name):
    element, kind = s.pick(FLOATS), s.pick(["i32", "i64"])
    batch, classes = s.between(1, 6), s.between(1, 7)
    a = s.values(element, (batch, classes), special=False, scale=4)
    if s.below(3) == 0:  # all far from 0, where the difference of large numbers would cancel
        a = round_to(element, a * 0.25 + (3e4 if element == "f16" else 1e6))
    labels = s.rng.integers(0, classes, batch).astype(DTYPE[kind])
    with np.errstate(all="ignore"):
        top = np.max(wide(a), 1, keepdims=True)
        lost = wide(a) - top  # rounded, where they are not near each other
        chosen, total = lost[np.arange(batch), labels], np.log(np.sum(np.exp(lost), 1))
        want = np.mean(total - chosen)
        bound = 4 * unit(element) * np.mean(known(chosen) + known(total) + np.max(known(lost), 1))
    return line(name, element, a.shape, kind), [(element, a), (kind, labels)], within(element, want, bound)


def bits(key, stream, shape):
    count = math.prod(shape)
    words = [w for place in range((count + 3) // 4) for w in philox(key, stream, place)][:count]
    return np.array(words, np.uint64).reshape(shape)


def uniform(element, key, stream, shape):
    digits = min(PRECISION[element], 32)
    return (bits(key, stream, shape) >> np.uint64(32 - digits)).astype(np.float64) * 2.0 ** -digits


@function("random_uniform")
def random_uniform(s, name):
    element, shape, key = s.pick(FLOATS), s.shape(), int(s.rng.integers(2 ** 63))
    want = round_to(element, uniform(element, key, 0, shape))
    return line(name, element, shape), [("u64", np.uint64(key))], exactly(element, want)


def normal(element, key, shape):
    """Box and Muller's of two streams, and the roundings of f32 (or f64) on the way."""
    inner = "f64" if element == "f64" else "f32"
    u, v = wide(uniform(inner, key, 0, shape)), wide(uniform(inner, key, 1, shape))
    with np.errstate(all="ignore"):
        radius = np.sqrt(-2 * np.log(1 - u))
    return radius * np.cos(2 * np.pi * v), known(radius) * 20 * unit(inner)


@function("random_normal")
def random_normal(s, name):
    element, shape, key = s.pick(FLOATS), s.shape(), int(s.rng.integers(2 ** 63))
    want, bound = normal(element, key, shape)
    return line(name, element, shape), [("u64", np.uint64(key))], within(element, want, bound)


def averaged(element, x, w):
    """Each window's mean of what it sees of x; of nothing it is none."""
    import itertools
    tapes = w.tapes()
    counts = w.outputs(tapes)
    total = np.zeros((len(x), *counts, x.shape[-1]), np.longdouble)
    size, seen = np.zeros(total.shape), np.zeros(total.shape)
    for at in itertools.product(*(range(c) for c in counts)):
        for _, _, place in w.taps(tapes, at):
            if place is not None:
                total[(slice(None), *at)] += wide(x)[(slice(None), *place)]
                size[(slice(None), *at)] += known(x[(slice(None), *place)])
                seen[(slice(None), *at)] += 1
    with np.errstate(all="ignore"):
        want = total / seen
    return within(element, want, 2 * unit(element) * known(want) + size * ADDING)


@function("pool_average")
def pool_average(s, name):
    element, axes = s.pick(FLOATS), s.pick([1, 1, 2, 2, 3])
    w = Windows(s, axes, empty=s.force is None)
    x = s.values(element, [s.between(1, 2), *w.sizes, s.between(1, 3)], special=False, scale=3)
    lists = [*w.window, *w.stride, *w.dilation, *w.spread, *w.before, *w.after]
    return line(name, element, x.shape, *lists), [(element, x)], averaged(element, x, w)


@function("same_padding")
def same_padding(s, name):
    """TFLite's SAME: as many windows as size / stride, rounded up, the odd one of the padding behind."""
    element, axes = s.pick(FLOATS), s.pick([1, 2, 2, 3])
    w = Windows(s, axes, empty=False)
    w.dilation, w.spread = [1] * axes, [1] * axes
    for axis in range(axes):
        windows = -(-w.sizes[axis] // w.stride[axis])
        missing = max((windows - 1) * w.stride[axis] + w.window[axis] - w.sizes[axis], 0)
        w.before[axis], w.after[axis] = missing // 2, missing - missing // 2
    x = s.values(element, [s.between(1, 2), *w.sizes, s.between(1, 3)], special=False, scale=3)
    want = averaged(element, x, w)
    assert want[1].shape[1:-1] == tuple(-(-a // b) for a, b in zip(w.sizes, w.stride))
    return line(name, element, x.shape, *w.window, *w.stride), [(element, x)], want


def distribution(got):
    """What is wrong with numbers that should be normal: their mean, variance and quantiles, at five deviations."""
    count, wrong = got.size, []
    if abs(got.mean()) > 5 / math.sqrt(count):
        wrong.append("mean %g" % got.mean())
    if abs(got.var() - 1) > 5 * math.sqrt(2 / count):
        wrong.append("variance %g" % got.var())
    for z in (-3, -2, -1, -0.5, 0, 0.5, 1, 2, 3):
        share = 0.5 * (1 + math.erf(z / math.sqrt(2)))
        if abs((got < z).mean() - share) > 5 * math.sqrt(share * (1 - share) / count):
            wrong.append("%g of them below %g, expected %g" % ((got < z).mean(), z, share))
    neighbours = np.corrcoef(got[:-1], got[1:])[0, 1]
    if abs(neighbours) > 5 / math.sqrt(count):
        wrong.append("neighbours correlate by %g" % neighbours)
    return wrong


def functions_of(tester, maker, count):
    """All cases of all functions, through the tester's runner."""
    class Made:
        def __init__(self, text, data):
            self.lines, self.data = text, data

        def text(self):
            return self.lines

    for name, make in FUNCTIONS.items():
        for force in [None] * count + [np.nan, np.inf, -np.inf] * 6:
            if force is not None and name in WITHOUT_FLOATS:
                continue
            tester.source.force, tester.source.forced = force, 0
            asked, tensors, want = make(tester.source)
            data = [to_bytes(element, np.asarray(array)) for element, array in tensors]
            tester.check(asked, Made(maker.text(asked), data), [want])
    tester.source.force = None
    many = (1 << 15,)
    answer = tester.runner.run(maker.text(line("random_normal", "f32", many)), [to_bytes("u64", np.uint64(7))])
    for wrong in distribution(np.asarray(answer.results[0][1], np.float64)):
        tester.failed += 1
        print("random_normal: %s" % wrong)
