"""Whether nobody else on this machine can read the state, its keys and the settings."""

import asyncio
import shlex
from pathlib import Path

from medusa.config import Config
from medusa.doctor.check import Check
from medusa.findings import Finding
from medusa.storage.folder import DATABASE, KEY_FILE, SLOTS


def open_to_others(config: Config) -> list[Path]:
    """The files and folders that others may read."""
    paths = [config.data, *(config.data / name for name in (DATABASE, SLOTS, KEY_FILE)), config.work]
    paths += [config.key_file] if config.key_file else []
    return [path for path in paths if path.exists() and path.stat().st_mode & 0o077]


async def _look(config: Config) -> Finding:
    found = await asyncio.to_thread(open_to_others, config)
    names = " ".join(shlex.quote(str(path)) for path in found)
    return Finding(
        "permissions", not found, f"others may read {names}" if found else "yours alone", f"chmod go-rwx {names}"
    )


CHECK = Check(_look)
