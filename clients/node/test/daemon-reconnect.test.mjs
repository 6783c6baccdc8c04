import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { TuttiClient } from '../lib/index.mjs';
import { Daemon, makeMedia } from './lib/daemon.mjs';
import { FRAME, trace } from './lib/media.mjs';
import { Proxy } from './lib/proxy.mjs';
import { next, readAtPace, readPackets, until } from './lib/wait.mjs';

const CHANNEL = '223456789012345678';
let media;
const toClose = [];

before(() => { media = makeMedia(); });
after(() => media.close());
afterEach(async () => {
    for (const thing of toClose.splice(0).reverse())
        await thing.close();
});

async function setUp(options = {}) {
    const daemon = await Daemon.start('--media-root', media.dir, '--max-workers', '4');
    const control = await Proxy.start(`${daemon.dir}/control.sock`);
    const audio = await Proxy.start(`${daemon.dir}/audio.sock`);
    const client = new TuttiClient({ control: control.path, audio: audio.path, reconnect: { minDelay: 20 }, ...options });
    toClose.push(daemon, control, audio, client);
    await client.connect();
    const player = client.player(CHANNEL);
    return { daemon, control, audio, client, player };
}

/**
 * Where the packets come from in the source, as whole frames relative to an unbroken row from 0:
 * all 0 when nothing is missing or twice. Sounds too short to place (the first, joints) are left out.
 */
function shifts(packets) {
    const places = trace(packets, media.source, (i) => i * FRAME - 312, { range: 8 * FRAME, every: 2 });
    return places.filter(({ match }) => match > 0.9).map(({ packet, place }) => Math.round((place - packet * FRAME + 312) / FRAME));
}

test('the control socket cut: the same client again, nothing missing, nothing twice', async () => {
    const { client, control, player } = await setUp();
    await player.play(media.long);
    const reader = readAtPace(player.stream, 5);
    await until(() => reader.packets.length >= 30, 'packets');
    const { id } = client;
    const lost = next(client, 'disconnected');
    control.cut();
    assert.equal((await lost).socket, 'control');
    const { replayed } = await next(client, 'reconnected');
    assert.equal(client.id, id);
    assert.equal(replayed, 0);
    await until(() => reader.packets.length >= 100, 'packets after the cut');
    reader.stop();
    assert.equal((await player.pause()).type, 'paused');
    const found = shifts(reader.packets.slice(0, 100));
    assert.ok(found.length > 40);
    assert.ok(found.every((shift) => shift === 0), `shifts ${found}`);
});

test('the audio socket cut: attached again, at most what was on its way is missing', async () => {
    const { client, audio, player } = await setUp();
    await player.play(media.long);
    const reader = readAtPace(player.stream, 5);
    await until(() => reader.packets.length >= 30, 'packets');
    const lost = next(client, 'disconnected');
    audio.cut();
    assert.equal((await lost).socket, 'audio');
    await next(client, 'reconnected');
    await until(() => reader.packets.length >= 120, 'packets after the cut');
    reader.stop();
    const found = shifts(reader.packets.slice(0, 120));
    assert.ok(found.every((shift, i) => shift >= 0 && shift <= 4 && (i === 0 || shift >= found[i - 1])), `shifts ${found}`);
    assert.ok(player.frames.lost <= 4);
    assert.equal(found.at(-1), player.frames.lost, 'what is missing was counted');
});

test('the daemon killed and started again: the play goes on at its position', async () => {
    const { client, daemon, player } = await setUp();
    await player.play(media.long, { playId: 'mine' });
    await player.setVolume(0.8);
    const reader = readAtPace(player.stream, 5);
    await until(() => reader.packets.length >= 50, 'packets');
    await daemon.end('SIGKILL');
    await until(() => !client.connected, 'the loss');
    const stats = client.stats();
    const replayed = next(client, 'replayed');
    await daemon.start();
    const event = await replayed;
    assert.equal(event.playId, 'mine');
    assert.equal((await stats).type, 'stats');
    await until(() => reader.packets.length >= 150, 'packets of the new daemon');
    reader.stop();
    const found = shifts(reader.packets.slice(0, 150));
    assert.ok(found.length > 60);
    assert.ok(found.every((shift) => Math.abs(shift) <= 1), `shifts ${found}`);
    assert.equal((await player.status()).volume, 0.8);
});

test('a daemon that is shut down and started again is no end either', async () => {
    const { client, daemon, player } = await setUp();
    const ends = [];
    player.on('stopped', (event) => ends.push(event));
    await player.play(media.long, { paused: true, position: 5 });
    assert.equal(await daemon.end('SIGTERM'), 0);
    await daemon.start();
    await next(client, 'reconnected');
    await until(async () => (await player.status())?.state === 'paused', 'the play, paused as before');
    const status = await player.status();
    assert.ok(Math.abs(status.position - 5) < 0.1, `position ${status.position}`);
    assert.deepEqual(ends, []);
});

test('commands while the daemon is away wait, or fail, or time out', async () => {
    const { client, daemon, player } = await setUp();
    await player.play(media.long);
    await daemon.end('SIGKILL');
    await until(() => !client.connected, 'the loss');
    await assert.rejects(player.pause({ whenDisconnected: 'fail' }), { code: 'disconnected' });
    await assert.rejects(player.seek(1, { timeout: 50 }), { code: 'timeout' });
    await assert.rejects(player.seek(1, { signal: AbortSignal.timeout(50) }), { code: 'aborted' });
    const seek = player.seek(40);
    const volume = player.setVolume(1.5);
    await daemon.start();
    assert.equal((await volume).level, 1.5);
    const reader = readAtPace(player.stream, 10);
    await seek;
    reader.stop();
    await until(async () => (await player.status()).position >= 39.9, 'the place that was sought');
});

test('a new process with the old id takes the sessions over', async () => {
    const { client, control, audio, player } = await setUp();
    await player.play(media.long, { playId: 'kept' });
    await readPackets(player.stream, 100);
    const { id } = client;
    await client.close();
    const second = new TuttiClient({ control: control.path, audio: audio.path, id });
    toClose.push(second);
    await second.connect();
    assert.equal(second.id, id);
    const adopted = second.player(CHANNEL);
    assert.deepEqual([adopted.playId, adopted.url, adopted.state], ['kept', media.long, 'playing']);
    const packets = await readPackets(adopted.stream, 50);
    const [{ place }] = trace(packets.slice(0, 12), media.source, (i) => (100 + i) * FRAME, { range: 12 * FRAME }).slice(4);
    assert.ok(place > 100 * FRAME && place < 112 * FRAME, `went on at ${place / FRAME}`);
});
