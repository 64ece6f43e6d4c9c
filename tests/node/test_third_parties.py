"""Strangers and a Linux node: libcoap's client asks it, we ask libcoap's server, zeroconf finds it.

Runs on a loopback interface of its own where it may make one (a user and network namespace), since
mDNS needs multicast there; otherwise on the host's, and without zeroconf.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

import namespace

LINUX = os.environ["TUTTI_LINUX"]
SKIPPED = 77
PORT = 5683 if namespace.inside() else 20000 + os.getpid() % 20000

failures = 0


def expect(condition, what):
    global failures
    if not condition:
        failures += 1
        print("expected", what)


def program(*names):
    for name in names:
        if shutil.which(name):
            return shutil.which(name)
    print("skipped: none of", ", ".join(names), "is installed")
    sys.exit(SKIPPED)


def run(*words, **options):
    done = subprocess.run(words, capture_output=True, timeout=30, **options)
    return done.stdout + done.stderr


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


def test_zeroconf():
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
    name = "hello._coap._udp.local."
    until = time.monotonic() + 10
    while found.get(name) is None and time.monotonic() < until:
        time.sleep(0.1)
    info = found.get(name)
    expect(info is not None, f"zeroconf to find {name}, not {list(found)}")
    if info is not None:
        expect(info.port == PORT, f"port {PORT}, not {info.port}")
        expect(info.properties.get(b"kind") == b"example", f"the kind, not {info.properties}")
        expect("127.0.0.1" in info.parsed_addresses(), f"its address, not {info.parsed_addresses()}")
    kinds = ZeroconfServiceTypes.find(zc=browser, timeout=3)  # RFC 6763, 9
    expect("_coap._udp.local." in kinds, f"_coap._udp among the kinds of services, not {kinds}")
    browser.close()
    return True


def main():
    reason = "" if namespace.inside() else namespace.enter(os.path.abspath(__file__), "ip link set lo up multicast on")
    client = program("coap-client", "coap-client-notls", "coap-client-openssl")
    server = program("coap-server", "coap-server-notls", "coap-server-openssl")
    with tempfile.TemporaryDirectory() as scratch:
        with Node():
            test_requests(client, scratch)
            test_observe(client)
            if namespace.inside():
                test_zeroconf()
            else:
                print("skipped: zeroconf, since no network namespace can be made here:", reason)
        test_other_server(server, scratch)
    print(failures, "failed")
    sys.exit(failures > 0)


main()
