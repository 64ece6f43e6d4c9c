"""Random cases of convolution and pooling, by loops written from their definition."""

import itertools

import numpy as np

from graph_cases import DTYPE, FLOATS, INTEGERS, NUMBERS, Graph
from row_cases import ADDING, exactly, integer_dtype, row, wide, within


class Windows:
    """Random windows over the axes between the first and the last of (batch, sizes..., channels)."""

    def __init__(self, s, axes, spread=True, empty=True):
        most = 7 if axes == 1 else 5 if axes == 2 else 3
        self.sizes = [s.between(0 if empty and s.below(20) == 0 else 1, most) for _ in range(axes)]
        self.window = [s.between(1, 3 if axes < 3 else 2) for _ in range(axes)]
        self.stride = [s.between(1, 3) for _ in range(axes)]
        self.dilation = [s.pick([1, 1, 2, 3]) for _ in range(axes)]
        self.spread = [s.pick([1, 1, 2, 3]) if spread else 1 for _ in range(axes)]
        self.before = [s.between(-1, 2) for _ in range(axes)]
        self.after = [s.between(-1, 2) for _ in range(axes)]

    def attributes(self):
        return {name: getattr(self, name) for name in ("stride", "dilation", "spread", "before", "after")}

    def tapes(self):
        """Each axis as it is seen after spreading and padding: the element's number, or None."""
        tapes = []
        for size, spread, before, after in zip(self.sizes, self.spread, self.before, self.after):
            length = (size - 1) * spread + 1 if size else 0
            tapes.append([i // spread if 0 <= i < length and i % spread == 0 else None
                          for i in range(-before, length + after)])
        return tapes

    def outputs(self, tapes):
        counts = []
        for tape, window, dilation, stride in zip(tapes, self.window, self.dilation, self.stride):
            room = len(tape) - ((window - 1) * dilation + 1)
            counts.append(room // stride + 1 if room >= 0 else 0)
        return tuple(counts)

    def taps(self, tapes, at):
        """For each element of the window at `at`: its number in the window and its place in x, or None."""
        places = itertools.product(*(range(w) for w in self.window))
        for number, k in enumerate(places):
            place = tuple(tape[o * stride + i * dilation]
                          for tape, o, i, stride, dilation in zip(tapes, at, k, self.stride, self.dilation))
            yield number, k, None if None in place else place


def numbers(s, element, shape):
    return s.values(element, shape, special=element in INTEGERS, scale=3)


def accumulator(element, array):
    return wide(array) if element in FLOATS else array.astype(integer_dtype(element))


def finished(element, total, size):
    """The expectation of a sum, given the sum of magnitudes."""
    if element in INTEGERS:
        return exactly(element, total.astype(DTYPE[element]))
    return within(element, total, np.where(np.isfinite(size), size, 0) * ADDING)


@row("conv")
def conv(s, name):
    element, g = s.pick(FLOATS if s.force is not None else NUMBERS), Graph()
    axes = s.pick([1, 1, 2, 2, 2, 3, 4, 5])
    w = Windows(s, axes, empty=s.force is None)
    groups, share, each = s.pick([1, 1, 2, 3]), s.between(1, 2), s.between(1, 2)
    if s.force is None and s.below(25) == 0:
        share, each = s.pick([(0, 1), (1, 0), (0, 0)])
    batch = s.between(1, 2) if s.force is not None or s.below(20) else 0
    x = numbers(s, element, [batch, *w.sizes, groups * share])
    weights = numbers(s, element, [groups * each, *w.window, share])
    tapes = w.tapes()
    counts = w.outputs(tapes)
    wide_x, wide_w = accumulator(element, x), accumulator(element, weights)
    total = np.zeros((batch, *counts, groups * each), wide_x.dtype)
    size = np.zeros(total.shape)
    with np.errstate(all="ignore"):
        for at in itertools.product(*(range(c) for c in counts)):
            for _, k, place in w.taps(tapes, at):
                if place is None:
                    continue
                here, there = (slice(None), *place), (slice(None), *k)
                for group in range(groups):
                    inputs = wide_x[here][:, group * share:(group + 1) * share]
                    kernel = wide_w[there][group * each:(group + 1) * each]
                    where = (slice(None), *at, slice(group * each, (group + 1) * each))
                    total[where] += (inputs[:, None, :] * kernel[None]).sum(-1, dtype=total.dtype)
                    size[where] += np.abs(np.asarray(inputs[:, None, :] * kernel[None], np.float64)).sum(-1)
    g.result(g.op(name, [g.input(element, x), g.input(element, weights)], {**w.attributes(), "groups": groups},
                  [(element, total.shape)]))
    return g, [finished(element, total, size)]


def pooled(s, spread):
    element, axes = s.pick(FLOATS if s.force is not None else NUMBERS), s.pick([1, 1, 2, 2, 2, 3, 4, 5])
    w = Windows(s, axes, spread, empty=s.force is None)
    batch = s.between(1, 2) if s.force is not None or s.below(20) else 0
    x = numbers(s, element, [batch, *w.sizes, s.between(1, 3)])
    tapes = w.tapes()
    return element, w, x, tapes, w.outputs(tapes)


@row("pool_sum")
def pool_sum(s, name):
    (element, w, x, tapes, counts), g = pooled(s, True), Graph()
    wide_x = accumulator(element, x)
    total = np.zeros((len(x), *counts, x.shape[-1]), wide_x.dtype)
    size = np.zeros(total.shape)
    for at in itertools.product(*(range(c) for c in counts)):
        for _, _, place in w.taps(tapes, at):
            if place is not None:
                total[(slice(None), *at)] += wide_x[(slice(None), *place)]
                size[(slice(None), *at)] += np.abs(np.asarray(wide_x[(slice(None), *place)], np.float64))
    g.result(g.op(name, [g.input(element, x)], {"window": w.window, **w.attributes()}, [(element, total.shape)]))
    return g, [finished(element, total, size)]


@row("pool_greatest")
def pool_greatest(s, name):
    (element, w, x, tapes, counts), g = pooled(s, False), Graph()
    if element in FLOATS and s.force is None and s.below(2):
        x = s.values(element, x.shape)
    least = -np.inf if element in FLOATS else np.iinfo(DTYPE[element]).min
    best = np.full((len(x), *counts, x.shape[-1]), least, x.dtype)
    number = np.full(best.shape, -1, np.int32)
    for at in itertools.product(*(range(c) for c in counts)):
        for tap, _, place in w.taps(tapes, at):
            if place is None:
                continue
            where = (slice(None), *at)
            new, old = x[(slice(None), *place)], best[where]
            wins = (number[where] < 0) | (new > old)
            if element in FLOATS:
                wins = ~(np.isnan(old) & (number[where] >= 0)) & (wins | np.isnan(new))
            best[where] = np.where(wins, new, old)
            number[where] = np.where(wins, tap, number[where])
    g_types = [(element, best.shape), ("i32", best.shape)]
    value = g.op(name, [g.input(element, x)], {"window": w.window, **w.attributes()}, g_types)
    g.result(value)
    g.result(value + ".1")
    return g, [exactly(element, best), exactly("i32", number)]
