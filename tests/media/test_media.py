"""The worker's ear test: what comes out of it, decoded, against what ffmpeg makes of the same file."""
import struct

import numpy as np
import pytest

from lib import (FRAME, LOOKAHEAD, RATE, TAIL, decode_opus, ffmpeg_decode, find_lag, play, shifted, snr)
from matroska import Track, lace, ogg_packets, write

# name: ffmpeg arguments, rate, channels
TRANSCODED = {
    "cbr.mp3": ("-c:a libmp3lame -b:a 192k", 44100), "vbr.mp3": ("-c:a libmp3lame -q:a 3", 44100),
    "bare.mp3": ("-c:a libmp3lame -q:a 5 -write_xing 0 -id3v2_version 0", 44100),
    "low-mono.mp3": ("-c:a libmp3lame -b:a 32k", 22050, 1),
    "last.m4a": ("-c:a aac -b:a 160k", 44100),
    "first.m4a": ("-c:a aac -b:a 160k -movflags +faststart", 48000),
    "fragments.mp4": ("-c:a aac -b:a 160k -movflags frag_keyframe+empty_moov", 44100),
    "adts.aac": ("-c:a aac -b:a 160k", 44100), "alac.m4a": ("-c:a alac", 44100),
    "a.flac": ("-c:a flac", 44100), "96k.flac": ("-c:a flac -sample_fmt s32", 96000),
    "flac.oga": ("-c:a flac -f ogg", 44100), "8.wav": ("-c:a pcm_u8", 48000),
    "24.wav": ("-c:a pcm_s24le", 48000), "double.wav": ("-c:a pcm_f64le", 192000),
    "mulaw.wav": ("-c:a pcm_mulaw", 8000, 1), "adpcm.wav": ("-c:a adpcm_ms", 44100),
    "a.aiff": ("-c:a pcm_s16be", 44100), "vorbis.ogg": ("-c:a libvorbis -q:a 5", 44100),
    "vorbis.webm": ("-c:a libvorbis -q:a 5", 48000), "flac.mkv": ("-c:a flac", 44100),
    "ac3.mka": ("-c:a ac3 -b:a 256k", 48000), "aac.mka": ("-c:a aac", 44100),
    "a.wma": ("-c:a wmav2 -b:a 160k", 44100), "5.1.ac3": ("-c:a ac3 -b:a 448k", 48000, 6),
    "aac.ts": ("-c:a aac -f mpegts", 44100), "mp3.avi": ("-c:a libmp3lame", 44100),
    "ima.wav": ("-c:a adpcm_ima_wav", 22050), "a.spx": ("-c:a libspeex", 16000, 1),
    "a.wv": ("-c:a wavpack", 44100), "a.tta": ("-c:a tta", 44100), "8ch.wav": ("-c:a pcm_s16le", 48000, 8),
    "5.1.opus": ("-c:a libopus -b:a 256k -mapping_family 1", 48000, 6),
}
PASSED = {
    "a.opus": ("-c:a libopus -b:a 112k",), "a.webm": ("-c:a libopus",), "opus.mp4": ("-c:a libopus",),
    "2.5ms.opus": ("-c:a libopus -frame_duration 2.5",), "10ms.opus": ("-c:a libopus -frame_duration 10",),
    "40ms.opus": ("-c:a libopus -frame_duration 40",), "60ms.opus": ("-c:a libopus -frame_duration 60",),
}
# Sources whose end ffmpeg's own decoding does not cut where the container says.
UNTRIMMED = ("last.m4a", "first.m4a", "opus.mp4")
AFTER = ("--depth", 50)


def frames_for(end, lag, start=0):
    return -(-(end + lag - start) // FRAME)


def check_sound(played, reference, start=0, least=15.0, skip=0):
    heard = decode_opus([f[3] for f in played.frames if f[0] >= start])
    part = reference[start:]
    assert find_lag(part, heard) == played.lag
    assert snr(part[skip:], heard[played.lag:][skip:]) > least
    return heard


@pytest.mark.parametrize("name", TRANSCODED)
def test_transcoded(tools, make, name):
    path = make(name, *TRANSCODED[name])
    reference = ffmpeg_decode(path)
    played = play(tools, path, *AFTER)
    assert not played.failed and not played.warnings and not any(played.passed)
    assert played.lag == LOOKAHEAD and played.opened[1] == 0
    assert [f[0] for f in played.frames] == list(range(0, len(played.frames) * FRAME, FRAME))
    assert len(played.frames) == frames_for(played.end, played.lag)
    assert [f[0] for f in played.frames if f[1] & TAIL] == [f[0] for f in played.frames if f[0] + FRAME > played.end]
    if name not in UNTRIMMED:
        assert abs(played.end - len(reference)) <= 1
    check_sound(played, reference)


@pytest.mark.parametrize("name", PASSED)
def test_passed_through(tools, make, name):
    path = make(name, *PASSED[name])
    reference = ffmpeg_decode(path)
    played = play(tools, path, *AFTER)
    # An end trim inside a group of short packets may need the last frame to be encoded.
    assert not played.failed and not played.warnings and all(played.passed[:-1])
    assert played.lag == (120 if name.startswith("2.5") else LOOKAHEAD)
    assert len(played.frames) == frames_for(played.end, played.lag)
    if name not in UNTRIMMED:
        assert played.end == len(reference)
    # The last frame of short packets is encoded, and ends in the middle of a sound.
    check_sound(played, reference[:-FRAME], least=50)


@pytest.mark.parametrize("name", [*TRANSCODED, *PASSED])
def test_seek(tools, make, name):
    path = make(name, *(TRANSCODED.get(name) or PASSED[name]))
    reference = ffmpeg_decode(path)
    for options in (["--pos", 210741], ["--at", 200, "seek", 100003], ["--at", 20, "seek", 250001]):
        played = play(tools, path, *AFTER, *options)
        at = played.switched[0] if played.switched else 0
        played.frames = played.frames[at:]
        first, target = played.frames[0][0], options[-1]
        assert first == (target // FRAME * FRAME if played.frames[0][1] & 2 else target)
        assert len(played.frames) == frames_for(played.end, played.lag, first)
        check_sound(played, reference, first, skip=FRAME)


def test_seek_past_the_end_ends(tools, make):
    for name in ("cbr.mp3", "a.opus", "a.flac"):
        path = make(name, *(TRANSCODED.get(name) or PASSED[name]))
        played = play(tools, path, *AFTER, "--at", 20, "seek", 40 * RATE)
        whole = play(tools, path, *AFTER)
        assert played.end == whole.end and not played.failed
        assert len(played.frames) == played.switched[0]


@pytest.mark.parametrize("name", ["cbr.mp3", "last.m4a", "a.flac", "vorbis.ogg", "a.wma", "a.opus", "a.webm",
                                  "10ms.opus", "60ms.opus"])
@pytest.mark.parametrize("levels", [(0.3, 1.0), (2.0, 0.5)])
def test_volume_changes_without_a_seam(tools, make, name, levels):
    path = make(name, *(TRANSCODED.get(name) or PASSED[name]))
    reference = ffmpeg_decode(path)
    played = play(tools, path, *AFTER, "--at", 100, "volume", levels[0], "--at", 200, "volume", levels[1])
    pos = [f[0] for f in played.frames]
    assert pos == list(range(0, len(pos) * FRAME, FRAME)), "a frame is missing or there twice"
    assert len(pos) == frames_for(played.end, played.lag) and len(played.switched) == 2
    gain, now = np.ones(len(reference)), 1.0
    for at, level in zip(played.switched, levels):
        begin = pos[at] + LOOKAHEAD - played.lag
        gain[begin:] = level
        gain[begin:begin + 480] = np.linspace(now, level, 480)
        now = level
    want = reference * gain[:, None]
    heard = played.pcm()[played.lag:]
    assert snr(want, heard) > 20
    for at in played.switched:
        around = slice(pos[at] - 960, pos[at] + 1920)
        assert snr(want[around], heard[around]) > 15
    if name in PASSED:
        at = played.switched
        assert all(played.passed[:at[0]]) and not any(played.passed[at[0]:at[1]])
        assert all(played.passed[at[1] + 4:-1]) == (levels[1] == 1.0)


MONO = {"mono.mp3": ("-c:a libmp3lame", 44100), "mono.m4a": ("-c:a aac", 44100), "mono.ogg": ("-c:a libvorbis", 48000),
        "mono.flac": ("-c:a flac", 22050), "mono.wav": ("-c:a pcm_s16le", 48000), "mono.opus": ("-c:a libopus", 48000),
        "left.wav": ("-c:a pcm_s16le -af aformat=channel_layouts=FL", 48000),
        "mono-mapped.opus": ("-c:a libopus -mapping_family 255", 48000)}


@pytest.mark.parametrize("name", MONO)
def test_one_channel_is_as_loud_as_the_same_on_two(tools, make, name):
    how, rate = MONO[name]
    mono = play(tools, make(name, how, rate, 1), *AFTER).pcm()
    want = shifted(ffmpeg_decode(make("level.wav", "-c:a pcm_s16le", rate, 1)), -LOOKAHEAD)
    n = min(len(want), len(mono))
    levels = [20 * np.log10(np.linalg.norm(mono[:n, side]) / np.linalg.norm(want[:n, side])) for side in (0, 1)]
    assert max(np.abs(levels)) < 0.5, levels


def test_loud_is_limited_not_clipped(tools, make):
    path = make("loud.wav", "-af volume=2.5 -c:a pcm_s16le")
    heard = play(tools, path, *AFTER, "--gain", 2).pcm()
    assert np.abs(heard).max() < 1.25  # what the codec adds to a peak at the limiter's ceiling
    reference = ffmpeg_decode(path)
    assert abs(np.corrcoef(reference[:, 0], heard[312:312 + len(reference), 0])[0, 1]) > 0.95


@pytest.mark.parametrize("name", ["a.opus", "a.webm", "60ms.opus"])
def test_resuming_a_passed_source_gives_the_same_packets(tools, make, name):
    path = make(name, *PASSED[name])
    whole = play(tools, path, *AFTER)
    for k in (7, 150, 300):
        again = play(tools, path, *AFTER, "--pos", whole.frames[k][0], "--exact")
        assert [f[:2] + (f[3],) for f in again.frames] == [f[:2] + (f[3],) for f in whole.frames[k:]]


COUNTED = ["cbr.mp3", "vbr.mp3", "bare.mp3", "adts.aac", "5.1.ac3", "adpcm.wav", "ima.wav"]
NO_HINT = (-1, -1)


@pytest.mark.parametrize("name", COUNTED)
def test_a_hint_is_where_a_packet_begins(tools, make, name):
    """Half a second before the frame, as soon as there is so much."""
    path = make(name, *TRANSCODED[name])
    n_packets = -(-path.stat().st_size // 100)
    frames = play(tools, path, *AFTER).frames
    hints = [hint for _, _, hint, _ in frames[50:-10]]
    assert NO_HINT not in hints and hints == sorted(hints)
    assert 0 < hints[0][1] < hints[-1][1] < n_packets and len(set(hints)) > 5
    content = path.read_bytes()
    starts = {"mp3": b"\xff\xfb", "aac": b"\xff\xf1", "ac3": b"\x0b\x77"}.get(name.rpartition(".")[2], b"")
    assert all(content[byte:].startswith(starts) for byte, _ in hints)


@pytest.mark.parametrize("name", ["a.flac", "first.m4a", "vorbis.ogg", "a.opus"])
def test_who_finds_the_place_by_time_needs_no_hint(tools, make, name):
    path = make(name, *(TRANSCODED.get(name) or PASSED[name]))
    assert {hint for _, _, hint, _ in play(tools, path, *AFTER).frames} == {NO_HINT}


@pytest.mark.parametrize("name,lie", [*((name, 0) for name in (*COUNTED, "a.spx", "a.wma", "vorbis.ogg")),
                                      ("bare.mp3", 1), ("adts.aac", -7), ("adpcm.wav", 40000)])
def test_resuming_goes_on_at_the_sample(tools, make, name, lie):
    """A hint of a byte where no packet begins costs time, no more."""
    path = make(name, *TRANSCODED[name])
    whole = play(tools, path, *AFTER)
    pos, _, (byte, packet), _ = whole.frames[200]
    again = play(tools, path, *AFTER, "--pos", pos, "--exact", "--hint", f"{byte + lie}:{packet}")
    assert [f[0] for f in again.frames] == [f[0] for f in whole.frames[200:]]
    joined = decode_opus([f[3] for f in whole.frames[:200] + again.frames])
    straight = whole.pcm()
    seam = slice(200 * FRAME - 960, 200 * FRAME + 4800)
    assert snr(straight[seam], joined[seam]) > 15


def test_a_hint_may_be_the_packet_that_is_wanted(tools, make):
    """Packets of a quarter of a second, so far on that they are not counted to: with a step of two
    frames some hint is that of the very packet that warming up begins with."""
    path = make("long.wav", "-c:a adpcm_ima_wav", 32000, 1, 112)
    whole = play(tools, path, *AFTER, "--pos", 108 * RATE)
    straight = whole.pcm()
    for k in range(60, 74, 2):
        pos, _, (byte, packet), _ = whole.frames[k]
        again = play(tools, path, *AFTER, "--pos", pos, "--exact", "--hint", f"{byte}:{packet}", "--stop-after", 50)
        assert packet > 400 and again.frames[0][0] == pos
        assert snr(straight[(k + 10) * FRAME:][:40 * FRAME], again.pcm()[10 * FRAME:]) > 15


@pytest.mark.parametrize("codec, suffix", [("libopus", "opus"), ("libvorbis", "ogg"), ("flac", "oga")])
def test_chained_streams_join_to_the_sample(tools, make, tmp_path, codec, suffix):
    rates = (48000, 48000 if codec == "libopus" else 44100)
    links = [make(f"link{i}.{suffix}", f"-c:a {codec} -metadata title=t{i} -f ogg -serial_offset {i + 5}",
                  rate, 2, 2.1234 + i, 7 + i) for i, rate in enumerate(rates)]
    chain = tmp_path / f"chain.{suffix}"
    chain.write_bytes(b"".join(p.read_bytes() for p in links))
    reference = np.concatenate([ffmpeg_decode(p) for p in links])
    played = play(tools, chain, *AFTER)
    assert played.end == len(reference) and not played.warnings and played.title == "t0"
    check_sound(played, reference)
    if codec != "flac":  # libavformat does not read the tags of later FLAC links
        assert played.titles == ["t1"]
    played = play(tools, chain, *AFTER, "--at", 20, "seek", 150000)
    check_sound(played, reference, 150000, skip=FRAME)


@pytest.mark.parametrize("how", ["-q:a 1", "-q:a 5 -ar 44100 -ac 1"])
@pytest.mark.parametrize("options", [("--at", 215, "seek", int(3.5 * RATE)), ("--at", 300, "seek", RATE)])
def test_back_over_the_join_of_a_chain(tools, make, tmp_path, how, options):
    """What lies before it is decoded again, from what is kept and from the start, with its own setup."""
    links = [make("back0.ogg", "-c:a libvorbis -q:a 5 -f ogg -serial_offset 5", RATE, 2, 4, 7),
             make(f"back1{how[-1]}.ogg", f"-c:a libvorbis {how} -f ogg -serial_offset 6", RATE, 2, 4, 8)]
    chain = tmp_path / "chain.ogg"
    chain.write_bytes(b"".join(p.read_bytes() for p in links))
    reference = np.concatenate([ffmpeg_decode(p) for p in links])
    played = play(tools, chain, *options)
    played.frames = played.frames[played.switched[0]:]
    assert len(played.frames) == frames_for(played.end, played.lag, options[-1])
    check_sound(played, reference, options[-1], skip=FRAME)


CUTTABLE = ["cbr.mp3", "first.m4a", "fragments.mp4", "adts.aac", "a.flac", "flac.oga", "24.wav", "a.aiff",
            "vorbis.ogg", "vorbis.webm", "a.wma", "a.wv", "a.tta", "a.opus", "a.webm"]


@pytest.mark.parametrize("name", CUTTABLE)
def test_a_cut_source_plays_what_is_there_and_says_so(tools, make, tmp_path, name):
    path = make(name, *(TRANSCODED.get(name) or PASSED[name]))
    whole = len(play(tools, path, *AFTER).frames)
    cut = tmp_path / f"cut-{name}"
    cut.write_bytes(path.read_bytes()[:int(path.stat().st_size * 0.7)])
    played = play(tools, cut, *AFTER)
    assert len(played.warnings) == 1 and played.warnings[0].startswith("source_truncated ")
    assert whole * 0.5 < len(played.frames) < whole * 0.8


def test_what_is_no_audio_is_refused(tools, make, tmp_path):
    rng = np.random.default_rng(5)
    bad = {"empty": b"", "text": b"play this\n" * 3000, "noise": rng.bytes(200_000), "zeros": bytes(100_000),
           "playlist": b"#EXTM3U\n#EXTINF:10,\n/etc/passwd\n", "concat": b"ffconcat version 1.0\nfile a.wav\n",
           "index-lost": make("last.m4a", *TRANSCODED["last.m4a"]).read_bytes()[:60_000]}
    for name, content in bad.items():
        path = tmp_path / name
        path.write_bytes(content)
        played = play(tools, path)
        assert played.failed and played.failed.startswith("decode_failed "), name
        assert not played.frames and not played.opened


def test_a_picture_is_no_audio(tools, tmp_path):
    import lib
    path = tmp_path / "picture.png"
    lib.ffmpeg("-f", "lavfi", "-i", "testsrc=size=64x64:rate=1:duration=1", "-frames:v", 1, path)
    assert play(tools, path).failed.startswith("decode_failed ")


@pytest.mark.parametrize("samples", [1 << 43, 1 << 62, (1 << 63) - 1, -5])
def test_an_insane_duration_is_none(tools, make, tmp_path, samples):
    content = bytearray(make("a.w64", "-c:a pcm_s16le -f w64", 8000, 1).read_bytes())
    tail = bytes.fromhex("f3acd3118cd100c04f8edb8a")
    at = content.index(b"data" + tail)
    content[at:at] = b"fact" + tail + struct.pack("<Qq", 32, samples)
    path = tmp_path / "insane.w64"
    path.write_bytes(content)
    played = play(tools, path, *AFTER)
    assert not played.failed and played.opened[0] == (-1 if samples > 0 else played.end)
    assert played.end == 6.345 * RATE


WRONG_RATES = {"mp3.mkv": ("libmp3lame", 44100, 22050), "aac.mkv": ("aac", 44100, 48000),
               "vorbis.mkv": ("libvorbis", 44100, 22050), "flac.mkv": ("flac", 44100, 22050),
               "opus.mkv": ("libopus", 48000, 44100)}


@pytest.mark.parametrize("name", WRONG_RATES)
def test_a_rate_that_the_container_has_wrong(tools, make, tmp_path, name):
    codec, rate, wrong = WRONG_RATES[name]
    right = make(f"rate-{name}", f"-c:a {codec}", rate, 2, 30)
    content = right.read_bytes()
    there, other = (b"\xb5\x88" + struct.pack(">d", r) for r in (rate, wrong))
    assert content.count(there) == 1
    path = tmp_path / name
    path.write_bytes(content.replace(there, other))
    whole = play(tools, path, *AFTER)  # what is skipped at the start is of the container's rate, too
    assert abs(whole.end - 30 * RATE) < 0.1 * RATE
    reference = shifted(whole.pcm(), whole.lag)
    for options in (["--at", 20, "seek", 18 * RATE], ["--gain", 0.5, "--at", 20, "seek", 12 * RATE]):
        played = play(tools, path, *AFTER, *options, "--stop-after", 120)
        played.frames = played.frames[played.switched[0]:]
        gain = 0.5 if "--gain" in options else 1
        check_sound(played, reference[:25 * RATE] * gain, options[-1], skip=FRAME)


def test_a_rate_that_changes_in_a_timed_container(tools, make, tmp_path):
    parts = [make(f"part{i}.ts", f"-c:a aac -aac_pns 0 -b:a 160k -f mpegts -output_ts_offset {i * 8}", rate, 2, 8, 20 + i)
             for i, rate in enumerate((44100, 48000))]
    path = tmp_path / "two-rates.ts"
    path.write_bytes(b"".join(p.read_bytes() for p in parts))
    whole = play(tools, path, *AFTER)
    reference = shifted(whole.pcm(), whole.lag)[:16 * RATE]
    # Behind a change that is not known yet a place is as good as the times are.
    for options, slack in ((["--at", 20, "seek", 12 * RATE], RATE // 10), (["--at", 450, "seek", 3 * RATE], 0),
                           (["--at", 450, "seek", 14 * RATE], 0),
                           (["--at", 20, "seek", 14 * RATE, "--at", 100, "seek", 11 * RATE], 0)):
        played = play(tools, path, *AFTER, *options, "--stop-after", options[-3] + 80)
        played.frames = played.frames[played.switched[-1]:]
        assert abs(find_lag(reference[options[-1]:][:40 * FRAME], played.pcm()) - played.lag) <= slack


@pytest.mark.parametrize("insane", [1 << 61, (1 << 63) - 1, 1 << 63, (1 << 64) - (1 << 61)])
def test_an_insane_time_is_none(tools, make, tmp_path, insane):
    """The first sound after a seek is of a packet whose time is beyond belief."""
    ogg = make("plain.ogg", "-c:a libvorbis", 48000, 2, 20)
    packets = ogg_packets(ogg.read_bytes())
    reference = ffmpeg_decode(ogg)
    path = tmp_path / "insane.mkv"
    for at in range(600, 604):
        times = [int(i * 1024 / 48) for i in range(len(packets))]
        target = int((times[at] + 300) * 48)
        times[at] = insane
        path.write_bytes(write(Track("A_VORBIS", lace(packets[:3]), 48000), [(ms, [p]) for ms, p in zip(times, packets[3:])]))
        played = play(tools, path, *AFTER, "--at", 20, "seek", target, "--stop-after", 120)
        heard = decode_opus([f[3] for f in played.frames[played.switched[0]:]])
        lag = find_lag(reference[target:][:len(heard)], heard)
        assert abs(lag - played.lag) < RATE / 20 and not played.failed


def test_silence_before_the_start_is_not_heard(tools, make):
    """The reference for shifted(): frames of a play begin with the lag."""
    path = make("24.wav", *TRANSCODED["24.wav"])
    played = play(tools, path, *AFTER)
    reference = shifted(ffmpeg_decode(path), -played.lag)
    assert snr(reference, played.pcm()) > 15
