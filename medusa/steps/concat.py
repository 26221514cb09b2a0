"""Puts files whose tracks are alike one behind the other by ffmpeg's concat demuxer, with a chapter for each."""

import asyncio
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from medusa.steps.ffmpeg import target
from medusa.tools import CONTAINERS

_SAFE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")
"""The names that the concat demuxer takes with ``-safe 1``."""
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,10}")
_OURS = ("-protocol_whitelist", "file,pipe", "-format_whitelist")


@dataclass(frozen=True, slots=True)
class Piece:
    """A file that becomes a part of another one: its seconds there, 0 while unknown, and what its chapter is called."""

    path: Path
    seconds: float
    title: str


async def script_of(pieces: Sequence[Piece], workdir: Path) -> list[str]:
    """Write the list of the files, and return what has ffmpeg read them as one.

    The list is ours and names files of the work folder only. The demuxer opens them under the same white list, which
    has to hold concat for the list itself; yet none of them can be such a list: each was opened before as a container
    of the list without it, and ffmpeg tells formats apart in the same way both times. The cage keeps it in the folder.
    """
    lines = ["ffconcat version 1.0", *(f"file {_link(at, one.path, workdir)}" for at, one in enumerate(pieces))]
    script = workdir / "merge.ffconcat"
    await asyncio.to_thread(script.write_text, "\n".join([*lines, ""]), encoding="ascii")
    formats = f"concat,{CONTAINERS}"
    # Packets stay as they are: what would have to be converted between files is not alike.
    return [*_OURS, formats, "-auto_convert", "0", "-f", "concat", "-safe", "1", "-i", target(script)]


async def chapters_of(pieces: Sequence[Piece], tags: dict[str, str], workdir: Path) -> list[str]:
    """Write the chapters, and what the file says about itself, and return what has ffmpeg read them."""
    lines, at = [";FFMETADATA1", *(f"{key}={_escaped(value)}" for key, value in tags.items())], 0.0
    for one in pieces if all(piece.seconds for piece in pieces) else ():
        end = at + one.seconds
        lines += ["[CHAPTER]", "TIMEBASE=1/1000", f"START={at * 1000:.0f}", f"END={end * 1000:.0f}"]
        lines.append(f"title={_escaped(one.title)}")
        at = end
    file = workdir / "merge.chapters"
    await asyncio.to_thread(file.write_text, "\n".join([*lines, ""]), encoding="utf-8", errors="replace")
    return [*_OURS, "ffmetadata", "-f", "ffmetadata", "-i", target(file)]


def _escaped(text: str) -> str:
    """https://ffmpeg.org/ffmpeg-formats.html#Metadata-2"""
    return re.sub(r"([=;#\\])", r"\\\1", " ".join(text.split()))


def _link(number: int, path: Path, workdir: Path) -> str:
    """The name of a file in the work folder; one that could be misread gets a link with another name."""
    if path.parent == workdir and _SAFE.fullmatch(path.name):
        return path.name
    ending = path.suffix if _SUFFIX.fullmatch(path.suffix) else ""
    link = workdir / f"merge.{number}{ending}"
    link.unlink(missing_ok=True)
    link.symlink_to(os.path.relpath(path, workdir))
    return link.name
