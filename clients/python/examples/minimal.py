"""Ten lines to sound: python minimal.py VOICE_CHANNEL_ID URL_OR_FILE, with the bot's token in DISCORD_TOKEN."""
import os
import sys

import discord
from tutti_client import TuttiClient
from tutti_client.discord import connect


class Bot(discord.Client):
    async def on_ready(self) -> None:
        tutti = await TuttiClient().connect()
        player = await connect(tutti, self.get_channel(int(sys.argv[1])))
        await (await player.play(sys.argv[2])).wait()
        await self.close()


Bot(intents=discord.Intents.default()).run(os.environ["DISCORD_TOKEN"])
