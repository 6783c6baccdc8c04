"""A yt-dlp that stays loaded: one request a line on standard input, one answer a line on standard output.

    tutti_extract.py PROGRAM SOCKET_TIMEOUT [PROXY]

PROGRAM is the yt-dlp program whose module is wanted; it is run by the Python that its first line
names. It says {"ready": VERSION} once, or {"unusable": REASON} and ends. Then, for each

    {"what": "https://…"}

it answers {"info": {…}} with the part of yt-dlp's info dictionary that tuttid reads, or
{"error": "…"}. It ends with its standard input.
"""

import json
import os
import sys
import zipfile

ENTRIES_MAX = 3
FORMATS_MAX = 500
# What is read of an info dictionary, and of a format.
KEYS = (
    "_type", "title", "duration", "is_live", "live_status", "thumbnail", "playlist_count",
    "url", "http_headers", "cookies", "protocol", "acodec", "vcodec", "abr", "tbr", "asr", "height",
    "preference", "language_preference", "has_drm",
)


class Log:
    """What yt-dlp says goes to standard error, where tuttid keeps the end of it."""

    def debug(self, message):
        pass

    info = debug

    def warning(self, message):
        print("WARNING:", message, file=sys.stderr, flush=True)

    def error(self, message):
        pass  # It is in the exception as well.


def plain(value):
    """The value as JSON has it, or None: what yt-dlp holds may be anything."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, (bool, int)):
        return value
    if isinstance(value, dict) or hasattr(value, "items"):
        return {str(k): plain(v) for k, v in value.items() if isinstance(v, str)}
    return None


def cut(info):
    """What tuttid reads of an info dictionary, and nothing else."""
    if not isinstance(info, dict):
        return None
    out = {key: plain(info[key]) for key in KEYS if info.get(key) is not None}
    for key in ("formats", "requested_formats"):
        formats = info.get(key)
        if isinstance(formats, (list, tuple)):
            # The better ones stand behind.
            out[key] = [cut(one) for one in formats[-FORMATS_MAX:]]
    if info.get("entries") is not None:
        entries = []
        for entry in info["entries"]:
            entries.append(cut(entry))
            if len(entries) == ENTRIES_MAX:
                break
        out["entries"] = entries
    return out


def options(yt_dlp, socket_timeout, proxy):
    """The same as the program is given on its command line."""
    chosen = {
        "quiet": True,
        "noprogress": True,
        "no_color": True,
        "logger": Log(),
        "noplaylist": True,
        "playlist_items": "1",
        "lazy_playlist": True,
        "cachedir": False,
        "format": "bestaudio/best",
        "socket_timeout": socket_timeout,
    }
    if proxy:
        chosen["proxy"] = proxy
    try:
        from yt_dlp.globals import supported_js_runtimes
        if "node" in supported_js_runtimes.value:
            chosen["js_runtimes"] = {"deno": {}, "node": {}}
    except (ImportError, AttributeError):
        pass  # Older ones have an interpreter of their own.
    return chosen


def serve(ydl, say):
    for line in sys.stdin.buffer:
        what = json.loads(line)["what"]
        try:
            answer = {"info": cut(ydl.extract_info(what, download=False))}
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # yt-dlp's cancellations are no Exceptions
            answer = {"error": plain(str(error)) or type(error).__name__}
        say(answer)


def main():
    program, socket_timeout = sys.argv[1], float(sys.argv[2])
    # Nothing but answers may come this way, whatever a site's code prints.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    os.dup2(2, sys.stdout.fileno())

    def say(answer):
        out.write(json.dumps(answer, allow_nan=False) + "\n")
        out.flush()

    # The script's own directory holds no modules that yt-dlp should find.
    sys.path.pop(0)
    if zipfile.is_zipfile(program):
        sys.path.insert(0, program)
    try:
        import yt_dlp
        import yt_dlp.version
        ydl = yt_dlp.YoutubeDL(options(yt_dlp, socket_timeout, sys.argv[3] if len(sys.argv) > 3 else None))
    except Exception as error:
        say({"unusable": f"{type(error).__name__}: {error}"[:500]})
        return 3
    say({"ready": yt_dlp.version.__version__})
    serve(ydl, say)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
