#!/bin/bash
# EXT-X-GAP: libavformat asks for the segment that a list says is not there, and leaves no gap.
#
# Input: a recording of 8 s in segments of 2 s, over HTTP. The second one is marked EXT-X-GAP (RFC 8216bis
# section 4.4.4.7: "Clients SHOULD NOT attempt to load Media Segments"), and is not on the server.
# Guess: it is not asked for; the packets behind it follow with their own times, 2 s later.
# Behaviour: it is asked for and answered 404; then libavformat passes over it. The times jump by
# the 2 s, but nothing is put in their place: a player that counts samples is 2 s early from there on.
# Seen with PyAV 16.1.0 (FFmpeg 8.0.1): asked for once, 6.04 s decoded of 8.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check --only-binary :all: av==16.1.0 numpy
cd "$dir"
"$dir/venv/bin/python" - <<'PYTHON'
import functools
import http.server
import os
import sys
import threading

import av
import numpy as np

RATE, SECONDS = 44100, 8
asked = []


class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        asked.append(self.path)
        super().do_GET()

    def log_message(self, *_):
        pass


os.mkdir("www")
out = av.open("www/l.m3u8", "w", format="hls", options={"hls_time": "2", "hls_list_size": "0", "hls_playlist_type": "vod"})
stream = out.add_stream("aac", rate=RATE, layout="mono")
tone = np.sin(np.arange(RATE * SECONDS) * 2 * np.pi * 440 / RATE).astype(np.float32) / 4
for at in range(0, len(tone), 1024):
    frame = av.AudioFrame.from_ndarray(tone[None, at:at + 1024], format="fltp", layout="mono")
    frame.rate, frame.pts = RATE, at
    out.mux(stream.encode(frame))
out.mux(stream.encode(None))
out.close()
lines = open("www/l.m3u8").read().splitlines()
second = [i for i, line in enumerate(lines) if line.startswith("#EXTINF")][1]
missing = lines[second + 1]
os.remove(f"www/{missing}")
lines.insert(second, "#EXT-X-GAP")
open("www/l.m3u8", "w").write("\n".join(lines) + "\n")

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory="www"))
threading.Thread(target=server.serve_forever, daemon=True).start()
av.logging.set_level(av.logging.PANIC)
with av.open(f"http://127.0.0.1:{server.server_address[1]}/l.m3u8") as c:
    heard = sum(f.samples for f in c.decode(c.streams.audio[0])) / RATE
times = asked.count(f"/{missing}")
print(f"FFmpeg {av.ffmpeg_version_info}: what is missing was asked for {times} times, {heard:.2f} s decoded of {SECONDS}")
sys.exit(0 if times > 0 and heard < SECONDS - 1.5 else 1)
PYTHON
