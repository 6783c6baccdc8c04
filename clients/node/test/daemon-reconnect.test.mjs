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

for (const when of ['while the daemon is away', 'as soon as it is back']) {
    test(`a play that fails or is aborted ${when} leaves what is played again`, async () => {
        const { client, daemon, player } = await setUp();
        const missing = `${media.dir}/none.wav`;
        await player.play(media.long, { playId: 'heard' });
        const reader = readAtPace({ read: () => player.stream?.read() ?? null }, 5);
        await until(() => reader.packets.length >= 50, 'packets');
        const ends = [];
        for (const type of ['finished', 'stopped', 'error'])
            player.on(type, ({ playId, code }) => ends.push(`${type} ${playId} ${code ?? ''}`));
        const replayed = next(client, 'replayed');
        await daemon.end('SIGKILL');
        await until(() => !client.connected, 'the loss');
        const giveBoth = () => {
            const abort = new AbortController();
            const aborted = assert.rejects(player.play(media.other, { signal: abort.signal }), { code: 'aborted' });
            abort.abort();
            return Promise.all([aborted, assert.rejects(player.play(missing, { playId: 'missing' }), { code: 'not_found' })]);
        };
        const both = when.startsWith('while') ? giveBoth() : next(client, 'reconnected').then(giveBoth);
        await daemon.start();
        await both;
        assert.equal((await replayed).playId, 'heard');
        assert.deepEqual([player.playId, player.state, (await player.status()).playId], ['heard', 'playing', 'heard']);
        const count = reader.packets.length;
        await until(() => reader.packets.length >= count + 50, 'the sound of what is played again');
        reader.stop();
        assert.deepEqual(ends, ['error missing not_found']);
    });
}

test('what is given to a daemon that comes back keeps its order', async () => {
    const { client, daemon, player } = await setUp();
    await player.play(media.long, { playId: 'heard' });
    await readPackets(player.stream, 20);
    await daemon.end('SIGKILL');
    await until(() => !client.connected, 'the loss');
    const reader = readAtPace({ read: () => player.stream?.read() ?? null }, 5);
    const play = player.play(media.other, { playId: 'new' });
    const seek = player.seek(8);
    const paused = player.pause();
    await daemon.start();
    assert.equal((await play).type, 'ready');
    assert.deepEqual([(await seek).playId, (await paused).playId], ['new', 'new']);
    const session = await player.status();
    assert.deepEqual([session.playId, session.state, Math.round(session.position)], ['new', 'paused', 8]);
    const stopped = player.stop();
    reader.stop();
    await stopped;
    assert.equal(await player.status(), null);
});

/** What the daemon is told arrives, its answers are lost, and then the connection is. */
async function loseAnswers({ client, control, daemon }, give, arrived) {
    const observer = await new TuttiClient({ runtimeDir: daemon.dir, audioSocket: false }).connect();
    toClose.push(observer);
    control.mute();
    const answers = give();
    await until(async () => arrived((await observer.status(CHANNEL)).sessions[0]), 'the commands at the daemon');
    const back = next(client, 'reconnected');
    control.cut();
    await back;
    await client.stats(); /* all that was sent again was heard */
    return answers;
}

test('a next that another has replaced does not come back when its answer is lost', async () => {
    const parts = await setUp();
    const { player } = parts;
    await player.play(media.long, { playId: 'heard' });
    const [first] = await loseAnswers(parts, () => [
        player.play(media.short, { next: true, playId: 'older' }),
        player.play(media.other, { next: true, playId: 'newer' }).catch(() => {}),
    ], (session) => session.next?.playId === 'newer');
    const session = await player.status();
    assert.deepEqual([session.playId, session.next?.playId], ['heard', 'newer']);
    const { type, reason, playId } = await first;
    assert.deepEqual([type, reason, playId], ['stopped', 'replaced', 'older']);
});

test('a play that another has replaced does not come back either, nor does what was done before it', async () => {
    const parts = await setUp();
    const { player } = parts;
    const ends = [];
    for (const type of ['finished', 'stopped', 'error'])
        player.on(type, ({ playId, reason }) => ends.push(`${type} ${playId} ${reason}`));
    await player.play(media.long, { playId: 'heard' });
    await readPackets(player.stream, 10);
    const answers = await loseAnswers(parts, () => [
        player.seek(5), player.pause(), player.play(media.short, { playId: 'older' }), player.play(media.other, { playId: 'newer' }),
    ], (session) => session.playId === 'newer' && session.state === 'streaming');
    await until(async () => (await player.status())?.playId === 'newer' && player.playId === 'newer', 'the newer one');
    const [seeked, paused, older, newer] = await Promise.all(answers);
    assert.deepEqual([seeked.type, paused.type, older.type, newer.type], ['seeked', 'paused', 'stopped', 'ready']);
    const { state, position } = await player.status();
    assert.ok(state === 'streaming' && position < 4, `${state} at ${position}`);
    assert.deepEqual([player.playId, player.state, ends], ['newer', 'playing', ['stopped heard replaced', 'stopped older replaced']]);
    const [stopped, last] = await Promise.all(await loseAnswers(parts, () => [player.stop(), player.play(media.long, { playId: 'last' })],
        (session) => session?.playId === 'last' && session.state === 'streaming'));
    assert.deepEqual([stopped.type, last.type, player.playId, (await player.status())?.playId], ['stopped', 'ready', 'last', 'last']);
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
