#!/usr/bin/env python3
"""A device on 127.0.0.1 that is no friend: hostile_device.py PORT MODE COUNTFILE

It answers every GET, and keeps the number of requests in COUNTFILE. In the modes `quiet` and `talking` it can be
observed, and says nothing more or a line every half second; in `fading` it answers the first request and the third."""
import select
import socket
import sys

port, mode, count_file = int(sys.argv[1]), sys.argv[2], sys.argv[3]
device = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
device.bind(("127.0.0.1", port))
CONTENT, NOT_FOUND = 0x45, 0x84
COMMANDS = b"tutti dump: check failed: \x1b[31mred\x1b]0;title\x07 \xc2\x9b31m \x9b31m \x7f\ntutti dump: end\n"


def answer(number, block):
    """Code, payload and whether more follows."""
    if mode == "missing":
        return NOT_FOUND, b"none", False
    if mode == "cut":  # the power is cut between two requests: the numbers are the same
        return CONTENT, b"1 0.0%d first\n2 0.0%d ready\n" % (number, number), False
    if mode in ("quiet", "talking", "fading"):
        return CONTENT, b"1 0.0 first\n", False
    if mode == "endless":
        return CONTENT, (b"tutti dump: more\n" * 64)[:1024], True
    return CONTENT, COMMANDS, False


def notify(client, token, number):
    """The number is the line's, the message's and the order's."""
    reply = bytes([0x50 | len(token), CONTENT]) + (7000 + number).to_bytes(2, "big") + token
    device.sendto(reply + bytes([0x61, number, 0x60, 0xFF]) + b"%d 0.0 more\n" % number, client)


def serve():
    open(count_file, "w").close()
    number, told, observer, last = 0, 1, None, None
    while True:
        if not select.select([device], [], [], 0.5)[0]:
            if observer and mode == "talking" and told < 200:
                told += 1
                notify(*observer, told)
            continue
        request, client = device.recvfrom(2000)
        token_length = request[0] & 15
        if request[0] >> 4 & 3 > 1 or request[1] == 0:
            continue
        number += request[2:4] != last  # or it is the same once more
        last = request[2:4]
        with open(count_file, "w") as file:
            file.write(str(number))
        if mode == "fading" and number not in (1, 3):
            continue
        observable = mode in ("quiet", "talking")
        if observable:
            observer = client, request[4 : 4 + token_length]
        block = 0
        at, option = 4 + token_length, 0
        while at < len(request) and request[at] != 255:  # no option of ours is longer than 12 or farther than 268
            delta, length = request[at] >> 4, request[at] & 15
            at += 1
            if delta == 13:
                delta, at = request[at] + 13, at + 1
            option += delta
            if option == 23:
                block = int.from_bytes(request[at : at + length], "big") >> 4
            at += length
        code, payload, more = answer(number, block)
        reply = bytes([0x60 | token_length, code]) + request[2 : 4 + token_length] + (b"\x61\x01\x60" if observable else b"\xc0")
        if more or block > 0:
            value = (block << 4 | more << 3 | 6).to_bytes(3, "big")
            reply += b"\xb3" + value
        device.sendto(reply + b"\xff" + payload, client)


serve()
