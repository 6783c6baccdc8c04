'use strict';

const { AudioSocket } = require('./audio.js');
const { backoffDelay } = require('./backoff.js');
const { ControlSocket } = require('./control.js');
const { checkOwner } = require('./paths.js');

/* A connection that held this long was a good one: the next is tried at once. */
const STABLE_MS = 5000;

/**
 * @typedef {object} LinkOwner what a link tells the client
 * @property {import('./audio.js').AudioListener} audio is given the frames
 * @property {(audio: AudioSocket) => void} audioUp an audio connection is attached
 * @property {() => void} audioDown
 * @property {(control: ControlSocket, hello: any, sameDaemon: boolean) => void} controlUp a control
 *   connection may be used; `sameDaemon`: the daemon knew us
 * @property {() => void} controlDown
 * @property {(name: 'up' | 'disconnected' | 'reconnecting', event?: any) => void} news
 */

/** Both sockets to a daemon, and the effort to keep them up. */
class Link {
    /**
     * @param {LinkOwner} owner
     * @param {object} options
     * @param {{ dir: string, control: string, audio: string, inTmp: boolean }} options.sockets
     * @param {boolean} options.wantsAudio
     * @param {string | null} options.id whom the daemon may know us as
     * @param {{ minDelay: number, maxDelay: number }} options.limits milliseconds
     */
    constructor(owner, { sockets, wantsAudio, id, limits }) {
        this.#owner = owner;
        this.#sockets = sockets;
        this.#wantsAudio = wantsAudio;
        this.#limits = limits;
        this.#id = this.#knownAs = id;
    }

    #owner;
    #sockets;
    #wantsAudio;
    #limits;
    #id;
    /** Whom the daemon of the last connection in use knew us as. @type {string | null} */
    #knownAs;
    /** @type {string | null} */
    #server = null;
    /** @type {ControlSocket | null} */
    #control = null;
    /** The greeting of a control connection that is not in use yet. @type {any} */
    #hello = null;
    /** @type {AudioSocket | null} */
    #audio = null;
    #connected = false;
    #closing = new AbortController();
    /** @type {Promise<void> | null} */
    #running = null;
    #wake = () => {};

    get id() { return this.#id; }
    get server() { return this.#server; }
    get connected() { return this.#connected; }
    get started() { return this.#running !== null; }
    get audio() { return this.#audio && !this.#audio.closed ? this.#audio : null; }

    /**
     * Begins to keep the sockets up.
     * @param {boolean} retry whether the first attempt may fail
     */
    async start(retry) {
        if (!retry)
            await this.#establish();
        /* Not before the owner's promises can be used: the first news may come at once. */
        this.#running = Promise.resolve().then(() => this.#keepUp());
    }

    /** Ends it all. */
    async close() {
        this.#closing.abort();
        this.#connected = false;
        this.#control?.close();
        this.#audio?.close();
        this.#wake();
        await this.#running;
    }

    async #keepUp() {
        const closed = this.#closing.signal;
        for (let attempt = 0; !closed.aborted;) {
            const since = performance.now();
            let error = null;
            try {
                if (!this.#isUp())
                    await this.#establish();
                this.#announce();
                await this.#loss();
            } catch (cause) {
                error = cause;
            }
            if (closed.aborted)
                break;
            if (!error && performance.now() - since >= STABLE_MS) {
                attempt = 0;
                continue;
            }
            const delay = backoffDelay(attempt++, this.#limits);
            if (error)
                this.#owner.news('reconnecting', { attempt, delay, error });
            await this.#sleep(delay);
        }
    }

    #isUp() {
        return Boolean(this.#control && !this.#control.closed && !this.#hello && (!this.#wantsAudio || this.audio));
    }

    /** Opens what is not open. Throws when that fails; what is open stays. */
    async #establish() {
        const { signal } = this.#closing;
        if (!this.#control || this.#control.closed) {
            if (this.#sockets.inTmp)
                checkOwner(this.#sockets.dir);
            const { control, hello } = await ControlSocket.open(this.#sockets.control, this.#id, signal);
            this.#control = control;
            this.#hello = hello;
            this.#server = hello.server;
            this.#id = hello.client;
        }
        if (this.#wantsAudio && this.audio?.clientId !== this.#id)
            await this.#openAudio();
        signal.throwIfAborted();
        if (this.#hello && !this.#control.closed)
            this.#takeUp(this.#control, this.#hello);
    }

    async #openAudio() {
        this.#audio?.close();
        const audio = await AudioSocket.open(this.#sockets.audio, /** @type {string} */ (this.#id), this.#owner.audio, this.#closing.signal);
        this.#audio = audio;
        audio.start((error) => {
            if (audio !== this.#audio)
                return;
            this.#owner.audioDown();
            this.#lost('audio', error);
        });
        this.#owner.audioUp(audio);
    }

    /**
     * @param {ControlSocket} control
     * @param {any} hello
     */
    #takeUp(control, hello) {
        const sameDaemon = hello.client === this.#knownAs;
        this.#knownAs = hello.client;
        this.#hello = null;
        control.onClose((error) => {
            if (control !== this.#control)
                return;
            this.#owner.controlDown();
            this.#lost('control', error);
        });
        this.#owner.controlUp(control, hello, sameDaemon);
    }

    /**
     * @param {'control' | 'audio'} socket
     * @param {Error | null} error
     */
    #lost(socket, error) {
        if (this.#connected && !this.#closing.signal.aborted) {
            this.#connected = false;
            this.#owner.news('disconnected', { socket, error });
        }
        this.#wake();
    }

    #announce() {
        if (!this.#connected && this.#isUp()) {
            this.#connected = true;
            this.#owner.news('up');
        }
    }

    /** Waits until a socket is lost or the link closed. */
    #loss() {
        return new Promise((resolve) => {
            this.#wake = () => resolve(undefined);
            if (!this.#isUp() || this.#closing.signal.aborted)
                this.#wake();
        });
    }

    /** @param {number} delay milliseconds, cut short by close() */
    #sleep(delay) {
        return new Promise((resolve) => {
            const timer = setTimeout(resolve, delay);
            this.#wake = () => {
                if (!this.#closing.signal.aborted)
                    return;
                clearTimeout(timer);
                resolve(undefined);
            };
        });
    }
}

module.exports = { Link };
