'use strict';

/**
 * @typedef {import('./plays.js').Play} Play
 *
 * @typedef {object} RecoveryParts what it works with, the player's own
 * @property {string} channelId
 * @property {import('./plays.js').Plays} plays
 * @property {import('./intake.js').Intake} intake
 * @property {(message: Record<string, any>) => Promise<any>} issue
 * @property {(event: any) => void} publish emits an event that the daemon did not send
 * @property {(play: Play, paused: boolean) => void} setPaused
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
        if (session && !plays.get(session.playId))
            this.#adopt(session);
        let count = 0;
        for (const play of plays.all()) {
            if (session && (sameDaemon || session.playId === play.playId))
                continue; /* one entry a channel is listed: others live behind it */
            if (play.stopping)
                this.#publish(play, { type: 'stopped', reason: 'stop' });
            else if (waiting(play.playId))
                continue;
            else if (play.begun && play !== plays.audible) /* its in-band end came, the event was lost */
                this.#publish(play, { type: 'finished', frames: this.#parts.intake.nextSequence });
            else if (!replay)
                this.#publish(play, { type: 'error', code: 'disconnected', message: 'the daemon lost this play' });
            else
                count += this.#replay(play);
        }
        this.#parts.intake.grant();
        return count;
    }

    /** @param {any} session of an earlier process of this client */
    #adopt(session) {
        const { plays, intake, setPaused } = this.#parts;
        const paused = session.state === 'paused';
        const play = plays.add({ ...session, paused, next: false, ready: session.state !== 'extracting' });
        plays.audible = null;
        setPaused(play, paused);
        intake.resumeAt(session.position);
    }

    /** @param {Play} play */
    #replay(play) {
        const { plays, intake, channelId, issue, giveUp } = this.#parts;
        if (play === plays.audible) {
            play.position = intake.nextPosition;
            intake.restart();
        }
        play.replayed = true;
        play.ready = false;
        const { playId, url, volume, paused, next } = play;
        const position = Math.round(play.position * 1000) / 1000;
        issue({ type: 'play', channel_id: channelId, play_id: playId, url, volume, position, paused, next: next || undefined })
            .catch((error) => giveUp(play, error));
        return 1;
    }

    /**
     * @param {Play} play
     * @param {Record<string, unknown>} event
     */
    #publish(play, event) {
        const { plays, intake, channelId, publish } = this.#parts;
        const position = play === plays.audible || play.begun ? intake.nextPosition : play.position;
        publish({ channelId, playId: play.playId, position, ...event });
    }
}

module.exports = { Recovery };
