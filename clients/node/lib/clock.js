'use strict';

const FRAME_MS = 20;

/** @typedef {import('./plays.js').Play} Play */

/** Of a play that a call hears no frame comes by: this clock counts them, between what the daemon says. */
class CallClock {
    /** @type {Play | null} */
    #play = null;
    /** The number of the frame that was due at #since. */
    #first = 0;
    /** Milliseconds; null: it stands. @type {number | null} */
    #since = null;

    /**
     * @param {Play | null} play that is heard
     * @param {boolean} runs
     */
    follow(play, runs) {
        this.advance();
        if (play === this.#play && runs === (this.#since !== null))
            return;
        this.#play = play;
        this.#first = play?.expected ?? 0;
        this.#since = play && runs ? performance.now() : null;
    }

    /**
     * The daemon says where a play is.
     * @param {Play} play
     * @param {number} position seconds
     */
    set(play, position) {
        this.advance();
        play.begun = true;
        play.from = null;
        play.anchor = { sequence: play.expected, position };
        if (play !== this.#play)
            return;
        this.#first = play.expected;
        this.#since &&= performance.now();
    }

    /** Brings the play's count of frames up to now. */
    advance() {
        if (this.#play && this.#since !== null)
            this.#play.expected = this.#first + Math.floor((performance.now() - this.#since) / FRAME_MS);
    }
}

module.exports = { CallClock };
