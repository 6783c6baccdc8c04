'use strict';

const { FrameStream } = require('./stream.js');

const FRAME_SECONDS = 0.02;
const FRAME_MS = 20;

/**
 * @typedef {import('./plays.js').Play} Play
 *
 * @typedef {object} IntakeOwner what a channel's intake asks of the player that owns it
 * @property {(frames: number, urgent: boolean) => void} grant lets the daemon send more frames
 * @property {(playId: string) => Play} marked whose frames follow, as the daemon says
 * @property {() => void} closed a play's in-band end came
 * @property {() => void} heard packets were read or dropped
 * @property {() => boolean} lives something plays, or will
 * @property {(stream: FrameStream) => void} started a stream holds its first packet
 * @property {(stream: FrameStream) => void} ended a stream reached its end
 */

/**
 * The audio side of a player: puts the frames of its channel into a stream, keeps that filled by
 * credit, and knows the play and the place of each packet that it holds.
 */
class Intake {
    /**
     * @param {IntakeOwner} owner
     * @param {number} highWaterMark frames
     * @param {{ granted: number }} credit the channel's: what no frame has used yet
     */
    constructor(owner, highWaterMark, credit) {
        this.#owner = owner;
        this.#highWaterMark = highWaterMark;
        this.#credit = credit;
        /* Two frames' credit in one line halves the lines, at one frame of depth. */
        this.#leastGrant = highWaterMark >= 4 ? 2 : 1;
    }

    #owner;
    #highWaterMark;
    #credit;
    #leastGrant;
    /** @type {FrameStream | null} */
    #stream = null;
    /** What the packets in #stream are of. @type {{ play: Play, sequence: number, position: number }[]} */
    #held = [];
    #announced = false; /* the owner was told of #stream */
    #attached = false;
    /** A call of the daemon's hears the channel: no frame comes here. */
    #diverted = false;
    /** The play of the last mark, until its in-band end. @type {Play | null} */
    #play = null;

    /** Frames received. */
    received = 0;
    /** Frames that the daemon sent and a lost connection swallowed. */
    lost = 0;

    get stream() {
        return this.#stream?.open ? this.#stream : null;
    }

    get attached() {
        return this.#attached;
    }

    /**
     * The daemon says whose frames follow.
     * @param {string} playId
     * @param {number} sequence of the frame that follows
     * @param {number} position of that frame, seconds
     */
    mark(playId, sequence, position) {
        const play = this.#owner.marked(playId);
        if (play.begun && !play.renewed)
            this.lost += (sequence - play.expected) >>> 0;
        if (play.renewed)
            play.from = null;
        play.begun = true;
        play.closed = play.renewed = false;
        play.expected = sequence;
        play.anchor = { sequence, position };
        this.#play = play;
        if (!play.joins)
            this.dropOthers(play);
    }

    /**
     * @param {number} sequence
     * @param {Buffer | null} packet null for the in-band end
     */
    frame(sequence, packet) {
        const play = this.#play;
        if (packet === null)
            return this.#close();
        this.received++;
        if (!play || this.#diverted)
            return this.grant();
        this.lost += (sequence - play.expected) >>> 0;
        play.expected = (sequence + 1) >>> 0;
        if (play.stopping || (play.from !== null && isBefore(sequence, play.from)))
            this.grant();
        else
            this.#add(packet, play, sequence);
    }

    /** The audio connection is new: what was on its way over an old one does not come any more. */
    attach() {
        this.#attached = !this.#diverted;
        this.#play = null;
        this.#owner.closed();
        this.grant();
    }

    detach() {
        this.#attached = false;
        this.#owner.closed();
    }

    /** A call hears the channel from now on: credit is void, and what is held will not be read. */
    divert() {
        this.#diverted = true;
        this.#credit.granted = 0;
        this.detach();
        this.cut();
    }

    /** Frames come here again, behind a mark, for new credit. @param {boolean} attached to an audio connection */
    restore(attached) {
        this.#diverted = false;
        this.#credit.granted = 0;
        if (attached)
            this.attach();
    }

    /** Gives the daemon credit for what the stream has room for. */
    grant() {
        const frames = this.#highWaterMark - this.#held.length - this.#credit.granted;
        if (!this.#attached || frames < this.#leastGrant)
            return;
        this.#credit.granted += frames;
        this.#owner.grant(frames, this.#held.length === 0 && this.#owner.lives());
    }

    /** @param {Play} play @returns {boolean} whether packets of it are not read yet */
    holds(play) {
        return this.#held.some((packet) => packet.play === play);
    }

    /** @param {Play} play @returns {boolean} whether frames of it are still to come, though it has ended */
    awaits(play) {
        return this.#attached && !play.closed && (play.begun || play.frames > 0);
    }

    /** @param {Play} play @returns {number} place of the next frame of it to come, seconds */
    nextPosition(play) {
        return placeOf(play, play.from !== null && isBefore(play.expected, play.from) ? play.from : play.expected);
    }

    /** @param {Play} play @returns {number} place of the next packet of it that is read, seconds */
    readPosition(play) {
        return this.#held.find((packet) => packet.play === play)?.position ?? this.nextPosition(play);
    }

    /**
     * A seek was answered: frames before `sequence`, here or on their way, are of the old place.
     * @param {Play} play
     * @param {number} sequence
     * @param {number} position of that frame, seconds
     */
    seeked(play, sequence, position) {
        play.from = sequence;
        play.anchor = { sequence, position };
        this.#drop(1 + this.#held.findLastIndex((packet) => packet.play === play && isBefore(packet.sequence, sequence)));
        this.grant();
    }

    /** Drops the packets of other plays, which `play` has replaced. @param {Play} play */
    dropOthers(play) {
        this.#drop(1 + this.#held.findLastIndex((packet) => packet.play !== play));
        this.grant();
    }

    /** Drops what the stream holds, and asks for other frames in its place. */
    drop() {
        this.#drop(this.#held.length);
        this.grant();
    }

    /** Drops what the stream holds and ends it. */
    cut() {
        this.#stream?.finish();
        this.drop();
    }

    /** Ends the stream behind what it holds: nothing follows. */
    finish() {
        this.#stream?.finish();
    }

    /**
     * A seek is answered with the first frame of the new place, and that needs credit: where nobody
     * reads, the frames of the old place make room.
     * @param {Promise<unknown>} answer
     */
    async keepMoving(answer) {
        let full = false;
        const timer = setInterval(() => {
            const isFull = this.#held.length >= this.#highWaterMark;
            if (full && isFull)
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

    /**
     * @param {Buffer} packet
     * @param {Play} play
     * @param {number} sequence
     */
    #add(packet, play, sequence) {
        const stream = this.openStream();
        this.#held.push({ play, sequence, position: placeOf(play, sequence) });
        stream.add(packet);
        if (!this.#announced) {
            this.#announced = true;
            this.#owner.started(stream);
        }
    }

    #close() {
        if (!this.#play)
            return;
        this.#play.closed = true;
        this.#play = null;
        this.#owner.closed();
    }

    /** @param {number} count of the oldest packets */
    #drop(count) {
        if (count === 0)
            return;
        this.#held.splice(0, count);
        this.#stream?.discard(this.#held.length);
        this.#owner.heard();
    }

    #read() {
        this.#held.shift();
        this.grant();
        this.#owner.heard();
    }

    #makeStream() {
        const stream = new FrameStream({
            highWaterMark: this.#highWaterMark,
            onRead: () => this.#read(),
            onEnd: () => this.#owner.ended(stream),
            onAbandoned: (packets) => {
                /* The reader left. While the session lives, what it did not take is kept for another. */
                if (this.#stream !== stream)
                    return;
                if (!this.#owner.lives())
                    return this.drop();
                this.#makeStream();
                for (const packet of packets)
                    this.#stream?.add(packet);
            },
        });
        this.#stream = stream;
        this.#announced = false;
    }
}

/** Numbers wrap at 2^32. @param {number} a @param {number} b */
function isBefore(a, b) {
    return ((a - b) | 0) < 0;
}

/** @param {Play} play @param {number} sequence @returns {number} seconds */
function placeOf({ anchor }, sequence) {
    return anchor.position + ((sequence - anchor.sequence) | 0) * FRAME_SECONDS;
}

module.exports = { Intake, FRAME_SECONDS };
