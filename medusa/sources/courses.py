"""Makes a source of a course platform that tells by a JSON answer where the video behind a link is."""

import functools
import json
import re
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from medusa.errors import Broken, UserError, Wait
from medusa.model import LocalFile, Order, Report
from medusa.names import display_name
from medusa.sources import Plan, Source, by_name, content, ranged
from medusa.tools import Tools

MOST_ANSWER = 1024 * 1024
"""Bytes of an answer."""
_LONGEST_LINK = 8192
_TAKEN_BY = ("streams", "http")
"""The sources that what a platform names is handed on to, in the order in which they are asked."""
_STEP = re.compile(r"([^.\[\]]+)|\[(\d{1,6})\]")


@dataclass(frozen=True, slots=True)
class Resolver:
    """What there is to know of a platform.

    ``site`` is the name under which the owner keeps the token. ``pattern`` matches the links; what it captures by name
    can stand in ``endpoint``, as can ``{link}``, the whole link percent-encoded. ``{token}`` stands in ``headers``.
    ``urls`` are places in the JSON answer where the video's address may stand, the best first, such as
    ``data.links[0].hls``; ``title`` is the place of its name. ``message`` is that of an error's words; a token is said
    to have ended when they match ``expired``. ``rank`` and ``examples`` are those of `Source`.
    """

    name: str
    site: str
    rank: int
    pattern: re.Pattern[str]
    endpoint: str
    urls: tuple[str, ...]
    examples: tuple[str, ...]
    headers: Mapping[str, str] = field(default_factory=dict)
    title: str = ""
    message: str = "message"
    expired: re.Pattern[str] = re.compile(r"token|expired|unauthori[sz]ed|forbidden|log ?in", re.IGNORECASE)


def course(resolver: Resolver) -> Source:
    """The source of a platform."""
    return Source(
        name=resolver.name,
        rank=resolver.rank,
        pattern=resolver.pattern,
        resolve=functools.partial(_resolve, resolver),
        fetch=functools.partial(_fetch, resolver),
        read=ranged.read,
        examples=resolver.examples,
    )


async def _resolve(resolver: Resolver, order: Order, workdir: Path, tools: Tools, report: Report) -> Plan:
    """Ask the platform, and the source that takes what it names. Raises UserError when there is no token."""
    found = await _found(resolver, order, tools)
    for name in _TAKEN_BY:
        plan = await by_name(name).resolve(found, workdir, tools, report)
        if plan is not None:
            title = found.name if found.name and not order.name else plan.title
            return replace(plan, title=title, details={"source": name, "details": dict(plan.details)})
    raise UserError(f"{resolver.name} names an address that holds no video; it may be live.")


async def _fetch(
    resolver: Resolver, plan: Plan, order: Order, workdir: Path, tools: Tools, report: Report
) -> LocalFile | tuple[LocalFile, ...]:
    """Fetch from an address that is asked for anew, since it may be valid for minutes only.

    Raises Wait when it has ceased to be so on the way.
    """
    found = await _found(resolver, order, tools)
    before = _size(workdir)
    try:
        source = by_name(plan.details["source"])
        return await source.fetch(
            replace(plan, link=found.link, details=plan.details["details"]), found, workdir, tools, report
        )
    except UserError:
        if _size(workdir) > before:
            raise Wait("The address of the video has expired; it is asked for anew.", after=1) from None
        raise


def _size(workdir: Path) -> int:
    return sum(file.stat().st_size for file in workdir.iterdir() if file.is_file())


async def _found(resolver: Resolver, order: Order, tools: Tools) -> Order:
    """The order for what the platform names in place of the link."""
    token = (await tools.secrets(order.link)).token
    if not token and any("{token}" in value for value in resolver.headers.values()):
        raise UserError(f"{resolver.name} needs your token: /token {resolver.site} TOKEN")
    answer = await _ask(resolver, order.link, token, tools)
    url = next((value for place in resolver.urls if (value := at(answer, place))), None)
    if url is None:
        raise _refusal(resolver, at(answer, resolver.message))
    title = at(answer, resolver.title) if resolver.title else None
    name = order.name or (display_name(title) if isinstance(title, str) else None) or None
    return replace(order, link=_checked(resolver, url), name=name)


async def _ask(resolver: Resolver, link: str, token: str, tools: Tools) -> Any:
    match = resolver.pattern.match(link)
    named = {name: quote(value or "", safe="") for name, value in match.groupdict().items()} if match else {}
    url = resolver.endpoint.format(link=quote(link, safe=""), **named)
    headers = {name: value.format(token=token) for name, value in resolver.headers.items()}
    async with tools.web.get(url, {"Accept": "application/json", **headers}) as answer:
        if answer.status in (401, 403):
            raise _no_more(resolver)
        if content.is_page(answer.headers, b""):
            raise UserError(f"{resolver.name} answers with a web page. {_renew(resolver)}")
        data = bytearray()
        async with aclosing(answer.chunks()) as chunks:
            async for chunk in chunks:
                data += chunk
                if len(data) > MOST_ANSWER:
                    raise _odd(resolver)
        if answer.status != 400:  # which often comes with words of its own
            ranged.expect(answer, 200)
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise _odd(resolver) from None


def at(answer: Any, place: str) -> Any:
    """What stands at a place of a JSON value, such as ``data.links[0].hls``; None where there is no such place."""
    for name, index in _STEP.findall(place):
        if name and isinstance(answer, dict):
            answer = answer.get(name)
        elif index and isinstance(answer, list) and int(index) < len(answer):
            answer = answer[int(index)]
        else:
            return None
    return answer


def _checked(resolver: Resolver, url: Any) -> str:
    if not isinstance(url, str) or len(url) > _LONGEST_LINK:
        raise _odd(resolver)
    try:
        parts = urlsplit(url.strip())
        sound = parts.scheme.lower() in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound or any(char.isspace() or not char.isprintable() for char in url.strip()):
        raise UserError(f"{resolver.name} names an address that is not http or https, so it is not fetched.")
    return url.strip()


def _refusal(resolver: Resolver, words: Any) -> UserError | Broken:
    if not isinstance(words, str) or not words:
        return _odd(resolver)
    if resolver.expired.search(words):
        return _no_more(resolver)
    return UserError(f"{resolver.name} says: {display_name(words)}")


def _no_more(resolver: Resolver) -> UserError:
    return UserError(f"{resolver.name} does not accept your token. {_renew(resolver)}")


def _renew(resolver: Resolver) -> str:
    return f"Perhaps it has ended; send a new one: /token {resolver.site} TOKEN"


def _odd(resolver: Resolver) -> Broken:
    return Broken(f"{resolver.name} answers in a way that Medusa does not know; perhaps it has changed.")
