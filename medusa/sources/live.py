"""Records a live HLS stream for as long as it may, and makes a file of what has come."""

import asyncio
import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, field
from pathlib import Path

from medusa.errors import MedusaError, Transient, UserError, first_of
from medusa.model import Progress, Report
from medusa.sources import ranged, secret
from medusa.sources.streams import hls
from medusa.sources.streams.fetching import Fetcher, Meter
from medusa.sources.streams.joining import Fetched, Joiner
from medusa.sources.streams.parts import MOST_RUNS, Kind, Piece, Track
from medusa.tools import Tools
from medusa.words import span

_NOTE = "live.json"
_MOST_TEXT = 4 * 1024 * 1024
"""Bytes of a playlist."""
_BACK = 3
"""Pieces before the newest with which to begin (RFC 8216, 6.3.3)."""
_SILENCE = 60.0
"""Seconds without a new piece after which a stream is over."""
_ROOM = 0.92
"""The share of the upload limit that is used, so that the last piece fits, and the file when it is made playable."""


@dataclass(frozen=True, slots=True)
class Feed:
    """One track of a live stream: the address of its media playlist and the headers that go with it."""

    kind: Kind
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Kept:
    """What has been recorded of a feed: the number of the last piece, seconds, and the bytes of each of its files."""

    last: int = -1
    seconds: float = 0.0
    sizes: list[int] = field(default_factory=list)


def begun(workdir: Path) -> bool:
    """Whether something has been recorded in the work folder."""
    return any(kept.seconds for kept in _noted(workdir))


async def record(feeds: Sequence[Feed], cap: float, workdir: Path, tools: Tools, report: Report) -> Path:
    """Record until the stream ends, ``cap`` seconds of it are there, or the file is as big as one may be.

    Goes on with what an earlier try has left. Raises Transient when the stream cannot be had now, and UserError for
    one that never gave anything; what has come is kept for the next call.
    """
    if (made := await asyncio.to_thread(_made, workdir)) is not None:
        return made
    if tools.ffmpeg is None:
        raise UserError("This needs ffmpeg, which is missing on this machine.")
    recorder = _Recorder(feeds, cap, workdir, tools, report)
    try:
        async with asyncio.TaskGroup() as group:
            for number in range(len(feeds)):
                group.create_task(recorder.follow(number))
    except ExceptionGroup as failed:
        raise first_of(failed) from None
    report(Progress(note="joining what was recorded"))
    return await Joiner(tools.ffmpeg, workdir, {}).join(recorder.fetched())


def _made(workdir: Path) -> Path | None:
    """The file that an earlier call has made. Pieces that it left are of no use: nothing tells whose they are."""
    for scrap in workdir.glob("piece*"):
        scrap.unlink()
    return next(workdir.glob("media.*"), None)


class _Recorder:
    """Follows the feeds of one stream into files of the work folder."""

    def __init__(self, feeds: Sequence[Feed], cap: float, workdir: Path, tools: Tools, report: Report) -> None:
        self._feeds = feeds
        self._cap = cap
        self._workdir = workdir
        self._tools = tools
        self._report = report
        self._kept = _noted(workdir) or [_Kept() for _ in feeds]
        self._firsts: dict[int, Piece | None] = {}
        """What the file that each feed is written to begins with; none is open after a start."""
        self._until = time.monotonic() + 2 * cap + _SILENCE

    def fetched(self) -> list[Fetched]:
        """The files of the feeds that have any. Raises UserError when none has."""
        found = [
            Fetched(feed.kind, [self._file(number, run) for run in range(len(kept.sizes))])
            for number, (feed, kept) in enumerate(zip(self._feeds, self._kept, strict=True))
            if kept.sizes
        ]
        if not found:
            raise UserError("The live stream ended before anything of it could be recorded.")
        return found

    async def follow(self, number: int) -> None:
        """Record one feed until there is no more of it, or enough."""
        heard = time.monotonic()
        while not self._enough(number):
            try:
                text, base = await self._playlist(self._feeds[number])
                before = self._kept[number].last
                await self._take(number, text, base)
            except MedusaError as error:
                if not self._kept[number].seconds and (error.retry_after is None or self._silent(heard)):
                    raise
                text, before = "", self._kept[number].last
            if "#EXT-X-ENDLIST" in text:
                return
            heard = time.monotonic() if self._kept[number].last > before else heard
            if self._silent(heard):
                return
            await asyncio.sleep(_pause(text))

    def _silent(self, heard: float) -> bool:
        return time.monotonic() - heard > _SILENCE

    def _enough(self, number: int) -> bool:
        size = sum(sum(kept.sizes) for kept in self._kept)
        full = size > min(self._tools.upload_limit, self._tools.max_bytes) * _ROOM
        full = full or len(self._kept[number].sizes) > MOST_RUNS
        return full or self._kept[number].seconds >= self._cap or time.monotonic() > self._until

    async def _playlist(self, feed: Feed) -> tuple[str, str]:
        headers = {**feed.headers, **await secret.headers_for(feed.url, self._tools)}
        async with self._tools.web.get(feed.url, headers) as answer:
            ranged.expect(answer, 200)
            data = bytearray()
            async with aclosing(answer.chunks()) as chunks:
                async for chunk in chunks:
                    data += chunk
                    if len(data) > _MOST_TEXT:
                        raise UserError("The playlist of this live stream is too big.")
            text = data.decode("utf-8", "replace")
            if "#EXTM3U" not in text or hls.is_master(text):
                raise Transient("The live stream has no playlist just now.", after=15)
            return text, answer.url

    async def _take(self, number: int, text: str, base: str) -> None:
        """Record the pieces that are new in a playlist."""
        kept = self._kept[number]
        fresh = [one for one in _pieces(text, base) if one[0] > kept.last]
        for place, piece, first, breaks in fresh[-_BACK:] if kept.last < 0 else fresh:
            if self._enough(number):
                return
            missed = kept.last >= 0 and place != kept.last + 1
            if number not in self._firsts or breaks or missed or _differ(self._firsts[number], first):
                kept.sizes.append(0)
                if first is not None:
                    await self._append(number, first)
                self._firsts[number] = first
            await self._append(number, piece)
            kept.last, kept.seconds = place, kept.seconds + piece.seconds
            _write(self._workdir, self._kept)

    async def _append(self, number: int, piece: Piece) -> None:
        """Fetch a piece and put it behind what the feed's newest file has."""
        kept = self._kept[number]
        track = Track(((piece,),))
        # What is reported is the whole, so the meter of the piece reports to nobody.
        fetcher = Fetcher(f"piece{number}", track, self._workdir, self._tools, Meter([track], self._tools, _unheard))
        [part] = await fetcher.fetch()
        file = self._file(number, len(kept.sizes) - 1)
        await asyncio.to_thread(_join, file, kept.sizes[-1], part)
        kept.sizes[-1] = file.stat().st_size
        done = sum(sum(one.sizes) for one in self._kept)
        seconds = min(one.seconds for one in self._kept)
        self._report(Progress(done, note=f"live: {span(seconds)} of at most {span(self._cap)}"))

    def _file(self, number: int, run: int) -> Path:
        return self._workdir / f"live{number}-{run}"


def _unheard(_: Progress) -> None:
    """Takes in the progress of one piece, which is nothing to report."""


def _pieces(text: str, base: str) -> Iterator[tuple[int, Piece, Piece | None, bool]]:
    """The pieces of a playlist: number, address, what has to stand before it, and whether it begins something new."""
    found = re.search(r"#EXT-X-MEDIA-SEQUENCE:\s*(\d{1,18})", text)
    number = int(found[1]) if found else 0
    for run, pieces in enumerate(hls.read_media(text, base).runs):
        first = pieces[0] if not pieces[0].seconds else None
        for place, piece in enumerate(pieces[1:] if first else pieces):
            yield number, piece, first, bool(run) and place == 0
            number += 1


def _differ(one: Piece | None, other: Piece | None) -> bool:
    return (one and (one.url, one.start)) != (other and (other.url, other.start))


def _pause(text: str) -> float:
    """Seconds until a playlist is worth another look: half of what its pieces take (RFC 8216, 6.3.4)."""
    found = re.search(r"#EXT-X-TARGETDURATION:\s*(\d{1,3})", text)
    return min(max(int(found[1]) / 2 if found else 5.0, 0.5), 10.0)


def _join(file: Path, size: int, part: Path) -> None:
    """Put a piece at a place of a file; what a killed process wrote there before is overwritten."""
    with file.open("r+b" if file.exists() else "w+b") as whole, part.open("rb") as piece:
        whole.truncate(size)
        whole.seek(size)
        while block := piece.read(1 << 20):
            whole.write(block)
    part.unlink()


def _write(workdir: Path, kept: Sequence[_Kept]) -> None:
    new = workdir / f"{_NOTE}.new"
    new.write_text(json.dumps([asdict(one) for one in kept]), encoding="utf-8")
    new.replace(workdir / _NOTE)


def _noted(workdir: Path) -> list[_Kept]:
    try:
        return [_Kept(**one) for one in json.loads((workdir / _NOTE).read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError):
        return []
