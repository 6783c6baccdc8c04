'use strict';

/**
 * @typedef {object} Play a play that was given to the daemon and has not ended
 * @property {string} playId
 * @property {string} url
 * @property {number} volume
 * @property {number} position where it starts, seconds
 * @property {boolean} paused
 * @property {boolean} next behind the current one
 * @property {boolean} ready
 * @property {boolean} begun frames of it have come
 * @property {boolean} stopping a stop was given and is not answered
 * @property {boolean} ended its terminal event came; frames may still be on their way
 * @property {boolean} replayed it was given to another daemon: its `ready` is not the first
 * @property {number | null} duration seconds; null when unknown or live
 * @property {string | null} title
 */

/**
 * The plays of one channel that have had no terminal event, in the order given, and the one whose
 * frames are coming. The daemon lets one play sound, one more take its place (the newest plain
 * one), and one wait behind it; this table follows the same rules.
 */
class Plays {
    /** @type {Map<string, Play>} */
    #live = new Map();

    /** The play whose frames are coming, until its in-band end. @type {Play | null} */
    audible = null;

    /**
     * @param {{ playId: string, url: string } & Partial<Play>} given
     * @returns {Play}
     */
    add(given) {
        const play = {
            volume: 1, position: 0, paused: false, next: false, ready: false, begun: false, stopping: false,
            ended: false, replayed: false, duration: null, title: null, ...given,
        };
        this.#live.set(play.playId, play);
        return play;
    }

    /** @param {string | null | undefined} playId */
    get(playId) {
        return playId == null ? undefined : this.#live.get(playId);
    }

    /** @returns {Play[]} */
    all() {
        return [...this.#live.values()];
    }

    /**
     * Its terminal event came.
     * @param {Play} play
     */
    end(play) {
        play.ended = true;
        this.#live.delete(play.playId);
    }

    /**
     * @returns {Play | undefined} the play that sounds next: no frame of it has come
     */
    successor() {
        const others = this.all().filter((play) => !play.begun && !play.stopping);
        return others.findLast((play) => !play.next) ?? others.findLast((play) => play.next);
    }

    /** @returns {Play | null} the play that commands address: the newest plain one */
    current() {
        const follows = this.successor();
        if (follows && (!follows.next || !this.audible))
            return follows;
        return this.audible && !this.audible.ended ? this.audible : follows ?? null;
    }
}

module.exports = { Plays };
