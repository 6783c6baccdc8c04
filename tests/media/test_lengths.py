"""How long sources are said to be, and how well that is known."""
import struct

import lib
import pytest

GUESSED = {
    "vbr.mp3": ("-c:a libmp3lame -q:a 7 -write_xing 0 -id3v2_version 0",), "adts.aac": ("-c:a aac -b:a 96k",),
    "he.ts": ("-c:a aac -f mpegts",), "wma.wma": ("-c:a wmav2",), "sound.flv": ("-c:a libmp3lame -ar 44100",),
}


@pytest.mark.parametrize("name", GUESSED)
def test_an_estimated_duration_bounds_nothing(tools, make, name):
    """It is called an estimate, and the end puts it right."""
    played = lib.play(tools, make(name, *GUESSED[name], seconds=20))
    assert played.opened[5] == lib.ESTIMATED
    assert played.end == pytest.approx(20 * lib.RATE, abs=0.2 * lib.RATE)
    assert played.lengths[-1] == (played.end, lib.EXACT, 0)
    assert played.frames[-1][0] >= played.end - 2 * lib.FRAME


@pytest.mark.parametrize("name,args", [("a.flac", ""), ("a.m4a", "-c:a aac"), ("a.mp3", "-c:a libmp3lame"), ("a.wav", ""),
                                       ("a.ogg", "-c:a libvorbis"), ("a.opus", "-c:a libopus"), ("a.webm", "-c:a libopus")])
def test_a_counted_duration_is_exact(tools, make, name, args):
    played = lib.play(tools, make(name, args))
    assert played.opened[5] == lib.EXACT
    assert played.opened[0] == pytest.approx(played.end, abs=0.05 * lib.RATE) and not played.lengths


def of_the_middle(data, samples):
    """An Ogg file as if it had been cut out of a stream that began so long before."""
    out, at = bytearray(data), 0
    while at < len(out):
        n = 27 + out[at + 26] + sum(out[at + 27:at + 27 + out[at + 26]])
        granule, = struct.unpack_from("<q", out, at + 6)
        if granule > 0:
            struct.pack_into("<q", out, at + 6, granule + samples)
        out[at + 22:at + 26] = bytes(4)
        crc = 0
        for byte in out[at:at + n]:
            crc ^= byte << 24
            for _ in range(8):
                crc = (crc << 1 ^ (0x04c11db7 if crc & 0x80000000 else 0)) & 0xffffffff
        struct.pack_into("<I", out, at + 22, crc)
        at += n
    return bytes(out)


@pytest.mark.parametrize("codec", ["libopus", "libvorbis", "flac"])
def test_a_piece_of_a_station_is_as_long_as_it_is(tools, make, tmp_path, codec):
    whole = make(f"{codec}.ogg", f"-c:a {codec} -f ogg", seconds=3)
    piece = tmp_path / "piece.ogg"
    piece.write_bytes(of_the_middle(whole.read_bytes(), 3600 * lib.RATE))
    played = lib.play(tools, piece)
    if codec == "flac":  # not before its second page
        assert played.opened[0] == -1 and played.lengths[-1] == (3 * lib.RATE, lib.EXACT, 0)
    else:
        assert played.opened[0] == pytest.approx(3 * lib.RATE, abs=0.05 * lib.RATE)


def test_an_ogg_of_several_streams_is_no_chain(tools, make, tmp_path):
    """It has its duration, and its times are believed."""
    path = tmp_path / "two.ogv"
    lib.ffmpeg("-f", "lavfi", "-i", "testsrc=size=64x64:rate=5:duration=20", "-i", make("two.wav", "", seconds=20), "-c:v", "libtheora",
               "-c:a", "libvorbis", path)
    played = lib.play(tools, path, "--pos", 15 * lib.RATE)
    assert played.opened[0] == pytest.approx(20 * lib.RATE, abs=0.05 * lib.RATE) and played.opened[5] == lib.EXACT
    assert played.frames[0][0] == 15 * lib.RATE and played.end == pytest.approx(20 * lib.RATE, abs=0.05 * lib.RATE)


def test_an_estimate_follows_what_is_read(tools, make):
    """A VBR MP3 whose first frames are of another bit rate than most of it."""
    played = lib.play(tools, make("vbr60.mp3", "-af volume=0:enable='lt(t,10)' -c:a libmp3lame -q:a 3 -write_xing 0 -id3v2_version 0",
                                  seconds=60))
    assert len(played.lengths) > 2 and all(kind == lib.ESTIMATED for _, kind, _ in played.lengths[:-1])
    assert played.lengths[-1] == (played.end, lib.EXACT, 0)
    assert abs(played.lengths[-2][0] - played.end) < 0.05 * played.end


def test_coded_audio_in_a_container_of_pcm(tools, make, tmp_path):
    """What its header counts may be samples or blocks; nothing is missing of it."""
    gsm = tmp_path / "gsm.aiff"
    lib.ffmpeg("-i", make("gsm.wav", "", seconds=4), "-ar", 8000, "-ac", 1, "-c:a", "libgsm", tmp_path / "raw.gsm")
    raw = (tmp_path / "raw.gsm").read_bytes()
    comm = b"COMM" + struct.pack(">IHIH", 24, 1, len(raw) // 33 * 160, 16) + bytes.fromhex("400bfa00000000000000") + b"GSM \0\0"
    ssnd = b"SSND" + struct.pack(">III", len(raw) + 8, 0, 0) + raw
    fver = b"FVER" + struct.pack(">II", 4, 0xa2805140)
    body = b"AIFC" + fver + comm + ssnd
    gsm.write_bytes(b"FORM" + struct.pack(">I", len(body)) + body)
    for path, kind in ((gsm, lib.ESTIMATED), (make("alac.caf", "-c:a alac", seconds=4), lib.ESTIMATED),
                       (make("adpcm.wav", "-c:a adpcm_ima_wav", seconds=4), lib.ESTIMATED)):
        played = lib.play(tools, path)
        assert not played.failed and not played.warnings, path
        assert played.opened[0] == pytest.approx(4 * lib.RATE, rel=0.02) and played.opened[5] == kind, path


@pytest.mark.parametrize("size", [1_000_000_000, 2_000_000_000, 0x7ffff000, 0xffffffff])
def test_a_size_to_be_filled_in_later_is_no_promise(tools, make, tmp_path, size):
    data = bytearray(make("sized.wav", "-fflags +bitexact", seconds=3).read_bytes())
    struct.pack_into("<I", data, 4, min(size + 36, 0xffffffff))
    struct.pack_into("<I", data, data.index(b"data") + 4, size)
    path = tmp_path / "sized.wav"
    path.write_bytes(data)
    played = lib.play(tools, path)
    assert played.end == 3 * lib.RATE and not played.warnings


def test_half_of_a_size_is_a_cut(tools, make, tmp_path):
    data = make("sized.wav", "-fflags +bitexact", seconds=3).read_bytes()
    path = tmp_path / "half.wav"
    path.write_bytes(data[:len(data) // 3 * 2])
    assert lib.play(tools, path).warnings
