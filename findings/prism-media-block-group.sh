#!/bin/bash
# prism-media: a WebM file whose sound is in BlockGroups gives no packet, and no error.
#
# Input: 5 s of WebM with Opus: the same packets once as SimpleBlock, once as a Block with a BlockDuration in
# a BlockGroup (RFC 9559 sections 5.1.3.4 and 5.1.3.5). FFmpeg reads 250 packets of either.
# Guess, before it was run: 250 packets of either: a BlockGroup is the older of the two forms, and the only one that
# can hold the DiscardPadding of Opus, so that FFmpeg itself ends each WebM of Opus with one.
# Behaviour of prism-media 1.3.5, discord.js's demuxer: it knows SimpleBlock only. A BlockGroup is passed over like an
# element that it has no use for: such a file is over at once, and the last packet of each of FFmpeg's is missing.
# Seen: "250 packets of SimpleBlocks, 0 of BlockGroups".
#
# Exits 0 when it is so, 1 when it has changed.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --prefix "$dir" prism-media@1.3.5 >/dev/null
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check --only-binary :all: av==16.1.0
cat >look.cjs <<'NODE'
const fs = require('fs');
const prism = require('prism-media');

function element(id, ...parts) {
  const data = Buffer.concat(parts.map((p) => Buffer.from(p)));
  const size = Buffer.alloc(8);
  size.writeBigUInt64BE(BigInt(data.length) | (1n << 56n));
  return Buffer.concat([Buffer.from(id, 'hex'), size, data]);
}

function block(i, flags) {
  return Buffer.from([0x81, (i * 20) >> 8, (i * 20) & 255, flags, 0xf8, 0xff, 0xfe]);
}

function webm(makeBlock) {
  const rate = Buffer.alloc(8);
  rate.writeDoubleBE(48000);
  const head = Buffer.from('4f707573486561640102380180bb0000000000', 'hex');
  const ebml = element('1a45dfa3', element('4286', [1]), element('42f7', [1]), element('42f2', [4]), element('42f3', [8]),
    element('4282', 'webm'), element('4287', [4]), element('4285', [2]));
  const info = element('1549a966', element('2ad7b1', [0x0f, 0x42, 0x40]), element('4d80', 'own'), element('5741', 'own'));
  const track = element('ae', element('d7', [1]), element('73c5', [1]), element('83', [2]), element('86', 'A_OPUS'),
    element('63a2', head), element('e1', element('b5', rate), element('9f', [2])));
  const blocks = Array.from({ length: 250 }, (_, i) => makeBlock(i));
  const cluster = element('1f43b675', element('e7', [0]), ...blocks);
  return Buffer.concat([ebml, element('18538067', info, element('1654ae6b', track), cluster)]);
}

async function count(name, data) {
  fs.writeFileSync(name, data);
  const demuxer = new prism.opus.WebmDemuxer();
  let n = 0;
  demuxer.on('data', () => n++);
  demuxer.end(data);
  await new Promise((resolve, reject) => demuxer.on('end', resolve).on('error', reject));
  return n;
}

(async () => {
  const simple = await count('simple.webm', webm((i) => element('a3', block(i, 0x80))));
  const group = await count('group.webm', webm((i) => element('a0', element('a1', block(i, 0)), element('9b', [20]))));
  console.log(`${simple} packets of SimpleBlocks, ${group} of BlockGroups`);
  process.exit(simple === 250 && group === 0 ? 0 : 1);
})();
NODE
node look.cjs
"$dir/venv/bin/python" - <<'PYTHON'
import sys

import av

for name in ("simple.webm", "group.webm"):
    with av.open(name) as c:
        if sum(p.size > 0 for p in c.demux(c.streams.audio[0])) != 250:
            sys.exit(f"the input is wrong: {name}")
PYTHON
