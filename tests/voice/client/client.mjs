// client.mjs ENDPOINT FRAMES: joins a voice server with @discordjs/voice as it is and plays so many Opus packets, each
// with its number; then goes on what standard input says. Prints a JSON line for each thing that happens.
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { createAudioPlayer, createAudioResource, joinVoiceChannel, StreamType } from '@discordjs/voice';

const [endpoint, frames] = process.argv.slice(2);
const guildId = '41771983423143937', channelId = '127121515262115840', userId = '80351110224678912';
const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);

// The main gateway's part: it answers the request to join with a state and a server.
const adapterCreator = (methods) => ({
  sendPayload(payload) {
    if (payload.op === 4 && payload.d.channel_id) {
      setImmediate(() => {
        methods.onVoiceStateUpdate({ guild_id: guildId, channel_id: channelId, user_id: userId, session_id: 'session',
          deaf: false, mute: false, self_deaf: false, self_mute: false, self_video: false, suppress: false });
        methods.onVoiceServerUpdate({ guild_id: guildId, endpoint, token: 'token' });
      });
    }
    return true;
  },
  destroy() {},
});

const connection = joinVoiceChannel({ guildId, channelId, adapterCreator, selfDeaf: false, daveEncryption: false });
connection.on('stateChange', (before, now) => say({ state: now.status }));
connection.on('error', (error) => say({ error: error.message }));

function* packets(n) {
  for (let i = 0; i < n; i++) {
    const packet = Buffer.alloc(60, 0x55);
    packet[0] = 0xfc;
    packet.writeUInt32BE(i, 1);
    yield packet;
  }
}
const player = createAudioPlayer();
connection.subscribe(player);
player.on('stateChange', (before, now) => say({ player: now.status }));
connection.once('ready', () => {
  player.play(createAudioResource(Readable.from(packets(Number(frames)), { objectMode: true }), { inputType: StreamType.Opus }));
});

createInterface({ input: process.stdin }).on('close', () => {
  connection.destroy();
  setTimeout(() => process.exit(0), 200);
});
