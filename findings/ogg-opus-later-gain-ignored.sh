#!/bin/bash
# A chain of Ogg Opus: the output gain of the second link is not heard, and no packet says that it is there.
#
# Input: two links of the same tone; the header of the second one has an output gain of -12 dB, as an album's
# tracks have. Players "SHOULD apply it by default" (RFC 7845 section 5.1), and each link has a header of its own.
# Guess, before it was run: libavformat puts the new header as AV_PKT_DATA_NEW_EXTRADATA on the first packet of the
# second link, and the decoder turns the gain down there.
# Behaviour: the packets of the second link carry nothing but the samples to be skipped; the new header only replaces
# the one in the stream's parameters, where nobody looks after the start. The decoder goes on with the first gain:
# 12 dB too loud. Compare the parameters at each packet, and open the decoder anew.
# Seen with PyAV 16.1.0 (FFmpeg 8.0.1): "side data ['skip_samples'], second link at 0.0 dB of the first (should be
# -12)", and alone at -12.0 dB.
#
# Exits 0 when it is so, 1 when it has changed.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check --only-binary :all: av==16.1.0 numpy
"$dir/venv/bin/python" - <<'PYTHON'
import io
import math
import struct
import sys

import av
import numpy as np

RATE, SECONDS = 48000, 4
tone = (np.sin(np.arange(RATE * SECONDS) * 2 * np.pi * 440 / RATE) / 5).astype(np.float32)


def checksum(page):
    crc = 0
    for byte in page:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ (0x04C11DB7 if crc & 0x80000000 else 0)) & 0xFFFFFFFF
    return crc


def link(serial, gain):
    """Ogg Opus of the tone with an output gain in dB."""
    file = io.BytesIO()
    out = av.open(file, "w", format="ogg")
    stream = out.add_stream("libopus", rate=RATE, layout="mono")
    for at in range(0, len(tone), 960):
        frame = av.AudioFrame.from_ndarray(tone[None, at:at + 960], format="flt", layout="mono")
        frame.rate, frame.pts = RATE, at
        out.mux(stream.encode(frame))
    out.mux(stream.encode(None))
    out.close()
    data, at, made = bytearray(file.getvalue()), 0, b""
    while at < len(data):
        n = data[at + 26]
        end = at + 27 + n + sum(data[at + 27:at + 27 + n])
        page = data[at:end]
        page[14:18] = struct.pack("<I", serial)
        if page[27 + n:].startswith(b"OpusHead"):
            page[27 + n + 16:27 + n + 18] = struct.pack("<h", round(gain * 256))
        page[22:26] = bytes(4)
        page[22:26] = struct.pack("<I", checksum(page))
        made += page
        at = end
    return made


def level(data, first, last):
    """RMS between two times in s, in dB."""
    with av.open(io.BytesIO(data)) as c:
        x = np.concatenate([f.to_ndarray()[0] for f in c.decode(c.streams.audio[0])])
    return 10 * math.log10(np.mean(np.square(x[int(first * RATE):int(last * RATE)])))


one, two = link(1, 0), link(2, -12)
with av.open(io.BytesIO(one + two)) as c:
    packets = [p for p in c.demux(c.streams.audio[0]) if p.size]
kinds = sorted({s.data_type for p in packets for s in p.iter_sidedata()})
alone = level(two, 1, 3) - level(one, 1, 3)
chained = level(one + two, SECONDS + 1, SECONDS + 3) - level(one + two, 1, 3)
print(f"FFmpeg {av.ffmpeg_version_info}: side data {kinds}, second link at {chained:.1f} dB of the first "
      f"(should be -12), alone at {alone:.1f} dB")
sys.exit(0 if kinds == ["skip_samples"] and abs(chained) < 0.5 and abs(alone + 12) < 0.5 else 1)
PYTHON
