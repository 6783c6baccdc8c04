"""Real music in the formats that are measured, made once and kept in the build directory."""
import subprocess
from pathlib import Path

# From Debian's frozen-bubble-data: five minutes of music, 44.1 kHz stereo.
MUSIC = Path("/usr/share/games/frozen-bubble/snd/frozen-mainzik-1p.ogg")

# What people play: 44.1 kHz except where the codec knows only 48.
FORMATS = {
    "mp3": (".mp3", ["-c:a", "libmp3lame", "-b:a", "192k"]),
    "aac": (".m4a", ["-c:a", "aac", "-b:a", "160k"]),
    "flac": (".flac", ["-c:a", "flac"]),
    "opus": (".webm", ["-ar", "48000", "-c:a", "libopus", "-b:a", "128k"]),
}


TYPES = {"mp3": "audio/mpeg", "aac": "audio/mp4", "flac": "audio/flac", "opus": "audio/webm"}


def make(folder, kind, seconds):
    """The path of `seconds` of music in that format."""
    suffix, options = FORMATS[kind]
    path = folder / f"{kind}-{seconds}s{suffix}"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f"part-{path.name}"
        subprocess.run(["ffmpeg", "-v", "error", "-y", "-stream_loop", "-1", "-i", MUSIC, "-t", str(seconds),
                        *options, part], check=True, stdin=subprocess.DEVNULL)
        part.rename(path)
    return path
