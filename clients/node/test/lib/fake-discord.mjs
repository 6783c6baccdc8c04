/*
 * discord.js with another Client: interactions come from the test, over IPC, and answers go back to
 * it. Everything else (builders, enums) is the real library, and so is all of @discordjs/voice.
 * Links to https://media.test/ become files below MEDIA_DIR: there is no such site.
 */
import { EventEmitter } from 'node:events';
import path from 'node:path';
import discord from 'discord.js';
import { Player } from 'tutti-client';
import { voiceAdapter } from './discord.mjs';

export const { ActivityType, EmbedBuilder, Events, GatewayIntentBits, MessageFlags, SlashCommandBuilder } = discord;

const { VOICE_ENDPOINT, MEDIA_DIR } = process.env;
const GUILD = '41771983423143937';
const VOICE_CHANNEL = '127121515262115840';

const play = Player.prototype.play;
Player.prototype.play = function (url, options) {
    const file = /^https:\/\/media\.test\/(\w+\.\w+)$/.exec(url);
    return play.call(this, file ? path.join(MEDIA_DIR, file[1]) : url, options);
};

const guild = { id: GUILD, voiceAdapterCreator: voiceAdapter(VOICE_ENDPOINT, GUILD, VOICE_CHANNEL) };

export class Client extends EventEmitter {
    channels = { fetch: async () => ({ guild }) };

    async login(token) {
        if (token !== 'test-token')
            throw new Error('no token');
        process.on('message', (message) => this.emit(Events.InteractionCreate, interaction(message)));
        this.emit(Events.ClientReady, {
            user: { tag: 'bot#0001', setActivity() {} },
            application: { commands: { set: async (commands) => void process.send({ commands: commands.map((c) => c.toJSON()) }) } },
        });
    }

    async destroy() {
        process.disconnect();
    }
}

function interaction({ id, command, values = {}, hasVoice = true }) {
    const answer = async (text) => void process.send({ id, answer: text.content ?? text.embeds?.[0].toJSON() ?? text });
    return {
        commandName: command, guildId: GUILD, deferred: false,
        isChatInputCommand: () => true,
        inCachedGuild: () => true,
        user: { displayName: 'Ann' },
        channel: { send: async (text) => void process.send({ said: text }) },
        member: { voice: { channel: hasVoice ? { id: VOICE_CHANNEL, guild } : null } },
        options: { getString: (name) => values[name] ?? null, getInteger: (name) => values[name] ?? null },
        async deferReply() { this.deferred = true; },
        editReply: answer,
        reply: answer,
    };
}
