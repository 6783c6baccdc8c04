'use strict';

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { backoffDelay } = require('./backoff.js');
const { TuttiError } = require('./errors.js');

const START_MS = 10_000;
const STOP_MS = 4_000; /* the daemon promises two seconds */
const RESTART_LIMITS = { minDelay: 100, maxDelay: 10_000 };
const LAST_WORDS_BYTES = 4096;

/** A daemon of one's own: started, restarted when it dies, stopped with the client. */
class PrivateDaemon {
    /**
     * @param {import('./index').SpawnOptions} options
     * @returns {Promise<PrivateDaemon>} it accepts connections
     * @throws {TuttiError} `no_daemon`
     */
    static async start(options) {
        const daemon = new PrivateDaemon(options);
        try {
            await daemon.#launch();
        } catch (error) {
            daemon.#removeDir();
            throw error;
        }
        return daemon;
    }

    /** @param {import('./index').SpawnOptions} options */
    constructor(options) {
        this.#options = options;
        this.#ownDir = options.runtimeDir === undefined;
        this.#dir = options.runtimeDir ?? fs.mkdtempSync(path.join(os.tmpdir(), 'tutti-'));
    }

    #options;
    #ownDir;
    #dir;
    #stopping = false;
    #restarts = 0;
    /** @type {NodeJS.Timeout | undefined} */
    #timer;
    /** @type {import('node:child_process').ChildProcess | null} */
    #child = null;

    get process() {
        return this.#child;
    }

    get sockets() {
        return { runtimeDir: this.#dir, control: path.join(this.#dir, 'control.sock'), audio: path.join(this.#dir, 'audio.sock') };
    }

    /** Ends the daemon: gently, and after four seconds not gently. */
    async stop() {
        this.#stopping = true;
        clearTimeout(this.#timer);
        const child = this.#child;
        if (child && child.exitCode === null && child.signalCode === null) {
            const gone = new Promise((resolve) => child.once('exit', resolve));
            child.kill('SIGTERM');
            const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
            await gone;
            clearTimeout(timer);
        }
        this.#removeDir();
    }

    /** @returns {Promise<void>} resolved by the daemon's line `ready` */
    #launch() {
        const { bin = process.env.TUTTI_BIN_DIR ? path.join(process.env.TUTTI_BIN_DIR, 'tuttid') : 'tuttid' } = this.#options;
        const child = spawn(bin, ['--runtime-dir', this.#dir, ...flags(this.#options.daemon ?? {})],
            { stdio: ['ignore', 'pipe', 'pipe'], env: ownEnvironment(this.#options.env) });
        this.#child = child;
        /* A bot that ends without close() must not leave its daemon behind. */
        const onExit = () => void child.kill('SIGTERM');
        process.once('exit', onExit);
        child.once('exit', () => {
            process.removeListener('exit', onExit);
            /* What the daemon left running may hold its pipes; they are not to hold us. */
            setImmediate(() => [child.stdout, child.stderr].forEach((pipe) => pipe.destroy()));
        });
        let words = '';
        child.stderr.on('data', (chunk) => {
            words = (words + chunk).slice(-LAST_WORDS_BYTES);
            this.#options.onLog?.(String(chunk));
        });
        return new Promise((resolve, reject) => {
            const fail = (/** @type {string} */ why, /** @type {unknown} */ cause) => {
                clearTimeout(timer);
                child.removeListener('exit', onEarlyExit);
                child.kill('SIGKILL');
                reject(new TuttiError('no_daemon', `${bin} ${why}${words ? ': ' + words.trim() : ''}`, { cause }));
            };
            const timer = setTimeout(() => fail(`was not ready within ${START_MS} ms`, undefined), START_MS);
            child.once('error', (cause) => fail('cannot be started', cause));
            /** @type {(code: number | null, signal: string | null) => void} */
            const onEarlyExit = (code, signal) => void setImmediate(() => fail(`ended at once (${signal ?? code})`, undefined));
            child.once('exit', onEarlyExit);
            let out = '';
            child.stdout.on('data', (chunk) => {
                out = (out + chunk).slice(-LAST_WORDS_BYTES);
                if (!/^ready control=/m.test(out))
                    return;
                clearTimeout(timer);
                child.removeListener('exit', onEarlyExit);
                child.stdout.removeAllListeners('data').resume();
                child.once('exit', () => this.#died());
                resolve();
            });
        });
    }

    #died() {
        if (this.#stopping || this.#options.restart === false)
            return;
        this.#timer = setTimeout(() => {
            this.#launch().then(() => { this.#restarts = 0; }, () => this.#died());
        }, backoffDelay(this.#restarts++, RESTART_LIMITS));
    }

    #removeDir() {
        if (this.#ownDir)
            fs.rmSync(this.#dir, { recursive: true, force: true });
    }
}

/**
 * @param {Record<string, string | number | boolean | readonly string[] | undefined>} options
 * @returns {string[]} `{ mediaRoot: ['/music'], allowPrivateHosts: true }` as the daemon's flags
 */
function flags(options) {
    return Object.entries(options).flatMap(([name, value]) => {
        const flag = '--' + name.replace(/[A-Z]/g, (letter) => '-' + letter.toLowerCase());
        if (value === undefined || value === false)
            return [];
        if (value === true)
            return [flag];
        return [value].flat().flatMap((one) => [flag, String(one)]);
    });
}

/**
 * The sockets are ours to choose: what the environment says of other daemons must not matter.
 * @param {NodeJS.ProcessEnv} [env]
 */
function ownEnvironment(env = process.env) {
    const { TUTTI_RUNTIME_DIR, TUTTI_CONTROL, TUTTI_AUDIO, ...rest } = env;
    return rest;
}

module.exports = { PrivateDaemon };
