/* The same declarations through require(). */
import tutti = require('tutti-client');

const client: tutti.TuttiClient = new tutti.TuttiClient();
client.player('1').setVolume(1).then(({ level }) => level.toFixed());
client.once('connected', ({ id }: tutti.ConnectedEvent) => id.length);

/* The voice types are those of require(): they fit what a bot in CommonJS has. */
import voice = require('@discordjs/voice');

declare const connection: voice.VoiceConnection;
const player: tutti.Player = client.player('1');
player.subscribe(connection)?.unsubscribe();
const resource: voice.AudioResource<{ title: string }> = player.resource({ title: 'x' });
voice.createAudioPlayer().play(resource);
player.audioPlayer.on('stateChange', (_, { status }) => status === voice.AudioPlayerStatus.Idle);
// @ts-expect-error a connection it is
player.subscribe(1);
// @ts-expect-error players come from a client
new tutti.Player();
