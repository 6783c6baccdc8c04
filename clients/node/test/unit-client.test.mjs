import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { TuttiClient, TuttiError } from '../lib/index.mjs';
import { Peer } from './lib/peer.mjs';
import { next, readAtPace, readPackets, sleep, until } from './lib/wait.mjs';

const CHANNEL = '123456789012345678';
const toClose = [];

afterEach(async () => {
    for (const thing of toClose.splice(0).reverse())
        await thing.close();
});

async function setUp(peerOptions, clientOptions) {
    const peer = await Peer.start(peerOptions);
    const client = new TuttiClient({ runtimeDir: peer.dir, reconnect: { minDelay: 20 }, ...clientOptions });
    toClose.push(peer, client);
    await client.connect();
    return { peer, client, player: client.player(CHANNEL) };
}

const places = (packets) => packets.map((packet) => JSON.parse(packet).ms);

test('connect() says what is missing', async () => {
    const client = new TuttiClient({ runtimeDir: '/nonexistent' });
    await assert.rejects(client.connect(), (error) => error instanceof TuttiError && error.code === 'no_daemon');
    await assert.rejects(client.stats(), { code: 'disconnected' });
    await client.close();
    await assert.rejects(client.connect(), { code: 'closed' });
});

test('connect({ retry }) waits for a daemon that comes later', async () => {
    const peer = new Peer();
    const client = new TuttiClient({ runtimeDir: peer.dir, reconnect: { minDelay: 10, maxDelay: 50 } });
    toClose.push(peer, client);
    const attempts = [];
    client.on('reconnecting', (event) => attempts.push(event));
    const connecting = client.connect({ retry: true });
    await until(() => attempts.length >= 5, 'five attempts');
    await peer.listen();
    await connecting;
    for (const { delay, attempt, error } of attempts) {
        const full = Math.min(50, 10 * 2 ** (attempt - 1));
        assert.ok(delay >= full / 2 && delay <= full, `attempt ${attempt} waited ${delay} ms`);
        assert.equal(error.code, 'no_daemon');
    }
    const never = new TuttiClient({ runtimeDir: '/nonexistent' });
    toClose.push(never);
    await assert.rejects(never.connect({ retry: true, signal: AbortSignal.timeout(30) }), { name: 'TimeoutError' });
});

test('one promise a command, whatever order the answers come in', async () => {
    const { client, player } = await setUp();
    const ready = await player.play('/a-5s', { playId: 'mine' });
    assert.deepEqual({ type: ready.type, channelId: ready.channelId, playId: ready.playId }, { type: 'ready', channelId: CHANNEL, playId: 'mine' });
    const [paused, volume, stats, status] = await Promise.all([player.pause(), player.setVolume(0.5), client.stats(), client.status()]);
    assert.equal(paused.type, 'paused');
    assert.equal(volume.level, 0.5);
    assert.equal(stats.latenessUs.p999, 3);
    assert.equal(status.sessions[0].state, 'paused');
    assert.equal(player.state, 'paused');
    assert.equal(player.volume, 0.5);
});

test('a command of the daemon that fails rejects with code and channel, and ends nothing', async () => {
    const { client, player } = await setUp();
    await assert.rejects(player.pause(), { name: 'TuttiError', code: 'no_session', channelId: CHANNEL });
    const seen = [];
    client.on('error', (error) => seen.push(error));
    await assert.rejects(player.play('/missing', { playId: 'gone' }), { code: 'not_found', channelId: CHANNEL, playId: 'gone' });
    assert.deepEqual(seen.map((error) => [error.code, error.playId]), [['not_found', 'gone']]);
    client.removeAllListeners('error');
    await assert.rejects(player.play('/missing'), { code: 'not_found' }); /* no listener: nothing is thrown */
    assert.equal(player.state, 'idle');
});

test('AbortSignal and time-out end the waiting', async () => {
    const { peer, client, player } = await setUp({ silent: new Set(['stats', 'play']) });
    await assert.rejects(client.stats({ timeout: 30 }), { code: 'timeout' });
    await assert.rejects(client.stats({ signal: AbortSignal.abort() }), { name: 'AbortError', code: 'aborted' });
    const abort = new AbortController();
    const play = player.play('/a-5s', { signal: abort.signal, playId: 'p' });
    await until(() => peer.commands.some((c) => c.type === 'play'), 'play');
    abort.abort(new Error('enough'));
    await assert.rejects(play, (error) => error.code === 'aborted' && error.playId === 'p' && error.cause.message === 'enough');
    await until(() => peer.commands.at(-1).type === 'stop', 'the stop of the aborted play');
    assert.equal(player.state, 'idle');
});

test('commands wait for the connection, or fail, as they were told', async () => {
    const { peer, client, player } = await setUp();
    await player.play('/a-60s');
    await peer.die();
    await next(client, 'disconnected');
    await assert.rejects(client.stats({ whenDisconnected: 'fail' }), { code: 'disconnected' });
    await assert.rejects(client.stats({ timeout: 30 }), { code: 'timeout' });
    const waiting = client.stats();
    const volume = player.setVolume(0.7);
    await peer.listen();
    assert.equal((await waiting).type, 'stats');
    assert.equal((await volume).level, 0.7);
    const order = peer.commands.map((c) => c.type).filter((type) => ['play', 'volume'].includes(type));
    assert.deepEqual(order, ['play', 'play', 'volume'], 'the play is given again before what waited for it');
});

test('what was in flight when the connection broke is sent again, or fails', async () => {
    const { peer, client } = await setUp({ silent: new Set(['stats']) });
    const waits = client.stats();
    const fails = client.stats({ whenDisconnected: 'fail' });
    await until(() => peer.commands.filter((c) => c.type === 'stats').length === 2, 'both commands');
    peer.silent.clear();
    for (const socket of peer.controls)
        socket.destroy();
    await assert.rejects(fails, { code: 'disconnected' });
    assert.equal((await waits).uptime, 1);
});

test('a control connection that breaks is taken up again: same client, no frame lost or twice', async () => {
    const { peer, client, player } = await setUp();
    await player.play('/a-60s');
    const before = await readPackets(player.stream, 10);
    const { id } = client;
    for (const socket of peer.controls)
        socket.destroy();
    const { replayed } = await next(client, 'reconnected');
    assert.equal(client.id, id);
    assert.equal(replayed, 0);
    assert.deepEqual(places([...before, ...await readPackets(player.stream, 10)]), Array.from({ length: 20 }, (_, i) => i * 20));
    assert.equal(player.frames.lost, 0);
});

test('a daemon that forgot us gets the plays again where they were', async () => {
    const { peer, client, player } = await setUp();
    await player.play('/a-60s', { playId: 'p', volume: 0.5, position: 2 });
    const read = await readPackets(player.stream, 25);
    const held = player.stream.readableLength;
    await peer.die();
    await next(client, 'disconnected');
    await peer.listen();
    const [replay] = await Promise.all([next(client, 'replayed'), next(client, 'reconnected', ({ replayed }) => replayed === 1)]);
    assert.equal(replay.playId, 'p');
    const again = peer.commands.findLast((c) => c.type === 'play');
    assert.deepEqual([again.position, again.volume, again.play_id], [Number((2 + 0.02 * (25 + held)).toFixed(3)), 0.5, 'p']);
    assert.deepEqual(places([...read, ...await readPackets(player.stream, 25)]), Array.from({ length: 50 }, (_, i) => 2000 + i * 20));
});

test('without replay the plays end with an error', async () => {
    const { peer, client, player } = await setUp({}, { replay: false });
    await player.play('/a-60s');
    await peer.die();
    await next(client, 'disconnected');
    const failed = next(client, 'error');
    await peer.listen();
    assert.equal((await failed).code, 'disconnected');
    assert.equal(player.state, 'idle');
});

test('a new process takes over the sessions of its id', async () => {
    const { peer, client, player } = await setUp();
    await player.play('/a-60s', { playId: 'p' });
    await readPackets(player.stream, 10);
    await client.close();
    const second = new TuttiClient({ runtimeDir: peer.dir, id: client.id });
    toClose.push(second);
    await second.connect();
    assert.equal(second.id, client.id);
    const adopted = second.player(CHANNEL);
    assert.deepEqual([adopted.playId, adopted.url, adopted.state], ['p', '/a-60s', 'playing']);
    await until(() => adopted.stream?.readableLength, 'frames');
    assert.equal(adopted.position, JSON.parse(adopted.stream.read()).ms / 1000);
});

test('back-pressure: no more frames come than the stream holds', async () => {
    for (const highWaterMark of [1, 4, 25]) {
        const { peer, client, player } = await setUp({}, { highWaterMark });
        await player.play('/a-60s');
        await until(() => player.stream?.readableLength === highWaterMark, 'a full stream');
        await sleep(50);
        assert.equal(peer.sessions.get(CHANNEL).next, highWaterMark, 'nobody reads: nothing more is sent');
        await readPackets(player.stream, 10 * highWaterMark);
        await until(() => player.stream.readableLength === highWaterMark, 'a full stream again');
        assert.equal(peer.sessions.get(CHANNEL).next, 11 * highWaterMark);
        await client.close();
    }
});

test('a seek leaves only the new place in the stream, whichever socket is first', async () => {
    for (const seekFirst of ['audio', 'control']) {
        for (const seekDelay of [0, 7, 45]) {
            const { player, client } = await setUp({ seekFirst, seekDelay });
            await player.play('/a-3600s');
            const reader = readAtPace(player.stream, 5);
            for (const target of [100, 20, 1000.5]) {
                await until(() => reader.packets.length > 10, 'some packets');
                await player.seek(target);
                const at = reader.packets.length;
                assert.ok(Math.abs(player.position - target) < 0.2, `position ${player.position}`);
                await until(() => reader.packets.length >= at + 10, 'packets of the new place');
                const heard = places(reader.packets.splice(0));
                const first = heard.indexOf(target * 1000);
                assert.ok(first >= 0, `the first frame of ${target} was kept: ${heard.slice(-14)}`);
                assert.ok(first <= at, 'seek() resolved when the old place was gone');
                heard.slice(first).forEach((ms, i) => assert.equal(ms, target * 1000 + i * 20, 'no gap, no old frame'));
                assert.equal(heard.slice(0, first).every((ms, i, all) => i === 0 || ms === all[i - 1] + 20), true);
            }
            reader.stop();
            await client.close();
        }
    }
});

test('a seek comes through when nobody reads, and while paused', async () => {
    const { player } = await setUp();
    await player.play('/a-3600s');
    await until(() => player.stream?.readableLength === 4, 'a full stream');
    await player.seek(50);
    assert.equal(places(await readPackets(player.stream, 1))[0], 50_000);
    await player.pause();
    await player.seek(70);
    assert.equal(player.position, 70);
    assert.equal(player.stream.readableLength, 0);
    await player.resume();
    assert.deepEqual(places(await readPackets(player.stream, 2)), [70_000, 70_020]);
});

test('replacing drops what the stream holds; the stream stays the same', async () => {
    const { player } = await setUp();
    await player.play('/a-60s', { playId: 'a' });
    const { stream } = player;
    await readPackets(stream, 5);
    await player.play('/b-60s', { playId: 'b' });
    const packets = await readPackets(stream, 5);
    assert.deepEqual(packets.map((packet) => JSON.parse(packet)), Array.from({ length: 5 }, (_, i) => ({ play: 'b', ms: i * 20 })));
    assert.equal(player.stream, stream);
});

test('the end of a play is in band: every frame, then the end of the stream', async () => {
    const { client, player } = await setUp();
    const finished = next(client, 'finished');
    await player.play('/a-2s');
    const packets = await readPackets(player.stream, 1000);
    assert.deepEqual(places(packets), Array.from({ length: 100 }, (_, i) => i * 20));
    assert.equal((await finished).frames, 100);
    assert.equal(player.stream, null);
    assert.equal(player.state, 'idle');
});

test('finished is told when the last packet was read, and says so to what follows', async () => {
    const { player } = await setUp();
    await player.play('/a-1s', { playId: 'a' });
    const told = [];
    player.on('finished', ({ playId }) => told.push(`finished ${playId}`));
    player.on('ready', ({ playId }) => told.push(`ready ${playId}`));
    const first = await readPackets(player.stream, 49);
    assert.deepEqual(told, [], 'one packet is not heard yet');
    assert.deepEqual([player.state, player.playId], ['playing', 'a']);
    assert.equal(player.stream.read() !== null, true);
    assert.equal(first.length, 49);
    assert.deepEqual(told, ['finished a']);
    assert.equal(player.state, 'idle');
    await player.play('/b-1s', { playId: 'b' });
    assert.equal((await readPackets(player.stream, 1000)).length, 50);
});

test('stop empties the stream at once, and what is given after it is clean', async () => {
    const { player } = await setUp();
    for (let i = 0; i < 20; i++) {
        await player.play('/a-60s', { playId: `a${i}` });
        await until(() => player.stream?.readableLength, 'frames');
        const { stream } = player;
        const stopping = player.stop();
        const playing = player.play('/b-60s', { playId: `b${i}` });
        await Promise.resolve();
        assert.equal(stream.readableLength, 0);
        assert.equal((await stopping).type, 'stopped');
        await playing;
        const [packet] = await readPackets(player.stream, 1);
        assert.deepEqual(JSON.parse(packet), { play: `b${i}`, ms: 0 });
        assert.equal((await player.stop()).reason, 'stop');
    }
});

test('a reader that leaves in the middle loses nothing', async () => {
    const { player } = await setUp();
    await player.play('/a-60s');
    const first = await readPackets(player.stream, 3);
    player.stream.destroy();
    assert.deepEqual(places([...first, ...await readPackets(player.stream, 10)]), Array.from({ length: 13 }, (_, i) => i * 20));
});

test('a data listener is not given what is dropped', async () => {
    const { player } = await setUp();
    await player.play('/a-60s', { playId: 'a' });
    const heard = [];
    player.stream.on('data', (packet) => heard.push(JSON.parse(packet)));
    await until(() => heard.length > 20, 'packets');
    player.stream.pause();
    await sleep(20);
    const last = heard.length;
    await player.play('/b-60s', { playId: 'b' });
    player.stream.resume();
    await until(() => heard.length > last + 5, 'packets');
    assert.deepEqual(heard[last], { play: 'b', ms: 0 });
});

test('credit given to an audio connection that broke is given again to the next', async () => {
    const { peer, client, player } = await setUp();
    await player.play('/a-60s');
    await until(() => player.stream.readableLength === 4, 'a full stream');
    await player.pause();
    await readPackets(player.stream, 4);
    await until(() => peer.credit.get(CHANNEL) === 4, 'credit for four frames');
    for (const socket of peer.audios)
        socket.destroy();
    await next(client, 'reconnected');
    await player.resume();
    assert.deepEqual(places(await readPackets(player.stream, 4)), [80, 100, 120, 140]);
});

test('a play that waits behind the audible one is not given twice to the same daemon', async () => {
    const { peer, client, player } = await setUp();
    await player.play('/a-60s', { playId: 'a' });
    peer.silent.add('play');
    const second = player.play('/b-60s', { playId: 'b' });
    await until(() => peer.commands.some((c) => c.play_id === 'b'), 'the second play');
    for (const socket of peer.controls)
        socket.destroy();
    await next(client, 'reconnected');
    peer.silent.delete('play');
    peer.do_play(peer.commands.find((c) => c.play_id === 'b'), (event) => peer.emit({ ...event, tag: undefined }));
    assert.equal((await second).playId, 'b', 'the answer counts though its tag was of the old connection');
    assert.deepEqual(peer.commands.filter((c) => c.type === 'play').map((c) => c.play_id), ['a', 'b']);
});
