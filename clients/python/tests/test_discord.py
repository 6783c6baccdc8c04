"""The real discord.py plays a channel: its VoiceClient and AudioPlayer, and a socket that is none."""
import asyncio
import importlib.util
import time
from pathlib import Path

import pytest
from conftest import heard_tone, until
from tutti_client import TuttiClient

discord = pytest.importorskip("discord", reason="discord.py is not installed")
from tutti_client.discord import attach, connect  # noqa: E402

CHANNEL = 7


class Gateway:
    async def speak(self, state):
        self.state = state


class Voice(discord.VoiceClient):
    """Connected to nothing: it keeps what would be encrypted and sent, and when."""

    def __init__(self, channel):
        self.channel = channel
        self.client = type("Bot", (), {"loop": asyncio.get_running_loop()})()
        self._gateway = Gateway()
        self._player = None
        self.encoder = None
        self.sent = []

    timeout = property(lambda self: 5.0)
    ws = property(lambda self: self._gateway)

    def is_connected(self):
        return True

    def send_audio_packet(self, data, *, encode=True):
        assert not encode, "discord.py would encode this"
        self.sent.append((time.monotonic(), bytes(data)))

    def music(self):
        return [packet for _, packet in self.sent if packet != b"\xf8\xff\xfe"]


class Channel:
    def __init__(self):
        self.id = CHANNEL
        self.guild = type("Guild", (), {"voice_client": None})()

    async def connect(self, **options):
        self.guild.voice_client = Voice(self)
        return self.guild.voice_client


def test_tracks_are_heard_and_silence_between_them_is_none(daemon, media, run):
    async def main():
        async with TuttiClient(runtime_dir=str(daemon.run)) as tutti:
            channel = Channel()
            player = await connect(tutti, channel)
            voice = channel.guild.voice_client
            await until(voice.is_paused, "rest, as nothing plays")
            play = await player.play(str(media / "short.wav"))
            await play.wait()
            assert len(voice.music()) == 51 and heard_tone(voice.music())[0] == 500
            await until(voice.is_paused, "rest after the track")
            await asyncio.sleep(0.1)  # for the last of discord.py's own silence
            n, began = len(voice.sent), time.monotonic()
            await asyncio.sleep(0.3)
            assert len(voice.sent) == n, "silence is sent for ever"
            # After a rest it plays in time: what was missed is not made up for.
            await player.play(str(media / "300.wav"))
            await until(lambda: len(voice.music()) > 51 + 50, "a second of it")
            times = [at for at, packet in voice.sent if at > began and packet != b"\xf8\xff\xfe"][:50]
            assert 0.8 < times[-1] - times[0] < 1.5, "50 packets are a second"
            assert await connect(tutti, channel) is player and voice.encoder is None
            voice.stop()
    run(main())


def test_a_busy_event_loop_is_not_heard(daemon, media, run):
    """Frames and credit are the business of threads: a bot that computes for a second stays in time."""
    async def main():
        async with TuttiClient(runtime_dir=str(daemon.run)) as tutti:
            voice = Voice(Channel())
            player = attach(voice, tutti.player(CHANNEL))
            await player.play(str(media / "300.wav"))
            await until(lambda: len(voice.music()) > 20, "sound")
            before = len(voice.music())
            time.sleep(1.0)  # the event loop does nothing else meanwhile
            assert len(voice.music()) - before >= 40
            assert voice.is_playing()
            voice.stop()
    run(main())


EXAMPLES = Path(__file__).parents[1] / "examples"


def test_the_queue_of_the_example_bot(daemon, media, run):
    """Tracks follow one another without a gap, a broken one is passed over, and stop empties it."""
    async def main():
        spec = importlib.util.spec_from_file_location("bot", EXAMPLES / "bot.py")
        bot = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(bot)
        async with TuttiClient(runtime_dir=str(daemon.run)) as tutti:
            voice = Voice(Channel())
            jukebox = bot.Jukebox(attach(voice, tutti.player(CHANNEL)))
            for name in ("short", "none", "300", "800"):
                await jukebox.add(str(media / f"{name}.wav"))
            await until(lambda: jukebox.placed and jukebox.placed.url.endswith("800.wav"), "the last one placed")
            await until(lambda: heard_tone(voice.music()[-15:])[0] == 300, "the third")
            await jukebox.player.skip()
            await until(lambda: heard_tone(voice.music()[-15:])[0] == 800, "the fourth")
            await jukebox.add(str(media / "500.wav"))
            await jukebox.stop()
            await until(voice.is_paused, "rest")
            assert not jukebox.waiting and not jukebox.player.current
            voice.stop()
    run(main())


def test_the_ten_lines_of_the_readme_are_the_example():
    lines = (EXAMPLES.parent / "README.md").read_text().split("```python\n")[1].split("```")[0]
    assert (EXAMPLES / "minimal.py").read_text().split('"""', 2)[2].strip() == lines.strip()
