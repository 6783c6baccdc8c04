/* The bot's side of the stand-in: starts it, joins a real VoiceConnection to it, asks what arrived. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { entersState, joinVoiceChannel, VoiceConnectionStatus } from '@discordjs/voice';

const BOT = '80351110224678912';

/** What a guild's voiceAdapterCreator is in discord.js, with the main gateway's part played here. */
export function voiceAdapter(endpoint, guildId, channelId) {
    return (methods) => ({
        sendPayload(payload) {
            if (payload.d.channel_id !== null) {
                setImmediate(() => {
                    methods.onVoiceStateUpdate({ guild_id: guildId, channel_id: channelId, user_id: BOT, session_id: `session-${guildId}` });
                    methods.onVoiceServerUpdate({ guild_id: guildId, token: 'token', endpoint });
                });
            }
            return true;
        },
        destroy() {},
    });
}

/** Joins as a bot would. Resolves when the connection is ready. */
export async function joinVoice(endpoint, guildId, channelId) {
    const connection = joinVoiceChannel({
        guildId, channelId, selfDeaf: true, selfMute: false, group: `test-${process.pid}`,
        adapterCreator: voiceAdapter(endpoint, guildId, channelId),
    });
    await entersState(connection, VoiceConnectionStatus.Ready, 20_000);
    return connection;
}

export class VoiceServer {
    /**
     * The certificate must be trusted through NODE_EXTRA_CA_CERTS when this process starts: the
     * runner puts it and its key into the environment.
     */
    static async start() {
        const { VOICE_KEY, VOICE_CERT } = process.env;
        if (!VOICE_KEY)
            throw new Error('run the tests with `npm test`: its runner makes the certificate');
        const server = new VoiceServer();
        server.#child = fork(new URL('discord-server.mjs', import.meta.url), {
            env: { ...process.env, VOICE_KEY, VOICE_CERT, NODE_TEST_CONTEXT: undefined, NODE_OPTIONS: '' }, execArgv: [], serialization: 'advanced',
        });
        const [{ port }] = await once(server.#child, 'message');
        server.#endpoint = `localhost:${port}`;
        server.#child.on('message', ({ id, answer }) => {
            server.#asked.get(id)?.(answer);
            server.#asked.delete(id);
        });
        return server;
    }

    #child;
    #endpoint;
    #asked = new Map();
    #number = 0;
    #connections = [];

    /** HOST:PORT of the gateway, for joinVoice() in another process. */
    get endpoint() {
        return this.#endpoint;
    }

    async join(guildId, channelId) {
        const connection = await joinVoice(this.#endpoint, guildId, channelId);
        this.#connections.push(connection);
        return connection;
    }

    #ask(message) {
        const id = ++this.#number;
        return new Promise((resolve) => {
            this.#asked.set(id, resolve);
            this.#child.send({ id, ...message });
        });
    }

    /** Number of packets that arrived for a guild, or for all. */
    count(guildId) {
        return this.#ask({ ask: 'count', guildId });
    }

    /** Resolves when `packets` packets of a guild have arrived; rejects after `milliseconds`. */
    async reached(guildId, packets, milliseconds = 10_000) {
        for (const end = Date.now() + milliseconds; Date.now() < end;) {
            if (await this.count(guildId) >= packets)
                return;
            await new Promise((resolve) => setTimeout(resolve, 20));
        }
        throw new Error(`only ${await this.count(guildId)} of ${packets} packets arrived`);
    }

    /** The packets that arrived since the last call: [{ guildId, packets: [{ at (µs), … }], bad }]. */
    take(guildId) {
        return this.#ask({ ask: 'take', guildId });
    }

    /** Whether to keep the packets' bytes. */
    keepPayloads(payloads) {
        return this.#ask({ ask: 'keep', payloads });
    }

    /** The fewest frames (silence does not count) that arrived over any connection. */
    least() {
        return this.#ask({ ask: 'least' });
    }

    async close() {
        for (const connection of this.#connections) {
            if (connection.state.status !== VoiceConnectionStatus.Destroyed)
                connection.destroy();
        }
        if (this.#child.exitCode === null) {
            const gone = once(this.#child, 'exit');
            this.#child.disconnect();
            await gone;
        }
    }
}
