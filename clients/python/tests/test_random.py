"""Random commands, losses and kills, and what must hold after each of them.

The invariant, once a step is done and nothing else was asked for:

1. sound: where a track should be heard, its tone is what the clock gets, at the player's volume; where none should
   be, or it is paused, the clock gets nothing;
2. the player names that track as `current`, and whether it is paused;
3. the daemon's status of the channel names the same play, the one behind it, the volume, and whether it is paused.

TUTTI_SEED and TUTTI_ROUNDS choose others and more.
"""
import asyncio
import os
import random
import signal
import time

import pytest
from conftest import Clock, heard_tone, until
from tutti_client import TuttiClient, TuttiError

CHANNEL = 81384788765712384
TONES = (300, 500, 800, 1200)
SEED = int(os.environ.get("TUTTI_SEED", time.time_ns() % 100_000))
ROUNDS = int(os.environ.get("TUTTI_ROUNDS", 25))


class World:
    """A bot, its daemon and its listener, and what should be heard."""

    def __init__(self, daemon, media, chance):
        self.daemon, self.media, self.chance = daemon, media, chance
        self.heard = self.behind = None  # tones
        self.paused = False
        self.volume = 1.0

    async def begin(self, client_id=None):
        self.tutti = await TuttiClient(runtime_dir=str(self.daemon.run), client_id=client_id, min_delay=0.05).connect()
        self.player = self.tutti.player(CHANNEL)
        self.clock = Clock(self.player)

    async def end(self):
        self.clock.stop()
        await self.tutti.close()

    def url(self, tone):
        return str(self.media / f"{tone}.wav")

    def other_tone(self):
        return self.chance.choice([tone for tone in TONES if tone not in (self.heard, self.behind)])

    # Steps

    async def play(self):
        tone = self.other_tone()
        await self.player.play(self.url(tone), position=self.chance.randint(0, 8), cut=self.chance.random() < 0.3)
        self.heard, self.behind, self.paused = tone, None, False

    async def place(self):
        tone = self.other_tone()
        play = await self.player.play(self.url(tone), next=True)
        if self.heard is None:
            await play.ready()
            self.heard, self.paused = tone, False
        else:
            self.behind = tone

    async def skip(self):
        if self.heard:
            await self.player.skip()
            self.heard, self.behind, self.paused = self.behind, None, False
            await until(lambda: bool(self.player.current) == bool(self.heard), "what follows")

    async def stop(self):
        await self.player.stop()
        self.heard = self.behind = None
        self.paused = False

    async def pause(self):
        if self.heard:
            await self.player.pause()
            self.paused = True

    async def resume(self):
        if self.heard:
            await self.player.resume()
            self.paused = False

    async def seek(self):
        if self.heard:
            await self.player.seek(self.chance.uniform(0, 10))

    async def set_volume(self):
        self.volume = self.chance.choice([0.25, 0.5, 1.0])
        await self.player.set_volume(self.volume)

    async def give_up(self):
        """A play that is cancelled, at any moment of it."""
        waiting = asyncio.create_task(self.player.play(self.url(self.other_tone())))
        await asyncio.sleep(self.chance.choice([0, 0, 0.001, 0.003]))
        if waiting.done():  # it was faster
            self.heard, self.behind, self.paused = int(waiting.result().url[-8:-4].strip("/")), None, False
            return
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await until(lambda: not self.player._recovering, "what another daemon was given")
        await self.tutti.stats()  # the daemon has heard of it
        current = self.player.current
        if current is None:  # it had taken the place of what was heard before it was taken back
            self.heard = self.behind = None
            self.paused = False
        elif "next" not in (await self.player.status() or {}):
            self.behind = None  # as any plain play does that comes to the daemon, it dropped what waited

    async def fail(self):
        with pytest.raises(TuttiError, match="not_found"):
            await self.player.play(str(self.media / "none.wav"))
        self.behind = None

    async def lose_control(self):
        await self._lose(self.tutti._drop_control)

    async def lose_audio(self):
        await self._lose(self.tutti._audio.close)

    async def _lose(self, lose):
        again = asyncio.get_running_loop().create_future()
        off = self.tutti.on("reconnected", lambda event: again.done() or again.set_result(event))
        lose()
        await again
        off()

    async def restart(self):
        how = self.chance.choice([signal.SIGTERM, signal.SIGKILL])
        await asyncio.to_thread(self.daemon.restart, how)
        await until(lambda: self.tutti.connected, "the connection")

    async def come_back(self):
        """The bot's process ends, and a new one has its id."""
        client_id = self.tutti.id
        await self.end()
        await self.begin(client_id)
        if not self.heard:  # what plays tells its volume; else a bot knows best
            await self.player.set_volume(self.volume)

    # The invariant

    async def check(self):
        """Right at last, and then for long enough to be no chance."""
        end = time.monotonic() + 8
        while True:
            wrong = await self._wrong()
            if not wrong:
                return
            assert time.monotonic() < end, wrong

    async def _wrong(self):
        before = len(self.clock.packets)
        await asyncio.sleep(0.25)
        newest = self.clock.packets[before:]
        sounds = self.heard if not self.paused else None
        if sounds is None and newest:
            return f"{len(newest)} packets, and nothing should sound"
        if sounds:
            tone, level = heard_tone(newest) if len(newest) > 5 else (None, 0)
            wanted = self.volume * 9000 / 32768
            if tone != sounds or abs(level - wanted) > 0.3 * wanted:
                return f"{tone} at {level:.3f} in {len(newest)} packets, wanted {sounds} at {wanted:.3f}"
        current = self.player.current
        if bool(current) != bool(self.heard) or (current and current.url != self.url(self.heard)):
            return f"current is {current and current.url}, wanted {self.heard}"
        if self.player.paused != self.paused:
            return f"paused is {self.player.paused}"
        session = await self.player.status()
        if bool(session) != bool(self.heard):
            return f"the daemon has {session}, wanted {self.heard}"
        if session and (session["play_id"] != current.play_id or session["volume"] != self.volume
                        or (session["state"] == "paused") != self.paused
                        or session.get("next", {}).get("url") != (self.behind and self.url(self.behind))):
            return f"the daemon has {session}, wanted {vars(self)}"
        return None


STEPS = {"play": 5, "place": 4, "skip": 3, "stop": 1, "pause": 2, "resume": 3, "seek": 3, "set_volume": 3, "give_up": 3,
         "fail": 1, "lose_control": 2, "lose_audio": 2, "restart": 2, "come_back": 2}


def test_sound_player_and_daemon_agree_after_every_step(daemon, media, run):
    chance, done = random.Random(SEED), []
    print(f"TUTTI_SEED={SEED}")

    async def main():
        world = World(daemon, media, chance)
        await world.begin()
        for n in range(ROUNDS):
            # A track lasts 30 s: none is heard to its end.
            step = "play" if n % 12 == 0 else chance.choices(list(STEPS), STEPS.values())[0]
            done.append(step)
            await getattr(world, step)()
            if chance.random() < 0.7:  # else the next step comes at once
                await world.check()
        await world.check()
        await world.end()

    try:
        run(main(), 5 * ROUNDS + 30)
    except BaseException:
        print("steps:", done)
        raise
