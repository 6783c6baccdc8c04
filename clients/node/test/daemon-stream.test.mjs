import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import { after, before, test } from 'node:test';
import { TuttiClient } from '../lib/index.mjs';
import { Daemon, makeMedia } from './lib/daemon.mjs';
import { decode, FRAME, trace } from './lib/media.mjs';
import { next, readAtPace, readPackets, sleep, until } from './lib/wait.mjs';

const LOOK_AHEAD = 312; /* of libopus, samples */
let media;
let daemon;
let client;

before(async () => {
    media = makeMedia();
    daemon = await Daemon.start('--media-root', media.dir, '--max-workers', '64');
    client = await new TuttiClient({ runtimeDir: daemon.dir }).connect();
});

after(async () => {
    await client?.close();
    await daemon?.close();
    media?.close();
});

/** Whether a process is the daemon or its child. */
function isOurs(pid) {
    if (pid === daemon.pid)
        return true;
    try {
        return Number(/^PPid:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'latin1'))[1]) === daemon.pid;
    } catch {
        return false;
    }
}

test('the packets are the source, sample by sample', async () => {
    const player = client.player('1');
    await player.play(media.long);
    const packets = await readPackets(player.stream, 100);
    const places = trace(packets, media.source, (i) => i * FRAME - LOOK_AHEAD, { range: 200 }).slice(2);
    for (const { packet, place, match } of places) {
        assert.ok(match > 0.9, `packet ${packet} matches ${match}`);
        assert.equal(place, packet * FRAME - LOOK_AHEAD);
    }
    await player.stop();
});

test('back-pressure: the daemon sends no more than the stream holds', async () => {
    for (const highWaterMark of [1, 4, 16]) {
        const player = client.player(String(10 + highWaterMark), { highWaterMark });
        await player.play(media.long);
        await until(() => player.stream.readableLength === highWaterMark, 'a full stream');
        await sleep(100);
        const { position, buffered } = await player.status();
        assert.equal(Math.round(position * 50), highWaterMark, 'delivered');
        assert.ok(buffered > 0);
        assert.equal(player.stream.readableLength, highWaterMark);
        assert.equal(player.position, 0, 'nothing is read yet');
        await readPackets(player.stream, 20);
        assert.equal(Math.round(player.position * 50), 20);
        await player.stop();
    }
});

test('a seek leaves only the new place, to the frame', async () => {
    const player = client.player('2');
    await player.play(media.long);
    const reader = readAtPace(player.stream, 10);
    for (const target of [30, 10, 45.5, 0, 58]) {
        await until(() => reader.packets.length >= 15, 'packets');
        const { position } = await player.seek(target);
        const at = reader.packets.length;
        await until(() => reader.packets.length >= at + 12, 'packets of the new place');
        const packets = reader.packets.splice(0).slice(at);
        /* The first two packets only bring the decoder in, as it did not hear what was before them. */
        const places = trace(packets, media.source, (i) => position * 48000 + i * FRAME - LOOK_AHEAD, { range: 6 * FRAME })
            .slice(2).filter(({ place }) => place < media.source.length - 3 * FRAME);
        const shifts = places.map(({ packet, place }) => Math.round((place + LOOK_AHEAD) / FRAME - position * 50) - packet);
        assert.ok(places.every(({ match }) => match > 0.9), `only sound from ${target} s on is in the stream`);
        assert.ok(shifts.length >= 8 && shifts.every((shift) => shift === shifts[0]), `no gap and no repeat: ${shifts}`);
        assert.ok(shifts[0] >= 0 && shifts[0] <= 2, `${target} s: the first packet left is frame ${shifts[0]} of the new place`);
    }
    reader.stop();
    await player.stop();
});

test('next joins without a gap, in one stream', async () => {
    const player = client.player('3');
    await player.play(media.short, { playId: 'a' });
    const { stream } = player;
    const queued = player.play(media.other, { playId: 'b', next: true });
    queued.catch(() => {});
    const joint = 2 * 48000; /* samples of the first */
    const reader = readAtPace(stream, 5);
    await until(() => reader.packets.length >= 160, 'packets of both');
    reader.stop();
    assert.equal((await queued).playId, 'b');
    assert.equal(player.playId, 'b');
    assert.equal(player.stream, stream);
    const places = trace(reader.packets.slice(100, 160), media.otherSource, (i) => (100 + i) * FRAME - LOOK_AHEAD - joint, { range: 2 * FRAME }).slice(3);
    for (const { packet, place } of places)
        assert.equal(place, (100 + packet) * FRAME - LOOK_AHEAD - joint, 'b begins with the very sample behind a');
    await player.stop();
});

test('a worker that is killed is a warning, and nothing else', async (t) => {
    const player = client.player('6');
    await player.play(media.long);
    const reader = readAtPace(player.stream, 10);
    t.after(() => reader.stop());
    await until(() => reader.packets.length >= 30, 'packets');
    const warned = Promise.race([once(player, 'warning'), once(player, 'finished')]); /* an `error` rejects both */
    for (const name of fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
        const read = (file) => { try { return fs.readFileSync(`/proc/${name}/${file}`, 'latin1'); } catch { return ''; } };
        /* The zygote has another name; workers are the daemon's or the zygote's children. */
        if (read('comm').trim() === 'tutti-worker' && isOurs(Number(/^PPid:\s+(\d+)/m.exec(read('status'))?.[1])))
            process.kill(Number(name), 'SIGKILL');
    }
    const [warning] = await warned;
    assert.deepEqual([warning.code, warning.channelId], ['worker_restarted', '6']);
    const at = reader.packets.length;
    await until(() => reader.packets.length >= at + 50, 'packets after it');
    const places = trace(reader.packets, media.source, (i) => i * FRAME - LOOK_AHEAD, { range: 3 * FRAME, every: 2 }).slice(1);
    assert.ok(places.every(({ packet, place }) => place === packet * FRAME - LOOK_AHEAD), 'not a sample is missing');
    await player.stop();
});

test('volume is heard within the depth of the stream', async () => {
    const player = client.player('4');
    await player.play(media.long);
    const reader = readAtPace(player.stream, 20);
    await until(() => reader.packets.length >= 50, 'packets');
    await player.setVolume(0);
    const at = reader.packets.length;
    await until(() => reader.packets.length >= at + 30, 'packets after the change');
    reader.stop();
    const pcm = decode(reader.packets);
    const loudness = (packet) => Math.sqrt(pcm.subarray(packet * FRAME, (packet + 1) * FRAME).reduce((sum, x) => sum + x * x, 0) / FRAME);
    const loud = loudness(at - 2);
    assert.ok(loud > 500);
    /* Four packets in the stream, one with the ramp, one for the codec's own decay. */
    for (let packet = at + 6; packet < at + 28; packet++)
        assert.ok(loudness(packet) < loud / 50, `packet ${packet - at} after the answer has loudness ${loudness(packet)}`);
    await player.stop();
});

test('sixty channels at fifty frames a second', { timeout: 60_000 }, async () => {
    const players = Array.from({ length: 60 }, (_, i) => client.player(String(1000 + i)));
    await Promise.all(players.map((player) => player.play(media.long)));
    const readers = players.map((player) => readAtPace(player.stream, 20));
    await sleep(1000); /* the workers fill their rings: with sixty at once that takes the machine's time */
    const missedBefore = readers.map((reader) => reader.missed);
    const countBefore = readers.map((reader) => reader.packets.length);
    await until(() => readers.every((reader, i) => reader.packets.length >= countBefore[i] + 150), '150 more packets of each', 20_000);
    for (const reader of readers)
        reader.stop();
    const missed = readers.reduce((sum, reader, i) => sum + reader.missed - missedBefore[i], 0);
    const packets = readers.reduce((sum, reader, i) => sum + reader.packets.length - countBefore[i], 0);
    assert.ok(missed <= packets / 100, `${missed} of ${packets + missed} reads found nothing`);
    const { frames } = await client.stats();
    assert.equal(frames.dropped, 0);
    const [sample] = readers;
    const places = trace(sample.packets.slice(0, 100), media.source, (i) => i * FRAME - LOOK_AHEAD, { range: 100, every: 5 }).slice(1);
    assert.ok(places.every(({ packet, place }) => place === packet * FRAME - LOOK_AHEAD), 'the content of one of them is unbroken');
    await Promise.all(players.map((player) => player.destroy()));
    assert.equal((await client.status()).sessions.length, 0);
});

test('a stop in the middle ends the stream at once', async () => {
    const player = client.player('5');
    await player.play(media.long);
    await readPackets(player.stream, 10);
    const { stream } = player;
    const ended = next(stream, 'end');
    const stopping = player.stop();
    assert.equal(stream.readableLength, 0);
    stream.resume();
    await ended;
    await stopping;
});
