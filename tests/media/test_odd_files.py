"""Files that are whole and yet unlike others of their kind; and, of what cannot be played, why."""
import struct

import numpy as np
import pytest

import lib
from lib import RATE, ffmpeg_decode, find_lag, play, shifted, snr
from matroska import Track, element, number, ogg_packets, write


def frames_of(content, size):
    at, frames = 0, []
    while at + 7 < len(content):
        frames.append(content[at:at + size(content, at)])
        at += len(frames[-1])
    return frames


def mp3_size(content, at):
    return 144 * 128000 // 44100 + (content[at + 2] >> 1 & 1)


def adts_size(content, at):
    return (content[at + 3] & 3) << 11 | content[at + 4] << 3 | content[at + 5] >> 5


def id3(n_bytes):
    return b"ID3\3\0\0" + bytes(n_bytes >> shift & 127 for shift in (21, 14, 7, 0)) + b"\x55\x12" * (n_bytes // 2)


BARE = {"few.mp3": ("-c:a libmp3lame -b:a 128k -write_xing 0 -id3v2_version 0", mp3_size, 1152),
        "few.aac": ("-c:a aac -b:a 128k -f adts", adts_size, 1024),
        "few.ac3": ("-c:a ac3 -b:a 192k -ar 48000", lambda content, at: 768, 1536)}


@pytest.mark.parametrize("name", BARE)
@pytest.mark.parametrize("n", [2, 3])
@pytest.mark.parametrize("tagged", [False, True])
def test_a_few_frames_are_a_file(tools, make, tmp_path, name, n, tagged):
    around = (id3(200), b"TAG" + bytes(125) if name != "few.ac3" else b"") if tagged else (b"", b"")
    how, size, samples = BARE[name]
    content = make(f"bare-{name}", how, 44100).read_bytes()
    path = tmp_path / name
    path.write_bytes(around[0] + b"".join(frames_of(content, size)[10:10 + n]) + around[1])
    played = play(tools, path)
    rate = 48000 if name.endswith("ac3") else 44100
    assert not played.failed and abs(played.end - n * samples * RATE / rate) < 2


def test_noise_with_a_head_of_a_frame_is_none(tools, tmp_path):
    path = tmp_path / "noise.mp3"
    path.write_bytes(b"\xff\xfb\x90\x00" + np.random.default_rng(3).bytes(2000))
    assert play(tools, path).failed.startswith("decode_failed")


@pytest.mark.parametrize("suffix, how", [("flac", "-c:a flac"), ("aac", "-c:a aac -f adts"), ("mp3", "-c:a libmp3lame"),
                                         ("ac3", "-c:a ac3"), ("wv", "-c:a wavpack"), ("tta", "-c:a tta")])
@pytest.mark.parametrize("tags", [(1_300_000,), (700_000, 900_000), (5_000_000,)])
def test_behind_large_tags(tools, make, tmp_path, suffix, how, tags):
    """A cover of megabytes; libavformat looks no further than one."""
    plain = make(f"tagged.{suffix}", how, 44100)
    path = tmp_path / f"tagged.{suffix}"
    path.write_bytes(b"".join(id3(n) for n in tags) + plain.read_bytes())
    bare, played = play(tools, plain, "--depth", 50), play(tools, path, "--depth", 50)
    assert not played.failed and played.end == bare.end and len(played.frames) == len(bare.frames)
    played = play(tools, path, "--depth", 50, "--pos", 4 * RATE)
    reference = shifted(bare.pcm(), bare.lag)[4 * RATE:]
    assert find_lag(reference, played.pcm()) == played.lag


def test_what_cannot_be_decoded_is_passed_over(tools, make, tmp_path):
    content = make("broken.aac", *("-c:a aac -b:a 128k -f adts", 44100)).read_bytes()
    frames = frames_of(content, adts_size)
    rng = np.random.default_rng(4)
    for broken in ([0], [20], [20, 21, 22], [len(frames) - 2]):
        path = tmp_path / "broken.aac"
        path.write_bytes(b"".join(f[:7] + rng.bytes(len(f) - 7) if i in broken else f for i, f in enumerate(frames)))
        whole = play(tools, path, "--depth", 50)
        assert not whole.failed and whole.end > (len(frames) - len(broken) - 2) * 1024 * RATE / 44100


def box(name, *content):
    body = b"".join(content)
    return struct.pack(">I", len(body) + 8) + name + body


def mp4_of_amr(sample_bytes, n_samples, ticks, body, kind=b"samr"):
    full = bytes(4)
    entry = box(kind, bytes(6), struct.pack(">H", 1), bytes(8), struct.pack(">HHIHH", 1, 16, 0, 8000, 0),
                box(b"damr", b"tstu\0\x81\xff\0", bytes([sample_bytes // 32])))
    head = box(b"ftyp", b"3gp4\0\0\2\0" b"3gp4")
    data = box(b"mdat", body)
    table = box(b"stbl", box(b"stsd", full, struct.pack(">I", 1), entry),
                box(b"stts", full, struct.pack(">III", 1, n_samples, ticks)),
                box(b"stsc", full, struct.pack(">IIII", 1, 1, n_samples, 1)),
                box(b"stsz", full, struct.pack(">II", sample_bytes, n_samples)),
                box(b"stco", full, struct.pack(">II", 1, len(head) + 8)))
    media = box(b"mdia", box(b"mdhd", full, bytes(8), struct.pack(">III", 8000, n_samples * ticks, 0)),
                box(b"hdlr", full, bytes(4), b"soun", bytes(13)),
                box(b"minf", box(b"smhd", full, bytes(4)), table))
    track = box(b"trak", box(b"tkhd", b"\0\0\0\7", bytes(8), struct.pack(">II", 1, 0), bytes(64)), media)
    movie = box(b"moov", box(b"mvhd", full, bytes(8), struct.pack(">II", 8000, n_samples * ticks), bytes(80)), track)
    return head + data + movie


@pytest.mark.parametrize("per_packet", [1, 2, 5, 10])
def test_amr_of_several_frames_a_packet(tools, tmp_path, per_packet):
    """Each of 12.2 kbit/s; there is no encoder here, and any bits are sound."""
    rng = np.random.default_rng(6)
    body = b"".join(b"\x3c" + rng.bytes(30) + bytes([rng.integers(256) & 0xf0]) for _ in range(500))
    raw, bundled = tmp_path / "raw.amr", tmp_path / "bundled.3gp"
    raw.write_bytes(b"#!AMR\n" + body)
    bundled.write_bytes(mp4_of_amr(32 * per_packet, 500 // per_packet, 160 * per_packet, body))
    one, many = play(tools, raw, "--depth", 50), play(tools, bundled, "--depth", 50)
    assert many.end == one.end == 10 * RATE and not many.warnings
    assert snr(one.pcm(), many.pcm()) > 60
    part = play(tools, bundled, "--depth", 50, "--pos", 7 * RATE)
    assert find_lag(shifted(one.pcm(), one.lag)[7 * RATE:], part.pcm()) == part.lag


@pytest.mark.parametrize("second", ["surround", "gain"])
@pytest.mark.parametrize("first", ["plain", "other"])
def test_a_chain_of_opus_that_changes_its_setup(tools, make, tmp_path, first, second):
    how = {"plain": ("-c:a libopus", 2, 0), "surround": ("-c:a libopus -mapping_family 1", 6, 0),
           "gain": ("-c:a libopus", 2, -1536)}
    links = []
    for i, kind in enumerate(["plain", second, "plain"] if first == "plain" else [second, "plain", second]):
        args, channels, gain = how[kind]
        content = bytearray(make(f"chain-{kind}-{i}.opus", f"{args} -serial_offset {i + 3} -f ogg", RATE, channels, 4,
                                 i + 3).read_bytes())
        struct.pack_into("<h", content, content.index(b"OpusHead") + 16, gain)
        lib.change_ogg_page(content, 6, 0)
        links.append(tmp_path / f"link{i}.opus")
        links[-1].write_bytes(content)
    reference = np.concatenate([ffmpeg_decode(link) for link in links])
    chain = tmp_path / "chain.opus"
    chain.write_bytes(b"".join(link.read_bytes() for link in links))
    for options in ((), ("--at", 450, "seek", 3 * RATE), ("--at", 20, "seek", 6 * RATE), ("--at", 500, "volume", 0.5)):
        played = play(tools, chain, "--depth", 50, *options)
        at = played.switched[0] if played.switched else 0
        start = played.frames[at][0]
        heard = lib.decode_opus([f[3] for f in played.frames[at:]])[played.lag:]
        part = reference[start:] * (0.5 if "volume" in options else 1)
        assert snr(part[RATE // 10:], heard[RATE // 10:]) > 15, options
        assert played.end == len(reference) and not played.failed


def asf_with(kind, content):
    """An object more in the header."""
    extra = kind + struct.pack("<Q", 24 + 16) + bytes(16)
    size, count = struct.unpack_from("<QI", content, 16)
    return content[:16] + struct.pack("<QI", size + len(extra), count + 1) + content[28:30] + extra + content[30:]


def encrypted_webm(make):
    packets = ogg_packets(make("plain.opus", "-c:a libopus").read_bytes())
    encryption = element("6240", element("5031", b"\0") + number("5033", 1) + element("5035", number("47e1", 5) + element("47e2", b"key0" * 4)))
    content = write(Track("A_OPUS", packets[0], 48000), [(20 * i, [p]) for i, p in enumerate(packets[2:])])
    head, tracks, rest = content.partition(bytes.fromhex("1654ae6b"))
    size, = struct.unpack(">Q", rest[:8])
    size &= (1 << 56) - 1
    entry = rest[8 + 9:8 + size] + element("6d80", encryption)
    return head + element("1654ae6b", element("ae", entry)) + rest[8 + size:]


WMA_EXTENDED = bytes.fromhex("14e68a2922 26174cb935dae07ee9289c")


def test_refusals_say_why(tools, make, tmp_path):
    key = "-encryption_scheme cenc-aes-ctr -encryption_key 76a6c65c5ea762046bd749a2e632ccbb -encryption_kid a7e61c373e219033c21091fa607bf3b8"
    mp4 = make("clear.m4a", "-c:a aac")
    picture = tmp_path / "silent.mp4"
    lib.ffmpeg("-f", "lavfi", "-i", "testsrc=size=64x64:rate=5:duration=1", "-c:v", "mpeg4", picture)
    wma = make("clear.wma", "-c:a wmav2").read_bytes()
    drms = mp4.read_bytes().replace(b"mp4a", b"drms", 1)
    why = {
        "video.mp4": (picture.read_bytes(), "no audio in it"),
        "song.mid": (b"MThd\0\0\0\6\0\0\0\1\0\x60MTrk\0\0\0\4\0\xff\x2f\0", "MIDI"),
        "song.rmi": (b"RIFF\x20\0\0\0RMIDdata\x18\0\0\0MThd\0\0\0\6\0\0\0\1\0\x60", "MIDI"),
        "cenc.mp4": (make("cenc.mp4", f"-c:a aac {key}").read_bytes(), "encrypted"),
        "drms.m4a": (drms, "encrypted"),
        "protected.wma": (asf_with(bytes.fromhex("fbb3112223bdd211b4b700a0c955fc6e"), wma), "encrypted"),
        "protected2.wma": (asf_with(WMA_EXTENDED, wma), "encrypted"),
        "encrypted.webm": (encrypted_webm(make), "encrypted"),
        "broken.mp4": (mp4.read_bytes()[:3000], "broken"),
        "broken.flac": (b"fLaC" + bytes(40000), "broken"),
        "nothing.txt": (b"play this\n" * 3000, "no audio in this source that can be decoded"),
        "empty.mp3": (b"", "empty"),
    }
    for name, (content, words) in why.items():
        path = tmp_path / name
        path.write_bytes(content)
        played = play(tools, path)
        assert played.failed and played.failed.startswith("decode_failed ") and words in played.failed, (name, played.failed)
        assert not played.frames and played.end is None


def test_what_is_not_encrypted_is_not_called_so(tools, make):
    assert not play(tools, make("clear.wma", "-c:a wmav2")).failed


def tracker_module(n_rows=64, n_patterns=4):
    """A MOD of one square wave that goes through the notes."""
    name = lambda text, n: text.encode().ljust(n, b"\0")
    sample = name("square", 22) + struct.pack(">HBBHH", 16, 0, 64, 0, 16)
    periods = [856, 808, 762, 720, 678, 640, 604, 570, 538, 508, 480, 453]
    note = lambda period: struct.pack(">HH", period, 1 << 12)
    patterns = b"".join(note(periods[(row * 5 + p) % 12]) + bytes(12) for p in range(n_patterns) for row in range(n_rows))
    empty = bytes(22) + struct.pack(">HBBHH", 0, 0, 0, 0, 1)
    order = bytes(range(n_patterns)).ljust(128, b"\0")
    return name("module", 20) + sample + empty * 30 + bytes([n_patterns, 127]) + order + b"M.K." + patterns + (b"\x40" * 16 + b"\xc0" * 16)


@pytest.mark.parametrize("kind", ["module.mod", "raw.gsm"])
def test_tracker_modules_and_raw_gsm(tools, make, tmp_path, kind):
    path = tmp_path / kind
    if kind == "module.mod":
        path.write_bytes(tracker_module())
    else:
        path = make(kind, "-ar 8000 -ac 1 -c:a libgsm -f gsm", 8000, 1, 20)
    whole = play(tools, path, "--depth", 50)
    assert not whole.failed and whole.end > 15 * RATE
    reference = shifted(whole.pcm(), whole.lag)
    assert np.abs(reference).max() > 0.05
    part = play(tools, path, "--depth", 50, "--pos", 9 * RATE + 77, "--stop-after", 100)
    assert snr(reference[9 * RATE + 77 + 960:], part.pcm()[part.lag + 960:]) > 10
