"""What the tests of streams look at in a finished video."""

import re
import subprocess
from pathlib import Path

from medusa.tools import find_ffmpeg


def decoded(file: Path) -> tuple[int, float]:
    """How many frames and how many seconds of sound a file decodes to, without a single complaint."""
    program = find_ffmpeg()
    assert program is not None
    command = [str(program), "-nostdin", "-hide_banner", "-v", "error", "-stats", "-xerror", "-i", str(file)]
    pictures = subprocess.run([*command, "-map", "0:v", "-f", "null", "-"], capture_output=True, text=True, check=True)
    sound = [*command, "-map", "0:a", "-f", "s16le", "-ar", "8000", "-ac", "1", "-nostats", "-"]
    heard = subprocess.run(sound, capture_output=True, check=True)
    assert heard.stderr == b""
    assert "error" not in pictures.stderr.lower(), pictures.stderr
    return int(re.findall(r"frame= *(\d+)", pictures.stderr)[-1]), len(heard.stdout) / 16000


def plays(file: Path, frames: int) -> bool:
    """Whether a file of 25 frames a second decodes to so many of them, and to as much sound within four frames."""
    seen, seconds = decoded(file)
    return seen == frames and abs(seconds - frames / 25) < 0.16


def subtitles(file: Path) -> list[list[tuple[float, str]]]:
    """When each subtitle begins, in seconds, and what it says: one list for each track."""
    program = find_ffmpeg()
    assert program is not None
    found = []
    for track in range(10):
        command = [str(program), "-nostdin", "-v", "error", "-i", str(file), "-map", f"0:s:{track}", "-f", "srt", "-"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            break
        cues = re.findall(r"00:00:(\d\d),(\d{3}) --> .*\n(.*)", done.stdout)
        found.append([(int(seconds) + int(rest) / 1000, text) for seconds, rest, text in cues])
    return found
