#!/bin/bash
# discord.js: Ogg Opus of 60 ms packets is played at three times its speed.
#
# Input: 6 s of a tone as Ogg Opus in packets of 20 ms and in packets of 60 ms (opusenc --framesize 60), both given to
# createAudioResource as StreamType.OggOpus, which passes packets on as they are.
# Guess, before it was run: both take 6 s: the first byte of a packet tells its length (RFC 6716 section 3.1), and
# the player sends the next one when it is due; or it refuses what it does not pace.
# Behaviour of @discordjs/voice 0.18.0: a packet is sent every 20 ms whatever is in it, with a time stamp that is 960
# later. The longer file is over after 2 s; playbackDuration says 2 s too. A node whose audio goes through this player
# has to make packets of 20 ms.
# Seen: "20 ms: 6.1 s, playbackDuration 6020; 60 ms: 2.1 s, playbackDuration 2020".
#
# Exits 0 when it is so, 1 when it has changed.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --prefix "$dir" @discordjs/voice@0.18.0 prism-media@1.3.5 >/dev/null
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check --only-binary :all: av==16.1.0 numpy
"$dir/venv/bin/python" - <<'PYTHON'
import av
import numpy as np

RATE, SECONDS = 48000, 6
tone = (np.sin(np.arange(RATE * SECONDS) * 2 * np.pi * 440 / RATE) / 5).astype(np.float32)
for ms in (20, 60):
    out = av.open(f"{ms}.opus", "w")
    stream = out.add_stream("libopus", rate=RATE, layout="mono", options={"frame_duration": str(ms)})
    for at in range(0, len(tone), 2880):
        frame = av.AudioFrame.from_ndarray(tone[None, at:at + 2880], format="flt", layout="mono")
        frame.rate, frame.pts = RATE, at
        out.mux(stream.encode(frame))
    out.mux(stream.encode(None))
    out.close()
PYTHON
cat >play.cjs <<'NODE'
const fs = require('fs');
const voice = require('@discordjs/voice');

async function play(ms) {
  const resource = voice.createAudioResource(fs.createReadStream(`${ms}.opus`), { inputType: voice.StreamType.OggOpus });
  const player = voice.createAudioPlayer({ behaviors: { noSubscriber: voice.NoSubscriberBehavior.Play } });
  const reached = (status) => new Promise((resolve) => player.once(status, resolve));
  const [playing, idle] = [reached(voice.AudioPlayerStatus.Playing), reached(voice.AudioPlayerStatus.Idle)];
  player.play(resource);
  await playing;
  const start = Date.now();
  await idle;
  return [(Date.now() - start) / 1000, resource.playbackDuration];
}

(async () => {
  const [short, long] = await Promise.all([play(20), play(60)]);
  console.log(`20 ms: ${short[0].toFixed(1)} s, playbackDuration ${short[1]}; 60 ms: ${long[0].toFixed(1)} s, playbackDuration ${long[1]}`);
  process.exit(short[1] > 5900 && long[1] < 2200 && long[0] < short[0] / 2 ? 0 : 1);
})();
NODE
node play.cjs
