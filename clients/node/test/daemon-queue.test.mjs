/* The queue against the real daemon: order, joints, loops, failures, restarts. */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { Queue, TuttiClient } from '../lib/index.mjs';
import { Daemon, makeMedia } from './lib/daemon.mjs';
import { FRAME, trace } from './lib/media.mjs';
import { next, readAtPace, until } from './lib/wait.mjs';

let media;
let daemon;
let client;
let channels = 700;
const toClose = [];

before(async () => {
    media = makeMedia();
    daemon = await Daemon.start('--media-root', media.dir, '--max-workers', '4');
    client = await new TuttiClient({ runtimeDir: daemon.dir, reconnect: { minDelay: 20 } }).connect();
});

after(async () => {
    await client?.close();
    await daemon?.close();
    media?.close();
});

afterEach(async () => {
    for (const thing of toClose.splice(0))
        await thing();
});

/** A queue that is heard, and what it tells. `period`: milliseconds a packet. */
function setUp(options, period = 4) {
    const player = client.player(String(++channels));
    const queue = new Queue(player, options);
    const reader = readAtPace({ read: () => player.stream?.read() ?? null }, period);
    const told = [];
    for (const type of ['trackStart', 'trackEnd', 'trackAdd', 'trackRemove'])
        queue.on(type, ({ name }) => told.push(`${type.slice(5)} ${name}`));
    queue.on('queueEnd', () => told.push('end'));
    queue.on('error', ({ name }, { code }) => told.push(`${code} ${name}`));
    toClose.push(async () => { reader.stop(); queue.destroy(); await player.destroy(); });
    return { player, queue, reader, told };
}

const track = (name, url = media.short, more = {}) => ({ name, url, ...more });
const names = (tracks) => tracks.map(({ name }) => name).join(' ');

test('tracks come in order, and join without a gap', async () => {
    const { queue, reader, told } = setUp();
    await queue.add([track('a'), track('b', media.other, { position: 18 })]);
    await queue.add(track('c'));
    assert.equal(queue.current.name, 'a');
    assert.equal(queue.current.duration, 2);
    await next(queue, 'queueEnd', undefined, 20_000);
    assert.deepEqual(told.filter((line) => !/^Add/.test(line)), ['Start a', 'End a', 'Start b', 'End b', 'Start c', 'End c', 'end']);
    assert.deepEqual([queue.current, queue.size, names(queue.history)], [null, 0, 'a b c']);
    const joint = trace(reader.packets.slice(100, 150), media.otherSource, (i) => 18 * 48000 + i * FRAME - 312, { range: 2 * FRAME }).slice(3);
    assert.ok(joint.every(({ packet, place, match }) => match > 0.9 && place === 18 * 48000 + packet * FRAME - 312), 'b follows a to the sample');
    assert.ok(Math.abs(reader.packets.length - 300) <= 2, `${reader.packets.length} packets`);
});

test('what is added, moved, removed and shuffled is what follows', async () => {
    const { queue, player, told } = setUp();
    await queue.add(track('a', media.long, { position: 57 }));
    const list = ['b', 'c', 'd', 'e', 'f'].map((name) => track(name));
    await queue.add(list);
    await queue.add(track('g'), { at: 1 });
    assert.equal(names(queue.tracks), 'b g c d e f');
    queue.move(list[4], 0);
    queue.move(1, 5);
    assert.equal(names(queue.tracks), 'f g c d e b');
    assert.equal(queue.remove(0).name, 'f');
    assert.equal(queue.remove(list[3]).name, 'e');
    for (const bad of [() => queue.remove(9), () => queue.remove(list[3]), () => queue.move(0, 9), () => queue.move(-1, 0), () => queue.setLoop('all')])
        assert.throws(bad, RangeError);
    await assert.rejects(queue.add({}), TypeError);
    const { sessions: [session] } = await client.status(player.channelId);
    assert.ok(session.next, 'the daemon has the next one ahead');
    queue.shuffle(() => 0);
    assert.equal(names(queue.tracks), 'c d b g');
    await until(() => told.includes('Start c'), 'the one that is first after the shuffle');
    assert.deepEqual(told.filter((line) => /^(Start|End)/.test(line)), ['Start a', 'End a', 'Start c']);
    queue.clear();
    assert.equal(queue.size, 0);
    await until(() => told.includes('end'), 'the end');
    assert.deepEqual(told.filter((line) => /^(Start|End)/.test(line)), ['Start a', 'End a', 'Start c', 'End c']);
});

test('skip, skip to, previous, stop', async () => {
    const { queue, player } = setUp();
    await queue.add(['a', 'b', 'c', 'd'].map((name) => track(name, media.long)));
    assert.equal((await queue.skip()).name, 'b');
    assert.equal((await queue.previous()).name, 'a');
    assert.equal(names(queue.tracks), 'b c d');
    assert.equal((await queue.skipTo(2)).name, 'd');
    assert.equal(names(queue.history), 'a b c');
    assert.equal(player.playId, (await player.status()).playId);
    assert.equal(await queue.skip(), null);
    assert.deepEqual([queue.current, player.state], [null, 'idle']);
    assert.equal((await queue.previous()).name, 'd');
    await queue.add(track('e'));
    await queue.stop();
    assert.deepEqual([queue.current, queue.size, await player.status()], [null, 0, null]);
    queue.destroy();
    await assert.rejects(queue.add(track('f')), { code: 'destroyed' });
});

test('loops: a track, and all of them', async () => {
    const { queue, told } = setUp({ loop: 'track' });
    await queue.add([track('a'), track('b')]);
    await until(() => told.filter((line) => line === 'Start a').length === 3, 'a for the third time');
    queue.setLoop('queue');
    await until(() => told.filter((line) => line === 'Start b').length === 2, 'b for the second time');
    const played = told.filter((line) => /^Start/.test(line)).map((line) => line.slice(6)).join('');
    assert.match(played, /^aaa+bab$/);
    queue.setLoop('off');
    await until(() => told.includes('end'), 'the end');
    assert.equal((await queue.previous()).name, 'a');
});

test('autoplay is asked when the row has come to its end', async () => {
    const asked = [];
    const { queue, told } = setUp({ autoplay: async (before) => {
        asked.push(before.name);
        return asked.length < 3 ? track(`more ${asked.length}`) : null;
    } });
    await queue.add(track('a'));
    await until(() => told.includes('end'), 'the end', 20_000);
    assert.deepEqual(asked, ['a', 'more 1', 'more 2']);
    assert.equal(names(queue.history), 'a more 1 more 2');
});

test('a track that cannot be played is told and passed over', async () => {
    const { queue, told } = setUp();
    await assert.rejects(queue.add([track('bad', `${media.dir}/none.wav`), track('a'), track('worse', media.text), track('b')]), { code: 'not_found' });
    await until(() => told.includes('end'), 'the end', 20_000);
    assert.deepEqual(told.filter((line) => !/^Add/.test(line)), ['not_found bad', 'Start a', 'decode_failed worse', 'End a', 'Start b', 'End b', 'end']);
});

test('the row survives restarts of the daemon, in the middle of a track and at a joint', async () => {
    const { queue, player, reader, told } = setUp({}, 10);
    await queue.add([track('a'), track('b'), track('c', media.long)]);
    for (const [signal, name] of [['SIGTERM', 'a'], ['SIGKILL', 'b'], ['SIGTERM', 'c']]) {
        await until(() => queue.current?.name === name && player.state === 'playing', name);
        const count = reader.packets.length;
        await until(() => reader.packets.length >= count + 30, 'packets');
        const back = next(client, 'reconnected');
        await daemon.end(signal);
        await daemon.start();
        await back;
    }
    const count = reader.packets.length;
    await until(() => reader.packets.length >= count + 30, 'packets of the last');
    assert.deepEqual(told.filter((line) => !/^Add/.test(line)), ['Start a', 'End a', 'Start b', 'End b', 'Start c']);
    assert.equal(player.playId, (await player.status()).playId);
});
