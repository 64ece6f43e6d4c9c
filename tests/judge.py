"""What the tests in Python share: how they judge, and the block that a device starts with.

A test finds it with sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__)))).
"""

import secrets
import shutil
import struct
import sys
import zlib

failures = 0


def expect(condition, what):
    global failures
    if not condition:
        failures += 1
        print("expected", what)


def skip(reason):
    print("skipped:", reason)
    sys.exit(77)


def need(*names):
    """The first of these programs that is installed."""
    for name in names:
        if shutil.which(name):
            return shutil.which(name)
    skip("none of " + ", ".join(names) + " is installed")


def end():
    print(failures, "failed")
    sys.exit(failures > 0)


def provision(path):
    """The block of include/tutti/provision.h: an ordinary start with a seed of its own."""
    block = struct.pack("<4s5I", b"TTPV", 1, 0, 0, 0, 1) + secrets.token_bytes(32)
    with open(path, "wb") as file:
        file.write(block + struct.pack("<I", zlib.crc32(block)))
