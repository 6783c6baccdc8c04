import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import lib  # noqa: E402

BUILD = Path(os.environ.get("TUTTI_BUILD", Path(__file__).parents[2] / "build"))


def pytest_collection_modifyitems(items):
    """What waits for half a minute begins first."""
    items.sort(key=lambda item: item.name != "test_hls_live")


@pytest.fixture(scope="session")
def tools():
    return SimpleNamespace(play=BUILD / "tests/media/worker_play", worker=BUILD / "tutti-worker")


@pytest.fixture(scope="session")
def make(tmp_path_factory):
    """make(name, ffmpeg arguments, rate, channels, seconds, seed) is the path of a medium."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "media"  # one for all processes
    folder.mkdir(exist_ok=True)

    def finish(path, write):
        """Others may make the same file at the same time."""
        part = path.with_name(f"part-{os.getpid()}-{path.name}")
        write(part)
        part.rename(path)

    def make(name, args, rate=48000, channels=2, seconds=6.345, seed=1):
        path = folder / f"{seed}-{seconds}-{name}"
        if not path.exists():
            source = folder / f"source-{rate}-{channels}-{seconds}-{seed}.wav"
            if not source.exists():
                finish(source, lambda part: lib.write_wav(part, lib.music(seconds, rate, channels, seed), rate))
            finish(path, lambda part: lib.ffmpeg("-i", source, *args.split(), part))
        return path

    return make
