"""Reads which keys an encrypted MP4 needs (Common Encryption, ISO/IEC 23001-7), and gives the owner's to ffmpeg."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from medusa import observe, process
from medusa.errors import Broken, UserError
from medusa.steps.ffmpeg import OPEN_FILES, command, expect_room, target
from medusa.steps.mp4 import is_mp4
from medusa.tools import CONTAINERS

ANY = ""
"""The key id of a key that the owner gave without one."""
_PAIR = re.compile(r"(?:([0-9a-f]{32}):)?([0-9a-f]{32})")
_MOST = 64 * 1024 * 1024
"""Bytes of an index that is looked at."""
_MOST_BOXES = 4096
"""Boxes before the index."""
_PARENTS = {
    b"trak": 0,
    b"mdia": 0,
    b"minf": 0,
    b"stbl": 0,
    b"stsd": 8,
    b"encv": 78,
    b"enca": 28,
    b"sinf": 0,
    b"schi": 0,
}
"""Boxes that hold others, and how many bytes of their own come before these."""
_SYSTEMS = {
    "edef8ba979d64acea3c827dcd51d21ed": "Widevine",
    "9a04f07998404286ab92e65be0885f95": "PlayReady",
    "94ce86fb07ff4f43adb893d2fa968ca2": "FairPlay",
    "f239e769efa348509c16a903c6932efb": "Adobe Primetime",
    "5e629af538da4063897797ffbd9902d4": "Marlin",
    "e2719d58a985b3c9781ab030af78d30e": "ClearKey",
    "1077efecc0b24d02ace33c1e52e2fb4b": "ClearKey",
    "com.apple.streamingkeydelivery": "FairPlay",
    "com.microsoft.playready": "PlayReady",
    "com.widevine": "Widevine",
}
"""The registered names of DRM systems, https://dashif.org/identifiers/content_protection/."""
_SECONDS = 60.0
_WRONG = "The key does not open this: what comes out cannot be played. Check --key KID:KEY."
_OLD = "This ffmpeg cannot be given a key in private; decrypting needs ffmpeg 5 or later."


@dataclass(frozen=True, slots=True)
class Protection:
    """The key id of each encrypted track by its kind (``v`` for pictures, ``a`` for sound), and the systems named."""

    kids: Mapping[str, str]
    systems: tuple[str, ...]


def system(identifier: str) -> str:
    """The name of the DRM system that a UUID, with or without dashes, stands for; empty for an unknown one."""
    return _SYSTEMS.get(identifier.strip().lower().removeprefix("urn:uuid:").replace("-", ""), "")


def refusal(systems: Sequence[str]) -> str:
    """What to tell the owner of something protected without keys."""
    named = f" ({', '.join(systems)})" if systems else ""
    return f"This is protected by DRM{named}. Medusa uses only keys that you hold: --key KID:KEY"


def parse_keys(text: str) -> dict[str, str]:
    """Keys by key id, both as 32 hexadecimal digits in lower case, of ``KID:KEY,KID:KEY`` (or a
    line for each) or of one ``KEY`` alone.

    The keys are blotted out from now on wherever they might be shown. Raises UserError for anything else, without
    repeating it.
    """
    keys: dict[str, str] = {}
    for part in re.split(r"[,\s]+", text.strip().replace("-", "").lower()):
        found = _PAIR.fullmatch(part)
        if found is None:
            raise UserError("--key takes KID:KEY, each of 32 hexadecimal digits; several are parted by commas.")
        keys[found[1] or ANY] = found[2]
    if ANY in keys and len(keys) > 1:
        raise UserError("Of several keys, each needs its key id: --key KID:KEY,KID:KEY")
    observe.hide(keys.values())
    return keys


def written(keys: Mapping[str, str]) -> str:
    """Keys as `parse_keys` reads them."""
    return ",".join(f"{kid}:{key}" if kid else key for kid, key in keys.items())


def key_for(kid: str, keys: Mapping[str, str]) -> str:
    """The owner's key for a key id. Raises UserError when there is none."""
    found = keys.get(kid) or keys.get(ANY)
    if found is None:
        raise UserError(f"There is no key for key id {kid} among yours; add it: --key {kid}:KEY")
    return found


def protection(path: Path) -> Protection | None:
    """What protects an MP4; None for one in the clear and for whatever is no MP4."""
    index = _index(path)
    if index is None:
        return None
    kids: dict[str, str] = {}
    systems: dict[str, None] = {}
    for kind, body in _boxes(index):
        if kind == b"pssh" and len(body) >= 20:
            systems[system(body[4:20].hex())] = None
        elif kind == b"trak":
            found = dict(_flat(body))
            if b"tenc" in found and len(found[b"tenc"]) >= 24:
                kids["v" if b"encv" in found else "a"] = found[b"tenc"][8:24].hex()
    return Protection(kids, tuple(name for name in systems if name)) if kids else None


def _index(path: Path) -> bytes | None:
    """The contents of the box ``moov``."""
    with path.open("rb") as file:
        if not is_mp4(file.read(12)):
            return None
        at = 0
        for _ in range(_MOST_BOXES):
            file.seek(at)
            head = file.read(16)
            if len(head) < 8:
                return None
            length, kind = int.from_bytes(head[:4], "big"), head[4:8]
            start = 16 if length == 1 else 8
            length = int.from_bytes(head[8:16], "big") if length == 1 else length
            if 0 < length < start:
                return None  # before it is taken for "all that there is"
            if kind == b"moov":
                file.seek(at + start)
                return file.read(min(_MOST, length - start if length else _MOST))
            if not length:
                return None
            at += length
    return None


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 8 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big") or len(data) - at
        if length < 8:
            return
        yield data[at + 4 : at + 8], data[at + 8 : at + length]
        at += length


def _flat(data: bytes, depth: int = 0) -> Iterator[tuple[bytes, bytes]]:
    """All boxes below, of any depth that a real file has."""
    for kind, body in _boxes(data):
        yield kind, body
        if kind in _PARENTS and depth < len(_PARENTS):
            yield from _flat(body[_PARENTS[kind] :], depth + 1)


@contextmanager
def keyed_input(path: Path, key: str) -> Iterator[tuple[list[str], tuple[int, ...]]]:
    """ffmpeg's options for an input, which it decrypts if ``key`` is one, and the open files that it has to inherit.

    Command lines are there for every user of a machine to read. So the key stands in a list for ffmpeg's demuxer
    ``concat`` (https://ffmpeg.org/ffmpeg-formats.html#concat-1), which lives in memory and is handed over open.
    """
    name = str(path.absolute()).replace("'", r"'\''")
    handle = os.memfd_create("keys", os.MFD_CLOEXEC)
    try:
        option = f"option decryption_key {key}\n" if key else ""
        os.write(handle, f"ffconcat version 1.0\nfile 'file:{name}'\n{option}".encode())
        safe = ["-protocol_whitelist", "file,pipe", "-format_whitelist", f"concat,{CONTAINERS}"]
        yield [*safe, "-f", "concat", "-safe", "0", "-i", target(OPEN_FILES / str(handle))], (handle,)
    finally:
        os.close(handle)


def expect_opened(said: str) -> None:
    """Raise UserError when ffmpeg's error text says that it is too old for `keyed_input`."""
    if "unknown keyword 'option'" in said:
        raise UserError(_OLD)


async def expect_playable(path: Path, ffmpeg: Path, workdir: Path) -> None:
    """Raise UserError unless the first seconds can be decoded without any fault, which a wrong key would cause."""
    argv = [*command(ffmpeg, path, "-t", "2", "-err_detect", "explode"), "-xerror", "-v", "error", "-f", "null", "-"]
    try:
        done = await process.run(argv, cwd=workdir, timeout=_SECONDS)
    except Broken:
        raise UserError(_WRONG) from None
    expect_room(done.err)
    if done.code or done.err.strip():
        raise UserError(_WRONG)
