"""The Python client of Tutti, the audio processor for Discord bots. See README.md."""
from .client import TuttiClient
from .errors import TuttiError
from .player import Play, Player

__all__ = ["Play", "Player", "TuttiClient", "TuttiError"]
__version__ = "0.1.0"
