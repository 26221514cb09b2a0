"""What sources and steps may use: the guarded network, the helper programs and the limits."""

import asyncio
import re
import shutil
import sysconfig
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from medusa.cage import Cage
from medusa.errors import UserError
from medusa.model import Held, Place, Report, Secrets
from medusa.net import Egress, Web
from medusa.process import version_line

_RUNTIMES = {"deno": (2, 3), "node": (22, 0)}
"""The oldest versions that yt-dlp accepts, best first; see https://github.com/yt-dlp/yt-dlp/wiki/EJS."""

CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg,mp3,aac,flac,wav,w64,aiff,caf,amr,ac3,eac3,dts,ape,"
    "wv,tta,au,rm,mxf,ivf,obu,h264,hevc,m4v,dv"
)
"""ffmpeg's names of the file formats that really hold media."""
SAFE_INPUT = ("-protocol_whitelist", "file,pipe", "-format_whitelist", CONTAINERS)
"""What stands before every ``-i``: a hostile file that is a playlist could else make ffmpeg read other files or the
network.
"""


ELSEWHERE = "Only files of the chat that you write in, and of your own with this account, can be named."


class Chats(Protocol):
    """Telegram's chats as places where files stand."""

    async def held(self, place: Place, workdir: Path) -> tuple[Held, ...]:
        """The files of a message, and of its album, to be fetched into the folder; at least one. Raises UserError."""

    async def following(self, chat_id: int, message_id: int, count: int) -> list[int]:
        """The numbers of the next messages of a chat that hold files, but for photos, ``count`` at most."""

    async def fetch(self, held: Held, report: Report) -> None:
        """Download the file to its path, and go on from what is there."""

    def read(self, held: Held, offset: int) -> AsyncGenerator[bytes, None]:
        """The file's bytes from ``offset`` on, in order; close the generator to stop early."""


@dataclass(frozen=True, slots=True)
class Near:
    """The files of these chats alone, by their marked ids; those of all other ``chats`` are nobody else's business."""

    chats: Chats
    ids: tuple[int, ...]

    async def held(self, place: Place, workdir: Path) -> tuple[Held, ...]:
        """See `Chats.held`. Raises UserError for another chat."""
        self._expect(place.chat)
        return await self.chats.held(place, workdir)

    async def following(self, chat_id: int, message_id: int, count: int) -> list[int]:
        """See `Chats.following`. Raises UserError for another chat."""
        self._expect(chat_id)
        return await self.chats.following(chat_id, message_id, count)

    async def fetch(self, held: Held, report: Report) -> None:
        """See `Chats.fetch`; what is held was looked for here."""
        await self.chats.fetch(held, report)

    def read(self, held: Held, offset: int) -> AsyncGenerator[bytes, None]:
        """See `Chats.read`; what is held was looked for here."""
        return self.chats.read(held, offset)

    def _expect(self, chat: str | int) -> None:
        if chat not in self.ids:
            raise UserError(ELSEWHERE)


async def nothing_kept(_link: str) -> Secrets:
    """For a tool box without a vault."""
    return Secrets()


def nothing_newer() -> Path | None:
    """For a tool box without updates."""
    return None


async def no_thumb() -> bytes | None:
    """For a tool box without a picture of the owner's."""
    return None


class Memory(Protocol):
    """Keeps what sites have answered for a while, so that the same is not asked twice."""

    async def get(self, key: str) -> bytes | None:
        """What was put there not long ago, or None."""

    async def put(self, key: str, answer: bytes) -> None:
        """Keep an answer, in place of a former one; what is too big is not kept."""

    async def forget(self, key: str) -> None:
        """Drop an answer that has turned out to be of no use any more."""


class NoMemory:
    """For a tool box that remembers nothing."""

    async def get(self, _key: str) -> bytes | None:
        """None, always."""
        return None

    async def put(self, _key: str, _answer: bytes) -> None:
        """Keep nothing."""

    async def forget(self, _key: str) -> None:
        """Drop nothing."""


@dataclass(frozen=True, slots=True)
class Tools:
    """The tool box that every source and step gets, made once by the composition root.

    ``javascript`` is a value for yt-dlp's ``--js-runtimes``, for instance ``deno:/usr/bin/deno``. ``upload_limit`` is
    the size in bytes that one posted file may have; ``max_bytes`` is the most that one job may fetch.
    """

    web: Web
    egress: Egress
    ffmpeg: Path | None
    javascript: str | None
    upload_limit: int
    max_bytes: int
    extractions: asyncio.Semaphore
    """Held while yt-dlp looks at a page, which takes much memory."""
    secrets: Callable[[str], Awaitable[Secrets]] = nothing_kept
    """Looks up what the owner has for the host of a link."""
    answers: Memory = field(default_factory=NoMemory)
    """What sites have answered of late."""
    chats: Chats | None = None
    """None where there is no account."""
    newer: Callable[[], Path | None] = nothing_newer
    """The folder with the yt-dlp to use in place of the built-in one, if there is one."""
    thumb: Callable[[], Awaitable[bytes | None]] = no_thumb
    """The picture that is to be the thumbnail of all posts, as JPEG, if there is one."""

    def cage(self, *, cpu: int, reads: tuple[Path, ...] = ()) -> Cage:
        """The cage of a child that starts ffmpeg and the JavaScript runtime itself, and may be a newer yt-dlp; see
        `Cage`.
        """
        runtime = self.javascript.partition(":")[2] if self.javascript else ""
        newer = self.newer()
        programs = tuple(Path(program) for program in (self.ffmpeg, runtime) if program)
        return Cage(programs, (*reads, *((newer,) if newer else ())), cpu)


def find_ffmpeg() -> Path | None:
    """Find the ffmpeg that imageio-ffmpeg brings, else the system's on PATH, else None.

    The former is installed only where the system's would not do. It has no ffprobe: nothing may rely on one.
    """
    if find_spec("imageio_ffmpeg") is not None:
        with suppress(RuntimeError):
            return Path(import_module("imageio_ffmpeg").get_ffmpeg_exe())
    system = shutil.which("ffmpeg")
    return Path(system) if system else None


def find_javascript() -> str | None:
    """Find a JavaScript runtime that yt-dlp accepts, first in our own environment and then on PATH; else None. Blocks
    briefly.
    """
    for name, oldest in _RUNTIMES.items():
        for program in (shutil.which(name, path=sysconfig.get_path("scripts")), shutil.which(name)):
            if program and _version(program) >= oldest:
                return f"{name}:{program}"
    return None


def _version(program: str) -> tuple[int, int]:
    """Return major and minor of a program's version, or (0, 0) when it tells none."""
    found = re.search(r"(\d+)\.(\d+)", version_line(program))
    return (int(found[1]), int(found[2])) if found else (0, 0)
