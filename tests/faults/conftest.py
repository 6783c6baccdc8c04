"""Fixtures of the fault suite. Daemon, ears and media are those of the end-to-end tests."""
import importlib.util
import os
import sys
from pathlib import Path

import pytest

E2E = Path(__file__).resolve().parents[1] / "e2e"
sys.path.insert(0, str(E2E))

_spec = importlib.util.spec_from_file_location("e2e_conftest", E2E / "conftest.py")
_e2e = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_e2e)

# pylint: disable=wrong-import-position
import places  # noqa: E402
import table  # noqa: E402
from house import House, songs_in  # noqa: E402

pytest_configure = _e2e.pytest_configure
built = _e2e.built
media = _e2e.media
new_daemon = _e2e.new_daemon


@pytest.fixture(scope="session")
def songs(media):
    """What the sixty channels play: long, and cheap to make."""
    return songs_in(media)


@pytest.fixture(scope="session")
def doomed(media):
    """Sources that are the end of the worker that opens them: name → path."""
    return places.sources(media)


@pytest.fixture(scope="session")
def house(media, songs, doomed):
    """A daemon with sixty channels that play, a dozen of which may be hurt."""
    with House(media, songs, rules=places.rules(doomed)) as one:
        yield one


def pytest_sessionfinish(session):
    """What was measured, to the terminal and, where TUTTI_FAULTS_TABLE names a document, into it."""
    if table.rows:
        print("\n" + table.as_text())
        if os.environ.get("TUTTI_FAULTS_TABLE"):
            table.write(Path(os.environ["TUTTI_FAULTS_TABLE"]))
