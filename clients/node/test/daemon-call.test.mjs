/* Calls that the daemon holds: client.connect(channel) against the daemon and a stand-in voice server. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { TuttiClient } from '../lib/index.mjs';
import { Guild, Standin } from './lib/call.mjs';
import { Daemon, makeMedia } from './lib/daemon.mjs';
import { packed } from './lib/packed.mjs';
import { next, readPackets, until } from './lib/wait.mjs';

let media;
let standin;
let number = 0;
const toClose = [];

before(async () => {
    media = makeMedia();
    standin = await Standin.start();
    process.env.SSL_CERT_FILE = standin.ca; /* the daemons inherit it */
});
after(async () => {
    const problems = (await standin.ask('sessions')).flatMap((session) => session.problems);
    await standin.close();
    media.close();
    assert.deepEqual(problems, []);
});
afterEach(async () => {
    for (const thing of toClose.splice(0).reverse())
        await thing.close();
});

async function setUp() {
    const daemon = await Daemon.start('--media-root', media.dir, '--max-workers', '4', '--allow-private-hosts', '--voice-host', 'localhost');
    const client = new TuttiClient({ runtimeDir: daemon.dir, reconnect: { minDelay: 20 } });
    toClose.push(daemon, client);
    await client.connect();
    const guild = new Guild(String(41771983423143900n + BigInt(++number)), standin.endpoint);
    const channel = guild.channel(String(127121515262115000n + BigInt(number)));
    return { daemon, client, guild, channel, player: client.player(channel.id) };
}

const heard = async () => (await standin.newest()).heard;

test('a play is heard in the call from beginning to end, and nobody reads a stream', async () => {
    const { client, guild, channel, player } = await setUp();
    const call = await client.connect(channel);
    assert.equal(call.state, 'ready');
    assert.deepEqual(guild.payloads, [{ op: 4, d: { guild_id: guild.id, channel_id: channel.id, self_deaf: true, self_mute: false } }]);
    const { identify } = await standin.newest();
    assert.deepEqual([identify.server_id, identify.session_id, identify.token], [guild.id, guild.session, 'token']);
    const finished = next(player, 'finished');
    await player.play(media.short);
    await until(() => player.position > 0.5, 'the position to move');
    assert.equal(player.frames.received, 0);
    const { frames, position } = await finished;
    assert.equal(position, 2);
    await until(async () => await heard() >= frames - 5, 'all frames to arrive');
    assert.equal(player.state, 'idle');
    const over = once(call, 'disconnected');
    await call.disconnect();
    await over;
    assert.equal(guild.payloads.at(-1).d.channel_id, null);
    assert.equal(guild.adapters, 0);
    await until(async () => !(await standin.newest()).open, 'the gateway to be closed');
    assert.deepEqual([...client.calls], []);
});

test('joined and left in mid-play: the stream goes on where the call was', async () => {
    const { client, channel, player } = await setUp();
    await player.play(media.long);
    await readPackets(player.stream, 50);
    const call = await client.connect(channel);
    await until(async () => await heard() >= 50, 'a second of sound in the call');
    assert.ok(player.position > 1.5, `at ${player.position}`);
    await player.pause();
    const { position } = await player.status();
    assert.ok(Math.abs(player.position - position) < 0.1, `at ${player.position}, in the daemon ${position}`);
    await player.seek(30);
    await player.resume();
    await call.disconnect();
    await readPackets(player.stream, 100);
    assert.ok(player.position > 31.5 && player.position < 34, `at ${player.position}`);
    assert.ok(player.frames.lost < 10, `${player.frames.lost} are called lost`);
});

test('moved, given another server, and thrown out', async () => {
    const { client, guild, channel, player } = await setUp();
    const call = await client.connect(channel);
    await player.play(media.long);
    const before = (await standin.ask('sessions')).length;
    guild.server(null); /* the server went away: another one will be told */
    guild.session = 'another-session';
    let ready = once(call, 'ready');
    guild.join('999', 'another-token');
    await ready;
    const sessions = await standin.ask('sessions');
    assert.equal(sessions.length, before + 1);
    assert.equal(sessions.at(-1).identify.token, 'another-token');
    assert.equal(sessions.at(-1).identify.session_id, 'another-session');
    assert.equal(call.voiceChannelId, '999');
    await until(async () => await heard() >= 10, 'sound after the move');
    const resuming = once(call, 'resuming');
    ready = once(call, 'ready');
    await standin.ask('cut');
    await resuming;
    await ready;
    assert.equal((await standin.newest()).resumed, 1);
    const over = once(call, 'disconnected');
    guild.state(null);
    assert.match((await over)[0].message, /was disconnected from the voice channel/);
    await until(async () => !(await standin.newest()).open, 'the gateway to be closed');
    assert.equal(guild.payloads.length, 1); /* nothing is to be left any more */
    await readPackets(player.stream, 10); /* and what plays comes here again */
});

test('what closes, is silent or is refused rejects and leaves', async () => {
    const { client, guild, channel } = await setUp();
    await standin.ask('refuse', 4017);
    await assert.rejects(client.connect(channel), { code: 'call_closed', closeCode: 4017, channelId: channel.id, message: /4017/ });
    await standin.ask('refuse', null);
    assert.equal(guild.payloads.at(-1).d.channel_id, null);
    guild.endpoint = 'elsewhere.example:443';
    await assert.rejects(client.connect(channel), { channelId: channel.id, message: /endpoint|host/ });
    guild.isSilent = true;
    await assert.rejects(client.connect(channel, { timeout: 50 }), { code: 'timeout', message: /GuildVoiceStates/ });
    await assert.rejects(client.connect(channel, { signal: AbortSignal.timeout(10) }), { code: 'aborted', name: 'AbortError' });
    assert.equal(guild.adapters, 0);
    assert.deepEqual([...client.calls], []);
    guild.isSilent = false;
    guild.endpoint = standin.endpoint;
    assert.equal((await client.connect(channel)).state, 'ready');
});

test('a guild has one call; the same channel again is the same call', async () => {
    const { client, guild, channel, player } = await setUp();
    const [call, same] = await Promise.all([client.connect(channel), client.connect(channel)]);
    assert.equal(call, same);
    const over = once(call, 'disconnected');
    const other = await client.connect(guild.channel('888'), { channelId: channel.id });
    await over;
    assert.deepEqual([...client.calls], [other]);
    assert.equal(guild.adapters, 1);
    assert.ok(guild.payloads.every(({ d }) => d.channel_id !== null));
    await player.play(media.long);
    await until(async () => await heard() >= 10, 'sound in the other channel');
    /* Leaving, and coming back at once, is another call. */
    const left = other.disconnect();
    const again = await client.connect(guild.channel('888'), { channelId: channel.id });
    await left;
    assert.notEqual(again, other);
    /* The channel of Tutti's has one call as well: another guild's takes its place, and no frame comes to the stream. */
    const { received } = player.frames;
    const elsewhere = new Guild('41771983423143000', standin.endpoint);
    const taken = once(again, 'disconnected');
    const last = await client.connect(elsewhere.channel('777'), { channelId: channel.id });
    assert.match((await taken)[0].message, /guild has connected this channel/);
    await until(async () => await heard() >= 10, 'sound in the other guild');
    assert.equal(player.frames.received, received);
    assert.deepEqual([...client.calls], [last]);
    assert.equal((await client.status()).calls[0].voiceChannelId, '777');
});

test('a daemon that was killed: the call and the play go on with the next', async () => {
    const { daemon, client, channel, player } = await setUp();
    const call = await client.connect(channel);
    await player.play(media.long);
    await until(async () => await heard() >= 75, 'sound');
    const ready = once(call, 'ready');
    const replayed = next(player, 'replayed');
    await daemon.end();
    await daemon.start();
    await ready;
    const { position } = await replayed;
    assert.ok(position > 1.3 && position < 5, `played again from ${position}`);
    await until(async () => await heard() >= 20, 'sound through the next daemon');
    assert.equal(player.frames.received, 0);
});

/* Where nothing but the package and discord.js is installed: what stands in for that is a channel of the Guild above. */
test('the ten lines of the README, with no @discordjs/voice to be found', async () => {
    const { daemon } = await setUp();
    const user = packed();
    toClose.push(user);
    fs.copyFileSync(path.join(user.dir, 'node_modules/tutti-client/examples/call.mjs'), path.join(user.dir, 'call.mjs'));
    fs.mkdirSync(path.join(user.dir, 'node_modules/discord.js'));
    fs.writeFileSync(path.join(user.dir, 'node_modules/discord.js/package.json'), '{"type":"module","exports":"./index.js"}');
    fs.writeFileSync(path.join(user.dir, 'node_modules/discord.js/index.js'), `
        import { Guild } from ${JSON.stringify(new URL('lib/call.mjs', import.meta.url).href)};
        export const GatewayIntentBits = { Guilds: 1, GuildVoiceStates: 128 };
        export class Client {
            channels = { fetch: async (id) => new Guild('41771983423143937', ${JSON.stringify(standin.endpoint)}).channel(id) };
            async login() {}
        }`);
    const before = (await standin.ask('sessions')).length;
    const bot = spawn(process.execPath, ['call.mjs', '127121515262115840', media.long],
        { cwd: user.dir, env: { ...process.env, TUTTI_RUNTIME_DIR: daemon.dir }, stdio: ['ignore', 'inherit', 'inherit'] });
    await until(async () => (await standin.ask('sessions')).length > before && await heard() >= 50, 'sound');
    const gone = once(bot, 'exit');
    bot.kill('SIGTERM');
    await gone;
});
