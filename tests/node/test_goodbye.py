"""A Linux node that is told to end (SIGTERM) says goodbye (RFC 6762, 10.1) and ends with 0."""

import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from judge import end, expect, provision  # noqa: E402

LINUX = os.environ["TUTTI_LINUX"]


def responses(path):
    """The times to live in each multicast DNS response of a capture, of its records in order."""
    with open(path, "rb") as file:
        capture = file.read()
    at = 24
    while at + 16 <= len(capture):
        length = struct.unpack_from("<I", capture, at + 8)[0]
        frame, at = capture[at + 16:at + 16 + length], at + 16 + length
        if frame[12:14] != b"\x86\xdd" or frame[20] != 17 or frame[56:58] != struct.pack(">H", 5353):
            continue
        message = frame[62:]
        if not message[2] & 0x80:
            continue
        lives, place = [], 12
        for _ in range(struct.unpack_from(">H", message, 6)[0]):
            while message[place]:
                place += 1 + message[place] # our own names are not compressed
            lives.append(struct.unpack_from(">I", message, place + 5)[0])
            place += 11 + struct.unpack_from(">H", message, place + 9)[0]
        yield lives


def main():
    with tempfile.TemporaryDirectory() as folder:
        path, capture = folder + "/switch.sock", folder + "/capture.pcap"
        switch = subprocess.Popen([LINUX + "/tools/switch/tutti-switch", path, "--capture", capture],
                                  stdout=subprocess.DEVNULL)
        while not os.path.exists(path):
            time.sleep(0.02)
        provision(folder + "/provision")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.connect(path)
            node = subprocess.Popen([LINUX + "/products/linux/tutti-node", str(line.fileno()), "02:00:00:00:00:01",
                                     folder + "/provision"], pass_fds=[line.fileno()], stdin=subprocess.DEVNULL)
        time.sleep(5) # duplicate detection, three probes, two announcements
        node.send_signal(signal.SIGTERM)
        try:
            expect(node.wait(timeout=10) == 0, f"the node to end with 0, not {node.returncode}")
        finally:
            node.kill()
            switch.send_signal(signal.SIGINT)
            switch.wait()
        told = list(responses(capture))
        expect(len(told) >= 3 and all(min(lives) > 0 for lives in told[:-1]), f"announcements, not {told}")
        expect(told and max(told[-1]) == 0, f"a goodbye at the end, not {told[-1:]}")
    end()


main()
