/* A socket in front of another, which can be cut. */
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { temporaryDirectory } from './media.mjs';

export class Proxy {
    #directory = temporaryDirectory('tutti-proxy-');
    #server;
    #pairs = new Set();
    path = path.join(this.#directory, 'sock');

    static async start(target) {
        const proxy = new Proxy();
        proxy.#server = net.createServer((near) => {
            const far = net.connect(target);
            const pair = { near, far };
            proxy.#pairs.add(pair);
            const cut = () => {
                near.destroy();
                far.destroy();
                proxy.#pairs.delete(pair);
            };
            near.on('error', cut).on('close', cut).pipe(far);
            far.on('error', cut).on('close', cut).pipe(near);
        });
        await new Promise((resolve) => proxy.#server.listen(proxy.path, resolve));
        return proxy;
    }

    /** From now on answers are lost; commands still arrive. Connections made later are whole. */
    mute() {
        for (const { near, far } of this.#pairs)
            far.unpipe(near).resume();
    }

    get connections() {
        return this.#pairs.size;
    }

    cut() {
        for (const { near, far } of this.#pairs) {
            near.destroy();
            far.destroy();
        }
    }

    async close() {
        this.cut();
        await new Promise((resolve) => this.#server.close(resolve));
        fs.rmSync(this.#directory, { recursive: true, force: true });
    }
}
