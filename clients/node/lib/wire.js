'use strict';

/*
 * The protocol's names are snake_case, JavaScript's are camelCase. This file is the only one that
 * knows both.
 */

/** @type {Map<string, string>} */
const camelNames = new Map();

/** @param {string} name */
function camelName(name) {
    let camel = camelNames.get(name);
    if (camel === undefined) {
        camel = name.replace(/_([a-z0-9])/g, (_, letter) => letter.toUpperCase());
        /* The names are the protocol's own, a few dozen; a broken peer must not grow this for ever. */
        if (camelNames.size < 1000)
            camelNames.set(name, camel);
    }
    return camel;
}

/**
 * @param {unknown} value parsed JSON
 * @returns {any} the same with its objects' keys in camelCase
 */
function fromWire(value) {
    if (Array.isArray(value))
        return value.map(fromWire);
    if (value === null || typeof value !== 'object')
        return value;
    /** @type {Record<string, unknown>} */
    const out = {};
    for (const [name, inner] of Object.entries(value))
        out[camelName(name)] = fromWire(inner);
    return out;
}

/**
 * @param {unknown} channelId
 * @returns {string} the same, checked: decimal digits of 1 to 2^64-1
 */
function checkChannelId(channelId) {
    const text = typeof channelId === 'bigint' ? channelId.toString() : channelId;
    if (typeof text !== 'string' || !/^[1-9][0-9]{0,19}$/.test(text) || BigInt(text) >= 1n << 64n)
        throw new TypeError('channelId must be a string of digits, a Discord snowflake (numbers lose its last digits)');
    return text;
}

module.exports = { fromWire, checkChannelId };
