"""The bytes of files: parts on their way in, and the media that they become.

https://core.telegram.org/api/files
"""

import os
import sqlite3
import time
from dataclasses import dataclass
from hashlib import md5, sha256
from pathlib import Path
from typing import Any

from medusa.loopback import tl
from medusa.loopback.accounts import random_long
from medusa.loopback.database import Database
from medusa.loopback.rpc import RpcFailure

MAX_PART = 512 << 10
MAX_PARTS = 4000
MAX_SMALL = 10 << 20


@dataclass(frozen=True, slots=True)
class Blob:
    """A whole file on the server's disk: the name it was sent under, its file, its bytes."""

    name: str
    file: str
    size: int


@dataclass(frozen=True, slots=True)
class Media:
    """A stored document or photo; ``body`` is its TL object, without a current file reference."""

    id: int
    access_hash: int
    generation: int
    body: Any
    blob: Blob
    thumb: bytes | None

    @property
    def reference(self) -> bytes:
        """What a client must show to use the file; it changes when references expire."""
        return b"\x01" + sha256(f"{self.id}:{self.access_hash}:{self.generation}".encode()).digest()[:20]


def good_part_size(size: int) -> bool:
    """True for a multiple of 1 KB that divides 512 KB."""
    return size > 0 and size % 1024 == 0 and MAX_PART % size == 0


class Files:
    """Takes parts, puts files together, keeps media."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder
        self.max_parts = MAX_PARTS
        self.part_life: float | None = None
        self.received = 0

    def path(self, file: str) -> Path:
        """Where the bytes of a file lie."""
        return self._folder / file

    def save_small(self, account: int, file_id: int, part: int, data: bytes | memoryview) -> None:
        """Take a part of ``upload.saveFilePart``. Raises RpcFailure."""
        if not 0 <= part < self.max_parts:
            raise RpcFailure("FILE_PART_INVALID")
        _check_length(data, last=False)
        if self._begin(account, file_id, big=False)["size"] is None:
            self._put(account, file_id, part, len(data), data)

    def save_big(self, account: int, file_id: int, part: int, total: int, data: bytes | memoryview) -> None:
        """Take a part of ``upload.saveBigFilePart``; ``total`` is -1 while it is not known. Raises RpcFailure."""
        if total == 0 or total < -1 or total > self.max_parts:
            raise RpcFailure("FILE_PARTS_INVALID")
        if not 0 <= part < (self.max_parts if total == -1 else total):
            raise RpcFailure("FILE_PART_INVALID")
        last = part == total - 1
        _check_length(data, last=last)
        if not last and not good_part_size(len(data)):
            raise RpcFailure("FILE_PART_SIZE_INVALID")
        upload = self._begin(account, file_id, big=True)
        if upload["size"] is not None:
            return
        self._check_against(upload, total, len(data), last=last)
        if not last:
            self._write(account, file_id, part * len(data), data)
        self._database.run(
            "UPDATE uploads SET part_size = COALESCE(part_size, ?), total = COALESCE(total, ?) "
            "WHERE account = ? AND file_id = ?",
            *(None if last else len(data), None if total == -1 else total, account, file_id),
        )
        self._put(account, file_id, part, len(data), data if last else None)

    def _check_against(self, upload: sqlite3.Row, total: int, size: int, *, last: bool) -> None:
        known_total, known_size = upload["total"], upload["part_size"]
        if known_total is not None and total not in (-1, known_total):
            raise RpcFailure("FILE_PARTS_INVALID")
        if known_size is not None and not last and size != known_size:
            raise RpcFailure("FILE_PART_SIZE_CHANGED")
        if known_size is not None and size > known_size:
            raise RpcFailure("FILE_PART_SIZE_INVALID")

    def _begin(self, account: int, file_id: int, *, big: bool) -> sqlite3.Row:
        where = "WHERE account = ? AND file_id = ?"
        self._database.run(
            "INSERT OR IGNORE INTO uploads(account, file_id, big, name) VALUES(?, ?, ?, ?)",
            *(account, file_id, int(big), _file_name(account, file_id)),
        )
        row = self._database.one(f"SELECT * FROM uploads {where}", account, file_id)  # noqa: S608
        if row is None or bool(row["big"]) != big:
            raise RpcFailure("FILE_PART_INVALID")
        return row

    def _put(self, account: int, file_id: int, part: int, size: int, data: bytes | memoryview | None) -> None:
        row = (account, file_id, part, size, data, time.time())
        self._database.run("INSERT OR REPLACE INTO parts VALUES(?, ?, ?, ?, ?, ?)", *row)

    def _write(self, account: int, file_id: int, offset: int, data: bytes | memoryview) -> None:
        handle = os.open(self.path(_file_name(account, file_id)), os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.pwrite(handle, data, offset)
        finally:
            os.close(handle)

    def forget_parts(self, file_id: int, parts: list[int] | None) -> None:
        """Lose some parts of an upload, or all of it."""
        if parts is None:
            self._database.run("DELETE FROM parts WHERE file_id = ?", file_id)
            self._database.run("DELETE FROM uploads WHERE file_id = ?", file_id)
        for part in parts or ():
            self._database.run("DELETE FROM parts WHERE file_id = ? AND part = ?", file_id, part)

    def assemble(self, account: int, file: Any) -> Blob:
        """The whole file behind an ``inputFile`` or ``inputFileBig``. Raises RpcFailure."""
        upload = self._database.one("SELECT * FROM uploads WHERE account = ? AND file_id = ?", account, file.id)
        if upload is None:
            raise RpcFailure("FILE_PART_0_MISSING")
        if upload["size"] is not None:
            return Blob(file.name, upload["name"], upload["size"])
        rows = self._parts(account, file, upload)
        path = self.path(upload["name"])
        path.touch(mode=0o600)
        _fill(path, rows)
        size = sum(row["size"] for row in rows)
        checksum = getattr(file, "md5_checksum", "")
        if checksum and md5(path.read_bytes()).hexdigest() != checksum.lower():  # noqa: S324 -- the API's own choice
            raise RpcFailure("MD5_CHECKSUM_INVALID")
        self._database.run("UPDATE uploads SET size = ? WHERE account = ? AND file_id = ?", size, account, file.id)
        self._database.run("DELETE FROM parts WHERE account = ? AND file_id = ?", account, file.id)
        return Blob(file.name, upload["name"], size)

    def _parts(self, account: int, file: Any, upload: sqlite3.Row) -> list[sqlite3.Row]:
        if self.part_life is not None:
            stale = time.time() - self.part_life
            self._database.run(
                "DELETE FROM parts WHERE account = ? AND file_id = ? AND arrived < ?", account, file.id, stale
            )
        rows = self._database.all(
            "SELECT part, size, data FROM parts WHERE account = ? AND file_id = ? ORDER BY part", account, file.id
        )
        if not 0 < file.parts <= self.max_parts or (upload["total"] or file.parts) != file.parts:
            raise RpcFailure("FILE_PARTS_INVALID")
        there = {row["part"] for row in rows}
        missing = next((part for part in range(file.parts) if part not in there), None)
        if missing is not None:
            raise RpcFailure(f"FILE_PART_{missing}_MISSING")
        sizes = [row["size"] for row in rows]
        if len(rows) > file.parts or (not upload["big"] and sum(sizes) > MAX_SMALL):
            raise RpcFailure("FILE_PARTS_INVALID")
        if any(size != sizes[0] for size in sizes[:-1]):
            raise RpcFailure("FILE_PART_SIZE_CHANGED")
        if len(sizes) > 1 and (not good_part_size(sizes[0]) or sizes[-1] > sizes[0]):
            raise RpcFailure("FILE_PART_SIZE_INVALID")
        return rows

    def keep(self, media_id: int, body: Any, blob: Blob, thumb: bytes | None) -> Media:
        """Store a new document or photo."""
        self._database.run(
            "INSERT INTO media(id, hash, generation, body, name, size, file, thumb) VALUES(?, ?, 0, ?, ?, ?, ?, ?)",
            *(media_id, body.access_hash, tl.pack(body), blob.name, blob.size, blob.file, thumb),
        )
        return self.get(media_id)

    def new_id(self) -> int:
        """An id for a new document or photo: positive, random."""
        return random_long() & (2**63 - 1)

    def get(self, media_id: int) -> Media:
        """A document or photo. Raises RpcFailure."""
        row = self._database.one("SELECT * FROM media WHERE id = ?", media_id)
        if row is None:
            raise RpcFailure("FILE_ID_INVALID")
        return _media(row)

    def find(self, reference: Any) -> Media:
        """The media that a client names by id, access hash and file reference. Raises RpcFailure."""
        media = self.get(reference.id)
        if media.access_hash != reference.access_hash:
            raise RpcFailure("FILE_ID_INVALID")
        if not reference.file_reference:
            raise RpcFailure("FILE_REFERENCE_EMPTY")
        if reference.file_reference != media.reference:
            raise RpcFailure("FILE_REFERENCE_EXPIRED")
        return media

    def last(self) -> Media | None:
        """The newest document or photo."""
        row = self._database.one("SELECT * FROM media ORDER BY added DESC LIMIT 1")
        return None if row is None else _media(row)

    def all(self) -> list[Media]:
        """Every document and photo, oldest first."""
        return [_media(row) for row in self._database.all("SELECT * FROM media ORDER BY added")]

    def move(self, media_id: int, dc_id: int) -> None:
        """Let a file lie in another data centre. Raises RpcFailure."""
        body = self.get(media_id).body
        body.dc_id = dc_id
        self._database.run("UPDATE media SET body = ? WHERE id = ?", tl.pack(body), media_id)

    def expire_references(self) -> None:
        """Make every file reference that clients hold worthless."""
        self._database.run("UPDATE media SET generation = generation + 1")

    def discard(self) -> None:
        """Delete the bytes of all files and all parts; what is known of the files stays."""
        for path in self._folder.iterdir():
            path.unlink()
        self._database.run("DELETE FROM parts")
        self._database.run("DELETE FROM uploads")

    def read(self, media: Media, offset: int, limit: int, *, thumb: bool) -> bytes:
        """Bytes of a file or of its thumbnail; fewer at its end."""
        if thumb:
            return (media.thumb or b"")[offset : offset + limit]
        try:
            handle = os.open(self.path(media.blob.file), os.O_RDONLY)
        except FileNotFoundError:
            raise RpcFailure("FILE_ID_INVALID") from None
        try:
            return os.pread(handle, limit, offset)
        finally:
            os.close(handle)


def _file_name(account: int, file_id: int) -> str:
    return f"{account:x}-{file_id & (2**64 - 1):016x}"


def _check_length(data: bytes | memoryview, *, last: bool) -> None:
    if len(data) > MAX_PART:
        raise RpcFailure("FILE_PART_TOO_BIG")
    if not data and not last:
        raise RpcFailure("FILE_PART_EMPTY")


def _fill(path: Path, rows: list[sqlite3.Row]) -> None:
    """Write those parts that waited in the database: all of a small file, the last of a big one."""
    handle = os.open(path, os.O_WRONLY)
    try:
        for row in rows:
            if row["data"] is not None:
                os.pwrite(handle, row["data"], row["part"] * rows[0]["size"])
    finally:
        os.close(handle)


def _media(row: sqlite3.Row) -> Media:
    blob = Blob(row["name"], row["file"], row["size"])
    return Media(row["id"], row["hash"], row["generation"], tl.parse(row["body"]), blob, row["thumb"])
