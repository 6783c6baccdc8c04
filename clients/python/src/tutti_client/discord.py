"""discord.py plays a channel's frames as they are: no encoder, no FFmpeg, no PCM.

    voice = await channel.connect()
    player = attach(voice, tutti.player(channel.id))      # or: player = await connect(tutti, channel)
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord

if TYPE_CHECKING:
    from .client import TuttiClient
    from .player import Player

_SILENCE = b"\xf8\xff\xfe"  # an Opus packet of 20 ms in which nothing sounds
_SILENT_FRAMES = 10  # after so many the AudioPlayer rests, and the bot's ring in Discord goes out


class TuttiAudio(discord.AudioSource):
    """A player's frames as discord.py's AudioPlayer asks for them, from a thread of its own.

    It never ends by itself: tracks come and go. Between them the voice client is paused, and resumed with the next
    frame. So pause with Player.pause(): VoiceClient.pause() is for this class.

    read() must not wait for a frame: the AudioPlayer makes up for lost time by sending as fast as it can.
    """

    def __init__(self, player: "Player", voice: discord.VoiceClient) -> None:
        self._player = player
        self._voice = voice
        self._n_silent = 0

    def is_opus(self) -> bool:
        return True

    def read(self) -> bytes:
        if self._n_silent < _SILENT_FRAMES:
            packet = self._player._queue.take()
        else:
            packet = self._player._queue.take(idle=self._voice.pause, wake=self._voice.resume)
        self._n_silent = 0 if packet or self._n_silent >= _SILENT_FRAMES else self._n_silent + 1
        return packet or _SILENCE


def attach(voice: discord.VoiceClient, player: "Player") -> "Player":
    """Lets a voice client play what the player plays, for as long as it is connected."""
    if voice.is_playing() or voice.is_paused():
        voice.stop()
    voice.play(TuttiAudio(player, voice))
    return player


async def connect(tutti: "TuttiClient", channel: Any, **options: Any) -> "Player":
    """Joins a voice channel, with the options of its connect(), and returns the player that is heard there."""
    voice = channel.guild.voice_client
    if voice is None:
        voice = await channel.connect(**options)
    elif voice.channel != channel:
        await voice.move_to(channel)
    return attach(voice, tutti.player(channel.id))
