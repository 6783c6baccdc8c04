/* What the player says, what the daemon plays and what is heard are one, whatever comes between. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import { after, afterEach, before, test } from 'node:test';
import { TuttiClient } from '../lib/index.mjs';
import { Daemon, makeMedia } from './lib/daemon.mjs';
import { convert, decode, FRAME, locate } from './lib/media.mjs';
import { next, readAtPace, readPackets, until } from './lib/wait.mjs';

const LOOK_AHEAD = 312; /* of libopus, samples */
let media;
let daemon;
let channels = 300;
const toClose = [];

before(async () => {
    media = makeMedia();
    daemon = await Daemon.start('--media-root', media.dir, '--max-workers', '12', '--allow-private-hosts');
});

after(async () => {
    await daemon?.close();
    media?.close();
});

afterEach(async () => {
    for (const thing of toClose.splice(0).reverse())
        await thing.close();
});

async function connect(options) {
    const client = new TuttiClient({ runtimeDir: daemon.dir, reconnect: { minDelay: 20 }, ...options });
    toClose.push(client);
    return client.connect();
}

/** A player that is read at the pace of an AudioPlayer, whichever stream it has. */
function listen(player, period = 20) {
    const reader = readAtPace({ read: () => player.stream?.read() ?? null }, period);
    toClose.push({ close: () => reader.stop() });
    return reader;
}

/**
 * The 30 packets from `at` on are one unbroken row out of the source, whose frames begin at multiples of
 * 20 ms, from between `from` and `to` seconds; returns where it begins, seconds.
 */
async function hears(reader, source, from, to, at = reader.packets.length) {
    await until(() => reader.packets.length >= at + 30, 'sound');
    const pcm = decode(reader.packets.slice(at, at + 30));
    const begins = [6, 12, 18, 24].map((packet) => {
        let best = { match: -1 };
        for (let frame = from * 50; frame < to * 50 + packet; frame++) {
            const { match } = locate(pcm, packet * FRAME, source, frame * FRAME - LOOK_AHEAD, 1);
            if (match > best.match)
                best = { match, frame };
        }
        assert.ok(best.match > 0.9, `the sound of the source: ${best.match} at packet ${packet}`);
        return best.frame - packet;
    });
    assert.ok(begins.every((begin) => begin === begins[0]), `one row: ${begins}`);
    return begins[0] / 50;
}

/** An HTTP server for one body, each answer of which comes after `delay` milliseconds. */
async function serve(file, delay) {
    const bytes = fs.readFileSync(file);
    const server = http.createServer((request, response) => setTimeout(() => {
        const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? NaN);
        const range = Number.isNaN(from) ? {} : { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` };
        response.writeHead(Number.isNaN(from) ? 200 : 206, { 'content-type': 'audio/wav', 'content-length': bytes.length - (from || 0), ...range });
        response.end(bytes.subarray(from || 0));
    }, delay));
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    toClose.push({ close: () => new Promise((resolve) => { server.closeAllConnections(); server.close(resolve); }) });
    return `http://127.0.0.1:${server.address().port}/slow.wav`;
}

test('a play that is given as soon as the one before is ready is the one that is known and heard', async () => {
    const client = await connect();
    for (let round = 0; round < 6; round++) {
        const player = client.player(String(++channels));
        const reader = listen(player, 5);
        await player.play(media.long);
        await player.play(media.other, { playId: 'two' });
        assert.deepEqual([player.playId, player.state], ['two', 'playing']);
        assert.ok(player.resource());
        await hears(reader, media.otherSource, 0, 2);
        reader.stop();
        await player.destroy();
        assert.deepEqual((await client.status(player.channelId)).sessions, []);
    }
});

test('a slow play that is aborted or timed out ends; what sounds goes on', async () => {
    const slow = await serve(media.other, 400);
    const client = await connect();
    for (const how of [{ signal: AbortSignal.timeout(150) }, { timeout: 150 }, { next: true, timeout: 150 }]) {
        const player = client.player(String(++channels));
        const ends = [];
        for (const type of ['finished', 'stopped', 'error'])
            player.on(type, ({ playId }) => ends.push(`${type} ${playId}`));
        const reader = listen(player, 10);
        await player.play(media.long, { playId: 'first' });
        const ended = next(player, 'stopped');
        await assert.rejects(player.play(slow, { playId: 'late', ...how }), ({ code }) => code === 'aborted' || code === 'timeout');
        assert.equal((await ended).playId, 'late');
        assert.deepEqual([player.playId, player.state], ['first', 'playing']);
        await hears(reader, media.source, 0, 10);
        assert.deepEqual(ends, ['stopped late']);
        reader.stop();
        await player.destroy();
    }
});

test('a bot that is restarted while a track waits has both of them', async () => {
    const first = await connect();
    const player = first.player(String(++channels));
    const reader = listen(player, 5);
    await player.play(media.short, { playId: 'a' });
    player.play(media.other, { next: true, playId: 'b' }).catch(() => {});
    await until(() => reader.packets.length >= 20, 'packets');
    reader.stop();
    await first.close();
    const client = await connect({ id: first.id });
    const taken = client.player(player.channelId);
    assert.deepEqual([taken.playId, taken.url], ['a', media.short]);
    const again = listen(taken, 5);
    const ready = await next(taken, 'ready');
    assert.equal(ready.playId, 'b');
    assert.deepEqual([taken.playId, taken.url, taken.state], ['b', media.other, 'playing']);
    await hears(again, media.otherSource, 0, 2);
    await taken.destroy();
});

test('of two processes with one id the newer has it, and the older stays away', async () => {
    const older = await connect();
    const player = older.player(String(++channels));
    await player.play(media.long, { playId: 'p' });
    const told = next(older, 'error');
    const newer = await connect({ id: older.id });
    assert.equal((await told).code, 'client_replaced');
    await assert.rejects(player.pause(), { code: 'client_replaced' });
    await assert.rejects(older.connect(), { code: 'client_replaced' });
    const lost = [];
    newer.on('disconnected', (event) => lost.push(event));
    const reader = listen(newer.player(player.channelId));
    await hears(reader, media.source, 0, 10);
    assert.deepEqual([lost, newer.connected], [[], true]);
    await newer.player(player.channelId).destroy();
});

test('what another commander plays in the channel is heard and known', async () => {
    const client = await connect();
    const other = await connect({ audioSocket: false });
    const player = client.player(String(++channels));
    const reader = listen(player);
    await player.play(media.long);
    for (const watching of [false, true]) {
        await client.watch(watching);
        const { playId } = await other.play(player.channelId, media.other, { playId: `theirs ${watching}`, keepOwner: true });
        await hears(reader, media.otherSource, 0, 3);
        await until(() => player.playId === playId && player.url === media.other && player.state === 'playing', 'the play of the other');
        await player.play(media.long);
    }
    await player.destroy();
});

test('a restart of the daemon is no end: all goes on where it was', async () => {
    const client = await connect();
    for (const signal of ['SIGTERM', 'SIGKILL']) {
        const players = Array.from({ length: 3 }, () => client.player(String(++channels)));
        const ends = [];
        const readers = players.map((player) => listen(player));
        for (const player of players) {
            for (const type of ['finished', 'stopped', 'error'])
                player.on(type, (event) => ends.push([signal, type, event.position ?? event.code]));
            await player.play(media.long);
        }
        await players[1].setVolume(0.5);
        await players[2].pause();
        await until(() => readers[0].packets.length >= 50, 'packets');
        const back = next(client, 'reconnected');
        await daemon.end(signal);
        const seek = players[0].seek(40);
        await daemon.start();
        assert.equal((await back).replayed, 3);
        await seek;
        const at = await hears(readers[0], media.source, 40, 42);
        assert.ok(at >= 40 && at < 41, `the seek that waited went to ${at}`);
        await hears(readers[1], media.source, 1, 6);
        assert.equal((await players[1].status()).volume, 0.5);
        assert.equal((await players[2].status()).state, 'paused');
        assert.deepEqual(players.map(({ state }) => state), ['playing', 'playing', 'paused']);
        assert.deepEqual(ends, []);
        await players[1].play(media.other);
        assert.equal((await players[1].status()).volume, 0.5, 'the player\'s volume is what it was');
        ends.length = 0;
        await Promise.all(players.map((player) => player.destroy()));
    }
});

test('a play that is given while the daemon ends goes to the next one', async () => {
    const client = await connect();
    const player = client.player(String(++channels));
    const gone = daemon.end('SIGTERM');
    const answers = Promise.all(Array.from({ length: 20 }, async (_, i) => {
        await new Promise((resolve) => setTimeout(resolve, i));
        return (await player.play(media.long)).type;
    }));
    await gone;
    await daemon.start();
    const types = await answers;
    assert.equal(types.at(-1), 'ready');
    await hears(listen(player), media.source, 0, 3);
    await player.destroy();
});

test('a station is joined anew when the daemon is restarted', async () => {
    const mp3 = fs.readFileSync(convert(media.long, `${media.dir}/long.mp3`, '-b:a', '128k'));
    const server = http.createServer((_, response) => {
        response.writeHead(200, { 'content-type': 'audio/mpeg', 'icy-name': 'x' });
        let at = 0;
        const send = (bytes) => response.write(mp3.subarray(at % (mp3.length - bytes), (at += bytes) % (mp3.length - bytes) || bytes));
        send(48000);
        const timer = setInterval(() => send(1600), 100);
        response.on('close', () => clearInterval(timer));
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    toClose.push({ close: () => new Promise((resolve) => { server.closeAllConnections(); server.close(resolve); }) });
    const client = await connect();
    for (const signal of ['SIGKILL', 'SIGTERM']) {
        const player = client.player(String(++channels));
        const reader = listen(player);
        const ends = [];
        for (const type of ['finished', 'stopped', 'error'])
            player.on(type, (event) => ends.push(event));
        await player.play(`http://127.0.0.1:${server.address().port}/`);
        await until(() => reader.packets.length >= 30, 'the station');
        const back = next(client, 'reconnected');
        await daemon.end(signal);
        await daemon.start();
        await back;
        const count = reader.packets.length;
        await until(() => reader.packets.length >= count + 30, 'the station again');
        assert.deepEqual([ends, player.state], [[], 'playing']);
        await player.destroy();
    }
});

test('destroy: not awaited, twice, and a player that is used after it', async () => {
    const client = await connect();
    const id = String(++channels);
    for (let round = 0; round < 3; round++) {
        const old = client.player(id);
        const stopped = next(old, 'stopped');
        await old.play(media.long, { playId: 'old' });
        await readPackets(old.stream, 20);
        const gone = old.destroy();
        const player = client.player(id);
        assert.notEqual(player, old);
        const ready = await player.play(media.other);
        assert.equal(ready.type, 'ready');
        await gone;
        assert.equal((await stopped).playId, 'old');
        await old.destroy();
        assert.equal(client.player(id), player, 'the successor stays');
        await hears(listen(player, 5), media.otherSource, 0, 2);
        for (const use of [() => old.play(media.long), () => old.seek(1), () => old.stop(), () => old.setVolume(1), () => old.status()])
            await assert.rejects(use(), { code: 'destroyed', channelId: id });
        assert.throws(() => old.resource(), { code: 'destroyed' });
        await player.destroy();
        assert.deepEqual((await client.status()).sessions, [], 'no seat is left behind');
    }
});

test('a volume that another commander keeps for the channel is the player\'s from then on', async () => {
    const client = await connect();
    const other = await connect({ audioSocket: false });
    const player = client.player(String(++channels));
    await player.setVolume(0.8);
    await player.play(media.long);
    const keep = async (level) => {
        const told = next(player, 'volume');
        await other.setVolume(player.channelId, level);
        assert.deepEqual([(await told).level, (await told).keep], [level, true]);
    };
    await keep(0.3);
    await player.play(media.long);
    assert.deepEqual([player.volume, (await player.status()).volume], [0.3, 0.3]);
    await player.stop();
    assert.equal(player.volume, 0.3);
    await player.play(media.long);
    await Promise.all([other.setVolume(player.channelId, 0.4), player.setVolume(0.5)]);
    const last = (await player.status()).volume;
    await player.play(media.long);
    assert.deepEqual([player.volume, (await player.status()).volume], [last, last], 'the last one, whichever that is');
    await player.destroy();
});

test('the volume is the player\'s: at a joint, for what replaces, and for what comes later', async () => {
    const client = await connect();
    const player = client.player(String(++channels));
    const reader = listen(player, 5);
    const loudness = (packets) => {
        const pcm = decode(packets);
        return Array.from({ length: packets.length - 2 }, (_, i) =>
            Math.sqrt(pcm.subarray(i * FRAME, (i + 1) * FRAME).reduce((sum, x) => sum + x * x, 0) / FRAME));
    };
    await player.play(media.short);
    await until(() => reader.packets.length >= 20, 'packets');
    const loud = loudness(reader.packets.slice(0, 20)).at(-1);
    const joined = player.play(media.short, { next: true });
    await player.setVolume(0.1);
    const at = reader.packets.length + 10;
    await joined;
    await until(() => reader.packets.length >= 130, 'packets of the second');
    assert.ok(at < 90, 'the joint is behind the change');
    const row = loudness(reader.packets.slice(at, 130));
    assert.ok(row.every((level) => level < 0.2 * loud), `of ${loud}: ${row.map(Math.round)}`);
    await player.play(media.long);
    assert.deepEqual([player.volume, (await player.status()).volume], [0.1, 0.1]);
    await player.stop();
    assert.equal(player.volume, 0.1);
    await player.setVolume(0.3);
    await player.play(media.long);
    assert.deepEqual([player.volume, (await player.status()).volume], [0.3, 0.3]);
    await player.play(media.long, { volume: 0.7 });
    assert.deepEqual([player.volume, (await player.status()).volume], [0.7, 0.7], 'a play may have its own');
    await player.play(media.long);
    assert.equal((await player.status()).volume, 0.3);
    await player.destroy();
});
