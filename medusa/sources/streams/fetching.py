"""Fetches the pieces of a track one after the other into files, and goes on where an earlier try broke off."""

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from medusa.errors import StreamBroken, Transient, UserError, Wait
from medusa.model import Progress, Report
from medusa.sources import ranged
from medusa.sources.ranged import Body
from medusa.sources.streams.parts import Lock, Piece, Track
from medusa.tools import Tools

_TRIES = 4
"""How often a piece is asked for before the whole job waits a while."""
_GAIN = 64 * 1024
"""Bytes that a try must gain to count as none: a byte at a time, a stream would never end."""
_LONGEST_PAUSE = 8.0
_BLOCK = 16


class TooBig(UserError):
    """More bytes than a job may fetch or a post may have."""


class Meter:
    """Adds up what all tracks of a stream have fetched, and turns it into progress."""

    def __init__(self, tracks: Sequence[Track], tools: Tools, report: Report) -> None:
        self._tools = tools
        self._report = report
        self._pieces = sum(len(run) for track in tracks for run in track.runs)
        self._ready = 0
        self._kept = 0
        self.done = 0
        """Bytes, those of earlier tries among them."""

    @property
    def gained(self) -> int:
        """Bytes that this try has fetched."""
        return self.done - self._kept

    def keep(self, size: int, pieces: int) -> None:
        """Count what an earlier try has left."""
        self._kept += size
        self._ready += pieces
        self.add(size)

    def add(self, size: int) -> None:
        """Count bytes that have arrived. Raises TooBig."""
        self.done += size
        try:
            ranged.check_size(self.done, self._tools)
        except UserError as error:
            raise TooBig(error.user_text) from None
        total = self.done * self._pieces // self._ready if self._ready else None
        self._report(Progress(self.done, total))

    def piece(self) -> None:
        """Count a piece that is whole."""
        self._ready += 1


@dataclass(frozen=True, slots=True)
class _Mark:
    """How far a file is: ``piece`` pieces are whole and take ``at`` bytes; the next one is of ``version``."""

    shape: str
    piece: int = 0
    at: int = 0
    version: str = ""


class Keys:
    """The AES-128 keys that a server publishes, each asked for once."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._known: dict[str, bytes] = {}

    async def get(self, url: str) -> bytes:
        """The 16 bytes of the key. Raises UserError for anything else."""
        if url not in self._known:
            found = bytearray()
            async with ranged.opened(url, 0, "", self._tools) as body, aclosing(body.chunks()) as chunks:
                async for chunk in chunks:
                    found += chunk
                    if len(found) > _BLOCK:
                        break
            if len(found) != _BLOCK:
                raise UserError("The key of this stream is none: the server sent something else.")
            self._known[url] = bytes(found)
        return self._known[url]


class Fetcher:
    """Fetches one track into a work folder, as files whose names begin with ``name``: one for each run."""

    def __init__(self, name: str, track: Track, workdir: Path, tools: Tools, meter: Meter) -> None:
        self._name = name
        self._track = track
        self._workdir = workdir
        self._tools = tools
        self._meter = meter
        self._keys = Keys(tools)
        self._shape = track.shape()

    async def fetch(self) -> list[Path]:
        """Fetch what is missing and return the files in order.

        Raises Wait when the addresses have ceased to work meanwhile, and Transient when the server does not answer;
        what has arrived is kept for the next call. Raises UserError for a piece that cannot be had.
        """
        files = []
        for number, run in enumerate(self._track.runs):
            file = self._workdir / f"{self._name}-{number}"
            if file.exists():
                self._meter.keep(file.stat().st_size, len(run))
            else:
                await self._fetch_run(file, run)
            files.append(file)
        return files

    async def _fetch_run(self, file: Path, run: tuple[Piece, ...]) -> None:
        part, note = file.with_name(f"{file.name}.part"), file.with_name(f"{file.name}.json")
        mark = self._resumed(part, note)
        self._meter.keep(_size(part), mark.piece)
        for number in range(mark.piece, len(run)):
            try:
                await self._insist(part, note, mark, run[number])
            except TooBig:
                raise
            except UserError as error:
                raise self._explained(error, number, run) from error
            self._meter.piece()
            mark = _Mark(self._shape, number + 1, _size(part))
            _write(note, mark)
        part.replace(file)
        note.unlink(missing_ok=True)

    def _resumed(self, part: Path, note: Path) -> _Mark:
        """How far an earlier try came; what is in the file beyond that is cut off, unless it can be gone on with."""
        mark = _noted(note)
        if mark is None or mark.shape != self._shape or _size(part) < mark.at:
            mark = _Mark(self._shape)
        part.touch()
        if not mark.version:
            _cut(part, mark.at)
        return mark

    async def _insist(self, part: Path, note: Path, mark: _Mark, piece: Piece) -> None:
        """Fetch a piece; after a break it is asked for again, from where it broke off if the server knows how."""
        tries = _TRIES
        while True:
            before = _size(part)
            try:
                return await self._append(part, note, mark, piece)
            except StreamBroken:
                self._drop(part, mark)
                trouble = Transient("The server lost its place in the stream.")
            except Transient as error:
                trouble = error
            mark = _noted(note) or mark
            if not mark.version:
                self._drop(part, mark)
            tries = _TRIES if _size(part) - before >= _GAIN else tries - 1
            if tries <= 0:
                raise trouble
            await asyncio.sleep(min(trouble.retry_after * (_TRIES - tries), _LONGEST_PAUSE))

    def _drop(self, part: Path, mark: _Mark) -> None:
        """Forget what has come of a piece."""
        self._meter.add(mark.at - _size(part))
        _cut(part, mark.at)

    async def _append(self, part: Path, note: Path, mark: _Mark, piece: Piece) -> None:
        lock = await self._keys.get(piece.lock.url) if piece.lock else None
        have = _size(part) - mark.at
        wanted = None if piece.length is None else piece.length - have
        if wanted == 0:
            return
        async with ranged.opened(piece.url, piece.start + have, mark.version, self._tools, most=wanted) as body:
            if body.start != piece.start + have:
                if piece.start:
                    raise UserError("The server does not give out parts of a file, which this stream needs.")
                self._drop(part, mark)
                wanted = piece.length
            if not piece.lock and body.version:
                _write(note, replace(mark, version=body.version))
            opened = _decrypted(body, lock, piece.lock) if lock and piece.lock else body.chunks()
            got = await self._write(part, opened, wanted)
        if wanted is not None and got < wanted and lock is None:
            raise Transient("The server ended a piece of the stream too early.")

    async def _write(self, part: Path, chunks: AsyncGenerator[bytes, None], most: int | None) -> int:
        got = 0
        with part.open("ab") as file:
            async with aclosing(chunks):
                async for chunk in chunks:
                    kept = chunk if most is None else chunk[: most - got]
                    got += len(kept)
                    await asyncio.to_thread(file.write, kept)
                    file.flush()
                    self._meter.add(len(kept))
                    if got == most:
                        break
        return got

    def _explained(self, error: UserError, number: int, run: tuple[Piece, ...]) -> Exception:
        """Tell addresses that have expired, which a fresh manifest mends, from a piece that cannot be had."""
        if self._meter.gained:
            return Wait("The stream's addresses do not work any more; it is asked for new ones.", after=1)
        where = f" (piece {number + 1} of {len(run)})" if len(run) > 1 else ""
        return UserError(f"The stream is not whole{where}: {error.user_text}")


async def _decrypted(body: Body, key: bytes, lock: Lock) -> AsyncGenerator[bytes, None]:
    """AES-128 in CBC mode with the padding of PKCS#7 taken off (RFC 8216, 4.3.2.4)."""
    opener = Cipher(algorithms.AES(key), modes.CBC(lock.iv)).decryptor()
    last = b""
    async with aclosing(body.chunks()) as chunks:
        async for chunk in chunks:
            plain = last + opener.update(chunk)
            last = plain[-_BLOCK:]
            if plain := plain[: -len(last)] if last else b"":
                yield plain
    try:
        opener.finalize()
    except ValueError:
        raise Transient("The server ended a piece of the stream too early.") from None
    padding = last[-1] if last else 0
    # Some servers leave the padding out.
    yield last[:-padding] if 0 < padding <= _BLOCK and last.endswith(bytes([padding]) * padding) else last


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _cut(file: Path, size: int) -> None:
    with file.open("r+b") as handle:
        handle.truncate(size)


def _write(note: Path, mark: _Mark) -> None:
    new = note.with_name(f"{note.name}.new")
    new.write_text(json.dumps(asdict(mark)), encoding="utf-8")
    new.replace(note)


def _noted(note: Path) -> _Mark | None:
    try:
        return _Mark(**json.loads(note.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None  # none yet, or cut short by a power failure
