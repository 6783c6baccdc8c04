'use strict';

const { LineParser } = require('./lines.js');
const { openSocket, within } = require('./socket.js');
const { TuttiError } = require('./errors.js');
const { fromWire } = require('./wire.js');

const HANDSHAKE_MS = 5000;
const HELLO_TAG = 'hello'; /* commands' tags are numbers, so that this one is free */

/**
 * One connection to the control socket: JSON lines out, events in. It knows the handshake and
 * nothing of what the events mean.
 */
class ControlSocket {
    /**
     * Connects, and becomes the client `oldId` again where the daemon still knows it.
     * @param {string} path
     * @param {string | null} oldId
     * @param {AbortSignal} signal ends the attempt
     * @returns {Promise<{ control: ControlSocket, hello: any }>} `hello` is the daemon's answer; the
     *   events behind it are kept until start()
     */
    static async open(path, oldId, signal) {
        const control = new ControlSocket(await openSocket(path, signal));
        try {
            const hello = await within(control.#handshake(oldId), HANDSHAKE_MS, 'the greeting of the daemon');
            return { control, hello };
        } catch (error) {
            control.close();
            throw error;
        }
    }

    /** @param {import('node:net').Socket} socket */
    constructor(socket) {
        this.#socket = socket;
        const parser = new LineParser((line) => this.#line(line));
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
            this.#onClose(this.#error);
        });
    }

    #socket;
    #closed = false;
    /** @type {Error | null} */
    #error = null;
    /** @type {(error: Error | null) => void} */
    #onClose = () => {};
    /** @type {((event: any) => void) | null} */
    #onEvent = null;
    /** @type {any[]} */
    #kept = [];

    get closed() {
        return this.#closed;
    }

    /** @param {(error: Error | null) => void} onClose called once, soon if it is closed already */
    onClose(onClose) {
        this.#onClose = onClose;
        if (this.#closed)
            setImmediate(() => onClose(this.#error));
    }

    /**
     * Hands out the events from now on, those kept since the greeting first.
     * @param {(event: any) => void} onEvent
     */
    start(onEvent) {
        this.#onEvent = onEvent;
        for (const event of this.#kept.splice(0))
            onEvent(event);
    }

    /** @param {object} message a command as it goes on the wire */
    send(message) {
        this.#socket.write(JSON.stringify(message) + '\n');
    }

    close() {
        this.#socket.destroy();
    }

    /** @param {string | null} oldId */
    #handshake(oldId) {
        return new Promise((resolve, reject) => {
            this.#onClose = (cause) => reject(new TuttiError('no_daemon', 'the daemon closed the connection during the greeting', { cause }));
            this.#onEvent = (event) => {
                if (event.type !== 'hello')
                    return void this.#kept.push(event);
                if (event.protocol !== 1)
                    return reject(new TuttiError('protocol', `the daemon speaks protocol ${event.protocol}, this client 1`));
                if (oldId !== null && event.tag !== HELLO_TAG)
                    return this.send({ type: 'hello', client: oldId, tag: HELLO_TAG });
                this.#onEvent = (later) => void this.#kept.push(later);
                resolve(event);
            };
        });
    }

    /** @param {string} line */
    #line(line) {
        let event;
        try {
            event = fromWire(JSON.parse(line));
        } catch (cause) {
            return void this.#socket.destroy(new TuttiError('protocol', 'the daemon sent a line that is not JSON', { cause }));
        }
        if (event === null || typeof event !== 'object' || typeof event.type !== 'string')
            return void this.#socket.destroy(new TuttiError('protocol', 'the daemon sent a line that is no event'));
        this.#onEvent?.(event);
    }
}

module.exports = { ControlSocket };
