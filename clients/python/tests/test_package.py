"""The package as a user has it: from the clone, by pip, in an environment of its own."""
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
MAIN = """
import asyncio, importlib.resources, sys
import tutti_client
from tutti_client import TuttiClient

async def main():
    async with TuttiClient(runtime_dir=sys.argv[1]) as tutti:
        player = tutti.player(7)
        play = await player.play(sys.argv[2])
        n = 0
        while not play.ended:
            n += bool(player.read())
            await asyncio.sleep(0.001)
        assert (await play.wait())["frames"] == n == 51, n

assert (importlib.resources.files(tutti_client) / "py.typed").is_file()
assert not any(name in sys.modules for name in ("discord", "numpy"))
asyncio.run(main())
"""


def test_pip_installs_it_from_the_clone(tmp_path, daemon, media):
    clone = shutil.copytree(PROJECT, tmp_path / "clone", ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__"))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True, env=environment)
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", clone], check=True, env=environment)
    subprocess.run([python, "-c", MAIN, daemon.run, media / "short.wav"], check=True, env=environment, cwd=tmp_path, timeout=60)


def test_it_is_typed():
    """mypy --strict, the examples included, against discord.py's own types."""
    api = pytest.importorskip("mypy.api")
    pytest.importorskip("discord")
    before = os.getcwd()
    os.chdir(PROJECT)
    try:
        said, errors, status = api.run(["--cache-dir", os.devnull])
    finally:
        os.chdir(before)
    assert status == 0, said + errors
