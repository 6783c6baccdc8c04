'use strict';

/**
 * @typedef {object} Play a play of one channel, as the daemon tells of it
 * @property {string} playId
 * @property {string | null} url null until the daemon was asked about a play that others gave
 * @property {number} volume
 * @property {number} position where it starts, seconds
 * @property {boolean} paused
 * @property {boolean} next it waits behind another one
 * @property {boolean} joins it was given to follow what plays, which is heard to its end
 * @property {boolean} ready
 * @property {boolean} seekable false: live
 * @property {boolean} stopping it is to end: no frame of it is heard any more
 * @property {boolean} ended its terminal event came; frames may still be on their way
 * @property {boolean} replayed it was ready before, with another daemon
 * @property {number | null} duration seconds; null when unknown or live
 * @property {string | null} title
 *
 * What came of it within the stream of frames:
 * @property {boolean} begun it was marked
 * @property {boolean} closed its in-band end came
 * @property {boolean} renewed another daemon begins it with frame 0
 * @property {number} frames those that the daemon counted in `finished`; 0 before
 * @property {number} expected number of the next frame
 * @property {number | null} from frames with lower numbers are of a place that was left by a seek
 * @property {{ sequence: number, position: number }} anchor a frame's number and place, seconds
 */

/* Frames of a play may come after the event that ended it: so many of those are still known. */
const RECENT = 8;

/** The plays of one channel. Commands address the newest plain one; another may wait behind it. */
class Plays {
    /** Without a terminal event, in the order given. @type {Map<string, Play>} */
    #live = new Map();
    /** @type {Play[]} */
    #recent = [];

    /**
     * @param {{ playId: string, url: string | null } & Partial<Play>} given
     * @returns {Play}
     */
    add(given) {
        const play = {
            volume: 1, position: 0, paused: false, next: false, joins: false, ready: false, seekable: true, stopping: false,
            ended: false, replayed: false, duration: null, title: null, begun: false, closed: false, renewed: false,
            frames: 0, expected: 0, from: null, anchor: { sequence: 0, position: given.position ?? 0 }, ...given,
        };
        this.#live.set(play.playId, play);
        return play;
    }

    /** @param {string | null | undefined} playId @returns {Play | undefined} a live one */
    get(playId) {
        return playId == null ? undefined : this.#live.get(playId);
    }

    /** @param {string} playId @returns {Play | undefined} one that is live or has ended of late */
    find(playId) {
        return this.#live.get(playId) ?? this.#recent.findLast((play) => play.playId === playId);
    }

    /** @returns {Play[]} the live ones */
    all() {
        return [...this.#live.values()];
    }

    /** @returns {readonly Play[]} those that have ended of late */
    get recent() {
        return this.#recent;
    }

    get size() {
        return this.#live.size;
    }

    /**
     * Its terminal event came.
     * @param {Play} play
     */
    end(play) {
        play.ended = true;
        if (this.#live.get(play.playId) === play)
            this.#live.delete(play.playId);
        this.#recent.push(play);
        if (this.#recent.length > RECENT)
            this.#recent.shift();
    }

    /** @returns {Play | null} the play that commands address */
    current() {
        const wanted = this.all().filter((play) => !play.stopping);
        return wanted.findLast((play) => !play.next) ?? wanted.findLast((play) => play.next) ?? null;
    }
}

module.exports = { Plays };
