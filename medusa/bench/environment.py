"""Makes the environment of the peers, ``.venv-bench``, apart from Medusa's own."""

import hashlib
import importlib.util
import os
import sys
from pathlib import Path

from medusa.bench.peers import Peer
from medusa.errors import MedusaError, UserError
from medusa.process import run

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".venv-bench"
PYTHON = FOLDER / "bin" / "python"
LOCKS = ("requirements/build.lock", "requirements/bench.lock")
_STAMP = FOLDER / "medusa.stamp"
_TIMEOUT = 900.0


def _stamp() -> str:
    locks = b"".join((ROOT / lock).read_bytes() for lock in LOCKS)
    return f"{ROOT} {sys.implementation.cache_tag} {hashlib.sha256(locks).hexdigest()}"


def ready() -> bool:
    """Whether the environment holds what the locks name."""
    return PYTHON.exists() and _STAMP.exists() and _STAMP.read_text(encoding="utf-8") == _stamp()


async def install() -> str:
    """Make the environment where it is missing or old; returns what went wrong in one line, or nothing."""
    if ready():
        return ""
    try:
        await _python(sys.executable, "venv", "--clear", str(FOLDER))
        for lock in LOCKS:
            await _pip("--require-hashes", "--no-build-isolation", "--use-pep517", "-r", str(ROOT / lock))
    except MedusaError as error:
        return error.user_text.splitlines()[0]
    _STAMP.write_text(_stamp(), encoding="utf-8")
    return ""


async def _pip(*arguments: str) -> None:
    quiet = ["--disable-pip-version-check", "--no-input", "--progress-bar=off", "--quiet"]
    await _python(str(PYTHON), "pip", "install", *quiet, *arguments)


async def _python(python: str, *arguments: str) -> None:
    """Run a module; pip hears of the owner's index, certificates and proxy. Raises UserError when it fails."""
    mine = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_"))}
    mine |= {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy") or name == "HOME"}
    done = await run([python, "-I", "-m", *arguments], cwd=ROOT, timeout=_TIMEOUT, env=mine, cage=None)
    if done.code:
        said = [line for line in done.err.splitlines() if "error" in line.lower()]
        raise UserError(f"not installed: {(said or ['pip failed'])[-1].strip()}")


def interpreter(peer: Peer) -> str | None:
    """The Python that can run this peer: the bench's own, else ours when it happens to have all of it."""
    if peer.own:
        return sys.executable
    if ready():
        return str(PYTHON)
    return sys.executable if all(importlib.util.find_spec(module) for module in peer.modules) else None
