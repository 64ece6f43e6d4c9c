"""A random case of each row: a graph of that row alone, and what NumPy or plain Python says of it.

Each function takes a Source and gives a Graph and its expectations, a list of (element type, array,
check); check(got) says whether what was computed will do. ROWS finds them by the row's name.
"""

import math
from fractions import Fraction

import numpy as np

from graph_cases import (ALL, DTYPE, FLOATS, GREATEST, INTEGERS, LEAST_EXPONENT, NUMBERS, PRECISION, Graph, bf16, near,
                         round_to, same, ulp)

ROWS = {}


def row(*names):
    def keep(function):
        for name in names:
            ROWS[name] = lambda source, name=name: function(source, name)
        return function
    return keep


def exactly(element, want, signs=True):
    want = np.asarray(want)
    return element, want, lambda got: same(element, got, want, signs)


def within(element, want, bound):
    """`want` is float64 or wider; half an ulp of rounding to the type is allowed besides `bound`."""
    rounded = round_to(element, np.asarray(want, np.float64))
    return element, rounded, lambda got: near(element, got, rounded, bound + ulp(element, rounded))


def wide(array):
    return np.asarray(array).astype(np.longdouble)


def wrap(element, number):
    info = np.iinfo(DTYPE[element])
    return (number - int(info.min)) % (int(info.max) - int(info.min) + 1) + int(info.min)


def by_integers(function, element, *arrays):
    """Each element by plain Python's integers, wrapped."""
    arrays = np.broadcast_arrays(*arrays)
    flat = [wrap(element, function(*(int(v) for v in values))) for values in zip(*(a.flat for a in arrays))]
    return np.array(flat, DTYPE[element]).reshape(arrays[0].shape)


def cut(a, b):
    """a / b towards zero; 0 for b = 0."""
    return 0 if b == 0 else abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def integer_power(a, b):
    if b >= 0:
        return pow(a, b, 1 << 64)
    return a if a in (1, -1) and b % 2 else 1 if a in (1, -1) else 0


UNARY_EXACT = {"negate": np.negative, "absolute": np.abs, "sign": np.sign, "sqrt": np.sqrt, "floor": np.floor,
               "ceil": np.ceil, "round": np.rint}
UNARY_NEAR = {"exp": np.exp, "log": np.log, "sin": np.sin, "cos": np.cos, "atan": np.arctan, "tanh": np.tanh,
              "erf": lambda a: np.vectorize(math.erf, otypes=[np.longdouble])(a) if a.size else a}
UNARY_INTEGER = {"negate": lambda a: -a, "absolute": abs, "sign": lambda a: (a > 0) - (a < 0)}


@row("negate", "absolute", "sign", "sqrt", "floor", "ceil", "round", "exp", "log", "sin", "cos", "atan", "tanh", "erf")
def unary(s, name):
    element = s.pick(FLOATS if s.force is not None or name not in UNARY_INTEGER else NUMBERS)
    a, g = s.values(element, s.shape()), Graph()
    g.result(g.op(name, [g.input(element, a)], {}, [(element, a.shape)]))
    if element in INTEGERS:
        return g, [exactly(element, by_integers(UNARY_INTEGER[name], element, a))]
    with np.errstate(all="ignore"):
        if name in UNARY_EXACT:
            return g, [exactly(element, round_to(element, UNARY_EXACT[name](a)))]
        want = UNARY_NEAR[name](wide(a))
        # The C library's double tanh and erf are good for two units, all others here for one.
        more = ulp(element, want) if element == "f64" and name in ("tanh", "erf") else 0
        return g, [within(element, want, more)]


@row("not")
def bits_not(s, name):
    element = s.pick(INTEGERS + ["bool"])
    a, g = s.values(element, s.shape()), Graph()
    g.result(g.op(name, [g.input(element, a)], {}, [(element, a.shape)]))
    return g, [exactly(element, np.invert(a))]


BINARY_FLOAT = {"add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": np.divide,
                "remainder": np.fmod, "greater_of": np.maximum, "lesser_of": np.minimum}
BINARY_INTEGER = {
    "add": lambda a, b: a + b, "subtract": lambda a, b: a - b, "multiply": lambda a, b: a * b, "divide": cut,
    "remainder": lambda a, b: 0 if b == 0 else a - b * cut(a, b), "power": integer_power, "greater_of": max,
    "lesser_of": min, "and": lambda a, b: a & b, "or": lambda a, b: a | b, "xor": lambda a, b: a ^ b}


def two(s, element):
    shape = s.shape()
    a, b = s.values(element, s.operand(shape)), s.values(element, s.operand(shape))
    if s.below(4) == 0 and a.shape == b.shape:  # some that are equal
        b = np.where(s.rng.random(a.shape) < 0.5, a, b)
    return a, b


@row("add", "subtract", "multiply", "divide", "remainder", "power", "greater_of", "lesser_of")
def binary(s, name):
    element = s.pick(FLOATS if s.force is not None else NUMBERS)
    a, b = two(s, element)
    shape, g = np.broadcast_shapes(a.shape, b.shape), Graph()
    g.result(g.op(name, [g.input(element, a), g.input(element, b)], {}, [(element, shape)]))
    if element in INTEGERS:
        return g, [exactly(element, by_integers(BINARY_INTEGER[name], element, a, b))]
    with np.errstate(all="ignore"):
        if name == "power":
            # In double where a is infinite: glibc's powl makes inf of (-inf)^(-2^63), which is 0.
            want = np.where(np.isinf(a), np.power(a.astype(np.float64), b.astype(np.float64)), np.power(wide(a), wide(b)))
            return g, [within(element, want, 0)]
        want = round_to(element, BINARY_FLOAT[name](a, b))
    return g, [exactly(element, want, signs=not name.endswith("_of"))]


@row("and", "or", "xor")
def bits(s, name):
    element = s.pick(INTEGERS + ["bool"])
    a, b = two(s, element)
    shape, g = np.broadcast_shapes(a.shape, b.shape), Graph()
    g.result(g.op(name, [g.input(element, a), g.input(element, b)], {}, [(element, shape)]))
    return g, [exactly(element, {"and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor}[name](a, b))]


@row("shift_left", "shift_right")
def shift(s, name):
    element = s.pick(INTEGERS)
    a, b = two(s, element)
    width = np.iinfo(DTYPE[element]).bits
    if s.below(2) == 0:
        b = (s.rng.integers(-1 if element[0] == "i" else 0, width + 2, b.shape)).astype(DTYPE[element])
    shape, g = np.broadcast_shapes(a.shape, b.shape), Graph()
    g.result(g.op(name, [g.input(element, a), g.input(element, b)], {}, [(element, shape)]))
    move = (lambda x, n: x << n) if name == "shift_left" else (lambda x, n: x >> n)
    return g, [exactly(element, by_integers(lambda x, n: move(x, n) if 0 <= n < width else 0, element, a, b))]


@row("equal", "less", "less_or_equal")
def compare(s, name):
    element = s.pick(FLOATS if s.force is not None else ALL if name == "equal" else NUMBERS)
    a, b = two(s, element)
    g, want = Graph(), {"equal": np.equal, "less": np.less, "less_or_equal": np.less_equal}[name](a, b)
    g.result(g.op(name, [g.input(element, a), g.input(element, b)], {}, [("bool", want.shape)]))
    return g, [exactly("bool", want)]


@row("select")
def select(s, name):
    element, shape, g = s.pick(FLOATS if s.force is not None else ALL), s.shape(), Graph()
    c = s.values("bool", s.operand(shape))
    a, b = s.values(element, s.operand(shape)), s.values(element, s.operand(shape))
    want = np.where(c, a, b)
    g.result(g.op(name, [g.input("bool", c), g.input(element, a), g.input(element, b)], {}, [(element, want.shape)]))
    return g, [exactly(element, want)]


def nearest(element, number):
    """An exact number (Fraction) as a float of the element type: nearest, ties to even."""
    if number == 0:
        return 0.0
    size, exponent = abs(number), 0
    exponent = size.numerator.bit_length() - size.denominator.bit_length()
    if Fraction(2) ** exponent > size:
        exponent -= 1
    unit = Fraction(2) ** (max(exponent, LEAST_EXPONENT[element]) - PRECISION[element] + 1)
    rounded = round(size / unit) * unit  # Python's round: ties to even
    result = math.inf if rounded > Fraction(GREATEST[element]) else float(rounded)
    return -result if number < 0 else result


def convert_one(source, target, v):
    if target == "bool":
        return v != 0
    if target in FLOATS:
        if source in FLOATS:
            v = float(v)
            return v if not math.isfinite(v) else math.copysign(abs(nearest(target, Fraction(v))), v)
        return nearest(target, Fraction(int(v)))
    if source not in FLOATS:
        return wrap(target, int(v))
    info, v = np.iinfo(DTYPE[target]), float(v)
    if math.isnan(v):
        return 0
    return int(max(min(math.inf if v > 1e30 else -math.inf if v < -1e30 else int(v), int(info.max)), int(info.min)))


def converted(source, target, array):
    flat = [convert_one(source, target, v) for v in array.flat]
    return np.array(flat, DTYPE[target]).reshape(array.shape)


def convert_pair(s, source, target, shape):
    a, g = s.values(source, shape, scale=40), Graph()
    if source in FLOATS and target in FLOATS:  # numbers around the ties of the narrower type
        near_ties = round_to(source, s.rng.integers(-2 ** 20, 2 ** 20, a.shape) * 2.0 ** -9)
        a = np.where(s.rng.random(a.shape) < 0.4, near_ties, a) if s.force is None else a
        # and its numbers below the least normal one, with a bit too many
        tiny = round_to(source, s.rng.standard_normal(a.shape) * 2.0 ** (
            LEAST_EXPONENT[target] - s.rng.integers(-1, PRECISION[target] + 1, a.shape)))
        a = np.where(s.rng.random(a.shape) < 0.3, tiny, a) if s.force is None else a
    if source in ("i64", "u64") and target in FLOATS:  # a tie, or one beside it
        odd = (2 * s.rng.integers(2 ** (PRECISION[target] - 1), 2 ** PRECISION[target], a.shape) + 1).astype(a.dtype)
        left = s.rng.integers(0, 63 - PRECISION[target], a.shape).astype(a.dtype)
        beside = ((odd << left) + s.rng.integers(-1, 2, a.shape).astype(a.dtype)).astype(a.dtype)
        a = np.where(s.rng.random(a.shape) < 0.5, beside, a)
    g.result(g.op("convert", [g.input(source, a)], {"element": target}, [(target, a.shape)]))
    return g, [exactly(target, converted(source, target, a))]


@row("convert")
def convert(s, name):
    return convert_pair(s, s.pick(FLOATS if s.force is not None else ALL), s.pick(ALL), s.shape())


@row("stop")
def stop(s, name):
    element = s.pick(FLOATS if s.force is not None else ALL)
    a, g = s.values(element, s.shape()), Graph()
    g.result(g.op(name, [g.input(element, a)], {}, [(element, a.shape)]))
    return g, [exactly(element, a)]


@row("after")
def after(s, name):
    """The first, whatever the second is."""
    element, other = s.pick(FLOATS if s.force is not None else ALL), s.pick(ALL)
    a, b, g = s.values(element, s.shape()), s.values(other, s.shape()), Graph()
    g.result(g.op(name, [g.input(element, a), g.input(other, b)], {}, [(element, a.shape)]))
    return g, [exactly(element, a)]


@row("buffer")
def buffer(s, name):
    """Input, parameter, state and constant, as they were given."""
    element = s.pick(FLOATS if s.force is not None else ALL)
    a, g = s.values(element, s.shape(elements=20)), Graph()
    want = []
    for kind in ("input", "parameter", "state"):
        g.input(element, a)
        g.lines[-1] = g.lines[-1].replace("input", kind, 1)
        want.append("%%%d" % (g.count - 1))
    text = ",".join("%d" % v if element not in FLOATS else repr(float(v)) for v in a.flat)
    want.append(g.add("constant {%s} : %s[%s]" % (text, element, ",".join(map(str, a.shape)))))
    for value in want:
        g.result(value)
    return g, [exactly(element, a)] * 4


@row("iota")
def iota(s, name):
    element, shape, g = s.pick(NUMBERS), s.shape(least=1), Graph()
    if s.below(4) == 0:
        shape = (300,)  # beyond eight bits: it wraps, or rounds
    axis = s.below(len(shape))
    g.result(g.op(name, [], {"element": element, "sizes": shape, "axis": axis}, [(element, shape)]))
    places = np.arange(shape[axis], dtype=np.int64).reshape([-1 if i == axis else 1 for i in range(len(shape))])
    return g, [exactly(element, converted("i64", element, np.broadcast_to(places, shape)))]


def philox(key, stream, place):
    """Philox4x32-10 from its paper: four words of the counter (place, stream) under the key."""
    c = [place & 0xffffffff, place >> 32, stream & 0xffffffff, stream >> 32]
    k = [key & 0xffffffff, key >> 32]
    for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(b >> 32) ^ c[1] ^ k[0], b & 0xffffffff, (a >> 32) ^ c[3] ^ k[1], a & 0xffffffff]
        k = [(k[0] + 0x9E3779B9) & 0xffffffff, (k[1] + 0xBB67AE85) & 0xffffffff]
    return c


@row("random")
def random(s, name):
    shape, g = s.shape(), Graph()
    key, stream = int(s.rng.integers(2 ** 63)) * 2 + s.below(2), s.pick([0, 1, 7, 2 ** 32 + 5, 2 ** 63 - 2])
    count = math.prod(shape)
    words = [w for place in range((count + 3) // 4) for w in philox(key, stream, place)][:count]
    g.result(g.op(name, [g.input("u64", np.uint64(key))], {"stream": stream, "sizes": shape}, [("u32", shape)]))
    return g, [exactly("u32", np.array(words, np.uint32).reshape(shape))]


# Movement.

def moved(s, name, attributes, function, least=0, **limits):
    element = s.pick(FLOATS if s.force is not None else ALL)
    a, g = s.values(element, s.shape(least=least, **limits)), Graph()
    attributes = attributes(a)
    want = function(a, attributes)
    g.result(g.op(name, [g.input(element, a)], attributes, [(element, want.shape)]))
    return g, [exactly(element, want)]


@row("reshape")
def reshape(s, name):
    def another(a):
        left, sizes = a.size, []
        while left > 1 and len(sizes) < 6:
            divisor = s.pick([d for d in range(1, left + 1) if left % d == 0])
            sizes.append(divisor)
            left //= divisor
        sizes += [left] if left != 1 or s.below(2) else []
        s.rng.shuffle(sizes)
        return {"sizes": sizes}
    return moved(s, name, another, lambda a, t: a.reshape(t["sizes"]))


@row("transpose")
def transpose(s, name):
    return moved(s, name, lambda a: {"order": list(s.rng.permutation(a.ndim))}, lambda a, t: a.transpose(t["order"]))


@row("broadcast")
def broadcast(s, name):
    def larger(a):
        sizes = [s.pick([0, 1, 2, 3]) if size == 1 and s.below(2) else size for size in a.shape]
        ahead = s.below(min(3, 9 - a.ndim)) if a.ndim < 8 else 0
        return {"sizes": [s.between(1, 3) for _ in range(ahead)] + sizes}
    return moved(s, name, larger, lambda a, t: np.broadcast_to(a, t["sizes"]), elements=40)


@row("slice")
def slice_(s, name):
    def part(a):
        first, sizes, steps = [], [], []
        for size in a.shape:
            first.append(s.between(0, size))
            steps.append(s.pick([1, 1, 2, 3, 2 ** 63 - 1]))
            room = (size - first[-1] + steps[-1] - 1) // steps[-1]
            sizes.append(s.between(0, room) if s.below(4) == 0 else room)
        return {"first": first, "sizes": sizes, "steps": steps}

    def take(a, t):
        for axis in range(a.ndim):
            where = [t["first"][axis] + i * t["steps"][axis] for i in range(t["sizes"][axis])]
            a = np.take(a, np.array(where, np.int64), axis)
        return a
    return moved(s, name, part, take)


def padded(a, before, after, between, fill):
    """By its definition: axis by axis, what lies at each place from -before to the length and after."""
    for axis in range(a.ndim):
        step, size = between[axis] + 1, a.shape[axis]
        length = (size - 1) * step + 1 if size else 0
        a = np.moveaxis(a, axis, 0)
        parts = [a[i // step] if 0 <= i < length and i % step == 0 else np.full(a.shape[1:], fill, a.dtype)
                 for i in range(-before[axis], length + after[axis])]
        a = np.moveaxis(np.array(parts, a.dtype).reshape((len(parts),) + a.shape[1:]), 0, axis)
    return a


@row("pad")
def pad(s, name):
    element, g = s.pick(FLOATS if s.force is not None else ALL), Graph()
    a, fill = s.values(element, s.shape(elements=24, most=6)), s.values(element, ())
    before, after, between = [], [], []
    for size in a.shape:
        between.append(s.pick([0, 0, 1, 2]))
        length = (size - 1) * (between[-1] + 1) + 1 if size else 0
        before.append(s.pick([0, 0, 1, 2, -1, -2]))
        after.append(max(s.pick([0, 0, 1, 2, -1]), -before[-1] - length))
    want = padded(a, before, after, between, fill)
    g.result(g.op(name, [g.input(element, a), g.input(element, fill)],
                  {"before": before, "after": after, "between": between}, [(element, want.shape)]))
    return g, [exactly(element, want)]


@row("flip")
def flip(s, name):
    def some(a):
        return {"axes": list(s.rng.permutation(a.ndim))[:s.between(0, a.ndim)]}
    return moved(s, name, some, lambda a, t: np.flip(a, tuple(int(i) for i in t["axes"])))


@row("concatenate")
def concatenate(s, name):
    element, g = s.pick(FLOATS if s.force is not None else ALL), Graph()
    shape = list(s.shape(least=1, elements=40))
    axis, parts = s.below(len(shape)), []
    for _ in range(s.pick([1, 2, 3, 7])):
        shape[axis] = s.between(0 if s.force is None else 1, 3)
        parts.append(s.values(element, shape))
    want = np.concatenate(parts, axis)
    g.result(g.op(name, [g.input(element, p) for p in parts], {"axis": axis}, [(element, want.shape)]))
    return g, [exactly(element, want)]


# Reductions.

def some_axes(s, rank, least=0):
    return tuple(sorted(int(i) for i in s.rng.permutation(rank)[:s.between(min(least, rank), rank)]))


def integer_dtype(element):
    return np.uint64 if element[0] == "u" else np.int64


def magnitude(a, axes):
    """The sum of magnitudes of what is a number, float64."""
    size = np.abs(np.asarray(a, np.float64))
    return np.sum(np.where(np.isfinite(size), size, 0), axes, keepdims=True)


# Of adding in long double, then rounding to double: far below what adding in the type would lose.
ADDING = 2.0 ** -60


@row("sum", "product")
def total(s, name):
    element, g = s.pick(FLOATS if s.force is not None else NUMBERS), Graph()
    a = s.values(element, s.shape(), special=element not in FLOATS, scale=3 if name == "sum" else 1)
    if name == "product" and element in FLOATS:  # within the range of the type
        a = np.where(np.isfinite(a), round_to(element, np.sign(a) * 2.0 ** s.rng.uniform(-0.1, 0.1, a.shape)), a)
    axes = some_axes(s, a.ndim)
    function = np.sum if name == "sum" else np.prod
    with np.errstate(all="ignore"):
        if element in INTEGERS:
            want = function(a.astype(integer_dtype(element)), axes, keepdims=True, dtype=integer_dtype(element))
            want = exactly(element, want.astype(DTYPE[element]))
        else:
            want = function(wide(a), axes, keepdims=True)
            want = within(element, want, magnitude(a, axes) * ADDING if name == "sum" else np.abs(want) * 2.0 ** -55)
    g.result(g.op(name, [g.input(element, a)], {"axes": axes}, [(element, want[1].shape)]))
    return g, [want]


@row("greatest", "least")
def extreme(s, name):
    element, g = s.pick(FLOATS if s.force is not None else ALL), Graph()
    a = s.values(element, s.shape(empty=False))
    axes = some_axes(s, a.ndim)
    want = (np.max if name == "greatest" else np.min)(a, axes, keepdims=True)
    g.result(g.op(name, [g.input(element, a)], {"axes": axes}, [(element, want.shape)]))
    return g, [exactly(element, want, signs=False)]


@row("greatest_place", "least_place")
def extreme_place(s, name):
    element, g = s.pick(FLOATS if s.force is not None else ALL), Graph()
    a = s.values(element, s.shape(least=1, empty=False))
    axis = s.below(a.ndim)
    want = (np.argmax if name == "greatest_place" else np.argmin)(a, axis, keepdims=True)  # the first; NaN wins
    g.result(g.op(name, [g.input(element, a)], {"axes": [axis]}, [("i64", want.shape)]))
    return g, [exactly("i64", want.astype(np.int64))]


@row("log_sum_exp")
def log_sum_exp(s, name):
    element, g = s.pick(FLOATS), Graph()
    a = s.values(element, s.shape(), special=s.below(2) == 0)
    axes = some_axes(s, a.ndim)
    with np.errstate(all="ignore"):
        exact = wide(a)
        top = np.max(exact, axes, keepdims=True, initial=-np.inf)
        top = np.where(np.isfinite(top), top, 0)
        want = np.log(np.sum(np.exp(exact - top), axes, keepdims=True)) + top
    g.result(g.op(name, [g.input(element, a)], {"axes": axes}, [(element, want.shape)]))
    return g, [within(element, want, np.abs(np.asarray(top, np.float64)) * 2.0 ** -58)]


@row("cumulative_sum")
def cumulative_sum(s, name):
    element, g = s.pick(FLOATS if s.force is not None else NUMBERS), Graph()
    a = s.values(element, s.shape(least=1), special=element not in FLOATS, scale=3)
    axis, exclusive, reverse = s.below(a.ndim), s.below(2), s.below(2)
    b = np.moveaxis(a, axis, 0)
    b = b[::-1] if reverse else b
    b = b.astype(integer_dtype(element)) if element in INTEGERS else wide(b)
    with np.errstate(all="ignore"):
        want = np.cumsum(b, 0, dtype=b.dtype)
        if exclusive:
            want = np.concatenate([np.zeros_like(want[:1]), want[:-1]]) if len(want) else want
    want = np.moveaxis(want[::-1] if reverse else want, 0, axis)
    g.result(g.op(name, [g.input(element, a)], {"axis": axis, "exclusive": exclusive, "reverse": reverse},
                  [(element, want.shape)]))
    if element in INTEGERS:
        return g, [exactly(element, want.astype(DTYPE[element]))]
    return g, [within(element, want, magnitude(a, (axis,)) * ADDING)]


def product_bound(element, a, b, product):
    """2^-60 of the sum of magnitudes of what is added up by product(|a|, |b|)."""
    a, b = (np.where(np.isfinite(x), np.abs(np.asarray(x, np.float64)), 0) for x in (a, b))
    return product(a, b) * ADDING


@row("matmul")
def matmul(s, name):
    element, g = s.pick(FLOATS if s.force is not None else NUMBERS), Graph()
    batch = s.shape(most=6, elements=12)
    m, k, n = (s.pick([1, 2, 3, 5] if s.force is not None else [0, 1, 2, 3, 5]) for _ in range(3))
    special = element not in FLOATS
    a = s.values(element, s.operand(batch) + (m, k), special, scale=3)
    b = s.values(element, s.operand(batch) + (k, n), special, scale=3)
    with np.errstate(all="ignore"):
        if element in INTEGERS:
            kind = integer_dtype(element)
            want = exactly(element, np.matmul(a.astype(kind), b.astype(kind)).astype(DTYPE[element]))
        else:
            want = within(element, np.matmul(wide(a), wide(b)), product_bound(element, a, b, np.matmul))
    g.result(g.op(name, [g.input(element, a), g.input(element, b)], {}, [(element, want[1].shape)]))
    return g, [want]


@row("gather")
def gather(s, name):
    element, kind, g = s.pick(FLOATS if s.force is not None else ALL), s.pick(["i32", "i64"]), Graph()
    a = s.values(element, s.shape(least=1, most=5))
    axis = s.below(a.ndim)
    shape = s.shape(most=9 - a.ndim, elements=12)
    shape = shape if a.shape[axis] > 0 else (0,)
    indices = s.rng.integers(0, max(a.shape[axis], 1), shape).astype(DTYPE[kind])
    want = np.take(a, indices, axis)
    g.result(g.op(name, [g.input(element, a), g.input(kind, indices)], {"axis": axis}, [(element, want.shape)]))
    return g, [exactly(element, want)]


@row("scatter")
def scatter(s, name):
    element, kind, g = s.pick(FLOATS if s.force is not None else ALL), s.pick(["i32", "i64"]), Graph()
    how = s.below(5) if element != "bool" else 0
    special = element not in FLOATS or how in (0, 3, 4)
    a = s.values(element, s.shape(least=1, most=5, elements=60), special, scale=1)
    axis = s.below(a.ndim)
    shape = s.shape(most=9 - a.ndim, elements=12) if a.shape[axis] > 0 else (0,)
    indices = s.rng.integers(0, max(a.shape[axis], 1), shape).astype(DTYPE[kind])
    updates = s.values(element, np.take(a, indices, axis).shape, special, scale=1)
    work = np.moveaxis(a, axis, 0).copy()
    work = wide(work) if element in FLOATS else work
    flat = updates.reshape(a.shape[:axis] + (-1,) + a.shape[axis + 1:]) if updates.size else updates
    size = np.abs(np.asarray(work, np.float64))
    with np.errstate(all="ignore"):
        for number, index in enumerate(indices.flat):  # one after the other, as they are numbered
            if not updates.size:
                break
            part = np.take(flat, number, axis)
            old = work[index].copy()
            work[index] = [part, old + part, old * part, np.maximum(old, part), np.minimum(old, part)][how]
            size[index] += np.abs(np.asarray(part, np.float64))
    want = np.moveaxis(work, 0, axis)
    g.result(g.op(name, [g.input(element, a), g.input(kind, indices), g.input(element, updates)],
                  {"axis": axis, "kind": how}, [(element, a.shape)]))
    if element in FLOATS and how in (1, 2):
        # Sums and products stay double until all are added.
        size = np.moveaxis(size, 0, axis) if how == 1 else np.abs(np.asarray(want, np.float64))
        return g, [within(element, want, np.where(np.isfinite(size), size, 0) * 2.0 ** -49)]
    want = round_to(element, want) if element in FLOATS else want.astype(DTYPE[element])
    return g, [exactly(element, want, signs=how < 3)]


def requantised(sum_, multiplier, shift_):
    """gemmlowp's double rounding: SaturatingRoundingDoublingHighMul, then RoundingDivideByPOT."""
    def half_away(number, divisor):
        return (2 * abs(number) + divisor) // (2 * divisor) * (1 if number >= 0 else -1)
    a = wrap("i32", sum_ << max(shift_, 0))
    if a == multiplier == -2 ** 31:
        high = 2 ** 31 - 1
    else:
        # The nudge and the truncating division: nearest, but ties of negative products go up.
        product = a * multiplier
        high = cut(product + (2 ** 30 if product >= 0 else 1 - 2 ** 30), 2 ** 31)
    return half_away(high, 2 ** max(-shift_, 0))


@row("requantise")
def requantise(s, name):
    g, shape = Graph(), s.shape(least=1)
    sums = s.values("i32", shape)
    channels = shape[-1]
    factors = [s.pick([(1,), (channels,)]) for _ in range(2)]
    multiplier = s.rng.integers(2 ** 30, 2 ** 31, factors[0]).astype(np.int32)
    if s.below(3) == 0:
        multiplier = s.values("i32", factors[0])
    shift_ = s.rng.integers(-34, 34, factors[1]).astype(np.int32)
    if s.below(3):
        sums = s.rng.integers(-100000, 100000, shape).astype(np.int32)
        shift_ = s.rng.integers(-12, 2, factors[1]).astype(np.int32)
    if s.below(4) == 0:  # exact ties
        sums, multiplier = (sums | 1).astype(np.int32), np.full(factors[0], 2 ** 30, np.int32)
    zero = s.between(-128, 127)
    least = s.between(-128, 127)
    greatest = s.between(least, 127)
    arrays = np.broadcast_arrays(sums, multiplier, shift_) if sums.size else [sums] * 3
    want = [min(max(requantised(*(int(v) for v in t)) + zero, least), greatest) for t in zip(*(a.flat for a in arrays))]
    g.result(g.op(name, [g.input("i32", sums), g.input("i32", multiplier), g.input("i32", shift_)],
                  {"zero_point": zero, "least": least, "greatest": greatest}, [("i8", shape)]))
    return g, [exactly("i8", np.array(want, np.int8).reshape(shape))]
