"""Strangers and a Linux node: libcoap's client asks it, we ask libcoap's server, zeroconf finds it.

Runs on a loopback interface of its own where it may make one (a user and network namespace), since
mDNS needs multicast there; otherwise on the host's, and without zeroconf.
"""

import os
import re
import socket
import struct
import subprocess
import sys
import tempfile
import time

import namespace

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from judge import end, expect, need  # noqa: E402

LINUX = os.environ["TUTTI_LINUX"]
PORT = 5683 if namespace.inside() else 20000 + os.getpid() % 20000


def run(*words, **options):
    done = subprocess.run(words, capture_output=True, timeout=30, **options)
    return done.stdout + done.stderr


class Many:
    """The program `node_many`, killed at the end; on a port of its own choice."""

    def __enter__(self):
        self.process = subprocess.Popen([LINUX + "/tests/node/node_many"], stdout=subprocess.PIPE)
        self.port = int(self.process.stdout.readline())
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


class Node:
    """The program `hello`, killed at the end."""

    def __enter__(self):
        self.process = subprocess.Popen(
            [LINUX + "/examples/hello/hello", str(PORT)], stdout=subprocess.PIPE
        )
        expect(b"loopback" in self.process.stdout.readline(), "a node that says where it listens")
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def test_requests(client, scratch):
    at = f"coap://127.0.0.1:{PORT}"

    def ask(method, path, *words):
        return run(client, "-m", method, "-B", "10", *words, at + path)

    expect(ask("get", "/hello").strip() == b"hello from tutti", "the greeting")
    expect(b"hello from tutti" in run(client, "-B", "10", f"coap://[::1]:{PORT}/hello"), "IPv6 too")
    expect(b"4.04" in ask("get", "/nowhere"), "4.04 for a path that is not there")
    expect(b"4.05" in ask("delete", "/hello"), "4.05 for a method that is not allowed")

    links = ask("get", "/.well-known/core").decode()
    expect("</hello>;rt=\"example\"" in links, f"the link of /hello, not {links}")
    expect(re.search(r"</count>[^,]*;obs", links), f"that /count can be observed, not {links}")
    expect(b"</count>" not in ask("get", "/.well-known/core?rt=example"), "links to be filtered")

    body = os.urandom(40_000)
    given, got = scratch + "/given", scratch + "/got"
    with open(given, "wb") as file:
        file.write(body)
    for block in "1024", "64":  # bytes a block
        ask("put", "/store", "-b", block, "-f", given)
        ask("get", "/store", "-b", block, "-o", got)
        with open(got, "rb") as file:
            expect(file.read() == body, f"40,000 bytes put and got in blocks of {block} to be equal")
        os.remove(got)

    for count in "1", "2":
        ask("post", "/count")
        expect(ask("get", "/count").strip() == count.encode(), f"a count of {count}")


def test_observe(client):
    at = f"coap://127.0.0.1:{PORT}/count"
    watcher = subprocess.Popen([client, "-s", "3", "-w", at], stdout=subprocess.PIPE)
    time.sleep(0.5)
    for _ in range(3):
        run(client, "-m", "post", at)
        time.sleep(0.3)
    seen = watcher.communicate(timeout=20)[0].split()
    expect(seen[:4] == [b"2", b"3", b"4", b"5"], f"the counts 2 to 5, not {seen}")


def test_other_server(server, scratch):
    """The command's client against libcoap's server, long bodies both ways."""
    port = PORT + 1
    tutti = LINUX + "/cli/tutti"
    at = f"coap://127.0.0.1:{port}"
    body = bytes(range(256)) * 40
    with open(scratch + "/body", "wb") as file:
        file.write(body)
    process = subprocess.Popen([server, "-A", "127.0.0.1", "-p", str(port), "-d", "4"])
    try:
        time.sleep(0.5)
        answer = run(tutti, "get", "--host", at + "/")
        expect(b"libcoap" in answer, f"libcoap's front page, not {answer}")
        answer = run(tutti, "get", "--host", at + "/.well-known/core")
        expect(b"</time>" in answer, f"libcoap's links, not {answer}")
        # Answered separately, after the seconds in the query.
        answer = run(tutti, "get", "--host", at + "/async?1")
        expect(b"done" in answer, f"a separate answer, not {answer}")
        run(tutti, "put", "--host", at + "/body", scratch + "/body")
        done = subprocess.run([tutti, "get", "--host", at + "/body"], capture_output=True, timeout=30)
        expect(done.stdout.startswith(body), f"10,240 bytes back, not {len(done.stdout)}: {done.stderr}")
    finally:
        process.kill()
        process.wait()


def test_group(client):
    """A question to everybody: answered where it is about links, within a leisure, and nothing else is."""
    route = run("ip", "route", "add", "224.0.0.0/4", "dev", "lo", "src", "127.0.0.1")
    expect(not route, f"a route for multicast, not {route}")
    at = "coap://224.0.1.187"
    answer = run(client, "-N", "-B", "7", at + "/.well-known/core?rt=example")
    expect(answer.strip() == b'</hello>;rt="example"', f"the link of /hello by multicast, not {answer}")
    for path in "/hello", "/.well-known/core?rt=nothing":
        answer = run(client, "-N", "-B", "6", at + path)
        expect(not answer.strip(), f"no answer to {path} by multicast, not {answer}")


def test_many(client, scratch, many):
    """500 links, and long bodies that lie nowhere whole, in blocks of every size."""
    links = {
        kind: ",".join(
            f'</room/{i % 10:02}/thing/{i:03}>;rt="{"odd" if i % 2 else "even"}"'
            for i in range(500)
            if kind in ("", "odd" if i % 2 else "even")
        ).encode()
        for kind in ("", "even", "odd")
    }
    at = f"coap://127.0.0.1:{many.port}"
    wanted = {f"/.well-known/core?rt={kind}" if kind else "/.well-known/core": links[kind] for kind in links}
    wanted["/.well-known/core?href=/room/07/thing/417"] = b'</room/07/thing/417>;rt="odd"'
    wanted["/room/07/thing/417"] = b"room/07/thing/4" * 200
    for path, body in wanted.items():
        for block in 16, 32, 64, 128, 256, 512, 1024:
            got = scratch + "/got"
            run(client, "-m", "get", "-B", "10", "-b", str(block), "-o", got, at + path)
            with open(got, "rb") as file:
                expect(file.read() == body, f"{path} in blocks of {block} by libcoap's client")
            os.remove(got)
    done = subprocess.run([LINUX + "/cli/tutti", "get", "--host", at + "/room/07/thing/417"], capture_output=True, timeout=30)
    long = subprocess.run([LINUX + "/cli/tutti", "get", "--host", at + "/long"], capture_output=True, timeout=60)
    expect(long.returncode == 1 and not long.stdout, f"an answer of more than 4 MiB to be refused, not {long.stderr}")
    expect(done.stdout.strip() == wanted["/room/07/thing/417"], f"the same by our own, not {done}")


def test_names(many):
    """Found by any capitals, on the port that it was given."""
    for target in "Kitchen/room/00/thing/000", "kitchen/room/00/thing/000", "kind:EXAMPLE/room/00/thing/000":
        done = subprocess.run([LINUX + "/cli/tutti", "get", "--host", target], capture_output=True, timeout=30)
        expect(done.stdout.startswith(b"room/00/thing/0" * 200), f"{target}, not {done}")


def test_list():
    done = subprocess.run([LINUX + "/cli/tutti", "ls", "--host"], capture_output=True, timeout=30)
    expect(b"Kitchen" in done.stdout and b"/room/09/thing/499" in done.stdout, f"500 paths, not {done}")


def test_zeroconf(port, instance, kind, process=None):
    try:
        from zeroconf import ServiceBrowser, ServiceListener, Zeroconf, ZeroconfServiceTypes
    except ImportError:
        print("skipped: python3-zeroconf is not installed")
        return False
    found = {}

    class Listener(ServiceListener):
        def add_service(self, browser, kind, name):
            found[name] = browser.get_service_info(kind, name, 3000)

        def update_service(self, browser, kind, name):
            pass

        def remove_service(self, browser, kind, name):
            found.pop(name, None)

    browser = Zeroconf(interfaces=["127.0.0.1"])
    ServiceBrowser(browser, "_coap._udp.local.", Listener())
    name = instance + "._coap._udp.local."
    until = time.monotonic() + 10
    while found.get(name) is None and time.monotonic() < until:
        time.sleep(0.1)
    info = found.get(name)
    expect(info is not None, f"zeroconf to find {name}, not {list(found)}")
    if info is not None:
        expect(info.port == port, f"port {port}, not {info.port}")
        expect(info.properties.get(b"kind") == kind, f"the kind, not {info.properties}")
        expect("127.0.0.1" in info.parsed_addresses(), f"its address, not {info.parsed_addresses()}")
    kinds = ZeroconfServiceTypes.find(zc=browser, timeout=3)  # RFC 6763, 9
    expect("_coap._udp.local." in kinds, f"_coap._udp among the kinds of services, not {kinds}")
    if process is not None: # its goodbye ends what zeroconf keeps for two minutes otherwise
        process.terminate()
        expect(process.wait(10) == 0, f"a node that ends in order, not with {process.returncode}")
        until = time.monotonic() + 5
        while name in found and time.monotonic() < until:
            time.sleep(0.1)
        expect(name not in found, "zeroconf to hear the goodbye")
    browser.close()
    return True


def announcement(name, wire):
    """What a device called `name` on port 1 says of itself by multicast DNS."""

    def labels(text):
        return b"".join(bytes([len(label)]) + label.encode() for label in text.split(".")) + b"\0"

    def record(owner, kind, data):
        return labels(owner) + struct.pack(">HHIH", kind, 1, 120, len(data)) + data

    service, host = "_coap._udp.local", name + ".local"
    pairs = b"".join(bytes([len(pair)]) + pair for pair in (b"kind=lamp", b"boot=7", b"wire=%d" % wire))
    return struct.pack(">6H", 0, 0x8400, 0, 4, 0, 0) + record(service, 12, labels(f"{name}.{service}")) + record(
        f"{name}.{service}", 33, struct.pack(">3H", 0, 0, 1) + labels(host)) + record(
        f"{name}.{service}", 16, pairs) + record(host, 1, bytes([127, 0, 0, 1]))


def while_announced(devices, *words):
    """Runs our command while devices, name and version of the wire, announce themselves over and over."""
    out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    out.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    out.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    out.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
    out.bind(("", 5353))
    process = subprocess.Popen([LINUX + "/cli/tutti", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while process.poll() is None:
        for name, wire in devices:
            out.sendto(announcement(name, wire), ("224.0.0.251", 5353))
        time.sleep(0.2)
    out.close()
    return process.returncode, *process.communicate()


def test_others():
    """More devices than have a place are told of; one of another wire is listed as such, and refused."""
    lamps = [(f"lamp-{i:02}", 1) for i in range(19)]
    code, out, said = while_announced(lamps, "ls", "--host", "--for", "1")
    expect(code == 0 and out.count(b"lamp-") == 16, f"16 lamps, not {out}")
    expect(b"16 of 19 shown" in said, f"that three are not shown, not {said}")
    code, out, said = while_announced([*lamps, ("later", 2)], "get", "--host", "later/x")
    expect(code == 1 and b"later speaks version 2 of the wire and this program version 1" in said, f"a refusal, not {said}")
    code, out, said = while_announced([("later", 2)], "ls", "--host", "--for", "1")
    expect(b"speaks version 2 of the wire, not 1" in out, f"its version in the list, not {out}")
    code, out, said = while_announced([("later", 2)], "ls", "--host", "--for", "1", "--json")
    expect(b'"wire": 2' in out or b'"wire":2' in out, f"its version in the list, not {out}")


def main():
    reason = "" if namespace.inside() else namespace.enter(os.path.abspath(__file__), "ip link set lo up multicast on")
    client = need("coap-client", "coap-client-notls", "coap-client-openssl")
    server = need("coap-server", "coap-server-notls", "coap-server-openssl")
    with tempfile.TemporaryDirectory() as scratch:
        with Node() as node:
            test_requests(client, scratch)
            test_observe(client)
            if namespace.inside():
                test_group(client)
                test_zeroconf(PORT, "hello", b"example", node.process)
            else:
                print("skipped: zeroconf, since no network namespace can be made here:", reason)
        with Many() as many:
            test_many(client, scratch, many)
            if namespace.inside():
                test_names(many)
                test_list()
                test_zeroconf(many.port, "Kitchen", b"Example")
        if namespace.inside():
            test_others()
        test_other_server(server, scratch)
    end()


main()
