"""Workers that hardly get the processor: none is ended for it, and one that hangs still is."""
import os
import re
import signal
import time

from house import House
from lib.client import Client, new_channel
from starve import starved

CHANNELS = 20
STARVED_S = 12
SHARE_US = 2000  # of each tenth of a second: two hundredths of a processor for all of them


def ended(daemon):
    return [line for line in daemon.stderr().splitlines() if re.search("died:|does not answer", line)]


def test_starved_workers_are_not_ended(new_daemon, songs):
    """What another one in its place would not do better is not taken for a hang; a hang is."""
    daemon = new_daemon()
    House.until(lambda: daemon.zygote() and daemon.workers(), "workers")
    with Client(daemon, "paced") as client:
        with starved(daemon, SHARE_US):
            channels = [new_channel() for _ in range(CHANNELS)]
            tags = [client.control.send("play", channel_id=str(channel), url=songs["mp3"]) for channel in channels]
            end = time.monotonic() + STARVED_S
            while time.monotonic() < end:
                assert not ended(daemon)
                time.sleep(0.1)
            victim = daemon.workers()[0].pid
            os.kill(victim, signal.SIGSTOP)
            House.until(lambda: ended(daemon), "end of the worker that was stopped")
            assert f"worker {victim} died: it hangs" in ended(daemon)[0]
        for tag, channel in zip(tags, channels):
            assert client.control.answer(tag)["type"] == "ready"
            client.audio.wait_frames(channel, 100)
        assert len(ended(daemon)) == 1
