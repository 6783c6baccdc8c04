"""A worker that reads from the network: what comes out is what a file gives, whatever the network does."""
import subprocess
import threading
import time

import pytest

import lib
from fetcher import (Fetcher, LIVE, OPEN_ENDED, PLAYLIST, RANGES, Resource)

KINDS = {
    "mp3": ("song.mp3", "-c:a libmp3lame -b:a 128k"),
    "mp3-vbr": ("song-vbr.mp3", "-c:a libmp3lame -q:a 4"),
    "opus": ("song.opus", "-c:a libopus -b:a 96k"),
    "webm": ("song.webm", "-c:a libopus -b:a 96k"),
    "vorbis": ("song.ogg", "-c:a libvorbis -q:a 4"),
    "m4a": ("song.m4a", "-c:a aac -aac_pns 0 -b:a 128k -movflags +faststart"),
    "m4a-behind": ("behind.m4a", "-c:a aac -aac_pns 0 -b:a 128k"),
    "m4a-pieces": ("pieces.m4a", "-c:a aac -aac_pns 0 -b:a 128k -movflags +frag_keyframe+empty_moov -frag_duration 1000000"),
    "flac": ("song.flac", "-c:a flac"),
    "wav": ("song.wav", "-c:a pcm_s16le"),
    "adts": ("song.aac", "-c:a aac -aac_pns 0 -b:a 128k"),
    "ts": ("song.ts", "-c:a aac -aac_pns 0 -b:a 128k"),
}


def play(tools, fetcher, *options, timeout=60):
    return lib.play(tools, f"fd:{fetcher.theirs.fileno()}", *options,
                    fds=[fetcher.theirs.fileno()], timeout=timeout)


def serve(path, **facts):
    return Fetcher({"": Resource(path.read_bytes(), **facts)})


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_as_from_a_file(tools, make, kind):
    path = make(*KINDS[kind], seconds=30)
    fetcher = serve(path)
    from_net, from_file = play(tools, fetcher), lib.play(tools, path)
    assert [f[3] for f in from_net.frames] == [f[3] for f in from_file.frames]
    assert [f[0] for f in from_net.frames] == [f[0] for f in from_file.frames]
    assert from_net.end == from_file.end and not from_net.warnings
    requests = {"m4a-behind": 3, "wav": 2}.get(kind, 1)
    assert fetcher.jumps() <= requests, fetcher.reads


@pytest.mark.parametrize("kind", KINDS)
def test_a_seek_lands_where_it_does_in_a_file(tools, make, kind):
    path = make(*KINDS[kind], seconds=30)
    options = ("--at", 20, "seek", 20 * 48000 + 480, "--at", 60, "seek", 48000)
    fetcher = serve(path)
    from_net, from_file = play(tools, fetcher, *options), lib.play(tools, path, *options)
    # Where the lanes are changed is a matter of speed.
    net, file = from_net.frames[from_net.switched[-1]:], from_file.frames[from_file.switched[-1]:]
    assert len(from_net.switched) == 2 and [f[0] for f in net] == [f[0] for f in file]
    skip = 5 * 960  # until both decoders have forgotten what came before
    want = lib.decode_opus([f[3] for f in file])
    assert lib.snr(want[skip:], lib.decode_opus([f[3] for f in net])[skip:]) > 60
    print(kind, fetcher.jumps(), fetcher.resets, fetcher.reads)


class Stalled:
    """Plays while the network stalls at a byte; what() is done when it does, then it goes on."""

    def __init__(self, fetcher, what=None, pause=0.3):
        self.fetcher, self.what, self.pause = fetcher, what, pause
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        end = time.monotonic() + 10
        while not self.fetcher.stalled() and time.monotonic() < end:
            time.sleep(0.01)
        time.sleep(self.pause)
        self.fetcher.resume()

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.thread.join()


@pytest.mark.parametrize("kind", ["mp3", "opus", "m4a"])
@pytest.mark.parametrize("part", [0.0005, 0.3, 0.62])
def test_a_stall_changes_nothing(tools, make, kind, part):
    path = make(*KINDS[kind], seconds=30)
    fetcher = serve(path)
    root = fetcher.resources[""]
    root.stall_at = int(len(root.data) * part)
    with Stalled(fetcher):
        from_net = play(tools, fetcher)
    assert [f[3] for f in from_net.frames] == [f[3] for f in lib.play(tools, path).frames]


@pytest.mark.parametrize("kind", ["mp3", "opus", "m4a", "webm"])
def test_a_volume_in_a_stall_is_heard_at_once(tools, make, kind):
    path = make(*KINDS[kind], seconds=30)
    fetcher = serve(path)
    root = fetcher.resources[""]
    root.stall_at = int(len(root.data) * 0.1)  # 3 s: all of it is in the ring soon
    options = ("--at", 40, "volume", 0.5)
    with Stalled(fetcher, pause=1.0):
        from_net = play(tools, fetcher, *options)
    from_file = lib.play(tools, path, *options)
    assert [f[0] for f in from_net.frames] == [f[0] for f in from_file.frames]
    assert from_net.end == from_file.end
    n = len(from_file.frames) * 960
    assert lib.snr(from_file.pcm()[45 * 960:n], from_net.pcm()[45 * 960:n]) > 35


@pytest.mark.parametrize("kind", ["mp3", "m4a", "webm"])
def test_a_seek_in_a_stall_needs_not_what_is_stalled(tools, make, kind):
    path = make(*KINDS[kind], seconds=30)
    fetcher = serve(path)
    root = fetcher.resources[""]
    root.stall_at = int(len(root.data) * 0.5)
    played = play(tools, fetcher, "--at", 100, "seek", 48000, "--stop-after", 200)
    assert len(played.frames) == 200 and played.frames[played.switched[0]][0] == 48000


@pytest.mark.parametrize("part", [0.0, 0.0005, 0.3])
def test_close_in_a_stall_is_answered(tools, make, part):
    path = make(*KINDS["m4a"], seconds=30)
    fetcher = serve(path)
    root = fetcher.resources[""]
    root.stall_at = int(len(root.data) * part)
    played = play(tools, fetcher, "--stop-after", 50, "--close-after-ms", 1500)
    assert len(played.frames) <= 50


def test_a_source_that_fails_says_why(tools, make):
    path = make(*KINDS["mp3"], seconds=30)
    fetcher = serve(path)
    fetcher.resources[""].fail_at = 100000
    played = play(tools, fetcher)
    assert played.failed == "source_failed it is gone"
    assert len(played.frames) > 200 and played.end is None


@pytest.mark.parametrize("known,flags,warned", [(True, RANGES, False), (False, 0, False), (False, OPEN_ENDED, True)])
def test_what_counts_as_cut(tools, make, known, flags, warned):
    """A complete length and a clean end are the end; a connection that just ended is measured."""
    path = make(*KINDS["m4a"], seconds=30)
    whole = path.read_bytes()
    fetcher = Fetcher({"": Resource(whole[:len(whole) // 2], flags=flags, known=known)})
    played = play(tools, fetcher)
    assert played.end is not None
    assert bool([w for w in played.warnings if w.startswith("source_truncated")]) == warned


def test_an_open_end_that_is_whole_is_no_cut(tools, make):
    path = make(*KINDS["m4a"], seconds=30)
    fetcher = Fetcher({"": Resource(path.read_bytes(), flags=OPEN_ENDED, known=False)})
    played = play(tools, fetcher)
    assert played.end == lib.play(tools, path).end and not played.warnings


def test_radio(tools, make):
    """A live stream has no duration and tells its titles; to go anywhere in it is to join it anew at now, from
    where positions count on, in a new worker as well."""
    path = make(*KINDS["mp3"], seconds=30)
    fetcher = serve(path, flags=LIVE | OPEN_ENDED, known=False)
    fetcher.resources[""].title_at = {0: "First", 200000: "Second"}
    played = play(tools, fetcher, "--at", 30, "join", 480000)
    assert played.opened[0] == -1 and played.opened[4] == 0
    assert played.title == "First" and played.titles == ["Second"]
    assert not played.render_failed and fetcher.resets == 2
    joined = played.frames[played.switched[0]:]
    assert joined[0][0] == 480000 and joined[-1][0] > 480000 + 29 * 48000
    for how in ((), ("--exact",)):
        again = play(tools, serve(path, flags=LIVE | OPEN_ENDED, known=False), "--pos", 9600000, *how)
        assert again.frames[0][0] == 9600000 and not again.failed
        assert len(again.frames) == len(joined)


LISTS = {
    "m3u": ("audio/x-mpegurl", "# comment\n\nftp://no.test/x\nhttp://here.test/nothing\n  song\n"),
    "m3u8": ("audio/x-mpegurl", "#EXTM3U\r\n#EXTINF:12,A song\r\nfile:///etc/passwd\r\nhttp://here.test/song\r\n"),
    "pls": ("audio/x-scpls", "[playlist]\nNumberOfEntries=2\nFile1=http://here.test/nothing\nFile2=/song\n"),
    "comment": ("text/plain", "; comment\n# another\n/song\n"),
    "asx": ("video/x-ms-asf", "<ASX VERSION='3.0'>\r\n<Entry><Title>R & B</Title><Ref HREF = 'http://here.test/song?a=1&b=2'/>"
            "</ENTRY></asx>"),
    "xspf": ("application/xspf+xml", "<?xml version='1.0' encoding='windows-1251'?><playlist xmlns='http://xspf.org/ns/0/'>"
             "<trackList><track><location>http://here.test/song</location></track></trackList></playlist>"),
    "wpl": ("application/vnd.ms-wpl", "<?wpl version='1.0'?><smil><head><meta charset='x-none-such'></head><body><seq>"
            "<media src='song'/>&#233;</seq></body></smil>"),
    "rss": ("text/xml", "<rss version='2.0'><!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><channel><item>&b;"
            "<enclosure url='http://here.test/song' type='audio/mpeg'/></item></channel></rss>"),
    "reference": ("video/x-ms-asf", "[Reference]\r\nRef1=http://here.test/song\r\n"),
    "list of lists": ("audio/x-scpls", "[playlist]\nFile1=http://here.test/inner\n"),
}


@pytest.mark.parametrize("name", LISTS)
def test_playlists_lead_to_their_first_entry(tools, make, name):
    path = make(*KINDS["mp3"])
    kind, text = LISTS[name]
    resources = {
        "": Resource(text.encode(), kind=PLAYLIST, type=kind, url="http://here.test/list.m3u"),
        "http://here.test/song": Resource(path.read_bytes()),
        "http://here.test/song?a=1&b=2": Resource(path.read_bytes()),
        "http://here.test/inner": Resource(b"#EXTM3U\n//here.test/song", kind=PLAYLIST, type=""),
    }
    fetcher = Fetcher(resources)
    played = play(tools, fetcher)
    assert [f[3] for f in played.frames] == [f[3] for f in lib.play(tools, path).frames]
    assert all(url.startswith("http://here.test/") for url in fetcher.opened)


def test_a_list_that_names_itself_ends(tools):
    text = Resource(b"#EXTM3U\nlist\nlist\nlist\n", kind=PLAYLIST, url="http://here.test/list")
    fetcher = Fetcher({"": text, "http://here.test/list": text})
    assert play(tools, fetcher).failed.startswith("decode_failed")
    assert len(fetcher.opened) <= 30


def hls(tmp_path, wav, *options):
    """The resources of an HLS stream made by ffmpeg, and its playlist's text."""
    lib.ffmpeg("-i", wav, "-c:a", "aac", "-aac_pns", 0, "-b:a", "128k", "-f", "hls", "-hls_time", 4, "-hls_list_size", 0,
               "-hls_playlist_type", "vod", *options, tmp_path / "list.m3u8")
    resources = {f"http://here.test/{p.name}": Resource(p.read_bytes(), type="video/mp2t")
                 for p in tmp_path.iterdir() if p.name != "list.m3u8"}
    resources[""] = Resource((tmp_path / "list.m3u8").read_bytes(), kind=PLAYLIST,
                             type="application/vnd.apple.mpegurl", url="http://here.test/list.m3u8")
    return resources


def hls_variants(tmp_path, make):
    wav = make(*KINDS["wav"], seconds=30)
    (tmp_path / "key").write_bytes(bytes(range(16)))
    (tmp_path / "keyinfo").write_text(f"http://here.test/key\n{tmp_path}/key\n")
    return wav


@pytest.mark.parametrize("options", [(), ("-hls_segment_type", "fmp4"), ("-hls_flags", "single_file"), "crypt"],
                         ids=["ts", "fmp4", "one-file", "encrypted"])
def test_hls(tools, make, tmp_path, options):
    wav = hls_variants(tmp_path, make)
    if options == "crypt":
        options = ("-hls_key_info_file", tmp_path / "keyinfo")
    fetcher = Fetcher(hls(tmp_path, wav, *options))
    played = play(tools, fetcher, "--at", 100, "seek", 10 * 48000)
    whole = lib.ffmpeg_decode(wav)
    assert played.opened[4] == 1 and abs(played.opened[0] - 30 * 48000) < 48000
    heard = played.pcm()
    delay = lib.find_lag(whole[:90 * 960], heard[:90 * 960])
    assert 0 <= delay - played.lag <= 2112  # what the AAC encoder put in front
    assert played.frames[played.switched[0]][0] == 10 * 48000
    after = heard[(played.switched[0] + 1) * 960:]
    at = 10 * 48000 + 960 - delay
    assert lib.find_lag(whole[at:at + 20 * 960], after[:20 * 960], 2000) == 0
    assert lib.snr(whole[at:at + 15 * 48000], after[:15 * 48000]) > 12
    assert played.end is not None and not played.warnings


def test_hls_names_only_the_network(tools, tmp_path, make):
    text = ("#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nfile:///etc/passwd\n#EXTINF:4,\nconcat:x\n"
            "#EXT-X-ENDLIST\n")
    fetcher = Fetcher({"": Resource(text.encode(), kind=PLAYLIST, url="http://here.test/list.m3u8")})
    assert play(tools, fetcher).failed
    assert not fetcher.opened


def test_hls_stall_and_commands(tools, make, tmp_path):
    wav = hls_variants(tmp_path, make)
    resources = hls(tmp_path, wav)
    names = sorted(n for n in resources if n.endswith(".ts"))
    undisturbed = play(tools, Fetcher(resources))
    resources[names[2]].stall_at = 20000
    fetcher = Fetcher(resources)
    with Stalled(fetcher, pause=1.0):
        played = play(tools, fetcher, "--at", 150, "volume", 0.5)
    assert [f[0] for f in played.frames] == [f[0] for f in undisturbed.frames]
    assert lib.snr(undisturbed.pcm()[160 * 960:], 2 * played.pcm()[160 * 960:]) > 20


@pytest.mark.parametrize("options", [(), ("-hls_segment_type", "fmp4")], ids=["ts", "fmp4"])
def test_hls_seek_in_a_stall(tools, make, tmp_path, options):
    """The read that was given up for it must not fail what comes after."""
    wav = hls_variants(tmp_path, make)
    resources = hls(tmp_path, wav, *options)
    names = sorted(n for n in resources if n.endswith((".ts", ".m4s")))
    resources[names[2]].stall_at = 20000
    with Stalled(fetcher := Fetcher(resources), pause=1.0):
        played = play(tools, fetcher, "--at", 440, "seek", 20 * 48000)
    assert played.frames[played.switched[0]][0] == 20 * 48000
    assert not played.failed and played.end is not None and not played.warnings


def test_hls_live(tools, make, tmp_path):
    """The list grows while it is played; it has an end only when it says so."""
    wav = hls_variants(tmp_path, make)
    resources = hls(tmp_path, wav, "-hls_time", 2)
    root = resources[""]
    lines = root.data.decode().replace("#EXT-X-PLAYLIST-TYPE:VOD\n", "").splitlines()
    at = [i for i, line in enumerate(lines) if line.endswith(".ts")]
    lists = ["\n".join(lines[:i + 1]).replace("TARGETDURATION:2", "TARGETDURATION:1") + "\n" for i in at]
    lists[-1] += "#EXT-X-ENDLIST\n"
    root.data = lists[3].encode()
    rest = [text.encode() for text in lists[4:]]
    resources[root.url] = root

    def grow(url):
        if url == root.url and rest:
            root.data = rest.pop(0)
    fetcher = Fetcher(resources, grow)
    played = play(tools, fetcher, "--at", 30, "volume", 0.5)
    assert played.opened[0] == -1 and played.opened[4] == 0 and played.end is not None
    # It began three segments before the end of the first list.
    assert abs(len(played.frames) - (len(at) - 1) * 2 * 50) < 150


def test_a_place_far_ahead_in_mp3_is_not_counted_to(tools, make):
    """At a constant bit rate a new worker reads the beginning and then what it plays."""
    path = make(*KINDS["mp3"], seconds=120)
    options = ("--pos", 100 * 48000, "--exact")
    fetcher = serve(path)
    from_net, from_file = play(tools, fetcher, *options), lib.play(tools, path, *options)
    assert [f[3] for f in from_net.frames[5:]] == [f[3] for f in from_file.frames[5:]]
    assert [f[0] for f in from_net.frames] == [f[0] for f in from_file.frames]
    assert from_net.end == from_file.end
    assert fetcher.jumps() == 2 and sum(n for _, n in fetcher.reads) < path.stat().st_size / 3


def test_an_estimated_end_is_no_end(tools, make):
    """A seek past the end says the end that the bit rate lets guess; a seek back plays all there is."""
    path = make("falling.mp3", "-af volume=0:enable='gt(t,3)' -c:a libmp3lame -q:a 2 -write_xing 0 -id3v2_version 0",
                seconds=30)
    whole = play(tools, serve(path))
    played = play(tools, serve(path), "--at", 0, "seek", 10000 * 48000, "--at", 0, "seek", 480000)
    assert whole.opened[0] < 0.8 * whole.end
    assert len(played.switched) == 2 and played.frames[played.switched[-1]][0] == 480000
    assert played.end == whole.end


@pytest.mark.parametrize("codec, suffix", [("libopus", "opus"), ("libvorbis", "ogg")])
@pytest.mark.parametrize("at, second", [(20, 25), (20, 12), (800, 18), (800, 8)])
def test_a_chain_is_found_out(tools, make, tmp_path, codec, suffix, at, second):
    """By its last page before the first seek, or when its times start over."""
    links = [make(f"chain{i}.{suffix}", f"-c:a {codec} -f ogg -serial_offset {i + 5}", seconds=15, seed=30 + i)
             for i in range(2)]
    path = tmp_path / f"chain.{suffix}"
    path.write_bytes(b"".join(p.read_bytes() for p in links))
    fetcher = serve(path)
    options = ("--at", at, "seek", second * 48000, "--stop-after", at + 100)
    from_net, from_file = play(tools, fetcher, *options), lib.play(tools, path, *options)
    net, file = from_net.frames[from_net.switched[0]:], from_file.frames[from_file.switched[0]:]
    assert net[0][0] == file[0][0] == second * 48000
    n = min(len(net), len(file))
    want, got = (lib.decode_opus([f[3] for f in frames[:n]])[5 * 960:] for frames in (file, net))
    assert n > 50 and lib.snr(want, got) > 60
    assert fetcher.jumps() <= 3, fetcher.reads
