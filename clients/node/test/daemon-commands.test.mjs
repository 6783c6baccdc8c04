import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, test } from 'node:test';
import { TuttiClient } from '../lib/index.mjs';
import { binary, Daemon, makeMedia } from './lib/daemon.mjs';
import { next, readAtPace, readPackets, until } from './lib/wait.mjs';

let media;
let daemon;
let client;
let channels = 100;

before(async () => {
    media = makeMedia();
    daemon = await Daemon.start('--media-root', media.dir, '--max-workers', '8');
    client = await new TuttiClient({ runtimeDir: daemon.dir }).connect();
});

after(async () => {
    await client?.close();
    assert.equal(await daemon?.close(), 0);
    media?.close();
});

/** A player of a channel of its own, so that tests do not meet. */
const newPlayer = () => client.player(String(++channels));

test('hello: an id and a server', () => {
    assert.match(client.server, /^tutti\//);
    assert.ok(client.id);
    assert.equal(client.connected, true);
});

test('play answers ready, and finishes in band with every frame', async () => {
    const player = newPlayer();
    const finished = next(player, 'finished');
    const ready = await player.play(media.short, { playId: 'first' });
    assert.equal(ready.type, 'ready');
    assert.equal(ready.playId, 'first');
    assert.equal(ready.channelId, player.channelId);
    assert.equal(ready.position, 0);
    assert.ok(Math.abs(ready.duration - 2) < 0.01);
    assert.equal(ready.passthrough, false);
    const packets = await readPackets(player.stream, 1000);
    const frames = Math.ceil((2 * 48000 + 312) / 960);
    assert.equal(packets.length, frames);
    const event = await finished;
    assert.equal(event.frames, frames);
    assert.equal(event.playId, 'first');
    assert.equal(player.state, 'idle');
});

test('pause, resume, volume, seek, stop: each with its answer', async () => {
    const player = newPlayer();
    await player.play(media.long);
    const reader = readAtPace(player.stream);
    await until(() => reader.packets.length >= 5, 'packets');
    const paused = await player.pause();
    assert.equal(paused.type, 'paused');
    assert.ok(paused.position >= 0.1 && paused.position < 2, `paused at ${paused.position}`);
    assert.equal((await player.status()).state, 'paused');
    assert.equal((await player.pause()).type, 'paused', 'pause is idempotent');
    assert.equal((await player.resume()).type, 'resumed');
    assert.equal((await player.resume()).type, 'resumed', 'resume is idempotent');
    assert.equal((await player.setVolume(0.25)).level, 0.25);
    assert.equal(player.volume, 0.25);
    const seeked = await player.seek(30);
    assert.equal(seeked.type, 'seeked');
    assert.ok(Math.abs(seeked.position - 30) <= 0.02, `seeked to ${seeked.position}`);
    const stopped = await player.stop();
    assert.deepEqual([stopped.type, stopped.reason], ['stopped', 'stop']);
    assert.ok(stopped.position >= 30);
    reader.stop();
    assert.equal((await player.stop()).playId, null, 'stop of nothing is answered too');
    assert.equal(await player.status(), null);
});

test('status of one and of all, stats', async () => {
    const player = newPlayer();
    await player.play(media.long, { volume: 0.5, position: 10, playId: 'listed' });
    const [session] = (await client.status(player.channelId)).sessions;
    assert.equal(session.playId, 'listed');
    assert.equal(session.url, media.long);
    assert.equal(session.volume, 0.5);
    assert.ok(session.position >= 10 && session.position < 10.2);
    assert.ok(Math.abs(session.duration - 60) < 0.01);
    assert.ok((await client.status()).sessions.some((s) => s.channelId === player.channelId));
    const stats = await client.stats();
    assert.equal(stats.workers.max, 8);
    assert.ok(stats.workers.busy >= 1);
    assert.ok(stats.frames.sent > 0);
    assert.equal(typeof stats.latenessUs.p99, 'number');
    await player.stop();
});

test('errors reject with code, channelId and playId, and are events', async () => {
    const player = newPlayer();
    const { channelId } = player;
    for (const command of [player.pause(), player.resume(), player.seek(1)])
        await assert.rejects(command, { name: 'TuttiError', code: 'no_session', channelId });
    const seen = [];
    client.on('error', (error) => seen.push(`${error.code} ${error.playId}`));
    await assert.rejects(player.play(`${media.dir}/none.wav`, { playId: 'n' }), { code: 'not_found', channelId, playId: 'n' });
    await assert.rejects(player.play('/etc/passwd', { playId: 'f' }), { code: 'forbidden_url', channelId, playId: 'f' });
    await assert.rejects(player.play('gopher://x/', { playId: 'u' }), { code: 'unsupported_url', channelId, playId: 'u' });
    await assert.rejects(player.play(media.text, { playId: 'd' }), { code: 'decode_failed', channelId, playId: 'd' });
    await assert.rejects(player.play(media.long, { volume: 3 }), { code: 'invalid_command', channelId });
    await assert.rejects(player.setVolume(-1), { code: 'invalid_command' });
    client.removeAllListeners('error');
    for (const expected of ['not_found n', 'forbidden_url f', 'unsupported_url u', 'decode_failed d'])
        assert.ok(seen.includes(expected), `${expected} among ${seen}`);
    assert.equal(player.state, 'idle');
    await assert.rejects(player.play(media.long, { signal: AbortSignal.abort() }), { name: 'AbortError' });
});

test('a replacing play that fails leaves the old one playing', async () => {
    const player = newPlayer();
    await player.play(media.long, { playId: 'old' });
    const reader = readAtPace(player.stream);
    await assert.rejects(player.play(`${media.dir}/none.wav`), { code: 'not_found' });
    const count = reader.packets.length;
    await until(() => reader.packets.length > count + 10, 'more packets of the old play');
    assert.equal(player.playId, 'old');
    reader.stop();
    await player.stop();
});

test('replaced, and the new one plays', async () => {
    const player = newPlayer();
    await player.play(media.long, { playId: 'one' });
    const reader = readAtPace(player.stream);
    await until(() => reader.packets.length > 5, 'packets');
    const stopped = next(player, 'stopped');
    const ready = await player.play(media.other, { playId: 'two' });
    assert.equal(ready.playId, 'two');
    assert.deepEqual([(await stopped).playId, (await stopped).reason], ['one', 'replaced']);
    assert.equal(player.playId, 'two');
    reader.stop();
    await player.stop();
});

test('every accepted play gets exactly one terminal event, and none after it', async () => {
    const player = newPlayer();
    const ends = new Map();
    const after = [];
    for (const type of ['ready', 'stopped', 'finished', 'error', 'paused', 'resumed', 'seeked', 'volume']) {
        player.on(type, ({ playId }) => {
            if (ends.get(playId))
                after.push(`${type} of ${playId}`);
            if (['stopped', 'finished', 'error'].includes(type) && playId !== null)
                ends.set(playId, type);
        });
    }
    const plays = [];
    for (let i = 0; i < 12; i++) {
        plays.push(player.play(i % 4 === 3 ? `${media.dir}/none.wav` : media.long, { playId: `p${i}`, cut: i % 3 === 1 }).catch(() => {}));
        if (i % 5 === 4)
            plays.push(player.stop());
    }
    await Promise.all(plays);
    await player.stop();
    await until(() => ends.size === 12, `twelve ends: ${[...ends.keys()]}`);
    assert.deepEqual(after, []);
});

test('beyond the seats a play is refused', async () => {
    const players = Array.from({ length: 8 }, newPlayer);
    await Promise.all(players.map((player) => player.play(media.long)));
    await assert.rejects(newPlayer().play(media.long), { code: 'pool_exhausted' });
    await Promise.all(players.map((player) => player.destroy()));
});

test('another client watches and commands', async () => {
    const watcher = await new TuttiClient({ runtimeDir: daemon.dir, audioSocket: false }).connect();
    assert.equal((await watcher.watch(true)).type, 'watching');
    const player = newPlayer();
    const seen = next(watcher, 'ready', ({ channelId }) => channelId === player.channelId);
    await player.play(media.long, { playId: 'watched' });
    assert.equal((await seen).playId, 'watched');
    const ours = next(player, 'paused');
    assert.equal((await watcher.pause(player.channelId)).type, 'paused');
    await ours;
    assert.equal(player.paused, true);
    await watcher.stop(player.channelId);
    await until(() => player.state === 'idle', 'the end of a play that another client stopped');
    await watcher.close();
});

test('spawn() starts a private daemon, and close() ends it', async () => {
    const own = await TuttiClient.spawn({ bin: binary, daemon: { mediaRoot: [media.dir], maxWorkers: 2 } });
    const { pid } = own.daemon;
    try {
        assert.notEqual(own.sockets.control, client.sockets.control);
        await own.play('5', media.short);
    } finally {
        await own.close();
    }
    assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
    assert.equal(fs.existsSync(own.sockets.control), false);
});

test('spawn() says why a daemon does not start', async () => {
    await assert.rejects(TuttiClient.spawn({ bin: binary, daemon: { noSuchOption: true } }), { code: 'no_daemon', message: /no-such-option/ });
    await assert.rejects(TuttiClient.spawn({ bin: '/nonexistent/tuttid' }), { code: 'no_daemon' });
});

test('spawn() starts its daemon again when it dies, and the play goes on', async () => {
    const own = await TuttiClient.spawn({ bin: binary, daemon: { mediaRoot: [media.dir], maxWorkers: 2 } });
    try {
        const player = own.player('6');
        await player.play(media.long);
        await readPackets(player.stream, 20);
        const back = next(own, 'reconnected');
        own.daemon.kill('SIGKILL');
        assert.equal((await back).replayed, 1);
        assert.equal((await readPackets(player.stream, 50)).length, 50);
    } finally {
        await own.close();
    }
});
