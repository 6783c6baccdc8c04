/*
 * A peer that speaks the protocol's frames and lines, for tests of the client alone: what a daemon
 * does rarely (answers before or after their frames, connections cut at a chosen moment, a peer
 * that forgets its clients) it does on command. Its "packets" are JSON that says where they come
 * from. The suites named daemon-* run against the real daemon.
 */
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { temporaryDirectory } from './media.mjs';

export function frame(channel, sequence, payload) {
    const head = Buffer.alloc(16);
    head.writeUInt32BE(12 + payload.length, 0);
    head.writeBigUInt64BE(BigInt(channel), 4);
    head.writeUInt32BE(sequence >>> 0, 12);
    return Buffer.concat([head, payload]);
}

/** Whose frames follow in a channel, and from which place (seconds). */
function mark(channel, sequence, position, playId) {
    const head = Buffer.alloc(16);
    head.writeBigUInt64BE(BigInt(channel), 0);
    head.writeBigUInt64BE(BigInt(Math.round(position * 48000)), 8);
    return frame(0, sequence, Buffer.concat([head, Buffer.from(playId)]));
}

export class Peer {
    dir = temporaryDirectory('tutti-peer-');
    /** Commands received, in order. */
    commands = [];
    sessions = new Map();
    controls = new Set();
    audios = new Set();
    /** By channel; as the daemon's, it outlives plays. */
    credit = new Map();
    #attachments = 0;
    /** Number of control connections accepted. */
    accepted = 0;
    /** 'control' or 'audio': which of a seek's two messages goes first; the other follows later. */
    seekFirst = 'audio';
    seekDelay = 0;
    /** Commands of these types get no answer. */
    silent = new Set();
    #clients = new Set();
    #number = 0;
    #servers = [];

    static async start(options = {}) {
        const peer = Object.assign(new Peer(), options);
        await peer.listen();
        return peer;
    }

    async listen() {
        for (const [name, accept] of [['control.sock', (s) => this.#control(s)], ['audio.sock', (s) => this.#audio(s)]]) {
            const server = net.createServer(accept);
            await new Promise((resolve) => server.listen(path.join(this.dir, name), resolve));
            this.#servers.push(server);
        }
    }

    /** As a daemon that was killed: connections gone, sockets gone, nothing remembered. */
    async die() {
        for (const socket of [...this.controls, ...this.audios])
            socket.destroy();
        await Promise.all(this.#servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
        this.sessions.clear();
        this.#clients.clear();
    }

    async close() {
        await this.die();
        fs.rmSync(this.dir, { recursive: true, force: true });
    }

    emit(event) {
        for (const socket of this.controls)
            socket.write(JSON.stringify(event) + '\n');
    }

    /** Sends what credit allows of a channel. */
    pump(channel) {
        const s = this.sessions.get(channel);
        const credit = () => this.credit.get(channel) ?? 0;
        if (s?.seek && credit() > 0)
            s.seek();
        while (s && !s.paused && credit() > 0 && s.next * 0.02 < s.seconds - 1e-9) {
            this.credit.set(channel, credit() - 1);
            if (s.marked !== this.#attachments || s.moved)
                this.write(mark(channel, s.sequence, s.next * 0.02, s.playId));
            s.marked = this.#attachments;
            s.moved = false;
            this.write(frame(channel, s.sequence++, Buffer.from(JSON.stringify({ play: s.playId, ms: s.next++ * 20 }))));
        }
        if (s && !s.ended && s.next * 0.02 >= s.seconds - 1e-9) {
            s.ended = true;
            this.write(frame(channel, s.sequence, Buffer.alloc(0)));
            this.emit({ type: 'finished', channel_id: channel, play_id: s.playId, position: s.seconds, frames: s.sequence });
            s.done = true;
        }
    }

    write(bytes) {
        for (const socket of this.audios)
            socket.write(bytes);
    }

    listed() {
        return [...this.sessions].filter(([, s]) => !s.done).map(([channel, s]) => ({
            channel_id: channel, play_id: s.playId, state: s.paused ? 'paused' : 'streaming', url: s.url,
            position: s.next * 0.02, duration: s.seconds, volume: s.volume, passthrough: false, seekable: true, buffered: 0, underruns: 0,
        }));
    }

    #control(socket) {
        this.accepted++;
        this.controls.add(socket);
        const id = `c${++this.#number}`;
        this.#clients.add(id);
        socket.on('error', () => {}).on('close', () => this.controls.delete(socket));
        const send = (event) => socket.write(JSON.stringify(event) + '\n');
        const hello = (client, tag) => send({ type: 'hello', protocol: 1, server: 'peer/1', client, sessions: this.listed(), tag });
        hello(id);
        lines(socket, (command) => {
            this.commands.push(command);
            if (command.type === 'hello')
                return hello(this.#clients.has(command.client) ? command.client : id, command.tag);
            if (!this.silent.has(command.type))
                this[`do_${command.type}`](command, send);
        });
    }

    #audio(socket) {
        this.audios.add(socket);
        socket.on('error', () => {}).on('close', () => this.audios.delete(socket));
        this.credit.clear();
        lines(socket, (line) => {
            if (line.type === 'attach') {
                this.#attachments++;
                return socket.write(frame(0, 0, Buffer.alloc(0)));
            }
            this.credit.set(line.channel_id, (this.credit.get(line.channel_id) ?? 0) + line.frames);
            this.pump(line.channel_id);
        });
    }

    do_play({ channel_id, play_id, url, position = 0, paused = false, volume = 1, tag }, send) {
        if (url === '/missing')
            return send({ type: 'error', code: 'not_found', message: 'no such file', channel_id, play_id, tag });
        const old = this.sessions.get(channel_id);
        if (old && !old.done) {
            this.write(frame(channel_id, old.sequence, Buffer.alloc(0)));
            send({ type: 'stopped', channel_id, play_id: old.playId, position: old.next * 0.02, reason: 'replaced' });
        }
        const seconds = Number(/(\d+)s/.exec(url)?.[1] ?? 3600);
        this.sessions.set(channel_id, { playId: play_id, url, next: Math.round(position * 50), sequence: 0, paused, volume, seconds });
        send({ type: 'ready', channel_id, play_id, duration: seconds, position, passthrough: false, seekable: true, tag });
        this.pump(channel_id);
    }

    #with(command, send, then) {
        const s = this.sessions.get(command.channel_id);
        if (!s || s.done)
            return send({ type: 'error', code: 'no_session', message: 'nothing plays', channel_id: command.channel_id, tag: command.tag });
        const answer = (type, fields) => send({ type, channel_id: command.channel_id, play_id: s.playId, tag: command.tag, ...fields });
        then(s, answer);
    }

    do_pause(command, send) {
        this.#with(command, send, (s, answer) => { s.paused = true; answer('paused', { position: s.next * 0.02 }); });
    }

    do_resume(command, send) {
        this.#with(command, send, (s, answer) => { s.paused = false; answer('resumed', { position: s.next * 0.02 }); this.pump(command.channel_id); });
    }

    do_volume(command, send) {
        const { channel_id, level, tag } = command;
        const session = this.sessions.get(channel_id);
        if (command.keep && (!session || session.done))
            return send({ type: 'volume', channel_id, play_id: null, level, tag });
        this.#with(command, send, (s, answer) => { s.volume = command.level; answer('volume', { level: command.level }); });
    }

    do_seek(command, send) {
        this.#with(command, send, (s, answer) => setTimeout(() => {
            s.seek = () => {
                const { sequence } = s;
                s.next = Math.round(command.position * 50);
                s.moved = true;
                s.seek = null;
                if (this.seekFirst === 'audio')
                    this.pump(command.channel_id);
                answer('seeked', { position: command.position, sequence });
                this.pump(command.channel_id);
            };
            if (s.paused)
                s.seek();
            else
                this.pump(command.channel_id);
        }, this.seekDelay));
    }

    do_stop(command, send) {
        const s = this.sessions.get(command.channel_id);
        const playing = s && !s.done && (command.play_id ?? s.playId) === s.playId;
        if (playing) {
            s.done = true;
            this.write(frame(command.channel_id, s.sequence, Buffer.alloc(0)));
        }
        send({ type: 'stopped', channel_id: command.channel_id, play_id: playing ? s.playId : null, position: playing ? s.next * 0.02 : null, reason: 'stop', tag: command.tag });
    }

    do_status(command, send) {
        send({ type: 'status', tag: command.tag, sessions: this.listed().filter((s) => !command.channel_id || s.channel_id === command.channel_id) });
    }

    do_stats({ tag }, send) {
        send({ type: 'stats', tag, uptime: 1, sessions: {}, workers: {}, frames: {}, lateness_us: { p50: 1, p99: 2, p999: 3, max: 4 }, extractor: {} });
    }

    do_watch({ on, tag }, send) {
        send({ type: 'watching', on, tag });
    }
}

function lines(socket, onLine) {
    let rest = '';
    socket.on('data', (chunk) => {
        const parts = (rest + chunk).split('\n');
        rest = parts.pop();
        for (const part of parts)
            onLine(JSON.parse(part));
    });
}
