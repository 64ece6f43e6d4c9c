"""Where multicast does not reach: three nodes, each given the address of the one before, and `tutti ls --peer` lists
all of them with their names. It stands for a house whose network does not forward groups."""

import json
import os
import socket
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import namespace  # noqa: E402
from judge import end, expect, skip  # noqa: E402

LINUX = os.environ["TUTTI_LINUX"]


def start(name, *given):
    node = subprocess.Popen([LINUX + "/tests/node/node_gossiper", name, *given], stdout=subprocess.PIPE, text=True)
    return node, int(node.stdout.readline())


def listed(*options):
    done = subprocess.run([LINUX + "/cli/tutti", "ls", "--host", "--json", "--for", "2", *options], capture_output=True,
                          text=True, timeout=60)
    return done, {device["name"] for device in json.loads(done.stdout or "[]")}


def invent(address):
    """Tells a device of as many others as it has room for, at places where nobody answers."""
    silent = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(12)]
    head = bytes([0x54, 2, 0, 0, 1, 2, 3, 4, 0xBB]) + b".well-known\x07members\x11\x2a\xff"
    words = b""
    for number, endpoint in enumerate(silent):
        endpoint.bind(("127.0.0.1", 0))
        words += bytes([0x28]) + struct.pack(">QH", 1000 + number, endpoint.getsockname()[1]) + bytes([127, 0, 0, 1])
    question = head + struct.pack(">BBHQBH", 1, 0, 1, 5, len(silent), len(words)) + words
    host, port = address.split(":")
    silent[0].sendto(question, (host, int(port)))
    return silent


def main():
    if not namespace.inside():
        skip("no network of its own: " + namespace.enter(os.path.abspath(__file__), "ip link set lo up"))
    nodes, given = [], []
    try:
        for name in ("one", "two", "three"):
            node, port = start(name, *given)
            nodes.append(node)
            given = [f"127.0.0.1:{port}"]
        deadline = time.monotonic() + 20
        while True:
            done, names = listed("--peer", f"coap://{given[0]}")
            if names == {"one", "two", "three"} or time.monotonic() > deadline:
                break
        expect(names == {"one", "two", "three"}, f"three names, not {names}: {done.stderr}")
        expect(done.returncode == 0, f"0, not {done.returncode}")
        done, names = listed()
        expect(not names and done.returncode == 3, f"nobody and 3, not {names} and {done.returncode}")
        silent = invent(given[0])
        done, names = listed("--peer", f"coap://{given[0]}")
        expect("three" in names, f"three, who answered, and others, not {names}: {done.stderr}")
        expect("more, of whom others told, were not asked" in done.stderr, f"an end of asking, not {done.stderr}")
        for endpoint in silent:
            endpoint.close()
        done, names = listed("--peer", "one")
        expect(done.returncode == 2, f"2 for a name, not {done.returncode}")
    finally:
        for node in nodes:
            node.kill()
            node.wait()
    end()


main()
