#!/bin/bash
# EXT-X-GAP: m3u8-parser (video.js) hands out a segment that is missing like any other.
#
# Input: a recording of three segments, the second one marked EXT-X-GAP (RFC 8216bis section 4.4.4.7), read
# by two parsers of npm.
# Guess: both have something at the segment that says so, as both have for byte ranges and keys.
# Behaviour: hls-parser 0.16.1 has `gap: true` there; m3u8-parser 7.2.0 has nothing, in the segment or
# elsewhere: a player that is built on it asks for what the list says is not there. Beside it, a segment
# of EXTINF:0 becomes one of 0.01 s, so that the durations no longer add up to the list's.
# Seen: hls-parser [null,true,null], m3u8-parser [null,null,null]; 0.01.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --prefix "$dir" m3u8-parser@7.2.0 hls-parser@0.16.1 >/dev/null
cat >look.cjs <<'NODE'
const HLS = require('hls-parser');
const { Parser } = require('m3u8-parser');
const list = `#EXTM3U
#EXT-X-VERSION:8
#EXT-X-TARGETDURATION:4
#EXTINF:4,
a.ts
#EXT-X-GAP
#EXTINF:4,
b.ts
#EXTINF:0,
c.ts
#EXT-X-ENDLIST
`;
const one = HLS.parse(list).segments.map((s) => s.gap ?? null);
const parser = new Parser();
parser.push(list);
parser.end();
const segments = parser.manifest.segments;
const two = segments.map((s) => s.gap ?? null);
const says = /gap/i.test(JSON.stringify(parser.manifest));
console.log(`hls-parser ${JSON.stringify(one)}, m3u8-parser ${JSON.stringify(two)}; ${segments[2].duration}`);
process.exit(one[1] === true && !says && segments[2].duration === 0.01 ? 0 : 1);
NODE
node look.cjs 2>/dev/null
