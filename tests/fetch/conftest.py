"""Fixtures of the tests of tutti-fetch."""
import os

import pytest
from lib import FETCH, Fetch
from httpd import Server, make_certificate


@pytest.fixture(scope="session", autouse=True)
def built():
    if not os.access(FETCH, os.X_OK):
        pytest.exit(f"{FETCH} is missing: build first, or set TUTTI_BUILD", 2)


@pytest.fixture
def server():
    with Server() as one:
        yield one


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """(authority, certificate, key)"""
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def fetch():
    with Fetch("--stall-timeout", "0.6", "--give-up", "8", "--connect-timeout", "2") as one:
        yield one
