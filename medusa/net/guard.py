"""Decides which addresses and ports the outside world's links may lead to."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from medusa.errors import UserError

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


class Guard:
    """The rule for outbound connections: public addresses at web ports, and what the owner allows besides.

    ``allow`` holds ``host``, ``host:port``, an address, ``[v6]:port`` or a network such as ``10.0.0.0/8``; an entry
    without a port allows every port. Raises UserError for an entry that is none of these.
    """

    def __init__(self, allow: Sequence[str]) -> None:
        self._hosts: set[tuple[str, int | None]] = set()
        self._networks: list[tuple[IPv4Network | IPv6Network, int | None]] = []
        for entry in allow:
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

    def check(self, host: str, address: str, port: int) -> None:
        """Raise UserError unless a connection to ``address`` (what ``host`` resolved to) at ``port`` is allowed."""
        if self._allowed(host, address, port):
            return
        if not is_public(address):
            raise UserError(f"{_plain(host)} points into a private network, which is not allowed.")
        if port not in PORTS:
            raise UserError(f"Port {port} of {_plain(host)} is not allowed; only the usual web ports are.")

    def _allowed(self, host: str, address: str, port: int) -> bool:
        if {(_plain(host), None), (_plain(host), port)} & self._hosts:
            return True
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        return any(parsed in net and allowed in (None, port) for net, allowed in self._networks)


def _split(entry: str) -> tuple[str, int | None]:
    """Part an entry into host and port, with brackets around an IPv6 address taken off."""
    host, colon, port = entry.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if colon and port.isascii() and port.isdigit() and (bracketed or ":" not in host):
        return host.strip("[]"), int(port)
    return (entry[1:-1] if entry.startswith("[") and entry.endswith("]") else entry), None


def _plain(host: str) -> str:
    return host.rstrip(".").lower()
