"""What devices say when nobody uses them: Linux nodes on our switch, the frames that enter it, all protocols.

    bench/bus/idle.py            100 s from the 20th on, which have one renewal of all records (every 96 s) and more of the
                                 early questions than any later ones: told as frames a minute
    bench/bus/idle.py --whole    minutes 3 to 8
"""

import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, ROOT + "/tests")
from judge import provision  # noqa: E402

BUILD = ROOT + "/build/linux"


def start_node(folder, switch, number):
    """A node process with its own line to the switch, as tutti up starts one."""
    block = f"{folder}/provision{number}"
    provision(block)
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    line.connect(switch)
    node = subprocess.Popen(
        [BUILD + "/products/linux/tutti-node", str(line.fileno()), f"02:00:00:00:{number >> 8:02x}:{number & 255:02x}", block],
        stdout=open(f"{folder}/node{number}.log", "w"), stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        pass_fds=[line.fileno()])
    line.close()
    return node


def frame_times(path):
    with open(path, "rb") as file:
        capture = file.read()
    unit = 1e9 if struct.unpack_from("<I", capture)[0] == 0xA1B23C4D else 1e6
    at = 24
    while at + 16 <= len(capture):
        seconds, part, length, _ = struct.unpack_from("<4I", capture, at)
        yield seconds + part / unit
        at += 16 + length


def measure(nodes, begin_s, end_s, observed):
    """Frames a minute from begin_s to end_s after the start; with `observed` one more station observes the first node."""
    folder = tempfile.mkdtemp(prefix="idle")
    switch, capture = folder + "/switch.sock", folder + "/capture.pcap"
    processes = [subprocess.Popen([BUILD + "/tools/switch/tutti-switch", switch, "--capture", capture],
                                  stdout=subprocess.DEVNULL)]
    try:
        while not os.path.exists(switch):
            time.sleep(0.02)
        began = time.time()
        processes += [start_node(folder, switch, i) for i in range(nodes)]
        if observed:
            processes.append(subprocess.Popen([BUILD + "/cli/tutti", "observe", "--net", switch, "kind:linux/log"],
                                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        time.sleep(end_s + 1)
        assert all(process.poll() is None for process in processes), "a process ended"
    finally:
        for process in reversed(processes): # the switch last, in order, so that its capture is whole
            process.terminate() if process is processes[0] else process.kill()
            process.wait()
    frames = sum(began + begin_s <= at < began + end_s for at in frame_times(capture))
    shutil.rmtree(folder)
    return frames * 60 / (end_s - begin_s)


def main():
    begin, end = (120, 480) if "--whole" in sys.argv[1:] else (20, 120)
    for nodes in (30, 60):
        print(f"bench bus.idle_{nodes} {measure(nodes, begin, end, False):.0f} frames_a_minute", flush=True)
    print(f"bench bus.watched {measure(1, begin, end, True):.0f} frames_a_minute", flush=True)


main()
