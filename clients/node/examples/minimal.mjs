/* Ten lines to sound: DISCORD_TOKEN=… node minimal.mjs VOICE_CHANNEL_ID URL */
import { Client, GatewayIntentBits } from 'discord.js';
import { joinVoiceChannel } from '@discordjs/voice';
import { TuttiClient } from 'tutti-client';

const [channelId, url] = process.argv.slice(2);
const tutti = await new TuttiClient().connect();
const bot = new Client({ intents: [GatewayIntentBits.Guilds, GatewayIntentBits.GuildVoiceStates] });
await bot.login(process.env.DISCORD_TOKEN);
const { guild } = /** @type {import('discord.js').VoiceChannel} */ (await bot.channels.fetch(channelId));
const player = tutti.player(channelId);
player.subscribe(joinVoiceChannel({ channelId, guildId: guild.id, adapterCreator: guild.voiceAdapterCreator }));
await player.play(url);
