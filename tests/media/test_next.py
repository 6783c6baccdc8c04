"""One play behind another in the same worker: no sample lost or added, and each at its own volume."""
import numpy as np
import pytest

from lib import FRAME, LOOKAHEAD, decode_opus, ffmpeg_decode, find_lag, play, snr


WAV = "-c:a pcm_s16le"
TWO = ("--depth", 50, "--next")  # so shallow that the next one is open before the end is made


def frames_for(end, lag, start=0):
    return -(-(end + lag - start) // FRAME)


def level(reference, heard):
    return float(np.sum(reference * heard) / np.sum(reference * reference))


def wavs(make, seconds):
    return make("a.wav", WAV, seconds=seconds, seed=3), make("b.wav", WAV, seconds=2, seed=7)


def check_next(played, b, at, gain):
    """`at`: the sample of what was decoded that is the first of the next play."""
    assert played.next_opened and not played.next_late
    heard = decode_opus([f[3] for f in played.frames])[at:][:len(b)]
    part = slice(FRAME, FRAME + 48000)
    assert find_lag(b[part], heard[part]) == 0
    assert level(b[part], heard[part]) == pytest.approx(gain, rel=0.03)
    assert snr(b[FRAME:] * gain, heard[FRAME:]) > 15


@pytest.mark.parametrize("seconds", [2, 2.004, 1.9999])  # an end between two frames, and within one
@pytest.mark.parametrize("levels", [(1, 0.5), (0.5, 0.5), (0.3, 1)])
def test_the_next_has_its_own_volume(tools, make, seconds, levels):
    first, second = wavs(make, seconds)
    played = play(tools, first, "--gain", levels[0], *TWO, second, "--next-gain", levels[1])
    n = round(seconds * 48000)
    assert played.joined and played.joined[1] == n
    check_next(played, ffmpeg_decode(second), n + LOOKAHEAD, levels[1])


@pytest.mark.parametrize("seconds", [2, 2.004])
def test_no_sample_is_lost_behind_a_limiter(tools, make, seconds):
    """It holds some back, as long as the render lasts that began loud."""
    first, second = wavs(make, seconds)
    played = play(tools, first, "--gain", 1.5, "--at", 10, "volume", 0.8, *TWO, second, "--next-gain", 0.5)
    n = round(seconds * 48000)
    assert played.joined[1] == n
    check_next(played, ffmpeg_decode(second), n + LOOKAHEAD, 0.5)
