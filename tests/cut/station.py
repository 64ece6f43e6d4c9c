"""The other end of an emulated device's Ethernet (QEMU's -netdev socket): its only neighbour, and a client of CoAP.

What is here is made by what the RFCs say and not by our own bus, so that it is a second opinion: IPv6 and its neighbours
(8200, 4861), UDP (768), CoAP (7252), blocks (7959). Whoever sends frames here knows what reached the device: it reads them in
their order, so all that were sent before a ping have been read when the ping is answered."""
import select
import struct
import time

OWN_MAC = bytes.fromhex("020000000001")
UDP, ICMP6 = 17, 58
PORT = 5683
NEIGHBOUR_ASKED, NEIGHBOUR_TOLD = 135, 136
CON, NON, ACK, RST = 0, 1, 2, 3
GET, POST, PUT, DELETE = 1, 2, 3, 4
URI_PATH, BLOCK2, BLOCK1 = 11, 23, 27
BLOCK = 1024
MORE = 8 | 6  # of a block's number, with the size above as an exponent
SECONDS_BEFORE_AGAIN = 2
TRIES = 15


class Gone(Exception):
    """The device ended."""


class Silent(Exception):
    """The device does not answer."""


def link_local(mac):
    return bytes.fromhex("fe80000000000000") + bytes([mac[0] ^ 2]) + mac[1:3] + b"\xff\xfe" + mac[3:]


def internet_sum(data):
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def option(number, before, value):
    delta = number - before
    extended = bytes([delta - 13]) if delta >= 13 else b""
    return bytes([min(delta, 13) << 4 | len(value)]) + extended + value


class Message:
    def __init__(self, data):
        first, self.code, self.id = struct.unpack(">BBH", data[:4])
        self.kind, at = first >> 4 & 3, 4 + (first & 15)
        self.token, self.options, number = data[4:at], {}, 0
        while at < len(data) and data[at] != 0xff:
            lengths, at = [data[at] >> 4, data[at] & 15], at + 1
            for i, length in enumerate(lengths):
                size = {13: 1, 14: 2}.get(length, 0)
                if size:
                    lengths[i] = int.from_bytes(data[at:at + size], "big") + (13 if size == 1 else 269)
                at += size
            number += lengths[0]
            self.options[number], at = data[at:at + lengths[1]], at + lengths[1]
        self.payload = data[at + 1:]


class Station:
    def __init__(self, stream, mac):
        self.stream, self.mac = stream, mac
        self.own, self.its = link_local(OWN_MAC), link_local(mac)
        self.waiting, self.id, self.sent = b"", 0, 0

    # ---- Frames.

    def send(self, protocol, payload, to=None, to_mac=None):
        """An IPv6 packet, its checksum left 0 by the caller."""
        to = to or self.its
        at = 6 if protocol == UDP else 2
        pseudo = self.own + to + struct.pack(">II", len(payload), protocol)
        payload = payload[:at] + struct.pack(">H", internet_sum(pseudo + payload) or 0xffff) + payload[at + 2:]
        frame = ((to_mac or self.mac) + OWN_MAC + b"\x86\xdd" + struct.pack(">IHBB", 6 << 28, len(payload), protocol, 255) +
                 self.own + to + payload)
        self.sent += 1
        try:
            self.stream.sendall(struct.pack(">I", len(frame)) + frame)
        except OSError:
            pass  # it has ended: what it said before is read first

    def frame(self, until):
        """The next one that comes, or None."""
        while True:
            length = int.from_bytes(self.waiting[:4], "big")
            if len(self.waiting) >= 4 + length > 4:
                frame, self.waiting = self.waiting[4:4 + length], self.waiting[4 + length:]
                return frame
            if not select.select([self.stream], [], [], max(0, until - time.monotonic()))[0]:
                return None
            try:
                more = self.stream.recv(65536)
            except OSError as error:
                raise Gone from error
            if not more:
                raise Gone
            self.waiting += more

    def packet(self, until):
        """What it tells or sends to us alone, as (protocol, payload), or None. Its questions for our address are answered."""
        while True:
            frame = self.frame(until)
            if frame is None:
                return None
            if frame[12:14] != b"\x86\xdd":
                continue
            protocol, payload = frame[20], frame[54:54 + int.from_bytes(frame[18:20], "big")]
            if protocol == ICMP6 and payload[0] == NEIGHBOUR_ASKED and payload[8:24] == self.own:
                told = struct.pack(">BBHI", NEIGHBOUR_TOLD, 0, 0, 0x60000000) + self.own + b"\x02\x01" + OWN_MAC
                self.send(ICMP6, told)
            elif frame[38:54] == self.own:
                return protocol, payload

    def find(self, seconds):
        """Waits until it has its address, which it tells to whoever asks; a new one is asked for often."""
        group = bytes.fromhex("ff0200000000000000000001ff") + self.its[13:]
        asked = struct.pack(">BBHI", NEIGHBOUR_ASKED, 0, 0, 0) + self.its + b"\x01\x01" + OWN_MAC
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.send(ICMP6, asked, group, b"\x33\x33" + group[12:])
            packet = self.packet(time.monotonic() + 0.05)
            if packet and packet[0] == ICMP6 and packet[1][0] == NEIGHBOUR_TOLD:
                return
        raise Silent

    # ---- CoAP.

    def send_message(self, data):
        self.send(UDP, struct.pack(">HHHH", PORT, PORT, 8 + len(data), 0) + data)

    def message(self, until):
        while True:
            packet = self.packet(until)
            if packet is None:
                return None
            if packet[0] == UDP and packet[1][:2] == struct.pack(">H", PORT):
                return Message(packet[1][8:])

    def exchange(self, code, options=b"", payload=b"", path=""):
        """One confirmable message and its answer; a ping where `code` is 0."""
        self.id += 1
        token = struct.pack(">H", self.id) if code else b""
        number, written = 0, b""
        for segment in path.encode().split(b"/") if path else []:
            written, number = written + option(URI_PATH, number, segment), URI_PATH
        for number_of, value in options or []:
            written, number = written + option(number_of, number, value), number_of
        data = struct.pack(">BBH", CON << 4 | 64 | len(token), code, self.id) + token + written
        data += b"\xff" + payload if payload else b""
        acknowledged = False
        for _ in range(TRIES):
            if not acknowledged:
                self.send_message(data)
            until = time.monotonic() + SECONDS_BEFORE_AGAIN
            while message := self.message(until):
                if message.kind == CON:
                    self.send_message(struct.pack(">BBH", ACK << 4 | 64, 0, message.id))
                if message.kind == RST and message.id == self.id:
                    return message
                acknowledged |= message.kind == ACK and message.id == self.id
                if message.code and message.token == token:
                    return message
        raise Silent

    def quiet(self):
        """When this returns the device has read all frames that were sent to it."""
        while True:
            before = self.sent
            self.exchange(0)
            if self.sent == before + 1:
                return

    def ask(self, code, path, payload=b""):
        """The answer's code, as 2.05 is said, and its body."""
        at = 0
        while len(payload) > BLOCK:
            more = len(payload) - at > BLOCK
            value = (at // BLOCK << 4 | (MORE if more else MORE & 7)).to_bytes(3, "big")
            answer = self.exchange(code, [(BLOCK1, value)], payload[at:at + BLOCK], path)
            if not more or answer.code != 0x5f:  # 2.31, continue
                return said(answer)
            at += BLOCK
        answer = self.exchange(code, [], payload, path)
        body = answer.payload
        while int.from_bytes(answer.options.get(BLOCK2, b""), "big") & 8 and len(body) % BLOCK == 0:
            value = (len(body) // BLOCK << 4 | 6).to_bytes(3, "big")
            answer = self.exchange(code, [(BLOCK2, value)], b"", path)
            body += answer.payload
        return said(answer)[0], body


def said(answer):
    return f"{answer.code >> 5}.{answer.code & 31:02}", answer.payload
