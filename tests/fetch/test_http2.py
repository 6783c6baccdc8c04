"""HTTP/2, from nghttp2's server: the same bytes, one connection for one request after another, and
no more memory than the read-ahead."""
import shutil
import socket
import subprocess

import pytest
from lib import END, HEAD, Fetch, noise, wait_for

SONG = noise(20_000_000, 4)


@pytest.fixture
def https(certificate, tmp_path):
    """(base URL, file of the server's log, authority)"""
    if not shutil.which("nghttpd"):
        pytest.skip("nghttpd is missing (Debian: nghttp2-server)")
    ca, cert, key = certificate
    (tmp_path / "a").write_bytes(SONG)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    log = tmp_path / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(["nghttpd", "-v", "-d", tmp_path, str(port), key, cert],
                                   stdout=out, stderr=subprocess.STDOUT)
    try:
        wait_for(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0)
        yield f"https://localhost:{port}", log, ca
    finally:
        process.terminate()
        process.wait(20)


def resident_kb(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def test_http2(https):
    base, log, ca = https
    with Fetch("--log-level", "error", env={"SSL_CERT_FILE": str(ca)}) as fetch:
        first = fetch.source(base + "/a")
        assert first.expect(HEAD).length == len(SONG)
        first.reset()
        assert first.read_exactly(0, 100_000) == SONG[:100_000]
        idle = resident_kb(fetch.pid)
        others = [fetch.source(base + "/a") for _ in range(8)]
        for source in others:
            source.expect(HEAD)
            source.reset()
        # The server sends 20 MB as fast as it can; nobody reads.
        for source in others:
            assert source.read_exactly(0, 50_000) == SONG[:50_000]
        assert resident_kb(fetch.pid) - idle < 8 * 2500
        for source in others:
            source.drop()
        got, end = first.read_all(100_000)
        assert got == SONG[100_000:] and end.what == END
        # A jump ends a stream, not its connection.
        one = fetch.source(base + "/a")
        one.expect(HEAD)
        one.reset()
        one.read_exactly(0, 1_000_000)
        assert one.read_exactly(15_000_000, 1000) == SONG[15_000_000:15_001_000]
        assert fetch.collect() == []
    seen = log.read_text(errors="replace")
    assert seen.count(":method: GET") == 11
    connections = {line.split("]")[0] for line in seen.splitlines() if ":method: GET" in line}
    assert len(connections) < 11
