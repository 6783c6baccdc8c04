#!/bin/bash
# prism-media: an Ogg Opus file with a cover picture gives no packet at all, and no error.
#
# Input: 10 s of Ogg Opus whose OpusTags hold a field of 100 kB, as METADATA_BLOCK_PICTURE is. A page of Ogg holds at
# most 65025 bytes, so that the packet goes on in a second page (RFC 7845 section 3: the comment header may span pages).
# Guess, before it was run: the demuxer puts the packet together and gives 500 packets, as without the picture.
# Behaviour of prism-media 1.3.5, discord.js's demuxer: a page whose last packet goes on is taken for one that has
# not come whole; it waits for more, keeps all that comes, and at the end of the file ends as if it were empty. A bot
# skips such a track in silence.
# Seen: "500 packets with small tags, 0 with a picture".
#
# Exits 0 when it is so, 1 when it has changed.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --prefix "$dir" prism-media@1.3.5 >/dev/null
cat >look.cjs <<'NODE'
const prism = require('prism-media');

function page(sequence, flags, granule, lacing, body) {
  const head = Buffer.alloc(27 + lacing.length);
  head.write('OggS');
  head[5] = flags;
  head.writeBigInt64LE(BigInt(granule), 6);
  head.writeUInt32LE(1, 14);
  head.writeUInt32LE(sequence, 18);
  head[26] = lacing.length;
  Buffer.from(lacing).copy(head, 27);
  const all = Buffer.concat([head, body]);
  let crc = 0;
  for (const byte of all) {
    crc ^= byte << 24;
    for (let i = 0; i < 8; i++) crc = crc & 0x80000000 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  }
  all.writeUInt32LE(crc >>> 0, 22);
  return all;
}

/* Tags with one field of `size` bytes: "self" is the vendor. */
function tags(size) {
  const packet = Buffer.alloc(24 + size, 'A');
  packet.write('OpusTags');
  packet.writeUInt32LE(4, 8);
  packet.write('self', 12);
  packet.writeUInt32LE(1, 16);
  packet.writeUInt32LE(size, 20);
  packet.write('METADATA_BLOCK_PICTURE=', 24);
  return packet;
}

function file(tagBytes) {
  const pages = [page(0, 2, 0, [19], Buffer.from('4f707573486561640102380180bb0000000000', 'hex'))];
  const packet = tags(tagBytes);
  const lacing = [];
  for (let left = packet.length; ; left -= 255) {
    lacing.push(Math.min(left, 255));
    if (left < 255) break;
  }
  for (let i = 0; i < lacing.length; i += 255) {
    const whole = i + 255 >= lacing.length;
    pages.push(page(pages.length, i ? 1 : 0, whole ? 0 : -1, lacing.slice(i, i + 255), packet.subarray(i * 255, (i + 255) * 255)));
  }
  const silence = Buffer.from([0xf8, 0xff, 0xfe]);
  for (let i = 50; i <= 500; i += 50) {
    pages.push(page(pages.length, i === 500 ? 4 : 0, i * 960, Array(50).fill(3), Buffer.concat(Array(50).fill(silence))));
  }
  return Buffer.concat(pages);
}

async function count(data) {
  const demuxer = new prism.opus.OggDemuxer();
  let n = 0;
  demuxer.on('data', () => n++);
  demuxer.end(data);
  await new Promise((resolve, reject) => demuxer.on('end', resolve).on('error', reject));
  return n;
}

(async () => {
  const [small, big] = [await count(file(100)), await count(file(100000))];
  console.log(`${small} packets with small tags, ${big} with a picture`);
  process.exit(small === 500 && big === 0 ? 0 : 1);
})();
NODE
node look.cjs
