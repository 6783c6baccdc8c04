/*
 * Runs the suites: `node test/run.mjs [FILE …]`. It makes the certificate of the stand-in voice
 * server, which Node reads only when a process starts, and lets tsc check types first.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeCertificate } from './lib/certificate.mjs';
import { temporaryDirectory } from './lib/media.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const home = path.dirname(here);

function run(...args) {
    const { status, signal, error } = spawnSync(process.execPath, args, { cwd: home, stdio: 'inherit', env });
    if (error)
        throw error;
    return signal ? 1 : status;
}

const directory = temporaryDirectory('tutti-ca-');
const { key, cert } = makeCertificate();
const authority = path.join(directory, 'ca.pem');
fs.writeFileSync(authority, cert);
const env = { ...process.env, NODE_EXTRA_CA_CERTS: authority, VOICE_KEY: key, VOICE_CERT: cert };

const chosen = process.argv.slice(2);
let failed = 0;
if (chosen.length === 0) {
    const tsc = path.join(home, 'node_modules/typescript/bin/tsc');
    for (const project of ['.', 'test/types', 'examples'])
        failed ||= run(tsc, '-p', project);
}
const files = chosen.length ? chosen : fs.readdirSync(here).filter((name) => name.endsWith('.test.mjs')).sort().map((name) => path.join(here, name));
failed ||= run('--test', '--test-reporter=spec', '--test-concurrency=2', `--test-timeout=${process.env.TUTTI_SOAK_ROUNDS ? 600_000 : 120_000}`, ...files);
fs.rmSync(directory, { recursive: true });
process.exit(failed);
