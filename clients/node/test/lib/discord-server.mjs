/*
 * A local stand-in of Discord's voice server, run as a process of its own so that what it measures
 * is not the bot's event loop: the voice gateway (version 8, over TLS), IP discovery, and the UDP
 * side, which decrypts what would have reached the listeners.
 *
 * Started by fork() with VOICE_KEY and VOICE_CERT in the environment; see discord.mjs.
 */
import { createDecipheriv, randomBytes } from 'node:crypto';
import dgram from 'node:dgram';
import https from 'node:https';
import { WebSocketServer } from 'ws';

const MODE = 'aead_aes256_gcm_rtpsize';
const HEADER_BYTES = 12;
const TAG_BYTES = 16;
const NONCE_BYTES = 4;
const DISCOVERY_BYTES = 74;
const SILENCE = Buffer.from([0xf8, 0xff, 0xfe]);

/** Connections by SSRC: { guildId, key, spoke, packets, bad }. */
const connections = new Map();
let nextSsrc = 1000;
let keepPayloads = true;

const udp = dgram.createSocket('udp4');
udp.on('message', (message, from) => {
    const now = process.hrtime.bigint();
    if (message.length === DISCOVERY_BYTES && message.readUInt16BE(0) === 1)
        return discover(message, from);
    if (message.length > HEADER_BYTES + TAG_BYTES + NONCE_BYTES && (message[1] & 0x7f) === 120)
        receive(message, now);
});

/* Answers with the address that the client is seen under. */
function discover(request, from) {
    const answer = Buffer.alloc(DISCOVERY_BYTES);
    answer.writeUInt16BE(2, 0);
    answer.writeUInt16BE(70, 2);
    request.copy(answer, 4, 4, 8);
    answer.write(from.address, 8, 'latin1');
    answer.writeUInt16BE(from.port, 72);
    udp.send(answer, from.port, from.address);
}

function receive(message, now) {
    const connection = connections.get(message.readUInt32BE(8));
    if (!connection)
        return;
    const packet = decrypt(message, connection.key);
    if (!packet || !connection.spoke) {
        connection.bad++;
        return;
    }
    connection.packets.push({
        at: Number(now / 1000n), /* microseconds */
        sequence: message.readUInt16BE(2),
        timestamp: message.readUInt32BE(4),
        silence: packet.equals(SILENCE),
        payload: keepPayloads ? packet.toString('base64') : undefined,
    });
}

/* RTP header ‖ ciphertext ‖ tag ‖ nonce; the header is authenticated. Null if it is not genuine. */
function decrypt(message, key) {
    const nonce = Buffer.alloc(12);
    message.copy(nonce, 0, message.length - NONCE_BYTES);
    const tagAt = message.length - NONCE_BYTES - TAG_BYTES;
    const decipher = createDecipheriv('aes-256-gcm', key, nonce);
    decipher.setAAD(message.subarray(0, HEADER_BYTES));
    decipher.setAuthTag(message.subarray(tagAt, tagAt + TAG_BYTES));
    try {
        return Buffer.concat([decipher.update(message.subarray(HEADER_BYTES, tagAt)), decipher.final()]);
    } catch {
        return null;
    }
}

const server = https.createServer({ key: process.env.VOICE_KEY, cert: process.env.VOICE_CERT });
const gateway = new WebSocketServer({ server });
gateway.on('connection', (socket) => {
    const ssrc = nextSsrc++;
    const connection = { guildId: null, key: randomBytes(32), spoke: false, packets: [], bad: 0 };
    const send = (op, d) => socket.send(JSON.stringify({ op, d, seq: 1 }));
    send(8, { v: 8, heartbeat_interval: 13750 });
    socket.on('message', (data) => {
        const { op, d } = JSON.parse(data);
        if (op === 0) {
            connection.guildId = d.server_id;
            connections.set(ssrc, connection);
            send(2, { ssrc, ip: '127.0.0.1', port: udp.address().port, modes: [MODE] });
        } else if (op === 1) {
            /* DAVE version 0: end-to-end encryption is off, as in stage channels. */
            send(4, { mode: d.data.mode, secret_key: [...connection.key], dave_protocol_version: 0 });
        } else if (op === 3) {
            send(6, { t: d.t });
        } else if (op === 5 && d.speaking) {
            connection.spoke = true;
        }
    });
});

process.on('message', ({ id, ask, guildId, payloads }) => {
    const found = [...connections.values()].filter((c) => guildId === undefined || c.guildId === guildId);
    if (ask === 'keep') {
        keepPayloads = payloads;
        process.send({ id });
    } else if (ask === 'count') {
        process.send({ id, answer: found.reduce((sum, c) => sum + c.packets.length, 0) });
    } else if (ask === 'least') {
        process.send({ id, answer: Math.min(...found.map((c) => c.packets.filter((p) => !p.silence).length)) });
    } else if (ask === 'take') {
        process.send({ id, answer: found.map(({ guildId, packets, bad }) => ({ guildId, packets, bad })) });
        for (const connection of found)
            connection.packets = [];
    }
});
process.on('disconnect', () => process.exit());

udp.bind(0, '127.0.0.1', () => {
    server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
});
