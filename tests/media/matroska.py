"""Matroska and WebM as muxers write them that ffmpeg's is not; and the packets of Ogg to put into them."""
import struct
from dataclasses import dataclass


def ogg_packets(content):
    packets, packet, page = [], b"", 0
    while page < len(content):
        lacing = content[page + 27:page + 27 + content[page + 26]]
        at = page + 27 + len(lacing)
        for n in lacing:
            packet, at = packet + content[at:at + n], at + n
            if n < 255:
                packets.append(packet)
                packet = b""
        page = at
    return packets


def laced(n):
    return b"\xff" * (n // 255) + bytes([n % 255])


def lace(packets):
    """Xiph's way: how many follow the first, the sizes of all but the last, all of them."""
    return bytes([len(packets) - 1]) + b"".join(laced(len(p)) for p in packets[:-1]) + b"".join(packets)


@dataclass
class Track:
    codec: str
    private: bytes
    rate: int
    delay_ns: int = 0


def element(name, content):
    return bytes.fromhex(name) + struct.pack(">Q", len(content) | 1 << 56) + content


def number(name, value):
    return element(name, struct.pack(">Q", value))


def write(track, blocks, discard_ns=0, duration_ms=None):
    """blocks: (milliseconds, packets), each in a cluster of its own; more than one packet are laced. `discard_ns` are to
    be dropped at the end of the last one."""
    sound = element("b5", struct.pack(">d", track.rate)) + element("9f", b"\2")
    entry = element("d7", b"\1") + element("73c5", b"\1") + element("83", b"\2")
    entry += element("86", track.codec.encode()) + element("63a2", track.private) + element("e1", sound)
    entry += number("56aa", track.delay_ns) if track.delay_ns else b""
    info = number("2ad7b1", 1000000)
    info += element("4489", struct.pack(">d", duration_ms)) if duration_ms else b""
    clusters = []
    for ms, packets in blocks:
        body = b"\x81\0\0" + (b"\0" if len(packets) == 1 else b"\2")
        body += packets[0] if len(packets) == 1 else lace(packets)
        block = element("a1", body)
        if discard_ns and packets is blocks[-1][1]:
            block += element("75a2", struct.pack(">q", discard_ns))
        clusters.append(element("1f43b675", number("e7", ms) + element("a0", block)))
    head = element("1a45dfa3", element("4282", b"matroska"))
    return head + element("18538067", element("1549a966", info) + element("1654ae6b", element("ae", entry)) + b"".join(clusters))
