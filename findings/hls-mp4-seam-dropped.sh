#!/bin/bash
# HLS of MP4 with a seam: the first segment behind it is not decoded.
#
# Input: two recordings of 12 s as HLS of fragmented MP4, one behind the other with EXT-X-DISCONTINUITY
# and an EXT-X-MAP of its own (RFC 8216 section 4.3.2.3), as advertisements are put in. The times of the
# second begin at 0 again, which the tag is there for.
# Guess: all packets are read, and 24 s are decoded.
# Behaviour: libavformat reads all packets, but marks those of the first segment behind the seam with
# AV_PKT_FLAG_DISCARD, because their times are lower than those before; decoders then throw their sound
# away. A whole segment is missing, without an error. Debian 12's FFmpeg 5.1.9 does the same.
# Seen with PyAV 16.1.0 (FFmpeg 8.0.1): 1036 packets, 173 to be discarded, 20.04 s decoded of 24.06.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check --only-binary :all: av==16.1.0 numpy
cd "$dir"
"$dir/venv/bin/python" - <<'PYTHON'
import os
import sys

import av
import numpy as np

RATE, SECONDS, SEGMENT = 44100, 12, 4


def record(folder, hertz):
    """HLS of a tone, by libavformat; returns the lines of its list."""
    os.mkdir(folder)
    out = av.open(f"{folder}/l.m3u8", "w", format="hls", options={
        "hls_time": str(SEGMENT), "hls_list_size": "0", "hls_playlist_type": "vod", "hls_segment_type": "fmp4"})
    stream = out.add_stream("aac", rate=RATE, layout="mono")
    tone = np.sin(np.arange(RATE * SECONDS) * 2 * np.pi * hertz / RATE).astype(np.float32) / 4
    for at in range(0, len(tone), 1024):
        frame = av.AudioFrame.from_ndarray(tone[None, at:at + 1024], format="fltp", layout="mono")
        frame.rate, frame.pts = RATE, at
        out.mux(stream.encode(frame))
    out.mux(stream.encode(None))
    out.close()
    with open(f"{folder}/l.m3u8") as lines:
        return [line.replace('URI="', f'URI="{folder}/') if line[0] == "#" else f"{folder}/{line}" for line in lines]


first, second = record("a", 440), record("b", 660)
body = next(i for i, line in enumerate(second) if line.startswith("#EXT-X-MAP"))
with open("l.m3u8", "w") as out:
    out.writelines(first[:-1] + ["#EXT-X-DISCONTINUITY\n"] + second[body:])

with av.open("l.m3u8") as c:
    packets = [p for p in c.demux(c.streams.audio[0]) if p.size]
with av.open("l.m3u8") as c:
    heard = sum(f.samples for f in c.decode(c.streams.audio[0])) / RATE
dropped = sum(p.is_discard for p in packets)
print(f"FFmpeg {av.ffmpeg_version_info}: {len(packets)} packets = {len(packets) * 1024 / RATE:.2f} s, "
      f"{dropped} marked to be discarded, {heard:.2f} s decoded")
lost = len(packets) * 1024 / RATE - heard
sys.exit(0 if len(packets) * 1024 / RATE > 23.9 and SEGMENT - 0.3 < lost < SEGMENT + 0.3 else 1)
PYTHON
