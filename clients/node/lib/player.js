'use strict';

const { EventEmitter } = require('node:events');
const { CallClock } = require('./clock.js');
const { isUnheard } = require('./commands.js');
const { Intake } = require('./intake.js');
const { News } = require('./news.js');
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
 * @property {(playId: string) => boolean} isGone whether a player that was destroyed had this play
 * @property {() => boolean} watches whether events of other clients' plays come as well
 * @property {(player: Player, plays: Play[]) => void} leave it is destroyed, and these are to end
 * @property {(channelId: string, playId: string) => void} hold lets no other play replace it until it is heard
 * @property {(channelId: string) => void} release
 * @property {() => string} newPlayId
 * @property {any} voice the module @discordjs/voice, or undefined
 */

/** One channel: its commands, its events and its stream of frames. See index.d.ts. */
class Player extends EventEmitter {
    /**
     * @param {PlayerLink} link
     * @param {string} channelId
     * @param {{ highWaterMark: number, metadata?: unknown }} options
     * @param {{ granted: number }} credit the channel's
     */
    constructor(link, channelId, { highWaterMark, metadata }, credit) {
        super();
        this.#link = link;
        this.channelId = channelId;
        this.#voice = new VoiceOutput(link.voice, metadata);
        this.intake = new Intake({
            grant: (frames, urgent) => link.grant(channelId, frames, urgent),
            marked: (playId) => this.#marked(playId),
            closed: () => this.#settle(),
            heard: () => this.#news.look(),
            lives: () => this.#plays.size > 0,
            started: (stream) => {
                this.#voice.started(stream);
                this.emit('start', stream);
            },
            ended: (stream) => this.#streamEnded(stream),
        }, highWaterMark, credit);
        this.#recovery = new Recovery({
            channelId, plays: this.#plays, intake: this.intake,
            issue: (message) => link.issue(message, { timeout: 0 }),
            hold: link.hold,
            release: link.release,
            publish: link.publish,
            adopt: (fields) => this.#adopt(fields),
            giveUp: (play, error) => this.#giveUp(play, error),
        });
    }

    #link;
    #voice;
    #recovery;
    #plays = new Plays();
    #news = new News((play) => !this.#isDraining && !this.intake.awaits(play) && !this.intake.holds(play));
    /** Runs while a call hears this channel. @type {CallClock | null} */
    #clock = null;
    /** What is played is heard in that call. */
    #isHeardInCall = false;
    /** Of what is played from now on. */
    #volume = 1;
    /** The daemon keeps it for the channel. */
    #keptVolume = 1;
    /** The own change of it that is not answered: what others set before that is no matter. @type {number | null} */
    #volumeUnderWay = null;
    /** The stream has ended, and the AudioPlayer is not through with it. */
    #isDraining = false;
    /** @type {Promise<void> | null} */
    #destroyed = null;

    get state() {
        const play = this.#current;
        if (!play)
            return 'idle';
        return play.paused ? 'paused' : play.ready ? 'playing' : 'loading';
    }

    get playId() { return this.#current?.playId ?? null; }
    get url() { return this.#current?.url ?? null; }
    get title() { return this.#current?.title ?? null; }
    get duration() { return this.#current?.duration ?? null; }
    get paused() { return this.#current?.paused ?? false; }
    get volume() { return this.#current?.volume ?? this.#volume; }
    get stream() { return this.state === 'idle' ? this.intake.stream : this.intake.openStream(); }
    get audioPlayer() { return this.#voice.audioPlayer; }
    get frames() { return { received: this.intake.received, lost: this.intake.lost }; }
    get destroyed() { return this.#destroyed !== null; }

    get position() {
        const play = this.#current;
        if (!play)
            return null;
        this.#clock?.advance();
        const position = play.begun ? this.intake.readPosition(play) : play.position;
        return play.duration === null ? position : Math.min(position, play.duration);
    }

    /** What commands address, or else what is heard to its end. */
    get #current() {
        return this.#plays.current() ?? this.#news.fading;
    }

    /**
     * @param {string} url
     * @param {import('./index').PlayOptions} [options]
     */
    async play(url, options = {}) {
        const { volume, position, paused, cut, next, keepOwner, playId = this.#link.newPlayId(), ...how } = options;
        this.#checkAlive();
        const isBehind = Boolean(next) && this.#plays.current() !== null;
        const level = volume ?? (this.#volume === 1 ? undefined : this.#volume);
        const play = this.#plays.add({
            playId, url, next: isBehind, joins: isBehind,
            volume: level ?? 1, position: position ?? 0, paused: Boolean(paused),
        });
        if (!isBehind)
            this.#voice.setPaused(play.paused);
        try {
            return await this.#command('play', { url, play_id: playId, volume: level, position, paused, cut, next, keep_owner: keepOwner },
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

    /** @param {import('./index').StopOptions} [options] */
    async stop({ playId, ...options } = {}) {
        this.#checkAlive();
        return playId === undefined ? this.#stopAll(options) : this.#command('stop', { play_id: playId }, options);
    }

    /**
     * @param {number} level
     * @param {CommandOptions} [options]
     */
    async setVolume(level, options) {
        this.#checkAlive();
        const before = this.#volume;
        this.#volume = level; /* what is played from now on has it, too */
        this.#volumeUnderWay = level;
        try {
            const event = await this.#command('volume', { level, keep: true }, options);
            this.#keptVolume = level;
            return event;
        } catch (error) {
            if (this.#volume === level && !(error instanceof TuttiError && error.code === 'closed'))
                this.#volume = before;
            throw error;
        } finally {
            if (this.#volumeUnderWay === level)
                this.#volumeUnderWay = null;
        }
    }

    /**
     * @param {number} position seconds
     * @param {CommandOptions} [options]
     */
    async seek(position, options) {
        this.#checkAlive();
        const answer = this.#command('seek', { position }, options);
        await this.intake.keepMoving(answer);
        return answer;
    }

    /** @param {CommandOptions} [options] */
    async status(options) {
        this.#checkAlive();
        const event = await this.#command('status', {}, options);
        return event.sessions[0] ?? null;
    }

    /** @param {unknown} [metadata] */
    resource(metadata) {
        this.#checkAlive();
        if (this.state === 'idle')
            throw new TuttiError('no_session', 'nothing is playing: call play() before resource()', { channelId: this.channelId });
        return this.#voice.resource(this.intake.openStream(), metadata);
    }

    /** @param {any} connection */
    subscribe(connection) {
        this.#checkAlive();
        return this.#voice.subscribe(connection, this.stream);
    }

    /** @param {CommandOptions} [options] */
    destroy(options) {
        this.#destroyed ??= this.#end(options);
        return this.#destroyed;
    }

    /* What follows is for the client, not for the bot. */

    /**
     * An event of this channel. What it says counts at once; it is told when it is heard.
     * @param {any} event
     * @param {(event: any) => void} tell
     */
    take(event, tell) {
        let play = this.#plays.get(event.playId);
        if (!play && event.type === 'ready' && !this.#link.watches())
            play = this.#adoptUnknown(event.playId);
        if (event.type === 'ready' && play?.ready)
            return; /* said again, because the answer may have been lost: it waits to be told */
        const isReplay = event.type === 'ready' && play?.replayed;
        if (play)
            this.#handle(play, event);
        if (event.keep)
            this.#volumeKept(event);
        this.#news.put(event.type, play, () => tell(isReplay ? { ...event, type: 'replayed' } : event));
    }

    /** @param {string} playId @returns {boolean} whether it is to go on though its daemon ends */
    keeps(playId) {
        const play = this.#plays.get(playId);
        return play !== undefined && !play.stopping;
    }

    /**
     * A connection is up again: makes the daemon play what this channel plays.
     * @param {any} session this channel's, as the daemon lists it, or undefined
     * @param {Parameters<Recovery['reconcile']>[1]} how
     * @returns {number} plays played again
     */
    reconcile(session, how) {
        if (!how.sameDaemon && this.#keptVolume !== 1)
            this.#command('volume', { level: this.#keptVolume, keep: true }, { timeout: 0 }).catch(() => {});
        this.#followInCall();
        const play = this.#plays.get(session?.playId);
        const count = this.#recovery.reconcile(session, how);
        if (play?.ready)
            this.#clock?.set(play, session.position);
        return count;
    }

    /** A call hears this channel from now on. */
    divert() {
        const play = this.#plays.get(this.playId);
        const position = this.position;
        this.#clock = new CallClock();
        if (play?.ready && position !== null)
            this.#clock.set(play, position);
        this.intake.divert();
    }

    /** @param {boolean} isHeard in the call: it is ready, as the daemon says */
    setHeardInCall(isHeard) {
        this.#isHeardInCall = isHeard;
        this.#followInCall();
    }

    /**
     * No call hears it any more.
     * @param {boolean} attached there is an audio connection
     */
    restore(attached) {
        this.setHeardInCall(false);
        this.#clock = null;
        for (const play of this.#plays.all())
            play.renewed = true; /* the mark of its next frame says which that is */
        this.intake.restore(attached);
    }

    /** The audio connection is a new one. */
    attach() {
        for (const play of this.#plays.recent)
            play.closed = true; /* what was on its way went with the old one */
        this.intake.attach();
    }

    /** The client was closed. */
    close() {
        for (const play of this.#plays.all())
            this.#plays.end(play);
        this.intake.detach();
        this.intake.finish();
        this.#news.tellAll();
        this.#voice.close();
    }

    #checkAlive() {
        if (this.#destroyed)
            throw new TuttiError('destroyed', 'this player was destroyed: take another one with client.player()', { channelId: this.channelId });
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
     * Silence at once; the daemon follows.
     * @param {CommandOptions} [options]
     */
    async #stopAll(options) {
        const plays = this.#plays.all();
        for (const play of plays)
            play.stopping = true;
        this.intake.cut();
        try {
            return await this.#command('stop', {}, options);
        } catch (error) {
            for (const play of plays)
                play.stopping = false;
            throw error;
        }
    }

    /** @param {CommandOptions} [options] */
    async #end(options) {
        const plays = this.#plays.all();
        this.#link.leave(this, plays);
        try {
            if (plays.length)
                await this.#stopAll(options);
            for (const { playId, position } of this.#plays.all()) /* with another daemon their ends were lost */
                this.#link.publish({ type: 'stopped', channelId: this.channelId, playId, position, reason: 'stop' });
        } finally {
            this.close();
        }
    }

    /**
     * Both sides at once: the AudioPlayer does not wait for the daemon.
     * @param {'pause' | 'resume'} type
     * @param {CommandOptions} [options]
     */
    async #hold(type, options) {
        this.#checkAlive();
        const play = this.#current;
        if (play)
            this.#voice.setPaused(type === 'pause');
        if (play?.ended)
            return this.#holdFading(play, type);
        try {
            return await this.#command(type, {}, options);
        } catch (error) {
            this.#voice.setPaused(this.paused);
            throw error;
        }
    }

    /**
     * The daemon is through with it, its listeners are not.
     * @param {Play} play
     * @param {'pause' | 'resume'} type
     */
    #holdFading(play, type) {
        play.paused = type === 'pause';
        const event = { type: type + 'd', channelId: this.channelId, playId: play.playId, position: this.position };
        this.#link.publish(event);
        return event;
    }

    /**
     * The daemon says that frames of this play follow.
     * @param {string} playId
     */
    #marked(playId) {
        const known = this.#plays.find(playId);
        if (known)
            return known;
        if (!this.#link.isGone(playId))
            return this.#adoptUnknown(playId);
        const gone = this.#plays.add({ playId, url: null, stopping: true });
        this.#plays.end(gone);
        return gone;
    }

    /**
     * Others gave it (an earlier process of ours, or somebody who left the channel to us).
     * @param {{ playId: string, url: string | null } & Partial<Play>} fields
     */
    #adopt(fields) {
        const play = this.#plays.add({ ...fields, joins: true });
        if (play === this.#plays.current()) {
            this.#volume = play.volume;
            this.#voice.setPaused(play.paused);
        }
        return play;
    }

    /** @param {string} playId */
    #adoptUnknown(playId) {
        const play = this.#adopt({ playId, url: null, volume: this.#volume });
        this.#command('status', {}, {}).then(({ sessions }) => {
            const session = sessions.find((/** @type {any} */ one) => one.playId === playId);
            if (!session || play.ended)
                return;
            const { url, volume, title, duration, seekable, state } = session;
            Object.assign(play, { url, volume, title: title ?? play.title, duration, seekable, ready: state !== 'extracting' });
            this.#setPaused(play, state === 'paused');
        }).catch(() => {}); /* the connection is lost: its session is listed when it is back */
        return play;
    }

    /**
     * @param {Play} play
     * @param {any} event
     */
    #handle(play, event) {
        if (event.type === 'ready')
            this.#ready(play, event);
        else if (event.type === 'seeked')
            this.#seeked(play, event);
        else if (event.type === 'title')
            play.title = event.title;
        else if (event.type === 'duration')
            play.duration = event.duration;
        else if (event.type === 'volume')
            play.volume = event.level;
        else if (event.type === 'paused' || event.type === 'resumed')
            this.#setPaused(play, event.type === 'paused');
        else if (TERMINAL.has(event.type))
            this.#terminal(play, event);
        if (event.position != null && !play.ended)
            this.#clock?.set(play, event.position);
        this.#followInCall();
    }

    /** @param {{ level: number, tag?: string }} event its tag tells an answer from what others did */
    #volumeKept({ level, tag }) {
        if (tag === undefined && this.#volumeUnderWay === null)
            this.#volume = this.#keptVolume = level;
        else if (tag !== undefined && this.#volumeUnderWay === level)
            this.#volumeUnderWay = null;
    }

    /** Lets the clock of the call count what the call hears. */
    #followInCall() {
        const play = this.#plays.all().findLast((one) => one.ready && !one.next && !one.stopping) ?? null;
        this.#clock?.follow(play, this.#isHeardInCall && play?.paused === false);
    }

    /**
     * @param {Play} play
     * @param {any} event
     */
    #ready(play, event) {
        play.ready = true;
        play.next = false;
        play.duration = event.duration ?? null;
        play.title = event.title ?? play.title;
        play.seekable = event.seekable ?? true;
        if (!play.begun)
            play.position = event.position;
        if (!play.joins && !play.replayed) {
            this.#isDraining = false;
            this.intake.dropOthers(play);
        }
    }

    /**
     * @param {Play} play
     * @param {{ position: number, sequence: number }} event
     */
    #seeked(play, { position, sequence }) {
        play.position = position;
        this.intake.seeked(play, sequence, position);
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
        play.frames = event.frames ?? 0;
        play.stopping ||= event.type === 'stopped';
        this.#plays.end(play);
        if (event.type === 'stopped' && event.reason === 'stop' && this.intake.holds(play))
            this.intake.drop();
        this.#settle();
    }

    /** Ends the stream when nothing comes any more. */
    #settle() {
        if (this.#plays.size === 0 && !this.#plays.recent.some((play) => !play.stopping && this.intake.awaits(play)))
            this.intake.finish();
        this.#news.look();
    }

    /** @param {import('./stream.js').FrameStream} stream */
    #streamEnded(stream) {
        this.#isDraining = true;
        this.#voice.ended(stream, () => {
            this.#isDraining = false;
            this.#news.look();
        });
    }

    /**
     * A play's command failed at the client or at the daemon.
     * @param {Play} play
     * @param {unknown} error
     */
    #giveUp(play, error) {
        const code = error instanceof TuttiError ? error.code : '';
        if (play.ended || code === 'closed' || code === 'client_replaced')
            return;
        if (isUnheard(error)) {
            this.#plays.end(play);
        } else if (code === 'aborted' || code === 'timeout' || code === 'disconnected') {
            /* The daemon may have it all the same, or is yet to get it. */
            play.stopping = true;
            this.#command('stop', { play_id: play.playId }, { whenDisconnected: 'wait', timeout: 0 }).catch(() => {});
        } else {
            this.#plays.end(play);
        }
        this.#settle();
    }
}

module.exports = { Player };
