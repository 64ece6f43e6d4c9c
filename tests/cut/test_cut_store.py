#!/usr/bin/env python3
"""A store on the real medium of a device whose power is cut (stores.c): what was acknowledged is there, what was under way is
there as before or as after, and the store is written on. Each start finds what the one before it left.

usage: test_cut_store.py MACHINE CUTS SEED

The watch, cortex-m4, is cut at an instruction (cut.c): half of the cuts count from the first write on, half from the k-th
entry into the medium's program or erase function. linux, riscv64 and aarch64 are killed at some moment, with requests of
their disks under way. After a failure the medium and the words of the cut are told and kept."""
import random
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import power

machine, cuts, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
image = power.linux / "tests/cut/cut_stores" if machine == "linux" else power.build_of(machine) / "tests/cut/cut_stores.elf"
KEYS = 12
QUIET = ["-nic", "none", "-display", "none", "-monitor", "none", "-serial", "stdio"]
SEMIHOSTING = ["-semihosting-config", "enable=on,target=native"]
DISK = ["-global", "virtio-mmio.force-legacy=false", "-device", "virtio-blk-device,drive=m", "-drive"]
MACHINES = {  # the words that come before the medium's file, and behind it; how large that is
    "linux": ([image, "0", "02:00:00:00:00:01", "/dev/null"], "{}", [], 0),
    "cortex-m4": (["qemu-system-arm", "-M", "mps2-an386,memory-backend=nv", "-icount", "shift=5,sleep=off", "-object"],
                  "memory-backend-file,id=nv,size=16M,share=on,mem-path={}", QUIET + SEMIHOSTING, 16 << 20),
    "riscv64": (["qemu-system-riscv64", "-M", "virt", "-m", "64M"] + DISK, "if=none,id=m,format=raw,file={}", QUIET, 4 << 20),
    "aarch64": (["qemu-system-aarch64", "-M", "virt,gic-version=3", "-cpu", "cortex-a53", "-m", "64M"] + DISK,
                "if=none,id=m,format=raw,file={}", QUIET + SEMIHOSTING, 4 << 20),
}
before_file, file_word, behind_file, medium_bytes = MACHINES[machine]
by_instruction = machine == "cortex-m4"


def written_by(number):
    """What write `number` makes of its keys: the number, or 0 where it deletes."""
    batch = number % 11 == 10
    if not batch and number % 13 == 12:
        return {"extent": number}
    if not batch and number % 7 == 6:
        return {f"k{number % KEYS}": 0}
    return {f"k{(number + 5 * i) % KEYS}": number for i in range(2 if batch else 1)}


class Device:
    """What a device has on its medium, and what its store has to hold."""

    def __init__(self, folder):
        self.medium = folder / "medium.img"
        self.said = folder / "said"
        if medium_bytes > 0:
            with open(self.medium, "wb") as file:
                file.truncate(medium_bytes)
        self.holds = {f"k{i}": 0 for i in range(KEYS)} | {"extent": 0}
        self.under_way = None
        self.acknowledged = 0
        if by_instruction:
            self.image = power.Image(image)

    def start(self, words):
        """Runs it until it is cut: by the plugin, which is told `words`, or after so many seconds. What it said."""
        command = before_file + [file_word.format(self.medium)] + behind_file
        if machine != "linux":
            command += ["-kernel", image]
        if by_instruction:
            command += self.image.plugin(words)
        with open(self.said, "wb") as said:
            device = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT)
            try:
                device.wait(120 if by_instruction else float(words))
            except subprocess.TimeoutExpired:
                device.kill()
                device.wait()
        return device.returncode, self.said.read_text(errors="replace")

    def judge(self, said):
        """What is wrong with the lines of a start, or None. A line that the cut tore is none: the plugin's stands behind it."""
        found, said = {}, said.partition("cut: at ")[0]
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


def draw(number, random_, device):
    if not by_instruction:
        return f"{random_.uniform(0.3, 1.5):.3f}"
    if number % 2 == 0:
        return f"at={device.image.entry('tt_store_begin')},after={int(10 ** random_.uniform(1, 6.3))}"
    return device.image.draw_entry(random_)


def main():
    power.expect(machine, image, machine != "linux" and before_file[0], by_instruction)
    folder = Path(tempfile.mkdtemp())
    random_, inside = random.Random(seed), {"0": 0, "1": 0, "2": 0}
    device = Device(folder)
    for number in range(cuts):
        words = draw(number, random_, device)
        before = folder / "before.img"
        if device.medium.exists():
            power.keep(device.medium, before)
        code, said = device.start(words)
        cut = power.range_of(said)
        wrong = device.judge(said)
        if wrong is None and not (code == power.CUT and cut if by_instruction else code == -9):
            wrong = f"it ended with {code} and was not cut: {said[-300:]}"
        if wrong:
            print(f"cut {number} of seed {seed}, {words}: {wrong}")
            print(f"the medium before that start and behind it: {before}, {device.medium}")
            sys.exit(1)
        if cut:
            inside[cut] += 1
    shutil.rmtree(folder)
    where = f"{inside['1']} in a program, {inside['2']} in an erase; " if by_instruction else ""
    print(f"{cuts} cuts of seed {seed}: {where}{device.acknowledged} writes acknowledged, 0 lost")
    if device.acknowledged < cuts:
        sys.exit("hardly anything was written")
    if by_instruction:
        power.expect_inside(inside, cuts)


main()
