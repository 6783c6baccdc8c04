import sys

import pytest

sys.path.insert(0, __file__.rsplit("/", 1)[0])

from standin import Standin  # noqa: E402
from voice import Voice  # noqa: E402

OPTIONS = ("--allow-private-hosts", "--voice-host", "localhost", "--log-level", "debug")


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture
def standins(folder):
    """Makes servers; each is stopped at the end, and must have seen no rule broken."""
    made = []

    def make(**script):
        server = Standin(folder, **script)
        made.append(server)
        return server
    yield make
    for server in made:
        server.stop()
    problems = [p for server in made for session in server.sessions for p in session.problems]
    assert not problems, problems[:10]


@pytest.fixture
def voices(folder):
    made = []

    def make(*options, **more):
        voice = Voice(*(options or OPTIONS), ca=folder / "ca.pem", **more)
        made.append(voice)
        return voice
    yield make
    for voice in made:
        if voice.process.poll() is None:
            voice.stop()
        assert voice.process.returncode == 0 or voice.was_killed, voice.log.decode()
