"""Whether the libraries are those that the lock names."""

import asyncio
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from medusa.config import Config
from medusa.doctor.check import Check
from medusa.findings import Finding

LOCK = Path(__file__).parents[2] / "requirements.lock"
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)([^\n]*)", re.MULTILINE)
_MOST = 5


def differing(lock: str) -> list[str]:
    """The libraries that are others than the lock says; those for other machines may be missing."""
    found = []
    for name, wanted, behind in _PIN.findall(lock):
        try:
            there = version(name)
        except PackageNotFoundError:
            there = wanted if ";" in behind else "missing"
        if there != wanted:
            found.append(f"{name} {there} instead of {wanted}")
    return found


async def _look(_: Config) -> Finding:
    if not LOCK.exists():
        return Finding("libraries", True, "no lock to hold them against")
    found = differing(await asyncio.to_thread(LOCK.read_text))
    seen = "; ".join(found[:_MOST]) + (f"; and {len(found) - _MOST} more" if len(found) > _MOST else "")
    return Finding("libraries", not found, seen or "as the lock says", "Delete .venv and start again.")


CHECK = Check(_look)
