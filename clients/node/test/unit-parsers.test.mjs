import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { frame } from './lib/peer.mjs';

const require = createRequire(import.meta.url);
const { FrameParser, channelKey } = require('../lib/frames.js');
const { LineParser } = require('../lib/lines.js');
const { findSockets } = require('../lib/paths.js');
const { backoffDelay } = require('../lib/backoff.js');
const { fromWire, checkChannelId } = require('../lib/wire.js');

/* Reproducible: a failure names its seed. */
function randomNumbers(seed) {
    let state = seed;
    return (below) => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        return Math.floor(state / 2 ** 32 * below);
    };
}

function makeFrames(random, count) {
    return Array.from({ length: count }, () => {
        const size = [0, 1, 3, 160, 1275, random(1276)][random(6)];
        const channel = [1n, 123456789012345678n, 2n ** 64n - 1n][random(3)];
        return { channel, sequence: random(2 ** 32), packet: Buffer.from(Array.from({ length: size }, () => random(256))) };
    });
}

function parse(chunks) {
    const got = [];
    const parser = new FrameParser((key, sequence, packet) => got.push({ key, sequence, packet }));
    for (const chunk of chunks)
        parser.push(chunk);
    return got;
}

function cut(bytes, random, most) {
    const chunks = [];
    for (let at = 0; at < bytes.length;) {
        const end = Math.min(bytes.length, at + 1 + random(most));
        chunks.push(Buffer.from(bytes.subarray(at, end)));
        at = end;
    }
    return chunks;
}

function same(got, frames, note) {
    assert.equal(got.length, frames.length, note);
    for (const [i, { key, sequence, packet }] of got.entries()) {
        assert.equal(key, channelKey(frames[i].channel.toString()), note);
        assert.equal(sequence, frames[i].sequence, note);
        assert.deepEqual(packet ?? Buffer.alloc(0), frames[i].packet, note);
        assert.equal(packet === null, frames[i].packet.length === 0, note);
    }
}

test('frames come out the same for any chunking', () => {
    for (let seed = 1; seed <= 300; seed++) {
        const random = randomNumbers(seed);
        const frames = makeFrames(random, 1 + random(30));
        const bytes = Buffer.concat(frames.map((f) => frame(f.channel, f.sequence, f.packet)));
        for (const most of [1, 2, 17, 300, 5000, bytes.length])
            same(parse(cut(bytes, random, most)), frames, `seed ${seed}, chunks up to ${most}`);
    }
});

test('every way to cut two frames in three gives the same frames', () => {
    const frames = makeFrames(randomNumbers(7), 2).map((f, i) => ({ ...f, packet: Buffer.alloc(5 * i + 3, i) }));
    const bytes = Buffer.concat(frames.map((f) => frame(f.channel, f.sequence, f.packet)));
    for (let a = 0; a <= bytes.length; a++) {
        for (let b = a; b <= bytes.length; b++)
            same(parse([bytes.subarray(0, a), bytes.subarray(a, b), bytes.subarray(b)]), frames, `cut at ${a} and ${b}`);
    }
});

test('a packet that lies whole in a chunk is a view of it; others are copied once', () => {
    const packet = Buffer.alloc(160, 7);
    const chunk = frame(1n, 0, packet);
    assert.equal(parse([chunk])[0].packet.buffer, chunk.buffer);
    const [{ packet: joined }] = parse([chunk.subarray(0, 50), chunk.subarray(50)]);
    assert.deepEqual(joined, packet);
});

test('lengths that no frame can have are refused', () => {
    for (const length of [0, 11, 12 + 1276, 0xffffffff]) {
        const bad = Buffer.alloc(16);
        bad.writeUInt32BE(length, 0);
        assert.throws(() => parse([bad]), { code: 'protocol' });
        assert.throws(() => parse([bad.subarray(0, 9), bad.subarray(9)]), { code: 'protocol' });
    }
});

test('lines come out the same for any chunking, split characters included', () => {
    const lines = ['{"title":"Ænima — 東京 🎵"}', '', '{}', 'x'.repeat(70_000)];
    const bytes = Buffer.from(lines.join('\n') + '\n');
    for (let seed = 1; seed <= 50; seed++) {
        const random = randomNumbers(seed);
        const got = [];
        const parser = new LineParser((line) => got.push(line));
        for (const chunk of cut(bytes, random, [1, 3, 40, 9000][seed % 4]))
            parser.push(chunk);
        assert.deepEqual(got, lines, `seed ${seed}`);
    }
});

test('sockets are found by the rules of the daemon', () => {
    const at = (given, env) => findSockets(given, env).control;
    assert.equal(at({ runtimeDir: '/r' }, { RUNTIME_DIRECTORY: '/s', XDG_RUNTIME_DIR: '/x' }), '/r/control.sock');
    assert.equal(at({}, { TUTTI_RUNTIME_DIR: '/t', RUNTIME_DIRECTORY: '/s' }), '/t/control.sock');
    assert.equal(at({}, { RUNTIME_DIRECTORY: '/run/a:/run/b', XDG_RUNTIME_DIR: '/x' }), '/run/a/control.sock');
    assert.equal(at({}, { XDG_RUNTIME_DIR: '/run/user/7' }), '/run/user/7/tutti/control.sock');
    assert.equal(at({}, { RUNTIME_DIRECTORY: '', XDG_RUNTIME_DIR: 'x' }), `/tmp/tutti-${process.geteuid()}/control.sock`);
    assert.equal(findSockets({ runtimeDir: '/r', audio: '/a.sock' }, {}).audio, '/a.sock');
    assert.equal(findSockets({}, { TUTTI_AUDIO: '/a.sock' }).audio, '/a.sock');
    assert.equal(findSockets({}, {}, () => false).inTmp, true);
    // The system's daemon, where nothing was said and none of one's own is there.
    const system = (path) => path.startsWith('/run/tutti/');
    const found = findSockets({}, {}, system);
    assert.deepEqual([found.control, found.audio, found.inTmp], ['/run/tutti/control.sock', '/run/tutti/audio.sock', false]);
    assert.equal(findSockets({}, { XDG_RUNTIME_DIR: '/x' }, () => true).control, '/x/tutti/control.sock');
    assert.equal(findSockets({}, { TUTTI_RUNTIME_DIR: '/t' }, system).control, '/t/control.sock');
});

test('attempts wait twice as long each time, half of it chance, at most 30 s', () => {
    const limits = { minDelay: 100, maxDelay: 30_000 };
    assert.equal(backoffDelay(0, limits, () => 0), 50);
    assert.equal(backoffDelay(3, limits, () => 0), 400);
    assert.ok(backoffDelay(3, limits, () => 0.999) < 800);
    for (const attempt of [9, 20, 2000])
        assert.ok(backoffDelay(attempt, limits, () => 0.999999) <= 30_000);
});

test('names and channels', () => {
    assert.deepEqual(fromWire({ channel_id: '1', lateness_us: { p999: 3 }, list: [{ play_id: null }] }),
        { channelId: '1', latenessUs: { p999: 3 }, list: [{ playId: null }] });
    assert.equal(checkChannelId(2n ** 64n - 1n), '18446744073709551615');
    for (const bad of ['0', '', '01', '-1', 'x', '18446744073709551616', 123, null, undefined])
        assert.throws(() => checkChannelId(bad), TypeError);
});
