import type { ChildProcess } from 'node:child_process';
import type { EventEmitter } from 'node:events';
import type { Readable } from 'node:stream';

/**
 * The types of @discordjs/voice, which differ between `import` and `require`: index.d.mts and
 * index.d.ts give theirs.
 */
export interface Voice {
    AudioPlayer: unknown;
    AudioResource: unknown;
    PlayerSubscription: unknown;
    VoiceConnection: unknown;
}

/** A Discord snowflake: decimal digits. A number would lose the last of them. */
export type ChannelId = string | bigint;

/** How well a duration is known. */
export type DurationKind = 'exact' | 'estimated' | 'unknown';

/** What the daemon answers with or reports, as in `docs/protocol.md`, its names in camelCase. */
interface PlayEvent {
    channelId: string;
    playId: string;
}

/** A play's first frame is ready. */
export interface ReadyEvent extends PlayEvent {
    type: 'ready';
    /** Seconds; null when unknown or live. */
    duration: number | null;
    durationKind: DurationKind;
    /** A station: it goes on at now, wherever one was. */
    live: boolean;
    /** Of the first frame, seconds. */
    position: number;
    title?: string | null;
    /** The source's own Opus packets are passed on, not encoded again. */
    passthrough: boolean;
    /** false: live, or its position cannot be chosen for another reason. */
    seekable: boolean;
}

/** A play that another daemon did not finish goes on with this one. */
export interface ReplayedEvent extends Omit<ReadyEvent, 'type'> {
    type: 'replayed';
}

export interface PausedEvent extends PlayEvent {
    type: 'paused';
    /** Seconds. */
    position: number;
}

export interface ResumedEvent extends PlayEvent {
    type: 'resumed';
    /** Seconds. */
    position: number;
}

export interface SeekedEvent extends PlayEvent {
    type: 'seeked';
    /** Of the first frame of the new place, seconds. */
    position: number;
    /** Number of that frame in the play. */
    sequence: number;
}

/** As the answer to setVolume() its playId is null when nothing sounds: it holds for what comes. */
export interface VolumeEvent {
    type: 'volume';
    channelId: string;
    playId: string | null;
    /** 0 to 2; 1 is unchanged. */
    level: number;
    /** It is the player's: it holds for what waits and what comes later, too. */
    keep?: boolean;
}

/** More is known of how long a play is, or that it is live. */
export interface DurationEvent extends PlayEvent {
    type: 'duration';
    /** Seconds; null when unknown or live. */
    duration: number | null;
    durationKind: DurationKind;
    live: boolean;
}

/** A radio stream's title changed. */
export interface TitleEvent extends PlayEvent {
    type: 'title';
    title: string;
}

/** A play was ended. As the answer to `stop` its playId and position are null when nothing sounded. */
export interface StoppedEvent {
    type: 'stopped';
    channelId: string;
    playId: string | null;
    /** Seconds. */
    position: number | null;
    reason: 'stop' | 'replaced' | 'client_gone' | 'shutdown';
}

/** A play reached its end, and its last packet was read (by an AudioPlayer of subscribe(): sent). */
export interface FinishedEvent extends PlayEvent {
    type: 'finished';
    /** Seconds. */
    position: number;
    /** Frames of 20 ms that were delivered. */
    frames: number;
}

/** Something went wrong and playback goes on. */
export interface WarningEvent {
    type: 'warning';
    channelId?: string;
    playId?: string;
    code: 'worker_restarted' | 'span_skipped' | 'source_reconnected' | 'source_stalled' | 'source_truncated' |
        'first_entry' | 'slow_consumer' | (string & {});
    message: string;
}

export interface Session {
    channelId: string;
    playId: string;
    state: 'extracting' | 'streaming' | 'paused';
    url: string;
    title?: string | null;
    /** Seconds. */
    position: number;
    /** Seconds; null when unknown or live. */
    duration: number | null;
    durationKind: DurationKind;
    live: boolean;
    /** A live stream: seconds behind what its station has sent. */
    lag?: number;
    /** 0 to 2. */
    volume: number;
    passthrough: boolean;
    seekable: boolean;
    /** The play that is about to take over. */
    pending?: { playId: string; url: string };
    /** The play that waits behind. */
    next?: { playId: string; url: string };
    /** Seconds or frames of finished audio that wait in the daemon, as it counts them. */
    buffered: number;
    /** Frames that were not there in time. */
    underruns: number;
}

export interface StatusEvent {
    type: 'status';
    sessions: Session[];
    /** Voice connections that the daemon holds. */
    calls: Omit<VoiceEvent, 'type'>[];
}

export interface StatsEvent {
    type: 'stats';
    /** Seconds. */
    uptime: number;
    /** Number of sessions by state. */
    sessions: Record<string, number>;
    workers: { idle: number; busy: number; max: number; restarts: number };
    /** Frames of 20 ms. */
    frames: { sent: number; underruns: number; dropped: number };
    /** How late frames left, microseconds. */
    latenessUs: { p50: number; p99: number; p999: number; max: number };
    extractor: { running: number; queued: number; hits: number; misses: number };
}

export interface WatchingEvent {
    type: 'watching';
    on?: boolean;
}

/** Both sockets are up. */
export interface ConnectedEvent {
    /** Who we are to the daemon; `new TuttiClient({ id })` is this client again. */
    id: string;
    /** `tutti/VERSION`. */
    server: string;
    /** Plays that the daemon no longer knew and that were given to it again. */
    replayed: number;
}

export interface DisconnectedEvent {
    socket: 'control' | 'audio';
    error: Error | null;
}

export interface ReconnectingEvent {
    /** 1 for the first. */
    attempt: number;
    /** Until the next attempt, milliseconds. */
    delay: number;
    error: unknown;
}

/** Codes of the daemon, and those of the client (the second group). */
export type ErrorCode =
    | 'invalid_command' | 'line_too_long' | 'pool_exhausted' | 'no_session' | 'unsupported_url' | 'forbidden_url'
    | 'not_found' | 'extraction_failed' | 'extraction_timeout' | 'source_failed' | 'decode_failed' | 'not_seekable'
    | 'worker_crashed' | 'client_replaced' | 'shutting_down' | 'internal'
    | 'no_daemon' | 'disconnected' | 'timeout' | 'aborted' | 'closed' | 'protocol' | 'no_voice' | 'destroyed' |
    'call_closed';

/** With the code `aborted` its name is `AbortError` and its cause the signal's reason. */
export class TuttiError extends Error {
    constructor(code: string, message: string,
        where?: { channelId?: string | null; playId?: string | null; closeCode?: number | null; cause?: unknown });
    readonly code: ErrorCode | (string & {});
    readonly channelId: string | null;
    readonly playId: string | null;
    /** Of `call_closed`: Discord's close code, where there was one. */
    readonly closeCode: number | null;
}

export interface CommandOptions {
    /** Ends the waiting for the answer. A command that was sent has its effect all the same. */
    signal?: AbortSignal;
    /** Milliseconds until the promise is rejected with `timeout`; 0 for never. */
    timeout?: number;
    /**
     * `wait`: the command is kept while the daemon is away, and sent when it is back.
     * `fail`: it is rejected with `disconnected`.
     */
    whenDisconnected?: 'wait' | 'fail';
}

export interface StopOptions extends CommandOptions {
    /** End this play only; what else plays or waits in the channel goes on. */
    playId?: string;
}

export interface PlayOptions extends CommandOptions {
    /** Names the play in all its events; at most 64 bytes. Made up if not given. */
    playId?: string;
    /** 0 to 2, of this play alone; default the volume of the player. */
    volume?: number;
    /** Where to start, seconds; default 0. */
    position?: number;
    /** Get ready, and wait for resume(). */
    paused?: boolean;
    /** Silence the play that sounds at once, instead of when the new one's first frames are there. */
    cut?: boolean;
    /** Behind the play that sounds, joined without a gap. One place: a later one takes it. */
    next?: boolean;
    /** Where another client's play sounds, that client keeps the channel, and hears this one. */
    keepOwner?: boolean;
    /** As for every command; besides, a play that is aborted or timed out is ended. What plays goes on. */
    signal?: AbortSignal;
    /** Milliseconds; default 120 000, and never for `next`. */
    timeout?: number;
}

export interface PlayerOptions {
    /** Frames of 20 ms that the stream holds; default that of the client. */
    highWaterMark?: number;
    /** Metadata of the AudioResources. */
    metadata?: unknown;
}

export interface TuttiClientOptions {
    /** Path of the control socket. Default: found by the daemon's rules. */
    control?: string;
    /** Path of the audio socket. Default: found by the daemon's rules. */
    audio?: string;
    /** The directory of both sockets. */
    runtimeDir?: string;
    /** Be this client of an earlier process again, with its sessions, while the daemon keeps them. */
    id?: string;
    /**
     * Frames of 20 ms that each stream holds; default 4. Reader and player share one event loop, so
     * that depth protects against the daemon only; what it holds is heard before a change of volume.
     */
    highWaterMark?: number;
    /** false: no audio connection, for tools that watch and command. */
    audioSocket?: boolean;
    /** Play again, at its position, what a restarted daemon does not know; default true. */
    replay?: boolean;
    /** Default for all commands; default `wait`. */
    whenDisconnected?: 'wait' | 'fail';
    /** Default time-out of all commands but play, milliseconds; default 30 000. */
    commandTimeout?: number;
    reconnect?: {
        /** Of the first attempt, milliseconds; default 100. Doubles each time, half of it random. */
        minDelay?: number;
        /** Milliseconds; default and at most 30 000. */
        maxDelay?: number;
    };
    /** The module @discordjs/voice, where this package cannot find it by itself (linked packages). */
    voice?: unknown;
}

export interface ConnectOptions {
    /** Ends the waiting, not the attempts. */
    signal?: AbortSignal;
    /** Keep trying until a daemon is there; default false: fail with `no_daemon`. */
    retry?: boolean;
}

/** A voice channel of discord.js, or what another library has in its place. */
export interface VoiceChannel {
    id: string;
    guild: {
        id: string;
        /** The main gateway's part in voice connections, as discord.js gives it. */
        voiceAdapterCreator: (methods: {
            onVoiceStateUpdate(state: any): void;
            onVoiceServerUpdate(server: any): void;
            destroy(): void;
        }) => { sendPayload(payload: any): boolean; destroy(): void };
    };
}

export interface CallOptions {
    /** The player that is heard; default the one of the voice channel's id. */
    channelId?: ChannelId;
    /** Default true: it hears nobody in any case. */
    selfDeaf?: boolean;
    /** Default false. */
    selfMute?: boolean;
    /** Milliseconds until sound must be heard; default 20 000. */
    timeout?: number;
    /** Ends the joining, and leaves. */
    signal?: AbortSignal;
}

/** What becomes of a voice connection of the daemon's, as in `docs/protocol.md`. */
export interface VoiceEvent {
    type: 'voice';
    channelId: string;
    guildId: string;
    userId: string;
    voiceChannelId: string;
    state: 'connecting' | 'ready' | 'resuming' | 'closed' | 'disconnected';
    /** To the voice gateway and back, milliseconds. */
    pingMs?: number;
    /** Discord's close code. */
    code?: number;
    message?: string;
}

export interface VoiceCallEvents {
    /** What is played is heard; again after `resuming`, a move, and a restart of the daemon. */
    ready: [VoiceEvent];
    /** The voice gateway was lost and is resumed; the sound goes on. */
    resuming: [VoiceEvent];
    /** The voice connection failed; what plays waits. client.connect(channel) joins anew. */
    closed: [{ code?: number | null; message?: string }];
    /** It is over, for good: disconnect(), or the bot was moved out, or took another channel. */
    disconnected: [{ message: string }];
    /** Milliseconds. */
    ping: [number];
}

/** A voice connection that the daemon holds; made by client.connect(channel). */
export class VoiceCall extends EventEmitter<VoiceCallEvents> {
    private constructor();

    readonly state: 'joining' | 'connecting' | 'ready' | 'resuming' | 'closed' | 'disconnected';
    /** Of the player that is heard. */
    readonly channelId: string;
    readonly guildId: string;
    /** Where the bot is; others may move it. */
    readonly voiceChannelId: string;
    /** To the voice gateway and back, milliseconds; null before it is known. */
    readonly ping: number | null;

    /** Leaves the voice channel. What plays goes on in the player's stream, if somebody reads that. */
    disconnect(): Promise<void>;
}

export interface SpawnOptions {
    /** Path of tuttid; default `$TUTTI_BIN_DIR/tuttid`, else `tuttid` in PATH. */
    bin?: string;
    /** The daemon's options in camelCase: `{ mediaRoot: ['/music'], maxWorkers: 10 }`. */
    daemon?: Record<string, string | number | boolean | readonly string[] | undefined>;
    /** The daemon's environment; default that of this process. */
    env?: NodeJS.ProcessEnv;
    /** Directory of the sockets; default a new one, removed at the end. */
    runtimeDir?: string;
    /** Start it again when it dies; default true. */
    restart?: boolean;
    /** Is given what the daemon logs. */
    onLog?: (text: string) => void;
    /** Options of the client. */
    client?: TuttiClientOptions;
}

/** The events of plays; those of a Player are its channel's. */
export interface SessionEvents {
    ready: [ReadyEvent];
    replayed: [ReplayedEvent];
    paused: [PausedEvent];
    resumed: [ResumedEvent];
    seeked: [SeekedEvent];
    volume: [VolumeEvent];
    title: [TitleEvent];
    duration: [DurationEvent];
    stopped: [StoppedEvent];
    finished: [FinishedEvent];
    warning: [WarningEvent];
    /** A play failed. Without a listener it is ignored, not thrown. */
    error: [TuttiError];
}

export interface TuttiClientEvents extends SessionEvents {
    connected: [ConnectedEvent];
    disconnected: [DisconnectedEvent];
    reconnecting: [ReconnectingEvent];
    reconnected: [ConnectedEvent];
    close: [];
    /** Of every call. */
    voice: [VoiceEvent];
}

export interface PlayerEvents extends SessionEvents {
    /**
     * A stream has its first frame. Who brings an AudioPlayer of their own plays
     * `player.resource()` now; subscribe() does it by itself.
     */
    start: [Readable];
}

/** The connection of a bot to the daemon. */
export class TuttiClient<V extends Voice> extends EventEmitter<TuttiClientEvents> {
    constructor(options?: TuttiClientOptions);

    /** Who we are to the daemon; null before connect(). */
    readonly id: string | null;
    /** `tutti/VERSION`; null before connect(). */
    readonly server: string | null;
    /** Both sockets are up. */
    readonly connected: boolean;
    /** The process of spawn(), else null. */
    readonly daemon: ChildProcess | null;
    readonly sockets: { control: string; audio: string };
    readonly players: IterableIterator<Player<V>>;
    /** The voice connections made by connect(channel). */
    readonly calls: IterableIterator<VoiceCall>;

    /** Resolves when both sockets are up; from then on they are kept up. */
    connect(options?: ConnectOptions): Promise<this>;
    /**
     * Lets the daemon join a voice channel: what that channel's player plays is heard there, without an
     * AudioPlayer. One call a guild: another channel of the guild takes its place. Resolves when sound is
     * heard; rejects with `call_closed` (and Discord's `closeCode`), `timeout`, `aborted`, or what the
     * daemon answers.
     */
    connect(channel: VoiceChannel, options?: CallOptions): Promise<VoiceCall>;
    /** Ends the connection. The daemon holds the sessions for its grace time, 30 s, then stops them. */
    close(): Promise<void>;
    [Symbol.asyncDispose](): Promise<void>;

    /** The player of a channel, the same each time; options count the first time. */
    player(channelId: ChannelId, options?: PlayerOptions): Player<V>;

    /** Resolves when its first frame is ready, or with `stopped` if it was ended before. */
    play(channelId: ChannelId, url: string, options?: PlayOptions): Promise<ReadyEvent | StoppedEvent>;
    pause(channelId: ChannelId, options?: CommandOptions): Promise<PausedEvent>;
    resume(channelId: ChannelId, options?: CommandOptions): Promise<ResumedEvent>;
    stop(channelId: ChannelId, options?: CommandOptions): Promise<StoppedEvent>;
    /** @param level 0 to 2; 1 is unchanged */
    setVolume(channelId: ChannelId, level: number, options?: CommandOptions): Promise<VolumeEvent>;
    /** @param position seconds */
    seek(channelId: ChannelId, position: number, options?: CommandOptions): Promise<SeekedEvent>;
    /** Of one channel, or of all. */
    status(channelId?: ChannelId | null, options?: CommandOptions): Promise<StatusEvent>;
    stats(options?: CommandOptions): Promise<StatsEvent>;
    /** Emit the events of every client's sessions, not only of our own. */
    watch(on: boolean, options?: CommandOptions): Promise<WatchingEvent>;
}

/** One channel. */
export class Player<V extends Voice> extends EventEmitter<PlayerEvents> {
    private constructor();

    readonly channelId: string;
    readonly state: 'idle' | 'loading' | 'playing' | 'paused';
    readonly playId: string | null;
    readonly url: string | null;
    readonly title: string | null;
    /** Seconds; null when unknown, live or idle. */
    readonly duration: number | null;
    /** Of what the AudioPlayer reads next, seconds, by the daemon's count; null when idle. */
    readonly position: number | null;
    /** Of what sounds, else of what is played next; 0 to 2. */
    readonly volume: number;
    readonly paused: boolean;
    /** destroy() was called: everything rejects with `destroyed`. */
    readonly destroyed: boolean;
    /** The frames as a Readable in object mode, one Opus packet of 20 ms a chunk; null when there are none. */
    readonly stream: Readable | null;
    /** The AudioPlayer that subscribe() feeds, made on first use. */
    readonly audioPlayer: V['AudioPlayer'];
    /** Frames received, and frames that a lost connection swallowed. */
    readonly frames: { received: number; lost: number };

    /**
     * Plays, or replaces what plays: skipping needs nothing else. The voice connection is not touched.
     * Resolves when the first frame is ready, or with `stopped` if it was ended before.
     */
    play(url: string, options?: PlayOptions): Promise<ReadyEvent | StoppedEvent>;
    /** Silences the AudioPlayer at once, and holds the daemon. No frame is lost. */
    pause(options?: CommandOptions): Promise<PausedEvent>;
    resume(options?: CommandOptions): Promise<ResumedEvent>;
    stop(options?: StopOptions): Promise<StoppedEvent>;
    /**
     * Of the player: holds for what sounds, what waits, and what is played later.
     * @param level 0 to 2; 1 is unchanged
     */
    setVolume(level: number, options?: CommandOptions): Promise<VolumeEvent>;
    /** @param position seconds */
    seek(position: number, options?: CommandOptions): Promise<SeekedEvent>;
    /** This channel's session as the daemon sees it; null if there is none. */
    status(options?: CommandOptions): Promise<Session | null>;

    /** Lets a voice connection hear this channel, through `audioPlayer`. */
    subscribe(connection: V['VoiceConnection']): V['PlayerSubscription'] | undefined;
    /**
     * An AudioResource for an AudioPlayer of one's own, the same until its stream ends. Create that
     * AudioPlayer with `behaviors: { maxMissedFrames: Infinity }`.
     * @throws {TuttiError} `no_session` when nothing plays
     */
    resource<T = unknown>(metadata?: T): V['AudioResource'] & { metadata: T };
    /** Stops, and forgets the player. */
    destroy(options?: CommandOptions): Promise<void>;
}

/** What a queue plays. It may have more fields, of the bot's own. */
export interface Track {
    /** As for play(). */
    url: string;
    /** Filled in by the daemon when it begins, if it is not given. */
    title?: string | null;
    /** Seconds; filled in by the daemon when it begins, if it is not given; null when unknown or live. */
    duration?: number | null;
    /** 0 to 2, of this track alone; default the volume of the player. */
    volume?: number;
    /** Where to start, seconds. */
    position?: number;
}

export interface QueueOptions<T extends Track> {
    /** `off`: each track once. `track`: the current one again and again. `queue`: all of them in turn. */
    loop?: 'off' | 'track' | 'queue';
    /**
     * Is asked for more when the row has come to its end. `before` is the last track. What it gives is
     * added; null ends the queue.
     */
    autoplay?: (before: T, queue: Queue<T>) => T | T[] | null | undefined | Promise<T | T[] | null | undefined>;
    /** Tracks that previous() can go back to; default 100. */
    history?: number;
}

export interface QueueEvents<T extends Track> {
    /** A track is heard: played, joined, or played again. */
    trackStart: [T];
    /** It was heard to its end. */
    trackEnd: [T];
    trackAdd: [T];
    trackRemove: [T];
    /** Nothing is left to play, or stop() was called. */
    queueEnd: [];
    /** A track cannot be played, or autoplay failed; the next one plays. Without a listener it is ignored. */
    error: [T, unknown];
}

/**
 * A row of tracks for one player. The track behind the current one is opened ahead and joined without a
 * gap. Lost connections and restarts of the daemon are the player's business: the row stays.
 */
export class Queue<T extends Track = Track, P extends Player<any> = Player<any>> extends EventEmitter<QueueEvents<T>> {
    constructor(player: P, options?: QueueOptions<T>);

    readonly player: P;
    /** What plays; null when nothing does. */
    readonly current: T | null;
    /** What comes, the next one first. A copy. */
    readonly tracks: T[];
    /** What was played, the last one last. A copy. */
    readonly history: T[];
    /** Number of tracks that come. */
    readonly size: number;
    readonly loop: 'off' | 'track' | 'queue';
    autoplay: QueueOptions<T>['autoplay'] | null;

    setLoop(mode: 'off' | 'track' | 'queue'): void;
    /** Resolves when they are in the row, or, where nothing played, when the first one is ready. */
    add(tracks: T | T[], where?: { at?: number }): Promise<void>;
    /** @param which an index in `tracks`, or a track @throws {RangeError} */
    remove(which: number | T): T;
    /** @throws {RangeError} */
    move(which: number | T, to: number): void;
    /** @param random of [0, 1) */
    shuffle(random?: () => number): void;
    /** Empties the row; what plays goes on. */
    clear(): void;
    /** Plays the next one, also where the current one is looped. Resolves with it, or null at the end. */
    skip(): Promise<T | null>;
    /** Those that are passed over count as played. */
    skipTo(which: number | T): Promise<T | null>;
    /** Plays the one before; the current one comes again behind it. @throws {TuttiError} `no_session` */
    previous(): Promise<T>;
    /** Empties the row and ends what plays. */
    stop(): Promise<void>;
    /** Leaves the player alone from now on. */
    destroy(): void;
}
