#!/usr/bin/python3
"""A device whose Ethernet is a serial line: the Netduino Plus 2 under QEMU, at tutti-switch.

It is found on the bus, describes itself, takes a plan of 62 KB, which is then asked, and answers 1,000 requests. Between
the device and the switch stands this program, which passes the bytes on, and at times throws others in between, changes
some, or leaves some out: what is hit is lost and asked for again, and everything else goes on.
"""
import os
import random
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from judge import end, expect, need, provision, skip  # noqa: E402

BUILD, LINUX = os.environ["TUTTI_BUILD"], os.environ["TUTTI_LINUX"]
REQUESTS = 1000
END, ESCAPE = 0xC0, 0xDB


def image_for(version):
    """QEMU before 8 has the second 64 KiB elsewhere than the chip: see the board's linker script."""
    name = "band_qemu_7" if version < 8 else "band"
    path = f"{BUILD}/netduinoplus2/products/band/{name}.elf"
    if not os.path.exists(path):
        skip(f"there is no {path}: build it with make netduinoplus2")
    return path


class Line(threading.Thread):
    """Passes bytes between the device, which connects to `path`, and the switch's socket for lines."""

    def __init__(self, path, switch):
        super().__init__(daemon=True)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(1)
        self.switch = socket.socket(socket.AF_UNIX)
        self.switch.connect(switch)
        self.harm = 0  # of a million bytes, at how many harm is done
        self.harmed = 0
        self.random = random.Random(1)

    def run(self):
        device = self.listener.accept()[0]
        other = {device: self.switch, self.switch: device}
        while True:
            for end in select.select(list(other), [], [])[0]:
                try:
                    piece = end.recv(4096)
                    if not piece:
                        return
                    other[end].sendall(self.disturb(piece))
                except OSError:
                    return  # one of them has ended

    def disturb(self, piece):
        if self.random.randrange(1000000) >= self.harm * len(piece):
            return piece
        self.harmed += 1
        at = self.random.randrange(len(piece))
        return self.random.choice([
            lambda: piece[:at] + piece[at + 1:],  # a byte is lost
            lambda: piece[:at],  # all that follows is
            lambda: piece[:at] + bytes([piece[at] ^ 1 << self.random.randrange(8)]) + piece[at + 1:],
            lambda: piece[:at] + bytes([END]) + piece[at:],
            lambda: piece[:at] + bytes([ESCAPE, self.random.randrange(256)]) + piece[at:],
            lambda: piece[:at] + self.random.randbytes(self.random.randrange(4000)) + piece[at:],
        ])()


def main():
    need("qemu-system-arm")
    need("arm-none-eabi-nm")
    said = subprocess.run(["qemu-system-arm", "--version"], capture_output=True, text=True, check=True).stdout
    image = image_for(int(re.search(r"version (\d+)", said).group(1)))
    symbols = subprocess.run(["arm-none-eabi-nm", image], capture_output=True, text=True, check=True).stdout
    seed = re.search(r"^([0-9a-f]+) \w tt_provision$", symbols, re.MULTILINE).group(1)
    tutti, asker = f"{LINUX}/cli/tutti", f"{LINUX}/tests/line/line_asker"

    with tempfile.TemporaryDirectory() as scratch:
        def run(*words, seconds=60):
            try:
                done = subprocess.run(words, capture_output=True, timeout=seconds, text=True, errors="replace",
                                      env=dict(os.environ, TUTTI_NET=scratch))
            except subprocess.TimeoutExpired:
                return f"no end within {seconds} s"
            return done.stdout + done.stderr

        provision(scratch + "/provision")
        switch = subprocess.Popen([f"{LINUX}/tools/switch/tutti-switch", scratch + "/switch.sock", "--lines",
                                   scratch + "/lines.sock"], stdout=subprocess.PIPE, text=True)
        switch.stdout.readline()  # it listens
        line = Line(scratch + "/device.sock", scratch + "/lines.sock")
        line.start()
        console = open(scratch + "/console", "w+b")
        device = subprocess.Popen(
            ["qemu-system-arm", "-M", "netduinoplus2", "-display", "none", "-monitor", "none", "-serial", "stdio",
             "-serial", f"unix:{scratch}/device.sock", "-semihosting-config", "enable=on,target=native",
             "-device", f"loader,file={scratch}/provision,addr=0x{seed},force-raw=on", "-kernel", image],
            stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT)

        def said_by_device():
            console.seek(0)
            return console.read().decode(errors="replace")

        try:
            until, name = time.monotonic() + 30, None
            while not name and time.monotonic() < until:
                name = re.search(r"band-[0-9a-f]{4}(?= ready)", said_by_device())
                time.sleep(0.1)
            expect(name, "the device to be ready")
            name = name.group() if name else "band"
            until, listed = time.monotonic() + 30, ""
            while name not in listed and time.monotonic() < until:
                listed = run(tutti, "ls")
            expect(name in listed and "/ai/models" in listed, f"to find the device, not {listed}")
            about = run(tutti, "get", name + "/device")
            expect('"board": "netduinoplus2"' in about, f"the device to describe itself, not {about}")

            print(run(asker, "plan", scratch + "/plan"), end="")
            size = os.path.getsize(scratch + "/plan")
            expect(size > 60000, f"a plan of more than 60,000 bytes, not {size}")
            began = time.monotonic()
            taken = run(tutti, "put", name + "/ai/models/random", scratch + "/plan")
            expect("2.01 Created" in taken, f"the plan to be taken, not {taken}")
            print(f"taken within {time.monotonic() - began:.1f} s")
            answered = run(asker, "ask", scratch, name, str(REQUESTS), seconds=200)
            expect(f"{REQUESTS} answers" in answered and "answers as it should" in answered,
                   f"{REQUESTS} answers and the model's, not {answered}")
            print(answered, end="")

            line.harm = 50
            for _ in range(3):
                taken = run(tutti, "put", name + "/ai/models/random", scratch + "/plan", seconds=200)
                expect("2.04 Changed" in taken, f"the plan to be taken over a bad line, not {taken}")
            answered = run(asker, "ask", scratch, name, "300", seconds=200)
            expect("300 answers" in answered and "answers as it should" in answered,
                   f"answers over a bad line, not {answered}")
            print(f"harmed {line.harmed} times meanwhile:", answered, end="")
            expect(line.harmed > 5, f"to have done harm more than 5 times, not {line.harmed}")
            line.harm = 0
            answered = run(asker, "ask", scratch, name, "50", seconds=60)
            expect("50 answers" in answered and "answers as it should" in answered,
                   f"answers over a good line again, not {answered}")
            about = run(tutti, "get", name + "/device")
            expect('"restarts": 0' in about, f"the device never to have restarted, not {about}")
            expect(device.poll() is None, "the device to run on")
        finally:
            device.kill()
            device.wait()
            switch.send_signal(signal.SIGINT)
            ports = switch.communicate()[0]
            print(said_by_device())
            print(ports)
        damaged = sum(int(count) for count in re.findall(r"damaged (\d+)", ports))
        expect(damaged > 0, "the switch to have counted damaged frames")
    end()


main()
