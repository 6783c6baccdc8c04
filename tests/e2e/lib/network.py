"""A hostile web server on loopback, and a daemon that soon notices what it does. Fixtures: import them by name."""
import sys
from pathlib import Path

import pytest

from lib.client import Client
from lib.daemon import Daemon

sys.path.insert(0, str(Path(__file__).parents[2] / "lib"))
import httpd  # noqa: E402

OPTIONS = ("--allow-private-hosts", "--stall-timeout", "0.4", "--connect-timeout", "2", "--give-up", "6")


@pytest.fixture(scope="module")
def server():
    with httpd.Server() as one:
        yield one


@pytest.fixture(scope="module")
def net(media):
    with Daemon(*OPTIONS, media=[media.root]) as running:
        yield running


@pytest.fixture
def bot(net):
    with Client(net) as one:
        yield one
