"""aiocoap's resource directory, and nodes that find one another by it, without multicast.

In a network namespace of its own. The nodes (seeker.c) send nothing by multicast.
"""

import os
import queue
import signal
import subprocess
import sys
import threading
import time

import namespace
import aiocoap_there

from judge import end, expect, skip  # noqa: E402

LINUX = os.environ["TUTTI_LINUX"]
SECONDS = 20  # that anything may take at most


class Lines:
    """A program, and the lines that it prints, as they come."""

    def __init__(self, *words, **options):
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, **options)
        self.lines, self.seen = queue.Queue(), []
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))

    def wait_for(self, line, seconds=SECONDS):
        """Whether it prints this line, or has, since the last one that was waited for was forgotten."""
        until = time.monotonic() + seconds
        if line in self.seen:
            return True
        while time.monotonic() < until:
            try:
                got = self.lines.get(timeout=max(0.01, until - time.monotonic()))
            except queue.Empty:
                break
            self.seen.append(got)
            if got == line:
                return True
        return False

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        self.process.wait(10)


def directory():
    return subprocess.Popen(
        [sys.executable, "-m", "aiocoap.cli.rd", "--bind", "127.0.0.1"],
        env={**os.environ, "PYTHONPATH": aiocoap_there.PLACE, "AIOCOAP_CLIENT_TRANSPORT": "udp6", "PYTHONDONTWRITEBYTECODE": "1"},
    )


def seeker(name):
    it = Lines(LINUX + "/tests/node/node_seeker", name, "127.0.0.1:5683")
    it.name = name
    return it


def tutti(*words):
    done = subprocess.run([LINUX + "/cli/tutti", *words], capture_output=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def registered():
    """Who is, by the directory's own word; None while it does not answer."""
    code, out, said = tutti("get", "--host", "--timeout", "2", "coap://127.0.0.1/endpoint-lookup/")
    return out if code == 0 else None


def await_that(condition, what):
    until = time.monotonic() + SECONDS
    while time.monotonic() < until and not condition():
        time.sleep(0.1)
    expect(condition(), what)


def main():
    if not namespace.inside():
        reason = namespace.enter(os.path.abspath(__file__), "ip link set lo up multicast on")
        skip("no network namespace can be made here: " + reason)
    first = seeker("first")  # before there is a directory
    rd = directory()
    second = seeker("second")
    for one, other in (first, second), (second, first):
        expect(one.wait_for("registered"), f"{one.name} to register, not {one.seen}")
        expect(one.wait_for(f"found {other.name} seeker"), f"{one.name} to find {other.name}, not {one.seen}")
        expect(one.wait_for(f"heard {other.name}"), f"{one.name} to call {other.name}, not {one.seen}")
    rd.terminate()  # and forgets
    rd.wait()
    rd = directory()
    first.seen.clear()
    expect(first.wait_for("not registered", 60) and first.wait_for("registered"), f"to be told anew, not {first.seen}")

    code, out, said = tutti("ls", "--host", "--for", "3")
    expect(code != 0, f"nothing to be found without the directory, not {out}")
    code, out, said = tutti("ls", "--host", "--for", "3", "--directory", "127.0.0.1")
    expect(b"first" in out and b"second" in out and b"/name" in out, f"both in the list, not {out} {said}")
    code, out, said = tutti("get", "--host", "--directory", "127.0.0.1", "second/name")
    expect(out.strip() == b"second", f"one asked by its name, not {out} {said}")

    second.end()
    await_that(lambda: (registered() or b"").count(b"first") == 1, "the first to be there")
    expect(b"second" not in registered(), f"the second to have taken itself out, not {registered()}")
    first.end()
    rd.terminate()
    rd.wait()
    end()


main()
