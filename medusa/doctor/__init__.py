"""Looks at everything Medusa stands on and says in words what is wrong."""

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from importlib.util import find_spec
from pathlib import Path

from medusa import __version__, cage, process
from medusa.config import Address, Config
from medusa.discover import plugins
from medusa.doctor.check import Check
from medusa.errors import MedusaError, UserError
from medusa.findings import Finding
from medusa.steps.encoders import CODECS, encoder_for
from medusa.storage import Store, open_store
from medusa.storage.audit import Audit
from medusa.storage.folder import has_database
from medusa.storage.keyring import NAMES, kinds
from medusa.storage.lock import holder
from medusa.storage.telegram import TelegramState
from medusa.tools import find_ffmpeg, find_javascript
from medusa.words import size

_ANSWER_WITHIN = 5.0
LITTLE_ROOM = 2 * 10**9
"""Bytes of free disk below which the doctor worries."""


async def examine(config: Config) -> AsyncIterator[Finding]:
    """Look at one thing after the other."""
    yield Finding("Medusa", True, f"{__version__} on Python {platform.python_version()}, {platform.machine()}")
    yield await _ffmpeg()
    yield await _encoders()
    yield await _ytdlp()
    yield _javascript()
    yield children()
    for path in (config.data, config.key_file):
        if path is not None and cage.exposes(path):
            yield _in_sight(path)
    yield _credentials(config)
    for name, folder in (("state folder", config.data), ("work folder", config.work)):
        yield _folder(name, folder)
    yield await _state(config)
    for check in plugins("medusa.doctor", "CHECK", Check).values():
        yield await check.look(config)


def alive(config: Config) -> bool:
    """Whether a Medusa is running on this state."""
    return holder(config.data) is not None


def healthy(config: Config) -> bool:
    """Whether a Medusa is running on this state and, where it serves /healthz, answers."""
    return alive(config) and (config.metrics is None or _answers(config.metrics))


def _answers(where: Address) -> bool:
    """Ask the Medusa of this very machine, which is no business of the guard."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(where.host, where.host)  # noqa: S104 (nothing listens here)
    asking = HTTPConnection(host, where.port, timeout=_ANSWER_WITHIN)
    try:
        asking.request("GET", "/healthz")
        return asking.getresponse().status == HTTPStatus.OK
    except (OSError, HTTPException):
        return False
    finally:
        asking.close()


async def _ffmpeg() -> Finding:
    found = find_ffmpeg()
    if found is None:
        advice = "Videos are posted as plain files until ffmpeg is there: sudo apt install ffmpeg"
        return Finding("ffmpeg", False, "not found", advice)
    trouble = await _trouble([str(found), "-version"])
    return Finding("ffmpeg", not trouble, f"{found}{trouble}", "Install another one: sudo apt install ffmpeg")


async def _encoders() -> Finding:
    """Tell with what pictures are encoded: hardware where a trial with it succeeds."""
    ffmpeg = find_ffmpeg()
    if ffmpeg is None:
        return Finding("encoders", False, "none without ffmpeg", "sudo apt install ffmpeg")
    used: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="medusa-") as folder:
        for codec in ("h264", "hevc"):
            try:
                encoder = await encoder_for(codec, ffmpeg, Path(folder))
                used[codec] = f"{encoder.name} ({'hardware' if encoder.devices else 'software'})"
            except MedusaError:
                used[codec] = "none"
    seen = ", ".join(f"{CODECS[codec]} with {name}" for codec, name in used.items())
    advice = "Videos can't be converted: install an ffmpeg with libx264, such as the system's."
    return Finding("encoders", used["h264"] != "none", seen, advice)


async def _ytdlp() -> Finding:
    advice = "Nothing but direct links can be fetched without it: delete .venv and start again."
    if find_spec("yt_dlp") is None:
        return Finding("yt-dlp", False, "not found", advice)
    trouble = await _trouble([sys.executable, "-I", "-m", "yt_dlp", "--version"])
    return Finding("yt-dlp", not trouble, f"installed{trouble}", advice)


async def _trouble(argv: list[str]) -> str:
    """Try a program as jobs run it, in a cage; empty when it runs."""
    with tempfile.TemporaryDirectory(prefix="medusa-") as folder:
        try:
            done = await process.run(argv, cwd=Path(folder), timeout=60)
        except MedusaError as error:
            return f", but {error.user_text}"
    said = (done.err.strip().splitlines() or ["no word"])[-1]
    return f", but it does not run in a cage (code {done.code}): {said}" if done.code else ""


def _javascript() -> Finding:
    found = find_javascript()
    advice = "YouTube needs a JavaScript runtime: install deno (2.3 or newer) or node (22 or newer)."
    return Finding("JavaScript", found is not None, found or "not found", advice)


def children() -> Finding:
    """Tell what holds children that hostile media have taken over, and what does not."""
    abi, filtered = cage.landlock_abi(), cage.has_filter()
    parts = f"Landlock {abi}" if abi else "no Landlock", f"{'a' if filtered else 'no'} filter of system calls"
    could = cage.lacking()
    held = "they reach their work folder and the guarded proxy alone"
    what = f"hostile media that take one over could {', and '.join(could)}" if could else held
    advice = (
        "Run Medusa on a kernel with Landlock (5.13 or newer, best 6.12; some need lsm=landlock,… among the boot"
        " options) and in no container that forbids it."
    )
    return Finding("children", bool(abi) and filtered, f"{' and '.join(parts)}: {what}", advice)


def _in_sight(path: Path) -> Finding:
    seen = f"{path} lies among the programs, which children may read"
    return Finding("secrets", False, seen, "Move it out of there: MEDUSA_DATA, MEDUSA_KEY_FILE.")


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
            loose = await store.read("PRAGMA foreign_key_check")
            [(well,)] = await store.read("PRAGMA quick_check(1)")
            [(version,)] = await store.read("PRAGMA user_version")
            broken = await _audit(store)
            slots = ", ".join(NAMES[kind] for kind in kinds(config.data))
    except UserError as error:
        return Finding("state", False, "can't be opened", error.user_text)
    if loose or well != "ok":
        return Finding("state", False, f"does not fit together: {well}", "Restore the latest backup.")
    if broken is not None:
        return Finding("state", False, f"entry {broken} of the record of who did what was changed", AUDIT)
    sound = f"sound, version {version}, opened by {slots}"
    return Finding(
        "state",
        login is not None,
        f"{sound}, logged in" if login else f"{sound}, nobody is logged in",
        "python3 run.py login",
    )


AUDIT = "Somebody with the key has written to the state. Compare it with a backup, and rotate the keys."


async def _audit(store: Store) -> int | None:
    """The number of the first entry of the record that does not hold."""
    try:
        await Audit(store).verified()
    except LookupError as error:
        return int(error.args[0])
    return None
