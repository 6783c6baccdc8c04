/*
 * A music bot: /play /pause /resume /stop /skip /previous /seek /volume /loop /shuffle /remove /queue
 * /nowplaying /leave.
 *
 *     DISCORD_TOKEN=… node bot.mjs
 *
 * The queue is that of tutti-client: it gives the daemon the track behind the current one ahead, so that
 * they join without a gap. The volume is the player's and holds for all tracks.
 */
import { ActivityType, Client, EmbedBuilder, Events, GatewayIntentBits, MessageFlags, SlashCommandBuilder } from 'discord.js';
import { getVoiceConnection, joinVoiceChannel } from '@discordjs/voice';
import { Queue, TuttiClient } from 'tutti-client';

const COLOR = 0x5865f2;
const BAR = 20; /* characters of the progress line */
const LISTED = 10;
const LEAVE_MS = 5 * 60_000;

/**
 * @typedef {{ url: string, title: string, asker: string }} Track
 * @typedef {import('tutti-client').Queue<Track, import('tutti-client').Player>} Jukebox
 * @typedef {import('discord.js').ChatInputCommandInteraction<'cached'>} Command
 */

/** @param {number | null} seconds */
function clock(seconds) {
    if (seconds === null)
        return 'live';
    const whole = Math.floor(seconds);
    const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
    return (parts[0] ? parts : parts.slice(1)).map((part, i) => i ? String(part).padStart(2, '0') : part).join(':');
}

/**
 * @param {string} text `90`, `1:30` or `1:02:03`, or `+10` and `-1:00` from where it is
 * @param {number} here seconds
 * @returns {number} seconds, or NaN
 */
function place(text, here) {
    const [, sign, clock] = /^([+-]?)(\d+(?::\d\d?){0,2})$/.exec(text) ?? [];
    const seconds = clock?.split(':').reduce((sum, part) => sum * 60 + Number(part), 0) ?? NaN;
    return sign ? Math.max(0, here + (sign === '+' ? seconds : -seconds)) : seconds;
}

/** @param {Jukebox} jukebox */
function nowPlaying({ player, current, tracks, loop }) {
    if (!current)
        return new EmbedBuilder().setColor(COLOR).setDescription('Nothing is playing.');
    const { position, duration } = player;
    const at = duration ? Math.min(BAR - 1, Math.floor((position ?? 0) / duration * BAR)) : BAR - 1;
    const line = '▬'.repeat(at) + '🔘' + '▬'.repeat(BAR - 1 - at);
    return new EmbedBuilder()
        .setColor(COLOR)
        .setAuthor({ name: { loading: 'Loading', paused: 'Paused', playing: 'Now playing', idle: 'Ending' }[player.state] })
        .setTitle((player.title ?? current.title).slice(0, 256))
        .setDescription(`${player.paused ? '⏸' : '▶'} ${line} \`${clock(position ?? 0)} / ${clock(duration)}\``)
        .addFields(
            { name: 'Asked for by', value: current.asker, inline: true },
            { name: 'Volume', value: `${Math.round(player.volume * 100)} %`, inline: true },
            { name: 'Loop', value: loop, inline: true },
            { name: 'Next', value: tracks[0]?.title.slice(0, 1024) ?? 'nothing', inline: true });
}

/** @param {Jukebox} jukebox */
function listed({ current, tracks }) {
    const lines = tracks.slice(0, LISTED).map(({ title, asker }, i) => `${i + 1}. ${title} (${asker})`);
    if (tracks.length > LISTED)
        lines.push(`… and ${tracks.length - LISTED} more`);
    return new EmbedBuilder().setColor(COLOR).setTitle('Queue')
        .setDescription([`**${current?.title ?? 'Nothing is playing'}**`, ...lines].join('\n').slice(0, 4096));
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
        jukebox = /** @type {Jukebox} */ (new Queue(tutti.player(voice.guild.id)));
        jukebox.on('error', ({ title }, error) =>
            void channel?.send(`**${title}** cannot be played: ${error instanceof Error ? error.message : error}`).catch(() => {}));
        jukeboxes.set(voice.guild.id, jukebox);
        leaveWhenIdle(voice.guild.id, jukebox);
    }
    jukebox.player.subscribe(connection);
    return jukebox;
}

/** @param {string} guildId */
async function leave(guildId) {
    const jukebox = jukeboxes.get(guildId);
    jukeboxes.delete(guildId);
    jukebox?.destroy();
    await jukebox?.player.destroy();
    getVoiceConnection(guildId)?.destroy();
}

/**
 * @param {string} guildId
 * @param {Jukebox} jukebox
 */
function leaveWhenIdle(guildId, jukebox) {
    /** @type {NodeJS.Timeout | undefined} */
    let timer;
    jukebox.player.audioPlayer.on('stateChange', (_, { status }) => {
        clearTimeout(timer);
        if (status === 'idle' && jukeboxes.get(guildId) === jukebox)
            timer = setTimeout(() => void leave(guildId).catch(() => {}), LEAVE_MS);
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
        const isFirst = !jukebox.current;
        await jukebox.add({ url, title: what, asker: user.displayName });
        return isFirst ? nowPlaying(jukebox) : `Queued as number ${jukebox.size}: **${what}**`;
    },
    pause: (jukebox) => jukebox.player.pause().then(({ position }) => `Paused at ${clock(position)}.`),
    resume: (jukebox) => jukebox.player.resume().then(({ position }) => `On it goes from ${clock(position)}.`),
    stop: (jukebox) => jukebox.stop().then(() => 'Stopped, and the queue is empty.'),
    skip: async (jukebox) => await jukebox.skip() ? nowPlaying(jukebox) : 'That was the last one.',
    previous: (jukebox) => jukebox.previous().then(() => nowPlaying(jukebox)),
    async seek(jukebox, { options }) {
        const to = place(options.getString('to', true), jukebox.player.position ?? 0);
        if (Number.isNaN(to))
            throw new Error('Give the place as 90, 1:30 or 1:02:03, or as +10 or -10 from here.');
        const { position } = await jukebox.player.seek(to);
        return `Now at ${clock(position)}.`;
    },
    async volume(jukebox, { options }) {
        const percent = options.getInteger('percent', true);
        await jukebox.player.setVolume(percent / 100);
        return `Volume ${percent} %.`;
    },
    async loop(jukebox, { options }) {
        jukebox.setLoop(/** @type {'off' | 'track' | 'queue'} */ (options.getString('what', true)));
        return `Loop: ${jukebox.loop}.`;
    },
    async shuffle(jukebox) {
        jukebox.shuffle();
        return listed(jukebox);
    },
    remove: async (jukebox, { options }) => `Removed **${jukebox.remove(options.getInteger('number', true) - 1).title}**.`,
    queue: async (jukebox) => listed(jukebox),
    nowplaying: async (jukebox) => nowPlaying(jukebox),
    leave: (_, { guildId }) => leave(guildId).then(() => 'Bye.'),
};

const describe = (/** @type {string} */ name, /** @type {string} */ text) => new SlashCommandBuilder().setName(name).setDescription(text);
const definitions = [
    describe('play', 'Play something, or queue it').addStringOption((o) => o.setName('what').setDescription('A link, or words to search for').setRequired(true)),
    describe('pause', 'Pause'),
    describe('resume', 'Go on'),
    describe('stop', 'Stop, and empty the queue'),
    describe('skip', 'Play the next one'),
    describe('previous', 'Play the one before'),
    describe('seek', 'Go to a place in the track').addStringOption((o) => o.setName('to').setDescription('1:30, +10, -10').setRequired(true)),
    describe('volume', 'Set the volume').addIntegerOption((o) => o.setName('percent').setDescription('0 to 200').setMinValue(0).setMaxValue(200).setRequired(true)),
    describe('loop', 'Play again and again').addStringOption((o) => o.setName('what').setDescription('What is played again').setRequired(true)
        .addChoices(...['off', 'track', 'queue'].map((value) => ({ name: value, value })))),
    describe('shuffle', 'Shuffle the queue'),
    describe('remove', 'Take a track out of the queue').addIntegerOption((o) => o.setName('number').setDescription('Its number in /queue').setMinValue(1).setRequired(true)),
    describe('queue', 'Show the queue'),
    describe('nowplaying', 'Show what is playing'),
    describe('leave', 'Leave the voice channel'),
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
