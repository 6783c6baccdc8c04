"""Hostile media: real files of every container, mutated. One number makes one file, always the same."""
import random
import struct

from lib.media import Recipe

SAMPLES = 16000  # a third of a second: what matters is how much is tried

# name: (suffix, how it is encoded, channels)
SEEDS = {
    "mp3": ("mp3", "-c:a libmp3lame -q:a 5 -metadata title=seed"), "mp3-bare": ("mp3", "-c:a libmp3lame -write_xing 0"),
    "m4a": ("m4a", "-c:a aac -metadata title=seed"), "m4a-first": ("m4a", "-c:a aac -movflags +faststart"),
    "mp4-fragments": ("mp4", "-c:a aac -movflags frag_keyframe+empty_moov"), "alac": ("m4a", "-c:a alac"),
    "mov": ("mov", "-c:a pcm_s16le"), "opus-mp4": ("mp4", "-c:a libopus"), "adts": ("aac", "-c:a aac"),
    "flac": ("flac", "-c:a flac"), "flac-ogg": ("oga", "-c:a flac -f ogg"), "vorbis": ("ogg", "-c:a libvorbis"),
    "opus": ("opus", "-c:a libopus -metadata title=seed"), "opus-5": ("opus", "-c:a libopus -frame_duration 5"),
    "opus-5.1": ("opus", "-c:a libopus -mapping_family 1", 6), "speex": ("spx", "-c:a libspeex -ar 16000", 1),
    "webm": ("webm", "-c:a libopus"), "webm-vorbis": ("webm", "-c:a libvorbis"), "mka": ("mka", "-c:a flac"),
    "mka-ac3": ("mka", "-c:a ac3"), "wav": ("wav", "-c:a pcm_s16le"), "wav-24": ("wav", "-c:a pcm_s24le", 6),
    "wav-adpcm": ("wav", "-c:a adpcm_ms"), "wav-ima": ("wav", "-c:a adpcm_ima_wav"), "w64": ("w64", "-c:a pcm_s16le"),
    "aiff": ("aiff", "-c:a pcm_s16be"), "caf": ("caf", "-c:a pcm_s16be"), "au": ("au", "-c:a pcm_mulaw"),
    "wma": ("wma", "-c:a wmav2"), "asf-1": ("asf", "-c:a wmav1"), "ac3": ("ac3", "-c:a ac3"),
    "dts": ("dts", "-c:a dca -strict -2"), "mp2": ("mp2", "-c:a mp2"), "ts": ("ts", "-c:a aac"),
    "avi": ("avi", "-c:a libmp3lame"), "flv": ("flv", "-c:a libmp3lame -ar 44100"), "wv": ("wv", "-c:a wavpack"),
    "tta": ("tta", "-c:a tta"), "rm": ("rm", "-c:a real_144 -ar 8000", 1), "gsm": ("wav", "-c:a libgsm_ms -ar 8000", 1),
}
EDGES = (0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, 1 << 62, (1 << 63) - 1)


def seeds(media):
    """name → (suffix, bytes)."""
    made = {}
    for name, (suffix, args, *channels) in SEEDS.items():
        path = media.make(f"seed-{name}", Recipe(suffix, args, *(channels or [2]), SAMPLES, 1))
        with open(path, "rb") as file:
            made[name] = (suffix, file.read())
    return made


def _place(dice, data):
    """Heads and tails hold what a parser believes: half of the mutations go there."""
    kind = dice.random()
    if kind < 0.4:
        return dice.randrange(min(len(data), 600))
    if kind < 0.5:
        return max(0, len(data) - 1 - dice.randrange(min(len(data), 600)))
    return dice.randrange(len(data))


def _mutate(dice, data, other):
    at = _place(dice, data)
    kind = dice.randrange(9)
    if kind == 0:
        data[at] ^= 1 << dice.randrange(8)
    elif kind == 1:
        data[at] = dice.randrange(256)
    elif kind in (2, 3):
        form = dice.choice(("B", "<H", ">H", "<I", ">I", "<Q", ">Q"))
        value = dice.choice(EDGES) & (1 << 8 * struct.calcsize(form)) - 1
        data[at:at + struct.calcsize(form)] = struct.pack(form, value)
    elif kind == 4:
        del data[at:at + dice.randrange(1, 64)]
    elif kind == 5:
        data[at:at] = dice.randbytes(dice.randrange(1, 64))
    elif kind == 6:
        end = at + dice.randrange(1, 2000)
        data[at:at] = data[at:end]
    elif kind == 7:
        start = dice.randrange(len(other))
        data[at:at] = other[start:start + dice.randrange(1, 500)]
    else:
        data[at:] = data[at:at + dice.randrange(1, len(data))]


def make(made, number):
    """(name, suffix, bytes) of the file with that number."""
    dice = random.Random(number)
    name = list(made)[number % len(made)]
    suffix, seed = made[name]
    data = bytearray(seed)
    _, other = made[dice.choice(list(made))]
    for _ in range(dice.choice((1, 1, 2, 3, 5, 10, 30))):
        if data:
            _mutate(dice, data, other)
    return name, suffix, bytes(data)
