'use strict';

const { TuttiError } = require('./errors.js');

const HEADER_BYTES = 16; /* length, channel, sequence */
const LENGTH_OVERHEAD = 12; /* channel and sequence are counted by the length field */
const MAX_PACKET_BYTES = 1275; /* the longest Opus packet of 20 ms */

/**
 * Cuts the audio socket's byte stream into frames, however the kernel chunked it.
 *
 * A packet that lies whole in one chunk is handed out as a view of that chunk, without a copy; one
 * that straddles chunks is put together in a buffer of its own, which copies each byte once.
 *
 * The channel is handed out as a key: its eight bytes as a Latin-1 string. A snowflake does not fit
 * a JavaScript number, and making a BigInt and its decimal digits fifty times a second and channel
 * costs more than all the rest of the parsing. `channelKey` gives a channel's key once.
 */
class FrameParser {
    /**
     * @param {(key: string, sequence: number, packet: Buffer | null) => void} onFrame is given the
     *   channel's key, the frame's number, and the Opus packet, or null for an in-band end
     */
    constructor(onFrame) {
        this.#onFrame = onFrame;
    }

    #onFrame;
    #header = Buffer.alloc(HEADER_BYTES);
    #headerBytes = 0;
    /** @type {Buffer | null} */
    #body = null;
    #bodyBytes = 0;
    #key = '';
    #sequence = 0;

    /**
     * Takes the next bytes of the stream; calls onFrame for each frame they complete.
     * @param {Buffer} chunk is kept alive by the packets handed out, and must not be changed later
     * @throws {TuttiError} `protocol` when no daemon of this protocol can have written the bytes
     */
    push(chunk) {
        let at = this.#finish(chunk);
        while (chunk.length - at >= HEADER_BYTES) {
            const bytes = packetBytes(chunk.readUInt32BE(at));
            const end = at + HEADER_BYTES + bytes;
            if (end > chunk.length)
                break;
            this.#onFrame(chunk.toString('latin1', at + 4, at + 12), chunk.readUInt32BE(at + 12),
                bytes ? chunk.subarray(at + HEADER_BYTES, end) : null);
            at = end;
        }
        if (at < chunk.length)
            this.#begin(chunk, at);
    }

    /**
     * Completes the frame that an earlier chunk began. Returns where the next one starts.
     * @param {Buffer} chunk
     */
    #finish(chunk) {
        if (this.#headerBytes === 0)
            return 0;
        let at = 0;
        if (!this.#body) {
            at = this.#takeHeader(chunk, 0);
            if (!this.#body)
                return at;
        }
        return this.#takeBody(chunk, at);
    }

    /**
     * @param {Buffer} chunk
     * @param {number} at
     */
    #begin(chunk, at) {
        at = this.#takeHeader(chunk, at);
        if (this.#body)
            this.#takeBody(chunk, at);
    }

    /**
     * @param {Buffer} chunk
     * @param {number} at
     */
    #takeHeader(chunk, at) {
        const copied = chunk.copy(this.#header, this.#headerBytes, at,
            Math.min(chunk.length, at + HEADER_BYTES - this.#headerBytes));
        this.#headerBytes += copied;
        if (this.#headerBytes === HEADER_BYTES) {
            const bytes = packetBytes(this.#header.readUInt32BE(0));
            this.#key = this.#header.toString('latin1', 4, 12);
            this.#sequence = this.#header.readUInt32BE(12);
            this.#body = Buffer.allocUnsafe(bytes);
            this.#bodyBytes = 0;
        }
        return at + copied;
    }

    /**
     * @param {Buffer} chunk
     * @param {number} at
     */
    #takeBody(chunk, at) {
        const body = /** @type {Buffer} */ (this.#body);
        const copied = chunk.copy(body, this.#bodyBytes, at,
            Math.min(chunk.length, at + body.length - this.#bodyBytes));
        this.#bodyBytes += copied;
        if (this.#bodyBytes === body.length) {
            this.#body = null;
            this.#headerBytes = 0;
            this.#onFrame(this.#key, this.#sequence, body.length ? body : null);
        }
        return at + copied;
    }
}

/** @param {number} length the length field of a frame */
function packetBytes(length) {
    if (length < LENGTH_OVERHEAD || length > LENGTH_OVERHEAD + MAX_PACKET_BYTES)
        throw new TuttiError('protocol', `an audio frame of ${length} bytes is not possible`);
    return length - LENGTH_OVERHEAD;
}

/**
 * @param {string} channelId decimal digits
 * @returns {string} the channel as the parser names it
 */
function channelKey(channelId) {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(BigInt(channelId));
    return bytes.toString('latin1', 0, 8);
}

module.exports = { FrameParser, channelKey };
