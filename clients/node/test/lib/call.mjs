/* The stand-in voice server of the project's tests, as a process; and a guild of discord.js as far as joining needs it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import readline from 'node:readline';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory } from './media.mjs';

export const BOT = '80351110224678912';

export class Standin {
    static async start() {
        const standin = new Standin();
        const script = fileURLToPath(new URL('standin.py', import.meta.url));
        standin.#child = spawn('/usr/bin/python3', [script, standin.#dir], { stdio: ['pipe', 'pipe', 'inherit'] });
        standin.#lines = readline.createInterface(standin.#child.stdout)[Symbol.asyncIterator]();
        Object.assign(standin, await standin.#line());
        return standin;
    }

    /** @type {string} HOST:PORT of the gateway */
    endpoint;
    /** @type {string} the certificate authority's file */
    ca;
    #dir = temporaryDirectory('tutti-standin-');
    #child;
    #lines;
    #last = Promise.resolve();

    async #line() {
        const { value, done } = await this.#lines.next();
        if (done)
            throw new Error('the stand-in ended: it needs python3-websockets, -nacl and -cryptography (script/setup)');
        return JSON.parse(value);
    }

    /** See standin.py. One question at a time. */
    ask(ask, code) {
        this.#last = this.#last.then(() => {
            this.#child.stdin.write(JSON.stringify({ ask, code }) + '\n');
            return this.#line();
        });
        return this.#last;
    }

    /** The newest session. */
    async newest() {
        return (await this.ask('sessions')).at(-1);
    }

    async close() {
        const gone = once(this.#child, 'exit');
        this.#child.stdin.end();
        await gone;
        fs.rmSync(this.#dir, { recursive: true, force: true });
    }
}

/** A guild. Its `payloads` are what the bot sent; Discord's part is played by join(), server() and kick(). */
export class Guild {
    payloads = [];
    adapters = 0;
    methods = null;
    isSilent = false;

    constructor(id, endpoint) {
        this.id = id;
        this.endpoint = endpoint;
        this.session = `session-${id}`;
    }

    channel(id) {
        return { id, guild: this };
    }

    voiceAdapterCreator = (methods) => {
        this.methods = methods;
        this.adapters++;
        return {
            sendPayload: (payload) => {
                this.payloads.push(payload);
                if (payload.d.channel_id !== null && !this.isSilent)
                    setImmediate(() => this.join(payload.d.channel_id));
                return true;
            },
            destroy: () => { this.adapters--; },
        };
    };

    /** The bot is put into a channel: two dispatches follow. */
    join(channelId, token = 'token') {
        this.state(channelId);
        this.server(this.endpoint, token);
    }

    state(channelId) {
        this.methods.onVoiceStateUpdate({ guild_id: this.id, channel_id: channelId, user_id: BOT, session_id: this.session });
    }

    server(endpoint, token = 'token') {
        this.methods.onVoiceServerUpdate({ guild_id: this.id, token, endpoint });
    }
}
