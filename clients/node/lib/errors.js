'use strict';

/** An error of the daemon or of the connection to it. `code` is stable, `message` is for people. */
class TuttiError extends Error {
    /**
     * @param {string} code an error code of the protocol, or one of the client's own: `disconnected`,
     *   `timeout`, `aborted`, `closed`, `no_daemon`, `protocol`, `call_closed`
     * @param {string} message one line for people
     * @param {{ channelId?: string | null, playId?: string | null, closeCode?: number | null, cause?: unknown }} [where]
     */
    constructor(code, message, where = {}) {
        super(message, 'cause' in where ? { cause: where.cause } : undefined);
        this.name = 'TuttiError';
        this.code = code;
        /** @type {string | null} */
        this.channelId = where.channelId ?? null;
        /** @type {string | null} */
        this.playId = where.playId ?? null;
        /** Discord's, of a call. @type {number | null} */
        this.closeCode = where.closeCode ?? null;
    }
}

module.exports = { TuttiError };
