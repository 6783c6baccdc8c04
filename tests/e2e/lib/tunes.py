"""Music on the hostile web server, in several forms, and how it sounds undisturbed. Fixtures: import them by
name, with those of lib.network."""
from pathlib import Path

import pytest

from lib.client import Client
from lib.media import Recipe

SECONDS = 14
RECIPES = {
    "mp3": Recipe("mp3", "-c:a libmp3lame -b:a 128k", samples=SECONDS * 48000),
    "opus": Recipe("opus", "-c:a libopus -b:a 96k", samples=SECONDS * 48000),
    "m4a": Recipe("m4a", "-c:a aac -aac_pns 0 -b:a 128k -movflags +faststart", samples=SECONDS * 48000),
    "behind": Recipe("m4a", "-c:a aac -aac_pns 0 -b:a 128k", samples=SECONDS * 48000, seed=1),
    "webm": Recipe("webm", "-c:a libopus -b:a 96k", samples=SECONDS * 48000),
    "flac": Recipe("flac", "-c:a flac", samples=SECONDS * 48000),
}


@pytest.fixture
def paced_bot(net):
    with Client(net, "paced") as one:
        yield one


_names = iter(range(10**6))


@pytest.fixture
def serve(server, media):
    """serve(kind, **facts) puts such a file on the server: (URL, resource)."""
    def serve(kind, **facts):
        recipe = RECIPES[kind]
        path = f"/{next(_names)}.{recipe.suffix}"
        facts.setdefault("etag", '"one"')
        data = Path(media.make(f"net-{kind}", recipe)).read_bytes()
        return server.url(path), server.add(path, data, type=facts.pop("type", "audio/any"), **facts)
    return serve


_undisturbed = {}


@pytest.fixture
def undisturbed(bot, media):
    """The packets of a kind when it is played from a file, as they are."""
    def undisturbed(kind):
        if kind not in _undisturbed:
            played = bot.play_through(media.make(f"net-{kind}", RECIPES[kind]))
            assert played.end["type"] == "finished" and played.packets
            _undisturbed[kind] = played.packets
        return _undisturbed[kind]
    return undisturbed


def warnings(client, play_id):
    return [e["code"] for e in client.control.events if e["type"] == "warning" and e.get("play_id") == play_id]


def check_same(played, packets):
    assert played.end["type"] == "finished", played.end
    played.run.check()
    assert played.packets == packets
