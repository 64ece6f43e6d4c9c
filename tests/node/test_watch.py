"""libcoap's client and the emulated watch itself, over a tap in a network namespace of its own."""

import os
import re
import secrets
import subprocess
import sys
import tempfile
import time

import namespace

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from judge import end, expect, need, provision, skip  # noqa: E402

BUILD = os.environ["TUTTI_BUILD"]
IMAGE = BUILD + "/cortex-m4/products/watch/watch.elf"
PREPARE = "ip link set lo up && ip tuntap add tap0 mode tap && ip link set tap0 up"
MAC = "02:54:54:00:00:01"
ADDRESS = "fe80::54:54ff:fe00:1"  # its EUI-64 (RFC 4291, appendix A)


def symbol(name):
    listing = subprocess.run(["arm-none-eabi-nm", IMAGE], capture_output=True, text=True, check=True).stdout
    return re.search(rf"^([0-9a-f]+) \w {name}$", listing, re.MULTILINE).group(1)


def main():
    client = need("coap-client", "coap-client-notls", "coap-client-openssl")
    need("qemu-system-arm")
    need("arm-none-eabi-nm")
    if not os.path.exists(IMAGE):
        skip(f"there is no {IMAGE}: build it with make cortex-m4")
    if not namespace.inside():
        skip("no network namespace with a tap can be made here: " + namespace.enter(os.path.abspath(__file__), PREPARE))

    def own_address():
        """This end's link-local address, which the kernel takes a moment to give."""
        until = time.monotonic() + 20
        while time.monotonic() < until:
            with open("/proc/net/if_inet6") as file:
                for line in map(str.split, file):
                    if line[5] == "tap0" and line[0].startswith("fe80"):
                        return ":".join(re.findall("....", line[0]))
            time.sleep(0.05)
        sys.exit("tap0 has no link-local address after 20 s")

    def ask(method, path, *words):
        # Bound to an address of the link: a zone in a URI is taken by some of libcoap's versions only.
        done = subprocess.run([client, "-a", own_address() + "%tap0", "-m", method, "-B", "5", *words, f"coap://[{ADDRESS}]{path}"],
                              capture_output=True, timeout=30)
        return done.stdout + done.stderr

    with tempfile.TemporaryDirectory() as scratch:
        provision(scratch + "/provision")
        watch = subprocess.Popen(
            f"exec qemu-system-arm -M mps2-an386 -display none -monitor none -serial stdio "
            f"-semihosting-config enable=on,target=native -netdev tap,id=n,ifname=tap0,script=no,downscript=no "
            f"-net nic,netdev=n,macaddr={MAC} "
            f"-device loader,file={scratch}/provision,addr=0x{symbol('tt_provision')},force-raw=on -kernel {IMAGE}",
            shell=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            until, links = time.monotonic() + 20, b""
            while b"</device>" not in links and time.monotonic() < until:
                links = ask("get", "/.well-known/core")
                time.sleep(0.2)
            expect(b"</device>" in links and b"</ai/models>" in links, f"the watch's links, not {links}")
            about = ask("get", "/device")
            expect(b"watch" in about and b"mps2-an386" in about, f"the watch to describe itself, not {about}")
            expect(b"4.04" in ask("get", "/nowhere"), "4.04 for a path that is not there")
            expect(b"4.05" in ask("delete", "/device"), "4.05 for a method that is not allowed")
            with open(scratch + "/noise", "wb") as file:
                file.write(secrets.token_bytes(5000))
            refusal = ask("put", "/ai/models/noise", "-b", "1024", "-f", scratch + "/noise")
            expect(b"plan refused" in refusal, f"5,000 random bytes to be refused as a plan, not {refusal}")
            expect(watch.poll() is None, "the watch to run on")
        finally:
            watch.kill()
            print(watch.communicate()[0].decode(errors="replace"))
    end()


main()
