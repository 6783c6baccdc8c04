'use strict';

/**
 * How long to wait before another attempt: doubling, with half of it left to chance so that many
 * clients of one daemon do not come back in the same instant.
 * @param {number} attempt 0 for the first
 * @param {{ minDelay: number, maxDelay: number }} limits milliseconds
 * @param {() => number} [random] of [0, 1)
 * @returns {number} milliseconds, at most maxDelay
 */
function backoffDelay(attempt, { minDelay, maxDelay }, random = Math.random) {
    const full = Math.min(maxDelay, minDelay * 2 ** Math.min(attempt, 30));
    return full / 2 + (full / 2) * random();
}

module.exports = { backoffDelay };
