"""A seek lands on the sample, in every format that can be sought, far forwards and far back.

What is heard after it is compared with what is heard there when the file is played from its start.
"""
import numpy as np
import pytest

from lib import FRAME, frames_of, opus, sound
from lib.client import PLENTY

SECOND = 48000
LENGTH = 20 * SECOND + 4321
TARGETS = (14.1234, 4.3457, 18.9, 0.5, 0.0, 9.02)
BARE = "-write_xing 0 -id3v2_version 0"
FORMATS = {
    "vbr.mp3": "-c:a libmp3lame -q:a 3 -ar 44100", "vbr-bare.mp3": f"-c:a libmp3lame -q:a 3 {BARE}",
    "cbr.mp3": "-c:a libmp3lame -b:a 160k -ar 44100", "cbr-bare.mp3": f"-c:a libmp3lame -b:a 160k -ar 44100 {BARE}",
    "a.mp2": "-c:a mp2 -b:a 192k", "a.m4a": "-c:a aac -b:a 160k -ar 44100", "adts.aac": "-c:a aac -b:a 160k",
    "fragments.mp4": "-c:a aac -b:a 160k -movflags frag_keyframe+empty_moov", "a.flac": "-c:a flac -ar 44100",
    "a.oga": "-c:a flac -f ogg", "a.wav": "-c:a pcm_s16le -ar 44100", "a.aiff": "-c:a pcm_s24be",
    "a.ogg": "-c:a libvorbis -q:a 5 -ar 44100", "a.mka": "-c:a libmp3lame -q:a 4", "a.wma": "-c:a wmav2 -b:a 160k",
    "a.ac3": "-c:a ac3 -b:a 256k", "a.opus": "-c:a libopus -b:a 128k", "a.webm": "-c:a libopus -b:a 128k",
}


@pytest.fixture(scope="module")
def song():
    return sound.music(LENGTH, 2, 5)


@pytest.mark.parametrize("name", FORMATS)
def test_seek_lands_on_the_sample(client, media, song, name):
    path = media.of(f"seek-{name}", song, FORMATS[name])
    through = client.play_through(path)
    assert through.end["type"] == "finished", through.end
    whole = through.heard()
    passes = through.ready["passthrough"]
    started = client.start(path, credit=10)
    channel, taken, marks = started["channel"], 10, []
    client.audio.wait_frames(channel, taken)
    for target in TARGETS:
        position = client.expect("seeked", "seek", channel, position=target)["position"]
        exact = int(target * SECOND / FRAME + 1e-6) * FRAME if passes else round(target * SECOND)
        assert position == pytest.approx(exact / SECOND, abs=0.0006), "the answer"
        marks.append((taken, target, exact))
        client.audio.credit(channel, 20)
        taken += 20
        client.audio.wait_frames(channel, taken)
    client.expect("stopped", "stop", channel)
    heard = opus.decode(client.audio.wait_ends(channel).packets)
    for frame, target, exact in marks:
        # The codec's window makes the frame at the seek one of both sides.
        got, there = (np.asarray(wave[at + 2 * FRAME:at + 20 * FRAME], np.float64)
                      for wave, at in ((heard, frame * FRAME), (whole, exact)))
        off = sound.lag_of(got, there, 3 * FRAME)
        assert off == 0, f"the seek to {target} is off by {off} samples"
        assert sound.snr(got, there, 0) > 15, f"the seek to {target}"


@pytest.mark.parametrize("name", ["vbr-bare.mp3", "a.flac", "a.opus"])
def test_after_a_seek_it_ends_where_it_ends(client, media, song, name):
    """The frames from the new position on, no more and no less; beyond the end there are none."""
    path = media.of(f"seek-{name}", song, FORMATS[name])
    whole = len(client.play_through(path).packets)
    for target in (19.0, 100.0):
        started = client.start(path, credit=10)
        client.audio.wait_frames(started["channel"], 10)
        position = client.expect("seeked", "seek", started["channel"], position=target)["position"]
        client.audio.credit(started["channel"], PLENTY)
        end = client.control.terminal(started["play_id"])
        assert end["type"] == "finished"
        begun = round(position * SECOND) // FRAME
        assert end["frames"] == 10 + (whole - begun if target < 20 else 0)
        assert whole == pytest.approx(frames_of(LENGTH), abs=4)
