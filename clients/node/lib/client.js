'use strict';

const { EventEmitter } = require('node:events');
const { randomBytes } = require('node:crypto');
const { VoiceCall } = require('./call.js');
const { Commands, eventError } = require('./commands.js');
const { TuttiError } = require('./errors.js');
const { channelKey } = require('./frames.js');
const { Link } = require('./link.js');
const { findSockets } = require('./paths.js');
const { Player } = require('./player.js');
const { preloadVoice } = require('./voice.js');
const { checkChannelId } = require('./wire.js');

const COMMAND_TIMEOUT_MS = 30_000;
const MIN_DELAY_MS = 100;
const MAX_DELAY_MS = 30_000;
/* These answer a command and are no news to anybody else. */
const ANSWERS_ONLY = new Set(['status', 'stats', 'watching', 'hello']);
const TERMINAL = new Set(['stopped', 'finished', 'error']);

/**
 * @typedef {import('./commands.js').CommandOptions} CommandOptions
 * @typedef {import('./index').TuttiClientOptions} TuttiClientOptions
 *
 * @typedef {object} Channel what outlives the player of a channel
 * @property {number} granted credit that no frame has used yet
 * @property {import('./intake.js').Intake | null} intake of the player, if there is one
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
        if (!Number.isInteger(this.#options.highWaterMark) || this.#options.highWaterMark < 1)
            throw new RangeError('highWaterMark must be a whole number of frames, at least 1');
        this.#sockets = findSockets(options);
        this.#link = new Link({
            audio: {
                frame: (key, sequence, packet) => this.#onFrame(key, sequence, packet),
                mark: (key, playId, sequence, position) => this.#channels.get(key)?.intake?.mark(playId, sequence, position),
            },
            audioUp: () => this.#onAudio(),
            audioDown: () => this.#players.forEach((player) => player.intake.detach()),
            controlUp: (control, hello, sameDaemon) => this.#takeUp(control, hello, sameDaemon),
            controlDown: () => this.#onControlDown(),
            news: (name, event) => this.#news(name, event),
        }, {
            sockets: this.#sockets, wantsAudio: this.#options.audioSocket, id: options.id ?? null,
            limits: {
                maxDelay: Math.min(options.reconnect?.maxDelay ?? MAX_DELAY_MS, MAX_DELAY_MS),
                minDelay: options.reconnect?.minDelay ?? MIN_DELAY_MS,
            },
        });
    }

    #options;
    #sockets;
    #link;
    #commands = new Commands();
    /** @type {Map<string, Player>} */
    #players = new Map();
    /** By the key that frames bear. @type {Map<string, Channel>} */
    #channels = new Map();
    /** Plays that destroyed players have left, until they have ended. @type {Map<string, Player>} */
    #gone = new Map();
    /** By guild: Discord grants a bot one place in each. @type {Map<string, VoiceCall>} */
    #calls = new Map();
    /** Channels whose calls were left while the daemon was away. @type {Set<string>} */
    #left = new Set();
    #watching = false;
    /** The daemon that is connected is ending: what it refuses now waits for the next. */
    #isEnding = false;
    /** Why nothing works any more. @type {TuttiError | null} */
    #closed = null;
    #everConnected = false;
    /** @type {Promise<void> | null} */
    #starting = null;
    #playPrefix = randomBytes(6).toString('hex');
    #playNumber = 0;
    #replayed = 0;
    /** @type {import('./daemon.js').PrivateDaemon | null} */
    #daemon = null;

    get id() { return this.#link.id; }
    get server() { return this.#link.server; }
    get connected() { return this.#link.connected; }
    get daemon() { return this.#daemon?.process ?? null; }
    get sockets() { return { control: this.#sockets.control, audio: this.#sockets.audio }; }
    get players() { return this.#players.values(); }
    get calls() { return this.#calls.values(); }

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

    /**
     * To the daemon, or, of a voice channel: lets the daemon join it.
     * @param {import('./types').VoiceChannel | import('./types').ConnectOptions} [what]
     * @param {import('./types').CallOptions} [options]
     * @returns {Promise<any>} the client, or the call
     */
    async connect(what = {}, options = {}) {
        return 'guild' in what ? this.#call(what, options) : this.#connect(what);
    }

    /** @param {import('./types').ConnectOptions} options */
    async #connect({ signal, retry = false }) {
        if (this.#closed)
            throw this.#closed;
        if (this.connected)
            return this;
        signal?.throwIfAborted();
        if (!this.#link.started) {
            this.#starting ??= preloadVoice().then(() => this.#link.start(retry)).finally(() => { this.#starting = null; });
            await this.#starting;
        }
        await this.#whenConnected(signal);
        return this;
    }

    /**
     * @param {import('./types').VoiceChannel} channel
     * @param {import('./types').CallOptions} options
     */
    async #call(channel, options) {
        if (!this.#link.started || this.#closed)
            throw this.#closed ?? new TuttiError('disconnected', 'call connect() first', { channelId: channel.id });
        const channelId = checkChannelId(options.channelId ?? channel.id);
        const guildId = channel.guild.id;
        for (let before; (before = this.#calls.get(guildId));) {
            if (before.channelId === channelId && before.voiceChannelId === channel.id && before.isOpen) {
                await before.whenReady();
                return before;
            }
            await before.replace();
        }
        const call = new VoiceCall(this.#callLink(guildId, channelId), channel, channelId, options);
        this.#calls.set(guildId, call);
        await call.join(options);
        return call;
    }

    /**
     * @param {string} guildId
     * @param {string} channelId
     * @returns {import('./call.js').CallLink}
     */
    #callLink(guildId, channelId) {
        return {
            issue: (message, options) => this.#issue(message, options),
            isConnected: () => this.connected,
            divert: () => this.player(channelId).divert(),
            heard: (isHeard) => this.#players.get(channelId)?.setHeardInCall(isHeard),
            leaveLater: () => this.#left.add(channelId),
            over: () => {
                this.#calls.delete(guildId);
                if (!this.#callOf(channelId)) /* another guild's may have taken the channel */
                    this.#players.get(channelId)?.restore(this.#link.audio !== null);
            },
        };
    }

    /** @param {string} channelId @returns {VoiceCall | undefined} the call that the daemon was given for it */
    #callOf(channelId) {
        return [...this.#calls.values()].find((call) => call.channelId === channelId && call.isGiven);
    }

    async close() {
        await this.#end(new TuttiError('closed', 'the client was closed'));
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
            const key = channelKey(id);
            const channel = this.#channels.get(key) ?? { granted: 0, intake: null };
            player = new Player(this.#playerLink(), id, { highWaterMark: this.#options.highWaterMark, ...options }, channel);
            channel.intake = player.intake;
            this.#channels.set(key, channel);
            this.#players.set(id, player);
            const call = this.#callOf(id);
            if (call) {
                player.divert();
                player.setHeardInCall(call.isHeard);
            }
            if (this.#link.audio)
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
        if (!this.#link.started)
            return Promise.reject(new TuttiError('disconnected', 'call connect() first', { channelId: message.channel_id }));
        return this.#commands.issue(message, { whenDisconnected, timeout: commandTimeout, ...options });
    }

    /** @returns {import('./player.js').PlayerLink} */
    #playerLink() {
        return {
            issue: (message, options) => this.#issue(message, options),
            grant: (channelId, frames, urgent) => this.#link.audio?.grant(channelId, frames, urgent),
            publish: (event) => this.#onEvent(event),
            isGone: (playId) => this.#gone.has(playId),
            watches: () => this.#watching,
            leave: (player, plays) => this.#leave(player, plays),
            hold: (channelId, playId) => this.#commands.hold(channelId, playId),
            release: (channelId) => this.#commands.release(channelId),
            newPlayId: () => `${this.#playPrefix}-${++this.#playNumber}`,
            voice: this.#options.voice,
        };
    }

    /**
     * @param {import('./control.js').ControlSocket} control
     * @param {any} hello the daemon's greeting on it
     * @param {boolean} sameDaemon
     */
    #takeUp(control, hello, sameDaemon) {
        this.#isEnding = false;
        if (this.#watching)
            control.send({ type: 'watch', on: true });
        this.#commands.up((message) => control.send(message), () => {
            this.#renewCalls();
            this.#reconcile(hello.sessions, sameDaemon);
        });
        control.start((event) => this.#onEvent(event));
    }

    /** Before anything else is commanded, so that calls are there when plays come. */
    #renewCalls() {
        for (const channelId of this.#left)
            this.#commands.issue({ type: 'disconnect', channel_id: channelId }, { whenDisconnected: 'fail' }).catch(() => {});
        this.#left.clear();
        this.#calls.forEach((call) => call.resend());
    }

    #onControlDown() {
        this.#players.forEach((player) => player.setHeardInCall(false)); /* until the daemon says so again */
        this.#commands.down();
    }

    /**
     * Brings the daemon's sessions and our plays together.
     * @param {any[]} list the sessions of this client that the daemon has
     * @param {boolean} sameDaemon it knew this client
     */
    #reconcile(list, sameDaemon) {
        const sessions = new Map(list.map((session) => [session.channelId, session]));
        for (const { channelId, playId } of list) {
            if (this.#gone.has(playId))
                sessions.delete(channelId); /* its stop is on its way, or comes now */
            else
                this.player(channelId);
        }
        for (const [playId, { channelId }] of sameDaemon ? this.#gone : [])
            this.#commands.issue({ type: 'stop', channel_id: channelId, play_id: playId }, {}).catch(() => {});
        for (const command of this.#commands.find((message) => message.type === 'play')) {
            const session = sessions.get(command.message.channel_id);
            const { play_id: playId } = command.message;
            if ([session, session?.pending].some((place) => place?.playId === playId))
                this.#commands.settleBefore(command);
            if (session?.playId === playId && session.state !== 'extracting')
                this.#onEvent({ ...session, type: 'ready', tag: command.message.tag });
            else if ([session, session?.pending, session?.next].some((place) => place?.playId === playId))
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
     * @param {'up' | 'disconnected' | 'reconnecting'} name
     * @param {any} [event]
     */
    #news(name, event) {
        if (name !== 'up')
            return void this.emit(name, event);
        const { id, server } = this.#link;
        const replayed = this.#replayed;
        this.#replayed = 0;
        this.emit(this.#everConnected ? 'reconnected' : 'connected', { id, server, replayed });
        this.#everConnected = true;
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
            const onClose = () => { done(); reject(this.#closed); };
            const onAbort = () => { done(); reject(signal?.reason); };
            if (this.connected)
                return resolve(undefined);
            this.on('connected', onConnected);
            this.on('close', onClose);
            signal?.addEventListener('abort', onAbort);
        });
    }

    /** @param {any} event of the daemon, in camelCase */
    #onEvent(event) {
        if (event.code === 'client_replaced' && event.tag === undefined)
            return void this.#end(new TuttiError('client_replaced', 'another process has become this client: it has the sessions now'));
        if (event.type === 'voice')
            return this.#onVoice(event);
        const player = this.#gone.get(event.playId) ?? this.#players.get(event.channelId);
        if (this.#outlivesDaemon(event, player))
            return;
        if (player)
            player.take(event, (shown) => this.#tell(event, shown, player));
        else
            this.#tell(event, event, null);
        if (TERMINAL.has(event.type))
            this.#gone.delete(event.playId);
    }

    /** @param {any} event */
    #onVoice(event) {
        this.#answer(event);
        this.#calls.get(event.guildId)?.take(event);
        this.emit('voice', event);
    }

    /**
     * The daemon is shut down. What it plays and was asked for goes to the next one, as after a crash.
     * @param {any} event
     * @param {Player | undefined} player
     */
    #outlivesDaemon({ type, reason, code, tag, playId }, player) {
        if (type === 'stopped' && reason === 'shutdown')
            this.#isEnding = true;
        if (type === 'stopped' && reason === 'shutdown' && this.#options.replay && player?.keeps(playId))
            return true;
        this.#isEnding ||= code === 'shutting_down';
        return this.#isEnding && type === 'error' && this.#options.replay && (code === 'shutting_down' || code === 'no_session') &&
            this.#commands.find((message) => message.tag === tag).some(({ options }) => options.whenDisconnected !== 'fail');
    }

    /**
     * @param {any} event
     * @param {any} shown the same as bots see it
     * @param {Player | null} player
     */
    #tell(event, shown, player) {
        this.#answer(event);
        if (ANSWERS_ONLY.has(event.type) || (event.type === 'error' && !event.playId && event.tag))
            return;
        if (event.type === 'stopped' && event.playId == null)
            return;
        if (player)
            emitEvent(player, shown);
        emitEvent(this, shown);
    }

    /**
     * @param {string} key
     * @param {number} sequence
     * @param {Buffer | null} packet
     */
    #onFrame(key, sequence, packet) {
        const channel = this.#channels.get(key);
        if (!channel)
            return;
        if (packet && channel.granted > 0)
            channel.granted--;
        channel.intake?.frame(sequence, packet);
    }

    /** Credit given to an older connection counts no more. */
    #onAudio() {
        for (const [key, channel] of this.#channels) {
            channel.granted = 0;
            if (!channel.intake)
                this.#channels.delete(key);
        }
        this.#players.forEach((player) => player.attach());
    }

    /**
     * @param {Player} player is destroyed
     * @param {import('./plays.js').Play[]} plays that it leaves
     */
    #leave(player, plays) {
        const key = channelKey(player.channelId);
        const channel = this.#channels.get(key);
        this.#players.delete(player.channelId);
        if (channel)
            channel.intake = null;
        if (!channel?.granted)
            this.#channels.delete(key);
        for (const { playId } of plays)
            this.#gone.set(playId, player);
    }

    /** @param {TuttiError} why */
    async #end(why) {
        if (!this.#closed) {
            this.#closed = why;
            this.#commands.close(why);
            this.#calls.forEach((call) => call.close(why.message));
            for (const player of this.#players.values())
                player.close();
            if (why.code !== 'closed' && this.listenerCount('error') > 0)
                this.emit('error', why);
            this.emit('close');
        }
        await this.#link.close();
        await this.#daemon?.stop();
    }

    /** @param {any} event */
    #answer(event) {
        if (event.tag !== undefined && this.#commands.answer(event))
            return;
        if (!event.playId || !(event.type === 'ready' || TERMINAL.has(event.type)))
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
