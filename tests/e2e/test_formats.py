"""What every format must give: each frame, in its place, as good as libopus makes it."""
import subprocess

import pytest

from lib import FRAME, LOOKAHEAD, frames_of, ogg, opus, sound
from lib.catalogue import PASSED, REGROUPED, TRANSCODED
from lib.client import Client
from lib.media import USUAL


@pytest.fixture(scope="module")
def gallery(daemon, media):
    """All formats played at once through one daemon: name → (path, what came)."""
    recipes = {name: form.recipe for name, form in TRANSCODED.items()} | PASSED | REGROUPED
    paths = media.make_all(recipes)
    played, names = {}, list(recipes)
    with Client(daemon) as client:
        for start in range(0, len(names), 50):
            part = names[start:start + 50]
            for name, one in zip(part, client.gather([paths[name] for name in part])):
                played[name] = (paths[name], one)
    return played


def counts(samples, lag):
    """Frame counts that are right for a source whose length is known to a few samples."""
    return {frames_of(samples + d, lag) for d in (-8, 0, 8)}


def check_counts(one, samples, lag=LOOKAHEAD, others=()):
    """Every count agrees; others are lengths that would be right too."""
    assert one.end["type"] == "finished", one.end
    one.run.check()
    right = set().union(*(counts(n, lag) for n in (samples, *others)))
    assert len(one.packets) in right, f"{len(one.packets)} frames, wanted {right}"
    assert one.end["frames"] == len(one.packets) == one.run.end.sequence
    assert all(opus.samples(packet) == FRAME for packet in one.packets)
    assert one.end["position"] == pytest.approx(samples / sound.RATE, abs=0.1)


@pytest.mark.parametrize("name", TRANSCODED)
def test_transcoded(gallery, name):
    path, one = gallery[name]
    source = sound.reference(path)
    assert one.ready, one.end
    assert one.ready["passthrough"] is False
    assert one.ready["position"] == 0
    if TRANSCODED[name].duration:
        assert one.ready["duration"] == pytest.approx(len(source) / sound.RATE, abs=0.15)
    # ffmpeg leaves the padding of some containers in; the daemon may know better.
    check_counts(one, len(source), others=() if TRANSCODED[name].exact else (USUAL,))
    sound.check_transcoded(one.packets, source)


@pytest.mark.parametrize("name", PASSED)
def test_passed_through(gallery, name):
    path, one = gallery[name]
    assert one.ready, one.end
    assert one.ready["passthrough"] is True
    source = sound.reference(path)
    lag = 120 if name == "opus-low-delay" else LOOKAHEAD  # the file's pre-skip
    check_counts(one, USUAL, lag, others=(len(source),))
    heard = one.heard()
    assert sound.lag_of(heard, source) == lag
    assert sound.snr(heard, source, lag, skip=FRAME * 5) > 60
    if path.endswith("opus"):
        original = ogg.read(path).packets[:len(one.packets)]
        assert one.packets == original, "packets were not passed as they are"


@pytest.mark.parametrize("name", REGROUPED)
def test_other_packet_lengths(gallery, name):
    path, one = gallery[name]
    assert one.ready, one.end
    source = sound.reference(path)
    if one.ready["passthrough"]:
        heard, lag = one.heard(), ogg.read(path).pre_skip % FRAME
        check_counts(one, USUAL, lag)
        assert sound.lag_of(heard, source) == lag
        # The last packets may be too few for a frame.
        assert sound.snr(heard[:-FRAME], source, lag, skip=FRAME * 5) > 60
        assert sound.snr(heard, source, lag) > 20
    else:
        check_counts(one, USUAL)
        sound.check_transcoded(one.packets, source)


@pytest.mark.parametrize("pre_skip", [0, 960, 1012, 3840, 4000])
def test_pre_skip(client, media, tmp_path_factory, pre_skip):
    """Whole packets of pre-skip are dropped; the rest of it is the lag."""
    original = ogg.read(media.opus(2.0))
    path = media.root / f"pre-skip-{pre_skip}.opus"
    samples = original.samples + original.pre_skip - pre_skip - 500
    ogg.write(path, original.packets, [FRAME] * len(original.packets), samples, pre_skip=pre_skip)
    one = client.play_through(path)
    whole, lag = divmod(pre_skip, FRAME)
    assert one.ready["passthrough"] is True
    one.check_complete(frames_of(samples, lag))
    assert one.packets == original.packets[whole:whole + len(one.packets)]


def test_opus_end_trim_is_honoured(client, media):
    """Packets of the last page that lie wholly behind the end of the stream are not sent."""
    original = ogg.read(media.opus(2.0)).packets[:100]
    path = media.root / "trimmed.opus"
    ogg.write(path, original, [FRAME] * 100, 95 * FRAME - 312 - 900)
    client.play_through(path).check_complete(95)


@pytest.mark.parametrize("kind", ["opus", "vorbis"])
def test_chained_ogg(client, media, kind):
    """Two streams one behind the other in a file are one play."""
    if kind == "opus":
        first, second = media.opus(1.0, 1), media.opus(1.0, 2)
    else:
        first, second = (media.make(f"chain-{seed}", PASSED["opus-stereo"]._replace(
            suffix="ogg", args="-c:a libvorbis -q:a 5", samples=48000, seed=seed)) for seed in (1, 2))
    path = media.root / f"chained-{kind}.ogg"
    path.write_bytes(b"".join(open(part, "rb").read() for part in (first, second)))
    one = client.play_through(path)
    assert one.end["type"] == "finished", one.end
    one.run.check()
    total = frames_of(96000)
    assert total - 1 <= len(one.packets) <= total + 1, len(one.packets)
    heard = one.heard()
    found = sound.lag_of(heard, sound.reference(second), 2 * 48000)
    assert abs(found - 48000 - LOOKAHEAD) <= FRAME + LOOKAHEAD, found
    assert sound.snr(heard[found:], sound.reference(second), 0, skip=9600) > 12


def test_exact_lengths(client, media):
    """ceil((N + L) / 960) frames, at and around the border of a frame; one sample is a frame."""
    lengths = [1, 647, 648, 649, 960, 1608, 1609, 9600 - 312, 9600 - 311]
    recipe = TRANSCODED["wav-float"].recipe
    paths = [media.make(f"length-{n}", recipe._replace(samples=n)) for n in lengths]
    for n, one in zip(lengths, client.gather(paths)):
        one.check_complete(frames_of(n))


def test_lossless_lengths_agree(client, media):
    """The same sound in different wrapping gives the same number of frames and the same lag."""
    kinds = {"flac": "-c:a flac", "wav": "-c:a pcm_s24le", "aiff": "-c:a pcm_s24be", "m4a": "-c:a alac"}
    recipe = TRANSCODED["wav-24"].recipe
    paths = [media.make("same", recipe._replace(suffix=s, args=a, samples=60000)) for s, a in kinds.items()]
    for one in client.gather(paths):
        one.check_complete(frames_of(60000))
        assert sound.lag_of(one.heard(), sound.music(60000)) == LOOKAHEAD


def test_bitrate_option(new_daemon, media):
    """--bitrate and --complexity reach the encoder."""
    daemon = new_daemon("--bitrate", 32000, "--complexity", 3)
    with Client(daemon) as client:
        one = client.play_through(media.wav(2.0))
    bits = sum(map(len, one.packets)) * 8 / 2.02
    assert 20000 < bits < 45000, bits


@pytest.mark.parametrize("suffix", ["mp3", "flac", "m4a", "opus", "mka", "webm", "wav"])
def test_title_of_a_file(client, media, suffix):
    """`ready` and `status` tell the title that the file's tags give."""
    path = media.root / f"titled.{suffix}"
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", media.wav(1.0), "-metadata", "title=Ein Lied ♪",
                    str(path)], check=True)
    ready = client.start(path)
    assert ready["title"] == "Ein Lied ♪"
    assert client.session(ready["channel"])["title"] == "Ein Lied ♪"
