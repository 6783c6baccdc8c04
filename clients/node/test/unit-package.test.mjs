import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import * as imported from 'tutti-client';
import { packed } from './lib/packed.mjs';

const home = fileURLToPath(new URL('..', import.meta.url));
const require = createRequire(import.meta.url);

test('import and require give the same classes', () => {
    const required = require('tutti-client');
    assert.deepEqual(Object.keys(required).sort(), ['Player', 'Queue', 'TuttiClient', 'TuttiError', 'VoiceCall']);
    assert.deepEqual(Object.keys(imported).sort(), Object.keys(required).sort());
    for (const name of Object.keys(required))
        assert.equal(imported[name], required[name]);
});

test('there is no runtime dependency, and the peer is optional', () => {
    const { dependencies, peerDependencies, peerDependenciesMeta } = require('../package.json');
    assert.equal(dependencies, undefined);
    assert.deepEqual(Object.keys(peerDependencies), ['@discordjs/voice']);
    assert.equal(peerDependenciesMeta['@discordjs/voice'].optional, true);
});

test('the package holds what users need, and works alone', () => {
    const { dir: directory, files, close } = packed();
    try {
        for (const name of files)
            assert.match(name, /^(lib\/[a-z]+\.(js|mjs|d\.ts|d\.mts)|examples\/[a-z]+\.mjs|docs\/[a-z]+\.md|README\.md|LICENSE|package\.json)$/);
        for (const name of ['lib/index.js', 'lib/index.mjs', 'lib/index.d.ts', 'lib/index.d.mts', 'lib/types.d.ts', 'examples/bot.mjs', 'docs/moving.md', 'README.md'])
            assert.ok(files.includes(name), name);
        /* Without @discordjs/voice all but the voice side works, and that says what is missing. */
        const script = `import { TuttiClient } from 'tutti-client';
            const player = new TuttiClient().player('1');
            try { player.audioPlayer; } catch ({ code }) { console.log(code); }`;
        const out = execFileSync(process.execPath, ['--input-type=module', '-e', script], { cwd: directory, encoding: 'utf8' });
        assert.equal(out.trim(), 'no_voice');
    } finally {
        close();
    }
});

test('the example bot stays under 300 lines, and the README shows the minimal ones', () => {
    const read = (name) => fs.readFileSync(path.join(home, name), 'utf8');
    assert.ok(read('examples/bot.mjs').split('\n').length < 300);
    const plain = (text) => text.replace(/\/\*\*.*?\*\/ |\((await bot[^)]*\))\)/g, '$1').trim();
    for (const name of ['examples/call.mjs', 'examples/minimal.mjs']) {
        const lines = plain(read(name).split('\n').slice(1).join('\n'));
        assert.ok(plain(read('README.md')).includes(lines), `ten lines of the README are ${name}`);
    }
});
