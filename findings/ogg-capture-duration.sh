#!/bin/bash
# A capture from the middle of an Ogg stream: what libavformat calls the duration depends on the codec.
#
# Input: 20 s of a tone as Ogg Vorbis and as Ogg Opus, without the pages of the first 9 s: what is recorded of a
# station, whose granule positions go on (RFC 7845 section 4.5 allows it).
# Guess, before it was run: the start is some 9 s and the duration some 11 s, for both: the same container, whose
# last granule position and first one are read by the same code.
# Behaviour: for Vorbis it is so. For Opus the start is 9 s and the duration 20 s, the place of the end: start and
# duration add up to 29 s, and a progress bar stops in its middle. Only what is decoded tells.
# Seen with PyAV 16.1.0 (FFmpeg 8.0.1): "libvorbis: start 9.04, duration 10.96, decoded 10.94", "libopus: start 9.00,
# duration 20.01, decoded 11.00".
#
# Exits 0 when it is so, 1 when it has changed.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check --only-binary :all: av==16.1.0 numpy
"$dir/venv/bin/python" - <<'PYTHON'
import io
import struct
import sys

import av
import numpy as np

RATE, SECONDS = 48000, 20
tone = (np.sin(np.arange(RATE * SECONDS) * 2 * np.pi * 440 / RATE) / 5).astype(np.float32)


def pages(data):
    at = 0
    while at < len(data):
        n = data[at + 26]
        end = at + 27 + n + sum(data[at + 27:at + 27 + n])
        yield struct.unpack("<q", data[at + 6:at + 14])[0], data[at:end]
        at = end


def capture(codec):
    """Start, duration and decoded seconds of what is left behind 9 s."""
    file = io.BytesIO()
    out = av.open(file, "w", format="ogg")
    stream = out.add_stream(codec, rate=RATE, layout="mono")
    resampler = av.AudioResampler(format=stream.format, layout="mono", rate=RATE)
    for at in range(0, len(tone), 1024):
        frame = av.AudioFrame.from_ndarray(tone[None, at:at + 1024], format="fltp", layout="mono")
        frame.rate, frame.pts = RATE, at
        for same in resampler.resample(frame):
            out.mux(stream.encode(same))
    out.mux(stream.encode(None))
    out.close()
    left = b"".join(page for granule, page in pages(file.getvalue()) if granule <= 0 or granule > 9.5 * RATE)
    with av.open(io.BytesIO(left)) as c:
        start, duration = c.start_time / av.time_base, c.duration / av.time_base
        decoded = sum(f.samples for f in c.decode(c.streams.audio[0])) / RATE
    print(f"{codec}: start {start:.2f}, duration {duration:.2f}, decoded {decoded:.2f}")
    return start, duration, decoded


print(f"FFmpeg {av.ffmpeg_version_info}")
vorbis, opus = capture("libvorbis"), capture("libopus")
right = abs(vorbis[1] - vorbis[2]) < 0.1 and vorbis[0] > 8.5
sys.exit(0 if right and opus[0] > 8.5 and opus[2] < 12 and abs(opus[1] - SECONDS) < 0.1 else 1)
PYTHON
