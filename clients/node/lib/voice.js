'use strict';

const { TuttiError } = require('./errors.js');

/* Discord asks for five frames of silence after the last one, or its listeners extrapolate. */
const SILENCE_FRAMES = 5;

/** @type {any} */
let loaded = null;
/** @type {() => any} */
let loader = () => require('@discordjs/voice');

/**
 * The ES module entry loads the library as an ES module, so that a bot written in ES modules does
 * not hold it twice.
 * @param {() => any} load
 */
function setVoiceLoader(load) {
    loader = load;
}

/** Loads the library ahead of its use; it is optional, so that failure is silent here. */
async function preloadVoice() {
    try {
        loaded ??= await loader();
    } catch {
        /* resource() and subscribe() say what is missing. */
    }
}

/** @returns {any} the module @discordjs/voice */
function voiceModule() {
    try {
        return loaded ??= require('@discordjs/voice');
    } catch (cause) {
        throw new TuttiError('no_voice', 'install @discordjs/voice, or give it to TuttiClient as the option `voice`', { cause });
    }
}

/** What a player shows to @discordjs/voice: an AudioResource for its stream, and an AudioPlayer. */
class VoiceOutput {
    /**
     * @param {any} module @discordjs/voice as the bot gave it, or undefined
     * @param {unknown} metadata default metadata of the resources
     */
    constructor(module, metadata) {
        this.#module = module;
        this.#metadata = metadata;
    }

    #module;
    #metadata;
    /** @type {any} */
    #resource = null;
    /** @type {any} */
    #player = null;
    #paused = false;
    #closed = false;

    /** The AudioPlayer, made on first use. */
    get audioPlayer() {
        if (!this.#player) {
            const { createAudioPlayer, NoSubscriberBehavior } = this.#voice;
            /*
             * By default an AudioPlayer gives a track up after five frames that did not come. Ends
             * are in band here, and a source that stalls goes on afterwards.
             */
            this.#player = createAudioPlayer({
                behaviors: { maxMissedFrames: Infinity, noSubscriber: NoSubscriberBehavior.Pause },
            });
            this.#player.on('stateChange', () => { this.#applyPause(); this.#applyClose(); });
        }
        return this.#player;
    }

    get #voice() {
        return this.#module ?? voiceModule();
    }

    /**
     * @param {import('./stream.js').FrameStream} stream
     * @param {unknown} [metadata]
     * @returns {any} the AudioResource of this stream, the same each time
     */
    resource(stream, metadata = this.#metadata) {
        if (this.#resource?.playStream !== stream) {
            /*
             * createAudioResource looks for ffmpeg on its first call, and stops the event loop for
             * 200 ms. No padding: streams that go on with the next play must not be padded; ended()
             * adds it where it is due.
             */
            this.#resource = new this.#voice.AudioResource([], [stream], metadata, 0);
        }
        return this.#resource;
    }

    /** @param {import('./stream.js').FrameStream} stream holds its first packet */
    started(stream) {
        this.#closed = false;
        this.#player?.play(this.resource(stream));
    }

    /**
     * @param {import('./stream.js').FrameStream} stream will hold no packet more
     * @param {() => void} done called when an AudioPlayer that plays it has sent all of it; at once if
     *   none does
     */
    ended(stream, done) {
        const resource = this.#resource?.playStream === stream ? this.#resource : null;
        const player = resource?.audioPlayer;
        if (resource)
            resource.silencePaddingFrames = SILENCE_FRAMES;
        if (!player)
            return done();
        const onChange = () => {
            if (resource.audioPlayer === player)
                return;
            player.removeListener('stateChange', onChange);
            done();
        };
        player.on('stateChange', onChange);
    }

    /**
     * @param {any} connection
     * @param {import('./stream.js').FrameStream | null} stream that is to be heard now
     */
    subscribe(connection, stream) {
        const subscription = connection.subscribe(this.audioPlayer);
        if (stream && stream.readableLength && this.audioPlayer.state.status === 'idle')
            this.started(stream);
        return subscription;
    }

    /** @param {boolean} paused */
    setPaused(paused) {
        this.#paused = paused;
        if (paused)
            this.#applyPause();
        else
            (this.#resource?.audioPlayer ?? this.#player)?.unpause();
    }

    /**
     * No stream will follow. What the last one holds is heard if somebody listens; an AudioPlayer that
     * is paused, by anybody, would wait for it for ever, and keep the process alive.
     */
    close() {
        this.#closed = true;
        this.#applyClose();
    }

    #applyClose() {
        if (this.#closed && ['paused', 'autopaused'].includes(this.#player?.state.status))
            this.#player.stop(true);
    }

    #applyPause() {
        if (this.#paused)
            (this.#resource?.audioPlayer ?? this.#player)?.pause();
    }
}

module.exports = { VoiceOutput, setVoiceLoader, preloadVoice };
