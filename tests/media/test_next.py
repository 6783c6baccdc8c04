"""One play behind another in the same worker: no sample lost or added, and each at its own volume."""
import subprocess

import numpy as np
import pytest

from fetcher import Fetcher, Resource
from lib import FRAME, LOOKAHEAD, decode_opus, ffmpeg_decode, find_lag, parse, play, snr


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


@pytest.mark.parametrize("position", [2, 2.02, 2.2, 40])
def test_behind_a_seek_past_the_end_the_next_is_whole(tools, make, position):
    first, second = wavs(make, 2)
    played = play(tools, first, "--at", 10, "seek", round(position * 48000), *TWO, second, "--next-gain", 0.5)
    n_first, end = played.joined
    first_frames, next_frames = played.frames[:n_first], played.frames[n_first:]
    assert end == 96000 and all(f[0] < 96000 for f in first_frames)
    assert 0 <= next_frames[0][0] < FRAME and played.end == 96000
    assert len(next_frames) == frames_for(96000, LOOKAHEAD, next_frames[0][0])
    lag = LOOKAHEAD - next_frames[0][0]
    heard = decode_opus([f[3] for f in next_frames])
    b = ffmpeg_decode(second)
    assert find_lag(b[:48000], heard[:48000]) == lag
    assert snr(b[:960] * 0.5, heard[lag:][:960]) > 6, "its beginning"
    assert snr(b * 0.5, heard[lag:]) > 15


@pytest.mark.parametrize("first", ["a.wav", "a.opus"])
@pytest.mark.parametrize("second", ["b.wav", "b.opus"])
def test_one_worker_plays_both(tools, make, first, second):
    """Whether they are passed on or encoded."""
    codec = {"wav": WAV, "opus": "-c:a libopus"}
    a, b = (make(name, codec[name.split(".")[1]], seconds=2, seed=3) for name in (first, second))
    played = play(tools, a, *TWO, b)
    n_first, end = played.joined
    assert end == 96000 and n_first == frames_for(96000, played.lag)
    # One encoder runs across: the last frame of the first has the beginning of the next.
    begin = FRAME if first == "a.wav" and second == "b.wav" else 0
    assert played.frames[n_first][0] == begin and played.end == 96000


def play_remote_next(tools, first, resources, *options):
    fetcher = Fetcher(resources)
    fd = fetcher.theirs.fileno()
    try:
        return play(tools, first, *TWO, f"fd:{fd}", *options, fds=[fd])
    finally:
        fetcher.close()


@pytest.mark.parametrize("name", ["a.wav", "a.opus"])
def test_a_next_that_cannot_be_sought_has_no_position(tools, make, name):
    """And the current play is not to blame."""
    first = make(name, WAV if name == "a.wav" else "-c:a libopus", seconds=2, seed=3)
    data = make("b.mp3", "-c:a libmp3lame", seconds=2, seed=7).read_bytes()
    played = play_remote_next(tools, first, {"": Resource(data, flags=0, known=False)}, "--next-pos", 48000)
    assert played.next_failed.startswith("not_seekable") and not played.next_opened
    assert played.end == 96000 and not played.failed and not played.joined
    assert len(played.frames) == frames_for(96000, played.lag)


@pytest.mark.parametrize("seconds", [2, 2.004])
def test_a_next_that_fails_at_once_costs_the_current_play_nothing(tools, make, seconds):
    first, second = wavs(make, seconds)
    resource = Resource(second.read_bytes())
    resource.fail_at = 100000
    played = play_remote_next(tools, first, {"": resource}, "--next-pos", 48000)
    assert played.next_opened and played.next_failed == "source_failed it is gone"
    alone = play(tools, first)
    assert played.end == alone.end and not played.joined
    assert [f[:2] for f in played.frames] == [f[:2] for f in alone.frames]
    assert snr(alone.pcm(), played.pcm()) > 15


def test_a_next_that_fails_once_it_is_heard(tools, make):
    """The worker is told that it is while it waits for its source; afterwards it must close the right play."""
    first = make("a.opus", "-c:a libopus", seconds=2, seed=3)
    resource = Resource(make("b.mp3", "-c:a libmp3lame -b:a 128k", seconds=30, seed=7).read_bytes())
    resource.stall_at = 150000  # enough to open it, too little for its position
    fetcher = Fetcher({"": resource})
    fd = fetcher.theirs.fileno()
    command = [tools.play, tools.worker, first, *map(str, TWO), f"fd:{fd}", "--next-pos", str(20 * 48000),
               "--hold", "80", "22"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, pass_fds=[fd]) as process:
        lines = []
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            if line.startswith("join"):
                resource.fail_at = resource.stall_at
                fetcher.resume()
    fetcher.close()
    played = parse(lines)
    assert process.returncode == 0, "it did not close its play"
    assert played.joined and played.next_failed == "source_failed it is gone" and not played.failed
