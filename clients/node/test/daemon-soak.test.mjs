/*
 * Ten bots at once do what comes to their minds, are cut off, restarted and lose their daemon. After each step
 * the player's state, the daemon's and the sound must agree. The sources are Opus that passes through
 * untouched, so that each packet tells by its bytes which source and which place it is from.
 *
 * TUTTI_SOAK_ROUNDS (100) are shared by all; TUTTI_SOAK_SEED chooses others.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, test } from 'node:test';
import { TuttiClient } from '../lib/index.mjs';
import { Daemon } from './lib/daemon.mjs';
import { convert, noise, oggPackets, temporaryDirectory, writeWav } from './lib/media.mjs';
import { Proxy } from './lib/proxy.mjs';
import { next, sleep, until } from './lib/wait.mjs';

const ROUNDS = Number(process.env.TUTTI_SOAK_ROUNDS ?? 100);
const SEED = Number(process.env.TUTTI_SOAK_SEED ?? 1);
const BOTS = 10;
const SOURCES = 4;
const SECONDS = 20;
const LISTEN = 12; /* packets a check */
const DEADLINE_MS = 20_000;

const directory = temporaryDirectory('tutti-soak-');
/** Where a packet is from, by its bytes. @type {Map<string, { url: string, index: number }>} */
const places = new Map();
const urls = [];
let daemon;
/** A restart of the daemon that is under way. */
let restarting = null;
let rounds = 0;

before(async () => {
    for (let i = 0; i < SOURCES; i++) {
        const wav = writeWav(`${directory}/${i}.wav`, noise(SECONDS, 100 + i));
        const url = convert(wav, `${directory}/${i}.opus`, '-c:a', 'libopus', '-b:a', '48k', '-ac', '2');
        urls.push(url);
        oggPackets(fs.readFileSync(url)).forEach((packet, index) => places.set(packet.toString('latin1'), { url, index }));
    }
    daemon = await Daemon.start('--media-root', directory, '--max-workers', '24', '--client-grace', '60');
});

after(async () => {
    await daemon?.close();
    fs.rmSync(directory, { recursive: true, force: true });
});

function randomNumbers(seed) {
    let state = seed >>> 0;
    return (below) => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        return Math.floor(state / 2 ** 32 * below);
    };
}

class Bot {
    constructor(number) {
        this.random = randomNumbers(SEED * 1000 + number);
        this.channelId = String(9000 + number);
        this.done = [];
    }

    async start(id) {
        this.control ??= await Proxy.start(`${daemon.dir}/control.sock`);
        this.audio ??= await Proxy.start(`${daemon.dir}/audio.sock`);
        this.client = await new TuttiClient({ control: this.control.path, audio: this.audio.path, id, reconnect: { minDelay: 10, maxDelay: 200 } }).connect({ retry: true });
    }

    get player() { return this.client.player(this.channelId); }

    url() { return urls[this.random(SOURCES)]; }

    /** Commands may meet a track's end; everything else is a fault. */
    async try(promise) {
        try {
            return await promise;
        } catch (error) {
            if (!['no_session', 'aborted', 'timeout'].includes(error.code))
                throw error;
            return null;
        }
    }

    async step() {
        const names = Object.keys(actions);
        const name = names[this.random(names.length)];
        this.done.push(name);
        await actions[name](this);
        await this.check();
    }

    /** Why the player and the daemon do not agree; null when they do. */
    async difference() {
        const { player } = this;
        const session = await player.status();
        if (!session)
            return player.state === 'idle' ? null : `the daemon has nothing, the player ${player.state} ${player.url}`;
        const theirs = [session.playId, session.url, session.state === 'paused', session.volume];
        const ours = [player.playId, player.url, player.paused, player.volume];
        return String(theirs) === String(ours) ? null : `the daemon: ${theirs}; the player: ${ours}`;
    }

    /** Reads as an AudioPlayer would if its clock were fast, until the sound is that of the place. */
    async listen() {
        const heard = [];
        await until(async () => {
            for (let packet; this.player.state === 'playing' && (packet = this.player.stream?.read());) {
                heard.push({ ...places.get(packet.toString('latin1')), next: this.player.position });
                if (heard.length >= LISTEN)
                    return true;
            }
            return this.player.state === 'idle';
        }, `sound of ${this.player.url}, which ${this.player.state}`, DEADLINE_MS);
        if (heard.length < LISTEN)
            return null; /* it came to its end */
        const row = heard.slice(-6);
        const { url } = this.player;
        if (row.some((packet) => packet.url !== url))
            return `not the sound of ${url}: ${row.map((packet) => packet.url)}`;
        if (row.some(({ index }, i) => index !== row[0].index + i))
            return `no unbroken row: ${row.map(({ index }) => index)}`;
        const off = row.at(-1).index + 1 - row.at(-1).next * 50;
        return Math.abs(off) > 1.5 ? `${off} frames from the position` : null;
    }

    async check() {
        let why = 'nothing';
        const end = Date.now() + DEADLINE_MS;
        do {
            await restarting;
            why = await this.difference();
            if (!why && this.player.state === 'playing' && this.player.volume === 1)
                why = await this.listen();
            if (!why)
                return;
            await sleep(5);
        } while (Date.now() < end);
        assert.fail(`channel ${this.channelId}, seed ${SEED}, after ${this.done.slice(-6)}: ${why}`);
    }

    async close() {
        await this.client.close();
        await this.control.close();
        await this.audio.close();
    }
}

const actions = {
    play: async (bot) => {
        const url = bot.url();
        const { type } = await bot.player.play(url, { position: bot.random(SECONDS - 2) });
        assert.equal(type, 'ready');
    },
    twice: async (bot) => {
        const first = bot.player.play(bot.url());
        assert.equal((await bot.player.play(bot.url())).type, 'ready');
        await first;
    },
    next: async (bot) => void bot.player.play(bot.url(), { next: true }).catch(() => {}),
    joint: async (bot) => {
        await bot.player.play(bot.url(), { position: SECONDS - 0.5 });
        await Promise.race([bot.player.play(bot.url(), { next: true }), until(async () => {
            while (bot.player.stream?.read())
                ;
            return false;
        }, 'the one that joins', DEADLINE_MS)]);
    },
    aborted: async (bot) => {
        const signal = AbortSignal.timeout(bot.random(4));
        await bot.try(bot.player.play(bot.url(), { signal, next: bot.random(2) === 0 }));
    },
    seek: async (bot) => bot.player.state !== 'idle' && bot.try(bot.player.seek(bot.random(SECONDS - 2))),
    seeks: async (bot) => Promise.all([1, 2, 3].map((to) => bot.player.state !== 'idle' && bot.try(bot.player.seek(to)))),
    pause: async (bot) => bot.try(bot.player.pause()),
    resume: async (bot) => bot.try(bot.player.resume()),
    volume: async (bot) => {
        await bot.player.setVolume(0.5);
        await bot.check();
        await bot.player.setVolume(1);
    },
    stop: async (bot) => bot.player.stop(),
    stopAndPlay: async (bot) => {
        const stopping = bot.player.stop();
        assert.equal((await bot.player.play(bot.url())).type, 'ready');
        await stopping;
    },
    destroy: async (bot) => {
        const gone = bot.player.destroy();
        assert.equal((await bot.player.play(bot.url())).type, 'ready');
        await gone;
    },
    cutControl: async (bot) => bot.reconnects(() => bot.control.cut()),
    cutAudio: async (bot) => bot.reconnects(() => bot.audio.cut()),
    restartBot: async (bot) => {
        const { id } = bot.client;
        await bot.client.close();
        await bot.start(id);
    },
    killWorkers: async () => {
        for (const pid of workers())
            process.kill(pid, 'SIGKILL');
    },
    restartDaemon: async (bot) => {
        if (bot.random(4) > 0)
            return;
        restarting = Promise.resolve(restarting).then(async () => { /* one after another: bots may ask at once */
            await daemon.end(bot.random(2) ? 'SIGTERM' : 'SIGKILL');
            await daemon.start();
        });
        await restarting;
    },
};

Bot.prototype.reconnects = async function (cut) {
    await restarting;
    await until(() => this.client.connected, 'the connection');
    const back = next(this.client, 'reconnected', undefined, DEADLINE_MS);
    cut();
    await back;
};

/** One of the daemon's workers, or none. */
function workers() {
    const children = fs.readFileSync(`/proc/${daemon.pid}/task/${daemon.pid}/children`, 'latin1').trim().split(' ').filter(Boolean);
    return children.filter((pid) => {
        try {
            return fs.readFileSync(`/proc/${pid}/comm`, 'latin1').trim() === 'tutti-worker';
        } catch {
            return false;
        }
    }).slice(-1).map(Number);
}

test(`${ROUNDS} steps of ten bots`, { timeout: 30_000 + ROUNDS * 500 }, async () => {
    const bots = Array.from({ length: BOTS }, (_, i) => new Bot(i));
    await Promise.all(bots.map((bot) => bot.start()));
    try {
        await Promise.all(bots.map(async (bot) => {
            while (rounds++ < ROUNDS)
                await bot.step();
        }));
        await Promise.all(bots.map((bot) => bot.player.destroy()));
        assert.deepEqual((await bots[0].client.status()).sessions, [], 'no session is left');
    } finally {
        rounds = ROUNDS;
        await Promise.all(bots.map((bot) => bot.close()));
    }
});
