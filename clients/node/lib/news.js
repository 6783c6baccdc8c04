'use strict';

/** @typedef {import('./plays.js').Play} Play */

/**
 * What is told of a channel when it is heard: a bot leaves on `finished`, which the daemon says as
 * soon as the last frame is on its way. What the daemon says of the play behind it waits as well, so
 * that the order stays.
 */
class News {
    /** @param {(play: Play) => boolean} isHeard whether the last packet of an ended play is out */
    constructor(isHeard) {
        this.#isHeard = isHeard;
    }

    #isHeard;
    /** @type {{ ended: Play | null, about: Play | undefined, tell: () => void }[]} */
    #waiting = [];

    /** The play that has ended in the daemon and is heard yet. @returns {Play | null} */
    get fading() {
        return this.#waiting.findLast(({ ended }) => ended)?.ended ?? null;
    }

    /**
     * @param {string} type of the event
     * @param {Play | undefined} play that it is about
     * @param {() => void} tell
     */
    put(type, play, tell) {
        if (play && type === 'finished') {
            this.#waiting.push({ ended: play, about: play, tell });
            this.look();
        } else if (type === 'ready' && this.#waiting.length) {
            this.#waiting.push({ ended: null, about: play, tell });
            this.look();
        } else {
            if (play?.ended && this.#waiting.some(({ about }) => about === play))
                this.tellAll();
            tell();
        }
    }

    /** Tells what can be told by now. */
    look() {
        for (let first; (first = this.#waiting[0]);) {
            if (first.ended && !this.#isHeard(first.ended))
                return;
            this.#waiting.shift();
            first.tell();
        }
    }

    /** Nothing more is heard. */
    tellAll() {
        for (const { tell } of this.#waiting.splice(0))
            tell();
    }
}

module.exports = { News };
