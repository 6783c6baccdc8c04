"""Where a play begins that was told a position: where playing there from the start would have been."""
import struct

import numpy as np
import pytest

import lib
from lib import FRAME, RATE, decode_opus, find_lag, ffmpeg, play, shifted
from matroska import Track, lace, ogg_packets, write


def clicks(seconds, rate, channels=2, seed=3):
    """Sharp attacks between stretches of tone: encoders change their blocks at each."""
    rng = np.random.default_rng(seed)
    pcm = lib.music(seconds, rate, channels, seed) * 0.5
    for at in np.cumsum(rng.integers(rate // 30, rate // 3, int(seconds * 8))):
        if at + 600 < len(pcm):
            pcm[at:at + 600] += (rng.standard_normal((600, channels)) * np.exp(-np.arange(600) / 60)[:, None] * 0.6)
    return pcm


@pytest.fixture(scope="session")
def attacks(tmp_path_factory):
    """attacks(name, ffmpeg arguments, rate) is a medium full of attacks."""
    folder = tmp_path_factory.mktemp("attacks")

    def attacks(name, args, rate=44100, seconds=12):
        path = folder / name
        if not path.exists():
            wav = folder / f"source-{name}.wav"
            lib.write_wav(wav, clicks(seconds, rate), rate)
            ffmpeg("-i", wav, *args.split(), path)
        return path
    return attacks


def check_places(tools, path, n=12, passes=False):
    whole = play(tools, path, "--depth", 50)
    assert not whole.failed and not whole.warnings and all(whole.passed[:-1]) == passes
    reference = shifted(whole.pcm(), whole.lag)
    rng = np.random.default_rng(7)
    for pos in rng.integers(int(1.3 * RATE), whole.end - int(1.6 * RATE), n):
        played = play(tools, path, "--depth", 50, "--pos", pos, "--stop-after", 45)
        assert all(played.passed) == passes
        first = played.frames[0][0]
        assert first == (pos // FRAME * FRAME if passes else pos)
        heard = decode_opus([f[3] for f in played.frames])
        assert find_lag(reference[first:][:40 * FRAME], heard) == played.lag, f"{pos} of {path.name}"
    return whole


@pytest.mark.parametrize("name, how, rate", [("a.ogg", "-c:a libvorbis -q:a 1", 44100), ("b.ogg", "-c:a libvorbis -q:a 6", 48000),
                                             ("c.ogg", "-c:a libvorbis -q:a 3 -page_duration 4000000", 32000),
                                             ("d.mkv", "-c:a libvorbis -q:a 3", 44100), ("e.webm", "-c:a libvorbis -q:a 1", 48000)])
def test_vorbis_that_switches_blocks(tools, attacks, name, how, rate):
    check_places(tools, attacks(name, how, rate), 32)


@pytest.mark.parametrize("per_block", [2, 5, 8])
def test_vorbis_in_laced_matroska(tools, attacks, tmp_path, per_block):
    """Only the first packet of a block has a time of its own."""
    packets = ogg_packets(attacks("laced.ogg", "-c:a libvorbis -q:a 3", 48000).read_bytes())
    times = vorbis_times(packets, 48000)
    blocks = [(times[i], packets[3 + i:3 + i + per_block]) for i in range(0, len(packets) - 3, per_block)]
    path = tmp_path / "laced.mkv"
    path.write_bytes(write(Track("A_VORBIS", lace(packets[:3]), 48000), blocks))
    check_places(tools, path, 16)


def vorbis_times(packets, rate):
    """[ms] of each packet: where what its block yields begins. libvorbis writes one mode for short blocks and one for
    long ones, and the first bit of a packet behind the one that says it is sound names the mode."""
    sizes = packets[0][28]
    block = (1 << (sizes & 15), 1 << (sizes >> 4))
    at, times, before = 0, [], None
    for packet in packets[3:]:
        now = block[packet[0] >> 1 & 1]
        times.append(round(at * 1000 / rate))
        at += (before + now) // 4 if before else 0
        before = now
    return times


def opus_of(attacks, name="plain.opus", how="-c:a libopus -b:a 96k"):
    packets = ogg_packets(attacks(name, how, 48000).read_bytes())
    return packets[0], packets[2:]


@pytest.mark.parametrize("kind", ["no-delay", "44100", "22050-no-delay", "laced"])
def test_opus_in_webm(tools, attacks, tmp_path, kind):
    """Without CodecDelay times begin at 0, 13.5 ms early but for the first; SamplingFrequency is of no meaning."""
    head, packets = opus_of(attacks)
    skip = struct.unpack_from("<H", head, 10)[0]
    delay = 0 if "no-delay" in kind else round(skip * 1e9 / 48000)
    shift = skip if "no-delay" in kind else 0
    per_block = 4 if kind == "laced" else 1
    blocks = [(max(0, round((i * FRAME - shift) / 48)), packets[i:i + per_block]) for i in range(0, len(packets), per_block)]
    rate = next((r for r in (44100, 22050) if str(r) in kind), 48000)
    path = tmp_path / "opus.webm"
    path.write_bytes(write(Track("A_OPUS", head, rate, delay), blocks, 10_000_000, len(packets) * 20.0))
    whole = check_places(tools, path, passes=True)
    assert abs(whole.end - (len(packets) * FRAME - skip - 480)) <= (rate < 44100)  # libavformat has rounded it


@pytest.mark.parametrize("slip", [1, -1, 17, 47])
def test_ogg_opus_whose_granules_slip(tools, attacks, tmp_path, slip):
    """As a copy from Matroska leaves them, which rounds times to milliseconds."""
    content = bytearray(attacks("slip.opus", "-c:a libopus -b:a 96k", 48000).read_bytes())
    for page in lib.ogg_pages(content):
        granule, = struct.unpack_from("<q", content, page)
        if granule > 4 * RATE:
            lib.change_ogg_page(content, page, granule - slip)
    path = tmp_path / "slip.opus"
    path.write_bytes(content)
    check_places(tools, path, passes=True)


MP4_KINDS = {"aac.m4a": ("-c:a aac", 44100), "aac-48k.m4a": ("-c:a aac -movflags +faststart", 48000),
             "mp3.mp4": ("-c:a libmp3lame", 44100), "ac3.mp4": ("-c:a ac3", 48000), "alac.m4a": ("-c:a alac", 44100),
             "flac.mp4": ("-c:a flac -strict -2", 44100)}


@pytest.mark.parametrize("name", MP4_KINDS)
@pytest.mark.parametrize("part", [0.97, 1.02])
def test_mp4_whose_sample_durations_are_not_the_frames(tools, make, tmp_path, name, part):
    how, rate = MP4_KINDS[name]
    content = bytearray(make(f"times-{name}", how, rate, 2, 20).read_bytes())
    at = content.index(b"stts") + 8
    for i in range(struct.unpack_from(">I", content, at)[0]):
        n, = struct.unpack_from(">I", content, at + 8 + 8 * i)
        struct.pack_into(">I", content, at + 8 + 8 * i, int(n * part))
    path = tmp_path / name
    path.write_bytes(content)
    check_places(tools, path)


def test_fragmented_mp4_whose_sample_durations_are_not_the_frames(tools, make, tmp_path):
    content = make("times-pieces.mp4", "-c:a aac -movflags frag_keyframe+empty_moov+default_base_moof -frag_duration 1000000",
                   48000, 2, 20).read_bytes()
    assert content.count(struct.pack(">I", 1024)) > 20
    path = tmp_path / "pieces.mp4"
    path.write_bytes(content.replace(struct.pack(">I", 1024), struct.pack(">I", 1000)))
    check_places(tools, path)


@pytest.mark.parametrize("seconds", [0.9, 0.5, 0.2, 0.05])
@pytest.mark.parametrize("n_links", [1, 2])
def test_ogg_vorbis_on_one_page_is_whole(tools, attacks, tmp_path, seconds, n_links):
    """ffmpeg drops its first block's length too much at the end; the page says how long it is."""
    links = [attacks(f"page-{seconds}-{i}.ogg", f"-c:a libvorbis -q:a 3 -page_duration 10000000 -serial_offset {i + 3} -f ogg",
                     22050, seconds) for i in range(n_links)]
    content = b"".join(one_page(link.read_bytes()) for link in links)
    path = tmp_path / "page.ogg"
    path.write_bytes(content)
    played = play(tools, path, "--depth", 50)
    assert played.end == -(-round(seconds * 22050) * n_links * RATE // 22050) and not played.warnings


def one_page(content):
    """All packets of sound on the last page, as small files of games have them."""
    content, pages = bytearray(content), list(lib.ogg_pages(content))
    granule, = struct.unpack_from("<q", content, pages[-1])
    first = next(p for p in pages if struct.unpack_from("<q", content, p)[0] > 0) - 6
    lacing, body = b"", b""
    for page in (p - 6 for p in pages if p - 6 >= first):
        n = content[page + 26]
        lacing += content[page + 27:page + 27 + n]
        body += content[page + 27 + n:page + 27 + n + sum(content[page + 27:page + 27 + n])]
    assert len(lacing) < 256
    page = content[first:first + 26] + bytes([len(lacing)]) + lacing + body
    page[5] = 4
    lib.change_ogg_page(page, 6, granule)
    return bytes(content[:first] + page)
