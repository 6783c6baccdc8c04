'use strict';

const { TuttiError } = require('./errors.js');

const NEWLINE = 0x0a;
/* A `status` of thousands of sessions is a few megabytes; beyond this somebody else is talking. */
const MAX_LINE_BYTES = 64 * 1024 * 1024;

/** Cuts the control socket's byte stream into lines, however the kernel chunked it. */
class LineParser {
    /** @param {(line: string) => void} onLine is given each line without its newline */
    constructor(onLine) {
        this.#onLine = onLine;
    }

    #onLine;
    /** @type {Buffer[]} */
    #parts = [];
    #bytes = 0;

    /**
     * @param {Buffer} chunk
     * @throws {TuttiError} `protocol` when a line has no end
     */
    push(chunk) {
        let at = 0;
        for (let end; (end = chunk.indexOf(NEWLINE, at)) >= 0; at = end + 1) {
            let line = chunk.subarray(at, end);
            if (this.#parts.length) {
                line = Buffer.concat([...this.#parts, line]);
                this.#parts = [];
                this.#bytes = 0;
            }
            this.#onLine(line.toString('utf8'));
        }
        if (at === chunk.length)
            return;
        this.#parts.push(chunk.subarray(at));
        this.#bytes += chunk.length - at;
        if (this.#bytes > MAX_LINE_BYTES)
            throw new TuttiError('protocol', 'a line of the control socket has no end');
    }
}

module.exports = { LineParser };
