"""script/demo --voice: its call, without the setting up and building before it."""
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "script" / "demo_call.py"


@pytest.mark.long
def test_the_call_of_the_demo_is_written_as_it_was_heard(media, tmp_path):
    out = tmp_path / "call.ogg"
    done = subprocess.run(["/usr/bin/python3", "-B", SCRIPT, media.wav(3.0, 1), out], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "151 frames were played, " in done.stdout
    probe = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", out],
                           capture_output=True, text=True, check=True)
    assert 3.1 < float(probe.stdout) < 3.3  # the encoder's delay makes it 151; five frames of silence come behind it
    decoded = subprocess.run(["ffmpeg", "-v", "error", "-xerror", "-i", out, "-f", "null", "-"], capture_output=True, text=True)
    assert decoded.returncode == 0 and not decoded.stderr
