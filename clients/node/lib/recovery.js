'use strict';

const { FRAME_SECONDS } = require('./intake.js');

/**
 * @typedef {import('./plays.js').Play} Play
 *
 * @typedef {object} RecoveryParts what it works with, the player's own
 * @property {string} channelId
 * @property {import('./plays.js').Plays} plays
 * @property {import('./intake.js').Intake} intake
 * @property {(message: Record<string, any>) => Promise<any>} issue
 * @property {(channelId: string, playId: string) => void} hold lets no other play replace it until it is heard
 * @property {(channelId: string) => void} release
 * @property {(event: any) => void} publish emits an event that the daemon did not send
 * @property {(fields: { playId: string, url: string | null } & Partial<Play>) => Play} adopt
 * @property {(play: Play, error: unknown) => void} giveUp
 */

/** Brings a channel's plays and the daemon's session together after a connection was lost. */
class Recovery {
    /** @param {RecoveryParts} parts */
    constructor(parts) {
        this.#parts = parts;
    }

    #parts;

    /**
     * @param {any} session this channel's, as the daemon lists it, or undefined
     * @param {{ sameDaemon: boolean, replay: boolean, waiting: (playId: string) => boolean }} how
     *   `waiting`: the play's command is not answered and is sent again by itself
     * @returns {number} plays played again
     */
    reconcile(session, { sameDaemon, replay, waiting }) {
        const { plays } = this.#parts;
        const given = plays.all();
        const listed = session ? this.#adopt(session) : [];
        let count = 0;
        for (const play of plays.all()) {
            if (listed.includes(play.playId))
                continue;
            const later = given.slice(given.indexOf(play) + 1).filter(({ playId }) => listed.includes(playId));
            if (play.stopping)
                this.#publish(play, { type: 'stopped', reason: 'stop' });
            else if (sameDaemon && later.some(({ joins }) => !joins || !play.begun)) /* the daemon had it before those */
                this.#publish(play, { type: 'stopped', reason: 'replaced' });
            else if (waiting(play.playId))
                continue;
            else if (play.begun && (sameDaemon || this.#isAtItsEnd(play))) /* it ended, the event was lost */
                this.#publish(play, { type: 'finished', frames: play.expected });
            else if (sameDaemon || !replay || play.url === null)
                this.#publish(play, { type: 'error', code: 'disconnected', message: 'the daemon lost this play' });
            else
                count += this.#replay(play);
        }
        return count;
    }

    /**
     * @param {any} session
     * @returns {string[]} the plays in it
     */
    #adopt(session) {
        const { plays, adopt } = this.#parts;
        const inPlace = [
            { ...session, paused: session.state === 'paused', ready: session.state !== 'extracting', next: false },
            session.pending && { ...session.pending, next: false },
            session.next && { ...session.next, next: true },
        ].filter(Boolean);
        for (const { playId, url, volume, position, paused, ready, next, duration, title, seekable } of inPlace) {
            if (!plays.get(playId))
                adopt({ playId, url, volume: volume ?? session.volume, position, paused, ready, next, duration, title, seekable });
        }
        return inPlace.map(({ playId }) => playId);
    }

    /** @param {Play} play */
    #isAtItsEnd(play) {
        return play.duration !== null && this.#parts.intake.nextPosition(play) > play.duration - FRAME_SECONDS;
    }

    /** @param {Play} play */
    #replay(play) {
        const { intake, channelId, issue, hold, release, giveUp } = this.#parts;
        if (play.begun) {
            play.position = intake.nextPosition(play);
            play.anchor = { sequence: 0, position: play.position };
            play.expected = 0;
            play.from = null;
            play.renewed = true;
        }
        play.replayed = play.ready;
        play.ready = false;
        const { playId, url, volume, paused, next } = play;
        const position = play.seekable ? Math.round(play.position * 1000) / 1000 : undefined;
        issue({ type: 'play', channel_id: channelId, play_id: playId, url, volume, position, paused, next: next || undefined })
            .catch((error) => giveUp(play, error))
            .finally(() => play.replayed && release(channelId));
        if (play.replayed)
            hold(channelId, playId);
        return 1;
    }

    /**
     * @param {Play} play
     * @param {Record<string, unknown>} event
     */
    #publish(play, event) {
        play.closed = true; /* what was on its way went with the old connection */
        const { intake, channelId, publish } = this.#parts;
        const position = play.begun ? intake.nextPosition(play) : play.position;
        publish({ channelId, playId: play.playId, position, ...event });
    }
}

module.exports = { Recovery };
