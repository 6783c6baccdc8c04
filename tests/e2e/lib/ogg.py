"""Just enough of Ogg Opus to read it, and to write it with a head of one's own."""
import struct
from typing import NamedTuple

_TABLE = []
for _byte in range(256):
    _crc = _byte << 24
    for _ in range(8):
        _crc = (_crc << 1) ^ (0x04C11DB7 if _crc & 0x80000000 else 0)
    _TABLE.append(_crc & 0xFFFFFFFF)


def crc(data):
    value = 0
    for byte in data:
        value = ((value << 8) & 0xFFFFFFFF) ^ _TABLE[(value >> 24) ^ byte]
    return value


class Page(NamedTuple):
    flags: int  # 1 continued, 2 first, 4 last
    granule: int
    serial: int
    number: int
    packets: list  # complete packets that end in this page
    intact: bool  # the checksum is right


class OpusFile(NamedTuple):
    pages: list
    head: bytes
    packets: list

    @property
    def pre_skip(self):
        return struct.unpack_from("<H", self.head, 10)[0]

    @property
    def samples(self):
        """48 kHz samples of audio, as any player counts them."""
        return self.pages[-1].granule - self.pre_skip


def parse(data):
    """All pages of one logical stream."""
    pages, at, part = [], 0, b""
    while at < len(data):
        assert data[at:at + 5] == b"OggS\0", f"no page at byte {at}"
        flags, granule, serial, number, check, n = struct.unpack_from("<BqIIIB", data, at + 5)
        lacing = data[at + 27:at + 27 + n]
        end = at + 27 + n + sum(lacing)
        blank = data[at:at + 22] + bytes(4) + data[at + 26:end]
        body, packets = at + 27 + n, []
        for size in lacing:
            part += data[body:body + size]
            body += size
            if size < 255:
                packets.append(part)
                part = b""
        pages.append(Page(flags, granule, serial, number, packets, crc(blank) == check))
        at = end
    return pages


def read(path):
    """An Ogg Opus file of one stream, taken apart."""
    with open(path, "rb") as file:
        pages = parse(file.read())
    packets = [packet for page in pages for packet in page.packets]
    assert packets[0][:8] == b"OpusHead" and packets[1][:8] == b"OpusTags"
    return OpusFile(pages, packets[0], packets[2:])


def _page(flags, granule, serial, number, packets):
    lacing = b"".join(b"\xff" * (len(p) // 255) + bytes([len(p) % 255]) for p in packets)
    data = struct.pack("<4sBBqIIIB", b"OggS", 0, flags, granule, serial, number, 0, len(lacing))
    data += lacing + b"".join(packets)
    return data[:22] + struct.pack("<I", crc(data)) + data[26:]


PAGE = 50  # packets a page


def write(path, packets, sizes, samples, channels=2, pre_skip=312):
    """An Ogg Opus file of these packets, each of so many samples, that plays `samples`."""
    head = struct.pack("<8sBBHIhB", b"OpusHead", 1, channels, pre_skip, 48000, 0, 0)
    tags = struct.pack("<8sI5sI", b"OpusTags", 5, b"tests", 0)
    out, granule = [_page(2, 0, 7, 0, [head]), _page(0, 0, 7, 1, [tags])], 0
    for start in range(0, len(packets), PAGE):
        granule += sum(sizes[start:start + PAGE])
        last = start + PAGE >= len(packets)
        at = samples + pre_skip if last else granule
        out.append(_page(4 if last else 0, at, 7, len(out), packets[start:start + PAGE]))
    with open(path, "wb") as file:
        file.write(b"".join(out))
