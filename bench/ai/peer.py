"""The other side of bench_ai: the same work by PyTorch and ONNX Runtime, when it is told to.

usage: peer.py THREADS

A line comes in, a line goes out, which begins with "ok " or "skip ":
    open NAME DATA DETAIL...   makes the work of the bytes in the file DATA, chooses the best mode, says which
    check FILE                 writes the numbers that it computes, f32, from the beginning
    slice SECONDS              works for so long, says how many runs a second
    first NAME                 the seconds that a process of its own takes to its first step compiled, without cache
    memory NAME DATA DETAIL... the most megabytes that a process of its own takes for 100 runs, not compiled
"""

import os
import subprocess
import sys
import tempfile
import time

import torch

import peer_fused
import peer_onnx
import peer_train


def slice_of(work, seconds):
    begin, runs = time.perf_counter(), 0
    while True:
        work.run()
        runs += 1
        taken = time.perf_counter() - begin
        if taken >= seconds:
            return runs / taken


def best(works):
    """The fastest; each is warmed up, which compiles it."""
    rates = []
    for work in works:
        for _ in range(3):
            work.run()
        rates.append(max(slice_of(work, 0.3) for _ in range(2)))
    return works[rates.index(max(rates))]


def make(name, words):
    torch.compiler.reset()
    subject = name.split(".")[1]
    if subject == "train":
        return peer_train.works(name, *words)
    if subject == "fused":
        return peer_fused.fused(name, *words)
    if subject == "product":
        return peer_fused.product(name, *words)
    return [peer_onnx.Inference(name, *words, torch.get_num_threads())]


def process(words, **environment):
    said = subprocess.run([sys.executable, __file__, *words], capture_output=True, text=True,
                          env={**os.environ, **environment})
    if said.returncode != 0:
        raise RuntimeError("the process failed: " + said.stderr[-200:].replace("\n", " "))
    return said.stdout.strip()


def first(name):
    with tempfile.TemporaryDirectory() as empty:
        return process(["first", name], TORCHINDUCTOR_CACHE_DIR=empty, TRITON_CACHE_DIR=empty,
                       TORCHINDUCTOR_FORCE_DISABLE_CACHES="1")


def most_memory():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) * 1.024 / 1000


def answer(words, work):
    if words[0] == "open":
        work[:] = [best(make(words[1], words[2:]))]
        return work[0].mode
    if words[0] == "check":
        work[0].check().tofile(words[1])
        return "written"
    if words[0] == "slice":
        return f"{slice_of(work[0], float(words[1])):.9g}"
    if words[0] == "memory":
        return process(words)
    if words[0] == "first":
        return first(words[1])
    raise RuntimeError("no such command")


def main():
    if sys.argv[1] == "memory":
        torch.set_num_threads(1)
        torch.set_flush_denormal(True)
        peer_train.stream(*sys.argv[2:])
        print(f"{most_memory():.3f}")
        return
    if sys.argv[1] == "first":
        torch.set_num_threads(1)
        torch.set_flush_denormal(True)
        print(f"{peer_train.first(sys.argv[2]):.3f}")
        return
    torch.set_num_threads(int(sys.argv[1]))
    torch.set_flush_denormal(True)
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    work = []
    for line in sys.stdin:
        try:
            said = "ok " + answer(line.split(), work)
        except Exception as why:  # what a library does not do is said, and no end of all
            said = f"skip {type(why).__name__}: {why}".split("\n")[0]
        print(said, file=out, flush=True)


main()
