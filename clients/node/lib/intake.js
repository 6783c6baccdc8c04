'use strict';

const { FrameStream } = require('./stream.js');

const FRAME_SECONDS = 0.02;
const FRAME_MS = 20;
const SEEK_SETTLE_MS = 40;

/**
 * @typedef {object} IntakeOwner what a channel's intake asks of the player that owns it
 * @property {(frames: number, urgent: boolean) => void} grant lets the daemon send more frames
 * @property {() => boolean} wantsFrames whether there is a session that could use credit
 * @property {(sequence: number) => number} begin a play's first frame came; returns its position, seconds
 * @property {() => 'replaced' | 'joined' | 'last'} end a play's in-band end came; says what follows
 * @property {() => Promise<number | null>} askPosition the daemon's position, seconds
 * @property {(stream: FrameStream) => void} started a stream holds its first packet of a play
 * @property {(stream: FrameStream) => void} ended a stream reached its end
 */

/**
 * The audio side of a player: counts the frames of its channel, keeps the stream filled by credit,
 * and knows the position of each frame.
 */
class Intake {
    /**
     * @param {IntakeOwner} owner
     * @param {number} highWaterMark frames
     */
    constructor(owner, highWaterMark) {
        this.#owner = owner;
        this.#highWaterMark = highWaterMark;
        /* Two frames' credit in one line halves the lines, at one frame of depth. */
        this.#leastGrant = highWaterMark >= 4 ? 2 : 1;
    }

    #owner;
    #highWaterMark;
    #leastGrant;
    /** @type {FrameStream | null} */
    #stream = null;
    #announced = false; /* the owner was told of #stream */
    #attached = false;
    #granted = 0; /* credit that no frame has used yet */
    #muted = false; /* what comes belongs to a play that was stopped */
    #coming = false; /* a play's frames are coming: its end did not come yet */
    #restart = false; /* the play is played again by another daemon and will begin with frame 0 */
    #expected = 0; /* number of the next frame */
    #anchor = { sequence: 0, position: 0 };
    #seekRun = 0;
    #frozen = false; /* no credit is given until it is known which frames are of the new position */
    /** @type {(() => void) | null} */
    #onFrame = null;

    /** Frames received. */
    received = 0;
    /** Frames that the daemon sent and a lost connection swallowed. */
    lost = 0;

    get stream() {
        return this.#stream?.open ? this.#stream : null;
    }

    get coming() {
        return this.#coming;
    }

    /** Position of the next frame to come, seconds. */
    get nextPosition() {
        return this.#positionOf(this.#expected);
    }

    /** Number of the next frame to come. */
    get nextSequence() {
        return this.#expected;
    }

    /** Position of the next frame that the reader takes, seconds. */
    get readPosition() {
        const held = this.stream?.readableLength ?? 0;
        return Math.max(this.#positionOf(this.#expected - held), Math.min(this.#anchor.position, this.nextPosition));
    }

    /**
     * @param {number} sequence
     * @param {Buffer | null} packet null for the in-band end
     */
    frame(sequence, packet) {
        if (packet === null)
            return this.#end();
        this.received++;
        if (this.#granted > 0)
            this.#granted--;
        if (!this.#muted) {
            const begins = !this.#coming || (sequence === 0 && (this.#restart || this.#expected !== 0));
            if (begins)
                this.#begin(sequence);
            if (sequence !== this.#expected)
                this.lost += (sequence - this.#expected) >>> 0;
            this.#expected = sequence + 1;
            this.#add(packet, begins);
        }
        this.#onFrame?.();
    }

    /** The audio connection is new: credit given to an old one counts no more. */
    attach() {
        this.#attached = true;
        this.#granted = 0;
        this.grant();
    }

    detach() {
        this.#attached = false;
        this.#onFrame?.();
    }

    /** Gives the daemon credit for what the stream has room for. */
    grant() {
        if (!this.#attached || this.#frozen || this.#muted || !this.#owner.wantsFrames())
            return;
        const held = this.stream?.readableLength ?? 0;
        const frames = this.#highWaterMark - held - this.#granted;
        if (frames < this.#leastGrant)
            return;
        this.#granted += frames;
        this.#owner.grant(frames, held === 0);
    }

    /** Drops what the stream holds and ends it; frames that still come are thrown away until unmute(). */
    mute() {
        this.#muted = true;
        this.#seekRun++;
        this.#frozen = false;
        this.#stream?.discard();
        this.#stream?.finish();
    }

    unmute() {
        this.#muted = false;
        this.#coming = false;
    }

    /** Ends the stream behind what it holds: nothing follows. */
    finish() {
        this.#coming = false;
        this.#stream?.finish();
    }

    /** Drops what the stream holds, and asks for other frames in its place. */
    drop() {
        this.#stream?.discard();
        this.grant();
    }

    /** The play whose frames were coming begins again with frame 0, at nextPosition. */
    restart() {
        this.#restart = true;
        this.#seekRun++;
        this.#frozen = false;
    }

    /**
     * The daemon took a session over to us in the middle.
     * @param {number} position of the next frame, seconds
     */
    resumeAt(position) {
        this.#coming = false;
        this.#anchor = { sequence: this.#expected, position };
    }

    /**
     * The first frame's position as the daemon says it.
     * @param {number} position seconds
     */
    anchorStart(position) {
        if (this.#coming && this.#anchor.sequence === 0)
            this.#anchor.position = position;
    }

    /**
     * A seek was answered. The answer and the frames come over different sockets, so the frames are
     * counted: with no credit out, the daemon's own position says how many of those that came
     * belong to the new place. These stay in the stream, older ones are dropped.
     * @param {number} position of the first frame of the new place, seconds
     */
    async seeked(position) {
        const run = ++this.#seekRun;
        this.#frozen = true;
        await this.#creditUsed();
        const now = run === this.#seekRun ? await this.#owner.askPosition() : null;
        if (run !== this.#seekRun)
            return;
        const fresh = now === null ? 1 : Math.max(0, Math.round((now - position) / FRAME_SECONDS));
        this.#stream?.discard(fresh);
        this.#anchor = { sequence: this.#expected - fresh, position };
        this.#frozen = false;
        this.grant();
    }

    /**
     * A seek is answered with the first frame of the new place, and that needs credit: where nobody
     * reads, the frames of the old place make room.
     * @param {Promise<unknown>} answer
     */
    async keepMoving(answer) {
        let full = false;
        const timer = setInterval(() => {
            const isFull = (this.stream?.readableLength ?? 0) >= this.#highWaterMark;
            if (full && isFull && !this.#frozen)
                this.drop();
            full = isFull;
        }, FRAME_MS);
        try {
            await answer;
        } finally {
            clearInterval(timer);
        }
    }

    /** The stream to read from, made if there is none. */
    openStream() {
        if (!this.#stream?.open)
            this.#makeStream();
        return /** @type {FrameStream} */ (this.#stream);
    }

    /** @param {number} sequence */
    #positionOf(sequence) {
        return this.#anchor.position + (sequence - this.#anchor.sequence) * FRAME_SECONDS;
    }

    /** @param {number} sequence */
    #begin(sequence) {
        this.#coming = true;
        this.#restart = false;
        this.#anchor = { sequence, position: this.#owner.begin(sequence) };
        this.#expected = sequence;
    }

    /**
     * @param {Buffer} packet
     * @param {boolean} begins
     */
    #add(packet, begins) {
        const stream = this.openStream();
        stream.add(packet);
        if (begins && !this.#announced) {
            this.#announced = true;
            this.#owner.started(stream);
        }
    }

    #end() {
        this.#coming = false;
        this.#onFrame?.();
        if (this.#muted)
            return;
        const follows = this.#owner.end();
        if (follows === 'replaced')
            this.drop();
        else if (follows === 'last')
            this.#stream?.finish();
    }

    #makeStream() {
        const stream = new FrameStream({
            highWaterMark: this.#highWaterMark,
            onRead: () => this.grant(),
            onEnd: () => this.#owner.ended(stream),
            onAbandoned: (held) => {
                /* The reader left, but the session lives: what it did not take is kept for another. */
                if (this.#stream !== stream || this.#muted || !(this.#coming || held.length))
                    return;
                this.#makeStream();
                for (const packet of held)
                    this.#stream?.add(packet);
            },
        });
        this.#stream = stream;
        this.#announced = false;
    }

    /** Waits until all credit is used, or will not be because the daemon is paused or gone. */
    #creditUsed() {
        return new Promise((resolve) => {
            const timer = setTimeout(() => done(), SEEK_SETTLE_MS);
            const done = () => {
                clearTimeout(timer);
                this.#onFrame = null;
                resolve(undefined);
            };
            this.#onFrame = () => {
                if (this.#granted === 0 || !this.#attached || !this.#coming)
                    done();
            };
            this.#onFrame();
        });
    }
}

module.exports = { Intake, FRAME_SECONDS };
