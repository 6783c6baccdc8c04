'use strict';

const { EventEmitter } = require('node:events');
const { TuttiError } = require('./errors.js');

const HISTORY = 100;

/**
 * @typedef {import('./types').Track} Track
 * @typedef {import('./types').QueueOptions<any>} QueueOptions
 * @typedef {{ track: Track, playId: string, begun: boolean }} Given a track that the daemon has
 */

/**
 * A row of tracks for one player. The one behind the current one is given to the daemon ahead, as
 * `next`, so that they join without a gap; whatever changes the row takes that back. The player sees to
 * lost connections. See types.d.ts.
 */
class Queue extends EventEmitter {
    /**
     * @param {import('./player.js').Player} player
     * @param {QueueOptions} [options]
     */
    constructor(player, { loop = 'off', autoplay, history = HISTORY } = {}) {
        super();
        this.player = player;
        this.autoplay = autoplay ?? null;
        this.#loop = loop;
        this.#historySize = history;
        player.on('ready', this.#onReady);
        player.on('finished', this.#onFinished);
        player.on('error', this.#onError);
        player.on('stopped', this.#onStopped);
    }

    #loop;
    #historySize;
    /** @type {Track[]} */
    #tracks = [];
    /** @type {Track[]} */
    #history = [];
    /** @type {Given | null} */
    #current = null;
    /** What the daemon has as `next`. @type {Given | null} */
    #ahead = null;
    /** Tracks that the daemon has or had, until they end there. @type {Map<string, Given>} */
    #given = new Map();
    /** Asked for, when the row ends. @type {Promise<void> | null} */
    #searching = null;
    #destroyed = false;

    get current() { return this.#current?.track ?? null; }
    get tracks() { return [...this.#tracks]; }
    get history() { return [...this.#history]; }
    get size() { return this.#tracks.length; }
    get loop() { return this.#loop; }

    /** @param {'off' | 'track' | 'queue'} mode */
    setLoop(mode) {
        if (!['off', 'track', 'queue'].includes(mode))
            throw new RangeError('loop must be off, track or queue');
        this.#loop = mode;
        this.#changed();
    }

    /**
     * @param {Track | Track[]} tracks
     * @param {{ at?: number }} [where]
     */
    async add(tracks, { at = this.#tracks.length } = {}) {
        this.#checkAlive();
        const added = [tracks].flat();
        for (const track of added) {
            if (typeof track?.url !== 'string')
                throw new TypeError('a track has a url');
        }
        this.#tracks.splice(at, 0, ...added);
        for (const track of added)
            this.emit('trackAdd', track);
        if (this.#current || this.#tracks.length === 0)
            this.#changed();
        else
            await this.#advance();
    }

    /** @param {number | Track} which */
    remove(which) {
        const [track] = this.#tracks.splice(this.#indexOf(which), 1);
        this.emit('trackRemove', track);
        this.#changed();
        return track;
    }

    /**
     * @param {number | Track} which
     * @param {number} to its index afterwards
     */
    move(which, to) {
        const from = this.#indexOf(which);
        if (!Number.isInteger(to) || to < 0 || to >= this.#tracks.length)
            throw new RangeError(`there is no place ${to} in a queue of ${this.#tracks.length}`);
        this.#tracks.splice(to, 0, ...this.#tracks.splice(from, 1));
        this.#changed();
    }

    /** @param {() => number} [random] of [0, 1) */
    shuffle(random = Math.random) {
        for (let i = this.#tracks.length - 1; i > 0; i--) {
            const j = Math.floor(random() * (i + 1));
            [this.#tracks[i], this.#tracks[j]] = [this.#tracks[j], this.#tracks[i]];
        }
        this.#changed();
    }

    clear() {
        const cleared = this.#tracks.splice(0);
        for (const track of cleared)
            this.emit('trackRemove', track);
        this.#changed();
    }

    /** Plays the one behind, whatever the loop says of the current one. */
    async skip() {
        this.#checkAlive();
        return this.#advance({ skipped: true });
    }

    /** @param {number | Track} which */
    async skipTo(which) {
        this.#checkAlive();
        const index = this.#indexOf(which);
        this.#retire(true);
        const passed = this.#tracks.splice(0, index);
        if (this.#loop === 'queue')
            this.#tracks.push(...passed);
        else
            this.#remember(...passed);
        return this.#advance({ skipped: true });
    }

    /** Plays the track before the current one, which comes again behind it. */
    async previous() {
        this.#checkAlive();
        const track = this.#history.pop();
        if (!track)
            throw new TuttiError('no_session', 'no track was played before this one', { channelId: this.player.channelId });
        if (this.#loop === 'queue' && this.#tracks.at(-1) === track)
            this.#tracks.pop();
        if (this.#current)
            this.#tracks.unshift(this.#current.track);
        return this.#give(track);
    }

    /** Ends what plays and empties the row. */
    async stop() {
        this.clear();
        const wasPlaying = this.#current !== null;
        this.#current = this.#ahead = null;
        await this.player.stop();
        if (wasPlaying)
            this.emit('queueEnd');
    }

    /** Leaves the player alone from now on. */
    destroy() {
        this.#destroyed = true;
        this.#tracks = [];
        this.#current = this.#ahead = null;
        this.player.off('ready', this.#onReady);
        this.player.off('finished', this.#onFinished);
        this.player.off('error', this.#onError);
        this.player.off('stopped', this.#onStopped);
    }

    #checkAlive() {
        if (this.#destroyed)
            throw new TuttiError('destroyed', 'this queue was destroyed', { channelId: this.player.channelId });
    }

    /** @param {number | Track} which */
    #indexOf(which) {
        const index = typeof which === 'number' ? which : this.#tracks.indexOf(which);
        if (!Number.isInteger(index) || index < 0 || index >= this.#tracks.length)
            throw new RangeError(typeof which === 'number' ? `there is no track ${which} in a queue of ${this.#tracks.length}` : 'this track is not in the queue');
        return index;
    }

    /** @param {...Track} tracks that were played or passed over */
    #remember(...tracks) {
        this.#history.push(...tracks);
        this.#history.splice(0, this.#history.length - this.#historySize);
    }

    /** The current one is over: puts it where the loop wants it. @param {boolean} skipped */
    #retire(skipped) {
        if (!this.#current)
            return;
        const { track } = this.#current;
        this.#current = null;
        if (this.#loop === 'track' && !skipped)
            return void this.#tracks.unshift(track);
        this.#remember(track);
        if (this.#loop === 'queue')
            this.#tracks.push(track);
    }

    /**
     * Plays the first of the row, if there is one or somebody knows one.
     * @param {{ skipped?: boolean }} [how]
     * @returns {Promise<Track | null>} what plays
     */
    async #advance({ skipped = false } = {}) {
        const before = this.#current?.track ?? this.#history.at(-1) ?? null;
        this.#retire(skipped);
        if (this.#tracks.length === 0)
            await this.#search(before);
        const track = this.#current ? null : this.#tracks.shift();
        if (track)
            return this.#give(track);
        if (this.#current)
            return this.current; /* somebody was quicker while it was searched */
        this.#ahead = null;
        if (skipped)
            await this.player.stop();
        this.emit('queueEnd');
        return null;
    }

    /** @param {Track | null} before */
    async #search(before) {
        if (!this.autoplay || !before)
            return;
        const { autoplay } = this;
        this.#searching ??= (async () => {
            try {
                const found = await autoplay(before, /** @type {any} */ (this));
                if (found && !this.#destroyed)
                    this.#tracks.push(...[found].flat());
            } catch (error) {
                this.#complain(before, error);
            } finally {
                this.#searching = null;
            }
        })();
        await this.#searching;
    }

    /**
     * @param {Track} track
     * @returns {Promise<Track>} ready, or ended before it was
     */
    async #give(track) {
        const given = newGiven(track);
        this.#current = given;
        this.#ahead = null; /* a plain play drops it */
        try {
            await this.#play(given);
        } catch (error) {
            if (this.#current === given)
                this.#failed(given, error);
            throw error;
        }
        return track;
    }

    /** @param {Given} given @param {{ next?: boolean }} [how] */
    #play(given, how) {
        const { track: { url, volume, position }, playId } = given;
        this.#given.set(playId, given);
        return this.player.play(url, { playId, volume, position, ...how });
    }

    /** The row is another: what the daemon has ahead must be its first. */
    #changed() {
        if (!this.#current || this.player.state === 'loading' || this.#destroyed)
            return;
        const track = this.#follower();
        if (track === this.#ahead?.track)
            return;
        const old = this.#ahead;
        this.#ahead = track && newGiven(track);
        if (this.#ahead)
            this.#play(this.#ahead, { next: true }).catch(() => {}); /* its end is an event */
        else if (old)
            this.player.stop({ playId: old.playId }).catch(() => {});
    }

    /** @returns {Track | null} what is played when the current one has ended by itself */
    #follower() {
        if (this.#loop === 'track')
            return this.current;
        return this.#tracks[0] ?? (this.#loop === 'queue' ? this.current : null);
    }

    /**
     * Nobody has to listen: a track that fails must not end the bot.
     * @param {Track} track
     * @param {unknown} error
     */
    #complain(track, error) {
        if (this.listenerCount('error') > 0)
            this.emit('error', track, error);
    }

    /**
     * @param {Given} given
     * @param {unknown} error
     */
    #failed(given, error) {
        this.#complain(given.track, error);
        if (this.#current !== given)
            return;
        this.#current = null; /* what cannot be played is not looped */
        this.#advance().catch(() => {});
    }

    #onReady = (/** @type {{ playId: string, title?: string | null, duration: number | null }} */ { playId, title, duration }) => {
        const given = this.#given.get(playId);
        if (!given)
            return;
        if (given !== this.#current)
            this.#follow(given);
        const { track } = given;
        given.begun = true;
        track.title ??= title ?? undefined;
        track.duration ??= duration;
        this.emit('trackStart', track);
        this.#changed();
    };

    /**
     * The daemon plays another one than was thought: it was quicker than a change of the row.
     * @param {Given} given
     */
    #follow(given) {
        const thought = this.#current;
        if (thought && !thought.begun) {
            this.#ahead = thought; /* waits behind it */
            this.#tracks.unshift(thought.track);
        } else {
            this.#retire(false);
        }
        this.#current = given;
        this.#takeOut(given.track);
    }

    #onFinished = (/** @type {{ playId: string }} */ { playId }) => {
        const given = this.#given.get(playId);
        this.#given.delete(playId);
        if (!given && !this.#current) /* what somebody else played in between */
            return void (this.#tracks.length && this.#advance().catch(() => {}));
        if (!given || this.#current !== given)
            return;
        this.emit('trackEnd', given.track);
        if (!this.#ahead)
            return void this.#advance().catch(() => {});
        this.#retire(false);
        this.#current = this.#ahead;
        this.#ahead = null;
        this.#takeOut(this.#current.track);
    };

    /** @param {Track} track that plays is not in the row */
    #takeOut(track) {
        const index = this.#tracks.indexOf(track);
        if (index >= 0)
            this.#tracks.splice(index, 1);
    }

    #onError = (/** @type {TuttiError} */ error) => {
        const given = this.#given.get(error.playId ?? '');
        if (!given)
            return;
        this.#given.delete(given.playId);
        if (this.#current === given) {
            this.#failed(given, error);
        } else if (this.#ahead === given) {
            this.#ahead = null;
            if (this.#tracks.includes(given.track))
                this.#takeOut(given.track);
            else
                this.#loop = 'off'; /* it is the current one, and its source is no more */
            this.#complain(given.track, error);
            this.#changed();
        }
    };

    #onStopped = (/** @type {{ playId: string | null, reason: string }} */ { playId, reason }) => {
        const given = this.#given.get(playId ?? '');
        if (!given)
            return;
        this.#given.delete(given.playId);
        if (this.#ahead === given)
            this.#ahead = null;
        if (this.#current !== given)
            return;
        /* By somebody else: the queue's own commands have another one current by now. */
        this.#remember(given.track);
        this.#current = null;
        if (reason !== 'replaced')
            this.emit('queueEnd');
    };
}

let number = 0;

/** Each play has a name of its own, also when a track is given again. @param {Track} track @returns {Given} */
function newGiven(track) {
    return { track, playId: `queue-${process.pid}-${Date.now().toString(36)}-${++number}`, begun: false };
}

module.exports = { Queue };
