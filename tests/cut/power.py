"""What the tests that cut an emulated device's power share: the plugin (cut.c), what it is told, and what it says."""
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

linux = Path(os.environ["TUTTI_LINUX"])
plugin = linux / "tests/cut/cut.so"
CUT = 70  # the emulator's status


def build_of(machine):
    return Path(os.environ.get("TUTTI_BUILD", "build")) / (os.environ.get("TUTTI_PRESET_PREFIX", "") + machine)


def skip(why):
    print("skipped:", why)
    sys.exit(77)


def expect(machine, image, program, cut_by_instruction):
    """Skips the test where something is not there."""
    if program and not shutil.which(program):
        skip(f"{program} is not installed")
    if not image.exists():
        skip(f"there is no {image}: build it with make {machine}")
    if cut_by_instruction and not plugin.exists():
        skip("there is no plugin: qemu-system-arm was not there when this was built")


class Image:
    """Where an image's functions are: first address and end."""

    def __init__(self, image):
        self.functions, self.symbols = {}, {}
        for line in subprocess.run(["nm", "-S", image], capture_output=True, text=True, check=True).stdout.splitlines():
            words = line.split()
            if len(words) == 4 and words[2] in "tT":
                first = int(words[0], 16) & ~1
                self.functions[words[3]] = first, first + int(words[1], 16)
            elif len(words) == 4:
                self.symbols[words[3]] = int(words[0], 16)

    def entry(self, function):
        return self.functions[function][0]

    def plugin(self, words):
        """The emulator's option: cut as `words` say, and tell whether it was inside a program (1) or an erase (2)."""
        ranges = "".join(f",in={first}-{end}" for first, end in (self.functions[n] for n in ("nv_program", "nv_erase")))
        return ["-plugin", f"{plugin},{words}{ranges}"]

    def draw_entry(self, random):
        """A place within the k-th program or erase."""
        if random.random() < 0.5:  # a byte takes five instructions, a record's part rarely more than a hundred bytes
            return f"at={self.entry('nv_program')},entry={random.randint(1, 100)},after={int(10 ** random.uniform(0, 2.8))}"
        return f"at={self.entry('nv_erase')},entry={random.randint(1, 8)},after={random.randint(0, 3000)}"


def range_of(said):
    """In which of the ranges it was cut, "0" for none; None: it was not cut. The device's last line may be torn before it."""
    cut = re.search(r"cut: at 0x[0-9a-f]+, instruction \d+, in range (\d)$", said, re.M)
    return cut and cut[1]


def expect_inside(inside, cuts):
    """Half of the cuts are meant to be inside a program or an erase; of few of them chance makes fewer."""
    fewest = cuts * 2 // 5 if cuts >= 1000 else cuts // 4
    if inside["1"] + inside["2"] < fewest:
        sys.exit(f"expected {fewest} or more inside a program or an erase")


def keep(medium, copy):
    subprocess.run(["cp", "--sparse=always", medium, copy], check=True)
