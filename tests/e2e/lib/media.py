"""The media the tests play: made once a session by ffmpeg from sound of our own."""
import os
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from lib import sound

# Two seconds and a bit: whatever a codec adds, the end stays away from a frame boundary.
USUAL = 96417


class Recipe(NamedTuple):
    suffix: str
    args: str
    channels: int = 2
    samples: int = USUAL
    seed: int = 0
    then: str = ""  # arguments of a second run, for what one run cannot do
    video: bool = False


class Media:
    """Files by recipe, in one directory that may serve as a media root."""

    def __init__(self, root):
        self.root = Path(root)
        self._locks = {}
        self._guard = threading.Lock()

    def make(self, name, recipe):
        """The path of that file, which is made if it is not there yet."""
        path = self.root / f"{name}.{recipe.suffix}"
        with self._guard:
            lock = self._locks.setdefault(path, threading.Lock())
        with lock:
            if not path.exists():
                self._cook(path, recipe)
        return str(path)

    def _unfinished(self, path):
        """Other processes may make the same file at the same time."""
        return path.with_name(f"making-{os.getpid()}-{path.name}")

    def _cook(self, path, recipe):
        pcm = sound.music(recipe.samples, recipe.channels, recipe.seed)
        command = ["ffmpeg", "-v", "error", "-y"]
        if recipe.video:
            command += ["-f", "lavfi", "-i", "testsrc=size=64x64:rate=10:duration=2"]
        command += ["-f", "f32le", "-ar", str(sound.RATE), "-ac", str(recipe.channels), "-i", "-"]
        made = self._unfinished(path)
        subprocess.run([*command, *recipe.args.split(), str(made)], input=pcm.tobytes(), check=True)
        if recipe.then:
            again = made.with_name("again-" + path.name)
            subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", str(made), *recipe.then.split(),
                            str(again)], stdin=subprocess.DEVNULL, check=True)
            made.unlink()
            made = again
        made.rename(path)

    def make_all(self, recipes):
        """Many at once: name → path."""
        with ThreadPoolExecutor(2) as pool:
            return dict(zip(recipes, pool.map(lambda item: self.make(*item), recipes.items())))

    def of(self, name, pcm, args="-c:a pcm_s16le"):
        """A file of that sound (48 kHz, any channels), under that name with its suffix."""
        path = self.root / name
        if not path.exists():
            made = self._unfinished(path)
            subprocess.run(["ffmpeg", "-v", "error", "-y", "-f", "f32le", "-ar", str(sound.RATE), "-ac",
                            str(pcm.shape[1]), "-i", "-", *args.split(), str(made)],
                           input=pcm.astype("<f4").tobytes(), check=True)
            made.rename(path)
        return str(path)

    def wav(self, seconds=2.0, seed=0):
        """Plain 48 kHz stereo: its reference is exact."""
        n = int(seconds * sound.RATE)
        return self.make(f"plain-{n}-{seed}", Recipe("wav", "-c:a pcm_s16le", 2, n, seed))

    def opus(self, seconds=2.0, seed=0, args=""):
        """Ogg Opus as a bot would store it."""
        n = int(seconds * sound.RATE)
        return self.make(f"opus-{n}-{seed}", Recipe("opus", f"-c:a libopus -b:a 96k {args}", 2, n, seed))
