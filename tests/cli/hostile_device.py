#!/usr/bin/env python3
"""A device on 127.0.0.1 that is no friend: hostile_device.py PORT MODE COUNTFILE

It answers every GET, never with Observe, and keeps the number of requests in COUNTFILE."""
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
    if mode == "endless":
        return CONTENT, (b"tutti dump: more\n" * 64)[:1024], True
    return CONTENT, COMMANDS, False


def serve():
    open(count_file, "w").close()
    number = 0
    while True:
        request, client = device.recvfrom(2000)
        token_length = request[0] & 15
        if request[0] >> 4 & 3 > 1 or request[1] == 0:
            continue
        number += 1
        with open(count_file, "w") as file:
            file.write(str(number))
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
        reply = bytes([0x60 | token_length, code]) + request[2 : 4 + token_length] + b"\xc0"
        if more or block > 0:
            value = (block << 4 | more << 3 | 6).to_bytes(3, "big")
            reply += b"\xb3" + value
        device.sendto(reply + b"\xff" + payload, client)


serve()
