"""What the programs are linked with."""
import subprocess

import pytest

from lib import BUILD


def libraries(program):
    """The shared libraries a program asks for."""
    text = subprocess.run(["readelf", "-d", BUILD / program], capture_output=True, text=True, check=True).stdout
    return [line.split("[")[1].rstrip("]") for line in text.splitlines() if "(NEEDED)" in line]


@pytest.mark.parametrize("program", ["tuttid"])
def test_no_media_library_near_the_daemon(program):
    """Code that parses media lives in workers only."""
    forbidden = ("libav", "libsw", "libopus", "libcurl")
    assert not [lib for lib in libraries(program) if lib.startswith(forbidden)]


def test_the_worker_has_them():
    """Or else the test above could not fail."""
    assert [lib for lib in libraries("tutti-worker") if lib.startswith(("libavformat", "libopus"))]
