#!/bin/bash
# HLS of MPEG-TS with AAC: the first two packets have the same time, though not when the segment is opened alone.
#
# Input: 8 s of AAC as HLS of MPEG-TS, several frames in a PES packet, as FFmpeg's command makes it. A PES packet has
# one time; those of the frames behind the first one follow from their length of 1024 samples.
# Guess, before it was run: by the list and by the segments one after the other the same packets have the same times,
# 2089 or 2090 ticks of 90 kHz apart.
# Behaviour: by the list the first packet has the duration 0 and the second one its time; all frames of the first PES
# packet behind it are a frame (23 ms) early, and the next PES packet jumps ahead by two. A node that sees a hole where
# times are further apart than the sound between them puts a frame of silence there, some 0.3 s into each stream.
# Seen with PyAV 16.1.0 (FFmpeg 8.0.1): "by the list 346 packets, steps other than a frame: [(0, 0), (12, 4180)]; by the
# segments 346, []". Debian 12's FFmpeg 5.1.9 does the same.
#
# Exits 0 when it is so, 1 when it has changed.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check --only-binary :all: av==16.1.0 numpy
cd "$dir"
"$dir/venv/bin/python" - <<'PYTHON'
import sys

import av
import numpy as np

RATE, SECONDS = 44100, 8
out = av.open("l.m3u8", "w", format="hls", options={
    "hls_time": "2", "hls_list_size": "0", "hls_playlist_type": "vod", "max_delay": "700000"})
stream = out.add_stream("aac", rate=RATE, layout="mono")
tone = np.sin(np.arange(RATE * SECONDS) * 2 * np.pi * 440 / RATE).astype(np.float32) / 4
for at in range(0, len(tone), 1024):
    frame = av.AudioFrame.from_ndarray(tone[None, at:at + 1024], format="fltp", layout="mono")
    frame.rate, frame.pts = RATE, at
    out.mux(stream.encode(frame))
out.mux(stream.encode(None))
out.close()


def times(name):
    with av.open(name) as c:
        return [p.pts for p in c.demux(c.streams.audio[0]) if p.size]


def odd(all_times):
    """Steps that are not a frame's 2089.8 ticks, with the packet behind which they are."""
    steps = [after - before for before, after in zip(all_times, all_times[1:])]
    return [(i, step) for i, step in enumerate(steps) if abs(step - 1024 * 90000 / RATE) > 2]


by_list = times("l.m3u8")
names = [line for line in open("l.m3u8").read().splitlines() if not line.startswith("#")]
by_segment = [t for name in names for t in times(name)]
print(f"FFmpeg {av.ffmpeg_version_info}: by the list {len(by_list)} packets, steps other than a frame: {odd(by_list)}; "
      f"by the segments {len(by_segment)}, {odd(by_segment)}")
early = [step for _, step in odd(by_list)]
same = len(by_list) == len(by_segment) and not odd(by_segment)
sys.exit(0 if same and len(early) == 2 and early[0] == 0 and abs(early[1] - 4180) < 3 else 1)
PYTHON
