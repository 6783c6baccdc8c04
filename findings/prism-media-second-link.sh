#!/bin/bash
# prism-media: of an Ogg Opus station only the first title is heard.
#
# Input: two Ogg Opus streams of 2 s, one behind the other, with serial numbers of their own as RFC 3533 section 4
# demands: what Icecast sends, where each title is a link of the chain.
# Guess, before it was run: all 200 packets come out, and 'head' is emitted twice.
# Behaviour of prism-media 1.3.5, discord.js's demuxer: it keeps the first serial number for ever and drops all that
# has another one, without an error or an end: from the second title on a station is silent. The second OpusHead is
# dropped too, but 'tags' is emitted for both, so that the titles go on.
# Seen: "100 of 200 packets, 1 of 2 heads, 2 of 2 tags".
#
# Exits 0 when it is so, 1 when it has changed.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --prefix "$dir" prism-media@1.3.5 >/dev/null
cat >look.cjs <<'NODE'
const prism = require('prism-media');

function page(serial, sequence, flags, granule, packets) {
  const lacing = packets.map((p) => p.length);
  const head = Buffer.alloc(27);
  head.write('OggS');
  head[5] = flags;
  head.writeBigInt64LE(BigInt(granule), 6);
  head.writeUInt32LE(serial, 14);
  head.writeUInt32LE(sequence, 18);
  head[26] = lacing.length;
  const all = Buffer.concat([head, Buffer.from(lacing), ...packets]);
  let crc = 0;
  for (const byte of all) {
    crc ^= byte << 24;
    for (let i = 0; i < 8; i++) crc = crc & 0x80000000 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  }
  all.writeUInt32LE(crc >>> 0, 22);
  return all;
}

function link(serial) {
  const sound = Array(50).fill(Buffer.from([0xf8, 0xff, 0xfe]));
  return Buffer.concat([
    page(serial, 0, 2, 0, [Buffer.from('4f707573486561640102380180bb0000000000', 'hex')]),
    page(serial, 1, 0, 0, [Buffer.from('OpusTags\x04\0\0\0self\0\0\0\0', 'latin1')]),
    page(serial, 2, 0, 48000, sound),
    page(serial, 3, 4, 96000, sound),
  ]);
}

const demuxer = new prism.opus.OggDemuxer();
const seen = { data: 0, head: 0, tags: 0 };
for (const event of Object.keys(seen)) demuxer.on(event, () => seen[event]++);
demuxer.on('end', () => {
  console.log(`${seen.data} of 200 packets, ${seen.head} of 2 heads, ${seen.tags} of 2 tags`);
  process.exit(seen.data === 100 && seen.head === 1 && seen.tags === 2 ? 0 : 1);
});
demuxer.end(Buffer.concat([link(1), link(2)]));
NODE
node look.cjs
