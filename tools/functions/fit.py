#!/usr/bin/env python3
"""Fits the polynomials of ai/lower/functions.c and its neighbours anew: fit.py [NAME...]. Needs mpmath.

Each is the polynomial whose greatest weighted error over an interval is least, found by Remez's
exchange; the weight makes it the relative error of the function's result. The coefficients are brought to floats, and each to
the better of its neighbours as long as that helps; the error that is printed is theirs.
"""

import struct
import sys

from mpmath import atan, cos, erf, erfc, exp, expm1, linspace, log, log1p, lu_solve, matrix, mp, mpf, pi, polyval, sin, sqrt, tanh

mp.dps = 40
POINTS = 400


def to_float(number):
    return mpf(struct.unpack("f", struct.pack("f", float(number)))[0])


def neighbour(number, up):
    bits = struct.unpack("i", struct.pack("f", float(number)))[0]
    return mpf(struct.unpack("f", struct.pack("i", bits + up))[0])


def exchange(points, wanted, weights, powers):
    """Coefficients of `powers` with the least greatest weight * |wanted - polynomial| over the points."""
    count = len(powers) + 1
    chosen = [round((len(points) - 1) * (1 - cos(pi * i / (count - 1))) / 2) for i in range(count)]
    for _ in range(50):
        rows = [[points[at] ** power for power in powers] + [(-1) ** i / weights[at]] for i, at in enumerate(chosen)]
        solved = lu_solve(matrix(rows), matrix([wanted[at] for at in chosen]))
        errors = [w * (y - sum(c * x**p for c, p in zip(solved, powers))) for x, y, w in zip(points, wanted, weights)]
        # The greatest of each run of one sign; then the run of `count` of them that lacks the least.
        extremes = []
        for at, error in enumerate(errors):
            if extremes and (errors[extremes[-1]] > 0) == (error > 0):
                if abs(error) > abs(errors[extremes[-1]]):
                    extremes[-1] = at
            else:
                extremes.append(at)
        while len(extremes) > count:
            extremes.pop(0 if abs(errors[extremes[0]]) < abs(errors[extremes[-1]]) else -1)
        if len(extremes) < count or extremes == chosen:
            break
        chosen = extremes
    return list(solved)[:-1], max(abs(e) for e in errors)


def fit(name, low, high, degree, wanted, weight):
    """Prints the floats c[0]..c[degree], lowest first, and the greatest weighted error as bits."""
    middle, half = (mpf(low) + high) / 2, (mpf(high) - low) / 2
    points = [middle - half * cos(pi * i / POINTS) for i in range(POINTS + 1)]
    points = [x if abs(x) > 1e-6 else mpf("1e-6") for x in points]
    left, weights = [wanted(x) for x in points], [abs(weight(x)) for x in points]
    solved, _ = exchange(points, left, weights, range(degree + 1))
    floats = [to_float(c) for c in solved]

    def worst(c):
        return max(w * abs(y - polyval(c[::-1], x)) for x, y, w in zip(points, left, weights))

    error, better = worst(floats), True
    while better:  # a coefficient's neighbour may make up for how another was rounded
        better = False
        for k in range(degree + 1):
            for up in (1, -1):
                trial = floats[:k] + [neighbour(floats[k], up)] + floats[k + 1 :]
                if worst(trial) < error:
                    floats, error, better = trial, worst(trial), True
    print(f"{name}: error 2^{float(log(error, 2)):.1f}")
    print("    " + ", ".join(f"{float(c):.9g}F" for c in floats))


HALF_LOG2 = log(2) / 2 * mpf("1.001")
FITS = {
    # expm1(r) = r + r^2 p(r)
    "expm1": lambda: fit("expm1", -HALF_LOG2, HALF_LOG2, 4, lambda r: (expm1(r) - r) / r**2, lambda r: r**2 / expm1(r)),
    # exp(r) = 1 + r + r^2 p(r)
    "exp": lambda: fit("exp", -HALF_LOG2, HALF_LOG2, 4, lambda r: (expm1(r) - r) / r**2, lambda r: r**2 / exp(r)),
    # log(1 + f) = f + f^2 p(f)
    "log": lambda: fit("log", sqrt(mpf(1) / 2) - 1, sqrt(mpf(2)) - 1, 8, lambda f: (log1p(f) - f) / f**2, lambda f: f**2 / log1p(f)),
    # erf(a) = 1 - exp(-(a + a p(a)))
    "erf": lambda: fit("erf", 0, mpf("3.93"), 9, lambda a: -log(erfc(a)) / a - 1, lambda a: a * erfc(a) / erf(a)),
    # tanh(r) = r + r z p(z), z = r^2
    "tanh": lambda: fit("tanh", 0, (HALF_LOG2 * 3 / 4) ** 2, 2, lambda z: (tanh(sqrt(z)) / sqrt(z) - 1) / z, lambda z: z * sqrt(z) / tanh(sqrt(z))),
    # sin(r) = r + r z p(z), z = r^2
    "sin": lambda: fit("sin", 0, 1, 3, lambda z: (sin(sqrt(z)) / sqrt(z) - 1) / z, lambda z: z * sqrt(z) / sin(sqrt(z))),
    # cos(r) = 1 - z / 2 + z^2 p(z)
    "cos": lambda: fit("cos", 0, 1, 3, lambda z: (cos(sqrt(z)) - 1 + z / 2) / z**2, lambda z: z**2 / cos(sqrt(z))),
    # atan(t) = t + t z p(z)
    "atan": lambda: fit("atan", 0, 1, 8, lambda z: (atan(sqrt(z)) / sqrt(z) - 1) / z, lambda z: z * sqrt(z) / atan(sqrt(z))),
}

if __name__ == "__main__":
    for name in sys.argv[1:] or FITS:
        FITS[name]()
