"""A web site on loopback: pages with media in them, links that expire, answers that do not come."""
import http.server
import re
import shutil
import threading
import time
from pathlib import Path

from lib import DEADLINE, REPOSITORY


def find_yt_dlp():
    """The yt-dlp that script/setup fetched, else of PATH."""
    own = REPOSITORY / "build-yt-dlp" / "bin" / "yt-dlp"
    found = own if own.exists() else shutil.which("yt-dlp")
    assert found, "there is no yt-dlp: run script/setup yt-dlp"
    return str(found)


# Python starts slowly on a busy machine.
LONG = 4 * DEADLINE


def wait_until(true, what, seconds=LONG):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not in time: {what}"
        time.sleep(0.02)


def extractor(client):
    return client.expect("stats", "stats")["extractor"]


def children(daemon):
    """Processes of ours that are neither the daemon's workers nor its fetcher."""
    return [p for p in daemon.processes() if not p.name.startswith("tutti-")]


def page(title, *sources, extra=""):
    audio = "".join(f'<audio src="{source}"></audio>' for source in sources)
    return (f'<html><head><title>{title}</title><meta property="og:title" content="{title}">{extra}</head>'
            f"<body><h1>{title}</h1>{audio}</body></html>").encode()


class Site:
    """Routes: path → bytes (HTML), Path (a file), a number (a status), or a function of the handler."""

    def __init__(self):
        self.routes = {}
        self.requests = []  # (path, whether yt-dlp asked for the page)
        self._news = threading.Condition()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                outer.serve(self)

            do_HEAD = do_GET

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_port
        self.base = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def serve(self, handler):
        path = handler.path.split("?")[0]
        with self._news:
            self.requests.append((path, "Sec-Fetch-Mode" in handler.headers))
            self._news.notify_all()
        route = self.routes.get(path, 404)
        try:
            if callable(route):
                route = route(handler)
            if isinstance(route, bytes):
                self.send(handler, route, "text/html; charset=utf-8")
            elif isinstance(route, (str, Path)):
                self.send(handler, Path(route).read_bytes(), "audio/ogg")
            elif isinstance(route, int):
                handler.send_error(route)
        except OSError:
            handler.close_connection = True

    def send(self, handler, body, kind, cut=None):
        """The body, or the range that is asked for; after `cut` bytes of it the connection is lost."""
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", handler.headers.get("Range", ""))
        first, last = (int(asked[1]), int(asked[2] or len(body) - 1)) if asked else (0, len(body) - 1)
        if asked and first >= len(body):
            handler.send_error(416)
            return
        part = body[first:last + 1]
        handler.send_response(206 if asked else 200)
        if asked:
            handler.send_header("Content-Range", f"bytes {first}-{first + len(part) - 1}/{len(body)}")
        handler.send_header("Content-Type", kind)
        handler.send_header("Accept-Ranges", "bytes")
        handler.send_header("ETag", f'"{len(body)}"')
        handler.send_header("Content-Length", str(len(part)))
        handler.end_headers()
        if handler.command == "GET":
            handler.wfile.write(part if cut is None else part[:cut])
        if cut is not None:
            handler.close_connection = True

    def count(self, path, by_yt_dlp=None):
        with self._news:
            return sum(1 for p, asked in self.requests if p == path and by_yt_dlp in (None, asked))

    def wait(self, path, by_yt_dlp=None, times=1, seconds=3 * DEADLINE):
        """Return when the path has been asked for so often."""
        def there():
            return sum(1 for p, a in self.requests if p == path and by_yt_dlp in (None, a)) >= times
        with self._news:
            assert self._news.wait_for(there, seconds), f"{path} was not asked for: {self.requests}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()
