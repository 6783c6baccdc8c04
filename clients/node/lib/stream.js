'use strict';

const { Readable } = require('node:stream');

/**
 * A channel's frames as a Readable in object mode: one Opus packet of 20 ms a chunk, which is what
 * an AudioPlayer reads. It holds what has arrived and is not read yet, and no more; the reader is
 * the only clock.
 */
class FrameStream extends Readable {
    /**
     * @param {object} options
     * @param {number} options.highWaterMark frames
     * @param {() => void} options.onRead called for each packet that the reader has taken
     * @param {() => void} options.onEnd called when the end is certain
     * @param {(held: Buffer[]) => void} options.onAbandoned called when the reader destroyed the
     *   stream before its end, with the packets that it had not taken
     */
    constructor({ highWaterMark, onRead, onEnd, onAbandoned }) {
        super({ objectMode: true, highWaterMark });
        this.#onRead = onRead;
        this.#onEnd = onEnd;
        this.#onAbandoned = onAbandoned;
    }

    #onRead;
    #onEnd;
    #onAbandoned;
    #finishing = false;
    #ended = false;
    #dropping = false;

    /** Whether packets may still be added: it is neither at its end nor destroyed. */
    get open() {
        return !this.#ended && !this.destroyed;
    }

    /**
     * Adds a packet; takes back a finish() whose end the reader has not reached.
     * @param {Buffer} packet
     */
    add(packet) {
        this.#finishing = false;
        const held = this.readableLength;
        this.push(packet);
        if (this.readableLength === held)
            this.#onRead(); /* it went straight to a `data` listener */
    }

    /** Ends the stream behind what it holds, unless add() comes before that is read. */
    finish() {
        this.#finishing = true;
        if (this.readableLength === 0)
            this.#end();
    }

    /**
     * Throws the oldest packets away.
     * @param {number} [keep] how many of the newest stay
     */
    discard(keep = 0) {
        this.#dropping = true;
        while (this.readableLength > keep && super.read() !== null)
            ;
        this.#dropping = false;
        if (this.#finishing && this.open && this.readableLength === 0)
            this.#end();
    }

    /*
     * Node calls _read once and not again before a push: it would not tell of every packet taken.
     * Everything that takes packets (an AudioPlayer, pipe, for await) calls read.
     */
    /** @param {number} [size] */
    read(size) {
        const packet = super.read(size);
        if (packet !== null && !this.#dropping) {
            if (this.#finishing && this.open && this.readableLength === 0)
                this.#end();
            this.#onRead();
        }
        return packet;
    }

    _read() {
        /* Packets are pushed when they come; read() asks for more. */
    }

    /**
     * Taking a packet away is not reading it: a `data` listener must not be given what is dropped.
     * @param {string | symbol} event
     * @param {...any} args
     */
    emit(event, ...args) {
        return this.#dropping && event === 'data' ? false : super.emit(event, ...args);
    }

    /** @param {Error} [error] */
    destroy(error) {
        if (this.open) {
            /** @type {Buffer[]} */
            const held = [];
            this.#dropping = true;
            for (let packet; (packet = super.read()) !== null;)
                held.push(packet);
            this.#dropping = false;
            super.destroy(error);
            this.#onAbandoned(held);
        }
        return super.destroy(error);
    }

    #end() {
        this.#ended = true;
        this.push(null);
        this.#onEnd();
    }
}

module.exports = { FrameStream };
