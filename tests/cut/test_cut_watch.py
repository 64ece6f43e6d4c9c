#!/usr/bin/env python3
"""The watch itself, with its network, whose power is cut while values and models are put: what it acknowledged is there after
the restart, what was under way is there as before or as after, and nothing else ever.

usage: test_cut_watch.py CUTS SEED LANES

Each start finds what the one before it left, so it is the check of one cut and the beginning of the next; LANES watches run
at a time. This test is their switch and their only neighbour (station.py). When a watch has read all that was sent to it the
plugin is told to count from the next frame that the driver hands on, which is a change's first one: half of the cuts are at an
instruction from then on, half at one behind the k-th entry into the medium's program or erase function. Changes are made
until the watch is gone. A run does not repeat by its seed, for the network's times are its own; after a failure the words of
the cut, what was acknowledged and the media are told and kept."""
import concurrent.futures
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import judge  # noqa: E402
import power  # noqa: E402
from station import DELETE, GET, POST, PUT, Gone, Silent, Station  # noqa: E402

cuts, seed, lanes = map(int, sys.argv[1:4])
image_file = power.build_of("cortex-m4") / "products/watch/watch.elf"
MEDIUM_BYTES = 16 << 20
KEYS = [f"data/k{i}" for i in range(9)] + [f"data/settings/s{i}" for i in range(3)]
MODEL = "ai/models/made-up"
SECONDS = 100  # of a start until it is found, and of changes until it is cut


class Wrong(Exception):
    pass


def made_plans(folder):
    """Two plans, and what each answers to one image."""
    subprocess.run([power.linux / "tests/products/test_made_plan", folder], check=True, stdout=subprocess.DEVNULL)
    plans = [(folder / name).read_bytes() for name in ("plan", "plan2")]
    logits = [(folder / name).read_bytes() for name in ("logits.0", "logits2.0")]
    return plans, dict(zip(logits, plans)), (folder / "image.0").read_bytes()


class Watch:
    """A watch, and what it has to hold: of each path its bytes, or None."""

    def __init__(self, folder, number, image, plans):
        self.folder = folder / f"watch-{number}"
        self.folder.mkdir()
        self.number = number
        self.random = random.Random(f"{seed} {number}")
        self.image = image
        self.plans, self.plan_of, self.pixels = plans
        self.medium, self.before = self.folder / "medium.img", self.folder / "before.img"
        with open(self.medium, "wb") as file:
            file.truncate(MEDIUM_BYTES)
        judge.provision(self.folder / "provision")
        self.mac = bytes([2, 0, 0, 0, 1, number])
        self.holds = dict.fromkeys(KEYS + [MODEL])
        self.under_way = None  # a path, and what it gets
        self.words = None  # of the last cut
        self.starts = self.acknowledged = self.models = 0
        self.inside = {"0": 0, "1": 0, "2": 0}

    def start(self, words):
        self.starts += 1
        ours, its = socket.socketpair()
        mac = ":".join(f"{byte:02x}" for byte in self.mac)
        with open(self.folder / "said", "wb") as said:
            self.emulator = subprocess.Popen(
                ["qemu-system-arm", "-M", "mps2-an386,memory-backend=nv", "-display", "none", "-monitor", "none", "-serial", "stdio",
                 "-semihosting-config", "enable=on,target=native", "-netdev", f"socket,id=n,fd={its.fileno()}", "-net",
                 f"nic,netdev=n,macaddr={mac}", "-object", f"memory-backend-file,id=nv,size=16M,share=on,mem-path={self.medium}",
                 "-device", f"loader,file={self.folder}/provision,addr={self.image.symbols['tt_provision']},force-raw=on",
                 "-kernel", image_file] + self.image.plugin(words),
                pass_fds=[its.fileno()], stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT)
        its.close()
        self.station = Station(ours, self.mac)
        self.station.find(SECONDS)

    def has(self, path):
        """What the watch says that is there."""
        code, body = self.station.ask(POST, path, self.pixels) if path == MODEL else self.station.ask(GET, path)
        if code == "4.04":
            return None
        if code != "2.05" or (path == MODEL and body not in self.plan_of):
            raise Wrong(f"{path} answers {code}, {body[:80]}")
        return self.plan_of[body] if path == MODEL else body

    def check(self):
        for path, expected in self.holds.items():
            found = self.has(path)
            if found != expected and (path, found) != self.under_way:
                raise Wrong(f"{path} is {shown(found)}, expected {shown(expected)}; under way was {shown(self.under_way)}")
            self.holds[path] = found
        listed = self.station.ask(GET, "data")[1].decode()
        for path in KEYS:
            if (f"</{path}>;" in listed) != (self.holds[path] is not None):
                raise Wrong(f"the list has {listed}, but {path} is {shown(self.holds[path])}")
        self.under_way = None

    def change(self):
        drawn = self.random.random()
        path = MODEL if drawn < 0.08 else self.random.choice(KEYS)
        value = None  # deleted
        if path == MODEL:
            value = self.random.choice(self.plans)
        elif drawn < 0.9:
            value = self.random.randbytes(self.random.randint(1, 600 if drawn < 0.3 and "settings" not in path else 60))
        self.under_way = path, value
        code, body = self.station.ask(DELETE if value is None else PUT, path, value or b"")
        if code not in (["2.02", "4.04"] if value is None else ["2.01", "2.04"]):
            raise Wrong(f"a change of {path} is answered by {code}, {body[:80]}")
        self.holds[path] = value
        self.acknowledged += 1
        self.models += path == MODEL

    def draw(self):
        words = f"signal=1,from={self.image.entry('ethernet_input')},"
        if (self.starts + self.number) % 2 == 0:
            return words + f"after={int(10 ** self.random.uniform(2, 6.7))}"
        return words + self.image.draw_entry(self.random)

    def cut(self):
        """One start: what the one before it left, and changes until it is cut."""
        self.words = self.draw()
        try:
            self.start(self.words)
            self.check()
            self.station.quiet()
            os.kill(self.emulator.pid, signal.SIGRTMIN + 5)
            end = time.monotonic() + SECONDS
            while time.monotonic() < end:
                self.change()
        except Gone:
            pass
        finally:
            self.station.stream.close()
            code = wait(self.emulator)
        said = (self.folder / "said").read_text(errors="replace")
        inside = power.range_of(said)
        if code != power.CUT or inside is None:
            raise Wrong(f"it ended with {code} and was not cut: {said[-300:]}")
        self.inside[inside] += 1

    def keep(self):
        """The files that tell of a failure."""
        acknowledged = self.folder / "acknowledged"
        lines = [f"{path} {'-' if value is None else value.hex()}\n" for path, value in self.holds.items()]
        acknowledged.write_text("".join(lines) + f"under way: {shown(self.under_way)}\n")
        return f"{self.before}, {self.medium}, {acknowledged}"


def wait(emulator):
    """Its status. One that was not cut is ended: another failure is told of."""
    try:
        return emulator.wait(20)
    except subprocess.TimeoutExpired:
        emulator.kill()
        return emulator.wait()


def shown(value):
    return repr(value)[:80]


def live(watch, count):
    """Cuts it so often. True: nothing was lost."""
    for _ in range(count):
        power.keep(watch.medium, watch.before)
        words = watch.words
        try:
            watch.cut()
        except Exception as wrong:  # of whatever kind: the medium is kept
            what = str(wrong) if isinstance(wrong, Wrong) else traceback.format_exc()
            print(f"{watch.folder.name}, seed {seed}, start {watch.starts}: {what}")
            print(f"cut by {watch.words}, and before that by {words}; the medium as that left it, as it is now, and what was "
                  f"acknowledged: {watch.keep()}")
            return False
    return True


def main():
    power.expect("cortex-m4", image_file, "qemu-system-arm", True)
    folder = Path(tempfile.mkdtemp())
    plans = made_plans(folder)
    image = power.Image(image_file)
    watches = [Watch(folder, number, image, plans) for number in range(lanes)]
    counts = [cuts // lanes + (number < cuts % lanes) for number in range(lanes)]
    with concurrent.futures.ThreadPoolExecutor(lanes) as pool:
        if not all(list(pool.map(live, watches, counts))):
            sys.exit(1)
    shutil.rmtree(folder)
    inside = {place: sum(watch.inside[place] for watch in watches) for place in "012"}
    acknowledged, models = sum(watch.acknowledged for watch in watches), sum(watch.models for watch in watches)
    print(f"{cuts} cuts of seed {seed}: {inside['1']} in a program, {inside['2']} in an erase; {acknowledged} changes acknowledged, "
          f"{models} of them models, 0 lost")
    if acknowledged < 2 * cuts or models == 0:
        sys.exit("hardly anything was changed")
    power.expect_inside(inside, cuts)


main()
