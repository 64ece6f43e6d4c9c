"""Random cases of control flow and of the rows that run on the host only."""

import numpy as np

from graph_cases import ALL, FLOATS, Graph, round_to, ulp, near
from row_cases import exactly, row, within


@row("loop")
def loop(s, name):
    """Turn by turn: total += step, the total and the turn's number are kept of each; a loop inside."""
    g, body, inner = Graph(), Graph(), Graph()
    size, limit = s.between(1, 4), s.between(0, 6)
    count, last = s.between(-1, 8), s.between(0, 9)
    start = s.values("f64", [size], special=False, scale=2)
    step = s.values("f64", [size], special=False, scale=2)
    inside = s.between(0, 3)
    # The inner loop doubles `inside` times.
    inner.declare("i64", (), "turn")
    value = inner.declare("f64", (size,), "value")
    yes = inner.add("constant {1} : bool[]")
    inner.result(yes)
    inner.result(inner.op("add", [value, value], {}, [("f64", (size,))]))
    turn = body.declare("i64", (), "turn")
    total = body.declare("f64", (size,), "total")
    given, end = body.declare("f64", (size,), "step"), body.declare("i64", (), "last")
    new = body.op("add", [total, given], {}, [("f64", (size,))])
    often = body.add("constant {%d} : i64[]" % inside)
    doubled = body.op("loop", [often, new], {"limit": 3, "carries": 1}, [("f64", (size,))], bodies=[inner])
    body.result(body.op("less", [turn, end], {}, [("bool", ())]))
    body.result(doubled)
    body.result(new)
    body.result(turn)
    inputs = [g.input("i64", np.int64(count)), g.input("f64", start), g.input("f64", step), g.input("i64", np.int64(last))]
    types = [("f64", (size,)), ("f64", (limit, size)), ("i64", (limit,))]
    value = g.op(name, inputs, {"limit": limit, "carries": 1}, types, bodies=[body])
    for output in ("", ".1", ".2"):
        g.result(value + output)
    carry, scans, turns, go = start.copy(), np.zeros((limit, size)), np.zeros(limit, np.int64), True
    done = 0
    with np.errstate(all="ignore"):
        while go and done < limit and done < count:
            new = carry + step
            scans[done], turns[done] = new, done
            carry = new * 2 ** inside
            go = done < last
            done += 1
    return g, [exactly("f64", carry), exactly("f64", scans), exactly("i64", turns)]


@row("branch")
def branch(s, name):
    element, g, bodies = s.pick(FLOATS if s.force is not None else ALL), Graph(), []
    shape, condition = s.shape(), bool(s.below(2))
    a, b = s.values(element, shape), s.values(element, shape)
    for swap in (False, True):
        body = Graph()
        ins = [body.declare(element, shape, "a"), body.declare(element, shape, "b")]
        for value in reversed(ins) if swap else ins:
            body.result(value)
        bodies.append(body)
    value = g.op(name, [g.input("bool", np.bool_(condition)), g.input(element, a), g.input(element, b)], {},
                 [(element, shape)] * 2, bodies=bodies)
    g.result(value)
    g.result(value + ".1")
    first, second = (a, b) if condition else (b, a)
    return g, [exactly(element, first), exactly(element, second)]


def order_of(a, falling):
    """Places in rising order, equal ones in theirs, NaN last; falling: the other way round, still stable."""
    def key(i):
        v = a[i]
        is_nan = bool(v != v)
        if falling:
            return (0 if is_nan else 1, 0 if is_nan else -(float(v) if a.dtype.kind == "f" else int(v)), i)
        return (1 if is_nan else 0, 0 if is_nan else (float(v) if a.dtype.kind == "f" else int(v)), i)
    return sorted(range(len(a)), key=key)


@row("sort", "top")
def sort(s, name):
    element, g = s.pick(FLOATS if s.force is not None else ALL), Graph()
    a = s.values(element, s.shape(least=1, most=4))
    if s.below(2) and s.force is None:
        a = s.rng.choice(s.values(element, [4]), a.shape)  # many equal ones
    axis, falling = s.below(a.ndim), s.below(2)
    count = s.between(0 if s.force is None else 1, a.shape[axis]) if name == "top" else a.shape[axis]
    b = np.moveaxis(a, axis, -1)
    places = np.zeros(b.shape[:-1] + (count,), np.int64)
    for at in np.ndindex(b.shape[:-1]):
        places[at] = order_of(b[at], falling)[:count]
    if name == "sort" and not falling and a.size:
        assert np.array_equal(places, np.argsort(b, -1, kind="stable"))
    want = np.moveaxis(np.take_along_axis(b, places, -1), -1, axis)
    places = np.moveaxis(places, -1, axis)
    attributes = {"axis": axis, "falling": falling, **({"count": count} if name == "top" else {})}
    value = g.op(name, [g.input(element, a)], attributes, [(element, want.shape), ("i64", want.shape)])
    g.result(value)
    g.result(value + ".1")
    return g, [exactly(element, want), exactly("i64", places)]


@row("nonzero")
def nonzero(s, name):
    element, g = s.pick(FLOATS if s.force is not None else ALL), Graph()
    a = s.values(element, s.shape(least=0, most=5))
    a = np.where(s.rng.random(a.shape) < 0.4, np.zeros_like(a), a) if s.force is None else a
    g.result(g.op(name, [g.input(element, a)], {}, [("i64", (a.ndim, -1))]))
    if a.ndim == 0:
        return g, [exactly("i64", np.zeros((0, int(a != 0)), np.int64))]
    return g, [exactly("i64", np.array(np.nonzero(a), np.int64).reshape(a.ndim, -1))]


@row("unique")
def unique(s, name):
    element, g, sorted_ = s.pick(FLOATS if s.force is not None else ALL), Graph(), s.below(2)
    size = s.pick([1, 2, 5, 12, 40] if s.force is not None else [0, 1, 2, 5, 12, 40])
    a = s.values(element, [size])
    if s.force is None:
        a = s.rng.choice(s.values(element, [6]), size).astype(a.dtype)
    a = a + np.zeros_like(a) if element in FLOATS else a  # -0 becomes 0: they are equal
    values, first, inverse, counts = np.unique(a, return_index=True, return_inverse=True, return_counts=True)
    if not sorted_:
        order = np.argsort(first, kind="stable")
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        values, first, inverse, counts = values[order], first[order], back[inverse], counts[order]
    value = g.op(name, [g.input(element, a)], {"sorted": sorted_},
                 [(element, (-1,)), ("i64", (-1,)), ("i64", (size,)), ("i64", (-1,))])
    for output in ("", ".1", ".2", ".3"):
        g.result(value + output)
    rest = [exactly("i64", np.asarray(part, np.int64).reshape(-1)) for part in (first, inverse, counts)]
    return g, [exactly(element, values), *rest]


def overlap(a, b):
    """Of two boxes (y1, x1, y2, x2), corners in any order: what both cover by what either covers."""
    areas, both = [], 1.0
    for box in (a, b):
        areas.append(abs(box[2] - box[0]) * abs(box[3] - box[1]))
    for axis in (0, 1):
        ends = [sorted((box[axis], box[axis + 2])) for box in (a, b)]
        both *= max(min(ends[0][1], ends[1][1]) - max(ends[0][0], ends[1][0]), 0.0)
    union = areas[0] + areas[1] - both
    return both / union if union > 0 else 0.0


@row("suppress")
def suppress(s, name):
    g, count, most = Graph(), s.pick([0, 1, 3, 10, 20]), s.pick([0, 1, 3, 100])
    boxes = s.rng.integers(0, 12, (count, 4)).astype(np.float32)
    scores = s.rng.integers(-2, 8, count).astype(np.float32)
    if s.force is not None and count:
        scores[s.below(count)] = s.force
        s.forced += 1
    limit, least = np.float32(s.pick([0, 0.25, 0.5, 0.9])), np.float32(s.pick([-10, 0, 2]))
    kept = []
    for place in order_of(scores, True):
        if scores[place] > least and len(kept) < most and all(
                overlap(boxes[place].astype(float), boxes[k].astype(float)) <= limit for k in kept):
            kept.append(place)
    value = g.op(name, [g.input("f32", boxes), g.input("f32", scores), g.input("f32", limit), g.input("f32", least)],
                 {"most": most}, [("i64", (-1,))])
    g.result(value)
    return g, [exactly("i64", np.array(kept, np.int64))]


@row("determinant", "inverse")
def linear(s, name):
    element, g, n = s.pick(FLOATS), Graph(), s.between(0 if s.force is None else 1, 5)
    a = s.values(element, list(s.shape(most=3, elements=8)) + [n, n], special=False, scale=0)
    if s.force is None and n and name == "inverse":
        a = round_to(element, a + (n + 2) * np.eye(n))  # far from none
        if element == "f64":  # a determinant beyond double says nothing of the inverse
            a = a * s.pick([1.0, 2.0 ** -700, 2.0 ** 400])
    elif s.force is not None and s.below(2):  # zeros beside what is no number
        wild = ~np.all(np.isfinite(np.asarray(a, np.float64)), (-1, -2))
        a[..., 0] = np.where(np.isfinite(a[..., 0]) & wild[..., None], 0, a[..., 0])
    exact = np.asarray(a, np.float64)
    with np.errstate(all="ignore"):
        finite = np.all(np.isfinite(exact), (-1, -2), keepdims=True)
        tame = np.where(finite, exact, np.eye(n) if n else exact)
        want = np.linalg.det(tame) if name == "determinant" else np.linalg.inv(tame)
        scale = (np.linalg.norm(tame, axis=-1).prod(-1) if name == "determinant" else
                 np.linalg.norm(np.linalg.inv(tame), axis=(-2, -1))[..., None, None] + np.zeros(want.shape))
    g.result(g.op(name, [g.input(element, a)], {}, [(element, want.shape)]))
    rounded = round_to(element, want)
    bound = np.asarray(scale, np.float64) * 2.0 ** -45 + ulp(element, rounded)
    tame_there = finite[..., 0, 0] if name == "determinant" else np.broadcast_to(finite, want.shape)

    def check(got):
        # What has a NaN or an infinity has no inverse and no determinant that is a number.
        number = np.isfinite(np.asarray(got, np.float64))
        return near(element, got[tame_there], rounded[tame_there], bound[tame_there]) and not np.any(
            number[~tame_there])
    return g, [(element, rounded, check)]


@row("cofactors")
def cofactors(s, name):
    """Signed determinants of what is left without a row and a column; of small whole numbers exactly, often singular."""
    element, g, n = s.pick(FLOATS), Graph(), s.between(0 if s.force is None else 1, 5)
    shape = list(s.shape(most=3, elements=8)) + [n, n]
    a = s.values(element, shape, special=False, scale=0)
    if s.force is None and s.below(2):
        a = round_to(element, s.rng.integers(-2, 3, shape))
        if n > 1 and s.below(2):  # the last row depends on others, or all on one
            a[..., -1, :] = a[..., 0, :]
            if s.below(3) == 0:
                a[..., :, :] = a[..., :1, :]
    exact = np.asarray(a, np.float64)
    finite = np.all(np.isfinite(exact), (-1, -2), keepdims=True) if n else np.ones(shape, bool)
    tame = np.where(finite, exact, 0)
    want, scale = np.zeros(shape), np.zeros(shape)
    for row_ in range(n):
        for column in range(n):
            minor = np.delete(np.delete(tame, row_, -2), column, -1)
            want[..., row_, column] = (-1) ** (row_ + column) * np.linalg.det(minor)
            scale[..., row_, column] = np.linalg.norm(tame, axis=(-2, -1)) ** (n - 1)
    g.result(g.op(name, [g.input(element, a)], {}, [(element, want.shape)]))
    rounded = round_to(element, want)
    bound = scale * 2.0 ** -44 + ulp(element, rounded)
    there = np.broadcast_to(finite, want.shape)

    def check(got):
        number = np.isfinite(np.asarray(got, np.float64))
        return near(element, got[there], rounded[there], bound[there]) and not np.any(number[~there])
    return g, [(element, rounded, check)]
