#!/bin/bash
# Ogg Vorbis: the packet where a short block follows a long one is timed late, by hundreds of samples.
#
# Input: a tone with clicks, so that the encoder changes between its long and its short blocks.
# Guess, before it was run: a packet's time is where its decoded samples begin, its duration their number
# (a quarter of the block before and a quarter of its own, Vorbis I section 4.3.8).
# Behaviour: behind a long block libavformat gives a short one the duration of two short ones, and a time that is
# later by as much as the duration is too small. Their sum is right, so that the next packet is in place again and
# a sum of the durations is not. A player that cuts or seeks at such a packet is that much off.
# Seen with PyAV 16.1.0 (FFmpeg 8.0.1): "39 of 686 packets have a wrong time; (time late, duration short): [(448, 448)];
# the sum is right for 686" (in samples of 48 kHz).
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

RATE, SECONDS = 48000, 10
x = np.sin(np.arange(RATE * SECONDS) * 2 * np.pi * 440 / RATE) / 5
for at in range(9000, len(x) - 9000, 11000):
    x[at:at + 30] = np.random.RandomState(1).rand(30) * 1.6 - 0.8
file = io.BytesIO()
out = av.open(file, "w", format="ogg")
stream = out.add_stream("libvorbis", rate=RATE, layout="mono")
for at in range(0, len(x), 1024):
    frame = av.AudioFrame.from_ndarray(x[None, at:at + 1024].astype(np.float32), format="fltp", layout="mono")
    frame.rate, frame.pts = RATE, at
    out.mux(stream.encode(frame))
out.mux(stream.encode(None))
out.close()

av.logging.set_level(av.logging.PANIC)
total = packets = wrong = sums = 0
late = set()
with av.open(io.BytesIO(file.getvalue())) as c:
    decoder = c.streams.audio[0].codec_context
    for packet in c.demux(c.streams.audio[0]):
        samples = sum(f.samples for f in decoder.decode(packet))
        if not packet.size or not samples or total + samples >= len(x) - 2048:
            continue  # the first one gives nothing; the last ones are cut to the length of the file
        packets += 1
        wrong += packet.pts != total
        if packet.pts != total:
            late.add((packet.pts - total, samples - packet.duration))
        sums += packet.pts + packet.duration == total + samples
        total += samples
print(f"FFmpeg {av.ffmpeg_version_info}: {wrong} of {packets} packets have a wrong time; "
      f"(time late, duration short): {sorted(late)}; the sum is right for {sums}")
sys.exit(0 if late == {(448, 448)} and wrong > 10 and sums == packets else 1)
PYTHON
