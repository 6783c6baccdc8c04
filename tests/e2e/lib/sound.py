"""Making sound, and comparing what was heard with what should have been heard."""
import functools
import subprocess

import numpy as np

from lib import FRAME, LOOKAHEAD, opus

RATE = 48000


def music(n_samples, channels=2, seed=0):
    """Chords, a sweep and bursts of noise: no part of it looks like another, so that a shift
    by a single sample shows. float32, n × channels, peak 0.5."""
    rng = np.random.default_rng(1000 + seed)
    t = np.arange(n_samples) / RATE
    out = np.zeros((n_samples, channels))
    for start in range(0, n_samples, RATE // 8):
        part = t[start:start + RATE // 2] - t[start]
        for pitch in 110 * 2 ** (rng.integers(0, 48, 3) / 12):
            tone = sum(np.sin(2 * np.pi * pitch * k * part + rng.uniform(0, 6)) / k ** 1.5
                       for k in range(1, 6))
            tone *= np.exp(-5 * part) * np.minimum(1, part / 0.003)
            out[start:start + len(part)] += tone[:, None] * rng.uniform(0.3, 1, channels)
    length = n_samples / RATE
    sweep = np.sin(2 * np.pi * 150 * length / np.log(30) * (30 ** (t / length) - 1) + seed)
    out += 0.4 * sweep[:, None] * rng.uniform(0.6, 1, channels)
    for start in range(0, n_samples, RATE * 2 // 5):
        burst = rng.normal(0, 0.12, (RATE // 30, channels))
        burst[1:] += burst[:-1]
        end = min(n_samples, start + len(burst))
        out[start:end] += burst[:end - start]
    return (0.5 * out / np.abs(out).max()).astype(np.float32)


@functools.lru_cache(maxsize=None)
def reference(path):
    """What the file holds, by ffmpeg: 48 kHz stereo float32, downmixed so that it cannot clip."""
    probe = subprocess.run(["ffprobe", "-v", "error", "-select_streams", "a:0", "-show_entries",
                            "stream=codec_name,channels", "-of", "csv=p=0", path],
                           capture_output=True, text=True, check=True)
    codec, channels = probe.stdout.split()[0].strip(",").split(",")
    options = ["-c:a", "libopus"] if codec == "opus" else []
    layout = "mono" if channels == "1" else "stereo"
    resample = f"aresample={RATE}:rematrix_maxval=1,aformat=flt:channel_layouts={layout}:sample_rates={RATE}"
    if layout == "mono":  # a decoder of Opus makes mono no quieter, nor does anything else here
        resample += ",pan=stereo|c0=c0|c1=c0"
    raw = subprocess.run(["ffmpeg", "-v", "error", *options, "-i", path, "-map", "0:a:0", "-af", resample,
                          "-f", "f32le", "-"], stdin=subprocess.DEVNULL, capture_output=True, check=True).stdout
    return np.frombuffer(raw, np.float32).reshape(-1, 2)


def lag_of(heard, source, limit=RATE):
    """By how many samples heard is behind source: where their correlation is greatest."""
    a, b = heard.sum(axis=1, dtype=np.float64), source.sum(axis=1, dtype=np.float64)
    size = 1 << int(np.ceil(np.log2(len(a) + len(b))))
    match = np.fft.irfft(np.fft.rfft(a, size) * np.conj(np.fft.rfft(b, size)), size)
    limit = min(limit, size // 2 - 1)
    lags = np.r_[0:limit + 1, -limit:0]
    return int(lags[np.argmax(match[lags])])


def overlap(heard, source, lag):
    """The parts of both that belong together when heard is behind by lag."""
    if lag >= 0:
        heard = heard[lag:]
    else:
        source = source[-lag:]
    n = min(len(heard), len(source))
    return heard[:n].astype(np.float64), source[:n].astype(np.float64)


def gain_of(heard, source, lag):
    h, s = overlap(heard, source, lag)
    return float(np.vdot(h, s) / np.vdot(s, s))


def snr(heard, source, lag, skip=0):
    """Signal to noise in dB at that lag, after matching the gain."""
    h, s = overlap(heard, source, lag)
    h, s = h[skip:], s[skip:]
    scaled = s * (np.vdot(h, s) / np.vdot(s, s))
    noise = np.sum((h - scaled) ** 2)
    return float(10 * np.log10(np.sum(scaled ** 2) / noise)) if noise > 0 else 200.0


def oracle(source):
    """The SNR that libopus itself reaches on this source with the daemon's settings."""
    return snr(opus.decode(opus.encode(source)), source, LOOKAHEAD)


def check_transcoded(packets, source, gain=1.0, lag=LOOKAHEAD):
    """The packets carry that source, exactly LOOKAHEAD behind, as well as libopus can."""
    heard = opus.decode(packets)
    found = lag_of(heard, source)
    assert found == lag, f"the audio is off by {found - lag} samples"
    measured = gain_of(heard, source, lag)
    assert abs(measured / gain - 1) < 0.05, f"gain {measured:.3f}, wanted {gain}"
    got, want = snr(heard, source, lag), oracle(source)
    assert got > want - 2, f"SNR {got:.1f} dB, libopus itself reaches {want:.1f} dB"


def piece(heard, first_frame, n_frames):
    """Some frames of decoded audio."""
    return heard[first_frame * FRAME:(first_frame + n_frames) * FRAME]
