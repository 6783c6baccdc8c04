/* The real daemon for the suites named daemon-*: TUTTI_BIN_DIR, else the repository's build/. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { convert, noise, temporaryDirectory, writeWav } from './media.mjs';

export const binary = path.join(process.env.TUTTI_BIN_DIR
    ?? fileURLToPath(new URL('../../../../build', import.meta.url)), 'tuttid');

/** Seconds of the long test file. */
export const SECONDS = 60;

/**
 * Makes the media of a suite in a new directory: `long.wav` (60 s of noise), `long.opus` (the same
 * as Opus), `short.wav` (2 s), `other.wav` (20 s, another seed). The noise itself comes with it.
 */
export function makeMedia() {
    const dir = temporaryDirectory('tutti-media-');
    const source = noise(SECONDS, 1);
    const otherSource = noise(20, 2);
    const files = {
        long: writeWav(path.join(dir, 'long.wav'), source),
        short: writeWav(path.join(dir, 'short.wav'), source.subarray(0, 2 * 48000)),
        other: writeWav(path.join(dir, 'other.wav'), otherSource),
        text: path.join(dir, 'text.txt'),
    };
    fs.writeFileSync(files.text, 'this is no audio\n'.repeat(100));
    return { dir, source, otherSource, ...files,
        opus: () => convert(files.long, path.join(dir, 'long.opus'), '-c:a', 'libopus', '-b:a', '96k', '-ac', '2'),
        close: () => fs.rmSync(dir, { recursive: true, force: true }) };
}

export class Daemon {
    dir = temporaryDirectory('tutti-run-');
    log = '';
    #child = null;
    #args;

    static async start(...args) {
        const daemon = new Daemon(args);
        await daemon.start();
        return daemon;
    }

    constructor(args) {
        if (!fs.existsSync(binary))
            throw new Error(`${binary} is missing: build the daemon first (script/build, or TUTTI_BIN_DIR)`);
        this.#args = args;
    }

    get pid() {
        return this.#child.pid;
    }

    async start() {
        const env = { ...process.env };
        for (const name of Object.keys(env).filter((name) => name.startsWith('TUTTI_') && name !== 'TUTTI_BIN_DIR'))
            delete env[name];
        const child = spawn(binary, ['--runtime-dir', this.dir, ...this.#args], { stdio: ['ignore', 'pipe', 'pipe'], env });
        this.#child = child;
        child.stderr.on('data', (chunk) => { this.log += chunk; });
        child.once('exit', () => setImmediate(() => child.stderr.destroy()));
        let out = '';
        for await (const chunk of child.stdout) {
            out += chunk;
            if (out.includes('ready control='))
                break;
        }
        if (!out.includes('ready control='))
            throw new Error(`tuttid did not start: ${this.log}`);
    }

    /** Ends it with a signal; resolves when it is gone. */
    async end(signal = 'SIGKILL') {
        const child = this.#child;
        if (child.exitCode === null && child.signalCode === null) {
            const gone = once(child, 'exit');
            child.kill(signal);
            await gone;
        }
        return child.exitCode;
    }

    async close() {
        const code = await this.end('SIGTERM');
        fs.rmSync(this.dir, { recursive: true, force: true });
        return code;
    }
}
