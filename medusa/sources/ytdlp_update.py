"""Fetches a newer yt-dlp beside the built-in one, tries it out before it is used, and knows the way back."""

import asyncio
import json
import os
import re
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import structlog

from medusa import process
from medusa.cage import Cage
from medusa.errors import MedusaError, UserError
from medusa.model import Order
from medusa.shelf import Shelf
from medusa.sources import ytdlp_command
from medusa.tools import Tools
from medusa.wheels import Unpacked, number, unpack
from medusa.workfolder import trouble

log = structlog.get_logger()

_PROJECT, _SOLVER = "yt-dlp", "yt-dlp-ejs"
_PINNED = re.compile(r"yt-dlp-ejs\s*==\s*([0-9][0-9.]*)\s*(?:;.*)?")
"""The version of the JavaScript parts that a yt-dlp works with, as its metadata say."""
_MOST_FETCHED = 128 * 1024 * 1024
_MOST_OF_ONE = 64 * 1024 * 1024
_FETCH_SECONDS = 600.0
_TRY_SECONDS = 120.0
_COMPILE_SECONDS = 1800.0
_FETCH_CPU, _TRY_CPU = 300, 120
_START_PIP = """
import os, runpy
os.chmod = lambda *_, **__: None
runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""
"""pip copies what it has fetched with its mode, and a cage lets no mode be changed."""
_PIP = [sys.executable, "-I", "-c", _START_PIP, "download", "--no-deps", "--only-binary", ":all:", "--no-cache-dir"]
_PIP += ["--disable-pip-version-check", "--no-input", "--progress-bar", "off", "--dest", "."]
_ABOUT_SYSTEM = tuple(map(Path, ("/etc/os-release", "/etc/debian_version", "/etc/lsb-release")))
"""What pip reads to say what it runs on; it does not take a no for an answer."""
_SAMPLE_FILE, _SAMPLE_LINK = "sample.json", "https://example.com/sample"
_SAMPLE: dict[str, Any] = {
    "id": "sample",
    "title": "sample",
    "extractor": "generic",
    "extractor_key": "Generic",
    "webpage_url": _SAMPLE_LINK,
    "formats": [{"format_id": "0", "url": "https://example.com/sample.mp4", "ext": "mp4", "protocol": "https"}],
}


class Updater:
    """Updates yt-dlp when it is told to, never by itself.

    ``index`` is the address of the package index, None for pip's own. The versions stand on the ``shelf``.
    """

    def __init__(self, shelf: Shelf, tools: Tools, index: str | None = None) -> None:
        self._shelf = shelf
        self._tools = tools
        self._index = index
        self._one_at_a_time = asyncio.Lock()

    async def start(self) -> None:
        """Take up the updates of former runs, but for damaged ones and those that the built-in one has overtaken."""
        await asyncio.to_thread(self._shelf.load)
        try:
            while self._shelf.folder and not await self._is_sound():
                log.warning("ytdlp.update_dropped", version=self._shelf.version)
                await asyncio.to_thread(self._shelf.back)
        except OSError as error:  # a full disk is no reason not to start
            log.warning("ytdlp.update_unchecked", version=self._shelf.version, why=error.strerror)
        await asyncio.to_thread(self._shelf.tidy)

    @property
    def used(self) -> str:
        """The version in use."""
        return self._shelf.version or built_in()

    @property
    def updated(self) -> bool:
        """Whether that is another one than the built-in one."""
        return self._shelf.version is not None

    @property
    def shown(self) -> str:
        """The version in use, and that it is an update where it is one."""
        return f"{self.used} (an update; {built_in()} is built in)" if self.updated else self.used

    async def update(self) -> tuple[str, str]:
        """Put the index's newest yt-dlp to use when it is newer; returns the versions before and now.

        Raises MedusaError; what was used before then stays in use.
        """
        async with self._one_at_a_time:
            try:
                return await self._update()
            except (OSError, MedusaError) as error:
                why = error.user_text if isinstance(error, MedusaError) else f"{error.strerror}."
                log.warning("ytdlp.update_failed", why=why)
                raise UserError(f"yt-dlp was not updated, {self.used} stays in use: {why}") from error
            finally:
                await asyncio.to_thread(self._shelf.tidy)

    async def back(self, mark: str) -> None:
        """Use the version before, in the end the built-in one; the same ``mark`` again changes nothing more."""
        async with self._one_at_a_time:
            try:
                await asyncio.to_thread(self._shelf.back, mark)
            except OSError as error:
                raise trouble(error) from error
            await asyncio.to_thread(self._shelf.tidy)

    async def _update(self) -> tuple[str, str]:
        folder = await asyncio.to_thread(self._shelf.stage)
        made, before = folder / "made", self.used
        about = await self._unpacked(_PROJECT, folder, made)
        if number(about.version) <= number(before):
            return before, before
        pins = {pin[1] for pin in map(_PINNED.fullmatch, about.requires) if pin}
        for pin in pins:
            await self._unpacked(_SOLVER, folder, made, pin)
        await _compile(made)
        if problem := await self._problem(made, about.version, folder):
            raise UserError(f"{about.version} does not run here: {problem}")
        await asyncio.to_thread(self._shelf.put, about.version, made)
        log.info("ytdlp.updated", version=about.version, before=before)
        return before, about.version

    async def _unpacked(self, project: str, folder: Path, made: Path, pin: str = "") -> Unpacked:
        """Have pip fetch the newest wheel of a project, or the one of this version, and add its package to ``made``."""
        fetched = folder / f"fetched-{project}"
        fetched.mkdir()
        if find_spec("pip") is None:
            raise UserError("pip is missing in Medusa's environment; delete .venv and start again.")
        wanted = f"{project}=={pin}" if pin else project
        with self._tools.egress.lease(_MOST_FETCHED) as lease:
            env = {**ytdlp_command.proxy(lease), "PIP_CONFIG_FILE": os.devnull}
            env |= {"PIP_INDEX_URL": self._index} if self._index else {}
            done = await process.run(
                [*_PIP, wanted],
                cwd=fetched,
                timeout=_FETCH_SECONDS,
                env=env,
                max_file=_MOST_OF_ONE,
                cage=Cage(reads=_ABOUT_SYSTEM, cpu=_FETCH_CPU),
            )
        wheels = list(fetched.glob("*.whl"))
        if done.code or len(wheels) != 1:
            raise UserError(lease.error.user_text if lease.error else f"pip says: {_last(done.err)}")
        return await asyncio.to_thread(unpack, wheels[0], project.replace("-", "_"), made)

    async def _is_sound(self) -> bool:
        """Whether the update in use is newer than the built-in one and says its version."""
        used, folder = self._shelf.version, self._shelf.folder
        if used is None or folder is None or number(used) <= number(built_in()) or not folder.is_dir():
            return False
        return not await self._says(folder, used, await asyncio.to_thread(self._shelf.stage))

    async def _problem(self, made: Path, version: str, folder: Path) -> str:
        """What is wrong with a yt-dlp that was never run: it has to understand what sources ask of it, too."""
        if problem := await self._says(made, version, folder):
            return problem
        (folder / _SAMPLE_FILE).write_text(json.dumps(_SAMPLE), encoding="utf-8")
        asked = ["--dump-single-json", "--load-info-json", _SAMPLE_FILE]
        argv = [*ytdlp_command.base(self._tools), *ytdlp_command.formats(Order(_SAMPLE_LINK), self._tools), *asked]
        done = await self._run(argv, made, folder)
        try:
            same = json.loads(done.out)["formats"][0]["url"] == _SAMPLE["formats"][0]["url"]
        except (ValueError, KeyError, TypeError, IndexError):
            same = False
        return "" if same and not done.code else _last(done.err) or "its answers are of another form."

    async def _says(self, made: Path, version: str, folder: Path) -> str:
        """What is wrong when yt-dlp is asked for its version; empty when nothing is."""
        try:
            done = await self._run([*ytdlp_command.base(self._tools), "--version"], made, folder)
        except MedusaError as error:
            return error.user_text
        said = done.out.decode(errors="replace")
        if done.code or number(said) != number(version):
            return _last(done.err) or f"it says that it is {said.strip()[:40]!r}."
        return ""

    async def _run(self, argv: list[str], made: Path, folder: Path) -> process.Finished:
        cage = self._tools.cage(cpu=_TRY_CPU, reads=(made,))
        return await process.run(argv, cwd=folder, timeout=_TRY_SECONDS, env=ytdlp_command.from_folder(made), cage=cage)


def built_in() -> str:
    """The version of the yt-dlp that was installed with Medusa."""
    return version(_PROJECT)


async def _compile(made: Path) -> None:
    """Compile the files once: children may write nothing beside them. What fails to compile shows when it is tried."""
    argv = [sys.executable, "-I", "-m", "compileall", "-q", "."]
    await process.run(argv, cwd=made, timeout=_COMPILE_SECONDS, cage=Cage(cpu=int(_COMPILE_SECONDS)))


def _last(text: str) -> str:
    """The last line of an error text, in which the trouble stands."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1].removeprefix("ERROR: ")[:300] if lines else ""
