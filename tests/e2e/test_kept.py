"""What a worker keeps of the source, to make again what lies in the ring, is bounded: 0.3 MB at the default depth.

Sources that are nearly as large as the sound itself are read again instead; one hears no difference.
"""
import re
import time

import pytest

from lib import FRAME, seams, sound
from lib.client import Client

BOUND = 300_000  # bytes
KINDS = {
    "kept.mp3": "-c:a libmp3lame -b:a 320k", "kept.opus": "-c:a libopus -b:a 500k -vbr off",
    "kept.ac3": "-c:a ac3 -b:a 640k", "kept.m4a": "-c:a aac -b:a 320k", "kept.flac": "-c:a flac",
    "kept.wav": "-c:a pcm_s24le", "kept-96k.wav": "-c:a pcm_f32le -ar 96000", "kept.mka": "-c:a flac",
}
READ_AGAIN = (".flac", ".wav", ".mka")


@pytest.fixture(scope="module")
def song():
    return sound.music(14 * 48000)


@pytest.mark.parametrize("name", KINDS)
def test_what_is_kept(new_daemon, media, song, name):
    path = media.of(name, song, KINDS[name])
    daemon = new_daemon("--log-level", "debug")
    with Client(daemon) as client:
        started = client.start(path, credit=300)
        channel = started["channel"]
        client.audio.wait_frames(channel, 300)
        client.wait_buffered(channel, 3)
        # All of it is made again from what is kept, or from the source.
        client.expect("volume", "volume", channel, level=0.5)
        client.audio.credit(channel, 260)
        client.audio.wait_frames(channel, 560)
        client.expect("stopped", "stop", channel)
        heard = seams.aligned(client.audio.wait_ends(channel).packets)
    kept = [int(n) for n in re.findall(r"(\d+) bytes of packets are kept", daemon.stderr_path.read_text())]
    assert len(kept) > 5
    assert max(kept) < (50_000 if name.endswith(READ_AGAIN) else BOUND), kept
    wrong = [n for n, like in enumerate(seams.likeness(heard, sound.reference(path))[:559]) if like < 0.85]
    assert not wrong, f"frames {wrong} are not what belongs there"
    after = heard[310 * FRAME:550 * FRAME]
    assert sound.gain_of(after, sound.reference(path)[310 * FRAME:550 * FRAME], 0) == pytest.approx(0.5, abs=0.03)
