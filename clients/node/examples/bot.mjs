/*
 * A music bot: /play /pause /resume /stop /skip /seek /volume /queue /nowplaying.
 *
 *     DISCORD_TOKEN=… node bot.mjs
 *
 * The queue is the bot's; sound is Tutti's. The track behind the current one is given to the daemon
 * ahead, as `next`, so that it joins without a gap.
 */
import { ActivityType, Client, EmbedBuilder, Events, GatewayIntentBits, MessageFlags, SlashCommandBuilder } from 'discord.js';
import { getVoiceConnection, joinVoiceChannel } from '@discordjs/voice';
import { TuttiClient } from 'tutti-client';

const COLOR = 0x5865f2;
const BAR = 20; /* characters of the progress line */
const LISTED = 10;

/**
 * @typedef {{ url: string, name: string, playId: string, asker: string }} Track
 * @typedef {import('discord.js').ChatInputCommandInteraction<'cached'>} Command
 */

let plays = 0;

/** What one guild hears: the current track, and those behind it. */
class Jukebox {
    /**
     * @param {import('tutti-client').Player} player
     * @param {(text: string) => void} say
     */
    constructor(player, say) {
        this.player = player;
        this.say = say;
        /** @type {Track | null} */
        this.current = null;
        /** @type {Track[]} */
        this.queue = [];
        this.volume = 1;
        /** The first of the queue, when the daemon has it already. @type {Track | null} */
        this.ahead = null;
        player.on('ready', ({ playId, title }) => {
            const track = this.find(playId);
            if (track && title)
                track.name = title;
            if (track === this.current)
                this.getAhead();
        });
        player.on('finished', ({ playId }) => this.ended(playId));
        player.on('error', (error) => {
            const track = this.find(error.playId);
            if (track)
                this.say(`**${track.name}** cannot be played: ${error.message}`);
            this.ended(error.playId);
        });
    }

    /** @param {string | null} playId */
    find(playId) {
        return [this.current, ...this.queue].find((track) => track?.playId === playId) ?? null;
    }

    /** @param {Track} track */
    async add(track) {
        this.queue.push(track);
        if (!this.current)
            await this.advance();
        else
            this.getAhead();
    }

    /** Plays the first of the queue, whatever plays now; nothing when the queue is empty. */
    async advance() {
        this.current = this.queue.shift() ?? null;
        this.ahead = null;
        if (this.current)
            await this.give(this.current);
        else
            await this.player.stop();
        return this.current;
    }

    /** Gives the daemon the first of the queue, to join behind the current one. */
    getAhead() {
        const [first] = this.queue;
        if (!first || this.ahead === first || this.player.state === 'loading')
            return;
        this.ahead = first;
        this.give(first, { next: true }).catch(() => {});
    }

    /**
     * Each play has a name of its own, also when a track is given again.
     * @param {Track} track
     * @param {import('tutti-client').PlayOptions} [options]
     */
    give(track, options) {
        track.playId = `bot-${process.pid}-${++plays}`;
        return this.player.play(track.url, { playId: track.playId, volume: this.volume, ...options });
    }

    /** @param {string | null} playId of a play that reached its end, or failed */
    ended(playId) {
        if (this.current?.playId === playId) {
            const joined = this.ahead;
            if (!joined)
                return void this.advance().catch(() => {});
            this.queue.shift();
            this.current = joined;
            this.ahead = null;
            this.getAhead();
        } else if (this.ahead?.playId === playId) {
            this.queue.shift();
            this.ahead = null;
            this.getAhead();
        }
    }

    async stop() {
        this.queue = [];
        this.current = null;
        this.ahead = null;
        await this.player.stop();
    }

    /** @param {number} level */
    async setVolume(level) {
        this.volume = level;
        if (this.current)
            await this.player.setVolume(level);
    }
}

/** @param {number | null} seconds */
function clock(seconds) {
    if (seconds === null)
        return 'live';
    const whole = Math.floor(seconds);
    const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
    return (parts[0] ? parts : parts.slice(1)).map((part, i) => i ? String(part).padStart(2, '0') : part).join(':');
}

/** @param {string} text `90`, `1:30` or `1:02:03` @returns {number} seconds, or NaN */
function seconds(text) {
    return /^\d+(:\d\d?){0,2}$/.test(text) ? text.split(':').reduce((sum, part) => sum * 60 + Number(part), 0) : NaN;
}

/** @param {Jukebox} jukebox */
function nowPlaying({ player, current, queue }) {
    if (!current)
        return new EmbedBuilder().setColor(COLOR).setDescription('Nothing is playing.');
    const { position, duration } = player;
    const at = duration ? Math.min(BAR - 1, Math.floor((position ?? 0) / duration * BAR)) : BAR - 1;
    const line = '▬'.repeat(at) + '🔘' + '▬'.repeat(BAR - 1 - at);
    return new EmbedBuilder()
        .setColor(COLOR)
        .setAuthor({ name: { loading: 'Loading', paused: 'Paused', playing: 'Now playing', idle: 'Ending' }[player.state] })
        .setTitle(current.name.slice(0, 256))
        .setDescription(`${player.paused ? '⏸' : '▶'} ${line} \`${clock(position ?? 0)} / ${clock(duration)}\``)
        .addFields(
            { name: 'Asked for by', value: current.asker, inline: true },
            { name: 'Volume', value: `${Math.round(player.volume * 100)} %`, inline: true },
            { name: 'Next', value: queue[0]?.name.slice(0, 1024) ?? 'nothing', inline: true });
}

/** @param {Jukebox} jukebox */
function listed({ current, queue }) {
    const lines = queue.slice(0, LISTED).map(({ name, asker }, i) => `${i + 1}. ${name} (${asker})`);
    if (queue.length > LISTED)
        lines.push(`… and ${queue.length - LISTED} more`);
    return new EmbedBuilder().setColor(COLOR).setTitle('Queue')
        .setDescription([`**${current?.name ?? 'Nothing is playing'}**`, ...lines].join('\n').slice(0, 4096));
}

const tutti = new TuttiClient();
/** @type {Map<string, Jukebox>} */
const jukeboxes = new Map();

/** Joins the asker's voice channel. @param {Command} interaction */
function join(interaction) {
    const voice = interaction.member.voice.channel;
    if (!voice)
        throw new Error('Join a voice channel first.');
    let connection = getVoiceConnection(voice.guild.id);
    if (connection?.joinConfig.channelId !== voice.id)
        connection = joinVoiceChannel({ channelId: voice.id, guildId: voice.guild.id, adapterCreator: voice.guild.voiceAdapterCreator });
    let jukebox = jukeboxes.get(voice.guild.id);
    if (!jukebox) {
        const { channel } = interaction;
        jukebox = new Jukebox(tutti.player(voice.guild.id), (text) => void channel?.send(text).catch(() => {}));
        jukeboxes.set(voice.guild.id, jukebox);
        leaveWhenIdle(voice.guild.id, jukebox);
    }
    jukebox.player.subscribe(connection);
    return jukebox;
}

/**
 * @param {string} guildId
 * @param {Jukebox} jukebox
 */
function leaveWhenIdle(guildId, jukebox) {
    /** @type {NodeJS.Timeout | undefined} */
    let timer;
    const leave = () => {
        getVoiceConnection(guildId)?.destroy();
        jukeboxes.delete(guildId);
        jukebox.player.removeAllListeners();
        jukebox.player.destroy().catch(() => {});
    };
    jukebox.player.audioPlayer.on('stateChange', (_, { status }) => {
        clearTimeout(timer);
        if (status === 'idle')
            timer = setTimeout(leave, 5 * 60_000);
    });
}

/**
 * What each command does with the guild's jukebox; the answer is text or an embed.
 * @type {Record<string, (jukebox: Jukebox, interaction: Command) => Promise<string | EmbedBuilder>>}
 */
const commands = {
    async play(jukebox, { options, user }) {
        const what = options.getString('what', true);
        const url = /^https?:\/\//.test(what) ? what : `ytsearch:${what}`;
        const track = { url, name: what, playId: '', asker: user.displayName };
        const isFirst = !jukebox.current;
        await jukebox.add(track);
        return isFirst ? nowPlaying(jukebox) : `Queued as number ${jukebox.queue.length}: **${track.name}**`;
    },
    pause: (jukebox) => jukebox.player.pause().then(({ position }) => `Paused at ${clock(position)}.`),
    resume: (jukebox) => jukebox.player.resume().then(({ position }) => `On it goes from ${clock(position)}.`),
    stop: (jukebox) => jukebox.stop().then(() => 'Stopped, and the queue is empty.'),
    skip: async (jukebox) => await jukebox.advance() ? nowPlaying(jukebox) : 'That was the last one.',
    async seek(jukebox, { options }) {
        const to = seconds(options.getString('to', true));
        if (Number.isNaN(to))
            throw new Error('Give the place as 90, 1:30 or 1:02:03.');
        const { position } = await jukebox.player.seek(to);
        return `Now at ${clock(position)}.`;
    },
    async volume(jukebox, { options }) {
        const percent = options.getInteger('percent', true);
        await jukebox.setVolume(percent / 100);
        return `Volume ${percent} %.`;
    },
    queue: async (jukebox) => listed(jukebox),
    nowplaying: async (jukebox) => nowPlaying(jukebox),
};

const describe = (/** @type {string} */ name, /** @type {string} */ text) => new SlashCommandBuilder().setName(name).setDescription(text);
const definitions = [
    describe('play', 'Play something, or queue it').addStringOption((o) => o.setName('what').setDescription('A link, or words to search for').setRequired(true)),
    describe('pause', 'Pause'),
    describe('resume', 'Go on'),
    describe('stop', 'Stop, and empty the queue'),
    describe('skip', 'Play the next one'),
    describe('seek', 'Go to a place in the track').addStringOption((o) => o.setName('to').setDescription('1:30').setRequired(true)),
    describe('volume', 'Set the volume').addIntegerOption((o) => o.setName('percent').setDescription('0 to 200').setMinValue(0).setMaxValue(200).setRequired(true)),
    describe('queue', 'Show the queue'),
    describe('nowplaying', 'Show what is playing'),
];

const bot = new Client({ intents: [GatewayIntentBits.Guilds, GatewayIntentBits.GuildVoiceStates] });

bot.once(Events.ClientReady, async (ready) => {
    await ready.application.commands.set(definitions);
    ready.user.setActivity('/play', { type: ActivityType.Listening });
    console.log(`logged in as ${ready.user.tag}`);
});
bot.on(Events.InteractionCreate, async (interaction) => {
    if (!interaction.isChatInputCommand() || !interaction.inCachedGuild())
        return;
    try {
        const jukebox = interaction.commandName === 'play' ? join(interaction) : jukeboxes.get(interaction.guildId);
        if (!jukebox)
            throw new Error('Nothing is playing.');
        await interaction.deferReply();
        const answer = await commands[interaction.commandName](jukebox, interaction);
        await interaction.editReply(typeof answer === 'string' ? answer : { embeds: [answer] });
    } catch (error) {
        const content = error instanceof Error ? error.message : String(error);
        const answering = interaction.deferred ? interaction.editReply(content) : interaction.reply({ content, flags: MessageFlags.Ephemeral });
        await answering.catch(() => {});
    }
});

tutti.on('disconnected', ({ socket }) => console.warn(`the daemon's ${socket} socket is lost`));
tutti.on('reconnected', ({ replayed }) => console.warn(`the daemon is back, ${replayed} tracks went on where they were`));
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) {
    process.once(signal, async () => {
        await Promise.all([bot.destroy(), tutti.close()]);
        process.exit();
    });
}
await tutti.connect();
await bot.login(process.env.DISCORD_TOKEN);
