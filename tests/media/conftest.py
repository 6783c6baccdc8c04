import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import lib  # noqa: E402

BUILD = Path(os.environ.get("TUTTI_BUILD", Path(__file__).parents[2] / "build"))


@pytest.fixture(scope="session")
def tools():
    return SimpleNamespace(play=BUILD / "tests/media/worker_play", worker=BUILD / "tutti-worker")


@pytest.fixture(scope="session")
def make(tmp_path_factory):
    """make(name, ffmpeg arguments, rate, channels, seconds, seed) is the path of a medium."""
    folder = tmp_path_factory.mktemp("media")

    def make(name, args, rate=48000, channels=2, seconds=6.345, seed=1):
        path = folder / f"{seed}-{seconds}-{name}"
        if not path.exists():
            source = folder / f"source-{rate}-{channels}-{seconds}-{seed}.wav"
            if not source.exists():
                lib.write_wav(source, lib.music(seconds, rate, channels, seed), rate)
            lib.ffmpeg("-i", source, *args.split(), path)
        return path

    return make
