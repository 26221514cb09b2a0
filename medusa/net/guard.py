"""Decides which addresses and ports the outside world's links may lead to."""

from collections import Counter
from collections.abc import Callable, Sequence
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from medusa.errors import UserError
from medusa.names import display_name

PORTS = frozenset({80, 443, 8080, 8443})
"""Ports that any public host may be reached at; others need an entry in the allow-list."""

_NEVER_V4 = tuple(
    IPv4Network(net)
    for net in (
        "192.0.0.0/24",  # IETF protocol assignments; Oracle's metadata service lives here
        "192.88.99.0/24",  # 6to4 relays, RFC 7526
        "168.63.129.16/32",  # Azure's host agent, public by number only
        "224.0.0.0/4",  # multicast
    )
)
_PUBLIC_V6 = IPv6Network("2000::/3")
_NEVER_V6 = tuple(
    IPv6Network(net)
    for net in (
        "2001::/23",  # IETF protocol assignments: Teredo, benchmarking, ORCHID, …
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4 carries any IPv4 address
        "3ffe::/16",  # former 6bone
        "3fff::/20",  # documentation, RFC 9637
    )
)


def is_public(address: str) -> bool:
    """Say whether an address in its canonical text form belongs to the public Internet.

    Stricter than `ipaddress`'s ``is_global``, which lets translation prefixes, multicast and cloud metadata services
    pass: of IPv6 only 2000::/3 counts, see https://www.iana.org/assignments/iana-ipv6-special-registry. Anything
    unreadable is not public.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address):
        zoned = parsed.scope_id is not None
        return not zoned and parsed in _PUBLIC_V6 and not any(parsed in net for net in _NEVER_V6)
    return parsed.is_global and not any(parsed in net for net in _NEVER_V4)


def spoken(host: str) -> str:
    """A host, as strangers write it, on one short line."""
    return display_name(_plain(host))[:_MAX_HOST]


class Reason(StrEnum):
    """Why the guard refuses a connection."""

    PRIVATE = "private"
    PORT = "port"
    PLAIN = "plain"


class Refused(UserError):
    """A connection that the guard does not allow; ``host`` is how it was named, on one short line."""

    def __init__(self, host: str, reason: Reason, port: int) -> None:
        self.host = spoken(host)
        self.reason = reason
        super().__init__(_WORDS[reason].format(host=self.host, port=port))


_MAX_HOST = 80
"""Characters of a host's name that are shown; a longer one is a stranger's joke."""
_WORDS = {
    Reason.PRIVATE: "{host} points into a private network, which is not allowed.",
    Reason.PORT: "Port {port} of {host} is not allowed; only the usual web ports are.",
    Reason.PLAIN: "{host} would be reached over plain http, which the setting https-only forbids.",
}


class _AllowList:
    """Hosts and networks that may be reached although they are private. Raises UserError for a malformed entry."""

    def __init__(self, entries: Sequence[str]) -> None:
        self._hosts: set[tuple[str, int | None]] = set()
        self._networks: list[tuple[IPv4Network | IPv6Network, int | None]] = []
        for entry in entries:
            self._add(entry)

    def _add(self, entry: str) -> None:
        host, port = _split(entry.strip())
        try:
            self._networks.append((ip_network(host, strict=False), port))
        except ValueError:
            if not host or any(char in host for char in "/:[]@ "):
                raise UserError(
                    f"“{entry}” cannot be allowed. Write host, host:port or a network such as 10.0.0.0/8."
                ) from None
            self._hosts.add((_plain(host), port))

    def holds(self, host: str, address: str, port: int) -> bool:
        """Say whether the host by its name, or the address, may be reached at the port."""
        if {(_plain(host), None), (_plain(host), port)} & self._hosts:
            return True
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        return any(parsed in net and allowed in (None, port) for net, allowed in self._networks)


class Guard:
    """The rule for outbound connections: public addresses at web ports, and what the owner allows besides.

    ``allow`` holds ``host``, ``host:port``, an address, ``[v6]:port`` or a network such as ``10.0.0.0/8``; an entry
    without a port allows every port. Raises UserError for an entry that is none of these. ``refused`` counts the
    connections that were refused, and each of ``listeners`` hears of them, synchronously.
    """

    def __init__(self, allow: Sequence[str]) -> None:
        self._fixed = _AllowList(allow)
        self._further = _AllowList(())
        self._https_only = False
        self.refused: Counter[Reason] = Counter()
        self.listeners: list[Callable[[Refused], None]] = []

    def allow(self, entries: Sequence[str]) -> None:
        """Allow these besides what was allowed from the start, and nothing else any more."""
        self._further = _AllowList(entries)

    def https_only(self, on: bool) -> None:
        """Refuse plain http, but for hosts on the allow-list, or take it again."""
        self._https_only = on

    def judge(self, host: str, address: str, port: int) -> Refused | None:
        """Say why no connection to ``address`` (what ``host`` resolved to) at ``port`` may be made; None if it may."""
        if self._allowed(host, address, port):
            return None
        if not is_public(address):
            return Refused(host, Reason.PRIVATE, port)
        return None if port in PORTS else Refused(host, Reason.PORT, port)

    def check(self, host: str, address: str, port: int) -> None:
        """Raise Refused unless a connection to ``address`` (what ``host`` resolved to) at ``port`` is allowed."""
        if refusal := self.judge(host, address, port):
            raise self.noted(refusal)

    def check_plain(self, host: str, port: int) -> None:
        """Raise Refused unless ``host`` may be spoken to without encryption."""
        if self._https_only and not self._allowed(host, host, port):
            raise self.noted(Refused(host, Reason.PLAIN, port))

    def noted(self, refusal: Refused) -> Refused:
        """Count a refusal and tell of it; returns it, to be raised."""
        self.refused[refusal.reason] += 1
        for tell in self.listeners:
            tell(refusal)
        return refusal

    def _allowed(self, host: str, address: str, port: int) -> bool:
        return self._fixed.holds(host, address, port) or self._further.holds(host, address, port)


def _split(entry: str) -> tuple[str, int | None]:
    """Part an entry into host and port, with brackets around an IPv6 address taken off."""
    host, colon, port = entry.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if colon and port.isascii() and port.isdigit() and (bracketed or ":" not in host):
        return host.strip("[]"), int(port)
    return (entry[1:-1] if entry.startswith("[") and entry.endswith("]") else entry), None


def _plain(host: str) -> str:
    return host.rstrip(".").lower()
