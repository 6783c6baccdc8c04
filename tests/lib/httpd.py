"""A web server that misbehaves as it is told: over HTTP/1.0 and 1.1, plain or TLS, on loopback.

    with Server() as server:
        file = server.add("/song.mp3", data, type="audio/mpeg")
        file.script = [dict(cut=5000), dict(status=503, headers={"Retry-After": "1"})]
        ... server.url("/song.mp3"), server.log

Each request for a resource takes the first entry of its `script`, if there is one, and is answered
accordingly; when the script is used up, answers are as they should be. Keys of an entry:

    status, headers, body   answer this instead
    delay                   seconds before the answer
    cut                     end the connection after so many bytes of the body; with reset=True by RST
    stall                   after so many bytes of the body send nothing until the client leaves
    pause, at               wait so many seconds after `at` bytes of the body
    raw                     bytes to be sent instead of any answer; with reset=True an RST is behind
"""
import gzip
import os
import re
import socket
import ssl
import struct
import subprocess
import threading
import time
from pathlib import Path

CHUNK = 16384


class Resource:
    """What is at a path. Every attribute may be changed while the server runs."""

    def __init__(self, data=b"", type="application/octet-stream", **options):
        self.data = data
        self.type = type
        self.etag = None
        self.last_modified = None
        self.ranges = True         # honours Range
        self.piece = None          # answers at most so many bytes of a range
        self.chunked = False
        self.length = True         # sends Content-Length
        self.lie = 0               # is added to Content-Length
        self.compress = False      # gzip, asked for or not
        self.rate = None           # [bytes/s]
        self.http10 = False        # answers HTTP/1.0, closes
        self.redirect = None       # a Location, or a function of the request; None: none
        self.redirect_status = 302
        self.headers = {}
        self.icy = None            # interval of the metadata [bytes]
        self.titles = []           # (place in the audio [bytes], title)
        self.icy_status = False    # "ICY 200 OK", as SHOUTcast 1 says it
        self.live = None           # a function: place → bytes, endless
        self.icy_headers = True    # of what is live
        self.script = []
        self.guard = None          # a function of the request: a status instead, or None
        for name, value in options.items():
            if name not in self.__dict__:
                raise TypeError(name)
            setattr(self, name, value)


class Request:
    def __init__(self, method, path, headers, connection):
        self.method, self.path, self.headers, self.connection = method, path, headers, connection
        self.time = time.monotonic()
        self.sent = 0  # bytes of the body
        self.over = False

    @property
    def range(self):
        """(first, last or None) of the Range header, or None."""
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("range", ""))
        return (int(match[1]), int(match[2]) if match[2] else None) if match else None

    def __repr__(self):
        return f"<{self.method} {self.path} {self.headers.get('range')} sent={self.sent}>"


def make_certificate(directory, names=("localhost",), addresses=("127.0.0.1", "::1")):
    """A throw-away authority and a certificate by it. Returns (ca, certificate, key) as paths."""
    directory = Path(directory)
    ca, ca_key = directory / "ca.pem", directory / "ca.key"
    cert, key, request = directory / "cert.pem", directory / "cert.key", directory / "cert.csr"
    extensions = directory / "cert.ext"
    alternatives = [f"DNS:{n}" for n in names] + [f"IP:{a}" for a in addresses]
    extensions.write_text(f"subjectAltName={','.join(alternatives)}\n")

    def openssl(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)

    ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl("req", "-x509", *ec, "-keyout", ca_key, "-out", ca, "-days", 2, "-subj", "/CN=Test CA")
    openssl("req", *ec, "-keyout", key, "-out", request, "-subj", "/CN=localhost")
    openssl("x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key, "-CAcreateserial",
            "-out", cert, "-days", 2, "-extfile", extensions)
    return ca, cert, key


class Server:
    def __init__(self, certificate=None, host="127.0.0.1", port=0, alpn=("http/1.1",)):
        """`certificate`: (certificate, key) for TLS."""
        self.resources = {}
        self.log = []
        self.proxied = []          # CONNECT targets
        self.connections = 0
        self.open = set()
        self.refuse = False        # close new connections at once
        self.lock = threading.Lock()
        self.tls = None
        if certificate:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(*map(str, certificate))
            self.tls.set_alpn_protocols(list(alpn))
        self.host = host
        self.listener = socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=256)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        self.drop_all()

    def drop_all(self, reset=False):
        """Ends all connections there are."""
        with self.lock:
            connections = list(self.open)
        for c in connections:
            if reset:
                _set_reset(c)
            try:
                c.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def add(self, path, data=b"", **options):
        self.resources[path] = Resource(data, **options)
        return self.resources[path]

    def url(self, path, host=None):
        host = host or (f"[{self.host}]" if ":" in self.host else self.host)
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}{path}"

    def requests(self, path):
        return [r for r in self.log if r.path == path]

    # -- connections

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            if self.refuse:
                sock.close()
                continue
            threading.Thread(target=self._serve, args=(sock, self.connections),
                             daemon=True).start()

    def _serve(self, sock, number):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self.lock:
            self.open.add(sock)
        try:
            if self.tls:
                sock.settimeout(10)
                wrapped = self.tls.wrap_socket(sock, server_side=True)
                with self.lock:
                    self.open.discard(sock)
                    self.open.add(wrapped)
                sock = wrapped
            sock.settimeout(60)
            reader = sock.makefile("rb")
            while self._one(sock, reader, number):
                pass
        except (OSError, ValueError):
            pass
        finally:
            with self.lock:
                self.open.discard(sock)
            try:
                # With makefile's reference, close() alone would keep the connection.
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            sock.close()

    def _one(self, sock, reader, number):
        line = reader.readline(65536).decode("latin-1").split()
        if len(line) != 3:
            return False
        headers = {}
        while True:
            raw = reader.readline(65536)
            if raw in (b"\r\n", b"\n", b""):
                break
            name, _, value = raw.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        if line[0] == "CONNECT":
            return self._tunnel(sock, line[1])
        path = re.sub(r"^https?://[^/]*", "", line[1])
        if path != line[1]:
            self.proxied.append(line[1])
        request = Request(line[0], path, headers, number)
        with self.lock:
            self.log.append(request)
        try:
            return Answer(self, sock, request).send()
        finally:
            request.over = True

    def _tunnel(self, sock, target):
        """As a proxy: a tunnel to this server's idea of the target, which is always loopback."""
        self.proxied.append(target)
        port = int(target.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=10) as upstream:
            sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            pump = threading.Thread(target=_pump, args=(upstream, sock), daemon=True)
            pump.start()
            _pump(sock, upstream)
            pump.join(10)
        return False


def _pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def _set_reset(sock):
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    except OSError:
        pass


class Answer:
    """One answer to one request."""

    def __init__(self, server, sock, request):
        self.server, self.sock, self.request = server, sock, request
        self.resource = server.resources.get(request.path)
        self.entry = {}
        if self.resource and self.resource.script:
            self.entry = self.resource.script.pop(0)

    def send(self):
        """True if the connection goes on."""
        e, r = self.entry, self.resource
        if "delay" in e:
            time.sleep(e["delay"])
        if "raw" in e:
            self.sock.sendall(e["raw"])
            return self.break_off()
        if r is None:
            return self.short(404)
        refused = r.guard(self.request) if r.guard else None
        if refused:
            return self.short(refused)
        if "status" in e:
            return self.short(e["status"], e.get("headers", {}), e.get("body", b""))
        if r.redirect:
            target = r.redirect(self.request) if callable(r.redirect) else r.redirect
            if target:
                return self.short(r.redirect_status, {**r.headers, "Location": target})
        return self.whole()

    def head(self, status, headers, version="HTTP/1.1"):
        lines = [f"{version} {status} Something"] + [f"{k}: {v}" for k, v in headers.items()]
        self.sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    def short(self, status, headers=None, body=b""):
        self.head(status, {"Content-Length": len(body), **(headers or {})})
        self.sock.sendall(body)
        return True

    def whole(self):
        e, r, request = self.entry, self.resource, self.request
        headers = {"Content-Type": r.type, **r.headers}
        if r.etag:
            headers["ETag"] = r.etag
        if r.last_modified:
            headers["Last-Modified"] = r.last_modified
        if r.live:
            return self.live(headers)
        data, status, first = r.data, 200, 0
        if r.compress:
            data = gzip.compress(data, 1)
            headers["Content-Encoding"] = "gzip"
        elif r.ranges:
            headers["Accept-Ranges"] = "bytes"
            if request.range:
                first, last = request.range
                if first >= len(data):
                    return self.short(416, {"Content-Range": f"bytes */{len(data)}"})
                last = len(data) - 1 if last is None else min(last, len(data) - 1)
                if r.piece:
                    last = min(last, first + r.piece - 1)
                headers["Content-Range"] = f"bytes {first}-{last}/{len(data) + r.lie}"
                status, data = 206, data[first:last + 1]
        if r.icy and request.headers.get("icy-metadata") == "1":
            headers["icy-metaint"] = r.icy
            data = with_titles(data, r.icy, r.titles)
        chunked = r.chunked and not r.http10
        if chunked:
            headers["Transfer-Encoding"] = "chunked"
        elif r.length:
            headers["Content-Length"] = len(data) + r.lie
        keeps = (chunked or r.length) and not r.lie and not r.http10
        if not keeps:
            headers["Connection"] = "close"
        version = "ICY" if r.icy_status else "HTTP/1.0" if r.http10 else "HTTP/1.1"
        self.head(status, headers, version)
        if not self.body(data, chunked):
            return False
        return keeps

    def live(self, headers):
        r = self.resource
        titles = r.icy and self.request.headers.get("icy-metadata") == "1"
        if titles:
            headers["icy-metaint"] = r.icy
        if r.icy_headers:
            headers.setdefault("icy-name", "Radio Test")
        self.head(200, headers, "ICY" if r.icy_status else "HTTP/1.1")
        at, out = 0, 0
        limit = self.entry.get("cut", self.entry.get("stall"))
        while limit is None or out < limit:
            data = r.live(at)
            if not data:
                return False
            at += len(data)
            if titles:
                assert len(data) == r.icy
                data += title_block(next((t for p, t in r.titles if p == at), None))
            self.sock.sendall(data)
            out += len(data)
            self.request.sent = out
        return self.break_off()

    def body(self, data, chunked):
        """Sends it, or as much as the script lets through. True if all of it went."""
        e, r = self.entry, self.resource
        limit = e.get("cut", e.get("stall", len(data)))
        limit = min(limit, len(data))
        stops = sorted({limit, min(e.get("at", limit), limit)})
        at, started = 0, time.monotonic()
        for stop in stops:
            while at < stop:
                piece = data[at:min(stop, at + (min(CHUNK, max(1, r.rate // 20)) if r.rate else CHUNK))]
                self.sock.sendall(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
                at += len(piece)
                self.request.sent = at
                if r.rate:
                    time.sleep(max(0, at / r.rate - (time.monotonic() - started)))
            if "pause" in e and at == min(e.get("at", limit), limit):
                time.sleep(e["pause"])
        if "cut" in e or "stall" in e:
            return self.break_off()
        if chunked:
            self.sock.sendall(b"0\r\n\r\n")
        return True

    def break_off(self):
        if "stall" in self.entry:
            self.sock.settimeout(120)
            self.sock.recv(1)  # until the client leaves
        if self.entry.get("reset"):
            time.sleep(0.05)  # a reset overtakes what the client has not read yet
            _set_reset(self.sock)
            os.close(self.sock.detach())  # a shutdown would send a FIN before the RST
        return False


def title_block(title):
    """Metadata as it stands between the audio; None: nothing new."""
    if title is None:
        return b"\0"
    text = title if isinstance(title, bytes) else f"StreamTitle='{title}';".encode()
    units = (len(text) + 15) // 16
    return bytes([units]) + text.ljust(units * 16, b"\0")


def with_titles(data, interval, titles):
    out, at, todo = [], 0, list(titles)
    while at < len(data):
        piece = data[at:at + interval]
        out.append(piece)
        at += len(piece)
        if len(piece) == interval:
            due = [t for p, t in todo if p <= at]
            todo = [(p, t) for p, t in todo if p > at]
            out.append(title_block(due[-1] if due else None))
    return b"".join(out)
