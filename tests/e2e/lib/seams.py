"""The ear for changes: what is heard at a seam, and whether it is where it should be."""
import numpy as np

from lib import FRAME, LOOKAHEAD, opus, sound

WINDOW = 240  # samples: 5 ms
TONE = 1013  # Hz: 20.26 periods a frame, so that a frame too many or too few shows in the phase


def tone(n_samples, amplitude=0.3, pitch=TONE):
    wave = amplitude * np.sin(2 * np.pi * pitch / sound.RATE * np.arange(n_samples))
    return np.stack([wave, 0.8 * wave], 1).astype(np.float32)


def chirp(n_samples, low=200, high=6000):
    """A sweep: no two parts alike, and an even loudness."""
    t = np.arange(n_samples) / n_samples
    turns = low * n_samples / sound.RATE / np.log(high / low) * ((high / low) ** t - 1)
    wave = 0.4 * np.sin(2 * np.pi * turns)
    return np.stack([wave, wave], 1).astype(np.float32)


def aligned(packets, lag=LOOKAHEAD):
    """The decoded packets without their constant lag: sample 0 is the source's sample 0."""
    return opus.decode(packets)[lag:]


def loudness(heard):
    """RMS of every 5 ms of the first channel."""
    n = len(heard) // WINDOW
    return np.sqrt(np.mean(heard[:n * WINDOW, 0].reshape(n, WINDOW).astype(np.float64) ** 2, 1))


def clicks(heard, above=5000):
    """What every 5 ms of the first channel holds above a pitch, in dB of full scale: a click is heard there."""
    spectrum = np.fft.rfft(heard[:, 0].astype(np.float64))
    spectrum[:int(above * len(heard) / sound.RATE)] = 0
    high = np.fft.irfft(spectrum, len(heard))
    return 20 * np.log10(loudness(high[:, None]) + 1e-9)


def likeness(heard, source):
    """For each frame of heard, how much it is what source has there: 1 is the same, at any loudness."""
    n = min(len(heard), len(source)) // FRAME
    h = heard[:n * FRAME].astype(np.float64).reshape(n, -1)
    s = source[:n * FRAME].astype(np.float64).reshape(n, -1)
    return np.sum(h * s, 1) / np.sqrt(np.sum(h * h, 1) * np.sum(s * s, 1) + 1e-12)


def expected(source, pieces):
    """What ought to be heard: pieces are (first sample in the source, number of frames)."""
    out = []
    for place, frames in pieces:
        part = source[max(0, place):max(0, place) + frames * FRAME]
        out.append(np.pad(part, ((0, frames * FRAME - len(part)), (0, 0))))
    return np.concatenate(out)


def longest_hole(heard, floor):
    """Samples of the longest stretch of 5 ms windows below that RMS."""
    longest = now = 0
    for quiet in loudness(heard) < floor:
        now = now + 1 if quiet else 0
        longest = max(longest, now)
    return longest * WINDOW
