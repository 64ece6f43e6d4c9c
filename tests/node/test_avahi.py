"""avahi and a Linux node: avahi-browse sees our node, and we see what avahi publishes.

In a network namespace of its own, with a bus and an avahi-daemon of its own. Where they are not installed it is
skipped: `./run test` does not install avahi-daemon, since that would begin to speak on the machine's networks.
"""

import os
import subprocess
import sys
import tempfile
import time

import namespace

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from judge import end, expect, need, skip  # noqa: E402

LINUX = os.environ["TUTTI_LINUX"]
BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path={}/bus</listen><auth>EXTERNAL</auth><policy context="default">
<allow user="*"/><allow own="*"/><allow send_type="method_call"/><allow send_destination="*"/><allow receive_sender="*"/>
</policy></busconfig>"""
AVAHI = """[server]
host-name=stranger
use-ipv4=yes
use-ipv6=no
allow-interfaces=lo
[publish]
publish-hinfo=no
publish-workstation=no
"""
# Its socket is in a /run of its own, and its user is the only one that a namespace of a user's has: root.
PRIVATE = """mount -t tmpfs tmpfs /run && mount --bind "$0/passwd" /etc/passwd && mount --bind "$0/group" /etc/group &&
exec "$@" """


def write(path, text):
    with open(path, "w") as file:
        file.write(text)
    return path


def run(*words):
    return subprocess.run(words, capture_output=True, timeout=60)


def await_that(condition, seconds=10):
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.1)
    return condition()


def check(browse, publish, server, started):
    def start(*words):
        started.append(subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    def browsed():
        return run(browse, "-rtp", "_coap._udp").stdout.decode()

    def is_there():
        return "\n=;lo;IPv4;hello;_coap._udp;local;hello.local;127.0.0.1;5683;" in "\n" + browsed()

    start(LINUX + "/examples/hello/hello", "5683")
    expect(await_that(is_there), f"avahi to find hello, not {browsed()}")
    expect('"kind=example"' in browsed(), f"its kind, not {browsed()}")
    start(server, "-p", "7000")
    start(publish, "-s", "Oven", "_coap._udp", "7000", "kind=oven")
    listed = run(LINUX + "/cli/tutti", "ls", "--host", "--for", "5").stdout.decode()
    expect("Oven" in listed and ":7000" in listed and "/async" in listed, f"the service of avahi, not {listed}")
    got = run(LINUX + "/cli/tutti", "get", "--host", "oven/")
    expect(b"libcoap" in got.stdout, f"its answer, asked by its name, not {got}")
    started[0].terminate()
    expect(await_that(lambda: "hello" not in browsed()), f"avahi to hear the goodbye, not {browsed()}")


def main():
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    daemon, browse, publish = (need(name) for name in ("avahi-daemon", "avahi-browse", "avahi-publish"))
    bus, server = need("dbus-daemon"), need("coap-server", "coap-server-notls", "coap-server-openssl")
    if not namespace.inside():
        reason = namespace.enter(os.path.abspath(__file__), "ip link set lo up multicast on")
        skip("no network namespace can be made here: " + reason)
    daemons, started = [], []
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = f"unix:path={folder}/bus"
        config = write(folder + "/bus.conf", BUS.format(folder))
        daemons.append(subprocess.Popen([bus, "--config-file=" + config, "--nofork", "--nopidfile"], stderr=subprocess.DEVNULL))
        await_that(lambda: os.path.exists(folder + "/bus"))
        words = [daemon, "--no-drop-root", "--no-chroot", "--no-rlimits", "-f", write(folder + "/avahi.conf", AVAHI)]
        write(folder + "/passwd", "root:x:0:0::/:/bin/sh\navahi:x:0:0::/:/bin/sh\n")
        write(folder + "/group", "root:x:0:\navahi:x:0:\n")
        with open(folder + "/log", "w") as log:
            daemons.append(subprocess.Popen(["unshare", "-m", "sh", "-c", PRIVATE, folder, *words], stderr=log))
        try:
            with open(folder + "/log") as log:
                if await_that(lambda: run(browse, "-at").returncode == 0):
                    check(browse, publish, server, started)
                else:
                    expect(False, "avahi-daemon to begin, not " + log.read())
        finally:
            for process in [*started, *reversed(daemons)]:
                process.terminate()
                process.wait(10)
    end()


main()
