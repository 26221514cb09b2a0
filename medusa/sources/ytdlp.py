"""Runs yt-dlp as a child that can reach nothing but the work folder and the guarded proxy; `sites` and `pages` are
thin over it.
"""

import asyncio
import hashlib
import json
import re
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from medusa import process
from medusa.errors import Broken, MedusaError, NothingThere, Transient, UserError
from medusa.model import LocalFile, Order, Progress, Report
from medusa.names import display_name, safe_file_name
from medusa.sources import NOTHING, ByteStream, Plan, content, live, pictures, ranged, secret, ytdlp_command, ytdlp_info
from medusa.sources.described import Description
from medusa.sources.ytdlp_errors import TOO_BIG, explain
from medusa.sources.ytdlp_info import Info, is_link, is_list
from medusa.tools import Tools
from medusa.words import clock

_INFO = "info.json"
_KNOWN = "known.json"
FRESH = 1800.0
"""Seconds for which the addresses in an answer are taken to be valid."""
_NEW = 120.0
"""Seconds for which they are, beyond doubt."""
_RESOLVE_SECONDS = 300.0
_RESOLVE_CPU = 1200
_FETCH_CPU = 8 * 3600
"""Seconds of computing: encrypted segments are deciphered in Python, 20 GB of them on a small machine."""
_QUIET = 900.0
"""Seconds without a word from yt-dlp after which it, or the ffmpeg it has started, hangs."""
_SLOW_DISK = 2e6
"""Bytes a second at which an SD card copies a file, of which ffmpeg says nothing while it joins sound and picture."""
_MAX_INFO = 32 * 1024 * 1024
_MAX_READ = 64 * 1024 * 1024
"""Bytes that may be read to find out what a page has; yt-dlp keeps each answer in memory."""
_MAX_HOPS = 3
"""How many pages that hold nothing but one link to another page are followed."""
_FIRST_ITEMS = "1:10"
_SOUNDS = frozenset({"m4a", "mp3"})
"""Files of sound that are posted as they are, without being extracted from anything."""
_PROGRESS = '{"done": %(progress.downloaded_bytes)j, "all": %(progress.total_bytes,progress.total_bytes_estimate)j'
_PROGRESS = f'{_PROGRESS}, "part": %(info.format_id)j}}'
_FURTHEST = 30 * 86400.0
_BROWSERS_ONLY = "generic:impersonate"
"""What yt-dlp advises against a page that turns away what shakes hands like no browser; curl-cffi then does."""
_REFUSED = r"HTTP Error 4(01|03|04|10)\b"


async def resolve(order: Order, workdir: Path, tools: Tools, report: Report) -> Plan:
    """Ask yt-dlp what the link is, unless the work folder still has a fresh answer.

    Raises UserError for a playlist and whatever yt-dlp does not know, Transient for what has not begun yet.
    """
    info = _fresh(workdir, order)
    if info is None:
        report(Progress(note="looking at the page"))
        info = ytdlp_info.only_http(await _begun(order, workdir, tools))
        (workdir / _INFO).write_text(
            json.dumps({**ytdlp_info.short(info), "medusa_order": _mark(order)}), encoding="utf-8"
        )
    title = ytdlp_info.title_of(info, order.link)
    size = ytdlp_info.size_of(ytdlp_info.chosen(info))
    if size is not None and size > tools.max_bytes:
        raise UserError(f"The file is too big: {size / 1e6:,.0f} MB, and {tools.max_bytes / 1e6:,.0f} MB is the limit.")
    details = {"site": str(info.get("extractor_key") or ""), "id": str(info.get("id") or "")}
    stream = None if ytdlp_info.is_live(info) else await _stream_of(info, title, order, tools)
    return Plan(order.link, title, safe_file_name(title), size, details, stream)


async def fetch(plan: Plan, order: Order, workdir: Path, tools: Tools, report: Report) -> LocalFile:
    """Download what `resolve` found; yt-dlp's own part files make a later call go on where this one stopped."""
    if not (workdir / _INFO).exists():
        await resolve(order, workdir, tools, report)
    info = _read(workdir) or {}
    if ytdlp_info.is_live(info):
        path = await live.record(ytdlp_info.feeds(info), order.live, workdir, tools, report)
        return _named(path, plan, order)
    argv = [
        *ytdlp_command.base(tools),
        *ytdlp_command.formats(order, tools),
        *ytdlp_command.extras(order, tools),
        *("--output", "media.%(ext)s", "--load-info-json", _INFO, "--print", "after_move:filepath"),
        *("--progress", "--newline", "--progress-delta", "0.5", "--progress-template", f"download:{_PROGRESS}"),
    ]
    watcher = _Watcher(plan.size, report)
    async with secret.handed_over(argv, order.link, workdir, tools) as handed:
        with tools.egress.lease() as lease:
            env, cage = ytdlp_command.environment(lease, tools), tools.cage(cpu=_FETCH_CPU)
            async with process.child(handed, cwd=workdir, env=env, max_file=tools.max_bytes, cage=cage) as running:
                async for line in running.lines(_QUIET + (plan.size or tools.max_bytes) // _SLOW_DISK):
                    watcher.see(line)
                    if watcher.done > tools.max_bytes:
                        raise UserError(TOO_BIG)
                code = await running.wait()
                errors = running.err_tail
    if code:
        await _doubt(order, workdir, tools, errors)
        raise explain(errors, lease.error)
    file = _found(watcher.path, plan, order, workdir)
    return replace(file, thumb=await pictures.thumbnail_of(info, order, workdir, tools))


async def describe(order: Order, items: str, workdir: Path, tools: Tools) -> Description:
    """Say what the link is: of one video the versions that there are, of a playlist the ``items`` or the first ones.

    Without ``items``, a video that is seen as part of a playlist is described alone.
    """
    info = None if items else await _known(order, tools)
    if info is None:
        info = await _ask(order.link, ["--format=b*"], workdir, tools, items)
        if is_list(info):
            return ytdlp_info.listing(info, order.link)
        await _remember(info, order, tools)
    try:
        info = await _choose(info, order, workdir, tools)
    except UserError:
        info = {key: value for key, value in info.items() if key not in ("format_id", "requested_downloads")}
    return ytdlp_info.describe(info, order, tools.upload_limit)


async def _looked_up(order: Order, workdir: Path, tools: Tools) -> dict[str, Any]:
    """The info of the one video behind the order's link, with the formats chosen that it asks for."""
    known = await _known(order, tools)
    if known is not None:
        return await _choose(known, order, workdir, tools)
    info = await _ask(order.link, ytdlp_command.formats(order, tools), workdir, tools)
    if is_list(info):
        raise UserError(_several(info))
    await _remember(info, order, tools)
    return {**info, "medusa_at": time.time()}


async def _ask(
    link: str, formats: Sequence[str], workdir: Path, tools: Tools, items: str = "", hops: int = 0
) -> dict[str, Any]:
    """Return the info of the one video behind the link, or of a playlist with some of its items."""
    playlist = ["--flat-playlist", "--playlist-items", items or _FIRST_ITEMS]
    playlist.append("--yes-playlist" if items else "--no-playlist")
    info = await _answer(link, [*formats, *playlist, "--", link], workdir, tools)
    if not is_list(info):
        return info
    entries = [entry for entry in info.get("entries") or [] if entry]
    if not entries:
        raise NothingThere(NOTHING)
    if items or len(entries) > 1:
        return info
    if not is_link(entries[0]):
        return dict(entries[0])
    if hops == _MAX_HOPS:
        raise UserError("This page only leads on to other pages.")
    return await _ask(str(entries[0].get("url")), formats, workdir, tools, items, hops + 1)


async def _choose(info: Info, order: Order, workdir: Path, tools: Tools) -> dict[str, Any]:
    """Have the formats chosen that the order asks for out of an answer, without asking the site again."""
    kept = workdir / _KNOWN
    kept.write_text(json.dumps(ytdlp_info.only_http(ytdlp_info.unchosen(info))), encoding="utf-8")
    try:
        picked = [*ytdlp_command.formats(order, tools), "--load-info-json", _KNOWN]
        return await _answer(order.link, picked, workdir, tools)
    finally:
        kept.unlink(missing_ok=True)


async def _answer(link: str, further: Sequence[str], workdir: Path, tools: Tools) -> dict[str, Any]:
    """What yt-dlp says to these arguments, as one object; where a site lets in browsers alone, as one of them."""
    done, refusal = await _run(link, further, workdir, tools)
    if done.code and refusal is None and _BROWSERS_ONLY in done.err:
        done, refusal = await _run(link, ["--extractor-args", _BROWSERS_ONLY, *further], workdir, tools)
    if done.code:
        raise explain(done.err, refusal)
    info = await asyncio.to_thread(_parse, done.out)
    await secret.forget_cookies(info, link, tools)
    return info


async def _run(
    link: str, further: Sequence[str], workdir: Path, tools: Tools
) -> tuple[process.Finished, MedusaError | None]:
    """Run yt-dlp for one object, as the owner of the link's cookies; also returns what the proxy has refused last."""
    argv = [*ytdlp_command.base(tools), "--dump-single-json"]
    async with tools.extractions, secret.handed_over(argv, link, workdir, tools) as handed:
        with tools.egress.lease(_MAX_READ) as lease:
            try:
                async with asyncio.timeout(_RESOLVE_SECONDS):
                    done = await process.run(
                        [*handed, *further],
                        cwd=workdir,
                        timeout=None,
                        env=ytdlp_command.environment(lease, tools),
                        max_out=_MAX_INFO,
                        cage=tools.cage(cpu=_RESOLVE_CPU),
                    )
            except TimeoutError:
                raise Transient("The site takes too long to answer.", after=300, tries=3) from None
            return done, lease.error


def _parse(data: bytes) -> dict[str, Any]:
    try:
        info = json.loads(data)
    except ValueError as error:
        raise Broken("yt-dlp gave an answer that cannot be read.") from error
    if not isinstance(info, dict):
        raise NothingThere(NOTHING)
    return info


async def _key(order: Order, tools: Tools) -> str:
    """Under which name answers about the link are kept; another login may get another answer."""
    login = await tools.secrets(order.link)
    whole = json.dumps([order.link, login.cookies, login.token, sorted(login.headers.items())])
    return "ytdlp:" + hashlib.sha256(whole.encode()).hexdigest()


async def _known(order: Order, tools: Tools) -> dict[str, Any] | None:
    """What the site answered of late about the order's link."""
    kept = await tools.answers.get(await _key(order, tools))
    info = await asyncio.to_thread(json.loads, kept) if kept else None
    return info if info and time.time() - info["medusa_at"] < FRESH else None


async def _remember(info: Info, order: Order, tools: Tools) -> None:
    """Keep an answer for the next job or command; what is live is another thing the next moment."""
    if info.get("is_live") or info.get("live_status") in ("is_live", "is_upcoming", "post_live"):
        return
    kept = {**ytdlp_info.unchosen(info), "medusa_at": time.time()}
    await tools.answers.put(await _key(order, tools), await asyncio.to_thread(lambda: json.dumps(kept).encode()))


async def _doubt(order: Order, workdir: Path, tools: Tools, errors: str) -> None:
    """Drop the answer that a download has failed with. Raises Transient when its age may have been the reason."""
    old = _read(workdir)
    (workdir / _INFO).unlink(missing_ok=True)
    await tools.answers.forget(await _key(order, tools))
    if old and time.time() - old["medusa_at"] > _NEW and re.search(_REFUSED, errors):
        raise Transient("The addresses that the site gave have expired; it is asked anew.", after=1, tries=2)


def _several(info: Info) -> str:
    title = display_name(str(info.get("title") or info.get("id") or "playlist"))
    count = f"{info['playlist_count']} items" if info.get("playlist_count") else "several items"
    return (
        f"This is a playlist: “{title}”, {count}. Say --playlist behind the link for all of them, or --playlist 1-5 "
        "for some."
    )


async def _begun(order: Order, workdir: Path, tools: Tools) -> dict[str, Any]:
    """The answer about the order's link; what was recorded of a live stream that is over since stays what it is."""
    kept = _read(workdir) if live.begun(workdir) else None
    try:
        info = await _looked_up(order, workdir, tools)
        _expect_begun(info)
    except MedusaError:
        if kept is None:
            raise
        return {**kept, "medusa_at": time.time()}
    return info if kept is None or ytdlp_info.is_live(info) else {**kept, "medusa_at": time.time()}


def _expect_begun(info: Info) -> None:
    """Raise Transient for what has not begun yet, or is between being live and being a video."""
    if info.get("live_status") == "post_live":
        raise Transient("The live stream is over, and the site still works on the video of it.", after=900, tries=24)
    if info.get("live_status") == "is_upcoming":
        now, begins = time.time(), info.get("release_timestamp")
        if not isinstance(begins, int | float):
            raise Transient("This has not begun yet.", after=900, tries=24)
        words = f"This begins at {clock(begins, now)}."
        raise Transient(words, after=min(max(60.0, begins - now), _FURTHEST), tries=24)


def _fresh(workdir: Path, order: Order) -> dict[str, Any] | None:
    """Return the kept info when it answers this very order and is not too old."""
    info = _read(workdir)
    if info is None or time.time() - info["medusa_at"] > FRESH:
        return None
    return info if info.get("medusa_order") == _mark(order) else None


def _read(workdir: Path) -> dict[str, Any] | None:
    """The info in the work folder; None when there is none, or one that was cut short."""
    try:
        info = json.loads((workdir / _INFO).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return {"medusa_at": 0.0, **info}


def _mark(order: Order) -> list[str]:
    return [order.link, order.quality, order.formats, order.sort, order.subtitles]


async def _stream_of(info: Info, title: str, order: Order, tools: Tools) -> ByteStream | None:
    """The one format that was chosen, when it is a plain file that needs nothing of yt-dlp any more."""
    chosen = ytdlp_info.chosen(info)
    ending = str(chosen[0].get("ext"))
    unlike = order.quality == "audio" and ending not in _SOUNDS
    if len(chosen) != 1 or not ytdlp_info.is_plain(chosen[0]) or unlike or order.subtitles or info.get("chapters"):
        return None
    name = safe_file_name(order.name or title, extension=f".{ending}")
    headers = ytdlp_info.headers_of(chosen[0])
    most = (chosen[0].get("downloader_options") or {}).get("http_chunk_size")
    stream = ByteStream(
        str(chosen[0]["url"]), name, content.type_of(name), None, headers=headers, most=most, title=title
    )
    return await ranged.measured(stream, tools)


class _Watcher:
    """Turns the lines of yt-dlp into progress over all formats together, and remembers the file it names at the end."""

    def __init__(self, total: int | None, report: Report) -> None:
        self._total = total
        self._report = report
        self._parts: dict[str, int] = {}
        self.path: Path | None = None

    def see(self, line: str) -> None:
        """Take in one line of output: a JSON object is progress, a path is the result."""
        if not line.startswith("{"):
            self.path = Path(line) if line else self.path
            return
        try:
            seen = json.loads(line.replace(": NA", ": null"))
            self._parts[str(seen["part"])] = int(seen["done"] or 0)
        except (ValueError, KeyError, TypeError):
            return
        total = self._total or (int(seen["all"]) if seen.get("all") and len(self._parts) == 1 else None)
        self._report(Progress(self.done, max(total, self.done) if total else None))

    @property
    def done(self) -> int:
        """Bytes of all formats so far."""
        return sum(self._parts.values())


def _found(path: Path | None, plan: Plan, order: Order, workdir: Path) -> LocalFile:
    """Take the file that yt-dlp named, provided that it is a plain file of the work folder."""
    if path is None:
        raise UserError(TOO_BIG)
    path = workdir / path
    if path.is_symlink() or not path.is_file() or path.resolve().parent != workdir.resolve():
        raise Broken("yt-dlp left no file.")
    if not path.stat().st_size:
        raise UserError("The file behind this link is empty.")
    return _named(path, plan, order)


def _named(path: Path, plan: Plan, order: Order) -> LocalFile:
    name = safe_file_name(order.name or plan.title, extension=path.suffix)
    return LocalFile(path, name, content.type_of(path.name), title=plan.title)
