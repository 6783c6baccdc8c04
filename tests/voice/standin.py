"""A stand-in for Discord's voice servers: gateway version 8 over TLS, address discovery and media over UDP.

It does what Discord's documentation says of a voice server without end-to-end encryption (DAVE version 0), records
every message and packet with the kernel's time stamp, decrypts what comes and notes what breaks a rule in
`Session.problems`. Tests script it: closes, losses, replays, silence. It is held true by the real @discordjs/voice
(test_real_client.py).

Everything runs in the thread of one asyncio loop; the methods that a test calls are safe from any thread.
"""

import asyncio
import json
import os
import socket
import ssl
import struct
import subprocess
import threading
import time
from pathlib import Path

import websockets
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from nacl import bindings as sodium

GCM, XCHACHA = "aead_aes256_gcm_rtpsize", "aead_xchacha20_poly1305_rtpsize"
SILENCE = b"\xf8\xff\xfe"
SO_TIMESTAMPNS = 35
FRAME = 960
SPEAKING_S = 1  # TLS and UDP race each other on a busy machine; one that never speaks up is found all the same


def make_certificates(folder):
    """A certificate authority of one's own and a certificate for localhost. Returns (authority, chain, key)."""
    folder = Path(folder)
    ca, ca_key, cert, key, request = (folder / n for n in ("ca.pem", "ca.key", "cert.pem", "key.pem", "request.pem"))
    if not cert.exists():
        extensions = folder / "extensions"
        extensions.write_text("subjectAltName=DNS:localhost,DNS:voice.test,IP:127.0.0.1\n")
        def run(*words):
            subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)
        run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
            "-subj", "/CN=Voice test authority", "-keyout", ca_key, "-out", ca)
        run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=localhost",
            "-keyout", key, "-out", request)
        run("x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key, "-CAcreateserial", "-days", "30",
            "-extfile", extensions, "-out", cert)
    return ca, cert, key


class Packet:
    """One RTP packet as it came: `at` is the kernel's time of arrival [s]."""

    __slots__ = ("at", "sequence", "timestamp", "nonce", "opus")

    def __init__(self, at, sequence, timestamp, nonce, opus):
        self.at, self.sequence, self.timestamp, self.nonce, self.opus = at, sequence, timestamp, nonce, opus

    @property
    def is_silence(self):
        return self.opus == SILENCE


class Session:
    """What a voice server knows of one member: lives across lost gateway connections."""

    def __init__(self, server, identify):
        self.server = server
        self.identify = identify
        self.id, self.token = identify["session_id"], identify["token"]
        self.ssrc = int.from_bytes(os.urandom(4), "big")
        self.key = os.urandom(32)
        self.mode = None
        self.sequence = server.first_sequence
        self.sent = []          # (sequence, message) that may have to be sent again
        self.acked = None       # the last seq_ack that came
        self.socket = None      # the gateway's connection, while there is one
        self.resumed = 0
        self.discoveries = 0
        self.keepalives = 0
        self.heartbeats = 0
        self.speaking = []      # (time, value) of each op 5
        self.packets = []
        self.problems = []
        self.nonces = set()
        self.peer = None
        self.dead = False       # closed for good: nothing may come any more
        self.late_packets = 0   # that came after that
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.udp.setblocking(False)
        self.udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.udp.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        server.loop.add_reader(self.udp, self.on_datagrams)

    def port(self):
        return self.udp.getsockname()[1]

    # ---- UDP ----

    def on_datagrams(self):
        for _ in range(256):
            try:
                data, ancillary, _, peer = self.udp.recvmsg(2048, 64)
            except BlockingIOError:
                return
            at = time.time()
            for level, kind, value in ancillary:
                if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
                    seconds, ns = struct.unpack("qq", value)
                    at = seconds + ns / 1e9
            self.on_datagram(data, at, peer)

    def on_datagram(self, data, at, peer):
        if len(data) == 74 and data[:4] == b"\x00\x01\x00\x46":
            self.on_discovery(data, peer)
        elif len(data) == 8:
            self.keepalives += 1
        elif len(data) >= 12 and data[0] == 0x80 and data[1] == 0x78:
            self.on_packet(data, at, peer)
        else:
            self.problems.append(f"a datagram of {len(data)} bytes that is none of ours")

    def on_discovery(self, data, peer):
        self.discoveries += 1
        if struct.unpack(">I", data[4:8])[0] != self.ssrc:
            self.problems.append("discovery with another SSRC")
        if self.discoveries <= self.server.lose_discoveries:
            return
        address = peer[0].encode().ljust(64, b"\0")
        self.udp.sendto(struct.pack(">HHI", 2, 70, self.ssrc) + address + struct.pack(">H", peer[1]), peer)

    def on_packet(self, data, at, peer):
        sequence, timestamp, ssrc = struct.unpack(">HII", data[2:12])
        nonce = data[-4:]
        if self.dead:
            self.late_packets += 1
            return
        if ssrc != self.ssrc:
            self.problems.append("a packet with another SSRC")
        if nonce in self.nonces:
            self.problems.append(f"nonce {nonce.hex()} came twice under one key")
        self.nonces.add(nonce)
        if not any(value for _, value in self.speaking):
            self.server.loop.call_later(SPEAKING_S, self.check_speaking)
        try:
            opus = self.open(data, nonce)
        except Exception:  # noqa: BLE001
            self.problems.append("a packet that cannot be decrypted")
            return
        if self.packets:
            last = self.packets[-1]
            steps = (sequence - last.sequence) % 65536
            if steps == 0 or steps > 32768:
                self.problems.append(f"sequence {sequence} after {last.sequence}")
            if (timestamp - last.timestamp) % 2**32 != steps * FRAME % 2**32:
                self.problems.append(f"{steps} steps of sequence, {(timestamp - last.timestamp) % 2**32} of time stamp")
        if self.peer not in (None, peer):
            self.problems.append("packets come from another port")
        self.peer = peer
        self.packets.append(Packet(at, sequence, timestamp, nonce, opus))

    def open(self, data, nonce):
        head, body = data[:12], data[12:-4]
        if self.mode == GCM:
            return AESGCM(self.key).decrypt(nonce + bytes(8), body, head)
        return sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(body, head, nonce + bytes(20), self.key)

    def check_speaking(self):
        if not any(value for _, value in self.speaking):
            self.problems.append("sound before op 5")

    def talk(self, count=10, members=1):
        """Others talk in the call: RTP that nobody here wants."""
        if self.peer:
            for i in range(count):
                for ssrc in range(members):
                    self.udp.sendto(struct.pack(">BBHII", 0x80, 0x78, i & 0xffff, i * FRAME, ssrc) + bytes(120), self.peer)

    def throw(self, data):
        """Any bytes, from the server's port."""
        if self.peer:
            self.udp.sendto(data, self.peer)

    # ---- the gateway ----

    async def say(self, op, data, sequenced=False):
        message = {"op": op, "d": data}
        if sequenced:
            message["seq"] = self.sequence
            self.sequence = (self.sequence + 1) % 65536
            self.sent = (self.sent + [(message["seq"], message)])[-256:]
        await self.send(message)

    async def send(self, message):
        if self.socket:
            try:
                await self.socket.send(json.dumps(message))
            except websockets.ConnectionClosed:
                pass

    async def replay(self, seq_ack):
        """What was sent after the message that was the last to arrive."""
        sequences = [s for s, _ in self.sent]
        start = sequences.index(seq_ack) + 1 if seq_ack in sequences else 0
        for _, message in self.sent[start:]:
            await self.send(message)

    def heard(self):
        """The Opus packets without silence."""
        return [p.opus for p in self.packets if not p.is_silence]

    def close_udp(self):
        self.server.loop.remove_reader(self.udp)
        self.udp.close()


class Standin:
    """The server. Its public fields are the script, to be set before what they concern."""

    def __init__(self, folder, modes=(GCM, XCHACHA), port=0):
        self.ca, self.cert, self.key_file = make_certificates(folder)
        self.modes = list(modes)
        self.first_sequence = 1
        self.interval_ms = 13750
        self.answers_heartbeats = True
        self.lose_discoveries = 0       # so many requests of a session are not answered
        self.refuse_identify = None     # a close code
        self.refuse_resume = None
        self.refuse_upgrade = 0         # so many HTTP requests are answered with 503
        self.replay_before_op9 = False
        self.is_mute = False            # takes connections and never says a word
        self.udp_address = None         # what op 2 says, instead of where the session is
        self.dave_version = 0
        self.first_words = None         # text sent in place of op 8
        self.sessions = []
        self.identifies = 0
        self.resumes = 0
        self.connects = 0
        self.paths = []
        self.loop = asyncio.new_event_loop()
        self.ready = threading.Event()
        self.port = port
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        self.ready.wait(10)

    def _run(self):
        asyncio.set_event_loop(self.loop)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, self.key_file)

        async def start():
            self.listener = await websockets.serve(self._serve, "127.0.0.1", self.port, ssl=context, compression=None,
                                                   process_request=self._request, ping_interval=None, max_queue=None)
            self.port = self.listener.sockets[0].getsockname()[1]
            self.ready.set()
        self.loop.create_task(start())
        self.loop.run_forever()

    def endpoint(self):
        return f"localhost:{self.port}"

    async def _request(self, path, headers):
        self.paths.append(path)
        if self.refuse_upgrade > 0:
            self.refuse_upgrade -= 1
            return 503, [], b"busy\n"
        return None

    async def _serve(self, ws, path=None):
        self.connects += 1
        session = None
        try:
            if self.is_mute:
                await ws.wait_closed()
            if self.first_words is not None:
                await ws.send(self.first_words)
            else:
                await ws.send(json.dumps({"op": 8, "d": {"v": 8, "heartbeat_interval": self.interval_ms}}))
            async for text in ws:
                message = json.loads(text)
                session = await self._take(ws, session, message["op"], message.get("d"))
        except (websockets.ConnectionClosed, asyncio.CancelledError):
            pass
        finally:
            if session and session.socket is ws:
                session.socket = None

    async def _take(self, ws, session, op, data):
        if op == 0:
            self.identifies += 1
            if self.refuse_identify:
                await ws.close(self.refuse_identify)
                return None
            session = Session(self, data)
            session.socket = ws
            self.sessions.append(session)
            host, port = self.udp_address or ("127.0.0.1", session.port())
            await session.say(2, {"ssrc": session.ssrc, "ip": host, "port": port, "modes": self.modes,
                                  "heartbeat_interval": 1})
        elif op == 7:
            self.resumes += 1
            session = next((s for s in self.sessions if s.id == data["session_id"] and s.token == data["token"]
                            and not s.dead), None)
            if self.refuse_resume or not session:
                await ws.close(self.refuse_resume or 4006)
                return None
            session.socket = ws
            session.resumed += 1
            session.resume_ack = data.get("seq_ack")
            if self.replay_before_op9:
                await session.replay(data.get("seq_ack"))
            await session.say(9, None)
            if not self.replay_before_op9:
                await session.replay(data.get("seq_ack"))
        elif session is None:
            await ws.close(4003)
        elif op == 1:
            session.mode = data["data"]["mode"]
            if session.mode not in self.modes:
                await ws.close(4016)
            await session.say(4, {"mode": session.mode, "secret_key": list(session.key),
                                  "dave_protocol_version": self.dave_version}, sequenced=True)
        elif op == 3:
            session.heartbeats += 1
            session.acked = data.get("seq_ack")
            if self.answers_heartbeats:
                await session.say(6, {"t": data["t"]})
        elif op == 5:
            session.speaking.append((time.time(), data["speaking"]))
        return session

    # ---- for tests, from their thread ----

    def call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(10)

    def run(self, function, *arguments):
        """Calls a function in the server's thread."""
        async def do():
            return function(*arguments)
        return self.call(do())

    def say(self, session, op, data, sequenced=True):
        self.call(session.say(op, data, sequenced))

    def say_text(self, session, text):
        self.call(session.socket.send(text))

    def close(self, session, code):
        """Closes the gateway's connection with a code; the session lives on unless the code ends it."""
        if code in (4006, 4009, 4014, 4022):
            session.dead = True
        self.call(session.socket.close(code))

    def cut(self, session):
        """The TCP connection breaks, without a word."""
        def do():
            transport = session.socket.transport
            transport.abort()
        self.run(do)

    def stop(self):
        async def end():
            self.listener.close()
            await self.listener.wait_closed()
            for session in self.sessions:
                session.close_udp()
        self.call(end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
