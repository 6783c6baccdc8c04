"""Media made by ffmpeg, played through a real worker, decoded by libopus."""
import ctypes
import struct
import subprocess
import wave
from dataclasses import dataclass, field

import numpy as np

RATE, FRAME, LOOKAHEAD = 48000, 960, 312
UNKNOWN, ESTIMATED, EXACT = range(3)  # enum duration_kind
PASSED, END, TAIL = 2, 1, 8

_opus = ctypes.CDLL("libopus.so.0")
_opus.opus_decoder_create.restype = ctypes.c_void_p
_opus.opus_decoder_destroy.argtypes = [ctypes.c_void_p]
_FLOATS = ctypes.POINTER(ctypes.c_float)
_opus.opus_decode_float.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32, _FLOATS,
                                    ctypes.c_int, ctypes.c_int]


def decode_opus(packets):
    error = ctypes.c_int()
    decoder = _opus.opus_decoder_create(RATE, 2, ctypes.byref(error))
    out, room = [], np.empty((5760, 2), np.float32)
    for packet in packets:
        n = _opus.opus_decode_float(decoder, packet, len(packet), room.ctypes.data_as(_FLOATS),
                                    5760, 0)
        assert n == FRAME, f"a packet of {n} samples"
        out.append(room[:n].copy())
    _opus.opus_decoder_destroy(decoder)
    return np.concatenate(out) if out else np.zeros((0, 2), np.float32)


def music(seconds, rate=RATE, channels=2, seed=1):
    """Sound with an unmistakable shape at every instant: gliding tones under changing noise."""
    rng = np.random.default_rng(seed)
    n = int(round(seconds * rate))
    t = np.arange(n) / rate
    top = min(6000, rate * 0.35)
    out = np.empty((n, channels), np.float32)
    for c in range(channels):
        glide = 150 + 60 * c + (top / 4) * (1 + np.sin(2 * np.pi * (0.31 + 0.07 * c) * t)) / 2
        tone = np.sin(2 * np.pi * np.cumsum(glide) / rate)
        tone += 0.5 * np.sin(2 * np.pi * np.cumsum(glide * 1.5 + 40) / rate)
        noise = rng.standard_normal(n)
        width = max(2, int(rate / top * 1.2))
        noise = np.convolve(noise, np.ones(width) / width, "same")
        swell = 0.5 + 0.5 * np.sin(2 * np.pi * 1.7 * t + c)
        out[:, c] = 0.22 * tone + 0.08 * swell * noise
    return out


def write_wav(path, pcm, rate=RATE):
    with wave.open(str(path), "wb") as f:
        f.setnchannels(pcm.shape[1])
        f.setsampwidth(2)
        f.setframerate(rate)
        f.writeframes((np.clip(pcm, -1, 1) * 32767).astype("<i2").tobytes())


def ffmpeg(*args):
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", *map(str, args)], check=True)


def channels_of(path):
    return int(subprocess.run(["ffprobe", "-v", "error", "-select_streams", "a:0", "-show_entries", "stream=channels",
                               "-of", "default=nk=1:nw=1", str(path)], check=True, capture_output=True,
                              text=True).stdout.split()[0])


def ffmpeg_decode(path):
    """What ffmpeg makes of it at 48 kHz, mixed as for integers; one channel on both sides."""
    n_channels = min(channels_of(path), 2)
    raw = subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-i", str(path), "-map", "0:a:0", "-f",
                          "s16le", "-ac", str(n_channels), "-ar", str(RATE), "-"], check=True,
                         capture_output=True).stdout
    pcm = np.frombuffer(raw, "<i2").reshape(-1, n_channels).astype(np.float32) / 32768
    return np.repeat(pcm, 2 // n_channels, axis=1)


@dataclass
class Played:
    opened: list = None
    title: str = ""
    frames: list = field(default_factory=list)  # (pos, flags, (byte, packet) of its hint, packet)
    end: int = None
    warnings: list = field(default_factory=list)
    titles: list = field(default_factory=list)
    lengths: list = field(default_factory=list)  # (duration, kind, is it live), as told after `opened`
    failed: str = None
    render_failed: list = field(default_factory=list)
    switched: list = field(default_factory=list)
    next_opened: bool = False
    next_late: bool = False
    next_failed: str = None
    joined: tuple = None  # (frames of the first play, its end)

    @property
    def lag(self):
        return self.opened[2]

    @property
    def passed(self):
        return [bool(f[1] & PASSED) for f in self.frames]

    def pcm(self):
        return decode_opus([f[3] for f in self.frames])


def play(tools, path, *options, fds=(), timeout=20):
    out = subprocess.run([tools.play, tools.worker, str(path), *map(str, options)], check=True,
                         capture_output=True, text=True, timeout=timeout, pass_fds=fds)
    return parse(out.stdout.splitlines())


def parse(lines):
    played = Played()
    for line in lines:
        kind, _, rest = line.partition(" ")
        if kind == "opened":
            parts = rest.split(" ", 7)
            played.opened = [int(x) for x in parts[:7]]
            played.title = parts[7]
        elif kind == "frame":
            p = rest.split(" ")
            played.frames.append((int(p[0]), int(p[1]), (int(p[2]), int(p[3])), bytes.fromhex(p[4])))
        elif kind == "end":
            played.end = int(rest)
        elif kind == "warning":
            played.warnings.append(rest)
        elif kind == "length":
            played.lengths.append(tuple(map(int, rest.split(" "))))
        elif kind == "title":
            played.titles.append(rest)
        elif kind == "failed":
            played.failed = rest
        elif kind == "render_failed":
            played.render_failed.append(rest)
        elif kind == "switched":
            played.switched.append(int(rest))
        elif kind == "join":
            played.joined = len(played.frames), int(rest)
        elif kind == "next_opened":
            played.next_opened, played.next_late = True, rest == "1"
        elif kind == "next_failed":
            played.next_failed = rest
    return played


def snr(reference, heard):
    n = min(len(reference), len(heard))
    r, h = reference[:n].astype(np.float64), heard[:n].astype(np.float64)
    return 10 * np.log10(np.sum(r * r) / max(np.sum((r - h) ** 2), 1e-12))


def shifted(pcm, n):
    """pcm[n:], with silence in front when n is negative."""
    return pcm[n:] if n >= 0 else np.concatenate([np.zeros((-n, 2), np.float32), pcm])


def find_lag(reference, heard, span=3000):
    """By how many samples `heard` is late."""
    n = min(len(reference), len(heard), 1 << 17)
    a, b = reference[:n].sum(1), heard[:n].sum(1)
    size = 1 << (2 * n - 1).bit_length()
    c = np.fft.irfft(np.conj(np.fft.rfft(a, size)) * np.fft.rfft(b, size), size)
    c = np.concatenate([c[-span:], c[:span]])
    return int(np.argmax(c)) - span


def ogg_pages(content):
    """Where the granule positions of its pages are."""
    at = 0
    while at < len(content):
        yield at + 6
        lacing = content[at + 27:at + 27 + content[at + 26]]
        at += 27 + len(lacing) + sum(lacing)


_CRC = []
for _i in range(256):
    _r = _i << 24
    for _ in range(8):
        _r = (_r << 1 ^ (0x04c11db7 if _r & 0x80000000 else 0)) & 0xffffffff
    _CRC.append(_r)


def change_ogg_page(content, at, granule):
    """The page whose granule position is at `at` gets another one (RFC 3533 section 6)."""
    page = at - 6
    lacing = content[page + 27:page + 27 + content[page + 26]]
    end = page + 27 + len(lacing) + sum(lacing)
    struct.pack_into("<q", content, at, granule)
    struct.pack_into("<I", content, page + 22, 0)
    crc = 0
    for byte in content[page:end]:
        crc = (crc << 8 & 0xffffffff) ^ _CRC[crc >> 24 ^ byte]
    struct.pack_into("<I", content, page + 22, crc)
