'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { TuttiError } = require('./errors.js');

/** Where the installed systemd unit has its daemon. */
const SYSTEM_DIR = '/run/tutti';

/** @param {string | undefined} value of the environment; relative ones do not count */
function usable(value) {
    return value !== undefined && value.startsWith('/');
}

/**
 * Finds the sockets by the daemon's own rules: what was asked for, `TUTTI_RUNTIME_DIR`,
 * `TUTTI_CONTROL` and `TUTTI_AUDIO`, systemd's `RUNTIME_DIRECTORY`, `XDG_RUNTIME_DIR/tutti`,
 * `/tmp/tutti-UID`; where nothing was asked for and no daemon's socket is there, the system's daemon
 * in `/run/tutti`, if there is one.
 * @param {{ runtimeDir?: string, control?: string, audio?: string }} given
 * @param {NodeJS.ProcessEnv} [env]
 * @param {(path: string) => boolean} [exists]
 * @returns {{ dir: string, control: string, audio: string, inTmp: boolean }}
 */
function findSockets(given, env = process.env, exists = fs.existsSync) {
    let inTmp = false;
    let dir = given.runtimeDir ?? env.TUTTI_RUNTIME_DIR;
    if (dir === undefined && usable(env.RUNTIME_DIRECTORY))
        dir = /** @type {string} */ (env.RUNTIME_DIRECTORY).split(':')[0];
    if (dir === undefined && usable(env.XDG_RUNTIME_DIR))
        dir = path.join(/** @type {string} */ (env.XDG_RUNTIME_DIR), 'tutti');
    if (dir === undefined) {
        dir = `/tmp/tutti-${process.geteuid?.() ?? 0}`;
        inTmp = true;
    }
    const named = given.runtimeDir ?? given.control ?? given.audio ?? env.TUTTI_RUNTIME_DIR ?? env.TUTTI_CONTROL ?? env.TUTTI_AUDIO;
    if (named === undefined && !exists(path.join(dir, 'control.sock')) && exists(path.join(SYSTEM_DIR, 'control.sock')))
        [dir, inTmp] = [SYSTEM_DIR, false];
    const control = given.control ?? env.TUTTI_CONTROL ?? path.join(dir, 'control.sock');
    const audio = given.audio ?? env.TUTTI_AUDIO ?? path.join(dir, 'audio.sock');
    return { dir, control, audio, inTmp: inTmp && (path.dirname(control) === dir || path.dirname(audio) === dir) };
}

/**
 * Anyone may make a directory in /tmp: makes sure that it is ours before a daemon in it is trusted.
 * @param {string} dir
 * @throws {TuttiError} `no_daemon`
 */
function checkOwner(dir) {
    let stat;
    try {
        stat = fs.lstatSync(dir);
    } catch (cause) {
        throw new TuttiError('no_daemon', `no daemon is running: ${dir} does not exist`, { cause });
    }
    if (!stat.isDirectory() || stat.uid !== process.geteuid?.() || stat.mode & 0o022)
        throw new TuttiError('no_daemon', `${dir} is not a directory of this user alone`);
}

module.exports = { findSockets, checkOwner };
