'use strict';

const { EventEmitter } = require('node:events');
const { randomBytes } = require('node:crypto');
const { AudioSocket } = require('./audio.js');
const { backoffDelay } = require('./backoff.js');
const { Commands, eventError } = require('./commands.js');
const { ControlSocket } = require('./control.js');
const { TuttiError } = require('./errors.js');
const { channelKey } = require('./frames.js');
const { findSockets, checkOwner } = require('./paths.js');
const { Player } = require('./player.js');
const { preloadVoice } = require('./voice.js');
const { checkChannelId } = require('./wire.js');

const COMMAND_TIMEOUT_MS = 30_000;
const MIN_DELAY_MS = 100;
const MAX_DELAY_MS = 30_000;
/* These answer a command and are no news to anybody else. */
const ANSWERS_ONLY = new Set(['status', 'stats', 'watching', 'hello']);

/**
 * @typedef {import('./commands.js').CommandOptions} CommandOptions
 * @typedef {import('./index').TuttiClientOptions} TuttiClientOptions
 */

/** The connection of a bot to the daemon. See index.d.ts. */
class TuttiClient extends EventEmitter {
    /** @param {TuttiClientOptions} [options] */
    constructor(options = {}) {
        super();
        this.#options = {
            highWaterMark: 4, audioSocket: true, replay: true, whenDisconnected: /** @type {const} */ ('wait'),
            commandTimeout: COMMAND_TIMEOUT_MS, ...options,
        };
        this.#limits = {
            maxDelay: Math.min(options.reconnect?.maxDelay ?? MAX_DELAY_MS, MAX_DELAY_MS),
            minDelay: options.reconnect?.minDelay ?? MIN_DELAY_MS,
        };
        if (!Number.isInteger(this.#options.highWaterMark) || this.#options.highWaterMark < 1)
            throw new RangeError('highWaterMark must be a whole number of frames, at least 1');
        this.#id = this.#knownAs = options.id ?? null;
        this.#sockets = findSockets(options);
    }

    #options;
    #limits;
    #sockets;
    #id;
    /** @type {string | null} */
    #server = null;
    #commands = new Commands();
    /** @type {ControlSocket | null} */
    #control = null;
    /** @type {AudioSocket | null} */
    #audio = null;
    /** @type {Map<string, Player>} */
    #players = new Map();
    /** @type {Map<string, Player>} */
    #byKey = new Map();
    #abandoned = new Set();
    #watching = false;
    #connected = false;
    #closing = new AbortController();
    /** @type {Promise<void> | null} */
    #running = null;
    #started = false;
    /** The greeting of a control connection that is not in use yet. @type {any} */
    #hello = null;
    /** Whom the daemon of the last connection in use knew us as. @type {string | null} */
    #knownAs;
    #wake = () => {};
    #playPrefix = randomBytes(6).toString('hex');
    #playNumber = 0;
    #replayed = 0;
    /** @type {import('./daemon.js').PrivateDaemon | null} */
    #daemon = null;

    get id() { return this.#id; }
    get server() { return this.#server; }
    get connected() { return this.#connected; }
    get daemon() { return this.#daemon?.process ?? null; }
    get sockets() { return { control: this.#sockets.control, audio: this.#sockets.audio }; }
    get players() { return this.#players.values(); }

    /**
     * @param {import('./index').SpawnOptions} [options]
     * @returns {Promise<TuttiClient>}
     */
    static async spawn(options = {}) {
        const { PrivateDaemon } = require('./daemon.js');
        const daemon = await PrivateDaemon.start(options);
        const client = new this({ ...options.client, ...daemon.sockets });
        client.#daemon = daemon;
        try {
            return await client.connect();
        } catch (error) {
            await client.close();
            throw error;
        }
    }

    /** @type {Promise<void> | null} */
    #starting = null;

    /** @param {boolean} retry */
    async #start(retry) {
        if (this.#running)
            return;
        await preloadVoice();
        if (!retry)
            await this.#establish();
        this.#started = true;
        this.#running = this.#keepUp();
    }

    /** @param {import('./index').ConnectOptions} [options] */
    async connect({ signal, retry = false } = {}) {
        if (this.#closing.signal.aborted)
            throw new TuttiError('closed', 'the client was closed');
        if (this.#connected)
            return this;
        signal?.throwIfAborted();
        this.#starting ??= this.#start(retry).finally(() => { this.#starting = null; });
        await this.#starting;
        await this.#whenConnected(signal);
        return this;
    }

    async close() {
        if (!this.#closing.signal.aborted) {
            const error = new TuttiError('closed', 'the client was closed');
            this.#closing.abort(error);
            this.#connected = false;
            this.#commands.close(error);
            this.#control?.close();
            this.#audio?.close();
            this.#wake();
            for (const player of this.#players.values())
                player.close();
            this.emit('close');
        }
        await this.#running;
        await this.#daemon?.stop();
    }

    async [Symbol.asyncDispose]() {
        await this.close();
    }

    /**
     * @param {string | bigint} channelId
     * @param {import('./index').PlayerOptions} [options]
     */
    player(channelId, options = {}) {
        const id = checkChannelId(channelId);
        let player = this.#players.get(id);
        if (!player) {
            player = new Player(this.#link(), id, { highWaterMark: this.#options.highWaterMark, ...options });
            this.#players.set(id, player);
            this.#byKey.set(channelKey(id), player);
            if (this.#audio && !this.#audio.closed)
                player.attach();
        }
        return player;
    }

    /**
     * @param {string | bigint} channelId
     * @param {string} url
     * @param {import('./index').PlayOptions} [options]
     */
    async play(channelId, url, options) { return this.player(channelId).play(url, options); }

    /** @param {string | bigint} channelId @param {CommandOptions} [options] */
    async pause(channelId, options) { return this.player(channelId).pause(options); }

    /** @param {string | bigint} channelId @param {CommandOptions} [options] */
    async resume(channelId, options) { return this.player(channelId).resume(options); }

    /** @param {string | bigint} channelId @param {CommandOptions} [options] */
    async stop(channelId, options) { return this.player(channelId).stop(options); }

    /** @param {string | bigint} channelId @param {number} level @param {CommandOptions} [options] */
    async setVolume(channelId, level, options) { return this.player(channelId).setVolume(level, options); }

    /** @param {string | bigint} channelId @param {number} position @param {CommandOptions} [options] */
    async seek(channelId, position, options) { return this.player(channelId).seek(position, options); }

    /** @param {string | bigint | null} [channelId] @param {CommandOptions} [options] */
    async status(channelId, options) {
        const one = channelId == null ? {} : { channel_id: checkChannelId(channelId) };
        return this.#issue({ type: 'status', ...one }, options);
    }

    /** @param {CommandOptions} [options] */
    async stats(options) { return this.#issue({ type: 'stats' }, options); }

    /** @param {boolean} on @param {CommandOptions} [options] */
    async watch(on, options) {
        const event = await this.#issue({ type: 'watch', on }, options);
        this.#watching = on;
        return event;
    }

    /**
     * @param {Record<string, any>} message
     * @param {CommandOptions} [options]
     */
    #issue(message, options) {
        const { whenDisconnected, commandTimeout } = this.#options;
        if (!this.#started)
            return Promise.reject(new TuttiError('disconnected', 'call connect() first', { channelId: message.channel_id }));
        return this.#commands.issue(message, { whenDisconnected, timeout: commandTimeout, ...options });
    }

    /** @returns {import('./player.js').PlayerLink} */
    #link() {
        return {
            issue: (message, options) => this.#issue(message, options),
            grant: (channelId, frames, urgent) => this.#audio?.grant(channelId, frames, urgent),
            publish: (event) => this.#onEvent(event),
            abandon: (playId) => this.#abandoned.add(playId),
            forget: (player) => {
                this.#players.delete(player.channelId);
                this.#byKey.delete(channelKey(player.channelId));
            },
            newPlayId: () => `${this.#playPrefix}-${++this.#playNumber}`,
            voice: this.#options.voice,
        };
    }

    /** Keeps both sockets up until the client is closed. */
    async #keepUp() {
        const closed = this.#closing.signal;
        for (let attempt = 0; !closed.aborted;) {
            try {
                if (!this.#isUp())
                    await this.#establish();
                attempt = 0;
                this.#announce();
                await this.#loss();
            } catch (error) {
                if (closed.aborted)
                    break;
                const delay = backoffDelay(attempt++, this.#limits);
                this.emit('reconnecting', { attempt, delay, error });
                await this.#sleep(delay);
            }
        }
    }

    #isUp() {
        return Boolean(this.#control && !this.#control.closed &&
            (!this.#options.audioSocket || (this.#audio && !this.#audio.closed)));
    }

    /** Opens what is not open. Throws when that fails; what is open stays. */
    async #establish() {
        const { signal } = this.#closing;
        if (!this.#control || this.#control.closed) {
            if (this.#sockets.inTmp)
                checkOwner(this.#sockets.dir);
            const { control, hello } = await ControlSocket.open(this.#sockets.control, this.#id, signal);
            this.#control = control;
            this.#hello = hello;
            this.#server = hello.server;
            this.#id = hello.client;
        }
        if (this.#options.audioSocket && (!this.#audio || this.#audio.closed || this.#audio.clientId !== this.#id))
            await this.#openAudio();
        signal.throwIfAborted();
        if (this.#hello && !this.#control.closed)
            this.#takeOver(this.#control, this.#hello);
    }

    async #openAudio() {
        this.#audio?.close();
        const audio = await AudioSocket.open(this.#sockets.audio, /** @type {string} */ (this.#id),
            (key, sequence, packet) => this.#byKey.get(key)?.intake.frame(sequence, packet), this.#closing.signal);
        this.#audio = audio;
        audio.start((error) => {
            if (audio !== this.#audio)
                return;
            for (const player of this.#players.values())
                player.intake.detach();
            this.#lost('audio', error);
        });
        for (const player of this.#players.values())
            player.attach();
    }

    /**
     * Begins to work with a new control connection.
     * @param {ControlSocket} control
     * @param {any} hello the daemon's greeting on it
     */
    #takeOver(control, hello) {
        const sameDaemon = hello.client === this.#knownAs;
        this.#knownAs = hello.client;
        this.#hello = null;
        if (this.#watching)
            control.send({ type: 'watch', on: true });
        this.#commands.up((message) => control.send(message), () => this.#reconcile(hello.sessions, sameDaemon));
        control.start((event) => this.#onEvent(event), (error) => {
            if (control !== this.#control)
                return;
            this.#commands.down();
            this.#lost('control', error);
        });
    }

    /**
     * Brings the daemon's sessions and our plays together.
     * @param {any[]} list the sessions of this client that the daemon has
     * @param {boolean} sameDaemon it knew this client
     */
    #reconcile(list, sameDaemon) {
        const sessions = new Map(list.map((session) => [session.channelId, session]));
        for (const session of list) {
            if (this.#abandoned.has(session.playId))
                this.#commands.issue({ type: 'stop', channel_id: session.channelId }, {}).catch(() => {});
            else
                this.player(session.channelId);
        }
        this.#abandoned.clear();
        for (const command of this.#commands.find((message) => message.type === 'play')) {
            const session = sessions.get(command.message.channel_id);
            if (session?.playId === command.message.play_id && session.state !== 'extracting')
                this.#onEvent({ ...session, type: 'ready', tag: command.message.tag });
            else if (session && sameDaemon)
                command.sent = true; /* the daemon has it; its answer will come */
        }
        this.#replayed = 0;
        for (const player of this.#players.values()) {
            this.#replayed += player.reconcile(sessions.get(player.channelId), {
                sameDaemon,
                replay: this.#options.replay,
                waiting: (playId) => this.#commands.find((m) => m.type === 'play' && m.play_id === playId).length > 0,
            });
        }
    }

    /**
     * @param {'control' | 'audio'} socket
     * @param {Error | null} error
     */
    #lost(socket, error) {
        const was = this.#connected;
        this.#connected = false;
        if (was && !this.#closing.signal.aborted)
            this.emit('disconnected', { socket, error });
        this.#wake();
    }

    #everConnected = false;

    #announce() {
        if (this.#connected || !this.#isUp())
            return;
        this.#connected = true;
        const event = { id: this.#id, server: this.#server, replayed: this.#replayed };
        this.#replayed = 0;
        this.emit(this.#everConnected ? 'reconnected' : 'connected', event);
        this.#everConnected = true;
    }

    /** Waits until a socket is lost or the client closed. */
    #loss() {
        return new Promise((resolve) => {
            this.#wake = () => resolve(undefined);
            if (!this.#isUp() || this.#closing.signal.aborted)
                this.#wake();
        });
    }

    /** @param {number} delay milliseconds, cut short by close() */
    #sleep(delay) {
        return new Promise((resolve) => {
            const timer = setTimeout(resolve, delay);
            this.#wake = () => {
                if (!this.#closing.signal.aborted)
                    return;
                clearTimeout(timer);
                resolve(undefined);
            };
        });
    }

    /** @param {AbortSignal} [signal] */
    #whenConnected(signal) {
        return new Promise((resolve, reject) => {
            const done = () => {
                this.removeListener('connected', onConnected);
                this.removeListener('close', onClose);
                signal?.removeEventListener('abort', onAbort);
            };
            const onConnected = () => { done(); resolve(undefined); };
            const onClose = () => { done(); reject(new TuttiError('closed', 'the client was closed')); };
            const onAbort = () => { done(); reject(signal?.reason); };
            if (this.#connected)
                return resolve(undefined);
            this.on('connected', onConnected);
            this.on('close', onClose);
            signal?.addEventListener('abort', onAbort);
        });
    }

    /** @param {any} event of the daemon, in camelCase */
    #onEvent(event) {
        const player = event.channelId === undefined ? undefined : this.#players.get(event.channelId);
        if (event.type === 'stopped' && event.reason === 'shutdown' && this.#options.replay && player?.knows(event.playId))
            return; /* it goes on with the next daemon */
        const isReplay = event.type === 'ready' && player?.isReplay(event.playId);
        player?.handle(event);
        this.#answer(event);
        if (ANSWERS_ONLY.has(event.type) || (event.type === 'error' && !event.playId && event.tag))
            return;
        if (event.type === 'stopped' && event.playId == null)
            return;
        const shown = isReplay ? { ...event, type: 'replayed' } : event;
        if (player)
            emitEvent(player, shown);
        emitEvent(this, shown);
    }

    /** @param {any} event */
    #answer(event) {
        if (event.tag !== undefined && this.#commands.answer(event))
            return;
        if (!event.playId || !['ready', 'stopped', 'finished', 'error'].includes(event.type))
            return;
        /* A play's answer belongs to the play, even when it was given over an earlier connection. */
        for (const command of this.#commands.find((m) => m.type === 'play' && m.play_id === event.playId))
            this.#commands.settle(command, event);
    }
}

/**
 * Nobody has to listen to `error`: a track that fails must not end the bot.
 * @param {EventEmitter} emitter
 * @param {any} event
 */
function emitEvent(emitter, event) {
    if (event.type !== 'error')
        emitter.emit(event.type, event);
    else if (emitter.listenerCount('error') > 0)
        emitter.emit('error', eventError(event));
}

module.exports = { TuttiClient };
