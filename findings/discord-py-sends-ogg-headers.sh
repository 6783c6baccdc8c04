#!/bin/bash
# discord.py: the first two packets that FFmpegOpusAudio sends to Discord are the headers of Ogg.
#
# Input: a second of a tone as WAV, played by FFmpegOpusAudio with the FFmpeg of the package imageio-ffmpeg.
# Guess, before it was run: read() gives the audio packets of FFmpeg's Ogg, from the first one on; OpusHead and
# OpusTags (RFC 7845 section 5) are the container's and stay behind.
# Behaviour of discord.py 2.7.1: read() hands out every packet of the stream. The first two 20 ms of every track are
# "OpusHead" and "OpusTags", which go out as if they were Opus, and all of the sound is 40 ms late. A receiver's
# decoder has to bear packets that are none: 0x4f reads as a stereo packet of code 3.
# Seen with imageio-ffmpeg 0.6.0: "first packets: OpusHead of 19 bytes, OpusTags of 60, then 51 of sound".
#
# Exits 0 when it is so, 1 when it has changed.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check 'discord.py==2.7.1' 'imageio-ffmpeg==0.6.0' \
    'audioop-lts; python_version >= "3.13"'
cd "$dir"
"$dir/venv/bin/python" - <<'PY'
import array
import math
import sys
import wave

import discord
import imageio_ffmpeg

with wave.open("tone.wav", "wb") as w:
    w.setnchannels(1)
    w.setsampwidth(2)
    w.setframerate(48000)
    w.writeframes(array.array("h", [int(8000 * math.sin(i * 0.05)) for i in range(48000)]).tobytes())
source = discord.FFmpegOpusAudio("tone.wav", executable=imageio_ffmpeg.get_ffmpeg_exe(), before_options="-loglevel error")
packets = []
while packet := source.read():
    packets.append(packet)
source.cleanup()
names = [p[:8].decode("latin-1") for p in packets[:2]]
sizes = [len(p) for p in packets[:2]]
print(f"discord.py {discord.__version__}: first packets: {names[0]} of {sizes[0]} bytes, {names[1]} of {sizes[1]}, "
      f"then {len(packets) - 2} of sound")
sys.exit(0 if names == ["OpusHead", "OpusTags"] and len(packets) > 50 else 1)
PY
