"""Media that kill the worker: at a place, or where they are opened."""
from house import Rule
from lib import FRAME
from lib.media import Recipe

SECONDS = 6
PLACE = 3 * 48000  # samples
LATE = 9 * 48000  # samples: when this is made, the ring has been full
SKIPPED = 72000  # samples that are skipped after two deaths at a place

# name: (kind, when, how, how often)
DOOMS = {
    "dies once at a place": ("wav", PLACE, "abort", 1),
    "dies at a place every time": ("flac", PLACE, "kill", 1000),
    "passed through, dies at a place every time": ("opus", PLACE // FRAME * FRAME, "segv", 1000),
    "dies once while it opens": ("mp3", "open", "kill", 1),
    "dies whenever it opens": ("ogg", "open", "abort", 1000),
    "needs more memory than it may have": ("wv", PLACE, "memory", 1),
    "hangs": ("m4a", LATE, "hang", 1),
    "is in a loop": ("tta", LATE, "spin", 1),
    "dies on every frame": ("aiff", f"{PLACE}+", "kill", 1000),
}
ENCODED = {"wav": "-c:a pcm_s16le", "flac": "-c:a flac", "opus": "-c:a libopus -b:a 96k", "ogg": "-c:a libvorbis",
           "mp3": "-c:a libmp3lame -ar 44100", "aiff": "-c:a pcm_s16be", "wv": "-c:a wavpack", "m4a": "-c:a alac",
           "tta": "-c:a tta"}


def sources(media):
    """name → path. Their lengths differ, because they are told apart by their size."""
    def recipe(kind, when, n):
        seconds = 2 * SECONDS if when == LATE else SECONDS
        return Recipe(kind, ENCODED[kind], 2, seconds * 48000 + 960 * n, n)
    return {name: media.make(f"doomed-{n}", recipe(*DOOMS[name][:2], n)) for n, name in enumerate(DOOMS)}


def rules(paths):
    return [Rule(paths[name], when, how, times) for name, (_, when, how, times) in DOOMS.items()]
