/* Test sources, and a way to say which part of a source a row of Opus packets holds. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

export const RATE = 48000;
export const FRAME = 960;

/** `seconds` of reproducible noise below about 4 kHz, as Int16Array: any 100 ms of it are unlike all others. */
export function noise(seconds, seed = 1) {
    const samples = new Int16Array(Math.round(seconds * RATE));
    let state = seed >>> 0 || 1;
    let a = 0;
    let b = 0;
    for (let i = 0; i < samples.length; i++) {
        state ^= state << 13; state >>>= 0;
        state ^= state >>> 17;
        state ^= state << 5; state >>>= 0;
        const white = state / 2 ** 31 - 1;
        a += 0.35 * (white - a);
        b += 0.35 * (a - b);
        samples[i] = Math.max(-32768, Math.min(32767, b * 24000));
    }
    return samples;
}

export function writeWav(file, samples) {
    const header = Buffer.alloc(44);
    header.write('RIFF', 0);
    header.writeUInt32LE(36 + samples.length * 2, 4);
    header.write('WAVEfmt ', 8);
    header.writeUInt32LE(16, 16);
    header.writeUInt16LE(1, 20);
    header.writeUInt16LE(1, 22);
    header.writeUInt32LE(RATE, 24);
    header.writeUInt32LE(RATE * 2, 28);
    header.writeUInt16LE(2, 32);
    header.writeUInt16LE(16, 34);
    header.write('data', 36);
    header.writeUInt32LE(samples.length * 2, 40);
    fs.writeFileSync(file, Buffer.concat([header, Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength)]));
    return file;
}

/** Encodes a file with ffmpeg; returns the new path. */
export function convert(from, to, ...args) {
    run('ffmpeg', ['-v', 'error', '-y', '-i', from, ...args, to]);
    return to;
}

function run(program, args, input) {
    const { status, stdout, stderr, error } = spawnSync(program, args, { input, maxBuffer: 1 << 28 });
    if (error || status !== 0)
        throw error ?? new Error(`${program}: ${stderr}`);
    return stdout;
}

const crcTable = Uint32Array.from({ length: 256 }, (_, i) => {
    let crc = i << 24;
    for (let bit = 0; bit < 8; bit++)
        crc = crc & 0x80000000 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
    return crc >>> 0;
});

function page(packets, serial, number, granule, flags) {
    const lacing = packets.flatMap((p) => [...Array(Math.floor(p.length / 255)).fill(255), p.length % 255]);
    const header = Buffer.alloc(27 + lacing.length);
    header.write('OggS', 0);
    header[5] = flags;
    header.writeBigUInt64LE(BigInt(granule), 6);
    header.writeUInt32LE(serial, 14);
    header.writeUInt32LE(number, 18);
    header[26] = lacing.length;
    Buffer.from(lacing).copy(header, 27);
    const all = Buffer.concat([header, ...packets]);
    let crc = 0;
    for (const byte of all)
        crc = ((crc << 8) ^ crcTable[(crc >>> 24) ^ byte]) >>> 0;
    all.writeUInt32LE(crc, 22);
    return all;
}

/** Decodes Opus packets of 20 ms with ffmpeg: Int16Array, mono, 960 samples a packet. */
export function decode(packets) {
    const head = Buffer.from('OpusHead\x01\x02\x00\x00\x80\xbb\x00\x00\x00\x00\x00', 'latin1');
    const tags = Buffer.concat([Buffer.from('OpusTags\x04\0\0\0test\0\0\0\0', 'latin1')]);
    const pages = [page([head], 1, 0, 0, 2), page([tags], 1, 1, 0, 0)];
    packets.forEach((packet, i) => pages.push(page([packet], 1, i + 2, (i + 1) * FRAME, i === packets.length - 1 ? 4 : 0)));
    const out = run('ffmpeg', ['-v', 'error', '-f', 'ogg', '-i', 'pipe:0', '-ac', '1', '-ar', String(RATE), '-f', 's16le', 'pipe:1'], Buffer.concat(pages));
    return new Int16Array(out.buffer.slice(out.byteOffset, out.byteOffset + (out.length & ~1)));
}

/** Correlation of pcm[at, at+length) with source at `place`, of -1 … 1. */
function correlation(pcm, at, source, place, length, step) {
    let xy = 0;
    let xx = 1;
    let yy = 1;
    for (let i = 0; i < length; i += step) {
        const x = pcm[at + i];
        const y = source[place + i] ?? 0;
        xy += x * y;
        xx += x * x;
        yy += y * y;
    }
    return xy / Math.sqrt(xx * yy);
}

/**
 * Where in the source the 40 ms at `at` of the PCM come from, to the sample, searched `range`
 * samples around `near`. Returns { place, match } with match of 0 … 1.
 */
export function locate(pcm, at, source, near, range) {
    const length = 2 * FRAME;
    let best = { place: -1, match: -1 };
    const from = Math.max(0, near - range);
    const to = Math.min(source.length - length, near + range);
    for (let place = from; place <= to; place += 2) {
        const match = correlation(pcm, at, source, place, length, 4);
        if (match > best.match)
            best = { place, match };
    }
    for (let place = best.place - 2; place <= best.place + 2; place++) {
        const match = correlation(pcm, at, source, place, length, 1);
        if (match >= best.match)
            best = { place, match };
    }
    return best;
}

/**
 * The sources' places of a row of packets: for each second packet from `first` on, where its sound
 * comes from in the source, in samples. Follows what it finds, so that jumps must be told: `near`
 * may be a function of the packet's index.
 */
export function trace(packets, source, near, { range = 2400, every = 1 } = {}) {
    const pcm = decode(packets);
    const places = [];
    for (let i = 0; (i + 2) * FRAME <= pcm.length; i += every)
        places.push({ packet: i, ...locate(pcm, i * FRAME, source, Math.round(near(i)), range) });
    return places;
}

export function temporaryDirectory(prefix = 'tutti-test-') {
    return fs.mkdtempSync(path.join(process.env.TMPDIR ?? '/tmp', prefix));
}

/** The audio packets of an Ogg file with one stream. */
export function oggPackets(bytes) {
    const packets = [];
    let parts = [];
    for (let at = 0; at < bytes.length;) {
        const segments = bytes[at + 26];
        let data = at + 27 + segments;
        for (const size of bytes.subarray(at + 27, at + 27 + segments)) {
            parts.push(bytes.subarray(data, data + size));
            data += size;
            if (size < 255)
                packets.push(Buffer.concat(parts.splice(0)));
        }
        at = data;
    }
    return packets.slice(2); /* the head and the tags */
}
