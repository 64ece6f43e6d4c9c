"""tshark reads what we send, of the simulator's captures and of the switch's, and finds nothing malformed.

Its dissector is older than two options that it does not know and calls malformed by that: Request-Tag (292,
RFC 9175) and No-Response (258, RFC 7967). Our own, of the experimental range, it calls unknown.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from judge import end, expect, need, provision  # noqa: E402

LINUX = os.environ["TUTTI_LINUX"]
TUTTI = LINUX + "/cli/tutti"
KNOWN = re.compile(
    r"Invalid Option Number (292|258)|Unknown Option Number (65020|65052)|.*[Rr]etransmi.*|"
    r"Possible traceroute.*|.*(checksum|Checksum) (off|unv).*"
)
ERROR = 0x800000  # the highest severity


def fields(tshark, capture, shown, *names):
    words = [tshark, "-n", "-r", capture, "-Y", shown, "-T", "fields"]
    done = subprocess.run([*words, *(word for name in names for word in ("-e", name))], capture_output=True, timeout=120, text=True)
    expect(done.returncode == 0, f"tshark to read {capture}, not {done.stderr}")
    return [line.split("\t") for line in done.stdout.splitlines()]


def check(tshark, capture, *protocols):
    for protocol in protocols:
        expect(fields(tshark, capture, protocol, "frame.number"), f"{protocol} in {capture}")
    shown = "_ws.malformed || _ws.expert"
    for number, severities, messages in fields(tshark, capture, shown, "frame.number", "_ws.expert.severity", "_ws.expert.message"):
        severe = any(int(severity) >= ERROR for severity in severities.split(",") if severity)
        odd = [message for message in re.split(r",(?=[A-Z])", messages) if not KNOWN.fullmatch(message)]
        expect(messages and not odd and not severe, f"nothing wrong with frame {number} of {capture}, not {messages!r}")


def capture_worlds(tshark, folder):
    for scenario in "blocks", "observe", "restart", "gossip", "posts":
        capture = f"{folder}/{scenario}.pcap"
        subprocess.run([TUTTI, "sim", scenario, "--seed", "3", "--pcap", capture], stdout=subprocess.DEVNULL, timeout=120)
        check(tshark, capture, "mdns", "coap")


def start_node(path, folder, number):
    seed = f"{folder}/provision{number}"
    provision(seed)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.connect(path)
        return subprocess.Popen(
            [LINUX + "/products/linux/tutti-node", str(line.fileno()), f"02:00:00:00:00:0{number}", seed],
            pass_fds=[line.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        )


def capture_fleet(tshark, folder):
    """Two devices, their whole stack, and the command: Ethernet, IPv6 and all that is in it."""
    path, capture = folder + "/switch.sock", folder + "/fleet.pcap"
    switch = subprocess.Popen([LINUX + "/tools/switch/tutti-switch", path, "--capture", capture], stdout=subprocess.DEVNULL)
    while not os.path.exists(path):
        time.sleep(0.02)
    nodes = [start_node(path, folder, number) for number in (1, 2)]
    listed = subprocess.run([TUTTI, "ls", "--net", path, "--for", "4"], capture_output=True, timeout=60)
    expect(listed.stdout.count(b"linux-") == 2, f"two devices, not {listed}")
    got = subprocess.run([TUTTI, "get", "--net", path, "kind:linux/device"], capture_output=True, timeout=60)
    expect(got.returncode == 0, f"what a device is, not {got}")
    for node in nodes:
        node.send_signal(signal.SIGTERM)
    for node in nodes:
        node.wait(10)
    switch.send_signal(signal.SIGINT)
    switch.wait(10)
    check(tshark, capture, "mdns", "coap", "icmpv6", "igmp")


def main():
    tshark = need("tshark")
    with tempfile.TemporaryDirectory() as folder:
        capture_worlds(tshark, folder)
        capture_fleet(tshark, folder)
    end()


main()
