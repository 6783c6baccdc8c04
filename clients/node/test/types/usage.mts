/* What a bot author writes must compile; what is wrong must not. Checked by tsc, never run. */
import { createAudioPlayer, type AudioResource, type VoiceConnection } from '@discordjs/voice';
import { Player, Queue, TuttiClient, TuttiError, VoiceCall, type ReadyEvent, type StoppedEvent } from 'tutti-client';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;
const is = <T extends true>() => {};

const client = await new TuttiClient({ highWaterMark: 4, whenDisconnected: 'fail', reconnect: { maxDelay: 5000 } }).connect({ retry: true });
is<Equal<typeof client, TuttiClient>>();

const player = client.player('123');
client.player(123n);
// @ts-expect-error a number cannot hold a snowflake
client.player(123);
// @ts-expect-error
new TuttiClient({ whenDisconnected: 'explode' });
// @ts-expect-error players come from a client
new Player();

const event = await player.play('https://example.com/', { volume: 1, position: 3, next: true, signal: AbortSignal.timeout(1), timeout: 5 });
is<Equal<typeof event, ReadyEvent | StoppedEvent>>();
if (event.type === 'ready')
    is<Equal<typeof event.duration, number | null>>();
else
    is<Equal<typeof event.reason, 'stop' | 'replaced' | 'client_gone' | 'shutdown'>>();
// @ts-expect-error
await player.play(1);
// @ts-expect-error
await player.play('x', { volum: 1 });
// @ts-expect-error
await player.seek('1:30');

is<Equal<Awaited<ReturnType<Player['pause']>>['position'], number>>();
is<Equal<Awaited<ReturnType<TuttiClient['stats']>>['latenessUs']['p99'], number>>();
const session = await player.status();
is<Equal<NonNullable<typeof session>['state'], 'extracting' | 'streaming' | 'paused'>>();

client.on('ready', ({ playId, passthrough }) => is<Equal<[typeof playId, typeof passthrough], [string, boolean]>>());
client.on('error', (error) => is<Equal<typeof error, TuttiError>>());
client.on('disconnected', ({ socket }) => is<Equal<typeof socket, 'control' | 'audio'>>());
client.on('reconnected', ({ replayed }) => is<Equal<typeof replayed, number>>());
player.on('start', (stream) => stream.read());
player.on('title', ({ title }) => is<Equal<typeof title, string>>());
// @ts-expect-error no such event
client.on('redy', (event: ReadyEvent) => event.playId);
// @ts-expect-error the event of a play has no socket
player.on('finished', ({ socket }) => socket);

declare const channel: import('discord.js').VoiceChannel;
const call = await client.connect(channel, { channelId: 5n, timeout: 5 });
is<Equal<typeof call, VoiceCall>>();
call.on('ready', ({ pingMs }) => is<Equal<typeof pingMs, number | undefined>>());
await call.disconnect();
// @ts-expect-error calls come from a client
new VoiceCall();

declare const connection: VoiceConnection;
player.subscribe(connection)?.unsubscribe();
const resource: AudioResource<{ title: string }> = player.resource({ title: 'x' });
createAudioPlayer().play(resource);
player.audioPlayer.on('stateChange', (_, { status }) => status === 'idle');

try {
    await client.stop('1');
} catch (error) {
    if (error instanceof TuttiError && error.code === 'no_session')
        is<Equal<typeof error.channelId, string | null>>();
}

const queue = new Queue<{ url: string; asker: string }, Player>(player, { loop: 'queue', autoplay: async ({ url }) => ({ url, asker: 'nobody' }) });
await queue.add([{ url: 'x', asker: 'a' }], { at: 0 });
// @ts-expect-error the bot's own field is missing
await queue.add({ url: 'x' });
// @ts-expect-error no such mode
queue.setLoop('all');
is<Equal<typeof queue.current, { url: string; asker: string } | null>>();
queue.on('trackStart', ({ asker }) => asker.length);
queue.player.audioPlayer.on('stateChange', (_, { status }) => status === 'idle');

const own = await TuttiClient.spawn({ bin: '/usr/bin/tuttid', daemon: { mediaRoot: ['/music'], maxWorkers: 2 }, onLog: (text) => text.trim() });
own.daemon?.kill();
await own.close();
