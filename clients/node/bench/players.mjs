/*
 * Many players in one bot: Tutti beside one ffmpeg process a channel, in one run.
 *
 *     node bench/players.mjs [--players 60] [--seconds 15] [--source mp3|opus|FILE] [--way tutti,ffmpeg]
 *
 * Each way gets a bot process of its own with real VoiceConnections and AudioPlayers of
 * @discordjs/voice, whose packets go to a local stand-in of Discord's voice server: a third process,
 * which decrypts them and notes when they came. Both ways play the same file. The packets say what
 * listeners would have heard; the bot says what it cost its event loop; /proc says what the rest
 * cost. Prints a table, and one line of JSON at the end.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { makeCertificate } from '../test/lib/certificate.mjs';
import { Daemon } from '../test/lib/daemon.mjs';
import { VoiceServer } from '../test/lib/discord.mjs';
import { convert, noise, temporaryDirectory, writeWav } from '../test/lib/media.mjs';
import { sleep } from '../test/lib/wait.mjs';

const { values } = parseArgs({ options: {
    players: { type: 'string', default: '60' },
    seconds: { type: 'string', default: '15' },
    source: { type: 'string', default: 'mp3' },
    way: { type: 'string', default: 'tutti,ffmpeg' },
} });
const players = Number(values.players);
const seconds = Number(values.seconds);
const TICKS = 100; /* of /proc/PID/stat, a second */
const FRAME_MS = 20;
const WARM_FRAMES = 250; /* of every connection, before anything is measured */
const WARM_MS = 90_000;

/** The process and all below it. */
function family(root) {
    const parents = new Map();
    for (const name of fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
        try {
            const stat = fs.readFileSync(`/proc/${name}/stat`, 'latin1');
            parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
        } catch { /* it has ended */ }
    }
    const below = (pid) => [pid, ...[...parents].filter(([, parent]) => parent === pid).flatMap(([child]) => below(child))];
    return below(root);
}

function cpuSeconds(pids) {
    let ticks = 0;
    for (const pid of pids) {
        try {
            const stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
            const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
            ticks += Number(fields[11]) + Number(fields[12]);
        } catch { /* it has ended */ }
    }
    return ticks / TICKS;
}

/** Proportional memory, MB; null where the kernel does not tell. */
function memoryMb(pids) {
    let kb = 0;
    for (const pid of pids) {
        try {
            kb += Number(/^Pss:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))[1]);
        } catch (error) {
            if (error.code !== 'ENOENT' && error.code !== 'ESRCH')
                return null;
        }
    }
    return kb / 1024;
}

const percentile = (sorted, p) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))];

/** What the listeners got, from the packets of all connections. */
function judge(connections) {
    const late = [];
    const gaps = [];
    let frames = 0;
    let missed = 0;
    let bad = 0;
    for (const { packets, bad: wrong } of connections) {
        bad += wrong;
        const offsets = packets.map(({ at, timestamp }) => at / 1000 - ((timestamp - packets[0].timestamp) >>> 0) / 48);
        const due = percentile([...offsets].sort((a, b) => a - b), 0.5);
        packets.forEach(({ silence, at }, i) => {
            if (i > 0)
                gaps.push((at - packets[i - 1].at) / 1000);
            if (silence)
                return void missed++;
            frames++;
            late.push(offsets[i] - due);
        });
    }
    late.sort((a, b) => a - b);
    gaps.sort((a, b) => a - b);
    /* Every connection owes a frame each 20 ms; one that stopped sending has missed them too. */
    const owed = Math.max(connections.length * seconds * 1000 / FRAME_MS, frames + missed);
    return {
        owed, frames, bad, missedPercent: (owed - frames) / owed * 100,
        onTimePercent: late.filter((ms) => ms <= FRAME_MS).length / owed * 100,
        within5Percent: late.filter((ms) => ms <= 5).length / owed * 100,
        lateMs: { p99: percentile(late, 0.99), max: late.at(-1) },
        gapMs: { p99: percentile(gaps, 0.99), max: gaps.at(-1) },
    };
}

/**
 * An AudioPlayer that was starved sends what it owes in bursts, and so never measures as late. Waits
 * until packets come at the pace of real time, for two seconds on end.
 */
async function settled(server, began) {
    for (let good = 0; good < 2 && Date.now() - began < WARM_MS;) {
        const before = await server.count();
        const since = performance.now();
        await sleep(1000);
        const pace = (await server.count() - before) / ((performance.now() - since) / FRAME_MS * players);
        good = Math.abs(pace - 1) < 0.02 ? good + 1 : 0;
    }
}

async function measure(way, source, directory) {
    const server = await VoiceServer.start();
    await server.keepPayloads(false);
    const daemon = way === 'tutti' ? await Daemon.start('--media-root', directory, '--max-workers', String(players)) : null;
    const bot = fork(new URL('bot.mjs', import.meta.url),
        [JSON.stringify({ way, players, endpoint: server.endpoint, source, runtimeDir: daemon?.dir })],
        { env: { ...process.env, NODE_EXTRA_CA_CERTS: path.join(directory, 'ca.pem') } });
    const began = Date.now();
    await once(bot, 'message');
    /* Rings and pipes fill; sixty ffmpegs take their time to start. Nobody is measured meanwhile. */
    while (await server.least() < WARM_FRAMES && Date.now() - began < WARM_MS)
        await sleep(200);
    const startSeconds = (Date.now() - began) / 1000;
    await settled(server, began);
    const helpers = () => way === 'tutti' ? family(daemon.pid) : family(bot.pid).slice(1);
    const ask = async (what) => {
        bot.send({ ask: what });
        return (await once(bot, 'message'))[0];
    };
    const pids = helpers();
    const cpuBefore = cpuSeconds(pids);
    await ask('measure');
    await server.take();
    await sleep(seconds * 1000);
    const heard = await server.take();
    const report = await ask('report');
    const result = {
        way, players, seconds, startSeconds, ...judge(heard), bot: report,
        helpers: { processes: pids.length, cpuPercent: (cpuSeconds(pids) - cpuBefore) / seconds * 100, memoryMb: memoryMb(pids) },
    };
    const gone = once(bot, 'exit');
    bot.send({ ask: 'quit' });
    await gone;
    await daemon?.close();
    await server.close();
    return result;
}

function show(results) {
    const rows = [
        ['until all had sent 5 s of sound', (r) => r.startSeconds.toFixed(1) + ' s'],
        ['frames owed', (r) => r.owed.toFixed(0)],
        ['frames on time (within 20 ms)', (r) => r.onTimePercent.toFixed(2) + ' %'],
        ['  within 5 ms', (r) => r.within5Percent.toFixed(2) + ' %'],
        ['frames missed (silence instead)', (r) => r.missedPercent.toFixed(2) + ' %'],
        ['lateness p99 / max', (r) => `${r.lateMs.p99.toFixed(1)} / ${r.lateMs.max.toFixed(1)} ms`],
        ['gap between packets p99 / max', (r) => `${r.gapMs.p99.toFixed(1)} / ${r.gapMs.max.toFixed(1)} ms`],
        ['event-loop delay p50 / p99 / max', (r) => [r.bot.delayMs.p50, r.bot.delayMs.p99, r.bot.delayMs.max].map((ms) => ms.toFixed(1)).join(' / ') + ' ms'],
        ['CPU of the bot', (r) => r.bot.cpuPercent.toFixed(1) + ' % of a core'],
        ['memory of the bot (RSS)', (r) => r.bot.rssMb.toFixed(0) + ' MB'],
        ['other processes', (r) => String(r.helpers.processes)],
        ['CPU of the others', (r) => r.helpers.cpuPercent.toFixed(1) + ' % of a core'],
        ['memory of the others (PSS)', (r) => r.helpers.memoryMb === null ? 'not readable' : r.helpers.memoryMb.toFixed(0) + ' MB'],
    ];
    console.log(`${players} players, ${seconds} s, source ${values.source}; load before: ${load}\n`);
    console.log(''.padEnd(36) + results.map((r) => r.way.padStart(24)).join(''));
    for (const [name, cell] of rows)
        console.log(name.padEnd(36) + results.map((r) => cell(r).padStart(24)).join(''));
}

const load = fs.readFileSync('/proc/loadavg', 'latin1').split(' ')[0];
const directory = temporaryDirectory('tutti-bench-');
const { key, cert } = makeCertificate();
fs.writeFileSync(path.join(directory, 'ca.pem'), cert);
Object.assign(process.env, { VOICE_KEY: key, VOICE_CERT: cert });
try {
    const length = 120 + seconds;
    const wav = writeWav(path.join(directory, 'source.wav'), noise(length));
    let source = values.source;
    if (source === 'mp3')
        source = convert(wav, path.join(directory, 'source.mp3'), '-c:a', 'libmp3lame', '-b:a', '192k', '-ac', '2', '-ar', '44100');
    else if (source === 'opus')
        source = convert(wav, path.join(directory, 'source.opus'), '-c:a', 'libopus', '-b:a', '128k', '-ac', '2');
    else
        source = fs.copyFileSync(source, path.join(directory, path.basename(source))) ?? path.join(directory, path.basename(source));
    const results = [];
    for (const way of values.way.split(','))
        results.push(await measure(way, source, directory));
    show(results);
    console.log('\n' + JSON.stringify(results));
} finally {
    fs.rmSync(directory, { recursive: true, force: true });
}
