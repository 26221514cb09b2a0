"""Runs yt-dlp as a child that can reach nothing but the work folder and the guarded proxy; `sites` and `pages` are
thin over it.
"""

import asyncio
import json
import re
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from medusa import process
from medusa.errors import Broken, UserError
from medusa.model import LocalFile, Order, Progress, Report
from medusa.names import display_name, safe_file_name
from medusa.net import Lease
from medusa.sources import ByteStream, Plan, content, ranged
from medusa.sources.ytdlp_errors import TOO_BIG, explain
from medusa.tools import SAFE_INPUT, Tools

_INFO = "info.json"
_FRESH = 1800.0
"""Seconds for which the addresses in an info file are taken to be valid."""
_RESOLVE_SECONDS = 300.0
_MAX_INFO = 32 * 1024 * 1024
_MAX_HOPS = 3
"""How many pages that hold nothing but one link to another page are followed."""
_SOUNDS = frozenset({"m4a", "mp3"})
"""Files of sound that are posted as they are, without being extracted from anything."""
_SENT = frozenset({"User-Agent", "Accept", "Accept-Language", "Referer", "Origin"})
"""Headers that may be sent on an extractor's word."""
_PROTOCOLS = frozenset({"http", "https", "m3u8", "m3u8_native", "http_dash_segments", "ism"})
"""Transports that yt-dlp itself fetches over HTTP. The others start programs that know no proxy, or are live."""
_POSTPROCESSORS = (
    "Merger",
    "ExtractAudio",
    "FixupM3u8",
    "FixupM4a",
    "FixupStretched",
    "FixupTimestamp",
    "FixupDuration",
    "FixupDuplicateMoov",
)
_PROGRESS = '{"done": %(progress.downloaded_bytes)j, "all": %(progress.total_bytes,progress.total_bytes_estimate)j'
_PROGRESS = f'{_PROGRESS}, "part": %(info.format_id)j}}'


# What generators of HLS and DASH call every stream.
_NO_TITLES = frozenset({"index", "master", "playlist", "manifest", "main", "stream", "chunklist", "prog_index"})


async def resolve(order: Order, workdir: Path, tools: Tools, report: Report) -> Plan:
    """Ask yt-dlp what the link is, unless the work folder still has a fresh answer.

    Raises UserError for a playlist, a live stream and whatever yt-dlp does not know.
    """
    info = _fresh(workdir, order)
    if info is None:
        report(Progress(note="looking at the page"))
        info = await _ask(order.link, order, workdir, tools)
        _refuse_live(info)
        info = _only_http(info)
        (workdir / _INFO).write_text(json.dumps({**info, "medusa_order": _mark(order)}), encoding="utf-8")
    title = display_name(_title(info, order.link)) or "Untitled"
    size = _size(info)
    if size is not None and size > tools.max_bytes:
        raise UserError(f"The file is too big: {size / 1e6:,.0f} MB, and {tools.max_bytes / 1e6:,.0f} MB is the limit.")
    details = {"site": str(info.get("extractor_key") or ""), "id": str(info.get("id") or "")}
    return Plan(order.link, title, safe_file_name(title), size, details, await _stream_of(info, title, order, tools))


async def fetch(plan: Plan, order: Order, workdir: Path, tools: Tools, report: Report) -> LocalFile:
    """Download what `resolve` found; yt-dlp's own part files make a later call go on where this one stopped."""
    if not (workdir / _INFO).exists():
        await resolve(order, workdir, tools, report)
    argv = [
        *_base(tools),
        *_formats(order, tools),
        *("--output", "media.%(ext)s", "--load-info-json", _INFO, "--print", "after_move:filepath"),
        *("--progress", "--newline", "--progress-delta", "0.5", "--progress-template", f"download:{_PROGRESS}"),
    ]
    watcher = _Watcher(plan.size, report)
    with tools.egress.lease() as lease:
        async with process.child(argv, cwd=workdir, env=_proxy(lease), max_file=tools.max_bytes) as running:
            async for line in running.lines():
                watcher.see(line)
                if watcher.done > tools.max_bytes:
                    raise UserError(TOO_BIG)
            code = await running.wait()
            errors = running.err_tail
    if code:
        (workdir / _INFO).unlink(missing_ok=True)
        raise explain(errors, lease.error)
    return _found(watcher.path, plan, order, workdir)


def _title(info: Mapping[str, Any], link: str) -> str:
    """The title, or, where that is only a manifest's file name such as ``index``, the name of its folder."""
    title = str(info.get("title") or info.get("id") or "")
    if title.lower() not in _NO_TITLES:
        return title
    folders = urlsplit(link).path.split("/")[1:-1]
    return unquote(folders[-1]) if folders and folders[-1] else title


async def _ask(link: str, order: Order, workdir: Path, tools: Tools, hops: int = 0) -> dict[str, Any]:
    """Return the info of the one video behind the link."""
    argv = [*_base(tools), *_formats(order, tools), "--dump-single-json", "--flat-playlist", "--playlist-items", "1:2"]
    async with tools.extractions:
        with tools.egress.lease() as lease:
            done = await process.run(
                [*argv, "--", link], cwd=workdir, timeout=_RESOLVE_SECONDS, env=_proxy(lease), max_out=_MAX_INFO
            )
            if done.code:
                raise explain(done.err, lease.error)
    info = await asyncio.to_thread(_parse, done.out)
    if info.get("_type") not in ("playlist", "multi_video"):
        return info
    entry = _only_entry(info)
    if entry.get("_type") not in ("url", "url_transparent"):
        return entry
    if hops == _MAX_HOPS:
        raise UserError("This page only leads on to other pages.")
    return await _ask(str(entry.get("url")), order, workdir, tools, hops + 1)


def _parse(data: bytes) -> dict[str, Any]:
    try:
        info = json.loads(data)
    except ValueError as error:
        raise Broken("yt-dlp gave an answer that cannot be read.") from error
    if not isinstance(info, dict):
        raise UserError("Nothing that can be fetched was found behind this link.")
    return info


def _only_entry(info: Mapping[str, Any]) -> dict[str, Any]:
    entries = [entry for entry in info.get("entries") or [] if entry]
    if not entries:
        raise UserError("Nothing that can be fetched was found behind this link.")
    if len(entries) > 1:
        title = display_name(str(info.get("title") or info.get("id") or "playlist"))
        count = f"{info['playlist_count']} items" if info.get("playlist_count") else "several items"
        raise UserError(f"This is a playlist: “{title}”, {count}. Send the link of one of them.")
    return dict(entries[0])


def _refuse_live(info: Mapping[str, Any]) -> None:
    if info.get("live_status") == "is_upcoming":
        raise UserError("This has not begun yet; try again when it is over.")
    if info.get("is_live") or info.get("live_status") in ("is_live", "post_live"):
        raise UserError("This is a live stream; it can be fetched when it is over.")


def _only_http(info: dict[str, Any]) -> dict[str, Any]:
    """Leave in the info what may be fetched: formats over HTTP, and no page address to fall back on unasked."""
    listed = info.get("formats") or [info]
    formats = [entry for entry in listed if _over_http(entry)]
    if not formats:
        raise UserError("This is only offered as a kind of stream that cannot be fetched.")
    dropped = {"webpage_url", "original_url", "requested_formats"}
    kept = {key: value for key, value in info.items() if key not in dropped}
    return {**kept, "formats": formats} if info.get("formats") else kept


def _over_http(entry: Mapping[str, Any]) -> bool:
    scheme = urlsplit(str(entry.get("url") or entry.get("manifest_url") or "")).scheme.lower()
    return scheme in ("http", "https") and str(entry.get("protocol") or scheme) in _PROTOCOLS


def _fresh(workdir: Path, order: Order) -> dict[str, Any] | None:
    """Return the kept info when it answers this very order and is not too old."""
    file = workdir / _INFO
    if not file.exists() or time.time() - file.stat().st_mtime > _FRESH:
        return None
    try:
        info = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        return None
    return info if info.get("medusa_order") == _mark(order) else None


def _mark(order: Order) -> list[str]:
    return [order.link, order.quality]


def _chosen(info: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The formats that are going to be fetched."""
    downloads = info.get("requested_downloads") or info.get("requested_formats") or [info]
    return [part for entry in downloads for part in (entry.get("requested_formats") or [entry])]


def _size(info: Mapping[str, Any]) -> int | None:
    """Add up the sizes of the chosen formats; None when one of them is unknown."""
    sizes = [entry.get("filesize") or entry.get("filesize_approx") for entry in _chosen(info)]
    return int(sum(size for size in sizes if size)) if all(sizes) else None


async def _stream_of(info: Mapping[str, Any], title: str, order: Order, tools: Tools) -> ByteStream | None:
    """The one format that was chosen, when it is a plain file that needs nothing of yt-dlp any more."""
    chosen = _chosen(info)
    ending = str(chosen[0].get("ext"))
    if len(chosen) != 1 or not _is_plain(chosen[0]) or (order.quality == "audio" and ending not in _SOUNDS):
        return None
    name = safe_file_name(order.name or title, extension=f".{ending}")
    headers = {key: value for key, value in (chosen[0].get("http_headers") or {}).items() if key in _SENT}
    most = (chosen[0].get("downloader_options") or {}).get("http_chunk_size")
    stream = ByteStream(
        str(chosen[0]["url"]), name, content.type_of(name), None, headers=headers, most=most, title=title
    )
    return await ranged.measured(stream, tools)


def _is_plain(entry: Mapping[str, Any]) -> bool:
    """Whether the file is fetched by one GET, without cookies, and is right as it comes (``_POSTPROCESSORS``)."""
    scheme = urlsplit(str(entry.get("url"))).scheme.lower()
    return (
        scheme in ("http", "https")
        and str(entry.get("protocol") or scheme) in ("http", "https")
        and not (entry.get("cookies") or entry.get("fragments") or entry.get("stretched_ratio"))
        and not str(entry.get("container") or "").endswith("_dash")
        and re.fullmatch(r"[a-z0-9]{2,4}", str(entry.get("ext"))) is not None
    )


def _base(tools: Tools) -> list[str]:
    """Return yt-dlp's command line up to what is asked of it; nothing of the owner's own set-up is read, nothing else
    started.
    """
    argv = [sys.executable, "-I", "-m", "yt_dlp", "--ignore-config", "--no-plugin-dirs", "--no-exec"]
    argv += ["--no-remote-components", "--no-cache-dir", "--no-cookies-from-browser", "--color", "never"]
    argv += ["--downloader", "native", "--no-playlist", "--concat-playlist", "never", "--no-mtime"]
    argv += ["--abort-on-unavailable-fragments", "--socket-timeout", "30", "--retries", "3", "--fragment-retries", "3"]
    argv += ["--max-filesize", str(tools.max_bytes), "--merge-output-format", "mp4/mkv"]
    # yt-dlp passes on ffmpeg's last line alone; at this level it is what went wrong.
    before = " ".join((*SAFE_INPUT, "-loglevel", "repeat+error"))
    for name in _POSTPROCESSORS:
        argv += ["--postprocessor-args", f"{name}+ffmpeg_i:{before}"]
    argv += ["--ffmpeg-location", str(tools.ffmpeg)] if tools.ffmpeg else []
    argv += ["--no-js-runtimes", "--js-runtimes", tools.javascript] if tools.javascript else []
    return argv


def _formats(order: Order, tools: Tools) -> list[str]:
    """Choose formats: the wanted height, then what MP4 and every player can take, so that nothing need be re-encoded.

    A version that is known to exceed the upload limit is passed over; one of unknown size is not.
    """
    fit = f"[filesize<?{tools.upload_limit}][filesize_approx<?{tools.upload_limit}]"
    # The sound of a separate track must fit beside the picture.
    picture = int(tools.upload_limit * 0.93)
    video = f"bv*[filesize<?{picture}][filesize_approx<?{picture}]+ba/" if tools.ffmpeg else ""
    if order.quality == "audio":
        extract = ["--extract-audio"] if tools.ffmpeg else []
        return ["--format", f"ba{fit}/b{fit}", "--format-sort", "acodec:aac,ext", *extract]
    height = f"res:{order.quality}" if order.quality.isdigit() else "res"
    return ["--format", f"{video}b{fit}", "--format-sort", f"{height},vcodec:h264,acodec:aac,ext:mp4:m4a"]


def _proxy(lease: Lease) -> dict[str, str]:
    """Return the proxy as environment, where other users of the machine cannot read it (the command line they
    could).
    """
    return dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), lease.url)


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
    name = safe_file_name(order.name or plan.title, extension=path.suffix)
    return LocalFile(path, name, content.type_of(path.name), title=plan.title)
