/*
 * The example bots, whole, as processes in a folder that has the packed package installed: real daemon, real
 * voice; only Discord's main gateway is played.
 */
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { Daemon, makeMedia } from './lib/daemon.mjs';
import { VoiceServer } from './lib/discord.mjs';
import { FRAME, trace } from './lib/media.mjs';
import { packed } from './lib/packed.mjs';
import { until } from './lib/wait.mjs';

const GUILD = '41771983423143937';
let media;
let daemon;
let server;
let home;
let bot;
let registered;
const said = [];
const waiting = new Map();
let number = 0;

before(async () => {
    media = makeMedia();
    daemon = await Daemon.start('--media-root', media.dir, '--max-workers', '4');
    server = await VoiceServer.start();
    home = packed();
    home.link();
    bot = start('bot.mjs');
    bot.on('message', ({ id, answer, said: text, commands }) => {
        if (commands)
            registered = commands;
        else if (text)
            said.push(text);
        else
            waiting.get(id)?.(answer);
    });
    await until(() => registered, 'the commands of the bot');
});

after(async () => {
    if (bot?.exitCode === null) {
        const gone = once(bot, 'exit');
        bot.kill('SIGTERM');
        assert.deepEqual(await gone, [0, null], 'the bot ends cleanly');
    }
    await server?.close();
    await daemon?.close();
    media?.close();
    home?.close();
});

function start(name, ...args) {
    return fork(`${home.dir}/${name}`, args, {
        cwd: home.dir,
        execArgv: ['--import', new URL('lib/bot-hooks.mjs', import.meta.url).href],
        env: { ...process.env, DISCORD_TOKEN: 'test-token', TUTTI_RUNTIME_DIR: daemon.dir, VOICE_ENDPOINT: server.endpoint, MEDIA_DIR: media.dir },
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
}

/** Gives a slash command; resolves with the text or the embed that answers. */
function command(name, values, more) {
    const id = ++number;
    return new Promise((resolve) => {
        waiting.set(id, resolve);
        bot.send({ id, command: name, values, ...more });
    });
}

const playing = async () => (await command('nowplaying')).title ?? null;

test('its commands are registered', () => {
    assert.deepEqual(registered.map(({ name }) => name).sort(), ['leave', 'loop', 'nowplaying', 'pause', 'play', 'previous', 'queue',
        'remove', 'resume', 'seek', 'shuffle', 'skip', 'stop', 'volume']);
});

test('nothing plays: every command says so', async () => {
    for (const name of ['pause', 'resume', 'stop', 'skip', 'queue', 'nowplaying'])
        assert.equal(await command(name), 'Nothing is playing.');
    assert.match(await command('play', { what: 'https://media.test/long.wav' }, { hasVoice: false }), /voice channel/);
});

test('an evening: play, queue, pause, seek, volume, skip, the joint, stop', async () => {
    const long = 'https://media.test/long.wav';
    const embed = await command('play', { what: long });
    assert.equal(embed.title, long);
    assert.match(embed.description, /▶ .*🔘.* `0:0\d \/ 1:00`/);
    await server.reached(GUILD, 40);

    assert.match(await command('play', { what: 'https://media.test/short.wav' }), /number 1/);
    assert.match(await command('play', { what: 'https://media.test/other.wav' }), /number 2/);
    assert.match((await command('queue')).description, /long\.wav\*\*\n1\. .*short\.wav \(Ann\)\n2\. .*other\.wav/);

    assert.match(await command('pause'), /Paused at 0:0\d/);
    assert.match((await command('nowplaying')).description, /^⏸/);
    assert.match(await command('resume'), /0:0\d/);
    assert.match(await command('seek', { to: '0:30' }), /Now at 0:30/);
    assert.match(await command('seek', { to: '+10' }), /Now at 0:4\d/);
    assert.match(await command('seek', { to: '-0:10' }), /Now at 0:3\d/);
    assert.match(await command('seek', { to: 'later' }), /1:30/);
    assert.equal(await command('volume', { percent: 150 }), 'Volume 150 %.');
    assert.equal(await command('volume', { percent: 100 }), 'Volume 100 %.');
    assert.match((await command('nowplaying')).description, /🔘.* `0:3\d \/ 1:00`/);

    assert.match((await command('skip')).title, /short\.wav/);
    await server.take();
    await until(async () => /other\.wav/.test(await playing()), 'the track that joins');
    await server.reached(GUILD, 120);
    const [{ packets }] = await server.take();
    const sound = packets.filter(({ silence }) => !silence).map(({ payload }) => Buffer.from(payload, 'base64'));
    const joint = sound.slice(-100);
    const places = [media.source, media.otherSource].map((source) => trace(joint, source, (i) => i * FRAME, { range: 48000 * 3, every: 10 })
        .filter(({ match }) => match > 0.9).length);
    assert.ok(places[0] + places[1] >= 7, `of ten places ${places} were found in the two tracks`);
    assert.ok(packets.length - sound.length <= 3 + packets.length / 20, 'no gap at the joint');

    assert.match(await command('stop'), /Stopped/);
    await until(async () => await playing() === null, 'silence');
    assert.match((await command('play', { what: long })).title, /long/);
    await command('stop');
});

test('loop, shuffle, remove, previous, leave', async () => {
    for (const name of ['long', 'other', 'short'])
        await command('play', { what: `https://media.test/${name}.wav` });
    assert.equal((await command('shuffle')).title, 'Queue');
    assert.match(await command('remove', { number: 3 }), /no track 2/);
    assert.match(await command('remove', { number: 2 }), /Removed \*\*.*(short|other)/);
    const { title } = await command('skip');
    assert.match(title, /short|other/);
    assert.match((await command('previous')).title, /long/);
    assert.match((await command('queue')).description, new RegExp(`long.*\n1\\. ${title}`));
    assert.equal(await command('loop', { what: 'track' }), 'Loop: track.');
    assert.match(await command('seek', { to: '0:59' }), /0:59/);
    await until(async () => / `0:0\d \/ /.test((await command('nowplaying')).description), 'the same track again');
    assert.match(await playing(), /long/);
    assert.equal(await command('leave'), 'Bye.');
    assert.equal(await command('nowplaying'), 'Nothing is playing.');
    await until(async () => (await server.take()).every(({ packets }) => packets.length === 0), 'silence');
});

test('a track that cannot be played is said, and the next one plays', async () => {
    const failing = command('play', { what: 'https://media.test/none.wav' });
    assert.match(await failing, /none\.wav|not|no such/i);
    await until(() => said.some((text) => /none\.wav\*\* cannot be played/.test(text)), 'the words about it');
    await command('play', { what: 'https://media.test/long.wav' });
    await command('play', { what: 'https://media.test/text.txt' });
    await command('play', { what: 'https://media.test/other.wav' });
    assert.match(await command('seek', { to: '0:58' }), /Now at 0:58/);
    await until(() => said.some((text) => /text\.txt\*\* cannot be played/.test(text)), 'the words about the one that was got ahead');
    await until(async () => /other\.wav/.test(await playing()), 'the one behind it');
    await command('stop');
});

test('the ten lines of the README', async () => {
    await command('leave');
    await server.take();
    const minimal = start('minimal.mjs', '127121515262115840', media.long);
    await until(async () => (await server.count(GUILD)) >= 60, 'sound');
    const gone = once(minimal, 'exit');
    minimal.kill('SIGTERM');
    await gone;
    const [{ packets }] = (await server.take()).slice(-1);
    const sound = packets.filter(({ silence }) => !silence).map(({ payload }) => Buffer.from(payload, 'base64'));
    const found = trace(sound.slice(0, 50), media.source, (i) => i * FRAME - 312, { range: 48000, every: 5 }).slice(1);
    assert.ok(found.length >= 5 && found.every(({ match }) => match > 0.9), 'what was asked for is heard');
});
