'use strict';

const { FrameParser } = require('./frames.js');
const { openSocket, within } = require('./socket.js');
const { TuttiError } = require('./errors.js');

const HANDSHAKE_MS = 5000;
const DAEMON_KEY = '\0\0\0\0\0\0\0\0'; /* channel 0: a mark, or the confirmation of an attach */
const SAMPLES_PER_SECOND = 48_000;
/*
 * Credit of several channels goes out in one write: sixty channels read their frames within a
 * millisecond or two, and a system call for each would cost more than the frames. A quarter of a
 * frame's time is what the depth of the streams can well wait.
 */
const CREDIT_DELAY_MS = 5;

/**
 * @typedef {object} AudioListener is given what comes; `key` as of channelKey()
 * @property {(key: string, sequence: number, packet: Buffer | null) => void} frame
 * @property {(key: string, playId: string, sequence: number, position: number) => void} mark whose
 *   frames follow from `sequence` on, and from which place, seconds
 */

/** One connection to the audio socket, attached in credit flow. */
class AudioSocket {
    /**
     * @param {string} path
     * @param {string} clientId whose frames to receive
     * @param {AudioListener} listener
     * @param {AbortSignal} signal ends the attempt
     * @returns {Promise<AudioSocket>} attached
     */
    static async open(path, clientId, listener, signal) {
        const audio = new AudioSocket(await openSocket(path, signal), listener);
        try {
            await within(audio.#attach(clientId), HANDSHAKE_MS, 'attaching the audio socket');
            audio.clientId = clientId;
            return audio;
        } catch (error) {
            audio.close();
            throw error;
        }
    }

    /**
     * @param {import('node:net').Socket} socket
     * @param {AudioListener} listener
     */
    constructor(socket, listener) {
        this.#socket = socket;
        const parser = new FrameParser((key, sequence, packet) => {
            if (key !== DAEMON_KEY)
                listener.frame(key, sequence, packet);
            else if (packet)
                readMark(packet, sequence, listener);
            else
                this.#onAttached();
        });
        socket.on('data', (chunk) => {
            try {
                parser.push(chunk);
            } catch (error) {
                socket.destroy(/** @type {Error} */ (error));
            }
        });
        socket.on('error', (error) => { this.#error = error; });
        socket.once('close', () => {
            this.#closed = true;
            clearTimeout(this.#timer);
            this.#onClose(this.#error);
        });
    }

    /** Whose frames it receives; null until attached. @type {string | null} */
    clientId = null;
    #socket;
    #closed = false;
    /** @type {Error | null} */
    #error = null;
    /** @type {(error: Error | null) => void} */
    #onClose = () => {};
    #onAttached = () => {};
    /** @type {Map<string, number>} */
    #credit = new Map();
    /** @type {NodeJS.Timeout | undefined} */
    #timer;
    #urgent = false;

    get closed() {
        return this.#closed;
    }

    /** @param {(error: Error | null) => void} onClose called once, soon if it is closed already */
    start(onClose) {
        this.#onClose = onClose;
        if (this.#closed)
            setImmediate(() => onClose(this.#error));
    }

    /**
     * Lets the daemon send `frames` more of a channel.
     * @param {string} channelId
     * @param {number} frames
     * @param {boolean} urgent a listener waits: do not gather
     */
    grant(channelId, frames, urgent) {
        if (this.#closed)
            return;
        this.#credit.set(channelId, (this.#credit.get(channelId) ?? 0) + frames);
        if (urgent && !this.#urgent) {
            this.#urgent = true;
            clearTimeout(this.#timer);
            this.#timer = undefined;
            setImmediate(() => this.#flush());
        } else if (!this.#urgent && this.#timer === undefined) {
            this.#timer = setTimeout(() => this.#flush(), CREDIT_DELAY_MS);
        }
    }

    close() {
        this.#socket.destroy();
    }

    #flush() {
        this.#timer = undefined;
        this.#urgent = false;
        if (this.#closed)
            return;
        let lines = '';
        for (const [channelId, frames] of this.#credit)
            lines += `{"type":"credit","channel_id":"${channelId}","frames":${frames}}\n`;
        this.#credit.clear();
        this.#socket.write(lines, 'latin1');
    }

    /** @param {string} clientId */
    #attach(clientId) {
        return new Promise((resolve, reject) => {
            this.#onClose = (cause) => reject(new TuttiError('disconnected', 'the daemon closed the audio connection', { cause }));
            this.#onAttached = () => resolve(undefined);
            this.#socket.write(JSON.stringify({ type: 'attach', client: clientId, flow: 'credit', marks: true }) + '\n');
        });
    }
}

/**
 * @param {Buffer} mark
 * @param {number} sequence
 * @param {AudioListener} listener
 */
function readMark(mark, sequence, listener) {
    const position = Number(mark.readBigUInt64BE(8)) / SAMPLES_PER_SECOND;
    listener.mark(mark.toString('latin1', 0, 8), mark.toString('utf8', 16), sequence, position);
}

module.exports = { AudioSocket };
