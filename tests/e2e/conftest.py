"""Fixtures of the end-to-end tests."""
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from lib import TUTTID, procs
from lib.client import Client
from lib.daemon import Daemon
from lib.media import Media


def pytest_configure(config):
    config.addinivalue_line("markers", "long: takes more than a few seconds (deselect: -m 'not long')")
    procs.become_subreaper()


# What takes longest begins first, so that nobody waits for one file at the end.
LONGEST = ("test_network", "test_expired_links", "test_faults", "test_sandbox", "test_network_hls", "test_formats")


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.path.stem not in LONGEST)


@pytest.fixture(scope="session", autouse=True)
def built():
    if not os.access(TUTTID, os.X_OK):
        pytest.exit(f"{TUTTID} is missing: build first, or set TUTTI_BUILD", 2)


@pytest.fixture(scope="session")
def media():
    """The media factory. TUTTI_E2E_MEDIA names a directory to keep the files in; processes may share it."""
    kept = os.environ.get("TUTTI_E2E_MEDIA")
    root = Path(kept or tempfile.mkdtemp(prefix="te2e-media-")).resolve()
    root.mkdir(parents=True, exist_ok=True)
    yield Media(root)
    if not kept:
        shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="module")
def daemon(media):
    """One daemon for a module's tests, checked for a clean end after the last of them."""
    with Daemon(media=[media.root]) as running:
        yield running


@pytest.fixture
def client(daemon):
    """A client of the module's daemon in credit flow."""
    with Client(daemon) as one:
        yield one


@pytest.fixture
def paced(daemon):
    """A client of the module's daemon in paced flow."""
    with Client(daemon, "paced") as one:
        yield one


@pytest.fixture
def new_daemon(media):
    """Start daemons with options of one's own; they are stopped and checked at the end."""
    running = []

    def start(*options, roots=None, **more):
        one = Daemon(*options, media=[media.root] if roots is None else roots, **more)
        running.append(one)
        return one.start()

    yield start
    try:
        for one in running:
            if one.control and one.process.poll() is None:
                one.stop()
    finally:
        for one in running:
            one.kill()
