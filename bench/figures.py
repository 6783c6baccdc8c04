"""Arithmetic on what was noted."""
import statistics

import numpy as np

FRAME_NS, PHASE_NS = 20_000_000, 5_000_000
QUANTILES = {"p50": 50, "p99": 99, "p999": 99.9}


def quantiles_us(late_ns):
    """p50, p99, p99.9 and the maximum [µs]."""
    if len(late_ns) == 0:
        return {}
    found = {key: round(float(np.percentile(late_ns, q)) / 1000, 1) for key, q in QUANTILES.items()}
    return {**found, "max": round(float(np.max(late_ns)) / 1000, 1)}


def lateness_ns(notes):
    """How late each frame was read, against the daemon's own schedule of absolute deadlines.

    The schedule is one for all channels (phases 5 ms apart, then every 20 ms), but the receiver is
    not told when it began: the earliest frame is taken to have been on time. A
    timer that is compared with it has its own earliest tick subtracted as well.
    """
    frames = notes[notes["len"] > 0]
    offset = frames["at_ns"].astype(np.int64) - frames["sequence"].astype(np.int64) * FRAME_NS
    channels, index = np.unique(frames["channel"], return_inverse=True)
    first = np.full(len(channels), np.iinfo(np.int64).max)
    np.minimum.at(first, index, offset)
    phase = np.rint((first - first.min()) / PHASE_NS).astype(np.int64)
    base = (first - phase * PHASE_NS).min()
    return offset - base - phase[index] * PHASE_NS


def gaps(notes):
    """Frames that never came: sequence numbers that are missing."""
    frames = notes[notes["len"] > 0]
    if len(frames) == 0:
        return 0
    newest = np.full(int(frames["channel"].max()) + 1, -1, dtype=np.int64)
    np.maximum.at(newest, frames["channel"], frames["sequence"].astype(np.int64))
    return int(np.sum(newest + 1)) - len(frames)


def spread(values):
    """Median with the smallest and largest."""
    values = [v for v in values if v is not None]
    if not values:
        return None
    return {"median": statistics.median(values), "min": min(values), "max": max(values), "n": len(values)}


CURVE = [0, 1, 5, 10, 25, 50, 75, 90, 95, 98, 99, 99.5, 99.8, 99.9, 99.95, 99.99, 100]


def curve_us(late_ns):
    """Pairs of a percentage and the lateness [µs] that so many frames stay below, for a plot."""
    return [[q, round(float(v) / 1000, 1)] for q, v in zip(CURVE, np.percentile(late_ns, CURVE))] if len(late_ns) else []


def line(xs, ys):
    """The straight line through points, and how much of their spread it explains (R²)."""
    slope, base = np.polyfit(xs, ys, 1)
    rest = np.asarray(ys) - (slope * np.asarray(xs) + base)
    spread_ = np.asarray(ys) - np.mean(ys)
    return {"slope": float(slope), "base": float(base), "r2": float(1 - np.sum(rest ** 2) / np.sum(spread_ ** 2))}
