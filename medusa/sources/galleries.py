"""Fetches galleries of images through gallery-dl, a child that reaches nothing but the work folder and the proxy."""

import asyncio
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from markupsafe import Markup

from medusa import process
from medusa.errors import DISK_FULL, Broken, DiskFull, MedusaError, NothingThere, Scope, Transient, UserError
from medusa.model import KIND, LocalFile, Order, Progress, Report
from medusa.names import display_name, safe_file_name
from medusa.net import Lease
from medusa.sources import Plan, Source, content, ranged
from medusa.tools import Tools

MOST = 100
"""Files that are taken of one gallery."""
MISSING = "Galleries of images need gallery-dl: .venv/bin/python -m pip install -r requirements/galleries.lock"
_FOLDER = "gallery"
_COOKIES = "gallery.cookies"
_LOOK_SECONDS = 300.0
_STALLED = 600.0
"""Seconds within which at least one more file has to be there."""
_MAX_LIST = 32 * 1024 * 1024
_MAX_HOPS = 2
_UNSUPPORTED = 64
"""The exit code for a link that no extractor knows."""
_FILE, _FURTHER, _ERROR = 3, 6, -1
"""What entries of the listing begin with: a file's address, that of another gallery, what went wrong."""
_TITLES = ("title", "gallery", "album", "caption", "content", "description")
_NOT_ASKED = frozenset({"r", "recursive", "ytdl", "oauth", "noop", "update", "tests"})
"""What may stand before a link and leads elsewhere than to a site."""
_GALLERY_SITES = re.compile(
    r"https?://(?:[\w-]+\.)*(?:instagram\.com/p|flickr\.com|imgur\.com|pinterest\.\w+|deviantart\.com|artstation\.com"
    r"|behance\.net|pixiv\.net|tumblr\.com|unsplash\.com|imgbb\.com|ibb\.co|postimg\.cc|danbooru\.donmai\.us)(?:/|\Z)",
    re.IGNORECASE,
)
"""Where links most likely lead to images."""


@dataclass(frozen=True, slots=True)
class _Listing:
    """What gallery-dl says is there: what it knows of the gallery, how many files, and which galleries further on."""

    facts: Mapping[str, Any]
    files: int
    further: tuple[str, ...]


def _busy(text: str) -> Transient:
    return Transient(text, after=120, scope=Scope.HOST)


_TROUBLES: tuple[tuple[str, Callable[[str], MedusaError], str], ...] = (
    (r"No space left on device|Disk quota", DiskFull, DISK_FULL),
    (
        r"Auth|login|log ?in|Authoriz|\b40[13]\b|password",
        UserError,
        "This gallery is private, or the site wants a login: /cookies",
    ),
    (r"\b429\b|rate.?limit|Too Many", _busy, "The site asks to be left alone for a while."),
    (r"NotFound|could not be found|\b4(04|10)\b", UserError, "The link is dead: the site has no such gallery."),
    (r"time.?out|Connection|\b5\d\d\b|ChunkedEncoding", Transient, "The connection to the site broke off."),
)


async def resolve(order: Order, workdir: Path, tools: Tools, report: Report) -> Plan | None:
    """Ask gallery-dl what is there; None for a link that it does not know, or behind which it finds no file."""
    kind = KIND.match(order.link)
    if kind and kind[0].rstrip(":") in _NOT_ASKED:
        raise UserError(f"{kind[0]} links can't be fetched.")
    if find_spec("gallery_dl") is None:
        if kind or _GALLERY_SITES.match(order.link):
            raise NothingThere(MISSING)
        return None
    report(Progress(note="looking for images"))
    link, listing = await _listing(order, workdir, tools)
    if listing is None or not listing.files:
        return None
    title = display_name(_title(listing.facts)) or display_name(order.host) or "Gallery"
    if listing.files > MOST:
        title = f"{title} (the first {MOST})"
    return Plan(order.link, title, None, None, {"link": link, "files": min(listing.files, MOST)})


async def fetch(
    plan: Plan, order: Order, workdir: Path, tools: Tools, report: Report
) -> LocalFile | tuple[LocalFile, ...]:
    """Download all files; those of an earlier call are kept. What cannot be had is left out, and the title says so."""
    (workdir / _FOLDER).mkdir(exist_ok=True)
    argv = [*_base(tools), "--directory", _FOLDER, "--range", f"1-{MOST}", "--child-filter", "False"]
    argv += ["--filename", r"\fE hash_sha1(_url) + '.' + (extension or 'bin')[:8]", "-o", "metadata-url=_url"]
    argv += [*await _cookies(order, workdir, tools), "--", str(plan.details["link"])]
    paths: list[Path] = []
    with tools.egress.lease() as lease:
        async with process.child(argv, cwd=workdir, env=_proxy(lease), max_file=tools.max_bytes) as running:
            await _follow(running, paths, int(plan.details["files"]), workdir, tools, report)
            await running.wait()
            errors = running.err_tail
    files = await asyncio.to_thread(_files, paths, plan, order)
    if not files:
        raise lease.error or _explained(errors)
    return files


async def _listing(order: Order, workdir: Path, tools: Tools) -> tuple[str, _Listing | None]:
    """What is behind the order's link, and the link itself, or the one to which it led."""
    link, cookies = order.link, await _cookies(order, workdir, tools)
    for _ in range(_MAX_HOPS):
        listing = await _look(link, cookies, workdir, tools)
        if listing is None or listing.files or not listing.further:
            return link, listing
        if len(listing.further) > 1:
            raise UserError("This is a list of galleries. Send the link of one of them.")
        link = listing.further[0]
    raise UserError("This page only leads on to other pages.")


async def _look(link: str, cookies: Sequence[str], workdir: Path, tools: Tools) -> _Listing | None:
    argv = [*_base(tools), "--dump-json", "--range", f"1-{MOST + 1}", "--child-range", "1-2", *cookies, "--", link]
    async with tools.extractions:
        with tools.egress.lease() as lease:
            done = await process.run(argv, cwd=workdir, timeout=_LOOK_SECONDS, env=_proxy(lease), max_out=_MAX_LIST)
    if done.code == _UNSUPPORTED:
        return None
    listing, error = await asyncio.to_thread(_read, done.out)
    if not listing.files and not listing.further and (error or done.code):
        raise lease.error or _elsewhere(_explained(error or done.err))
    return listing


def _elsewhere(error: MedusaError) -> MedusaError:
    """What passes is tried again; of the rest another source may know more."""
    return error if isinstance(error, Transient) else NothingThere(error.user_text)


def _read(data: bytes) -> tuple[_Listing, str]:
    """The listing, and what gallery-dl complains of in it. Raises Broken."""
    try:
        entries = json.loads(data or b"[]")
        parts = [(entry[0], entry[-2], dict(entry[-1])) for entry in entries]
    except (ValueError, TypeError, LookupError) as error:
        raise Broken("gallery-dl gave an answer that cannot be read.") from error
    files = [facts for kind, link, facts in parts if kind == _FILE and _is_link(link)]
    further = tuple(str(link) for kind, link, _ in parts if kind == _FURTHER and _is_link(link))
    errors = [f"{facts.get('error')}: {facts.get('message')}" for kind, _, facts in parts if kind == _ERROR]
    return _Listing(files[0] if files else {}, len(files), further), "\n".join(errors)


def _is_link(value: object) -> bool:
    return isinstance(value, str) and value.lower().startswith(("http://", "https://"))


def _title(facts: Mapping[str, Any]) -> str:
    """What the gallery is called, or else what is written under it, without markup."""
    texts = (facts.get(name) for name in _TITLES)
    plain = (Markup(text).striptags() for text in texts if isinstance(text, str))  # noqa: S704 (it is taken off)
    return next(filter(None, plain), "")


async def _follow(
    running: process.Child, paths: list[Path], count: int, workdir: Path, tools: Tools, report: Report
) -> None:
    """Note the files as they come, within the bounds of what one job may fetch."""
    done, loop = 0, asyncio.get_running_loop()
    try:
        async with asyncio.timeout(_STALLED) as patience:
            async for line in running.lines():
                path = workdir / line.removeprefix("# ")
                if not _is_ours(path, workdir) or path in paths:
                    continue
                paths.append(path)
                done += path.stat().st_size
                ranged.check_size(done, tools)
                report(Progress(done, note=f"{len(paths)} of {count}"))
                patience.reschedule(loop.time() + _STALLED)
    except TimeoutError:
        raise Transient("The site sends nothing any more.", after=60) from None


def _is_ours(path: Path, workdir: Path) -> bool:
    """Whether it is a plain file of the gallery's folder."""
    plain = path.is_file() and not path.is_symlink()
    return plain and path.resolve().parent == (workdir / _FOLDER).resolve()


def _files(paths: Sequence[Path], plan: Plan, order: Order) -> tuple[LocalFile, ...]:
    """The files that hold something, under names and a title of our own."""
    good = [path for path in paths if not _is_page(path)]
    lost = int(plan.details["files"]) - len(good)
    title = f"{plan.title} ({lost} could not be fetched)" if lost > 0 else plan.title
    called, digits = order.name or plan.title, len(str(len(good)))
    return tuple(_file(path, f"{called} {number:0{digits}}", title) for number, path in enumerate(good, start=1))


def _file(path: Path, called: str, title: str) -> LocalFile:
    name = safe_file_name(called, extension=path.suffix)
    return LocalFile(path, name, content.type_of(name), title=title)


def _is_page(path: Path) -> bool:
    """Whether there is nothing in it, or an error page in place of an image."""
    with path.open("rb") as file:
        head = file.read(content.HEAD_BYTES)
    return not head or content.is_page({}, head)


def _base(tools: Tools) -> list[str]:
    """gallery-dl's command line up to what is asked of it; nothing of the owner's own set-up is read."""
    argv = [sys.executable, "-I", "-m", "gallery_dl", "--config-ignore", "--no-input", "--no-colors"]
    argv += ["--no-postprocessors", "--no-mtime", "--retries", "3", "--http-timeout", "30"]
    argv += ["--filesize-max", str(tools.upload_limit)]
    # The last one keeps yt-dlp out, which would be started without its own fences.
    for option in ("output.mode=pipe", "cache.file=null", "cookies-update=false", "downloader.ytdl.enabled=false"):
        argv += ["-o", option]
    return argv


async def _cookies(order: Order, workdir: Path, tools: Tools) -> list[str]:
    """Options that name a file with the cookies that the owner has for the site; it goes with the work folder."""
    secrets = await tools.secrets(order.url)
    if not secrets.cookies:
        return []
    path = workdir / _COOKIES
    path.touch(mode=0o600)
    path.write_text(secrets.cookies, encoding="utf-8")
    return ["--cookies", _COOKIES]


def _proxy(lease: Lease) -> dict[str, str]:
    """The proxy as environment, where other users of the machine cannot read it."""
    return dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), lease.url)


def _explained(errors: str) -> MedusaError:
    """What gallery-dl complains of, in words for the owner."""
    for pattern, kind, words in _TROUBLES:
        if re.search(pattern, errors, re.IGNORECASE):
            return kind(words)
    last = errors.strip().rpartition("\n")[2] or "it ended without saying why"
    return Broken(f"gallery-dl could not fetch this: {display_name(last)[:160]}")


SOURCE = Source(
    name="galleries",
    rank=95,
    pattern=re.compile(rf"(?:{KIND.pattern})?https?://", re.IGNORECASE),
    resolve=resolve,
    fetch=fetch,
    read=ranged.read,
    examples=("mastodon:https://social.example.com/@me/123", "generic:https://example.com/holiday"),
)
