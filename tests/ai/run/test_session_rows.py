"""Every row of the table by a session's kernels against NumPy:
python test_session_rows.py RUN_SESSION TABLE [SEED [CASES [WAYS]]].

The cases are those of tests/ai/graph: NaN and infinities in each, which must come out where NumPy has them.
Numbers may differ as f32 kernels do; what is no float may not. With WAYS, bits of tests/ai/emit/printed.h, all forms are
printed in one file, too, compiled so, and must have the interpreter's bits.
"""

import os
import subprocess
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "graph"))
import host_cases  # noqa: E402, F401: fills ROWS
import window_cases  # noqa: E402, F401
from graph_cases import FLOATS, Runner, Source, round_to  # noqa: E402
from row_cases import ROWS  # noqa: E402

STATUS_UNSUPPORTED = -9
NO_FLOATS = {"not", "and", "or", "xor", "shift_left", "shift_right", "iota", "random", "requantise", "loop"}


class Normal(Source):
    """Without denormals, which a session takes for zeros; mostly of f32, for which there are kernels."""

    def pick(self, items):
        return "f32" if "f32" in items and self.below(3) else super().pick(items)

    def floats(self, element, shape, special, scale):
        array = super().floats(element, shape, special, scale)
        least = 2.0 ** (-1022 if element == "f64" else -126)
        with np.errstate(all="ignore"):
            return round_to(element, np.where(np.abs(np.asarray(array, np.float64)) < least, 0, array))


def agree(element, got, want, padded):
    """`padded`: an infinite weight times padding is 0 by the row, and may be no number by a kernel."""
    if element not in FLOATS:
        return np.array_equal(got, want)
    got, want = np.asarray(got, np.float64), np.asarray(want, np.float64)
    if padded:
        want = np.where(np.isnan(got), np.nan, want)
    number = np.isfinite(want)
    if not np.array_equal(number, np.isfinite(got)) or not np.array_equal(np.isnan(want), np.isnan(got)):
        return False
    wild = np.isinf(want)
    if not np.array_equal(want[wild], got[wild]):
        return False
    size = np.max(np.abs(want[number]), initial=1.0)
    step = {"f64": 2.0 ** -40, "f32": 2.0 ** -17, "bf16": 2.0 ** -6, "f16": 2.0 ** -9}[element]
    return bool(np.all(np.abs(got[number] / size - want[number] / size) <= step))


def main():
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 20240602
    count = int(sys.argv[4]) if len(sys.argv) > 4 else 40
    ways = sys.argv[5:]
    runner, source, ran, failed = Runner(sys.argv[1], *ways), Normal(seed), 0, 0
    rows = [line.split()[0] for line in subprocess.run(
        [sys.argv[2], "--table"], capture_output=True, text=True, check=True).stdout.splitlines()]
    for name in rows:
        for force in [None] * count + [np.nan, np.inf, -np.inf] * (0 if ways else 6):
            if force is not None and name in NO_FLOATS:
                continue
            source.force, source.forced = force, 0
            graph, expected = ROWS[name](source)
            answer = runner.run(graph.text(), graph.data)
            if answer.status == STATUS_UNSUPPORTED and "only running tells" in answer.sentence:
                continue
            ran += 1
            fine = answer.status == 0 and len(answer.results) == len(expected) and all(
                element == wanted and got.shape == want.shape and (check(got) or agree(element, got, want, name == "conv" and force is not None))
                for (element, got), (wanted, want, check) in zip(answer.results, expected))
            if not fine:
                failed += 1
                if failed <= 5:
                    print("%s, with %s: status %d %s\n%s" % (name, force, answer.status, answer.sentence, graph.text()))
                    for (element, got), (_, want, _) in zip(answer.results, expected):
                        print("got %s\nexpected %s" % (got.flat[:12], want.flat[:12]))
    status = runner.close()
    print("seed %d: %d rows, %d cases, %d failed" % (seed, len(rows), ran, failed))
    return 1 if failed or status else 0


sys.exit(main())
