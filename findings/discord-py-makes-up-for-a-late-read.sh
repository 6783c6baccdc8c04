#!/bin/bash
# discord.py: what becomes of the pace when an AudioSource is late once.
#
# Guess, before it was run: an AudioPlayer whose source kept it waiting for two seconds goes on in time, a packet
# every 20 ms from there; the listener hears a gap and then music.
#
# Behaviour of discord.py 2.7.1: its schedule counts packets from the first one, so that it sends the hundred packets
# it is behind at once, without a pause, faster than any jitter buffer takes them. A source must therefore never wait
# for data in read(): it has to return silence, and pause the voice client where none comes for longer (resume()
# begins the schedule anew).
#
# Seen: "packets in the 0.2 s after the wait: 110 (in time would be 10)"
#
# Exits 0 when it is so, 1 when it has changed.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check 'discord.py==2.7.1' 'audioop-lts; python_version >= "3.13"'
"$dir/venv/bin/python" - <<'PY'
import asyncio
import sys
import threading
import time

import discord
from discord.player import AudioPlayer


class LateOnce(discord.AudioSource):
    n = 0

    def is_opus(self):
        return True

    def read(self):
        self.n += 1
        if self.n == 50:
            time.sleep(2)
            LateOnce.back = time.monotonic()
        return b"\xf8\xff\xfe" if self.n < 300 else b""


class Gateway:
    async def speak(self, state):
        pass


class Voice:
    ws, timeout = Gateway(), 5

    def __init__(self, loop):
        self.client = type("Bot", (), {"loop": loop})
        self.sent = []

    def is_connected(self):
        return True

    def send_audio_packet(self, data, *, encode=True):
        self.sent.append(time.monotonic())


loop = asyncio.new_event_loop()
threading.Thread(target=loop.run_forever, daemon=True).start()
voice = Voice(loop)
player = AudioPlayer(LateOnce(), voice)
player.start()
player.join(30)
n = sum(LateOnce.back <= at < LateOnce.back + 0.2 for at in voice.sent)
print(f"packets in the 0.2 s after the wait: {n} (in time would be 10)")
sys.exit(0 if n > 80 else 1)
PY
