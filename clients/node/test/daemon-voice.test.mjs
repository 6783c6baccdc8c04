/*
 * The whole way: the real daemon, the client, a real AudioPlayer and VoiceConnection of
 * @discordjs/voice, and the stand-in of Discord's voice server, which counts, decrypts and decodes
 * what would have reached the listeners.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { AudioPlayerStatus, createAudioPlayer, entersState } from '@discordjs/voice';
import { TuttiClient } from '../lib/index.mjs';
import { Daemon, makeMedia } from './lib/daemon.mjs';
import { VoiceServer } from './lib/discord.mjs';
import { FRAME, trace } from './lib/media.mjs';
import { next, sleep, until } from './lib/wait.mjs';

const LOOK_AHEAD = 312;
let media;
let daemon;
let client;
let server;
let guilds = 41771983423143937n;

before(async () => {
    media = makeMedia();
    server = await VoiceServer.start();
    daemon = await Daemon.start('--media-root', media.dir, '--max-workers', '8');
    client = await new TuttiClient({ runtimeDir: daemon.dir }).connect();
});

after(async () => {
    await client?.close();
    await daemon?.close();
    await server?.close();
    media?.close();
});

async function join() {
    const guild = String(++guilds);
    const player = client.player(String(guilds + 1000n));
    const connection = await server.join(guild, player.channelId);
    return { guild, player, connection };
}

/** What arrived for a guild since the last call; checks what must hold of any row of packets. */
async function heard(guild) {
    const [{ packets, bad }] = await server.take(guild);
    assert.equal(bad, 0, 'every packet is genuine and came after the speaking message');
    for (let i = 1; i < packets.length; i++) {
        assert.equal((packets[i].sequence - packets[i - 1].sequence) & 0xffff, 1, 'no packet is missing');
        assert.equal((packets[i].timestamp - packets[i - 1].timestamp) >>> 0, FRAME, 'timestamps step by 20 ms');
    }
    return packets;
}

const opus = (packets) => packets.map(({ payload }) => Buffer.from(payload, 'base64'));
const silent = (packets) => packets.filter(({ silence }) => silence).length;
const sound = (packets) => packets.filter(({ silence }) => !silence);
const gaps = (packets) => packets.slice(1).map(({ at }, i) => (at - packets[i].at) / 1000);

/** How many frames each packet's sound is ahead of an unbroken row from `from` seconds; bad ones are NaN. */
function shifts(packets, { source = media.source, from = 0, range = 10 } = {}) {
    return trace(opus(packets), source, (i) => from * 48000 + i * FRAME - LOOK_AHEAD, { range: range * FRAME, every: 2 })
        .map(({ packet, place, match }) => match > 0.9 ? Math.round((place + LOOK_AHEAD) / FRAME - from * 50) - packet : NaN);
}

/* On a machine that others load too, a frame may come late; it must not be lost for that. */
function assertFewMissed(packets) {
    const missed = packets.flatMap(({ silence }, i) => silence ? [i] : []);
    assert.ok(missed.length <= 1 + packets.length / 20, `of ${packets.length} packets, frames were missed at ${missed}`);
}

/* The cadence is judged by what a loaded machine of two processors can promise. */
function assertCadence(packets) {
    const sorted = gaps(packets).sort((a, b) => a - b);
    const median = sorted[sorted.length >> 1];
    assert.ok(Math.abs(median - 20) < 3, `median gap ${median} ms`);
    const mean = sorted.reduce((a, b) => a + b, 0) / sorted.length;
    assert.ok(Math.abs(mean - 20) < 1, `mean gap ${mean} ms`);
}

test('what is played is heard: each frame once, in time, unchanged', async () => {
    const { guild, player, connection } = await join();
    player.subscribe(connection);
    await player.play(media.long);
    await server.reached(guild, 200);
    const packets = (await heard(guild)).slice(0, 200);
    assertFewMissed(packets);
    assertCadence(packets);
    const found = shifts(sound(packets)).slice(1);
    assert.ok(found.every((shift) => shift === 0), `shifts ${found}`);
    assert.ok(player.position >= 4 && player.position < 8, `position ${player.position}`);
    await player.destroy();
});

test('pause and resume: silence at once, and on with the very next frame', async () => {
    const { guild, player, connection } = await join();
    player.subscribe(connection);
    await player.play(media.long);
    await server.reached(guild, 40);
    await player.pause();
    assert.equal(player.audioPlayer.state.status, AudioPlayerStatus.Paused);
    await sleep(300);
    const before = await heard(guild);
    await sleep(200);
    assert.deepEqual(await heard(guild), [], 'nothing is sent while paused');
    assert.equal(silent(before.slice(-5)), 5, 'the pause begins with five frames of silence');
    assertFewMissed(before.slice(0, -5));
    await player.resume();
    await server.reached(guild, 60);
    const after = await heard(guild);
    const found = shifts(sound([...before, ...after])).slice(1);
    assert.ok(found.filter(Number.isNaN).length <= 1 && found.every((s) => Number.isNaN(s) || s === 0), `shifts ${found}`);
    await player.destroy();
});

test('seek: the same stream, the same resource, the new place', async () => {
    const { guild, player, connection } = await join();
    player.subscribe(connection);
    await player.play(media.long);
    await server.reached(guild, 40);
    const { resource } = player.audioPlayer.state;
    const { position } = await player.seek(40);
    const at = await server.count(guild);
    await server.reached(guild, at + 60);
    assert.equal(player.audioPlayer.state.resource, resource);
    const packets = await heard(guild);
    assertFewMissed(packets);
    assertCadence(packets);
    /* The AudioPlayer has one packet prepared; the rest behind the answer is of the new place. */
    const found = shifts(sound(packets.slice(at + 3, at + 60)), { from: position }).slice(1);
    assert.ok(found.every((shift) => shift === found[0]), `shifts ${found}`);
    assert.ok(found[0] >= 0 && found[0] <= 6, `the new place began with its frame ${found[0]}`);
    await player.destroy();
});

test('skip: another play in the same stream, without a silent packet', async () => {
    const { guild, player, connection } = await join();
    player.subscribe(connection);
    await player.play(media.long);
    await server.reached(guild, 40);
    const { resource } = player.audioPlayer.state;
    await player.play(media.other);
    const at = await server.count(guild);
    await server.reached(guild, at + 60);
    assert.equal(player.audioPlayer.state.resource, resource, 'the voice connection was not touched');
    const packets = await heard(guild);
    assertFewMissed(packets);
    assertCadence(packets);
    const found = shifts(sound(packets.slice(at + 8, at + 60)), { source: media.otherSource, range: 16 }).slice(1);
    assert.ok(found.every((shift) => shift === found[0]), `shifts ${found}`);
    assert.ok(found[0] >= 0 && found[0] < 16);
    await player.destroy();
});

test('next: joined without a gap', async () => {
    const { guild, player, connection } = await join();
    player.subscribe(connection);
    await player.play(media.short);
    await player.play(media.other, { next: true });
    await server.reached(guild, 180);
    const all = await heard(guild);
    assertFewMissed(all);
    /* The second track begins with the very sample behind the hundred frames of the first. */
    const found = shifts(sound(all).slice(100, 160), { source: media.otherSource }).slice(3);
    assert.ok(found.length > 20 && found.every((shift) => shift === 0), `shifts ${found}`);
    await player.destroy();
});

test('the end: all frames, silence for the listeners, idle; and the next play', async () => {
    const { guild, player, connection } = await join();
    player.subscribe(connection);
    for (let round = 0; round < 2; round++) {
        const finished = next(player, 'finished');
        await player.play(media.short);
        const { frames } = await finished;
        assert.equal(player.audioPlayer.state.status, AudioPlayerStatus.Idle, 'a bot that leaves now cuts nothing');
        assert.equal(player.state, 'idle');
        await sleep(100);
        const packets = await heard(guild);
        assert.equal(packets.length - silent(packets), frames, 'every frame was sent');
        const last = packets.findLastIndex(({ silence }) => !silence);
        const tail = packets.length - 1 - last;
        assert.ok(tail >= 5 && tail <= 7, `${tail} packets of silence at the end`);
        /* The library prepares a packet of silence too many, and sends it before the next track. */
        assertFewMissed(packets.slice(1, last));
    }
    await player.destroy();
});

test('stop: silence at once', async () => {
    const { guild, player, connection } = await join();
    player.subscribe(connection);
    await player.play(media.long);
    await server.reached(guild, 40);
    await player.stop();
    await entersState(player.audioPlayer, AudioPlayerStatus.Idle, 5000);
    await sleep(100);
    const packets = await heard(guild);
    const tail = packets.length - 1 - packets.findLastIndex(({ silence }) => !silence);
    assert.ok(tail >= 5 && tail <= 7, `${tail} packets of silence`);
    assertFewMissed(packets.slice(0, -tail));
    await player.destroy();
});

test('an AudioPlayer of the bot\'s own, with resource()', async () => {
    const { guild, player, connection } = await join();
    assert.throws(() => player.resource(), { code: 'no_session' });
    const audioPlayer = createAudioPlayer({ behaviors: { maxMissedFrames: Infinity } });
    connection.subscribe(audioPlayer);
    await player.play(media.long);
    const resource = player.resource({ asked: 'by somebody' });
    assert.equal(resource.metadata.asked, 'by somebody');
    assert.equal(player.resource(), resource, 'one resource a stream');
    audioPlayer.play(resource);
    await server.reached(guild, 60);
    await player.pause();
    assert.equal(audioPlayer.state.status, AudioPlayerStatus.Paused, 'pause maps to both sides');
    await player.resume();
    assert.equal(audioPlayer.state.status, AudioPlayerStatus.Playing);
    await server.reached(guild, 90);
    await player.stop();
    await entersState(audioPlayer, AudioPlayerStatus.Idle, 5000);
    const found = shifts(sound(await heard(guild)).slice(0, 80)).slice(1);
    assert.ok(found.filter(Number.isNaN).length <= 2 && found.every((s) => Number.isNaN(s) || s === 0), `shifts ${found}`);
    await player.destroy();
});

test('a player that is left by all listeners and destroyed keeps no process alive', async () => {
    for (const leave of ['before', 'after']) {
        const { guild, player, connection } = await join();
        player.subscribe(connection);
        await player.play(media.long);
        await server.reached(guild, 50);
        if (leave === 'before') {
            connection.destroy();
            await entersState(player.audioPlayer, AudioPlayerStatus.AutoPaused, 5000);
        }
        await player.destroy();
        if (leave === 'after')
            connection.destroy();
        await entersState(player.audioPlayer, AudioPlayerStatus.Idle, 5000);
    }
});

test('the daemon dies while its music is heard: the voice connection goes on where it was', async () => {
    const { guild, player, connection } = await join();
    player.subscribe(connection);
    await player.play(media.long);
    await server.reached(guild, 50);
    await daemon.end('SIGKILL');
    const back = next(client, 'reconnected');
    await daemon.start();
    await back;
    const at = await server.count(guild);
    await server.reached(guild, at + 80);
    const packets = await heard(guild);
    const found = shifts(sound(packets)).slice(1);
    assert.ok(found.filter(Number.isNaN).length <= 4 && found.every((s) => Number.isNaN(s) || Math.abs(s) <= 1), `shifts ${found}`);
    assert.equal(connection.state.status, 'ready');
    await player.destroy();
    await until(async () => (await client.status()).sessions.length === 0, 'no session left');
});
