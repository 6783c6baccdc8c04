"""The tools of the end-to-end tests: a daemon, its two sockets, media, and an ear.

Nothing here knows how the daemon is made. What it may rely on is docs/protocol.md.
"""
import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
BUILD = REPOSITORY / os.environ.get("TUTTI_BUILD", "build")
TUTTID = BUILD / "tuttid"
TUTTI = BUILD / "tutti"

# Every wait has a deadline. It is long because it says "broken", never "slow".
DEADLINE = float(os.environ.get("TUTTI_E2E_DEADLINE", "15"))

FRAME = 960  # samples of 20 ms at 48 kHz
LOOKAHEAD = 312  # samples by which libopus lags behind its input


def frames_of(samples, lag=LOOKAHEAD):
    """The number of frames that a source of so many 48 kHz samples must give."""
    return -(-(samples + lag) // FRAME)
