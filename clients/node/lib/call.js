'use strict';

const { EventEmitter } = require('node:events');
const { TuttiError } = require('./errors.js');

const JOIN_TIMEOUT_MS = 20_000;
const OP_VOICE_STATE = 4; /* of Discord's main gateway */

/**
 * @typedef {import('./types').VoiceChannel} VoiceChannel
 * @typedef {import('./types').CallOptions} CallOptions
 *
 * @typedef {object} CallLink what a call asks of its client
 * @property {(message: Record<string, any>, options?: import('./commands.js').CommandOptions) => Promise<any>} issue
 * @property {() => boolean} isConnected whether the daemon is there
 * @property {() => void} divert the frames of the channel go to the call from now on
 * @property {(isHeard: boolean) => void} heard whether what is played is heard
 * @property {() => void} leaveLater the daemon is away: it is to leave when it is back
 * @property {() => void} over the call has ended: frames come to the channel's player again
 */

/**
 * A voice connection that the daemon holds. The bot's library asks Discord to join and is told where the
 * voice server is; the daemon is given that. See types.d.ts.
 */
class VoiceCall extends EventEmitter {
    /**
     * @param {CallLink} link
     * @param {VoiceChannel} channel
     * @param {string} channelId of the player that is heard
     * @param {CallOptions} options
     */
    constructor(link, channel, channelId, { selfDeaf = true, selfMute = false }) {
        super();
        this.#link = link;
        this.channelId = channelId;
        this.guildId = channel.guild.id;
        this.#voiceChannelId = channel.id;
        this.#isSelf = { self_deaf: selfDeaf, self_mute: selfMute };
        this.#adapter = channel.guild.voiceAdapterCreator({
            onVoiceStateUpdate: (state) => this.#onState(state),
            onVoiceServerUpdate: (server) => this.#onServer(server),
            destroy: () => this.#end('the bot\'s library has left Discord'),
        });
        this.#settled.promise.catch(() => {}); /* nobody has to wait for it */
    }

    #link;
    #adapter;
    #isSelf;
    /** @type {string} */
    #voiceChannelId;
    /** The bot's own voice state, as Discord last said it. @type {any} */
    #voiceState = null;
    /** Where the voice server is, as Discord last said it. @type {any} */
    #server = null;
    /** The `connect` that the daemon was given last. @type {Record<string, any> | null} */
    #credentials = null;
    /** @type {import('./types').VoiceCall['state']} */
    #state = 'joining';
    /** @type {number | null} */
    #ping = null;
    #settled = deferred();
    /** @type {Promise<void> | null} */
    #leaving = null;
    /** Why it is left; null while it is not. @type {string | null} */
    #reason = null;

    get state() { return this.#state; }
    get ping() { return this.#ping; }
    get voiceChannelId() { return this.#voiceChannelId; }

    /**
     * Asks Discord to join. Resolves when sound would be heard.
     * @param {CallOptions} options
     */
    async join({ signal, timeout = JOIN_TIMEOUT_MS }) {
        const timer = setTimeout(() => this.#fail('timeout', `the call was not ready within ${timeout} ms: ${this.#missing()}`), timeout);
        const onAbort = () => this.#settled.reject(abortError(this.channelId, signal));
        signal?.addEventListener('abort', onAbort);
        try {
            if (signal?.aborted)
                onAbort();
            else
                this.#sendState(this.#voiceChannelId);
            await this.#settled.promise;
        } catch (error) {
            await this.disconnect();
            throw error;
        } finally {
            clearTimeout(timer);
            signal?.removeEventListener('abort', onAbort);
        }
    }

    /** Resolves when it is ready, for who asks for the same call once more. */
    async whenReady() {
        await this.#settled.promise;
    }

    /** Leaves the voice channel. Frames come to the player again. */
    async disconnect() {
        if (this.#state === 'disconnected')
            return;
        if (!this.#leaving)
            this.#adapter.sendPayload(this.#statePayload(null));
        await this.#leave('disconnect() was called');
    }

    /* What follows is for the client, not for the bot. */

    /** The bot joins elsewhere in the guild: this call ends, the place in the guild stays. */
    async replace() {
        await this.#leave('the bot has connected another channel in this guild');
    }

    /** The client was closed. @param {string} why */
    close(why) {
        this.#end(why);
    }

    /** The daemon was given it. */
    get isGiven() { return this.#credentials !== null; }
    /** It is there or on its way, and nobody has ended it. */
    get isOpen() { return this.#state !== 'closed' && this.#state !== 'disconnected' && !this.#leaving; }
    get isHeard() { return this.#state === 'ready' || this.#state === 'resuming'; }

    /** The daemon is back, or another one. */
    resend() {
        if (this.#credentials && !this.#leaving)
            this.#connect(this.#credentials);
    }

    /** @param {any} event of type `voice`, of this channel */
    take(event) {
        if (this.#state === 'disconnected' || event.channelId !== this.channelId)
            return;
        if (event.state === 'disconnected')
            return this.#end(this.#reason ?? event.message ?? 'the daemon has left the call');
        const isNews = event.state !== this.#state;
        this.#state = event.state;
        this.#link.heard(this.isHeard);
        if (event.pingMs !== undefined && event.pingMs !== this.#ping) {
            this.#ping = event.pingMs;
            this.emit('ping', event.pingMs);
        }
        if (event.state === 'closed') {
            const { code = null, message = 'the voice connection is over' } = event;
            this.#fail('call_closed', code === null ? message : `${message} (close code ${code})`, code);
        }
        if (event.state === 'ready')
            this.#settled.resolve();
        if (isNews && event.state !== 'connecting')
            this.emit(event.state, event);
    }

    /** @param {any} state */
    #onState(state) {
        if (this.#state === 'disconnected' || this.#leaving)
            return;
        if (state.channel_id === null)
            return void this.#leave('the bot was disconnected from the voice channel');
        this.#voiceState = state;
        this.#voiceChannelId = state.channel_id;
        if (!this.#credentials) /* of a move Discord tells the server as well, behind this */
            this.#update();
    }

    /** @param {any} server */
    #onServer(server) {
        if (this.#state === 'disconnected' || this.#leaving)
            return;
        this.#server = server.endpoint ? server : null; /* null: the server is gone, another one will be told */
        this.#update();
    }

    #update() {
        if (!this.#voiceState || !this.#server)
            return;
        if (!this.#credentials)
            this.#link.divert();
        this.#credentials = {
            type: 'connect', channel_id: this.channelId, guild_id: this.guildId,
            user_id: this.#voiceState.user_id, session_id: this.#voiceState.session_id,
            voice_channel_id: this.#voiceState.channel_id, token: this.#server.token, endpoint: this.#server.endpoint,
        };
        this.#connect(this.#credentials);
    }

    /** @param {Record<string, any>} credentials */
    #connect(credentials) {
        /* While the daemon is away nothing waits: resend() says the newest when it is back. */
        this.#link.issue(credentials, { whenDisconnected: 'fail', timeout: 0 }).catch((error) => {
            if (error.code === 'disconnected' || this.#state === 'disconnected' || credentials !== this.#credentials)
                return;
            this.#settled.reject(error);
            this.#state = 'closed';
            this.emit('closed', { code: null, message: error.message });
        });
    }

    /**
     * Takes the call from the daemon, once.
     * @param {string} why
     */
    #leave(why) {
        this.#reason ??= why;
        this.#leaving ??= this.#takeAway(this.#reason);
        return this.#leaving;
    }

    /** @param {string} why */
    async #takeAway(why) {
        if (!this.#credentials)
            return this.#end(why);
        await this.#link.issue({ type: 'disconnect', channel_id: this.channelId }, { whenDisconnected: 'fail' }).catch(({ code }) => {
            if (code === 'disconnected')
                this.#link.leaveLater();
        });
        this.#end(why);
    }

    /** @param {string} message */
    #end(message) {
        if (this.#state === 'disconnected')
            return;
        this.#state = 'disconnected';
        this.#fail('call_closed', message);
        this.#adapter.destroy();
        this.#link.over();
        this.emit('disconnected', { message });
    }

    /**
     * @param {string} code
     * @param {string} message
     * @param {number | null} [closeCode]
     */
    #fail(code, message, closeCode = null) {
        this.#settled.reject(new TuttiError(code, message, { channelId: this.channelId, closeCode }));
    }

    /** What a call that did not become ready waited for. */
    #missing() {
        if (!this.#voiceState)
            return 'Discord did not say that the bot is in the voice channel (the intent GuildVoiceStates, and the right to connect)';
        if (!this.#server)
            return 'Discord named no voice server';
        return this.#link.isConnected() ? `the daemon's voice connection is ${this.#state}` : 'the daemon is away';
    }

    /** @param {string} voiceChannelId */
    #sendState(voiceChannelId) {
        if (!this.#adapter.sendPayload(this.#statePayload(voiceChannelId)))
            this.#fail('disconnected', 'the bot is not connected to Discord: it could not ask to join');
    }

    /** @param {string | null} voiceChannelId null to leave */
    #statePayload(voiceChannelId) {
        return { op: OP_VOICE_STATE, d: { guild_id: this.guildId, channel_id: voiceChannelId, ...this.#isSelf } };
    }
}

/** A promise and what settles it. */
function deferred() {
    /** @type {() => void} */
    let resolve = () => {};
    /** @type {(error: Error) => void} */
    let reject = () => {};
    const promise = /** @type {Promise<void>} */ (new Promise((done, failed) => { resolve = done; reject = failed; }));
    return { promise, resolve, reject };
}

/** @param {string} channelId @param {AbortSignal | undefined} signal */
function abortError(channelId, signal) {
    const error = new TuttiError('aborted', 'joining the call was aborted', { channelId, cause: signal?.reason });
    error.name = 'AbortError';
    return error;
}

module.exports = { VoiceCall };
