"""How long sources are said to be, and how well that is known."""
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
