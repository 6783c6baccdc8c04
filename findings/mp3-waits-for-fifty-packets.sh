#!/bin/bash
# Raw MP3 and ADTS from a live source: libavformat reads fifty packets before it opens, even if told the format.
#
# Input: 20 s of MP3 and of ADTS AAC of 128 kbit/s from a reader that hands out 400 bytes at a time, as a station
# does at its own pace; the format is named, so that nothing is left to find out by probing.
# Guess, before it was run: it is open after the first frame or two, which tell the codec, rate and channels; the
# bit rate and the length of a live stream are unknown anyway.
# Behaviour: it reads fifty packets (max_ts_probe, "maximum number of packets to read while waiting for the first
# timestamp", where there will never be one), more than a second of a station, and a listener waits for it. With
# max_ts_probe=1 it opens after 0.1 s, and knows the same.
# Seen with PyAV 16.1.0 (FFmpeg 8.0.1): "mp3: open after 1.25 s of sound, with max_ts_probe=1 after 0.10 s", "aac: open
# after 1.05 s of sound, with max_ts_probe=1 after 0.02 s".
#
# Exits 0 when it is so, 1 when it has changed.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check --only-binary :all: av==16.1.0 numpy
"$dir/venv/bin/python" - <<'PYTHON'
import io
import sys

import av
import numpy as np

RATE, SECONDS = 48000, 20
noise = np.random.RandomState(1).rand(2, RATE * SECONDS).astype(np.float32) / 5


class Station:
    """A stream of `data` that comes in small pieces; `at` tells how much was asked for."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def read(self, n):
        piece = self.data[self.at:self.at + min(n, 400)]
        self.at += len(piece)
        return piece


def record(codec, container):
    file = io.BytesIO()
    out = av.open(file, "w", format=container)
    stream = out.add_stream(codec, rate=RATE, layout="stereo")
    stream.bit_rate = 128000
    for at in range(0, noise.shape[1], 1024):
        part = np.ascontiguousarray(noise[:, at:at + 1024])
        frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="stereo")
        frame.rate, frame.pts = RATE, at
        out.mux(stream.encode(frame))
    out.mux(stream.encode(None))
    out.close()
    return file.getvalue()


def opened_after(data, name, options):
    """Seconds of the stream that were read until it was open, and what was known then."""
    station = Station(data)
    with av.open(station, format=name, options=options) as c:
        codec = c.streams.audio[0].codec_context
        return station.at / len(data) * SECONDS, (codec.name, codec.sample_rate, codec.layout.name)


print(f"FFmpeg {av.ffmpeg_version_info}")
so = True
for codec, container, name in (("libmp3lame", "mp3", "mp3"), ("aac", "adts", "aac")):
    data = record(codec, container)
    plain, known = opened_after(data, name, {})
    short, known_too = opened_after(data, name, {"max_ts_probe": "1"})
    print(f"{name}: open after {plain:.2f} s of sound, with max_ts_probe=1 after {short:.2f} s")
    so = so and plain > 0.9 and short < 0.2 and known == known_too
sys.exit(0 if so else 1)
PYTHON
