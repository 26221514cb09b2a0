"""Unpacks wheels of plain Python, and believes nothing in them that their own record does not confirm."""

import base64
import csv
import hashlib
import re
import stat
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesParser
from pathlib import Path, PurePosixPath

from medusa.errors import UserError

MOST_FILES = 5000
MOST_BYTES = 128 * 1024 * 1024
"""Of all files together, unpacked."""
_MOST_OF_ONE = 32 * 1024 * 1024
_NAME = re.compile(r"([A-Za-z0-9_]+)-([0-9][0-9.]{0,60})-py3-none-any\.whl")
"""A wheel's file name (https://packaging.python.org/en/latest/specifications/binary-distribution-format/)."""
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")
_LINE = re.compile(r"sha256=([A-Za-z0-9_-]{43})")

Record = Mapping[str, tuple[str, str]]
"""Hash and size of each file."""


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What a wheel says of itself: its version, and what it requires in lines as its metadata have them."""

    version: str
    requires: tuple[str, ...]


def number(version: str) -> tuple[int, ...]:
    """A version such as 2026.07.04 for comparisons, () when it is none of plain numbers."""
    plain = re.fullmatch(r"[0-9]{1,8}(?:\.[0-9]{1,8}){0,5}", version.strip())
    return tuple(map(int, version.strip().split("."))) if plain else ()


def unpack(wheel: Path, package: str, into: Path) -> Unpacked:
    """Check a wheel whole and write its one package, for instance ``yt_dlp``, into a folder; blocks.

    Everything else in it, such as manual pages, is checked, too, and left out. Raises UserError that says what is
    wrong; what is in the folder then is of no use.
    """
    named = _NAME.fullmatch(wheel.name)
    if named is None or named[1].lower() != package:
        raise UserError(f"{wheel.name} is no wheel of {package}.")
    try:
        with zipfile.ZipFile(wheel) as archive:
            return _unpack(archive, package, named[2], into)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, KeyError) as error:
        raise UserError(f"{wheel.name} is damaged.") from error


def _unpack(archive: zipfile.ZipFile, package: str, version: str, into: Path) -> Unpacked:
    info = f"{package}-{version}.dist-info"
    files = _files(archive, (package, info, f"{package}-{version}.data"))
    record = _record(archive.read(f"{info}/RECORD"))
    if set(record) != files.keys():
        raise UserError(f"The wheel of {package} holds other files than its record says.")
    about = _metadata(archive.read(f"{info}/METADATA"), package, version)
    for name, member in files.items():
        data = archive.read(member)
        if name != f"{info}/RECORD" and not _fits(data, *record[name]):
            raise UserError(f"{name} in the wheel is not what its record says.")
        if name.startswith(f"{package}/"):
            target = into / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
    return about


def _files(archive: zipfile.ZipFile, folders: tuple[str, ...]) -> dict[str, zipfile.ZipInfo]:
    """The files of a wheel that has none but in these folders, and not too many or too big ones."""
    members = archive.infolist()
    sizes = [member.file_size for member in members]
    if len(members) > MOST_FILES or sum(sizes) > MOST_BYTES or max(sizes, default=0) > _MOST_OF_ONE:
        raise UserError("The wheel is too big to be right.")
    files: dict[str, zipfile.ZipInfo] = {}
    for member in members:
        name = member.filename
        kind = stat.S_IFMT(member.external_attr >> 16)
        parts = PurePosixPath(name).parts
        plain = kind in (0, stat.S_IFREG) and all(map(_PART.fullmatch, parts)) and "/".join(parts) == name
        if not plain or parts[0] not in folders or len(parts) < 2 or name in files:
            raise UserError(f"The wheel holds what does not belong into it: {name[:80]!r}.")
        files[name] = member
    return files


def _record(data: bytes) -> Record:
    lines = [line for line in csv.reader(data.decode().splitlines()) if line]
    return {name: (digest, size) for name, digest, size in lines}


def _fits(data: bytes, digest: str, size: str) -> bool:
    made = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    stated = _LINE.fullmatch(digest)
    return stated is not None and stated[1] == made and size == str(len(data))


def _metadata(data: bytes, package: str, version: str) -> Unpacked:
    said: Message = BytesParser().parsebytes(data, headersonly=True)
    name = str(said.get("Name", "")).lower().replace("-", "_").replace(".", "_")
    if name != package or str(said.get("Version", "")) != version:
        raise UserError(f"The wheel of {package} {version} says that it is another one.")
    return Unpacked(version, tuple(map(str, said.get_all("Requires-Dist", []))))
