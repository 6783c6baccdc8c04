'use strict';

const net = require('node:net');
const { TuttiError } = require('./errors.js');

/**
 * Opens a Unix socket.
 * @param {string} path
 * @param {AbortSignal} signal ends the attempt
 * @returns {Promise<net.Socket>} connected, with no listeners left on it
 * @throws {TuttiError} `no_daemon`, or `closed` when aborted
 */
function openSocket(path, signal) {
    return new Promise((resolve, reject) => {
        const socket = net.connect({ path });
        /** @param {Error} [cause] */
        const fail = (cause) => {
            done();
            socket.on('error', () => {});
            socket.destroy();
            reject(cause
                ? new TuttiError('no_daemon', `cannot reach the daemon at ${path}: ${cause.message}`, { cause })
                : new TuttiError('closed', 'the client was closed'));
        };
        const onAbort = () => fail();
        const onConnect = () => {
            done();
            resolve(socket);
        };
        const done = () => {
            signal.removeEventListener('abort', onAbort);
            socket.removeListener('error', fail);
            socket.removeListener('connect', onConnect);
        };
        if (signal.aborted)
            return fail();
        signal.addEventListener('abort', onAbort);
        socket.once('error', fail);
        socket.once('connect', onConnect);
    });
}

/**
 * Settles as `promise` does, unless the time is over or the signal is aborted first.
 * @template T
 * @param {Promise<T>} promise
 * @param {number} milliseconds
 * @param {string} what for the message
 * @returns {Promise<T>}
 */
async function within(promise, milliseconds, what) {
    /** @type {NodeJS.Timeout | undefined} */
    let timer;
    try {
        return await Promise.race([
            promise,
            new Promise((_, reject) => {
                timer = setTimeout(() => reject(new TuttiError('timeout', `${what} took more than ${milliseconds} ms`)), milliseconds);
            }),
        ]);
    } finally {
        clearTimeout(timer);
    }
}

module.exports = { openSocket, within };
