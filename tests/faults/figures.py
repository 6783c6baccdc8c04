"""What was lost, repeated or shifted in what a victim's listener heard."""
from typing import NamedTuple

import numpy as np

from lib import FRAME, opus, sound

STEP = 12  # frames: the heard is compared piece by piece
REACH = 100000  # samples: as far as a piece is looked for
LOOK_BACK = 2  # frames that the ear needs to get into a piece


class Figures(NamedTuple):
    lost: int  # frames
    repeated: int  # frames
    shift: int  # samples, from the first piece to the last
    gap_ms: float
    worst: float  # likeness of the frame that is least what it should be: 1 is the same


def gap_ms(run):
    times = [frame.at for frame in run.frames]
    return 1000 * max((b - a for a, b in zip(times, times[1:])), default=0)


def _lag(heard, source, guess):
    """By how much a piece is behind its place: near `guess` first, then further away."""
    for reach in (480, REACH):
        low = max(0, -guess - reach)
        high = max(low, min(len(source), len(heard) - guess + reach))
        part = source[low:high].sum(1, dtype=np.float64)
        piece = heard.sum(1, dtype=np.float64)
        size = 1 << int(np.ceil(np.log2(len(part) + len(piece) + 1)))
        match = np.fft.irfft(np.fft.rfft(part, size) * np.conj(np.fft.rfft(piece, size)), size)
        match = match[:max(1, len(part) - len(piece) + 1)]
        energy = np.concatenate([[0], np.cumsum(part * part)])
        n = len(match)
        norm = np.sqrt(np.maximum(energy[len(piece):len(piece) + n] - energy[:n], 1e-9))
        score = match / (norm * np.sqrt(np.sum(piece * piece) + 1e-9))
        best = int(np.argmax(score))
        if score[best] > 0.8:
            return -(low + best), float(score[best])
    return -(low + best), float(score[best])


def _pieces(heard, source):
    """(first sample of the piece, its lag) for each piece that is whole."""
    lag, out = 312, []
    for start in range(STEP * FRAME, len(heard) - STEP * FRAME + 1, STEP * FRAME):
        piece = heard[start:start + STEP * FRAME]
        if start - lag + len(piece) + 480 > len(source):
            break
        place, _ = _lag(piece, source, lag - start)
        lag = start + place
        out.append((start, lag))
    return out


def _likeness(heard, source, lag):
    """Of every frame, against what belongs there."""
    n = (min(len(heard), len(source) + lag) // FRAME - 1) * FRAME
    want = np.zeros((n, 2), np.float32)
    want[lag:] = source[:n - lag]
    h = heard[:n].astype(np.float64).reshape(n // FRAME, -1)
    s = want.astype(np.float64).reshape(n // FRAME, -1)
    energy = np.sum(s * s, 1)
    like = np.sum(h * s, 1) / np.sqrt(np.sum(h * h, 1) * energy + 1e-12)
    return like[energy > 0.01 * np.median(energy)]


def of(run, path, kind):
    """Figures of a run that should be the whole of that file."""
    source, heard = sound.reference(path), opus.decode(run.packets)
    pieces = _pieces(heard, source)
    lags = [lag for _, lag in pieces]
    steps = [round((b - a) / FRAME) for a, b in zip(lags, lags[1:])]
    lost = sum(-s for s in steps if s < 0)
    repeated = sum(s for s in steps if s > 0)
    shift = lags[-1] - lags[0] if lags else 0
    worst = float(_likeness(heard, source, lags[0]).min()) if lags and not shift else 0.0
    return Figures(lost, repeated, shift, gap_ms(run), worst)
