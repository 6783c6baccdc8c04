/*
 * The bot of bench/players.mjs, a process of its own: `players` voice connections, each with an
 * AudioPlayer, fed by Tutti or by one ffmpeg a channel. It measures itself between `measure` and
 * `report`.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createAudioPlayer, createAudioResource } from '@discordjs/voice';
import { TuttiClient } from '../lib/index.mjs';
import { joinVoice } from '../test/lib/discord.mjs';

const { way, players, endpoint, source, runtimeDir } = JSON.parse(process.argv[2]);
const behaviors = { maxMissedFrames: Infinity };
const guild = (i) => String(41771983423144000n + BigInt(i));
const channel = (i) => String(127121515262115000n + BigInt(i));

const connections = [];
for (let i = 0; i < players; i++)
    connections.push(await joinVoice(endpoint, guild(i), channel(i)));

let client = null;
if (way === 'tutti') {
    client = await new TuttiClient({ runtimeDir }).connect();
    for (const [i, connection] of connections.entries())
        client.player(channel(i)).subscribe(connection);
    await Promise.all(connections.map((_, i) => client.player(channel(i)).play(source, { timeout: 60_000 })));
} else {
    /* What the guide of @discordjs/voice tells a bot to do: it starts ffmpeg through prism-media. */
    for (const connection of connections) {
        const audioPlayer = createAudioPlayer({ behaviors });
        connection.subscribe(audioPlayer);
        audioPlayer.play(createAudioResource(source));
    }
}

const delay = monitorEventLoopDelay({ resolution: 1 });
let cpu;
let since;

process.on('message', async ({ ask }) => {
    if (ask === 'measure') {
        delay.reset();
        delay.enable();
        cpu = process.cpuUsage();
        since = process.hrtime.bigint();
        process.send({ measuring: true });
    } else if (ask === 'report') {
        const used = process.cpuUsage(cpu);
        const seconds = Number(process.hrtime.bigint() - since) / 1e9;
        delay.disable();
        process.send({
            cpuPercent: (used.user + used.system) / 1e4 / seconds,
            delayMs: { p50: delay.percentile(50) / 1e6, p99: delay.percentile(99) / 1e6, max: delay.max / 1e6 },
            rssMb: process.memoryUsage.rss() / 2 ** 20,
        });
    } else {
        await client?.close();
        process.exit();
    }
});
process.on('disconnect', () => process.exit());
process.send({ playing: true });
