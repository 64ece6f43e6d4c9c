"""Every row of the table, and every function made of several, against NumPy:

    python test_rows.py RUN_GRAPH MAKE_FUNCTION [SEED [CASES]]

A row without cases fails. Cases are random, from a seed that is printed; each row of floats is also
given a NaN and an infinity in every input.
"""

import subprocess
import sys
import time

import numpy as np

import function_cases
import host_cases  # noqa: F401: fills ROWS
import window_cases  # noqa: F401
from graph_cases import ALL, DTYPE, FLOATS, INTEGERS, STATUS_INVALID, Graph, Runner, Source, round_to
from row_cases import (BINARY_INTEGER, ROWS, UNARY_INTEGER, by_integers, convert_pair, converted, exactly, philox)

# Rows that take no floats: nothing to be forced into them.
WITHOUT_FLOATS = {"not", "and", "or", "xor", "shift_left", "shift_right", "iota", "random", "requantise", "loop"}


class Tester:
    def __init__(self, program, seed):
        self.runner, self.source = Runner(program), Source(seed)
        self.cases = self.elements = self.failed = 0

    def complain(self, name, graph, what):
        self.failed += 1
        if self.failed <= 10:
            print("%s: %s\n%s" % (name, what, graph.text()))

    def check(self, name, graph, expected):
        self.cases += 1
        answer = self.runner.run(graph.text(), graph.data)
        if answer.status != 0:
            return self.complain(name, graph, "status %d: %s" % (answer.status, answer.sentence))
        if len(answer.results) != len(expected):
            return self.complain(name, graph, "%d results, expected %d" % (len(answer.results), len(expected)))
        for (element, got), (want_element, want, check) in zip(answer.results, expected):
            self.elements += want.size
            if element != want_element or got.shape != want.shape:
                return self.complain(name, graph, "%s%s, expected %s%s" % (element, got.shape, want_element, want.shape))
            if not check(got):
                with np.errstate(all="ignore"):
                    differ = ~((got == want) | ((got != got) & (want != want)))
                return self.complain(name, graph, "got %s, expected %s\nall: %s" % (
                    got[differ][:6], want[differ][:6], want.flat[:40]))
        return None

    def random_cases(self, names, count):
        for name in names:
            for force in [None] * count + [np.nan, np.inf, -np.inf] * 8:
                self.source.force, self.source.forced = force, 0
                if force is not None and name in WITHOUT_FLOATS:
                    continue
                graph, expected = ROWS[name](self.source)
                self.check(name, graph, expected)
                if force is not None and self.source.forced == 0 and name != "suppress":
                    self.complain(name, graph, "no %s was put into it" % force)
        self.source.force = None

    def all_conversions(self):
        for source in ALL:
            for target in ALL:
                for shape in ((70,), (), (3, 0)):
                    self.check("convert", *convert_pair(self.source, source, target, shape))


# Rows of integers whose every pair of ends is tried.
ENDS = {**BINARY_INTEGER, **{name: None for name in ("shift_left", "shift_right", "equal", "less", "less_or_equal")}}


def ends_of(element):
    info = np.iinfo(DTYPE[element])
    numbers = {info.min, info.min + 1, info.max - 1, info.max, 0, 1, 2, 3, info.bits - 1, info.bits, info.bits + 1}
    numbers |= {-1, -2, -info.bits} if info.min < 0 else set()
    return np.array(sorted(n for n in numbers if info.min <= n <= info.max), DTYPE[element])


def all_ends(tester):
    """Every integer row at every pair of its type's ends: INT_MIN / -1, by 0, shifts beyond the width."""
    for element in INTEGERS:
        ends = ends_of(element)
        a, b = (x.reshape(-1) for x in np.meshgrid(ends, ends))
        bits = np.iinfo(DTYPE[element]).bits
        shifts = {"shift_left": lambda x, n: x << n if 0 <= n < bits else 0,
                  "shift_right": lambda x, n: x >> n if 0 <= n < bits else 0}
        orders = {"equal": np.equal, "less": np.less, "less_or_equal": np.less_equal}
        for name in ENDS:
            graph, made = Graph(), "bool" if name in orders else element
            graph.result(graph.op(name, [graph.input(element, a), graph.input(element, b)], {}, [(made, a.shape)]))
            want = orders[name](a, b) if name in orders else by_integers(
                shifts.get(name, BINARY_INTEGER.get(name)), element, a, b)
            tester.check(name, graph, [exactly(made, want)])
        for name in [*UNARY_INTEGER, "not"]:
            graph = Graph()
            graph.result(graph.op(name, [graph.input(element, ends)], {}, [(element, ends.shape)]))
            want = np.invert(ends) if name == "not" else by_integers(UNARY_INTEGER[name], element, ends)
            tester.check(name, graph, [exactly(element, want)])


def saturation(tester):
    """Floats at and beside the ends of every integer type, and no numbers, converted to it."""
    for source in FLOATS:
        for target in INTEGERS:
            info = np.iinfo(DTYPE[target])
            near = [float(e) + d for e in (info.min, info.max, 0, 2 ** 63, 2 ** 64, -2 ** 63) for d in (
                -1.5, -1, -0.5, 0, 0.5, 1, 1.5)]
            numbers = round_to(source, np.array(near + [np.nan, np.inf, -np.inf, -0.0, 1e300, -1e300]))
            graph = Graph()
            graph.result(graph.op("convert", [graph.input(source, numbers)], {"element": target}, [(target, numbers.shape)]))
            tester.check("convert", graph, [exactly(target, converted(source, target, numbers))])


def all_rows_are_tried(table):
    """What takes two integers has its ends tried: a new row of them must be added to ENDS."""
    of_two = {entry[0] for entry in table if entry[1:] == ["2", "2"]}
    others = {"after", "pad", "matmul", "conv", "gather"}
    return of_two - others == set(ENDS)


def known_answers(tester):
    """Random123's known answers of philox4x32-10: of the row as far as it can be asked, and of ours."""
    assert philox(2 ** 64 - 1, 2 ** 64 - 1, 2 ** 64 - 1) == [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]
    assert philox(0x299f31d0a4093822, 0x0370734413198a2e, 0x85a308d3243f6a88) == [
        0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1]
    graph = Graph()
    graph.result(graph.op("random", [graph.input("u64", np.uint64(0))], {"stream": 0, "sizes": [4]}, [("u32", (4,))]))
    want = np.array([0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8], np.uint32)
    tester.check("random", graph, [exactly("u32", want)])


def outside(tester):
    """An index outside its axis ends the run with the node's name and the number."""
    for name in ("gather", "scatter"):
        for index in (-1, 3, 2 ** 31 - 1):
            graph = Graph()
            inputs = [graph.input("f32", np.zeros((2, 3))), graph.input("i32", np.int32([0, index]))]
            if name == "scatter":
                inputs.append(graph.input("f32", np.zeros((2, 2))))
            kind = {"kind": 1} if name == "scatter" else {}
            graph.result(graph.op(name, inputs, {"axis": 1, **kind}, [("f32", (2, 2 if name == "gather" else 3))],
                                  origin="the table of words"))
            answer = tester.runner.run(graph.text(), graph.data)
            tester.cases += 1
            if answer.status != STATUS_INVALID or "the table of words" not in answer.sentence or (
                    "index %d " % index) not in answer.sentence or name not in answer.sentence:
                tester.complain(name, graph, "status %d: %s" % (answer.status, answer.sentence))


def main():
    program, seed = sys.argv[1], int(sys.argv[3]) if len(sys.argv) > 3 else 20240531
    count = int(sys.argv[4]) if len(sys.argv) > 4 else 120
    table = [line.split() for line in table_of(program)]
    missing = [entry[0] for entry in table if entry[0] not in ROWS]
    unknown = sorted(set(ROWS) - {entry[0] for entry in table})
    if missing or unknown:
        print("rows without a case: %s; cases without a row: %s" % (missing, unknown))
        return 1
    if not all_rows_are_tried(table):
        print("a row of two operands has no place in ENDS")
        return 1
    started, tester = time.time(), Tester(program, seed)
    known_answers(tester)
    outside(tester)
    all_ends(tester)
    saturation(tester)
    tester.all_conversions()
    tester.random_cases([entry[0] for entry in table], count)
    maker = function_cases.Maker(sys.argv[2])
    function_cases.functions_of(tester, maker, count)
    status = tester.runner.close() or maker.close()
    print("seed %d: %d rows, %d functions, %d cases, %d elements, %d failed, %.1f s" % (
        seed, len(table), len(function_cases.FUNCTIONS), tester.cases, tester.elements, tester.failed, time.time() - started))
    return 1 if tester.failed or status else 0


def table_of(program):
    return subprocess.run([program, "--table"], capture_output=True, text=True, check=True).stdout.splitlines()


sys.exit(main())
