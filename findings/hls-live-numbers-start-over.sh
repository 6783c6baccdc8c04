#!/bin/bash
# A live HLS list whose numbers start over: libavformat waits for the old ones, for ever and silently.
#
# Input: a live list over HTTP of segments of a second. After a while the encoder is started anew: the list
# begins with EXT-X-MEDIA-SEQUENCE:0 and EXT-X-DISCONTINUITY, with new segments.
# Guess: the reader finds the number lower than its own, begins with the new list (as it skips ahead
# where the number is higher than its own), and reads on.
# Behaviour: it reads the list again and again, about twice a second, takes none of its segments, and
# says nothing: until the new numbers have passed the old one, hours or days later, it is silent.
# Seen with PyAV 16.1.0 (FFmpeg 8.0.1): 0 of 5 new segments asked for in 10 s, the list some 20 times.
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
import time

import av
import numpy as np

RATE = 44100
os.mkdir("www")
out = av.open("www/l.m3u8", "w", format="hls", options={"hls_time": "1", "hls_list_size": "0"})
stream = out.add_stream("aac", rate=RATE, layout="mono")
tone = np.sin(np.arange(RATE * 8) * 2 * np.pi * 440 / RATE).astype(np.float32) / 4
for at in range(0, len(tone), 1024):
    frame = av.AudioFrame.from_ndarray(tone[None, at:at + 1024], format="fltp", layout="mono")
    frame.rate, frame.pts = RATE, at
    out.mux(stream.encode(frame))
out.mux(stream.encode(None))
out.close()
names = [line for line in open("www/l.m3u8").read().splitlines() if not line.startswith("#")]
old, new = names[:3], names[3:8]
asked = []
started_anew = threading.Event()


class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        asked.append((self.path, started_anew.is_set()))
        if self.path != "/live.m3u8":
            return super().do_GET()
        number, tag, segments = (0, "#EXT-X-DISCONTINUITY\n", new) if started_anew.is_set() else (700, "", old)
        text = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:{number}\n{tag}"
        text += "".join(f"#EXTINF:1.0,\n{name}\n" for name in segments)
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory="www"))
threading.Thread(target=server.serve_forever, daemon=True).start()


def listen():
    with av.open(f"http://127.0.0.1:{server.server_address[1]}/live.m3u8") as c:
        for _ in c.demux(c.streams.audio[0]):
            pass


threading.Thread(target=listen, daemon=True).start()
end = time.monotonic() + 20
while ("/" + old[-1], False) not in asked and time.monotonic() < end:
    time.sleep(0.1)
started_anew.set()
time.sleep(10)
lists = asked.count(("/live.m3u8", True))
taken = sum((f"/{name}", True) in asked for name in new)
print(f"FFmpeg {av.ffmpeg_version_info}: {taken} of {len(new)} new segments asked for in 10 s, the list {lists} times")
sys.stdout.flush()
os._exit(0 if taken == 0 and lists > 3 else 1)
PYTHON
