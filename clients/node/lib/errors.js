'use strict';

/** An error of the daemon or of the connection to it. `code` is stable, `message` is for people. */
class TuttiError extends Error {
    /**
     * @param {string} code an error code of the protocol, or one of the client's own: `disconnected`,
     *   `timeout`, `aborted`, `closed`, `no_daemon`, `protocol`
     * @param {string} message one line for people
     * @param {{ channelId?: string | null, playId?: string | null, cause?: unknown }} [where]
     */
    constructor(code, message, where = {}) {
        super(message, 'cause' in where ? { cause: where.cause } : undefined);
        this.name = 'TuttiError';
        this.code = code;
        /** @type {string | null} */
        this.channelId = where.channelId ?? null;
        /** @type {string | null} */
        this.playId = where.playId ?? null;
    }
}

module.exports = { TuttiError };
