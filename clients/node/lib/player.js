'use strict';

const { EventEmitter } = require('node:events');
const { Intake } = require('./intake.js');
const { Plays } = require('./plays.js');
const { Recovery } = require('./recovery.js');
const { VoiceOutput } = require('./voice.js');
const { TuttiError } = require('./errors.js');

const TERMINAL = new Set(['finished', 'stopped', 'error']);
const PLAY_TIMEOUT_MS = 120_000;

/**
 * @typedef {import('./plays.js').Play} Play
 * @typedef {import('./commands.js').CommandOptions} CommandOptions
 *
 * @typedef {object} PlayerLink what a player asks of its client
 * @property {(message: Record<string, any>, options?: CommandOptions) => Promise<any>} issue
 * @property {(channelId: string, frames: number, urgent: boolean) => void} grant
 * @property {(event: any) => void} publish emits an event that the daemon did not send
 * @property {(playId: string) => void} abandon stop this play should the daemon still have it
 * @property {(player: Player) => void} forget
 * @property {() => string} newPlayId
 * @property {any} voice the module @discordjs/voice, or undefined
 */

/** One channel: its commands, its events and its stream of frames. See index.d.ts. */
class Player extends EventEmitter {
    /**
     * @param {PlayerLink} link
     * @param {string} channelId
     * @param {{ highWaterMark: number, metadata?: unknown }} options
     */
    constructor(link, channelId, { highWaterMark, metadata }) {
        super();
        this.#link = link;
        this.channelId = channelId;
        this.#voice = new VoiceOutput(link.voice, metadata);
        this.intake = new Intake({
            grant: (frames, urgent) => link.grant(channelId, frames, urgent),
            wantsFrames: () => this.#plays.audible !== null || this.#plays.all().some((play) => play.ready),
            begin: () => this.#beginPlay(),
            end: () => this.#endPlay(),
            askPosition: () => this.#askPosition(),
            started: (stream) => {
                this.#voice.started(stream);
                this.emit('start', stream);
            },
            ended: (stream) => this.#voice.ended(stream),
        }, highWaterMark);
        this.#recovery = new Recovery({
            channelId, plays: this.#plays, intake: this.intake,
            issue: (message) => link.issue(message, { timeout: 0 }),
            publish: link.publish,
            setPaused: (play, paused) => this.#setPaused(play, paused),
            giveUp: (play, error) => this.#giveUp(play, error),
        });
    }

    #link;
    #voice;
    #recovery;
    #plays = new Plays();
    #volume = 1;
    /** A stop that is not answered. @type {Promise<void> | null} */
    #stopped = null;
    /** The sorting of frames after a seek. @type {Promise<void> | null} */
    #seeking = null;

    get state() {
        const play = this.#plays.current();
        if (!play)
            return 'idle';
        return play.paused ? 'paused' : play.ready ? 'playing' : 'loading';
    }

    get playId() { return this.#plays.current()?.playId ?? null; }
    get url() { return this.#plays.current()?.url ?? null; }
    get title() { return this.#plays.current()?.title ?? null; }
    get duration() { return this.#plays.current()?.duration ?? null; }
    get paused() { return this.#plays.current()?.paused ?? false; }
    get volume() { return this.#plays.current()?.volume ?? this.#volume; }
    get stream() { return this.state === 'idle' ? this.intake.stream : this.intake.openStream(); }
    get audioPlayer() { return this.#voice.audioPlayer; }
    get frames() { return { received: this.intake.received, lost: this.intake.lost }; }

    get position() {
        const play = this.#plays.current();
        if (!play)
            return null;
        return play === this.#plays.audible ? this.intake.readPosition : play.position;
    }

    /**
     * @param {string} url
     * @param {import('./index').PlayOptions} [options]
     */
    async play(url, options = {}) {
        const { volume, position, paused, cut, next, playId = this.#link.newPlayId(), ...how } = options;
        if (this.#stopped)
            await this.#afterStop();
        const play = this.#plays.add({
            playId, url, next: Boolean(next) && this.#plays.current() !== null,
            volume: volume ?? 1, position: position ?? 0, paused: Boolean(paused),
        });
        if (!play.next)
            this.#voice.setPaused(play.paused);
        try {
            return await this.#command('play', { url, play_id: playId, volume, position, paused, cut, next },
                { timeout: next ? 0 : PLAY_TIMEOUT_MS, ...how });
        } catch (error) {
            this.#giveUp(play, error);
            throw error;
        }
    }

    /** @param {CommandOptions} [options] */
    async pause(options) { return this.#hold('pause', options); }

    /** @param {CommandOptions} [options] */
    async resume(options) { return this.#hold('resume', options); }

    /** @param {CommandOptions} [options] */
    async stop(options) {
        if (this.#stopped)
            await this.#afterStop();
        this.intake.mute();
        for (const play of this.#plays.all())
            play.stopping = true;
        const answer = this.#command('stop', {}, options);
        /*
         * What is given after a stop waits for its answer: frames that come before it are the old
         * play's, frames that come after are a new one's.
         */
        this.#stopped = answer.then(nextTurn, nextTurn).then(() => {
            this.#stopped = null;
            this.#plays.audible = null;
            for (const play of this.#plays.all())
                play.stopping = false;
            this.intake.unmute();
        });
        const event = await answer;
        await this.#stopped;
        return event;
    }

    /**
     * @param {number} level
     * @param {CommandOptions} [options]
     */
    async setVolume(level, options) {
        if (this.#stopped)
            await this.#afterStop();
        return this.#command('volume', { level }, options);
    }

    /**
     * @param {number} position seconds
     * @param {CommandOptions} [options]
     */
    async seek(position, options) {
        if (this.#stopped)
            await this.#afterStop();
        const answer = this.#command('seek', { position }, options);
        await this.intake.keepMoving(answer);
        await this.#seeking;
        return answer;
    }

    /** @param {CommandOptions} [options] */
    async status(options) {
        const event = await this.#command('status', {}, options);
        return event.sessions[0] ?? null;
    }

    /** @param {unknown} [metadata] */
    resource(metadata) {
        if (this.state === 'idle')
            throw new TuttiError('no_session', 'nothing is playing: call play() before resource()', { channelId: this.channelId });
        return this.#voice.resource(this.intake.openStream(), metadata);
    }

    /** @param {any} connection */
    subscribe(connection) {
        return this.#voice.subscribe(connection, this.stream);
    }

    /** @param {CommandOptions} [options] */
    async destroy(options) {
        try {
            if (this.state !== 'idle')
                await this.stop(options);
        } finally {
            this.intake.finish();
            this.#voice.close();
            this.#link.forget(this);
        }
    }

    /* What follows is for the client, not for the bot. */

    /**
     * An event of this channel, before its command's promise is resolved.
     * @param {any} event
     */
    handle(event) {
        const play = this.#plays.get(event.playId);
        if (!play)
            return;
        if (event.type === 'ready')
            this.#ready(play, event);
        else if (event.type === 'seeked')
            this.#seeked(play, event.position);
        else if (event.type === 'title')
            play.title = event.title;
        else if (event.type === 'duration')
            play.duration = event.duration;
        else if (event.type === 'volume')
            this.#volume = play.volume = event.level;
        else if (event.type === 'paused' || event.type === 'resumed')
            this.#setPaused(play, event.type === 'paused');
        else if (TERMINAL.has(event.type))
            this.#terminal(play, event);
    }

    /** @param {string} playId */
    knows(playId) {
        return this.#plays.get(playId) !== undefined;
    }

    /** @param {string} playId @returns {boolean} whether this `ready` is one of a play played again */
    isReplay(playId) {
        return this.#plays.get(playId)?.replayed ?? false;
    }

    /**
     * A connection is up again: makes the daemon play what this channel plays.
     * @param {any} session this channel's, as the daemon lists it, or undefined
     * @param {Parameters<Recovery['reconcile']>[1]} how
     * @returns {number} plays played again
     */
    reconcile(session, how) {
        return this.#recovery.reconcile(session, how);
    }

    /** The audio connection is a new one. */
    attach() {
        if (this.#plays.audible?.ended) {
            this.#plays.audible = null; /* its in-band end was lost with the old connection */
            this.intake.resumeAt(this.intake.nextPosition);
            this.#settle();
        }
        this.intake.attach();
    }

    /** The client was closed. */
    close() {
        for (const play of this.#plays.all())
            this.#plays.end(play);
        this.#plays.audible = null;
        this.intake.detach();
        this.intake.finish();
        this.#voice.close();
    }

    /**
     * @param {string} type
     * @param {Record<string, unknown>} fields
     * @param {CommandOptions} [options]
     */
    #command(type, fields, options) {
        return this.#link.issue({ type, channel_id: this.channelId, ...fields }, options);
    }

    /**
     * Both sides at once: the AudioPlayer does not wait for the daemon.
     * @param {'pause' | 'resume'} type
     * @param {CommandOptions} [options]
     */
    async #hold(type, options) {
        if (this.#stopped)
            await this.#afterStop();
        if (this.#plays.current())
            this.#voice.setPaused(type === 'pause');
        try {
            return await this.#command(type, {}, options);
        } catch (error) {
            this.#voice.setPaused(this.paused);
            throw error;
        }
    }

    async #afterStop() {
        while (this.#stopped)
            await this.#stopped;
    }

    /** @returns {number} the position of the first frame, seconds */
    #beginPlay() {
        const { audible } = this.#plays;
        const play = audible?.replayed && !audible.ended ? audible : this.#plays.successor() ?? audible;
        if (!play)
            return 0;
        play.next = false;
        play.begun = true;
        this.#plays.audible = play;
        return play.position;
    }

    #endPlay() {
        this.#plays.audible = null;
        const follows = this.#plays.successor();
        return !follows ? 'last' : follows.next ? 'joined' : 'replaced';
    }

    /**
     * @param {Play} play
     * @param {any} event
     */
    #ready(play, event) {
        play.ready = true;
        play.duration = event.duration ?? null;
        play.title = event.title ?? play.title;
        play.position = event.position;
        if (this.#plays.audible === play)
            this.intake.anchorStart(event.position);
        this.intake.grant();
    }

    /**
     * @param {Play} play
     * @param {number} position
     */
    #seeked(play, position) {
        if (this.#plays.audible === play)
            this.#seeking = this.intake.seeked(position);
        else
            play.position = position;
    }

    /**
     * @param {Play} play
     * @param {boolean} paused
     */
    #setPaused(play, paused) {
        play.paused = paused;
        if (play === this.#plays.current())
            this.#voice.setPaused(paused);
    }

    /**
     * @param {Play} play
     * @param {any} event
     */
    #terminal(play, event) {
        this.#plays.end(play);
        if (event.type === 'stopped' && event.reason === 'stop' && (play === this.#plays.audible || !this.#plays.audible))
            this.intake.drop();
        this.#settle();
    }

    /** Ends the stream when nothing comes any more. */
    #settle() {
        if (!this.intake.coming && this.#plays.all().length === 0) {
            this.#plays.audible = null;
            this.intake.finish();
        }
    }

    /**
     * A play's command failed at the client or at the daemon.
     * @param {Play} play
     * @param {unknown} error
     */
    #giveUp(play, error) {
        const code = error instanceof TuttiError ? error.code : '';
        if (!play.ended && code !== 'closed') {
            const isAlone = this.#plays.all().every((other) => other === play) && !this.intake.coming;
            this.#plays.end(play);
            this.#settle();
            if (code === 'disconnected')
                this.#link.abandon(play.playId);
            else if ((code === 'aborted' || code === 'timeout') && isAlone)
                this.#command('stop', {}).catch(() => {});
        }
    }

    async #askPosition() {
        try {
            return (await this.status({ timeout: 2000, whenDisconnected: 'fail' }))?.position ?? null;
        } catch {
            return null;
        }
    }
}

/** Lets what the sockets have brought already be handled. */
function nextTurn() {
    return new Promise((resolve) => {
        setImmediate(() => setImmediate(resolve));
    });
}

module.exports = { Player };
