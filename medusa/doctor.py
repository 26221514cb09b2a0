"""Looks at everything Medusa stands on and says in words what is wrong."""

import os
import platform
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from medusa import __version__
from medusa.config import Config
from medusa.errors import UserError
from medusa.storage import open_store
from medusa.storage.folder import has_database
from medusa.storage.lock import holder
from medusa.storage.telegram import TelegramState
from medusa.tools import find_ffmpeg, find_javascript
from medusa.words import size

LITTLE_ROOM = 2 * 10**9
"""Bytes of free disk below which the doctor worries."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: is it well, what was seen, and what to do if it is not."""

    name: str
    well: bool
    seen: str
    advice: str = ""


async def examine(config: Config) -> AsyncIterator[Finding]:
    """Look at one thing after the other."""
    yield Finding("Medusa", True, f"{__version__} on Python {platform.python_version()}, {platform.machine()}")
    yield _ffmpeg()
    yield _ytdlp()
    yield _javascript()
    yield _credentials(config)
    for name, folder in (("state folder", config.data), ("work folder", config.work)):
        yield _folder(name, folder)
    yield await _state(config)


def alive(config: Config) -> bool:
    """Whether a Medusa is running on this state."""
    return holder(config.data) is not None


def _ffmpeg() -> Finding:
    found = find_ffmpeg()
    advice = "Videos are posted as plain files until ffmpeg is there: sudo apt install ffmpeg"
    return Finding("ffmpeg", found is not None, str(found or "not found"), advice)


def _ytdlp() -> Finding:
    well = find_spec("yt_dlp") is not None
    advice = "Nothing but direct links can be fetched without it: delete .venv and start again."
    return Finding("yt-dlp", well, "installed" if well else "not found", advice)


def _javascript() -> Finding:
    found = find_javascript()
    advice = "YouTube needs a JavaScript runtime: install deno (2.3 or newer) or node (22 or newer)."
    return Finding("JavaScript", found is not None, found or "not found", advice)


def _credentials(config: Config) -> Finding:
    well = bool(config.api_id and config.api_hash)
    return Finding(
        "API id and hash",
        well,
        "set" if well else "missing",
        "Get them at https://my.telegram.org/apps: python3 run.py login",
    )


def _folder(name: str, folder: Path) -> Finding:
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not existing.is_dir():
        return Finding(
            name, False, f"{existing} is in the way: it is no folder", "Set another folder, or move that away."
        )
    if not os.access(existing, os.W_OK | os.X_OK):
        advice = f"sudo mkdir -p {folder} && sudo chown $USER {folder}"
        return Finding(name, False, f"{folder} can't be written", f"Make it yours: {advice}")
    free = shutil.disk_usage(existing).free
    return Finding(
        name, free > LITTLE_ROOM, f"{folder}, {size(free)} free", "Make room: fetching needs twice a file's size."
    )


async def _state(config: Config) -> Finding:
    if alive(config):
        return Finding("state", True, "in use by a running Medusa")
    if not has_database(config.data):
        return Finding("state", True, "none yet; the first run makes it")
    try:
        async with open_store(config.data, key_file=config.key_file, passphrase=config.passphrase) as store:
            login = await TelegramState(store).login()
    except UserError as error:
        return Finding("state", False, "can't be opened", error.user_text)
    return Finding(
        "state",
        login is not None,
        "sound, logged in" if login else "sound, nobody is logged in",
        "python3 run.py login",
    )
