#!/bin/bash
# AMR in 3GP: of a sample of ten frames FFmpeg 5.1 decodes the first one.
#
# Input: 5 s of AMR-NB as 3GP with ten frames a sample, as telephones record it: the box 'damr' says how many frames
# are in one (frames_per_sample, 3GPP TS 26.244 section 6.7).
# Guess, before it was run: 5 s are decoded, as of the same frames with one a sample.
# Behaviour of Debian 12's FFmpeg 5.1.9: packets of 0.2 s come out, and the decoder takes the first 20 ms of each and
# calls the rest used: half a second is heard, without an error. A node that goes by the packets' durations plays
# 0.18 s of silence behind every 20 ms. FFmpeg 8 decodes all, but only the first frame of a packet has a time.
# Seen with ffmpeg 7:5.1.9-0+deb12u1 and PyAV 16.1.0 (FFmpeg 8.0.1): "ffmpeg 5.1.9 decodes 0.50 s of 5.00, PyAV 5.00
# (25 of 250 frames have a time)".
#
# Needs Debian 12's package ffmpeg. Exits 0 when it is so, 1 when it has changed.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check --only-binary :all: av==16.1.0 numpy
cd "$dir"
"$dir/venv/bin/python" - <<'PYTHON'
import io
import struct
import subprocess
import sys

import av
import numpy as np

RATE, FRAME, FRAMES, BYTES, EACH = 8000, 160, 250, 32, 10  # 12.2 kbit/s


def box(name, *parts):
    body = b"".join(parts)
    return struct.pack(">I", 8 + len(body)) + name + body


def full(name, flags, *parts):
    return box(name, struct.pack(">I", flags), *parts)


def record():
    file = io.BytesIO()
    out = av.open(file, "w", format="amr")
    stream = out.add_stream("libopencore_amrnb", rate=RATE, layout="mono")
    stream.bit_rate = 12200
    tone = (np.sin(np.arange(FRAME * FRAMES) * 2 * np.pi * 440 / RATE) * 8000).astype(np.int16)
    for at in range(0, len(tone), FRAME):
        frame = av.AudioFrame.from_ndarray(tone[None, at:at + FRAME], format="s16", layout="mono")
        frame.rate, frame.pts = RATE, at
        out.mux(stream.encode(frame))
    out.mux(stream.encode(None))
    out.close()
    return file.getvalue()[len("#!AMR\n"):][:FRAMES * BYTES]


def moov(offset):
    length, samples = FRAMES * FRAME, FRAMES // EACH
    matrix = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    damr = box(b"damr", b"own ", struct.pack(">BHBB", 0, 0x81FF, 0, EACH))
    samr = box(b"samr", bytes(6), struct.pack(">H8x6H", 1, 1, 16, 0, 0, RATE, 0), damr)
    table = box(
        b"stbl", full(b"stsd", 0, struct.pack(">I", 1), samr),
        full(b"stts", 0, struct.pack(">III", 1, samples, FRAME * EACH)),
        full(b"stsc", 0, struct.pack(">IIII", 1, 1, samples, 1)),
        full(b"stsz", 0, struct.pack(">II", BYTES * EACH, samples)),
        full(b"stco", 0, struct.pack(">II", 1, offset)))
    data = box(b"dinf", full(b"dref", 0, struct.pack(">I", 1), full(b"url ", 1)))
    media = box(
        b"mdia", full(b"mdhd", 0, struct.pack(">4I2H", 0, 0, RATE, length, 0x55C4, 0)),
        full(b"hdlr", 0, bytes(4), b"soun", bytes(13)), box(b"minf", full(b"smhd", 0, bytes(4)), data, table))
    track = box(b"trak", full(b"tkhd", 7, struct.pack(">7I4H", 0, 0, 1, 0, length, 0, 0, 0, 0, 0x100, 0), matrix, bytes(8)), media)
    movie = struct.pack(">5IHHII", 0, 0, RATE, length, 0x10000, 0x100, 0, 0, 0)
    return box(b"moov", full(b"mvhd", 0, movie[:16], movie[16:], matrix, bytes(24), struct.pack(">I", 2)), track)


sound = record()
kind = box(b"ftyp", b"3gp5", bytes(4), b"3gp5")
with open("ten.3gp", "wb") as out:
    out.write(kind + moov(len(kind) + len(moov(0)) + 8) + box(b"mdat", sound))
version = subprocess.run(["ffmpeg", "-version"], capture_output=True, text=True, check=True).stdout.split()[2]
raw = subprocess.run(["ffmpeg", "-v", "error", "-i", "ten.3gp", "-f", "s16le", "-"], capture_output=True, check=True)
old = len(raw.stdout) / 2 / RATE
av.logging.set_level(av.logging.PANIC)
with av.open("ten.3gp") as c:
    frames = list(c.decode(c.streams.audio[0]))
new = sum(f.samples for f in frames) / RATE
timed = sum(f.pts is not None for f in frames)
print(f"ffmpeg {version} decodes {old:.2f} s of {FRAMES * FRAME / RATE:.2f}, PyAV (FFmpeg {av.ffmpeg_version_info}) "
      f"{new:.2f} ({timed} of {len(frames)} frames have a time)")
sys.exit(0 if version.startswith("5.1") and abs(old - 0.5) < 0.01 and abs(new - 5) < 0.01 and timed == 25 else 1)
PYTHON
