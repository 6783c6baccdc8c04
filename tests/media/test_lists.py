"""HLS whose list says that something is missing, that times start over, or whose numbers do."""
import numpy as np
import pytest

import lib
from fetcher import Fetcher
from test_remote import KINDS, hls, play

SECONDS = 30
CODECS = {
    "ts": ("aac", ()),
    "fmp4": ("aac", ("-hls_segment_type", "fmp4")),
    "opus": ("opus", ("-hls_segment_type", "fmp4", "-c:a", "libopus")),
    "mp3": ("mp3", ("-c:a", "libmp3lame", "-hls_segment_filename")),
    "encrypted": ("aac", ()),
}


def made(tmp_path, make, kind, seed=1):
    """The resources of a stream whose segments last 4 s, and the lines of its list."""
    wav = make(*KINDS["wav"], seconds=SECONDS, seed=seed)
    options = list(CODECS[kind][1])
    if kind == "mp3":
        options.append(tmp_path / "list%d.mp3")
    if kind == "encrypted":
        (tmp_path / "key").write_bytes(bytes(range(16)))
        (tmp_path / "keyinfo").write_text(f"http://here.test/key\n{tmp_path}/key\n")
        options += ["-hls_key_info_file", tmp_path / "keyinfo"]
    resources = hls(tmp_path, wav, *options)
    return resources, resources[""].data.decode().splitlines()


def set_list(resources, lines):
    resources[""].data = ("\n".join(lines) + "\n").encode()


def missing(lines, n, count=1):
    """The lines with the n-th segment and those behind it marked as missing, and [s] where and how long."""
    out, at, s, where, gone = [], 0, 0.0, 0.0, 0.0
    for line in lines:
        if line.startswith("#EXTINF:"):
            s = float(line[8:].split(",")[0])
            if n <= at < n + count:
                out.append("#EXT-X-GAP")
                gone += s
            elif at < n:
                where += s
            at += 1
        out.append(line)
    return out, where, gone


def loudness(pcm, at_s, to_s):
    part = pcm[int(at_s * 48000):int(to_s * 48000)]
    return float(np.sqrt(np.mean(part ** 2)))


@pytest.mark.parametrize("kind, n, count", [(kind, 3, 1) for kind in CODECS] + [("ts", 2, 3)])
def test_what_is_missing_is_silence(tools, make, tmp_path, kind, n, count):
    """As long as the list says, and nobody asks for it; what comes after it is where it was."""
    resources, lines = made(tmp_path, make, kind)
    whole = play(tools, Fetcher(resources))
    lines, where, gone = missing(lines, n, count)
    names = [line for line in lines if line and not line.startswith("#")]
    for name in names[n:n + count]:
        del resources[f"http://here.test/{name}"]
    set_list(resources, lines)
    fetcher = Fetcher(resources)
    played = play(tools, fetcher)
    assert played.end == pytest.approx(whole.end, abs=4800) and not played.warnings and not played.failed
    assert played.opened[0] == whole.opened[0]
    assert not [url for url in fetcher.opened if "gap" in url or url.rsplit("/")[-1] in names[n:n + count]]
    want, got = whole.pcm(), played.pcm()
    assert loudness(got, where + 0.2, where + gone - 0.2) < 0.001
    assert lib.snr(want[48000:int((where - 0.2) * 48000)], got[48000:int((where - 0.2) * 48000)]) > 20
    at = int((where + gone + 0.5) * 48000)
    assert abs(lib.find_lag(want[at:at + 96000], got[at:at + 96000])) <= (1500 if kind == "mp3" else 100)
    assert loudness(got, where + gone + 0.2, where + gone + 1) > 0.01


@pytest.mark.parametrize("kind, to", [(kind, to) for kind in CODECS for to in (14.5, 22.0)] + [("ts", 6.0)])
def test_a_seek_where_something_is_missing(tools, make, tmp_path, kind, to):
    """Before it, into it, behind it: what is heard is what is heard there in one go."""
    resources, lines = made(tmp_path, make, kind)
    lines, where, gone = missing(lines, 3)
    assert where < 14.5 < where + gone
    set_list(resources, lines)
    whole = play(tools, Fetcher(resources)).pcm()
    played = play(tools, Fetcher(resources), "--at", 50, "seek", int(to * 48000))
    assert played.frames[played.switched[0]][0] == int(to * 48000) and not played.warnings
    got = played.pcm()[played.switched[0] * 960:]
    assert len(got) + to * 48000 == pytest.approx(len(whole), abs=4800)
    skip = int(max(0.2, where + gone + 0.5 - to if to > where else 0) * 48000)
    at = int(to * 48000) + skip
    assert abs(lib.find_lag(whole[at:at + 96000], got[skip:skip + 96000])) <= (1500 if kind == "mp3" else 100)
    if where < to < where + gone:
        assert loudness(got, 0.1, where + gone - to - 0.2) < 0.001


def torn(tmp_path, make, kind):
    """Two recordings one behind the other; each begins with the same times."""
    both, text = {}, []
    for i in range(2):
        folder = tmp_path / str(i)
        folder.mkdir()
        resources, lines = made(folder, make, kind, seed=i + 1)
        names = [line for line in lines if line and not line.startswith("#")]
        for url, resource in resources.items():
            both[url.replace("here.test/", f"here.test/{i}/")] = resource
        lines = [f"{i}/{line}" if line in names else line.replace('URI="', f'URI="{i}/') for line in lines]
        text += lines[:-1] if i == 0 else ["#EXT-X-DISCONTINUITY"] + lines[next(
            n for n, line in enumerate(lines) if line.startswith(("#EXT-X-MAP", "#EXTINF"))):]
    set_list(both, text)
    return both


@pytest.mark.parametrize("kind, to", [("ts", 10.0), ("ts", 31.0), ("ts", 52.0), ("fmp4", 31.0), ("fmp4", 52.0),
                                      ("opus", 31.0), ("mp3", 52.0)])
def test_a_seek_where_times_start_over(tools, make, tmp_path, kind, to):
    """It is told by the list where they do: within a twentieth of a second of playing there."""
    resources = torn(tmp_path, make, kind)
    whole = play(tools, Fetcher(resources), timeout=60).pcm()
    fetcher = Fetcher(resources)
    played = play(tools, fetcher, "--at", 50, "seek", int(to * 48000))
    assert played.frames[played.switched[0]][0] == int(to * 48000) and not played.warnings
    got = played.pcm()[played.switched[0] * 960:]
    at, skip = int((to + 0.5) * 48000), 24000
    assert abs(lib.find_lag(whole[at:at + 96000], got[skip:skip + 96000], 6000)) <= 2400
    assert len(got) + to * 48000 == pytest.approx(len(whole), abs=7200)


@pytest.mark.parametrize("apart", [False, True], ids=["same names", "other names"])
def test_numbers_that_start_over(tools, make, tmp_path, apart):
    """The encoder of a live stream is started anew: its list goes on, whatever the numbers say."""
    resources, lines = made(tmp_path, make, "ts")
    root = resources[""]
    names = [line for line in lines if line and not line.startswith("#")]
    if apart:
        for i, name in enumerate(names[4:]):
            resources[f"http://here.test/new{i}"] = resources[f"http://here.test/{name}"]
            names[i + 4] = f"new{i}"

    def text(first, last, number):
        head = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:{number}\n"
        return (head + "".join(f"#EXTINF:4,\n{n}\n" for n in names[first:last])).encode()
    root.data = text(0, 3, 700)
    rest = [text(0, 4, 700)]
    rest += [text(4, 5, 0)] * 2 + [text(4, n, 0) for n in (6, 7)] if apart else [text(n - 3, n, n - 5) for n in (5, 6, 7)]
    rest.append(text(4, 8, 0) + b"#EXT-X-ENDLIST\n" if apart else text(5, 8, 3) + b"#EXT-X-ENDLIST\n")
    resources[root.url] = root

    def grow(url):
        if url == root.url and rest:
            root.data = rest.pop(0)
    played = play(tools, Fetcher(resources, grow))
    assert played.end is not None and not played.failed and not rest
    assert len(played.frames) == pytest.approx(SECONDS * 50, abs=110)


@pytest.mark.parametrize("head", ["\ufeff#EXTM3U", "# by an editor\n\n#EXTM3U", "\r\n#EXTM3U"])
def test_what_stands_before_the_first_line(tools, make, tmp_path, head):
    resources, lines = made(tmp_path, make, "ts")
    whole = play(tools, Fetcher(resources))
    set_list(resources, [head] + lines[1:])
    assert [f[3] for f in play(tools, Fetcher(resources)).frames] == [f[3] for f in whole.frames]


def test_long_gaps_take_no_memory(tools, make, tmp_path):
    """A list may say anything; a minute of it is heard."""
    resources, lines = made(tmp_path, make, "ts")
    lines, where, _ = missing(lines, 1)
    at = lines.index("#EXT-X-GAP") + 1
    lines[at] = "#EXTINF:90000,"
    set_list(resources, lines)
    played = play(tools, Fetcher(resources), "--stop-after", 3000)
    assert len(played.frames) == 3000 and not played.failed
    assert loudness(played.pcm(), where + 0.5, 59) < 0.001
