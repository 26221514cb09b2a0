"""Keeps the owner's cookies, tokens and headers, and hands each host what is its own."""

import asyncio
import base64
import binascii
import html
import json
import re
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from urllib.parse import quote, unquote, urlsplit

from yarl import URL

from medusa import cookies, observe
from medusa.cookies import Cookie, Export
from medusa.errors import UserError
from medusa.hosts import host_of, origin, origins, site_of, with_parents
from medusa.model import Notice, Order, Secrets, Tell
from medusa.patience import until_it_works
from medusa.storage.vault import Kept, Kind, VaultTable
from medusa.words import clock

_DAY = 86400.0
SOON = 3 * _DAY
"""Seconds before its end at which the owner hears that something expires; cookies made for less are none to hear of."""
LATELY = 30 * _DAY
"""Seconds since its last use after which nobody cares any more."""
_LOOK_AGAIN = 6 * 3600.0
_LONGEST = 8192
_SHORTEST_COOKIE = 12
"""Characters below which a cookie's value is taken for a word that may stand anywhere, not for a secret."""
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")
"""RFC 9110, 5.6.2."""
_QUOTES = ("''", '""', "‘’", "“”", "„“", "«»")
_NAMED = re.compile(r"([A-Za-z][A-Za-z0-9_-]{0,40})=(?!=*\Z)(.+)", re.DOTALL)
"""A name in front of a token; what base64 ends with is none of it."""
_SHORT = {
    "b23.tv": "bilibili.com",
    "dai.ly": "dailymotion.com",
    "fb.watch": "facebook.com",
    "redd.it": "reddit.com",
    "twitter.com": "x.com",
    "x.com": "twitter.com",
    "youtu.be": "youtube.com",
}
"""Hosts that lead to another one of the same site, which gets its cookies then."""
_NOT_THE_OWNERS = re.compile(
    r"accept-encoding|connection|content-(?:length|type)|expect|host|if-range|keep-alive|proxy-.*|range|te|trailer"
    r"|transfer-encoding|upgrade",
    re.IGNORECASE,
)
"""Headers that concern the connection or the message, and are not the owner's to give."""


class Vault:
    """What the owner has for sites. Sites are named by any spelling of their address; see ``site``."""

    def __init__(self, table: VaultTable, *, now: Callable[[], float] = time.time) -> None:
        self._table = table
        self._now = now

    async def load(self) -> None:
        """Have everything that is kept blotted out wherever it might be shown."""
        await _hide(await self._table.all())

    async def secrets(self, link: str, order: Order | None = None) -> Secrets:
        """What is sent to the host of a link, for a job of that ``order``: see `Secrets`.

        What stands in the order goes to the order's own origin alone.
        """
        host = _host(link)
        named = [order.cookies] if order and order.cookies else []
        named += [_SHORT[one] for one in with_parents(host) if one in _SHORT]
        things = await self._table.of([*with_parents(host), *named])
        if things:
            await self._note_use(things)
        secure, now = urlsplit(link).scheme.lower() == "https", self._now()
        jar = [
            cookie
            for thing in things
            if thing.kind is Kind.COOKIES
            for cookie in cookies.unpack(thing.value)
            if thing.site in named or cookies.belongs(cookie, host, secure=secure)
        ]
        # Those closest to the host come last, and count.
        near = sorted((thing for thing in things if thing.site not in named), key=lambda thing: len(thing.site))
        headers = {thing.name: thing.value for thing in near if thing.kind is Kind.HEADER}
        if order and order.headers and is_home(link, order):
            headers |= headers_of(order)
        return Secrets(cookies.pack(jar, now), _token(near), headers)

    async def keep_cookies(self, found: Export) -> list[Kept]:
        """Keep an export, each site's cookies in place of its former ones; returns them by site."""
        now = self._now()
        things = [
            Kept(Kind.COOKIES, site, "", cookies.pack(jar, now), now, _end(jar, now))
            for site, jar in found.sites.items()
        ]
        await self._keep(things)
        return things

    async def keep_token(self, site: str, name: str, value: str) -> Kept:
        """Keep a token, in place of a former one of that name."""
        thing = Kept(Kind.TOKEN, site, name, value, self._now(), _jwt_end(value))
        await self._keep([thing])
        return thing

    async def keep_header(self, site: str, name: str, value: str) -> Kept:
        """Keep a header, in place of a former one of that name."""
        await self._table.forget(Kind.HEADER, [site], name)
        thing = Kept(Kind.HEADER, site, name, value, self._now(), _jwt_end(value))
        await self._keep([thing])
        return thing

    async def kept(self, kind: Kind) -> list[Kept]:
        """What is kept of a kind, by site."""
        return await self._table.all(kind)

    async def forget(self, kind: Kind, text: str, name: str | None = None) -> list[str]:
        """Forget what is kept of a kind for a site; returns the names of the sites it was for. Raises UserError."""
        host = host_of(text)
        sites = {host, host.removeprefix("www.")}
        if kind is Kind.COOKIES:
            with suppress(UserError):
                sites.add(await asyncio.to_thread(site_of, host))
        return await self._table.forget(kind, sorted(sites), name)

    async def jar(self, text: str) -> str:
        """The name of the site whose cookies are kept and meant by the text. Raises UserError when there are none."""
        site = await asyncio.to_thread(lambda: site_of(host_of(text)))
        if not any(thing.kind is Kind.COOKIES for thing in await self._table.of([site])):
            raise UserError(f"There are no cookies for {site}: /cookies")
        return site

    async def advice(self, link: str) -> str:
        """What to do when a site wants a login, by what it was given."""
        things = [one for one in await self._table.of(with_parents(_host(link))) if one.kind is Kind.COOKIES]
        if not things:
            return "When you can see it in a browser, send that browser's cookies: /cookies"
        if _has_ended(things[0], self._now()):
            return f"Your cookies for {things[0].site} have expired: /cookies"
        return f"Your cookies for {things[0].site} do not open it: /cookies takes new ones."

    async def run(self, tell: Tell) -> None:
        """Tell of what was used lately and expires, once before and once after, until cancelled."""
        while True:
            for line in await until_it_works(self.ending):
                tell(Notice.SECRETS, line)
            await asyncio.sleep(_LOOK_AGAIN)

    async def ending(self) -> list[str]:
        """Lines about what expires, each of which is given once."""
        now, lines = self._now(), []
        for thing in await self._table.all():
            if _is_news(thing, now):
                await self._table.mark_warned(thing, now)
                lines.append(_of_the_end(thing, now))
        return lines

    async def _keep(self, things: Sequence[Kept]) -> None:
        await _hide(things)
        await self._table.put(things)

    async def _note_use(self, things: Iterable[Kept]) -> None:
        now = self._now()
        stale = {thing.site for thing in things if thing.used is None or now - thing.used > _DAY}
        if stale:
            await self._table.mark_used(sorted(stale), now)


def _host(link: str) -> str:
    """The host of a link; empty when it has none that could be looked up."""
    try:
        return host_of(link)
    except UserError:
        return ""


def is_home(link: str, order: Order) -> bool:
    """Whether a link leads to the origin of an order's own link, or to the same host now encrypted."""
    try:
        return origin(URL(link)) in origins(order.url)
    except ValueError:
        return False


def site(text: str) -> str:
    """The name under which a site's token or headers are kept: its host without ``www.``; subdomains get them, too.

    Blocks for a moment when first called. Raises UserError, also for what is the ending of many sites.
    """
    host = host_of(text).removeprefix("www.")
    site_of(host)
    return host


def a_token(text: str) -> tuple[str, str]:
    """Name (or an empty text) and value of what was given as a token. Raises UserError, which does not repeat it."""
    text = _unquoted(text)
    if not text or len(text) > _LONGEST or not re.fullmatch(r"[!-~]+", text):
        raise UserError(
            "A token is one word of ASCII letters, digits and signs, without line breaks. Nothing was kept."
        )
    named = _NAMED.fullmatch(text)
    return (named[1], named[2]) if named else ("", text)


def a_header(text: str) -> tuple[str, str]:
    """Name and value of what was given as a header. Raises UserError, which does not repeat it."""
    name, colon, value = _unquoted(text).partition(":")
    value = value.strip(" ")
    if not colon or not _NAME.fullmatch(name):
        raise UserError('A header is written as "Name: value". Nothing was kept.')
    if not re.fullmatch(r"[ -~]+", value) or len(value) > _LONGEST:
        raise UserError("A header's value is one line of ASCII letters, digits and signs. Nothing was kept.")
    if _NOT_THE_OWNERS.fullmatch(name):
        raise UserError("That header concerns the connection, not the site, so it can't be set. Nothing was kept.")
    return name, value


def headers_of(order: Order) -> dict[str, str]:
    """The headers that an order brings, whose values are from now on blotted out wherever they might be shown."""
    headers = dict(a_header(line) for line in order.headers.splitlines())
    observe.hide(form for value in headers.values() for part in _with_parts(value) for form in _forms(part))
    return headers


def _unquoted(text: str) -> str:
    """The text without the quotes around it, as phones make them, too."""
    text = text.strip(" ")
    return text[1:-1] if len(text) > 1 and text[0] + text[-1] in _QUOTES else text


def _token(near: Iterable[Kept]) -> str:
    """The token kept closest to the host; there the one without a name, or else the newest."""
    tokens = [thing for thing in near if thing.kind is Kind.TOKEN]
    best = max(tokens, key=lambda thing: (len(thing.site), not thing.name, thing.created), default=None)
    return best.value if best else ""


def _end(jar: Sequence[Cookie], now: float) -> float | None:
    """When the first of the cookies expires that were made to last, else the last of all; None with the session."""
    ends = [cookie.expires for cookie in jar if cookie.expires is not None]
    return min((end for end in ends if end - now > SOON), default=max(ends, default=None))


def _jwt_end(token: str) -> float | None:
    """When a JSON web token expires (RFC 7519, 4.1.4); None when it is none or does not say so."""
    try:
        body = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        end = float(claims["exp"])
    except (IndexError, KeyError, TypeError, ValueError, OverflowError, binascii.Error, RecursionError):
        return None
    return end if 0 < end < 1e11 else None


def _has_ended(thing: Kept, now: float) -> bool:
    return thing.expires is not None and thing.expires <= now


def _is_news(thing: Kept, now: float) -> bool:
    """Whether the owner should hear now that this expires."""
    if thing.expires is None or thing.used is None or now - thing.used > LATELY or now < thing.expires - SOON:
        return False
    if thing.expires - thing.created <= SOON and now < thing.expires:
        return False
    return thing.warned is None or thing.warned < thing.expires <= now


def _of_the_end(thing: Kept, now: float) -> str:
    what = "cookies" if thing.kind is Kind.COOKIES else thing.kind.value
    end = thing.expires or now
    plural = what == "cookies"
    when = ("have expired" if plural else "has expired") if end <= now else None
    when = when or f"{'expire' if plural else 'expires'} {clock(end, now)}"
    return f"Your {what} for {thing.site} {when}: /{what} takes {'new ones' if plural else 'a new one'}."


async def _hide(things: Sequence[Kept]) -> None:
    observe.hide(await asyncio.to_thread(lambda: {form for thing in things for form in _shapes(thing)}))


def _shapes(thing: Kept) -> Iterable[str]:
    """All texts that would give a thing away."""
    if thing.kind is Kind.COOKIES:
        values = [cookie.value for cookie in cookies.unpack(thing.value) if _is_telling(cookie.value)]
    else:
        values = _with_parts(thing.value)
    return (form for value in values for form in _forms(value))


def _is_telling(value: str) -> bool:
    """Whether a cookie's value is so long and odd that it would hardly be met by chance."""
    return len(value) >= _SHORTEST_COOKIE and not value.isalpha() and "://" not in unquote(value)


def _with_parts(value: str) -> list[str]:
    """A token or header, and what in it is a secret by itself, such as what stands behind ``Bearer``."""
    return [value, *filter(_is_telling, re.split(r"[ ;,=]+", value))]


def _forms(value: str) -> Iterable[str]:
    """The ways in which a secret may come back: as it is, and escaped for addresses and pages."""
    return {value, unquote(value), quote(value), quote(value, safe=""), html.escape(value)}
