"""From a link to a plan to a file: every module of this folder with a constant SOURCE is one source."""

import functools
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from medusa.discover import plugins
from medusa.errors import NothingThere, UserError
from medusa.model import Held, LocalFile, Order, Report
from medusa.observe import clean
from medusa.sources.described import Description
from medusa.tools import Tools

NOTHING = "Nothing that can be fetched was found behind this link."

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a source will fetch: ``name`` is a safe file name and ``size`` bytes, each None while unknown.

    ``details`` belongs to the source alone and can be written as JSON.
    """

    link: str
    title: str
    name: str | None
    size: int | None
    details: Mapping[str, Any]
    stream: "ByteStream | None" = None
    """How to get the very bytes of the file in order, where that is possible."""
    held: tuple[Held, ...] = ()
    """What Telegram holds already, when it can be posted as it is."""


@dataclass(frozen=True, slots=True)
class ByteStream:
    """A file whose bytes can be had in order by plain HTTP; ``size`` is in bytes, None while unknown.

    ``version`` proves that later answers carry the same bytes, so that a broken stream can go on; it is empty when the
    server cannot do that. ``headers`` have to be sent along, and a request may ask for at most ``most`` bytes.
    """

    url: str
    name: str
    mime: str
    size: int | None
    version: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    most: int | None = None
    title: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """One way to get at links.

    Among the sources whose ``pattern`` matches a link, the lowest ``rank`` is asked first. ``resolve`` returns None
    for a link that is not the source's after all, and then the next is asked. ``fetch`` goes on from what an earlier
    try left in the work folder; several files, none of them empty, are posted together under the title of the
    first. ``read`` hands out the bytes of a plan's stream from an offset on. ``examples`` are links that this source is
    the first to be asked for.
    """

    name: str
    rank: int
    pattern: re.Pattern[str]
    resolve: Callable[[Order, Path, Tools, Report], Coroutine[Any, Any, Plan | None]]
    fetch: Callable[[Plan, Order, Path, Tools, Report], Coroutine[Any, Any, LocalFile | tuple[LocalFile, ...]]]
    read: Callable[["ByteStream", int, Tools], AsyncGenerator[bytes, None]]
    examples: tuple[str, ...]
    describe: Callable[[Order, str, Path, Tools], Coroutine[Any, Any, Description | None]] | None = None
    """Says what a link is, where more is known of it than its plan: of a playlist, the items of these numbers, which
    read ``1:20,25``."""


@functools.cache
def all_sources() -> tuple[Source, ...]:
    """Return every source of this folder, in the order in which they are asked."""
    return tuple(sorted(plugins(__name__, "SOURCE", Source).values(), key=lambda source: source.rank))


def by_name(name: str) -> Source:
    """Return the source of that name; raises KeyError when there is none."""
    return {source.name: source for source in all_sources()}[name]


async def resolve(order: Order, workdir: Path, tools: Tools, report: Report) -> tuple[Source, Plan]:
    """Find the source that knows the order's link, and its plan. Raises UserError when nobody knows it."""
    _check(order.url)
    source, plan = await _first(order, lambda source: source.resolve(order, workdir, tools, report))
    return source, _without_secrets(plan)


async def describe(order: Order, items: str, workdir: Path, tools: Tools) -> Description:
    """Say what the order's link is, without fetching it; of a playlist, the ``items`` such as ``1:20,25``.

    Raises UserError when nobody knows the link.
    """
    _check(order.url)
    _, found = await _first(order, lambda source: _described(source, order, items, workdir, tools))
    return found


async def _first(order: Order, ask: Callable[[Source], Awaitable[T | None]]) -> tuple[Source, T]:
    """The first source with an answer; where one finds nothing, none is asked that would do the same once more."""
    nothing: dict[Any, str] = {}
    for source in all_sources():
        if source.resolve not in nothing and source.pattern.match(order.link):
            try:
                if (answer := await ask(source)) is not None:
                    return source, answer
            except NothingThere as error:
                nothing[source.resolve] = error.user_text
    raise NothingThere(" ".join(dict.fromkeys(nothing.values())) or NOTHING)


async def _described(source: Source, order: Order, items: str, workdir: Path, tools: Tools) -> Description | None:
    if source.describe is not None:
        return await source.describe(order, items, workdir, tools)
    if (plan := await source.resolve(order, workdir, tools, lambda _: None)) is None:
        return None
    return told(plan)


def told(plan: Plan) -> Description:
    """What a plan tells of a link."""
    kind = plan.stream.mime if plan.stream else "file"
    return Description(plan.title, kind, size=plan.size, resumable=bool(plan.stream and plan.stream.version))


def _without_secrets(plan: Plan) -> Plan:
    """The plan, should a server have named the file after what it was sent."""
    stream = plan.stream
    if stream is not None:
        stream = replace(stream, name=clean(stream.name), title=clean(stream.title) if stream.title else None)
    name = clean(plan.name) if plan.name else None
    return replace(plan, title=clean(plan.title), name=name, stream=stream)


def _check(link: str) -> None:
    try:
        parts = urlsplit(link)
        valid = bool(parts.hostname) and parts.port != 0
    except ValueError:
        parts, valid = None, False
    if parts is not None and parts.scheme.lower() not in ("http", "https", "tg"):
        raise UserError("Only links that begin with http:// or https:// can be fetched.")
    if not valid or any(char.isspace() or not char.isprintable() for char in link):
        raise UserError("This is not a valid link.")
