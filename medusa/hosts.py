"""Reads the names of hosts as people write them, and knows which of them belong together."""

import functools
import ipaddress
import re
from typing import TYPE_CHECKING

from yarl import URL

from medusa.errors import UserError

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

Origin = tuple[str, str, int]
"""Scheme, host and port (RFC 6454)."""

_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_LONGEST = 253
_NO_SITE = "That names no site. A site is written as its address, such as example.com"
_PORTS = {"http": 80, "https": 443}


def host_of(text: str) -> str:
    """The host that a link or a host's name means, in lower case and ASCII (RFC 5891), without a dot at its end.

    Raises UserError, which does not repeat the text: it may be a secret in the wrong place.
    """
    text = text.strip()
    try:
        host = URL(text if "://" in text else f"http://{text.lstrip('.')}").raw_host or ""
    except ValueError:
        host = ""
    host = host.lower().removesuffix(".")
    if not is_address(host) and (len(host) > _LONGEST or not all(map(_LABEL.fullmatch, host.split(".")))):
        raise UserError(_NO_SITE)
    return host


def site_of(host: str) -> str:
    """The name that whoever owns the host has registered, such as ``example.co.uk``; of an address, or a lone name, it.

    Blocks for a moment when first called. Raises UserError for what belongs to nobody, such as ``co.uk`` or
    ``github.io`` (https://publicsuffix.org).
    """
    if is_address(host):
        return host
    site: str | None = _suffixes().privatesuffix(host)
    if site is None and "." not in host and not _suffixes().is_public(host, accept_unknown=False):
        return host
    if site is None:
        raise UserError("That is no site, but the ending of many. Name the site itself, such as example.com")
    return site


def with_parents(host: str) -> list[str]:
    """The host and all domains above it, those closest to it first; an address has none."""
    if is_address(host):
        return [host]
    labels = host.split(".")
    return [".".join(labels[at:]) for at in range(len(labels))]


def is_address(host: str) -> bool:
    """Whether it is an IP address, not a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def origins(link: str) -> frozenset[Origin]:
    """Where a link's secrets may be sent: to its own scheme, host and port, and over TLS where it is plain HTTP."""
    home = origin(URL(link))
    safer = (("https", home[1], _PORTS["https"]),) if home[::2] == ("http", _PORTS["http"]) else ()
    return frozenset((home, *safer))


def origin(url: URL) -> Origin:
    """The origin of an absolute URL."""
    return url.scheme, (url.raw_host or "").lower(), url.port or 0


@functools.cache
def _suffixes() -> "PublicSuffixList":
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList()
