"""What our command says of a device that sleeps: node_third says so of itself, and is stopped as if it slept."""

import json
import os
import signal
import subprocess
import sys
import time

import namespace

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from judge import end, expect, skip  # noqa: E402

LINUX = os.environ["TUTTI_LINUX"]
TUTTI = LINUX + "/cli/tutti"


def start(*words):
    return subprocess.Popen([TUTTI, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def main():
    if not namespace.inside():
        reason = namespace.enter(os.path.abspath(__file__), "ip link set lo up multicast on")
        skip("no network namespace can be made here: " + reason)
    node = subprocess.Popen([LINUX + "/tests/node/node_third"], stdout=subprocess.PIPE)
    node.stdout.readline()
    try:
        out, said = start("ls", "--host", "--for", "3").communicate(timeout=60)
        expect(" (sleeps for up to 90 s at a time)" in out, f"that it may sleep, not {out} {said}")
        out, said = start("ls", "--host", "--for", "3", "--json").communicate(timeout=60)
        expect([device.get("sleeps") for device in json.loads(out)] == [90], f"the same as JSON, not {out}")

        listing = start("ls", "--host", "--for", "4")
        time.sleep(2.5)
        node.send_signal(signal.SIGSTOP)
        out, said = listing.communicate(timeout=60)
        expect("(asleep: sleeps for up to 90 s at a time)" in out, f"that it is asleep, not {out} {said}")
        node.send_signal(signal.SIGCONT)

        asking = start("get", "--host", "--timeout", "4", "third/falls-asleep")
        out, said = asking.communicate(timeout=60)
        expect(asking.returncode == 3 and "no answer in time: it sleeps, for up to 90 s at a time" in said, f"why, not {said}")
    finally:
        node.kill()
        node.wait()
    end()


main()
