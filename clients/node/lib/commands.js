'use strict';

const { TuttiError } = require('./errors.js');

/**
 * @typedef {object} CommandOptions
 * @property {AbortSignal} [signal]
 * @property {number} [timeout] milliseconds; 0 for none
 * @property {'wait' | 'fail'} [whenDisconnected]
 *
 * @typedef {object} Command
 * @property {Record<string, any>} message as it goes on the wire
 * @property {CommandOptions} options
 * @property {boolean} sent over the connection that is up now
 * @property {boolean} everSent over this or an earlier one
 * @property {(event: any) => void} resolve
 * @property {(error: TuttiError) => void} reject and forget
 * @property {() => void} forget
 */

/** Commands that address what plays, and their answers. @type {Record<string, string>} */
const ANSWERS = { stop: 'stopped', pause: 'paused', resume: 'resumed', seek: 'seeked', volume: 'volume' };

/** Errors of commands that no daemon has heard of. @type {WeakSet<Error>} */
const unheard = new WeakSet();

/**
 * The commands that wait for their answers, in the order in which they were given. It numbers them
 * with tags, keeps them over a lost connection or fails them, and lets time-outs and AbortSignals
 * end the waiting.
 */
class Commands {
    /** @type {Map<string, Command>} */
    #waiting = new Map();
    #number = 0;
    /** Channels, and what has to be heard there again before other plays may replace it. @type {Map<string, string>} */
    #held = new Map();
    /** @type {((message: object) => void) | null} */
    #send = null;
    /** @type {TuttiError | null} */
    #closed = null;

    /**
     * @param {Record<string, any>} message without its tag
     * @param {CommandOptions} options
     * @returns {Promise<any>} the event that answers
     */
    issue(message, options) {
        return new Promise((resolve, reject) => {
            const refusal = this.#refusal(message, options);
            if (refusal) {
                unheard.add(refusal);
                return reject(refusal);
            }
            if (endsAll(message))
                this.release(message.channel_id);
            const tag = String(++this.#number);
            const command = this.#enter(tag, { ...message, tag }, options, resolve, reject);
            this.#trySend(command);
        });
    }

    /**
     * @param {any} event
     * @returns {boolean} whether it answered a command of this client
     */
    answer(event) {
        const command = this.#waiting.get(event.tag);
        if (!command)
            return false;
        this.#settle(command, event);
        return true;
    }

    /**
     * @param {(message: Record<string, any>) => boolean} matches
     * @returns {Command[]} the waiting commands it is true of
     */
    find(matches) {
        return [...this.#waiting.values()].filter((command) => matches(command.message));
    }

    /**
     * Answers a command whose answer was lost with a connection, or came without the tag.
     * @param {Command} command
     * @param {any} event
     */
    settle(command, event) {
        this.#settle(command, event);
    }

    /**
     * A play is given to another daemon. Plays that could replace it before it is heard wait until release(), and
     * so does what was commanded behind them: if they fail, it is to be there still.
     * @param {string} channelId
     * @param {string} playId
     */
    hold(channelId, playId) {
        if (this.find((message) => message.channel_id === channelId && endsAll(message)).length === 0)
            this.#held.set(channelId, playId);
    }

    /** @param {string} channelId */
    release(channelId) {
        if (!this.#held.delete(channelId))
            return;
        for (const command of this.find((message) => message.channel_id === channelId))
            this.#trySend(command);
    }

    /**
     * The daemon has this play, so that it has heard all that was sent before it. What addressed an earlier play is
     * not sent again: it would meet this one.
     * @param {Command} play
     */
    settleBefore(play) {
        for (const command of [...this.#waiting.values()]) {
            if (command === play)
                return;
            const { type, channel_id: channelId, position = null, level } = command.message;
            if (ANSWERS[type] && channelId === play.message.channel_id && command.everSent)
                this.#settle(command, { type: ANSWERS[type], channelId, playId: null, position, level });
        }
    }

    /** The connection is lost: what was sent has to be sent again, or fails, as its giver chose. */
    down() {
        this.#send = null;
        for (const command of [...this.#waiting.values()]) {
            command.sent = false;
            if (command.options.whenDisconnected === 'fail')
                command.reject(goneError(command.message));
        }
    }

    /**
     * The connection is up: sends what waits, in its order.
     * @param {(message: object) => void} send
     * @param {() => void} first may issue commands that go ahead of those
     */
    up(send, first) {
        this.#send = send;
        first();
        for (const command of this.#waiting.values())
            this.#trySend(command);
    }

    /** @param {TuttiError} error for all that wait and all that come */
    close(error) {
        this.#closed = error;
        this.#send = null;
        for (const command of [...this.#waiting.values()])
            command.reject(new TuttiError(error.code, error.message, where(command.message)));
    }

    /**
     * @param {Record<string, any>} message
     * @param {CommandOptions} options
     * @returns {TuttiError | null} why it cannot even wait
     */
    #refusal(message, { signal, whenDisconnected }) {
        if (this.#closed)
            return new TuttiError(this.#closed.code, this.#closed.message, where(message));
        if (signal?.aborted)
            return abortError(message, signal);
        return !this.#send && whenDisconnected === 'fail' ? goneError(message) : null;
    }

    /**
     * @param {string} tag
     * @param {Record<string, any>} message
     * @param {CommandOptions} options
     * @param {(event: any) => void} resolve
     * @param {(error: Error) => void} reject
     */
    #enter(tag, message, options, resolve, reject) {
        const { signal, timeout = 0 } = options;
        /** @type {NodeJS.Timeout | undefined} */
        let timer;
        const fail = (/** @type {TuttiError} */ error) => {
            command.forget();
            if (!command.everSent)
                unheard.add(error);
            reject(error);
        };
        const onAbort = () => fail(abortError(message, /** @type {AbortSignal} */ (signal)));
        /** @type {Command} */
        const command = {
            message, options, sent: false, everSent: false, resolve, reject: fail,
            forget: () => {
                this.#waiting.delete(tag);
                clearTimeout(timer);
                signal?.removeEventListener('abort', onAbort);
            },
        };
        if (timeout > 0) {
            timer = setTimeout(() => {
                fail(new TuttiError('timeout', `${message.type} was not answered within ${timeout} ms`, where(message)));
            }, timeout);
        }
        signal?.addEventListener('abort', onAbort);
        this.#waiting.set(tag, command);
        return command;
    }

    /** @param {Command} command */
    #trySend(command) {
        if (!this.#send || command.sent || this.#isHeld(command))
            return;
        command.sent = command.everSent = true;
        this.#send(command.message);
    }

    /** @param {Command} command */
    #isHeld({ message }) {
        const first = this.#held.get(message.channel_id);
        if (first === undefined || !(message.type === 'play' || ANSWERS[message.type]) || message.play_id === first)
            return false;
        for (const other of this.find(({ channel_id: channelId }) => channelId === message.channel_id)) {
            const { type, next, play_id: playId } = other.message;
            if (!other.sent && type === 'play' && !next && playId !== first)
                return true;
            if (other.message === message)
                return false;
        }
        return false;
    }

    /**
     * @param {Command} command
     * @param {any} event
     */
    #settle(command, event) {
        if (event.type === 'error')
            return command.reject(eventError(event, command.message));
        command.forget();
        command.resolve(event);
    }
}

/** @param {Record<string, any>} message @returns {boolean} whether what plays is to be silent at once */
function endsAll({ type, play_id: playId, cut }) {
    return type === 'stop' ? playId === undefined : type === 'play' && Boolean(cut);
}

/** @param {Record<string, any>} message */
function where(message) {
    return { channelId: message.channel_id, playId: message.play_id };
}

/** @param {Record<string, any>} message */
function goneError(message) {
    return new TuttiError('disconnected', `the daemon is not connected: ${message.type} was not answered`, where(message));
}

/**
 * @param {Record<string, any>} message
 * @param {AbortSignal} signal
 */
function abortError(message, signal) {
    const error = new TuttiError('aborted', `${message.type} was aborted`, { ...where(message), cause: signal.reason });
    error.name = 'AbortError';
    return error;
}

/**
 * @param {any} event of type `error`
 * @param {Record<string, any>} [message] the command it answers
 */
function eventError(event, message = {}) {
    return new TuttiError(event.code, event.message, {
        channelId: event.channelId ?? message.channel_id,
        playId: event.playId ?? message.play_id,
    });
}

/** @param {unknown} error @returns {boolean} whether the command that failed with it was never sent */
function isUnheard(error) {
    return error instanceof Error && unheard.has(error);
}

module.exports = { Commands, eventError, isUnheard };
