/* Ten lines to sound, without @discordjs/voice: DISCORD_TOKEN=… node call.mjs VOICE_CHANNEL_ID URL */
import { Client, GatewayIntentBits } from 'discord.js';
import { TuttiClient } from 'tutti-client';

const [channelId, url] = process.argv.slice(2);
const tutti = await new TuttiClient().connect();
const bot = new Client({ intents: [GatewayIntentBits.Guilds, GatewayIntentBits.GuildVoiceStates] });
await bot.login(process.env.DISCORD_TOKEN);
const channel = /** @type {import('discord.js').VoiceChannel} */ (await bot.channels.fetch(channelId));
await tutti.connect(channel);
await tutti.player(channelId).play(url);
