#!/usr/bin/env python3
"""A store on the real medium of an emulated watch whose power is cut at any instruction (cut.c, stores.c): what was
acknowledged is there, what was under way is there as before or as after, and the store is written on.

usage: test_cut_store.py CUTS SEED

Half of the cuts count instructions from the first write on, half from the k-th entry into the medium's program or erase
function. Each start finds what the one before it left; after a failure the medium and the words of the cut are told and
kept."""
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

build = Path(os.environ.get("TUTTI_BUILD", "build")) / (os.environ.get("TUTTI_PRESET_PREFIX", "") + "cortex-m4")
image, plugin = build / "tests/cut/cut_stores.elf", Path(os.environ["TUTTI_LINUX"]) / "tests/cut/cut.so"
KEYS = 12


def skip(why):
    print("skipped:", why)
    sys.exit(77)


def places():
    """First address and end of each function."""
    said = subprocess.run(["nm", "-S", image], capture_output=True, text=True, check=True).stdout
    found = {}
    for line in said.splitlines():
        words = line.split()
        if len(words) == 4 and words[2] in "tT":
            first = int(words[0], 16) & ~1
            found[words[3]] = first, first + int(words[1], 16)
    return found


def written_by(number):
    """What write `number` makes of its keys: the number, or 0 where it deletes."""
    batch = number % 11 == 10
    if not batch and number % 13 == 12:
        return {"extent": number}
    if not batch and number % 7 == 6:
        return {f"k{number % KEYS}": 0}
    return {f"k{(number + 5 * i) % KEYS}": number for i in range(2 if batch else 1)}


class Device:
    """The emulated watch, and what its store has to hold."""

    def __init__(self, folder):
        self.medium = folder / "medium.img"
        with open(self.medium, "wb") as file:
            file.truncate(16 << 20)
        self.holds = {f"k{i}": 0 for i in range(KEYS)} | {"extent": 0}
        self.under_way = None
        self.functions = places()
        self.acknowledged = 0

    def start(self, words):
        ranges = "".join(f",in={first}-{end}" for first, end in (self.functions[n] for n in ("nv_program", "nv_erase")))
        command = ["qemu-system-arm", "-M", "mps2-an386,memory-backend=nv", "-object",
                   f"memory-backend-file,id=nv,size=16M,mem-path={self.medium},share=on", "-icount", "shift=5,sleep=off",
                   "-nic", "none", "-semihosting-config", "enable=on,target=native", "-display", "none", "-monitor", "none",
                   "-serial", "stdio", "-plugin", f"{plugin},{words}{ranges}", "-kernel", image]
        ran = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=120)
        return ran.returncode, ran.stdout, ran.stderr

    def judge(self, said):
        """What is wrong with the lines of a start, or None. A line that the cut tore is none."""
        found = {}
        for line in re.findall(r"^.*\n", said, re.M):
            words = line.split()
            if not words:
                continue
            if words[0] == "has":
                if found.setdefault(words[1], int(words[2])) != int(words[2]):
                    return f"told twice, and not the same: {line}"
            elif words[0] == "opened":
                wrong = self.compare(found)
                if wrong:
                    return wrong
            elif words[0] == "begins":
                self.under_way = int(words[1])
            elif words[0] == "done":
                self.holds.update(written_by(int(words[1])))
                self.under_way = None
                self.acknowledged += 1
            elif words[0] in ("damaged", "torn", "refused", "unmountable", "another"):
                return line
        return None

    def compare(self, found):
        after = dict(self.holds)
        if self.under_way is not None:
            after.update(written_by(self.under_way))
        if found not in (self.holds, after):
            return f"it holds {found}, expected {self.holds}, or with what was under way {after}"
        self.holds, self.under_way = found, None
        return None


def draw(random_, device):
    if random_.random() < 0.5:
        return f"at={device.functions['tt_store_begin'][0]},after={int(10 ** random_.uniform(1, 6.3))}"
    if random_.random() < 0.7: # an entry into a program of at most 64 bytes, and more of an extent
        return f"at={device.functions['nv_program'][0]},entry={random_.randint(1, 400)},after={random_.randint(0, 360)}"
    return f"at={device.functions['nv_erase'][0]},entry={random_.randint(1, 8)},after={random_.randint(0, 3000)}"


def main():
    cuts, seed = int(sys.argv[1]), int(sys.argv[2])
    if not shutil.which("qemu-system-arm"):
        skip("qemu-system-arm is not installed")
    if not image.exists():
        skip(f"there is no {image}: build it with make cortex-m4")
    if not plugin.exists():
        skip("there is no plugin: qemu-system-arm was not there when this was built")
    folder = Path(tempfile.mkdtemp())
    random_, inside, in_program, in_erase = random.Random(seed), 0, 0, 0
    device = Device(folder)
    for number in range(cuts):
        words = draw(random_, device)
        before = folder / "before.img"
        subprocess.run(["cp", "--sparse=always", device.medium, before], check=True)
        code, said, told = device.start(words)
        cut = re.search(r"^cut: at .*, in range (\d)$", told, re.M)
        wrong = device.judge(said)
        if wrong is None and (code != 70 or not cut):
            wrong = f"it ended with {code} and was not cut: {said[-300:]}{told[-300:]}"
        if wrong:
            print(f"cut {number} of seed {seed}, {words}: {wrong}")
            print(f"the medium before that start and behind it: {before}, {device.medium}")
            sys.exit(1)
        in_program += cut[1] == "1"
        in_erase += cut[1] == "2"
    inside = in_program + in_erase
    print(f"{cuts} cuts of seed {seed}: {in_program} in a program, {in_erase} in an erase; {device.acknowledged} writes "
          "acknowledged, 0 lost")
    shutil.rmtree(folder)
    if inside < cuts * 2 // 5:
        sys.exit(f"expected {cuts * 2 // 5} or more inside a program or an erase")


main()
