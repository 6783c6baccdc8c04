"""HLS: a recording in segments of two seconds, in several forms. Fixtures: import them by name."""
import re
import subprocess

import pytest

from lib import opus
from lib.media import Recipe

SECONDS = 16
AAC = "-c:a aac -aac_pns 0 -b:a 128k"
HLS = "-f hls -hls_time 2 -hls_list_size 0 -hls_playlist_type vod {0}/list.m3u8"
KINDS = {
    "ts": f"{AAC} {HLS}",
    "fmp4": f"{AAC} -hls_segment_type fmp4 {HLS}",
    "opus": f"-c:a libopus -b:a 96k {HLS}",
    "opus-fmp4": f"-c:a libopus -b:a 96k -strict -2 -hls_segment_type fmp4 {HLS}",
    "ranges": f"{AAC} -hls_flags single_file {HLS}",
    "encrypted": f"{AAC} -hls_key_info_file {{0}}/keyinfo {HLS}",
    # Nothing but frames: no times.
    "mp3": "-c:a libmp3lame -b:a 128k -f segment -segment_time 2 "
           "-segment_format_options write_xing=0:id3v2_version=0 -segment_list {0}/list.m3u8 {0}/list%d.mp3",
    "adts": f"{AAC} -f segment -segment_time 2 -segment_format adts -segment_list {{0}}/list.m3u8 {{0}}/list%d.aac",
}
KINDS["mp3-encrypted"] = KINDS["mp3"]
KEY = bytes(range(16))
LIST_TYPE = "application/vnd.apple.mpegurl"


def encrypt(folder):
    """Each segment by AES-128 with its number as the initialisation vector, which nothing but the place in
    the list tells."""
    path = folder / "list.m3u8"
    lines = path.read_text().splitlines()
    for number, name in enumerate(line for line in lines if not line.startswith("#")):
        plain = (folder / name).read_bytes()
        subprocess.run(["openssl", "enc", "-aes-128-cbc", "-K", KEY.hex(), "-iv", f"{number:032x}",
                        "-out", folder / name], input=plain, check=True)
    path.write_text("\n".join([lines[0], '#EXT-X-KEY:METHOD=AES-128,URI="key"', *lines[1:], ""]))


@pytest.fixture(scope="session")
def segments(media, tmp_path_factory):
    """segments(kind) is a directory with list.m3u8 and what it names."""
    made = {}

    def segments(kind):
        if kind not in made:
            wav = media.make("hls", Recipe("wav", "-c:a pcm_s16le", samples=SECONDS * 48000))
            folder = tmp_path_factory.mktemp(kind)
            (folder / "key").write_bytes(KEY)
            (folder / "keyinfo").write_text(f"key\n{folder}/key\n")
            subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", wav, *KINDS[kind].format(folder).split()],
                           stdin=subprocess.DEVNULL, check=True)
            if kind == "mp3-encrypted":
                encrypt(folder)
            made[kind] = folder
        return made[kind]
    return segments


def in_order(names):
    """The names of what has sound in it, as they are played."""
    return sorted((n for n in names if re.search(r"\.(ts|m4s|mp3|aac)$", n)),
                  key=lambda n: [int(x) for x in re.findall(r"\d+", n)])


def alike(packets, other):
    """How well two runs sound alike: 1 is the same."""
    import numpy as np
    a, b = opus.decode(packets), opus.decode(other)
    n = min(len(a), len(b))
    a, b = a[:n].astype(float).ravel(), b[:n].astype(float).ravel()
    return float(np.dot(a, b) / np.sqrt(np.dot(a, a) * np.dot(b, b)))
