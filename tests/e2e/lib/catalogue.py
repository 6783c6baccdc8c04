"""The table of formats every one of which must play."""
from typing import NamedTuple

from lib.media import USUAL, Recipe
from lib.sound import reference


class Format(NamedTuple):
    recipe: Recipe
    exact: bool = True  # the container tells where the audio begins and ends
    duration: bool = True  # the container tells its length


def _pcm(codec, suffix="wav", rate=48000, channels=2):
    return Format(Recipe(suffix, f"-c:a {codec} -ar {rate}", channels))


MP3 = "-c:a libmp3lame -ar 44100"

TRANSCODED = {
    "mp3-cbr": Format(Recipe("mp3", f"{MP3} -b:a 192k")),
    "mp3-vbr": Format(Recipe("mp3", f"{MP3} -q:a 2")),
    "mp3-bare": Format(Recipe("mp3", f"{MP3} -b:a 128k -write_xing 0 -id3v2_version 0"), False, False),
    "mp3-48k-mono": Format(Recipe("mp3", "-c:a libmp3lame -b:a 96k", 1)),
    "m4a-index-last": Format(Recipe("m4a", "-c:a aac -b:a 160k -ar 44100"), False),
    "m4a-index-first": Format(Recipe("m4a", "-c:a aac -b:a 160k -movflags +faststart"), False),
    "aac-adts": Format(Recipe("aac", "-c:a aac -b:a 160k"), False, False),
    "alac": Format(Recipe("m4a", "-c:a alac -ar 44100")),
    "flac": Format(Recipe("flac", "-c:a flac -ar 44100")),
    "flac-24-96k": Format(Recipe("flac", "-c:a flac -ar 96000 -sample_fmt s32")),
    "flac-in-ogg": Format(Recipe("oga", "-c:a flac -f ogg")),
    "wav-8": _pcm("pcm_u8"),
    "wav-16": _pcm("pcm_s16le", rate=44100),
    "wav-24": _pcm("pcm_s24le"),
    "wav-32": _pcm("pcm_s32le"),
    "wav-float": _pcm("pcm_f32le"),
    "wav-double": _pcm("pcm_f64le"),
    "wav-mulaw": _pcm("pcm_mulaw", rate=8000, channels=1),
    "aiff": _pcm("pcm_s16be", "aiff", 44100),
    "aiff-24": _pcm("pcm_s24be", "aiff"),
    "vorbis": Format(Recipe("ogg", "-c:a libvorbis -q:a 5 -ar 44100")),
    "vorbis-webm": Format(Recipe("webm", "-c:a libvorbis -q:a 5"), False),
    "mkv-flac": Format(Recipe("mkv", "-c:a flac -ar 44100"), False),
    "mka-ac3": Format(Recipe("mka", "-c:a ac3 -b:a 256k"), False),
    "wma": Format(Recipe("wma", "-c:a wmav2 -b:a 160k -ar 44100"), False),
    "ac3": Format(Recipe("ac3", "-c:a ac3 -b:a 256k"), False, False),
    "ac3-5.1": Format(Recipe("ac3", "-c:a ac3 -b:a 448k", 6), False, False),
    "mp2": Format(Recipe("mp2", "-c:a mp2 -b:a 192k"), False, False),
    "mp4-video": Format(Recipe("mp4", "-map 0:v -map 1:a -c:v mpeg4 -c:a aac -b:a 160k -shortest",
                               video=True), False),
    "mkv-video": Format(Recipe("mkv", "-map 0:v -map 1:a -c:v mpeg4 -c:a libmp3lame -b:a 160k", video=True),
                        False),
    "cover-art": Format(Recipe("mp3", f"{MP3} -b:a 160k", then="-f lavfi -i testsrc=size=64x64:rate=1:"
                               "duration=1 -map 0:a -map 1:v -c:v mjpeg -c:a copy")),
}
for _rate in (8000, 11025, 16000, 22050, 32000, 88200, 96000, 192000):
    TRANSCODED[f"rate-{_rate}"] = _pcm("pcm_s16le", rate=_rate)
for _channels in (1, 3, 4, 5, 6, 7, 8):
    TRANSCODED[f"channels-{_channels}"] = _pcm("pcm_s16le", channels=_channels)
# Several Opus streams in one packet are not for a stereo decoder.
TRANSCODED["opus-5.1"] = Format(Recipe("opus", "-c:a libopus -b:a 256k -mapping_family 1", 6))



def sound_of(name, path):
    """What the file holds. ffmpeg leaves in what an MP4's edit list cuts off, to the millisecond, at the end."""
    return reference(path)[:USUAL - 48] if name.startswith("m4a") else reference(path)


OPUS = "-c:a libopus -b:a 112k"

# Opus whose packets can be handed on as they are.
PASSED = {
    "opus-stereo": Recipe("opus", OPUS),
    "opus-mono": Recipe("opus", "-c:a libopus -b:a 64k", 1),
    "opus-cbr": Recipe("opus", f"{OPUS} -vbr off"),
    "opus-voip": Recipe("opus", "-c:a libopus -b:a 24k -application voip", 1),
    "opus-low-delay": Recipe("opus", f"{OPUS} -application lowdelay"),
    "opus-webm": Recipe("webm", OPUS),
    "opus-mka": Recipe("mka", OPUS),
    "opus-mp4": Recipe("mp4", OPUS),
}

# Packets of another length than 20 ms: regrouped, or transcoded where that cannot be.
REGROUPED = {f"opus-{ms}ms": Recipe("opus", f"{OPUS} -frame_duration {ms}") for ms in (2.5, 5, 10, 40, 60)}
