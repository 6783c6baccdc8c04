"""@discordjs/voice, as it is, against the stand-in: what the stand-in demands of a client, real clients do."""

import json
import os
import shutil
import subprocess
import threading
from pathlib import Path

import pytest
from standin import GCM, XCHACHA
from voice import BUILD, ROOT, wait_for

HERE = Path(__file__).parent / "client"


def find_node():
    for node in (shutil.which("node"), ROOT / "build-node/node_modules/node/bin/node"):
        if node and Path(node).exists():
            version = subprocess.run([node, "-p", "parseInt(process.versions.node)"], capture_output=True, text=True)
            if version.returncode == 0 and int(version.stdout) >= 20:
                return str(node)
    return None


@pytest.fixture(scope="session")
def client(tmp_path_factory):
    """Where the client is installed; kept in the build folder, so that it is fetched once."""
    node, npm = find_node(), shutil.which("npm")
    if not node or not npm:
        pytest.skip("needs Node.js 20 and npm")
    place = BUILD / "voice-client"
    lock = (HERE / "package-lock.json").read_bytes()
    done = place / "installed"
    if not done.exists() or done.read_bytes() != lock:
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, place / name)
        subprocess.run([npm, "ci", "--silent", "--no-audit", "--no-fund"], cwd=place, check=True, timeout=150,
                       env={**os.environ, "PATH": f"{Path(node).parent}:{os.environ['PATH']}"})
        done.write_bytes(lock)
    shutil.copy(HERE / "client.mjs", place / "client.mjs")
    return node, place


class Client:
    def __init__(self, client, server, frames):
        node, place = client
        self.said = []
        self.process = subprocess.Popen([node, "client.mjs", server.endpoint(), str(frames)], cwd=place, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        env={**os.environ, "NODE_EXTRA_CA_CERTS": str(server.ca)})
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.said.append(json.loads(line))

    def leave(self):
        self.process.stdin.close()
        assert self.process.wait(20) == 0, self.process.stderr.read()


@pytest.mark.parametrize("mode", [GCM, XCHACHA])
def test_a_whole_call(client, standins, mode):
    server = standins(modes=(mode,))
    peer = Client(client, server, 60)
    wait_for(lambda: {"player": "idle"} in peer.said[2:], 60, "the end of the play")
    session = server.sessions[0]
    wait_for(lambda: session.speaking and session.speaking[-1][1] == 0, what="op 5 with 0")
    assert [int.from_bytes(p[1:5], "big") for p in session.heard()] == list(range(60))
    assert sum(p.is_silence for p in session.packets) >= 4
    assert session.speaking[0][1] == 1 and session.discoveries == 1 and session.keepalives >= 1
    peer.leave()


def test_a_resumption(client, standins):
    server = standins()
    peer = Client(client, server, 150)
    wait_for(lambda: server.sessions and len(server.sessions[0].packets) >= 20, 20)
    session = server.sessions[0]
    server.close(session, 4015)
    wait_for(lambda: session.resumed == 1, what="op 7")
    assert session.resume_ack == 1
    count = len(session.packets)
    wait_for(lambda: len(session.packets) >= count + 10, what="sound after the resumption")
    assert len(session.speaking) >= 2
    peer.leave()
