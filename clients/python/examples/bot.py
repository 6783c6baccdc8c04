"""A music bot with slash commands: a queue without gaps that survives restarts of the daemon.

    DISCORD_TOKEN=... python bot.py
"""
import asyncio
import os
from collections import deque

import discord
from discord import app_commands
from tutti_client import Play, Player, TuttiClient, TuttiError
from tutti_client.discord import connect


class Jukebox:
    """A channel's queue: one track is heard, one is placed behind it, the others wait here."""

    def __init__(self, player: Player) -> None:
        self.player = player
        self.waiting: deque[str] = deque()
        self.placed: Play | None = None
        for event in ("ready", "finished", "stopped", "error"):
            player.on(event, lambda _: self.place())

    async def add(self, url: str) -> None:
        self.waiting.append(url)
        await self.place()

    async def place(self) -> None:
        if self.placed and (self.placed.ended or self.placed.is_ready):
            self.placed = None
        if self.waiting and not self.placed:
            self.placed = await self.player.play(self.waiting.popleft(), next=True)

    async def stop(self) -> None:
        self.waiting.clear()
        await self.player.stop()


class Bot(discord.Client):
    def __init__(self) -> None:
        super().__init__(intents=discord.Intents.default())
        self.tree = app_commands.CommandTree(self)
        self.tutti = TuttiClient()
        self.jukeboxes: dict[int, Jukebox] = {}

    async def setup_hook(self) -> None:
        await self.tutti.connect(retry=True)
        await self.tree.sync()

    async def close(self) -> None:
        await self.tutti.close()
        await super().close()

    async def jukebox(self, interaction: discord.Interaction) -> Jukebox:
        """Of the voice channel that the user is in, which the bot joins."""
        user = interaction.user
        if not isinstance(user, discord.Member) or not user.voice or not user.voice.channel:
            raise TuttiError("no_channel", "join a voice channel first")
        channel = user.voice.channel
        if channel.id not in self.jukeboxes:
            self.jukeboxes[channel.id] = Jukebox(await connect(self.tutti, channel))
        return self.jukeboxes[channel.id]


bot = Bot()


async def say(interaction: discord.Interaction, text: str) -> None:
    await interaction.followup.send(text[:1900])


@bot.tree.command(description="Play a link, or search for words")
async def play(interaction: discord.Interaction, what: str) -> None:
    await interaction.response.defer()
    jukebox = await bot.jukebox(interaction)
    await jukebox.add(what if "://" in what else f"ytsearch:{what}")
    await say(interaction, f"Queued: {what}")


@bot.tree.command(description="End this track")
async def skip(interaction: discord.Interaction) -> None:
    await interaction.response.defer()
    await (await bot.jukebox(interaction)).player.skip()
    await say(interaction, "Skipped")


@bot.tree.command(description="Silence, until /resume")
async def pause(interaction: discord.Interaction) -> None:
    await interaction.response.defer()
    await (await bot.jukebox(interaction)).player.pause()
    await say(interaction, "Paused")


@bot.tree.command(description="Go on after /pause")
async def resume(interaction: discord.Interaction) -> None:
    await interaction.response.defer()
    await (await bot.jukebox(interaction)).player.resume()
    await say(interaction, "On it goes")


@bot.tree.command(description="Go on so many seconds further; back with a minus")
async def forward(interaction: discord.Interaction, seconds: int) -> None:
    await interaction.response.defer()
    player = (await bot.jukebox(interaction)).player
    await player.seek(player.position + seconds)
    await say(interaction, f"At {player.position:.0f} s")


@bot.tree.command(description="Loudness in percent, for this track and all that follow")
async def volume(interaction: discord.Interaction, percent: app_commands.Range[int, 0, 200]) -> None:
    await interaction.response.defer()
    await (await bot.jukebox(interaction)).player.set_volume(percent / 100)
    await say(interaction, f"Volume {percent} %")


@bot.tree.command(description="End the music and empty the queue")
async def stop(interaction: discord.Interaction) -> None:
    await interaction.response.defer()
    await (await bot.jukebox(interaction)).stop()
    await say(interaction, "Stopped")


@bot.tree.command(description="What is heard, and what follows")
async def queue(interaction: discord.Interaction) -> None:
    await interaction.response.defer()
    jukebox = await bot.jukebox(interaction)
    heard = jukebox.player.current
    lines = [f"Now: {heard.title or heard.url}" if heard else "Nothing is heard"]
    lines += [f"{n}. {url}" for n, url in enumerate(([jukebox.placed.url] if jukebox.placed else []) + [*jukebox.waiting], 1)]
    await say(interaction, "\n".join(lines))


@bot.tree.error
async def on_error(interaction: discord.Interaction, error: app_commands.AppCommandError) -> None:
    cause = error.__cause__ or error
    text = cause.message if isinstance(cause, TuttiError) else "that went wrong"
    if interaction.response.is_done():
        await say(interaction, text)
    else:
        await interaction.response.send_message(text)
    if not isinstance(cause, (TuttiError, asyncio.TimeoutError)):
        raise error


if __name__ == "__main__":
    bot.run(os.environ["DISCORD_TOKEN"])
