"""Graphs as text, tensors of all thirteen element types, and a run_graph to send them to.

NumPy has no bf16: its tensors are kept as float32 arrays whose numbers bf16 holds.
"""

import struct
import subprocess

import numpy as np

FLOATS = ["f64", "f32", "bf16", "f16"]
SIGNED = ["i8", "i16", "i32", "i64"]
UNSIGNED = ["u8", "u16", "u32", "u64"]
INTEGERS = SIGNED + UNSIGNED
NUMBERS = FLOATS + INTEGERS
ALL = NUMBERS + ["bool"]
DTYPE = {"f64": np.float64, "f32": np.float32, "bf16": np.float32, "f16": np.float16, "bool": np.bool_}
DTYPE.update({name: np.dtype(("int" if name[0] == "i" else "uint") + name[1:]).type for name in INTEGERS})
PRECISION = {"f64": 53, "f32": 24, "bf16": 8, "f16": 11}
LEAST_EXPONENT = {"f64": -1022, "f32": -126, "bf16": -126, "f16": -14}
GREATEST = {"f64": np.finfo(np.float64).max, "f32": float(np.finfo(np.float32).max),
            "bf16": float.fromhex("0x1.fep127"), "f16": 65504.0}
STATUS_MALFORMED, STATUS_INVALID, STATUS_NOT_FOUND, STATUS_TOO_LARGE = -7, -6, -4, -10


def bf16(array):
    """float32 rounded to the nearest bf16, ties to even, as a float32 array."""
    array = np.asarray(array, np.float32)
    bits = np.ascontiguousarray(array).view(np.uint32).astype(np.uint64).reshape(array.shape)
    rounded = ((bits + 0x7fff + ((bits >> np.uint64(16)) & np.uint64(1))) & np.uint64(0xffff0000)).astype(np.uint32)
    return np.where(np.isnan(array), np.float32(np.nan), np.asarray(rounded).view(np.float32).reshape(array.shape))


def round_to(element, array):
    """A float32 or wider array as the element type's NumPy array."""
    with np.errstate(all="ignore"):
        if element == "bf16":
            return bf16(array)
        return np.asarray(array).astype(DTYPE[element])


def to_bytes(element, array):
    array = np.ascontiguousarray(array, DTYPE[element])
    if element == "bf16":
        return (array.view(np.uint32) >> np.uint32(16)).astype(np.uint16).tobytes()
    return array.tobytes()


def from_bytes(element, data, shape):
    if element == "bf16":
        wide = np.frombuffer(data, np.uint16).astype(np.uint32) << np.uint32(16)
        return wide.view(np.float32).reshape(shape)
    if element == "bool":
        raw = np.frombuffer(data, np.uint8)
        assert np.all(raw <= 1), "a bool that is neither 0 nor 1"
        return raw.astype(bool).reshape(shape)
    return np.frombuffer(data, DTYPE[element]).reshape(shape)


def type_text(element, shape):
    return "%s[%s]" % (element, ",".join(str(int(size)) for size in shape))


def attributes_text(attributes):
    parts = []
    for name, value in attributes.items():
        text = "[%s]" % ",".join(str(int(v)) for v in value) if isinstance(value, (list, tuple, np.ndarray)) else str(value)
        parts.append(" %s=%s" % (name, text))
    return "".join(parts)


class Graph:
    """The text of a graph, line by line; with the arrays of its inputs."""

    def __init__(self):
        self.lines, self.data, self.count, self.results = [], [], 0, 0

    def add(self, text):
        self.lines.append("%%%d = %s" % (self.count, text))
        self.count += 1
        return "%%%d" % (self.count - 1)

    def input(self, element, array):
        array = np.asarray(array)
        self.data.append(to_bytes(element, array))
        return self.declare(element, array.shape)

    def declare(self, element, shape, name=None):
        return self.add('input "%s" : %s' % (name or "in %d" % self.count, type_text(element, shape)))

    def op(self, name, inputs, attributes, types, origin=None, bodies=()):
        text = name + "".join(" " + i for i in inputs) + attributes_text(attributes)
        text += " : " + ", ".join(type_text(*t) for t in types)
        text += ' @"%s"' % origin if origin else ""
        text += "".join(" {\n%s\n}" % "\n".join(body.lines) for body in bodies)
        return self.add(text)

    def result(self, value):
        self.lines.append('result "out %d" = %s' % (self.results, value))
        self.results += 1

    def text(self):
        return "\n".join(self.lines) + "\n"


class Answer:
    def __init__(self, status, sentence, results):
        self.status, self.sentence, self.results = status, sentence, results


class Runner:
    """A run_graph that lives through all cases."""

    def __init__(self, program, *arguments):
        self.process = subprocess.Popen([program, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def read(self, length):
        data = self.process.stdout.read(length)
        if len(data) != length:
            raise RuntimeError("run_graph ended with status %s" % self.process.wait())
        return data

    def number(self, form):
        return struct.unpack(form, self.read(struct.calcsize(form)))[0]

    def run(self, text, data=()):
        text = text.encode() if isinstance(text, str) else text
        block = b"".join(struct.pack("<Q", len(item)) + item for item in data)
        self.process.stdin.write(struct.pack("<I", len(text)) + text + struct.pack("<Q", len(block)) + block)
        self.process.stdin.flush()
        status = self.number("<i")
        sentence = self.read(self.number("<I")).decode()
        results = []
        for _ in range(self.number("<I")):
            element, sizes = self.read(self.number("<I")).decode()[:-1].split("[")
            shape = tuple(int(s) for s in sizes.split(",")) if sizes else ()
            results.append((element, from_bytes(element, self.read(self.number("<Q")), shape)))
        return Answer(status, sentence, results)

    def close(self):
        self.process.stdin.close()
        return self.process.wait()


class Source:
    """Random shapes and elements. `force` is put into every float tensor: a NaN or an infinity."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.force, self.forced = None, 0

    def below(self, limit):
        return int(self.rng.integers(limit))

    def between(self, low, high):
        return int(self.rng.integers(low, high + 1))

    def pick(self, items):
        return items[self.below(len(items))]

    def shape(self, least=0, most=8, elements=160, empty=True):
        rank, shape, left = self.between(least, most), [], elements
        for _ in range(rank):
            size = self.pick([1, 1, 2, 2, 3, 4, 5, 7])
            if empty and self.force is None and self.below(25) == 0:
                size = 0
            size = min(size, left)
            left //= max(size, 1)
            shape.append(size)
        self.rng.shuffle(shape)
        return tuple(shape)

    def operand(self, shape):
        """A shape that is broadcast to `shape`, some of its axes left out or 1."""
        keep = self.between(0, len(shape)) if self.below(3) == 0 else len(shape)
        return tuple(1 if self.below(4) == 0 else s for s in shape[len(shape) - keep:])

    def floats(self, element, shape, special, scale):
        precision, least = PRECISION[element], LEAST_EXPONENT[element]
        tiny, normal, greatest = 2.0 ** (least - precision + 1), 2.0 ** least, GREATEST[element]
        values = self.rng.standard_normal(shape) * 2.0 ** self.rng.uniform(-3, scale, shape)
        if special:
            list_ = np.array([0.0, -0.0, 1, -1, 0.5, -2.5, 1.5, tiny, -tiny, 3 * tiny, normal, normal - tiny, greatest,
                              -greatest, np.inf, -np.inf, np.nan, 127, -129, 2.0 ** 31, -2.0 ** 63, 2.0 ** 64])
            chosen = self.rng.choice(list_, shape)
            values = np.where(self.rng.random(shape) < 0.35, chosen, values)
        values = np.atleast_1d(values)
        if self.force is not None and values.size > 0:
            for _ in range(1 + self.below(1 + values.size // 8)):
                values.flat[self.below(values.size)] = self.force
            self.forced += 1
        return round_to(element, values.reshape(shape))

    def integers(self, element, shape, special):
        info = np.iinfo(DTYPE[element])
        values = self.rng.integers(info.min, info.max, shape, DTYPE[element], endpoint=True)
        small = self.rng.integers(0 if info.min == 0 else -9, 10, shape).astype(DTYPE[element])
        values = np.where(self.rng.random(shape) < 0.4, small, values)
        if special:
            list_ = np.array([info.min, info.max, info.min + 1, info.max - 1, 0, 1, info.bits - 1, info.bits,
                              min(info.bits + 1, info.max), 2], DTYPE[element])
            values = np.where(self.rng.random(shape) < 0.35, self.rng.choice(list_, shape), values)
        return values.astype(DTYPE[element])

    def values(self, element, shape, special=True, scale=6):
        shape = tuple(shape)
        if element == "bool":
            return self.rng.random(shape) < 0.5
        if element in FLOATS:
            return self.floats(element, shape, special, scale)
        return self.integers(element, shape, special)


# How what was computed may differ from what is expected.

def ulp(element, array):
    """The distance between neighbours of the element type at each number, as float64."""
    size = np.abs(np.asarray(array, np.float64))
    with np.errstate(all="ignore"):
        exponent = np.frexp(np.where(np.isfinite(size), size, 1))[1] - 1
    return np.ldexp(1.0, np.maximum(exponent, LEAST_EXPONENT[element]) - PRECISION[element] + 1)


def same(element, got, want, signs=True):
    """Equal elements: NaN is NaN, and zeros have their signs unless told otherwise."""
    if element not in FLOATS:
        return np.array_equal(got, want)
    both = np.isnan(got) & np.isnan(want)
    equal = got == want
    if signs:
        equal = equal & (np.signbit(got) == np.signbit(want))
    return bool(np.all(both | equal))


def near(element, got, want, bound):
    """Within `bound` (float64, of each element); NaN and infinities are where they are expected."""
    got, want = np.asarray(got, np.float64), np.asarray(want, np.float64)
    with np.errstate(all="ignore"):
        close = np.abs(got - want) <= bound
    return bool(np.all((np.isnan(got) & np.isnan(want)) | (got == want) | close))
