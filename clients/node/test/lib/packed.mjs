/* A folder as a user of the package has it: what `npm pack` makes, installed, and the examples beside it. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory } from './media.mjs';

const home = fileURLToPath(new URL('../..', import.meta.url));

/**
 * @returns {{ dir: string, files: string[], close: () => void }} `files` are those of the package; other
 *   packages are linked when link() is called
 */
export function packed() {
    const dir = temporaryDirectory('tutti-pack-');
    const [{ filename, files }] = JSON.parse(execFileSync('npm', ['pack', '--json', '--pack-destination', dir],
        { cwd: home, stdio: ['ignore', 'pipe', 'ignore'] }));
    execFileSync('tar', ['xzf', path.join(dir, filename), '-C', dir]);
    fs.mkdirSync(path.join(dir, 'node_modules'));
    fs.renameSync(path.join(dir, 'package'), path.join(dir, 'node_modules/tutti-client'));
    return {
        dir,
        files: files.map((file) => file.path),
        /** What the bot installs besides: those packages that the tests have. */
        link() {
            for (const name of fs.readdirSync(path.join(home, 'node_modules')).filter((name) => !name.startsWith('.')))
                fs.symlinkSync(path.join(home, 'node_modules', name), path.join(dir, 'node_modules', name));
            for (const name of ['bot.mjs', 'minimal.mjs'])
                fs.copyFileSync(path.join(dir, 'node_modules/tutti-client/examples', name), path.join(dir, name));
        },
        close: () => fs.rmSync(dir, { recursive: true, force: true }),
    };
}
